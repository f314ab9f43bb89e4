//! Public keys, and the signatures that they verify.
//!
//! All of it handles public data: the key, the signed content and the signature are known to whoever sent the
//! request. Nothing here is constant-time, and nothing needs to be. No private key is ever accepted in place of a public
//! one; natively, `private_key` reads those that the command signs with.

mod der;
mod ed25519_key;
mod jwk;
mod p256_key;
#[cfg(not(target_family = "wasm"))]
pub mod private_key;
mod rsa_key;
mod text;

use ed25519_key::Ed25519Key;
use p256_key::P256Key;
use rsa_key::RsaKey;
use text::Parts;

use super::mac::HashAlgorithm;

/// A signature algorithm that a scheme can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicAlgorithm {
    /// Ed25519 over the message itself (RFC 8032, section 5.1). The signature has 64 bytes.
    Ed25519,
    /// ECDSA with P-256 and SHA-256 (FIPS 186-5); the signature is the DER of `ECDSA-Sig-Value` (RFC 3279, 2.2.3).
    EcdsaP256Sha256Der,
    /// ECDSA with P-256 and SHA-1, in DER. Collisions of SHA-1 can be made: only for senders that offer nothing else.
    EcdsaP256Sha1Der,
    /// ECDSA with P-256 and SHA-256; the signature is r and s, 32 bytes each (RFC 7518, section 3.4).
    EcdsaP256Sha256Raw,
    /// RSASSA-PKCS1-v1_5 with SHA-1 (RFC 8017, section 8.2). The remark on SHA-1 above holds here too.
    RsaPkcs1Sha1,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, section 8.2).
    RsaPkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-512 (RFC 8017, section 8.2).
    RsaPkcs1Sha512,
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes (RFC 8017, section 8.1).
    RsaPssSha256,
    /// RSASSA-PSS with SHA-512, MGF1 with SHA-512 and a salt of 64 bytes (RFC 8017, section 8.1).
    RsaPssSha512,
}

impl PublicAlgorithm {
    /// The hash whose digest [`PublicKey::verifies`] takes; `None` where it takes the whole message.
    #[must_use]
    pub fn hash(self) -> Option<HashAlgorithm> {
        match self {
            Self::Ed25519 => None,
            Self::EcdsaP256Sha1Der | Self::RsaPkcs1Sha1 => Some(HashAlgorithm::Sha1),
            Self::EcdsaP256Sha256Der | Self::EcdsaP256Sha256Raw | Self::RsaPkcs1Sha256 | Self::RsaPssSha256 => {
                Some(HashAlgorithm::Sha256)
            }
            Self::RsaPkcs1Sha512 | Self::RsaPssSha512 => Some(HashAlgorithm::Sha512),
        }
    }

    /// The kind of key that it needs.
    fn kind(self) -> Kind {
        match self {
            Self::Ed25519 => Kind::Ed25519,
            Self::EcdsaP256Sha256Der | Self::EcdsaP256Sha1Der | Self::EcdsaP256Sha256Raw => Kind::P256,
            Self::RsaPkcs1Sha1 | Self::RsaPkcs1Sha256 | Self::RsaPkcs1Sha512 => {
                Kind::Rsa { is_pss: false, min_bits: rsa_key::FLOOR_BITS }
            }
            Self::RsaPssSha256 => Kind::Rsa { is_pss: true, min_bits: rsa_key::FLOOR_BITS },
            Self::RsaPssSha512 => Kind::Rsa { is_pss: true, min_bits: rsa_key::FLOOR_PSS_SHA512_BITS },
        }
    }
}

/// The keys that can serve an algorithm.
enum Kind {
    Ed25519,
    P256,
    Rsa { is_pss: bool, min_bits: usize },
}

/// A public key that was read, checked, and prepared for verifying.
///
/// `Debug` shows what kind of key it is and its size in bits.
pub struct PublicKey(Key);

enum Key {
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
    /// - the base64 of a `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7), with or without padding;
    /// - the 32 bytes of an Ed25519 key (RFC 8032), or a P-256 point of 65 or 33 bytes (SEC 1, section 2.3.3), in
    ///   hexadecimal or base64; `whpk_` before it is passed over;
    /// - one JSON Web Key (RFC 7517, RFC 8037). Its `use` and `alg`, where present, must allow `algorithm`.
    ///
    /// Of a certificate only the key is taken, and of a chain only the first certificate's: whoever configures it
    /// vouches for it, so that issuers, dates and names say nothing here.
    ///
    /// An RSA modulus has from `min_rsa_bits` to 8192 bits, and never fewer than 1024; the exponent is odd and from 3
    /// to 2³³ − 1. An Ed25519 key must be canonical and not of small order. A P-256 point must lie on the curve.
    ///
    /// # Errors
    /// [`PublicKeyError`], also where the key is fine but is not one that `algorithm` can use.
    pub fn parse(text: &str, algorithm: PublicAlgorithm, min_rsa_bits: usize) -> Result<Self, PublicKeyError> {
        match (text::parts(text, algorithm)?, algorithm.kind()) {
            (Parts::Ed25519(bytes), Kind::Ed25519) => Ed25519Key::new(&bytes).map(Key::Ed25519),
            (Parts::P256(point), Kind::P256) => P256Key::new(&point).map(Key::P256),
            (Parts::Rsa { modulus, exponent, pss_only }, Kind::Rsa { is_pss, min_bits }) if is_pss || !pss_only => {
                RsaKey::new(&modulus, &exponent, min_bits.max(min_rsa_bits)).map(Key::Rsa)
            }
            _ => Err(PublicKeyError::WrongKind),
        }
        .map(Self)
    }

    /// Whether `signature` is one of this key over `content`.
    ///
    /// `content` is the digest by [`PublicAlgorithm::hash`], or the whole message where there is none. `signature` is
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
        match (&self.0, algorithm) {
            (Key::Ed25519(key), PublicAlgorithm::Ed25519) => key.verifies(content, signature),
            (Key::P256(key), PublicAlgorithm::EcdsaP256Sha256Der | PublicAlgorithm::EcdsaP256Sha1Der) => {
                key.verifies_der(content, signature)
            }
            (Key::P256(key), PublicAlgorithm::EcdsaP256Sha256Raw) => key.verifies_raw(content, signature),
            (Key::Rsa(key), PublicAlgorithm::RsaPkcs1Sha1) => key.verifies_pkcs1_sha1(content, signature),
            (Key::Rsa(key), PublicAlgorithm::RsaPkcs1Sha256) => key.verifies_pkcs1_sha256(content, signature),
            (Key::Rsa(key), PublicAlgorithm::RsaPkcs1Sha512) => key.verifies_pkcs1_sha512(content, signature),
            (Key::Rsa(key), PublicAlgorithm::RsaPssSha256) => key.verifies_pss_sha256(content, signature),
            (Key::Rsa(key), PublicAlgorithm::RsaPssSha512) => key.verifies_pss_sha512(content, signature),
            (Key::Ed25519(_) | Key::P256(_) | Key::Rsa(_), _) => false,
        }
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Key::Ed25519(_) => f.write_str("PublicKey(Ed25519, 256 bits)"),
            Key::P256(_) => f.write_str("PublicKey(P-256, 256 bits)"),
            Key::Rsa(key) => write!(f, "PublicKey(RSA, {} bits)", key.bits()),
        }
    }
}

/// Why a text cannot be the public key of an algorithm. Carries nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicKeyError {
    /// It is in none of the forms that [`PublicKey::parse`] reads, or is damaged.
    NotAKey,
    /// It holds a private key, or a secret. That belongs to the sender alone.
    PrivateKey,
    /// There is more than one PEM block, and they are no chain of certificates.
    SeveralKeys,
    /// It is a key of another kind, curve or purpose than the algorithm's.
    WrongKind,
    /// The RSA modulus has fewer bits than are asked for, or than the algorithm can work with.
    TooSmall,
    /// The RSA modulus has more than 8192 bits.
    TooLarge,
    /// The RSA exponent is even, less than 3, or larger than 2³³ − 1.
    Exponent,
    /// The Ed25519 key is of small order or not canonical, or the P-256 point is not on the curve.
    WeakPoint,
}

impl std::fmt::Display for PublicKeyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotAKey => {
                "is not a public key: PEM, base64 of a SubjectPublicKeyInfo, a raw key in hexadecimal or base64, or a JSON Web Key"
            }
            Self::PrivateKey => "is a private key; only the public half belongs here, and this one is no longer private",
            Self::SeveralKeys => "holds more than one PEM block; every key is an entry of its own",
            Self::WrongKind => "is a public key, but not one that this algorithm can use",
            Self::TooSmall => "is an RSA key that is too small",
            Self::TooLarge => "is an RSA key of more than 8192 bits",
            Self::Exponent => "is an RSA key whose exponent is even, less than 3, or larger than 2^33 - 1",
            Self::WeakPoint => "is no point of its curve that a sender could have made",
        })
    }
}

impl std::error::Error for PublicKeyError {}
