//! The texts that a key is pasted as.

use super::{PublicAlgorithm, PublicKeyError, der, jwk};
use crate::verify::encoding;

/// A key as it was written, not yet checked.
pub(super) enum Parts {
    Ed25519(Vec<u8>),
    /// A point of SEC 1.
    P256(Vec<u8>),
    /// Two whole numbers, big-endian.
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
        pss_only: bool,
    },
}

/// Reads any form. `algorithm` matters only where the text itself says what the key is for.
pub(super) fn parts(text: &str, algorithm: PublicAlgorithm) -> Result<Parts, PublicKeyError> {
    let text = text.trim();
    if text.starts_with('{') {
        jwk::parts(text, algorithm)
    } else if let Some(rest) = text.strip_prefix("-----BEGIN ") {
        pem(rest)
    } else {
        bare(text)
    }
}

/// What stands behind the first `-----BEGIN `.
fn pem(rest: &str) -> Result<Parts, PublicKeyError> {
    let (label, rest) = rest.split_once("-----").ok_or(PublicKeyError::NotAKey)?;
    if label.ends_with("PRIVATE KEY") {
        return Err(PublicKeyError::PrivateKey);
    }
    let (body, rest) = rest.split_once("-----END ").ok_or(PublicKeyError::NotAKey)?;
    let rest = rest.strip_prefix(label).and_then(|rest| rest.strip_prefix("-----")).ok_or(PublicKeyError::NotAKey)?;
    match rest.replace("\\r", "").replace("\\n", "").trim() {
        "" => {}
        // A chain: the first certificate is the one that the others vouch for (RFC 8446, section 4.4.2).
        more if label == "CERTIFICATE" && more.starts_with("-----BEGIN CERTIFICATE-----") => {}
        more if more.starts_with("-----BEGIN ") => return Err(PublicKeyError::SeveralKeys),
        _ => return Err(PublicKeyError::NotAKey),
    }
    let bytes = decode(&body.replace("\\r", "").replace("\\n", "")).ok_or(PublicKeyError::NotAKey)?;
    match label {
        "PUBLIC KEY" => der::spki(&bytes),
        "RSA PUBLIC KEY" => der::pkcs1(&bytes, false),
        "CERTIFICATE" => der::certificate(&bytes),
        _ => Err(PublicKeyError::NotAKey),
    }
}

/// A text without a frame: what it holds shows in its length and its first byte.
fn bare(text: &str) -> Result<Parts, PublicKeyError> {
    // Standard Webhooks marks its keys, the private ones with whsk_.
    if text.starts_with("whsk_") {
        return Err(PublicKeyError::PrivateKey);
    }
    let bytes = decode(text.strip_prefix("whpk_").unwrap_or(text)).ok_or(PublicKeyError::NotAKey)?;
    match (bytes.len(), bytes.first()) {
        (32, _) => Ok(Parts::Ed25519(bytes)),
        (33, Some(2 | 3)) | (65, Some(4)) => Ok(Parts::P256(bytes)),
        _ if der::is_private(&bytes) => Err(PublicKeyError::PrivateKey),
        _ => der::spki(&bytes),
    }
}

/// Hexadecimal if it could be, else base64; white space is passed over. The two never meet: of the base64 read here,
/// 32 and 65 bytes have an odd number of digits, a compressed point has a digit beyond `f` second, DER has `M` first.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if text.len().is_multiple_of(2) && text.iter().all(u8::is_ascii_hexdigit) {
        encoding::decode_hex(&text)
    } else {
        encoding::decode_pasted_base64(&text)
    }
}
