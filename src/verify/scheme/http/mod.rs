//! What is common to the two kinds that sign parts of the HTTP message and a digest of the body.

mod age;
mod error;
mod signed_head;

pub(super) use age::check_age;
pub use error::HttpSignatureError;
pub(super) use signed_head::{SignedHead, digest, matching};
