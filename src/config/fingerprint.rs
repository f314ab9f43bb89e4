//! A number that tells one configuration from another, for a metric.

use crate::verify::bytes::json::Json;
use crate::verify::primitives::mac::{HashAlgorithm, Hasher};

/// The member that holds a secret in place. What is in it does not count, because anybody who reads metrics could try
/// secrets against the number.
const SECRET: &str = "value";

/// A digest of a configuration without its secrets, in 48 bits: a metric's reader may keep it in a floating-point number.
pub(super) fn fingerprint(json: &Json) -> u64 {
    let mut hasher = Hasher::new(HashAlgorithm::Sha256);
    feed(json, &mut hasher);
    let mut bytes = [0; 8];
    for (place, byte) in bytes.iter_mut().zip(hasher.finish()).take(6) {
        *place = byte;
    }
    u64::from_le_bytes(bytes)
}

fn feed(json: &Json, hasher: &mut Hasher) {
    match json {
        Json::Null => hasher.update(b"n"),
        Json::Bool(true) => hasher.update(b"t"),
        Json::Bool(false) => hasher.update(b"f"),
        Json::Number(digits) => feed_text(b'#', digits, hasher),
        Json::Text(text) => feed_text(b'"', text, hasher),
        Json::List(items) => {
            hasher.update(b"[");
            items.iter().for_each(|item| feed(item, hasher));
            hasher.update(b"]");
        }
        Json::Object(members) => {
            hasher.update(b"{");
            for (name, value) in members {
                feed_text(b':', name, hasher);
                match value {
                    Json::Text(_) if name == SECRET => hasher.update(b"s"),
                    value => feed(value, hasher),
                }
            }
            hasher.update(b"}");
        }
    }
}

fn feed_text(tag: u8, text: &str, hasher: &mut Hasher) {
    hasher.update(&[tag]);
    hasher.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
    hasher.update(text.as_bytes());
}
