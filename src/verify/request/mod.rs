//! The request as a verifier sees it: its head, the headers kept from it, and the body that the host holds.
//!
//! Depends on `bytes` only: it has no notion of keys, expressions or schemes.

mod body;
mod head;
mod kept;
mod name;

pub use body::{HeldBody, Rereading};
pub use head::{HeaderLine, Occurrence, Request};
pub(super) use kept::{HeadersRead, KeptHeaders, MAX_KEPT};
pub use name::is_header_name;
pub(super) use name::is_numbered;
