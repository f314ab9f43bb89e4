//! How old a signature of the HTTP message may be.

use std::time::Duration;

use crate::verify::scheme::http::error::HttpSignatureError;

/// Whether `made` lies within `max_age` of `now`, both in seconds since the epoch, in both directions.
pub fn check_age(made: u64, max_age: Duration, now: u64) -> Result<(), HttpSignatureError> {
    if now.saturating_sub(made) > max_age.as_secs() {
        Err(HttpSignatureError::TimestampStale)
    } else if made.saturating_sub(now) > max_age.as_secs() {
        Err(HttpSignatureError::TimestampFuture)
    } else {
        Ok(())
    }
}
