//! Keys in DER (X.690). The only file that names `spki`.

use std::time::Duration;

use spki::der::asn1::{AnyRef, BitStringRef, GeneralizedTime, UintRef, UtcTime};
use spki::der::{Decode as _, Encode, Reader as _, SliceReader, Tag, TagNumber, Tagged as _};
use spki::{AlgorithmIdentifierRef, ObjectIdentifier, SubjectPublicKeyInfoRef};

use crate::verify::primitives::mac::HashAlgorithm;
use crate::verify::primitives::public_key::error::PublicKeyError;
use crate::verify::primitives::public_key::oid::{EC_PUBLIC_KEY, ED25519, RSA_ENCRYPTION, RSASSA_PSS, SECP256R1};
use crate::verify::primitives::public_key::parts::KeyParts;

/// RFC 8017, appendix B.2.1.
const MGF1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.8");
/// RFC 8017, appendix B.1.
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
/// RFC 8017, appendix B.1.
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");

/// PKCS #8, PKCS #1 and SEC 1 write private keys as a sequence that begins with a version, 0 or 1; no public key
/// does. Ed25519 pairs of 64 bytes are private too.
pub fn is_private(bytes: &[u8]) -> bool {
    let version = || {
        let outer = AnyRef::from_der(bytes).ok().filter(|outer| outer.tag() == Tag::Sequence)?;
        u8::decode(&mut SliceReader::new(outer.value()).ok()?).ok()
    };
    bytes.len() == 64 || matches!(version(), Some(0 | 1))
}

/// `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7).
pub fn spki(der: &[u8]) -> Result<KeyParts, PublicKeyError> {
    let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| PublicKeyError::NotAKey)?;
    let bytes = info.subject_public_key.as_bytes().ok_or(PublicKeyError::NotAKey)?;
    let parameters = info.algorithm.parameters;
    match info.algorithm.oid {
        RSA_ENCRYPTION if parameters == Some(AnyRef::NULL) => pkcs1(bytes, false),
        RSASSA_PSS => match (pkcs1(bytes, true)?, parameters) {
            (KeyParts::Rsa { modulus, exponent, .. }, Some(parameters)) => {
                let pss_hash = Some(pss_hash(parameters).ok_or(PublicKeyError::WrongKind)?);
                Ok(KeyParts::Rsa { modulus, exponent, pss_only: true, pss_hash })
            }
            (key, _) => Ok(key),
        },
        EC_PUBLIC_KEY if info.algorithm.parameters_oid() == Ok(SECP256R1) => Ok(KeyParts::P256(bytes.to_vec())),
        ED25519 if parameters.is_none() => Ok(KeyParts::Ed25519(bytes.to_vec())),
        RSA_ENCRYPTION | ED25519 => Err(PublicKeyError::NotAKey),
        _ => Err(PublicKeyError::WrongKind),
    }
}

/// The hash in `RSASSA-PSS-params` (RFC 4055, section 3.1), if content and mask use the same hash and the salt has its
/// length. Every algorithm here does; none uses the defaults, which are SHA-1.
fn pss_hash(parameters: AnyRef<'_>) -> Option<HashAlgorithm> {
    let mut fields = SliceReader::new((parameters.tag() == Tag::Sequence).then(|| parameters.value())?).ok()?;
    let mut field = |number: u32| {
        let field = fields.decode::<AnyRef<'_>>().ok()?;
        (field.tag() == TagNumber(number).context_specific(true)).then(|| field.value())
    };
    let hash = hash_of(AlgorithmIdentifierRef::from_der(field(0)?).ok()?)?;
    let mask = AlgorithmIdentifierRef::from_der(field(1)?).ok().filter(|mask| mask.oid == MGF1)?;
    let mask_hash = hash_of(mask.parameters?.decode_as().ok()?)?;
    let salt = u8::from_der(field(2)?).ok()?;
    fields.finish().ok()?;
    (mask_hash == hash && usize::from(salt) == hash.digest_len()).then_some(hash)
}

/// A hash by its identifier, whose parameters are `NULL` or missing (RFC 4055, section 2.1).
fn hash_of(algorithm: AlgorithmIdentifierRef<'_>) -> Option<HashAlgorithm> {
    let plain = algorithm.parameters.is_none_or(|parameters| parameters == AnyRef::NULL);
    match algorithm.oid {
        SHA256 if plain => Some(HashAlgorithm::Sha256),
        SHA512 if plain => Some(HashAlgorithm::Sha512),
        _ => None,
    }
}

/// `RSAPublicKey` (RFC 8017, appendix A.1.1).
pub fn pkcs1(der: &[u8], pss_only: bool) -> Result<KeyParts, PublicKeyError> {
    let numbers = || {
        let mut reader = SliceReader::new(der).ok()?;
        let numbers = reader.sequence(|inner| Ok::<_, spki::der::Error>((inner.decode()?, inner.decode()?))).ok()?;
        reader.finish().ok()?;
        Some(numbers)
    };
    let (modulus, exponent): (UintRef<'_>, UintRef<'_>) = numbers().ok_or(PublicKeyError::NotAKey)?;
    Ok(KeyParts::Rsa {
        modulus: modulus.as_bytes().to_vec(),
        exponent: exponent.as_bytes().to_vec(),
        pss_only,
        pss_hash: None,
    })
}

/// The `SubjectPublicKeyInfo` of an RSA key, whose numbers are big-endian and without leading zeros.
pub fn rsa_spki(modulus: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    let numbers = [encoded(&UintRef::new(modulus).ok()?)?, encoded(&UintRef::new(exponent).ok()?)?].concat();
    let key = encoded(&AnyRef::new(Tag::Sequence, &numbers).ok()?)?;
    info(AlgorithmIdentifierRef { oid: RSA_ENCRYPTION, parameters: Some(AnyRef::NULL) }, &key)
}

/// The `SubjectPublicKeyInfo` of a P-256 point.
pub fn p256_spki(point: &[u8]) -> Option<Vec<u8>> {
    info(AlgorithmIdentifierRef { oid: EC_PUBLIC_KEY, parameters: Some(AnyRef::from(&SECP256R1)) }, point)
}

fn info(algorithm: AlgorithmIdentifierRef<'_>, key: &[u8]) -> Option<Vec<u8>> {
    encoded(&SubjectPublicKeyInfoRef { algorithm, subject_public_key: BitStringRef::from_bytes(key).ok()? })
}

fn encoded(value: &impl Encode) -> Option<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(value.encoded_len().ok()?).ok()?];
    value.encode_to_slice(&mut bytes).ok()?;
    Some(bytes)
}

/// The key of a certificate (RFC 5280, section 4.1). The rest of the certificate is ignored.
pub fn certificate(der: &[u8]) -> Result<KeyParts, PublicKeyError> {
    spki(certificate_key(der).ok_or(PublicKeyError::NotAKey)?)
}

/// From when until when a certificate is valid, both included, since the epoch (RFC 5280, section 4.1.2.5).
pub fn certificate_dates(der: &[u8]) -> Option<(Duration, Duration)> {
    let mut fields = certificate_fields(der)?;
    // Before the dates: serial number, signature, issuer.
    for _ in 0..3 {
        fields.tlv_bytes().ok()?;
    }
    let dates = fields.decode::<AnyRef<'_>>().ok().filter(|dates| dates.tag() == Tag::Sequence)?;
    let mut dates = SliceReader::new(dates.value()).ok()?;
    let (from, until) = (date(&mut dates)?, date(&mut dates)?);
    dates.finish().ok()?;
    Some((from, until))
}

fn date(reader: &mut SliceReader<'_>) -> Option<Duration> {
    let date = reader.decode::<AnyRef<'_>>().ok()?;
    match date.tag() {
        Tag::UtcTime => date.decode_as::<UtcTime>().ok().map(|time| time.to_unix_duration()),
        Tag::GeneralizedTime => date.decode_as::<GeneralizedTime>().ok().map(|time| time.to_unix_duration()),
        _ => None,
    }
}

fn certificate_key(der: &[u8]) -> Option<&[u8]> {
    let mut fields = certificate_fields(der)?;
    // Before the key: serial number, signature, issuer, validity, subject.
    for _ in 0..5 {
        fields.tlv_bytes().ok()?;
    }
    fields.tlv_bytes().ok()
}

/// What a certificate's issuer signed, behind the version.
fn certificate_fields(der: &[u8]) -> Option<SliceReader<'_>> {
    let certificate = AnyRef::from_der(der).ok().filter(|outer| outer.tag() == Tag::Sequence)?;
    let signed = SliceReader::new(certificate.value()).ok()?.decode::<AnyRef<'_>>().ok()?;
    let mut fields = SliceReader::new(signed.value()).ok()?;
    // The version is the only field here with a tag of its own, and may be missing.
    if Tag::peek(&fields).ok()?.is_context_specific() {
        fields.tlv_bytes().ok()?;
    }
    Some(fields)
}
