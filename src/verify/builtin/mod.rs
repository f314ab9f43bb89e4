//! Signed content that only one sender builds, and that no template can say.
//!
//! Every function is pure, takes what it needs as plain slices and gives the bytes that are signed. What they share
//! is that two different requests of a sender never give the same bytes, or the function says where they do.

mod contentful;
mod php_serialize;
mod plivo;
mod qsh;
mod sns;
mod unisender;

pub use contentful::contentful_path;
pub use php_serialize::php_serialize;
pub use plivo::plivo_v3;
pub use qsh::qsh;
pub use sns::sns;
pub use unisender::unisender;
