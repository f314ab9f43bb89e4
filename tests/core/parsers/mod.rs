//! The parsers and built-ins of `verify` that need no secret. Where a new test goes: the file of the same name as
//! the module.

mod builtin;
mod encoding;
mod expression;
mod http_signature;
mod inflate;
mod json;
mod message_signature;
mod multipart;
mod mutation;
mod percent;
mod structured_field;
mod timestamp;

use hookwarden::verify::HeaderLine;

/// A header map as the host gives it.
fn headers(lines: &[(&str, &str)]) -> Vec<HeaderLine> {
    lines.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

/// The senders' vectors in this file, or none if they are not available.
fn shared_vectors(file: &str) -> Vec<serde_json::Value> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors").join(file);
    match std::fs::read(&path) {
        Ok(json) => serde_json::from_slice(&json).unwrap(),
        Err(_) => {
            eprintln!("SKIPPED: {} is not here", path.display());
            Vec::new()
        }
    }
}

/// The raw HMAC-SHA256.
fn hmac_sha256(key: &[u8], content: &[u8]) -> Vec<u8> {
    use hmac::{KeyInit as _, Mac as _};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
    mac.update(content);
    mac.finalize().into_bytes().to_vec()
}

/// A vector's body.
fn body(vector: &serde_json::Value) -> Vec<u8> {
    hookwarden::verify::bytes::encoding::decode_base64(vector["body_base64"].as_str().unwrap().as_bytes()).unwrap()
}

/// A vector's header lines.
fn vector_headers(vector: &serde_json::Value) -> Vec<(&str, &str)> {
    let lines = vector["headers"].as_array().unwrap();
    lines.iter().map(|line| (line[0].as_str().unwrap(), line[1].as_str().unwrap())).collect()
}

/// The value of a vector's header, empty if it has none.
fn vector_header<'a>(vector: &'a serde_json::Value, name: &str) -> &'a str {
    let lines = vector_headers(vector);
    lines.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| *value)
}

/// Scheme, authority and target of a vector's URL.
fn split_url(url: &str) -> (&str, &str, &str) {
    let (scheme, rest) = url.split_once("://").unwrap();
    let slash = rest.find('/').unwrap();
    (scheme, &rest[..slash], &rest[slash..])
}
