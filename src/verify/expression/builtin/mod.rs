//! Signed content that only one sender builds and that no template can express.
//!
//! Every function is pure: it takes slices and returns the bytes that are signed. Two different requests of a sender
//! never give the same bytes, except where the function's documentation says so.

mod contentful;
mod dotnet_json;
mod php_serialize;
mod plivo;
mod qsh;
mod sns;
mod unisender;

pub use contentful::contentful_path;
pub use dotnet_json::dotnet_json;
pub use php_serialize::php_serialize;
pub use plivo::plivo_v3;
pub use qsh::qsh;
pub use sns::sns;
pub use unisender::unisender;
