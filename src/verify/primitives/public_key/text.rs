//! The text forms of a pasted key.

use std::time::Duration;

use crate::verify::bytes::encoding;
use crate::verify::primitives::public_key::algorithm::PublicAlgorithm;
use crate::verify::primitives::public_key::error::PublicKeyError;
use crate::verify::primitives::public_key::parts::KeyParts;
use crate::verify::primitives::public_key::{der, jwk};

/// Reads any form. `algorithm` matters only if the text itself says what the key is for.
pub fn parts(text: &str, algorithm: PublicAlgorithm) -> Result<KeyParts, PublicKeyError> {
    let text = text.trim();
    if text.starts_with('{') {
        jwk::parts(text, algorithm)
    } else if let Some(rest) = text.strip_prefix("-----BEGIN ") {
        pem(rest)
    } else {
        bare(text)
    }
}

/// From when until when a certificate is valid, if the text is one or a chain of them; see [`der::certificate_dates`].
pub fn certificate_dates(text: &str) -> Option<(Duration, Duration)> {
    match block(text.trim().strip_prefix("-----BEGIN ")?).ok()? {
        ("CERTIFICATE", bytes) => der::certificate_dates(&bytes),
        _ => None,
    }
}

/// What follows the first `-----BEGIN `.
fn pem(rest: &str) -> Result<KeyParts, PublicKeyError> {
    let (label, bytes) = block(rest)?;
    match label {
        "PUBLIC KEY" => der::spki(&bytes),
        // Freshchat writes a SubjectPublicKeyInfo under this label. The two cannot be confused: one begins with a
        // sequence, the other with an integer.
        "RSA PUBLIC KEY" => der::pkcs1(&bytes, false).or_else(|_| der::spki(&bytes)),
        "CERTIFICATE" => der::certificate(&bytes),
        _ => Err(PublicKeyError::NotAKey),
    }
}

/// The label and the bytes of the only PEM block, or of the first certificate of a chain.
fn block(rest: &str) -> Result<(&str, Vec<u8>), PublicKeyError> {
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
    let bytes =
        encoding::decode_pasted_key(&body.replace("\\r", "").replace("\\n", "")).ok_or(PublicKeyError::NotAKey)?;
    Ok((label, bytes))
}

/// A text without PEM markers: its length and first byte show what it is.
fn bare(text: &str) -> Result<KeyParts, PublicKeyError> {
    // Standard Webhooks marks its keys, the private ones with whsk_.
    if text.starts_with("whsk_") {
        return Err(PublicKeyError::PrivateKey);
    }
    let bytes =
        encoding::decode_pasted_key(text.strip_prefix("whpk_").unwrap_or(text)).ok_or(PublicKeyError::NotAKey)?;
    match (bytes.len(), bytes.first()) {
        (32, _) => Ok(KeyParts::Ed25519(bytes)),
        (33, Some(2 | 3)) | (65, Some(4)) => Ok(KeyParts::P256(bytes)),
        _ if der::is_private(&bytes) => Err(PublicKeyError::PrivateKey),
        _ => der::spki(&bytes),
    }
}
