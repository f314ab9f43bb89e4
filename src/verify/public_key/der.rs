//! Keys in DER (X.690). The only file that names `spki`.

#[cfg(not(target_family = "wasm"))]
use spki::AlgorithmIdentifierRef;
#[cfg(not(target_family = "wasm"))]
use spki::der::asn1::OctetStringRef;
use spki::der::asn1::{AnyRef, UintRef};
use spki::der::{Decode as _, Reader as _, SliceReader, Tag, Tagged as _};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

use super::PublicKeyError;
use super::text::Parts;

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

/// PKCS #8, PKCS #1 and SEC 1 write private keys as a sequence that begins with a version, 0 or 1; no public key
/// does. Ed25519 pairs of 64 bytes are private too.
pub(super) fn is_private(bytes: &[u8]) -> bool {
    let version = || {
        let outer = AnyRef::from_der(bytes).ok().filter(|outer| outer.tag() == Tag::Sequence)?;
        u8::decode(&mut SliceReader::new(outer.value()).ok()?).ok()
    };
    bytes.len() == 64 || matches!(version(), Some(0 | 1))
}

/// `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7).
pub(super) fn spki(der: &[u8]) -> Result<Parts, PublicKeyError> {
    let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| PublicKeyError::NotAKey)?;
    let bytes = info.subject_public_key.as_bytes().ok_or(PublicKeyError::NotAKey)?;
    let parameters = info.algorithm.parameters;
    match info.algorithm.oid {
        RSA_ENCRYPTION if parameters == Some(AnyRef::NULL) => pkcs1(bytes, false),
        // Parameters would bind it to one hash and salt. No known sender's key has them, so they are not read.
        RSASSA_PSS if parameters.is_none() => pkcs1(bytes, true),
        EC_PUBLIC_KEY if info.algorithm.parameters_oid() == Ok(SECP256R1) => Ok(Parts::P256(bytes.to_vec())),
        ED25519 if parameters.is_none() => Ok(Parts::Ed25519(bytes.to_vec())),
        RSA_ENCRYPTION | ED25519 => Err(PublicKeyError::NotAKey),
        _ => Err(PublicKeyError::WrongKind),
    }
}

/// `RSAPublicKey` (RFC 8017, appendix A.1.1).
pub(super) fn pkcs1(der: &[u8], pss_only: bool) -> Result<Parts, PublicKeyError> {
    let numbers = || {
        let mut reader = SliceReader::new(der).ok()?;
        let numbers = reader.sequence(|inner| Ok::<_, spki::der::Error>((inner.decode()?, inner.decode()?))).ok()?;
        reader.finish().ok()?;
        Some(numbers)
    };
    let (modulus, exponent): (UintRef<'_>, UintRef<'_>) = numbers().ok_or(PublicKeyError::NotAKey)?;
    Ok(Parts::Rsa { modulus: modulus.as_bytes().to_vec(), exponent: exponent.as_bytes().to_vec(), pss_only })
}

/// The key of a certificate (RFC 5280, section 4.1). Nothing else of it is looked at.
pub(super) fn certificate(der: &[u8]) -> Result<Parts, PublicKeyError> {
    spki(certificate_key(der).ok_or(PublicKeyError::NotAKey)?)
}

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

/// A private key as DER has it.
#[cfg(not(target_family = "wasm"))]
pub(super) enum PrivateDer {
    /// The seed.
    Ed25519(Vec<u8>),
    /// The number.
    P256(Vec<u8>),
    /// The numbers.
    Rsa(super::private_key::RsaParts),
}

/// `PrivateKeyInfo` (RFC 5208, section 5), also with what RFC 5958 adds behind it.
#[cfg(not(target_family = "wasm"))]
pub(super) fn pkcs8(der: &[u8]) -> Option<PrivateDer> {
    let outer = AnyRef::from_der(der).ok().filter(|outer| outer.tag() == Tag::Sequence)?;
    let mut fields = SliceReader::new(outer.value()).ok()?;
    u8::decode(&mut fields).ok().filter(|version| *version <= 1)?;
    let algorithm = AlgorithmIdentifierRef::decode(&mut fields).ok()?;
    let key = <&OctetStringRef>::decode(&mut fields).ok()?.as_bytes();
    match algorithm.oid {
        RSA_ENCRYPTION | RSASSA_PSS => pkcs1_private(key),
        EC_PUBLIC_KEY if algorithm.parameters_oid() == Ok(SECP256R1) => sec1(key),
        ED25519 => <&OctetStringRef>::from_der(key).ok().map(|seed| PrivateDer::Ed25519(seed.as_bytes().to_vec())),
        _ => None,
    }
}

/// `RSAPrivateKey` of two primes (RFC 8017, appendix A.1.2).
#[cfg(not(target_family = "wasm"))]
pub(super) fn pkcs1_private(der: &[u8]) -> Option<PrivateDer> {
    let outer = AnyRef::from_der(der).ok().filter(|outer| outer.tag() == Tag::Sequence)?;
    let mut fields = SliceReader::new(outer.value()).ok()?;
    u8::decode(&mut fields).ok().filter(|version| *version == 0)?;
    let mut number = || UintRef::decode(&mut fields).ok().map(|number| number.as_bytes().to_vec());
    Some(PrivateDer::Rsa(super::private_key::RsaParts {
        modulus: number()?,
        exponent: number()?,
        private_exponent: number()?,
        primes: [number()?, number()?],
    }))
}

/// `ECPrivateKey` (RFC 5915, section 3) of P-256; the curve may stand outside.
#[cfg(not(target_family = "wasm"))]
pub(super) fn sec1(der: &[u8]) -> Option<PrivateDer> {
    let outer = AnyRef::from_der(der).ok().filter(|outer| outer.tag() == Tag::Sequence)?;
    let mut fields = SliceReader::new(outer.value()).ok()?;
    u8::decode(&mut fields).ok().filter(|version| *version == 1)?;
    let number = <&OctetStringRef>::decode(&mut fields).ok()?.as_bytes();
    (number.len() == 32).then(|| PrivateDer::P256(number.to_vec()))
}
