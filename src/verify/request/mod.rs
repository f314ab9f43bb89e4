//! The request as a verifier sees it: its head, the headers kept from it, and the body that the host holds.
//!
//! Depends on `bytes` only: it has no notion of keys, expressions or schemes.

mod body;
mod head;
mod kept;
mod name;

pub use body::{HeldBody, Rereading};
pub use head::{HeaderLine, Line, MAX_HEADERS, Occurrence, Request, borrowed};
pub use kept::MAX_KEPT;
pub(super) use kept::{HeadersRead, KeptHeaders};
pub use name::is_header_name;
pub(super) use name::is_numbered;
