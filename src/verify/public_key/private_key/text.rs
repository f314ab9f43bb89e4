//! The texts that a private key is written as.

use super::{Parts, PrivateKeyError, RsaParts};
use crate::verify::encoding;
use crate::verify::json::Json;
use crate::verify::public_key::der::{self, PrivateDer};

/// Reads any form.
pub(super) fn parts(text: &str) -> Result<Parts, PrivateKeyError> {
    let text = text.trim();
    if text.starts_with('{') {
        jwk(text)
    } else if let Some(rest) = text.split_once("-----BEGIN ").map(|(_, rest)| rest) {
        pem(rest)
    } else {
        bare(text)
    }
}

/// What stands behind the first `-----BEGIN `. OpenSSL writes the curve in a block of its own before an EC key.
fn pem(rest: &str) -> Result<Parts, PrivateKeyError> {
    let (label, rest) = rest.split_once("-----").ok_or(PrivateKeyError::NotAKey)?;
    let (body, behind) = rest.split_once("-----END ").ok_or(PrivateKeyError::NotAKey)?;
    if label == "EC PARAMETERS" {
        return behind.split_once("-----BEGIN ").ok_or(PrivateKeyError::NotAKey).and_then(|(_, rest)| pem(rest));
    }
    if body.contains("Proc-Type:") {
        return Err(PrivateKeyError::Encrypted);
    }
    let bytes = || decode(&body.replace("\\r", "").replace("\\n", "")).ok_or(PrivateKeyError::NotAKey);
    let private = match label {
        "PRIVATE KEY" => der::pkcs8(&bytes()?),
        "RSA PRIVATE KEY" => der::pkcs1_private(&bytes()?),
        "EC PRIVATE KEY" => der::sec1(&bytes()?),
        "ENCRYPTED PRIVATE KEY" => return Err(PrivateKeyError::Encrypted),
        "PUBLIC KEY" | "RSA PUBLIC KEY" | "CERTIFICATE" => return Err(PrivateKeyError::PublicKey),
        _ => None,
    };
    private.map(from_der).ok_or(PrivateKeyError::NotAKey)
}

/// A text without a frame: what it holds shows in its length.
fn bare(text: &str) -> Result<Parts, PrivateKeyError> {
    if text.starts_with("whpk_") {
        return Err(PrivateKeyError::PublicKey);
    }
    let bytes = decode(text.strip_prefix("whsk_").unwrap_or(text)).ok_or(PrivateKeyError::NotAKey)?;
    match bytes.len() {
        32 => Ok(Parts::Bare(bytes)),
        64 => Ok(Parts::Ed25519(bytes.get(..32).unwrap_or_default().to_vec())),
        _ => match der::pkcs8(&bytes).or_else(|| der::pkcs1_private(&bytes)) {
            Some(private) => Ok(from_der(private)),
            None if der::spki(&bytes).is_ok() => Err(PrivateKeyError::PublicKey),
            None => Err(PrivateKeyError::NotAKey),
        },
    }
}

fn jwk(text: &str) -> Result<Parts, PrivateKeyError> {
    let json = Json::parse(text.as_bytes()).ok().filter(|json| !json.has_duplicate_keys());
    let Some(Json::Object(members)) = json else { return Err(PrivateKeyError::NotAKey) };
    let text = |name: &str| {
        members.iter().find_map(|(member, value)| match value {
            Json::Text(text) if member == name => Some(text.as_str()),
            _ => None,
        })
    };
    let bytes =
        |name| text(name).and_then(|text| encoding::decode_base64_url(text.as_bytes())).ok_or(PrivateKeyError::NotAKey);
    if text("d").is_none() {
        let is_public = matches!(text("kty"), Some("OKP" | "EC" | "RSA"));
        return Err(if is_public { PrivateKeyError::PublicKey } else { PrivateKeyError::NotAKey });
    }
    match (text("kty"), text("crv")) {
        (Some("OKP"), Some("Ed25519")) => Ok(Parts::Ed25519(bytes("d")?)),
        (Some("EC"), Some("P-256")) => Ok(Parts::P256(bytes("d")?)),
        (Some("RSA"), _) => Ok(Parts::Rsa(RsaParts {
            modulus: bytes("n")?,
            exponent: bytes("e")?,
            private_exponent: bytes("d")?,
            primes: [bytes("p")?, bytes("q")?],
        })),
        (Some(_), _) => Err(PrivateKeyError::WrongKind),
        (None, _) => Err(PrivateKeyError::NotAKey),
    }
}

fn from_der(private: PrivateDer) -> Parts {
    match private {
        PrivateDer::Ed25519(seed) => Parts::Ed25519(seed),
        PrivateDer::P256(number) => Parts::P256(number),
        PrivateDer::Rsa(parts) => Parts::Rsa(parts),
    }
}

/// Hexadecimal if it could be, else base64; white space is passed over.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if text.len().is_multiple_of(2) && text.iter().all(u8::is_ascii_hexdigit) {
        encoding::decode_hex(&text)
    } else {
        encoding::decode_pasted_base64(&text)
    }
}
