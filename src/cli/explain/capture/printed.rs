//! A raw request as a language prints it: a literal of text or bytes, also in what Python's `http.client` prints with
//! `debuglevel`.

use hookwarden::verify::bytes::json::Json;

use super::body::{self, Body};
use super::literal;

/// The bytes that were printed; `None` if the text is something else.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    let sends: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("send: ")).collect();
    if !sends.is_empty() {
        return sends.into_iter().map(of_literal).collect::<Option<Vec<_>>>().map(|parts| parts.concat());
    }
    let is_literal = ["\"", "'", "b\"", "b'"].iter().any(|sign| text.starts_with(sign));
    is_literal.then(|| of_literal(text))?
}

fn of_literal(text: &str) -> Option<Vec<u8>> {
    let (value, rest) = literal::parse(text)?;
    if !rest.trim().is_empty() || matches!(value, Json::Number(_) | Json::Bool(_)) {
        return None;
    }
    match body::read(&value, false).ok()? {
        Body::Bytes(bytes) => Some(bytes),
        Body::Beginning(_) | Body::Parsed(_) => None,
    }
}
