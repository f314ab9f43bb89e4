//! JSON Web Keys (RFC 7517, 7518, section 6, and 8037).

use crate::verify::bytes::encoding;
use crate::verify::bytes::json::Json;
use crate::verify::primitives::public_key::algorithm::PublicAlgorithm;
use crate::verify::primitives::public_key::error::PublicKeyError;
use crate::verify::primitives::public_key::parts::KeyParts;

/// The members that only a private or a symmetric key has.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

pub fn parts(text: &str, algorithm: PublicAlgorithm) -> Result<KeyParts, PublicKeyError> {
    let members = members(text).ok_or(PublicKeyError::NotAKey)?;
    let has = |name: &str| members.iter().any(|(member, _)| member == name);
    if PRIVATE.into_iter().any(has) {
        return Err(PublicKeyError::PrivateKey);
    }
    let text = |name: &str| members.iter().find(|(member, _)| member == name).and_then(|(_, text)| text.as_deref());
    let bytes =
        |name| text(name).and_then(|text| encoding::decode_base64_url(text.as_bytes())).ok_or(PublicKeyError::NotAKey);
    let is_allowed = (!has("use") || text("use") == Some("sig"))
        && (!has("alg") || text("alg").is_some_and(|name| names(algorithm).contains(&name)));
    if !is_allowed {
        return Err(PublicKeyError::WrongKind);
    }
    match (text("kty"), text("crv")) {
        (None, _) => Err(PublicKeyError::NotAKey),
        (Some("RSA"), _) => {
            Ok(KeyParts::Rsa { modulus: bytes("n")?, exponent: bytes("e")?, pss_only: false, pss_hash: None })
        }
        (Some("OKP"), Some("Ed25519")) => Ok(KeyParts::Ed25519(bytes("x")?)),
        (Some("EC"), Some("P-256")) => {
            let (x, y) = (bytes("x")?, bytes("y")?);
            // Each coordinate has the full length (RFC 7518, section 6.2.1.2), or a byte could move between them.
            if x.len() == 32 && y.len() == 32 {
                Ok(KeyParts::P256([&[4], x.as_slice(), y.as_slice()].concat()))
            } else {
                Err(PublicKeyError::NotAKey)
            }
        }
        _ => Err(PublicKeyError::WrongKind),
    }
}

/// What `alg` may be in a key for this algorithm (RFC 7518, section 3.1; RFC 8037, section 3.1; RFC 9864).
fn names(algorithm: PublicAlgorithm) -> &'static [&'static str] {
    match algorithm {
        PublicAlgorithm::Ed25519 => &["EdDSA", "Ed25519"],
        PublicAlgorithm::EcdsaP256Sha256Der | PublicAlgorithm::EcdsaP256Sha256Raw => &["ES256"],
        PublicAlgorithm::EcdsaP256Sha1Der | PublicAlgorithm::RsaPkcs1Sha1 => &[],
        PublicAlgorithm::RsaPkcs1Sha256 => &["RS256"],
        PublicAlgorithm::RsaPkcs1Sha512 => &["RS512"],
        PublicAlgorithm::RsaPssSha256 => &["PS256"],
        PublicAlgorithm::RsaPssSha512 => &["PS512"],
    }
}

/// The members of a JSON object, each with its text if it is text; `None` if it is not an object or has a duplicate name.
fn members(json: &str) -> Option<Vec<(String, Option<String>)>> {
    match Json::parse(json.as_bytes()).ok().filter(|json| !json.has_duplicate_keys())? {
        Json::Object(members) => {
            let text = |json| if let Json::Text(text) = json { Some(text) } else { None };
            Some(members.into_iter().map(|(name, value)| (name, text(value))).collect())
        }
        _ => None,
    }
}
