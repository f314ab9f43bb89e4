//! The text forms of a private key.

use crate::private_key::der;
use crate::private_key::error::PrivateKeyError;
use crate::private_key::parts::{PrivateKeyParts, RsaParts};
use crate::verify::bytes::encoding;
use crate::verify::bytes::json::Json;
use crate::verify::primitives::native;

/// Reads any form.
pub fn parts(text: &str) -> Result<PrivateKeyParts, PrivateKeyError> {
    let text = text.trim();
    if text.starts_with('{') {
        jwk(text)
    } else if let Some(rest) = text.split_once("-----BEGIN ").map(|(_, rest)| rest) {
        pem(rest)
    } else {
        bare(text)
    }
}

/// Reads the text after the first `-----BEGIN `. OpenSSL writes the curve in a separate block before an EC key.
fn pem(rest: &str) -> Result<PrivateKeyParts, PrivateKeyError> {
    let (label, rest) = rest.split_once("-----").ok_or(PrivateKeyError::NotAKey)?;
    let (body, behind) = rest.split_once("-----END ").ok_or(PrivateKeyError::NotAKey)?;
    if label == "EC PARAMETERS" {
        return behind.split_once("-----BEGIN ").ok_or(PrivateKeyError::NotAKey).and_then(|(_, rest)| pem(rest));
    }
    if body.contains("Proc-Type:") {
        return Err(PrivateKeyError::Encrypted);
    }
    let bytes =
        || encoding::decode_pasted_key(&body.replace("\\r", "").replace("\\n", "")).ok_or(PrivateKeyError::NotAKey);
    let private = match label {
        "PRIVATE KEY" => der::pkcs8(&bytes()?),
        "RSA PRIVATE KEY" => der::pkcs1_private(&bytes()?),
        "EC PRIVATE KEY" => der::sec1(&bytes()?),
        "ENCRYPTED PRIVATE KEY" => return Err(PrivateKeyError::Encrypted),
        "PUBLIC KEY" | "RSA PUBLIC KEY" | "CERTIFICATE" => return Err(PrivateKeyError::PublicKey),
        _ => None,
    };
    private.ok_or(PrivateKeyError::NotAKey)
}

/// A text without PEM markers: its length shows what it is.
fn bare(text: &str) -> Result<PrivateKeyParts, PrivateKeyError> {
    if text.starts_with("whpk_") {
        return Err(PrivateKeyError::PublicKey);
    }
    let bytes =
        encoding::decode_pasted_key(text.strip_prefix("whsk_").unwrap_or(text)).ok_or(PrivateKeyError::NotAKey)?;
    match bytes.len() {
        32 => Ok(PrivateKeyParts::Bare(bytes)),
        64 => Ok(PrivateKeyParts::Ed25519(bytes.get(..32).unwrap_or_default().to_vec())),
        _ => match der::pkcs8(&bytes).or_else(|| der::pkcs1_private(&bytes)) {
            Some(private) => Ok(private),
            None if native::is_public(&bytes) => Err(PrivateKeyError::PublicKey),
            None => Err(PrivateKeyError::NotAKey),
        },
    }
}

fn jwk(text: &str) -> Result<PrivateKeyParts, PrivateKeyError> {
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
        (Some("OKP"), Some("Ed25519")) => Ok(PrivateKeyParts::Ed25519(bytes("d")?)),
        (Some("EC"), Some("P-256")) => Ok(PrivateKeyParts::P256(bytes("d")?)),
        (Some("RSA"), _) => Ok(PrivateKeyParts::Rsa(RsaParts {
            modulus: bytes("n")?,
            exponent: bytes("e")?,
            private_exponent: bytes("d")?,
            primes: [bytes("p")?, bytes("q")?],
        })),
        (Some(_), _) => Err(PrivateKeyError::WrongKind),
        (None, _) => Err(PrivateKeyError::NotAKey),
    }
}
