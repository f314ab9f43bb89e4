//! A public key, and the signatures that it verifies.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};

use crate::verify::primitives::public_key::algorithm::PublicAlgorithm;
use crate::verify::primitives::public_key::ed25519::Ed25519Key;
use crate::verify::primitives::public_key::error::PublicKeyError;
use crate::verify::primitives::public_key::host::Question;
use crate::verify::primitives::public_key::p256::{self, P256Key};
use crate::verify::primitives::public_key::parts::KeyParts;
use crate::verify::primitives::public_key::rsa::{self, RsaKey};
use crate::verify::primitives::public_key::text;
use crate::verify::primitives::timestamp::UnixTime;

/// A public key that was read, checked, and prepared for verifying.
///
/// `Debug` shows what kind of key it is and its size in bits.
pub struct PublicKey {
    key: AnyKey,
    /// What it was parsed for.
    algorithm: PublicAlgorithm,
    /// As a host takes it, once a host is asked.
    spki: OnceCell<Option<Vec<u8>>>,
    /// Whether a host has verified a signature of it, and this crate has found the same signature valid.
    is_proven: Cell<bool>,
}

enum AnyKey {
    Ed25519(Ed25519Key),
    P256(P256Key),
    Rsa(RsaKey),
}

impl PublicKey {
    /// Reads a key that is to verify `algorithm`.
    ///
    /// The text is one of
    /// - PEM (RFC 7468): `PUBLIC KEY`, `RSA PUBLIC KEY` or `CERTIFICATE`; one block, or a chain of certificates. Line
    ///   ends may be missing or written as `\n`, as they are in some senders' answers and in environment files;
    /// - the base64 of a `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7), with or without padding; an RSASSA-PSS key
    ///   (RFC 4055) with parameters serves the algorithm that they describe;
    /// - the 32 bytes of an Ed25519 key (RFC 8032), or a P-256 point of 65 or 33 bytes (SEC 1, section 2.3.3), in
    ///   hexadecimal or base64; `whpk_` before it is passed over;
    /// - one JSON Web Key (RFC 7517, RFC 8037). Its `use` and `alg`, where present, must allow `algorithm`.
    ///
    /// Only the key of a certificate is used, and only the first certificate of a chain. Issuers, dates and names are
    /// not checked: the operator trusts the key by configuring it.
    ///
    /// An RSA modulus has from `min_rsa_bits` to 8192 bits, and never fewer than 1024; the exponent is odd and from 3
    /// to 2³³ − 1. An Ed25519 key must be canonical and not of small order. A P-256 point must lie on the curve.
    ///
    /// # Errors
    /// [`PublicKeyError`], also if the key is fine but is not one that `algorithm` can use.
    pub fn parse(text: &str, algorithm: PublicAlgorithm, min_rsa_bits: usize) -> Result<Self, PublicKeyError> {
        match (text::parts(text, algorithm)?, kind_for(algorithm)) {
            (KeyParts::Ed25519(bytes), KeyKind::Ed25519) => Ed25519Key::new(&bytes).map(AnyKey::Ed25519),
            (KeyParts::P256(point), KeyKind::P256) => P256Key::new(&point).map(AnyKey::P256),
            (KeyParts::Rsa { modulus, exponent, pss_only, pss_hash }, KeyKind::Rsa { is_pss, min_bits })
                if (is_pss || !pss_only) && pss_hash.is_none_or(|hash| algorithm.hash() == Some(hash)) =>
            {
                RsaKey::new(&modulus, &exponent, min_bits.max(min_rsa_bits)).map(AnyKey::Rsa)
            }
            _ => Err(PublicKeyError::WrongKind),
        }
        .map(|key| Self { key, algorithm, spki: OnceCell::new(), is_proven: Cell::new(false) })
    }

    /// From when until when a certificate is valid, both included, if the text is a PEM certificate; of a chain, the first
    /// one. Nothing else of it is checked.
    #[must_use]
    pub fn certificate_dates(text: &str) -> Option<(UnixTime, UnixTime)> {
        let (from, until) = text::certificate_dates(text)?;
        // The last second is part of the period.
        let until = UnixTime::from_millis(UnixTime::from_secs(until.as_secs()).as_millis().saturating_add(999));
        Some((UnixTime::from_secs(from.as_secs()), until))
    }

    /// Whether `signature` is one of this key over `content`.
    ///
    /// `content` is the digest by [`PublicAlgorithm::hash`], or the whole message if there is none. `signature` is
    /// the bytes as sent, of any length and content. A digest of another length, and an algorithm that this kind of
    /// key cannot serve, verify nothing; a key parsed for the same algorithm always can.
    ///
    /// Strict: Ed25519 as in RFC 8032, section 5.1.7, without the cofactor, and R not of small order. ECDSA in DER
    /// without a byte more or less than the one encoding; s may be in the upper half, as some senders' is. An RSA
    /// signature is as long as the modulus and less than it; the digest's `AlgorithmIdentifier` has its `NULL`; the
    /// PSS salt has the one length of its algorithm.
    ///
    /// Not constant-time: key, content and signature are public.
    #[must_use]
    pub fn verifies(&self, algorithm: PublicAlgorithm, content: &[u8], signature: &[u8]) -> bool {
        if algorithm.hash().is_some_and(|hash| hash.digest_len() != content.len()) {
            return false;
        }
        match (&self.key, algorithm) {
            (AnyKey::Ed25519(key), PublicAlgorithm::Ed25519) => key.verifies(content, signature),
            (AnyKey::P256(key), PublicAlgorithm::EcdsaP256Sha256Der | PublicAlgorithm::EcdsaP256Sha1Der) => {
                key.verifies_der(content, signature)
            }
            (AnyKey::P256(key), PublicAlgorithm::EcdsaP256Sha256Raw) => key.verifies_raw(content, signature),
            (AnyKey::Rsa(key), PublicAlgorithm::RsaPkcs1Sha1) => key.verifies_pkcs1_sha1(content, signature),
            (AnyKey::Rsa(key), PublicAlgorithm::RsaPkcs1Sha256) => key.verifies_pkcs1_sha256(content, signature),
            (AnyKey::Rsa(key), PublicAlgorithm::RsaPkcs1Sha512) => key.verifies_pkcs1_sha512(content, signature),
            (AnyKey::Rsa(key), PublicAlgorithm::RsaPssSha256) => key.verifies_pss_sha256(content, signature),
            (AnyKey::Rsa(key), PublicAlgorithm::RsaPssSha512) => key.verifies_pss_sha512(content, signature),
            (AnyKey::Ed25519(_) | AnyKey::P256(_) | AnyKey::Rsa(_), _) => false,
        }
    }

    /// What a host is asked to verify `signature` over `text`; `None` if a host cannot verify it, or need not be asked: a
    /// malformed signature verifies nothing.
    pub(super) fn question<'a>(
        &'a self,
        algorithm: PublicAlgorithm,
        text: &'a [u8],
        signature: &'a [u8],
    ) -> Option<Question<'a>> {
        if algorithm != self.algorithm || !algorithm.is_known_to_hosts() {
            return None;
        }
        let signature = match (&self.key, algorithm) {
            (AnyKey::Rsa(key), _) => Cow::Borrowed(key.is_in_range(signature).then_some(signature)?),
            (AnyKey::P256(_), PublicAlgorithm::EcdsaP256Sha256Raw) => Cow::Owned(p256::der_of_raw(signature)?),
            (AnyKey::P256(_), _) => Cow::Owned(p256::der_of_der(signature)?),
            (AnyKey::Ed25519(_), _) => return None,
        };
        let spki = self.spki.get_or_init(|| match &self.key {
            AnyKey::Rsa(key) => key.spki(),
            AnyKey::P256(key) => key.spki(),
            AnyKey::Ed25519(_) => None,
        });
        Some(Question { hash: algorithm.hash()?, key: spki.as_deref()?, text, signature })
    }

    /// Whether a host has verified a signature of it, and this crate has found the same signature valid.
    pub(super) fn is_proven(&self) -> &Cell<bool> {
        &self.is_proven
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.key {
            AnyKey::Ed25519(_) => f.write_str("PublicKey(Ed25519, 256 bits)"),
            AnyKey::P256(_) => f.write_str("PublicKey(P-256, 256 bits)"),
            AnyKey::Rsa(key) => write!(f, "PublicKey(RSA, {} bits)", key.bits()),
        }
    }
}

/// The keys that can serve an algorithm.
enum KeyKind {
    Ed25519,
    P256,
    Rsa { is_pss: bool, min_bits: usize },
}

/// The kind of key that an algorithm needs.
fn kind_for(algorithm: PublicAlgorithm) -> KeyKind {
    match algorithm {
        PublicAlgorithm::Ed25519 => KeyKind::Ed25519,
        PublicAlgorithm::EcdsaP256Sha256Der
        | PublicAlgorithm::EcdsaP256Sha1Der
        | PublicAlgorithm::EcdsaP256Sha256Raw => KeyKind::P256,
        PublicAlgorithm::RsaPkcs1Sha1 | PublicAlgorithm::RsaPkcs1Sha256 | PublicAlgorithm::RsaPkcs1Sha512 => {
            KeyKind::Rsa { is_pss: false, min_bits: rsa::FLOOR_BITS }
        }
        PublicAlgorithm::RsaPssSha256 => KeyKind::Rsa { is_pss: true, min_bits: rsa::FLOOR_BITS },
        PublicAlgorithm::RsaPssSha512 => KeyKind::Rsa { is_pss: true, min_bits: rsa::FLOOR_PSS_SHA512_BITS },
    }
}
