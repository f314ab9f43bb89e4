//! From the text that an operator pastes to a key that is safe to verify with.

use ed25519_dalek::VerifyingKey as Ed25519Key;
use p256::ecdsa::VerifyingKey as P256Key;
use rsa::{BoxedUint, RsaPublicKey};
use spki::der::asn1::{AnyRef, UintRef};
use spki::der::{Decode as _, Reader as _, SliceReader, Tag, Tagged as _};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

use super::{Family, Key, PublicAlgorithm, PublicKeyError, jwk};
use crate::verify::encoding;

/// RFC 8017, appendix C.
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// RFC 8017, appendix C: the key may be used with PSS only.
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
/// RFC 5480, section 2.1.1.
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// RFC 5480, section 2.1.1.1: P-256.
const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// RFC 8410, section 3.
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// No RSA key is accepted below this, whatever the caller allows: smaller ones were factored long ago.
const FLOOR_RSA_BITS: usize = 1024;
/// Verifying costs the square of it, and a stranger chooses how often it is done.
const MAX_RSA_BITS: usize = 8192;
/// PSS with SHA-512 and its salt needs 64 + 64 + 2 bytes in a modulus that is one bit longer (RFC 8017, 9.1.1).
const MIN_PSS_SHA512_BITS: usize = 1034;

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

pub(super) fn key(text: &str, algorithm: PublicAlgorithm, min_rsa_bits: usize) -> Result<Key, PublicKeyError> {
    let text = text.trim();
    let parts = if text.starts_with('{') {
        jwk::parts(text, algorithm)?
    } else if let Some(rest) = text.strip_prefix("-----BEGIN ") {
        pem(rest)?
    } else {
        bare(text)?
    };
    match (parts, algorithm.family()) {
        (Parts::Ed25519(bytes), Family::Ed25519) => ed25519(&bytes),
        (Parts::P256(point), Family::P256) => {
            P256Key::from_sec1_bytes(&point).map(Key::P256).map_err(|_| PublicKeyError::WeakPoint)
        }
        (Parts::Rsa { modulus, exponent, pss_only }, Family::Rsa) if algorithm.is_pss() || !pss_only => {
            rsa(&modulus, &exponent, min_rsa_bits.max(least_bits(algorithm))).map(Key::Rsa)
        }
        _ => Err(PublicKeyError::WrongKind),
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
    let der = decode(&body.replace("\\r", "").replace("\\n", "")).ok_or(PublicKeyError::NotAKey)?;
    match label {
        "PUBLIC KEY" => spki(&der),
        "RSA PUBLIC KEY" => pkcs1(&der, false),
        "CERTIFICATE" => spki(certificate_key(&der).ok_or(PublicKeyError::NotAKey)?),
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
        _ if is_private(&bytes) => Err(PublicKeyError::PrivateKey),
        _ => spki(&bytes),
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

/// PKCS #8, PKCS #1 and SEC 1 write private keys as a sequence that begins with a version, 0 or 1; no public key
/// does. Ed25519 pairs of 64 bytes are private too.
fn is_private(bytes: &[u8]) -> bool {
    let version = || {
        let outer = AnyRef::from_der(bytes).ok().filter(|outer| outer.tag() == Tag::Sequence)?;
        u8::decode(&mut SliceReader::new(outer.value()).ok()?).ok()
    };
    bytes.len() == 64 || matches!(version(), Some(0 | 1))
}

fn spki(der: &[u8]) -> Result<Parts, PublicKeyError> {
    let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| PublicKeyError::NotAKey)?;
    let bytes = info.subject_public_key.as_bytes().ok_or(PublicKeyError::NotAKey)?;
    let parameters = info.algorithm.parameters;
    match info.algorithm.oid {
        RSA_ENCRYPTION if parameters == Some(AnyRef::NULL) => pkcs1(bytes, false),
        // With parameters it would be bound to one hash, which nobody's webhook key is.
        RSASSA_PSS if parameters.is_none() => pkcs1(bytes, true),
        EC_PUBLIC_KEY if info.algorithm.parameters_oid() == Ok(SECP256R1) => Ok(Parts::P256(bytes.to_vec())),
        ED25519 if parameters.is_none() => Ok(Parts::Ed25519(bytes.to_vec())),
        RSA_ENCRYPTION | ED25519 => Err(PublicKeyError::NotAKey),
        _ => Err(PublicKeyError::WrongKind),
    }
}

/// `RSAPublicKey` (RFC 8017, appendix A.1.1).
fn pkcs1(der: &[u8], pss_only: bool) -> Result<Parts, PublicKeyError> {
    let numbers = || {
        let mut reader = SliceReader::new(der).ok()?;
        let numbers = reader.sequence(|inner| Ok::<_, spki::der::Error>((inner.decode()?, inner.decode()?))).ok()?;
        reader.finish().ok()?;
        Some(numbers)
    };
    let (modulus, exponent): (UintRef<'_>, UintRef<'_>) = numbers().ok_or(PublicKeyError::NotAKey)?;
    Ok(Parts::Rsa { modulus: modulus.as_bytes().to_vec(), exponent: exponent.as_bytes().to_vec(), pss_only })
}

/// The `SubjectPublicKeyInfo` of a certificate (RFC 5280, section 4.1). Nothing else of it is looked at.
fn certificate_key(der: &[u8]) -> Option<&[u8]> {
    let certificate = AnyRef::from_der(der).ok().filter(|outer| outer.tag() == Tag::Sequence)?;
    let signed = SliceReader::new(certificate.value()).ok()?.decode::<AnyRef<'_>>().ok()?;
    let mut fields = SliceReader::new(signed.value()).ok()?;
    // The version is the only field here with a tag of its own, and may be missing.
    let has_version = Tag::peek(&fields).ok()?.is_context_specific();
    // Before the key: version, serial number, signature, issuer, validity, subject.
    for _ in 0..(if has_version { 6 } else { 5 }) {
        fields.tlv_bytes().ok()?;
    }
    fields.tlv_bytes().ok()
}

fn ed25519(bytes: &[u8]) -> Result<Key, PublicKeyError> {
    let bytes: &[u8; 32] = bytes.try_into().map_err(|_| PublicKeyError::NotAKey)?;
    let key = Ed25519Key::from_bytes(bytes).map_err(|_| PublicKeyError::WeakPoint)?;
    let canonical = Ed25519Key::from(key.to_edwards());
    if key.is_weak() || canonical != key { Err(PublicKeyError::WeakPoint) } else { Ok(Key::Ed25519(key)) }
}

fn least_bits(algorithm: PublicAlgorithm) -> usize {
    match algorithm {
        PublicAlgorithm::RsaPssSha512 => MIN_PSS_SHA512_BITS,
        _ => FLOOR_RSA_BITS,
    }
}

fn rsa(modulus: &[u8], exponent: &[u8], min_bits: usize) -> Result<RsaPublicKey, PublicKeyError> {
    let [modulus, exponent] = [modulus, exponent].map(|number| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        number.get(zeros..).unwrap_or_default()
    });
    // Before any arithmetic: it allocates, and takes time, by the length.
    if modulus.len().saturating_mul(8) > MAX_RSA_BITS {
        return Err(PublicKeyError::TooLarge);
    }
    if exponent.len() > size_of::<u64>() {
        return Err(PublicKeyError::Exponent);
    }
    let modulus = BoxedUint::from_be_slice_vartime(modulus);
    let exponent = BoxedUint::from_be_slice_vartime(exponent);
    RsaPublicKey::new_with_size_limits(modulus, exponent, min_bits.min(MAX_RSA_BITS)..=MAX_RSA_BITS).map_err(|error| {
        match error {
            rsa::Error::ModulusTooSmall => PublicKeyError::TooSmall,
            rsa::Error::InvalidExponent | rsa::Error::PublicExponentTooSmall | rsa::Error::PublicExponentTooLarge => {
                PublicKeyError::Exponent
            }
            _ => PublicKeyError::NotAKey,
        }
    })
}
