//! Keys that a sender publishes, as its documents have them.

use crate::verify::bytes::json::{Json, JsonPath};
use crate::verify::key::key_id::MAX_KEY_ID;
use crate::verify::key::secret::Validity;
use crate::verify::primitives::public_key::PublicKey;

/// The most keys in one set. Known sets have up to a dozen.
const MAX_KEYS: usize = 64;
/// The members of a JSON Web Key that describe a public key.
const PUBLIC: [&str; 8] = ["kty", "crv", "alg", "use", "x", "y", "n", "e"];

/// A key that a sender publishes, not yet prepared for an algorithm.
pub struct PublishedKey {
    /// The id by which requests name it, if it has one.
    pub id: Option<String>,
    /// The key: a JSON Web Key, or a PEM certificate.
    pub text: String,
    /// When it may be used.
    pub validity: Validity,
}

/// The keys of a JSON Web Key Set (RFC 7517, section 5). Entries that are no public key for signatures are passed over, as
/// the RFC asks.
///
/// `None` if the text is no such set, has a duplicate name, or more than 64 entries.
#[must_use]
pub fn read_jwks(text: &[u8]) -> Option<Vec<PublishedKey>> {
    let set = Json::parse(text).ok().filter(|set| !set.has_duplicate_keys())?;
    let entries = JsonPath::parse("keys").and_then(|path| set.at(&path)).and_then(Json::elements)?;
    if entries.len() > MAX_KEYS {
        return None;
    }
    Some(entries.into_iter().filter_map(read_jwk).collect())
}

/// A JSON Web Key; `None` if it is no public key for signatures.
pub(super) fn read_jwk(entry: &Json) -> Option<PublishedKey> {
    let Json::Object(members) = entry else { return None };
    let member = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    // An oversight of the sender that must not be used: with `d` anybody can sign.
    if member("d").is_some() || member("k").is_some() {
        return None;
    }
    let operations = member("key_ops").map(|list| list.elements().unwrap_or_default());
    if operations.is_some_and(|list| !list.iter().any(|name| **name == Json::Text("verify".to_owned()))) {
        return None;
    }
    let id = match member("kid") {
        None => None,
        Some(Json::Text(id)) if (1..=MAX_KEY_ID).contains(&id.len()) => Some(id.clone()),
        Some(_) => return None,
    };
    // Written anew with nothing but what is read, because a certificate chain may be a hundred times as long as its key.
    let mut parts = Vec::new();
    for name in PUBLIC {
        match member(name) {
            None => {}
            Some(Json::Text(value)) if value.bytes().all(is_plain) => parts.push(format!("\"{name}\":\"{value}\"")),
            Some(_) => return None,
        }
    }
    Some(PublishedKey { id, text: format!("{{{}}}", parts.join(",")), validity: Validity::default() })
}

/// Whether a byte stands in a name or in base64, and needs no escape in JSON.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+' | b'/' | b'=')
}

/// A PEM certificate that was fetched under `id`; of a chain, the first one. It may be used between its dates.
///
/// `None` if the text is no certificate.
#[must_use]
pub fn read_certificate(id: &str, text: &[u8]) -> Option<PublishedKey> {
    let text = std::str::from_utf8(text).ok()?;
    let (from, until) = PublicKey::certificate_dates(text)?;
    let validity = Validity { not_before: Some(from), not_after: Some(until) };
    Some(PublishedKey { id: Some(id.to_owned()), text: text.to_owned(), validity })
}
