//! What the command alone needs: expressions and templates in reverse, for the request builder; what they cover, for
//! reports of what a scheme leaves open.

mod message;
mod origin;
mod part;

pub use origin::{Origin, like};
pub use part::UrlParts;
