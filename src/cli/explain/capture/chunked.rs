//! Bodies in chunks (RFC 9112, section 7.1), with line ends of either kind.

/// The body in `text`; `None` if that is not in chunks, or not any more.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    split(text).map(|(body, _)| body)
}

/// The body, and the bytes behind the last chunk and its trailers.
pub fn split(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut body = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (line, behind) = rest.split_at_checked(end.checked_add(1)?)?;
        let line = [line.trim_ascii_end(), b"\r\n"].concat();
        let (_, size) = httparse::parse_chunk_size(&line).ok().and_then(|status| match status {
            httparse::Status::Complete(size) => Some(size),
            httparse::Status::Partial => None,
        })?;
        let size = usize::try_from(size).ok()?;
        if size == 0 {
            return Some((body, behind_trailers(behind)));
        }
        let (chunk, behind) = behind.split_at_checked(size)?;
        body.extend_from_slice(chunk);
        rest = behind.strip_prefix(b"\r\n").or_else(|| behind.strip_prefix(b"\n"))?;
    }
}

/// Skips trailers, and the empty line that ends them.
fn behind_trailers(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, behind) = rest.split_at_checked(end.saturating_add(1)).unwrap_or((rest, &[]));
        if line.trim_ascii().is_empty() {
            return behind;
        }
        if !line.contains(&b':') {
            return rest;
        }
        rest = behind;
    }
    &[]
}
