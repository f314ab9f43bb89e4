//! Headers in one file, the body in another.

use super::{Captured, http};

/// Puts a request together of header lines and a body, byte by byte.
///
/// # Errors
/// What of the headers cannot be read.
pub fn from_files(headers: &[u8], body: Vec<u8>) -> Result<Captured, String> {
    let mut captured = http::read_head(headers)?;
    captured.body = body;
    http::take_body(&mut captured);
    Ok(captured)
}
