//! What the command alone needs: it signs, and writes times.

mod public_key;
mod timestamp;

pub(crate) use public_key::{PSS_SHA256_SALT, PSS_SHA512_SALT, is_public};
pub use timestamp::{write_http_date, write_rfc3339};
