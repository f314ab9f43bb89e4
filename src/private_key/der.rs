//! Private keys in DER (X.690).

use spki::AlgorithmIdentifierRef;
use spki::der::asn1::{AnyRef, OctetStringRef, UintRef};
use spki::der::{Decode as _, SliceReader, Tag, Tagged as _};

use crate::private_key::parts::{PrivateKeyParts, RsaParts};
use crate::verify::primitives::public_key::oid::{EC_PUBLIC_KEY, ED25519, RSA_ENCRYPTION, RSASSA_PSS, SECP256R1};

/// `PrivateKeyInfo` (RFC 5208, section 5), optionally with the fields that RFC 5958 appends.
pub fn pkcs8(der: &[u8]) -> Option<PrivateKeyParts> {
    let outer = AnyRef::from_der(der).ok().filter(|outer| outer.tag() == Tag::Sequence)?;
    let mut fields = SliceReader::new(outer.value()).ok()?;
    u8::decode(&mut fields).ok().filter(|version| *version <= 1)?;
    let algorithm = AlgorithmIdentifierRef::decode(&mut fields).ok()?;
    let key = <&OctetStringRef>::decode(&mut fields).ok()?.as_bytes();
    match algorithm.oid {
        RSA_ENCRYPTION | RSASSA_PSS => pkcs1_private(key),
        EC_PUBLIC_KEY if algorithm.parameters_oid() == Ok(SECP256R1) => sec1(key),
        ED25519 => <&OctetStringRef>::from_der(key).ok().map(|seed| PrivateKeyParts::Ed25519(seed.as_bytes().to_vec())),
        _ => None,
    }
}

/// `RSAPrivateKey` of two primes (RFC 8017, appendix A.1.2).
pub fn pkcs1_private(der: &[u8]) -> Option<PrivateKeyParts> {
    let outer = AnyRef::from_der(der).ok().filter(|outer| outer.tag() == Tag::Sequence)?;
    let mut fields = SliceReader::new(outer.value()).ok()?;
    u8::decode(&mut fields).ok().filter(|version| *version == 0)?;
    let mut number = || UintRef::decode(&mut fields).ok().map(|number| number.as_bytes().to_vec());
    Some(PrivateKeyParts::Rsa(RsaParts {
        modulus: number()?,
        exponent: number()?,
        private_exponent: number()?,
        primes: [number()?, number()?],
    }))
}

/// `ECPrivateKey` (RFC 5915, section 3) of P-256; the curve may be given outside of it.
pub fn sec1(der: &[u8]) -> Option<PrivateKeyParts> {
    let outer = AnyRef::from_der(der).ok().filter(|outer| outer.tag() == Tag::Sequence)?;
    let mut fields = SliceReader::new(outer.value()).ok()?;
    u8::decode(&mut fields).ok().filter(|version| *version == 1)?;
    let number = <&OctetStringRef>::decode(&mut fields).ok()?.as_bytes();
    (number.len() == 32).then(|| PrivateKeyParts::P256(number.to_vec()))
}
