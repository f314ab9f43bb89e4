//! The algorithms that schemes and tokens name.

use crate::verify::primitives::mac::HashAlgorithm;
use crate::verify::primitives::public_key::PublicAlgorithm;

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// A keyed hash.
    Hmac(HashAlgorithm),
    /// A hash of content that includes the secret. Weaker than a keyed hash; supported for the senders that use it.
    Hash(HashAlgorithm),
    /// A public-key signature.
    Public(PublicAlgorithm),
}

impl SignatureAlgorithm {
    /// Whether its keys are public.
    #[must_use]
    pub fn is_public(self) -> bool {
        self.public().is_some()
    }

    /// The algorithm, if it is a public key's.
    #[must_use]
    pub fn public(self) -> Option<PublicAlgorithm> {
        match self {
            SignatureAlgorithm::Public(algorithm) => Some(algorithm),
            SignatureAlgorithm::Hmac(_) | SignatureAlgorithm::Hash(_) => None,
        }
    }
}

/// An algorithm of RFC 7518 or RFC 8037. `none` is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// HMAC-SHA256.
    Hs256,
    /// HMAC-SHA384.
    Hs384,
    /// HMAC-SHA512.
    Hs512,
    /// RSA PKCS #1 v1.5 with SHA-256.
    Rs256,
    /// ECDSA P-256 with SHA-256, raw.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl JwtAlgorithm {
    /// Every algorithm and its name.
    pub const NAMES: &'static [(&'static str, JwtAlgorithm)] = &[
        ("HS256", JwtAlgorithm::Hs256),
        ("HS384", JwtAlgorithm::Hs384),
        ("HS512", JwtAlgorithm::Hs512),
        ("RS256", JwtAlgorithm::Rs256),
        ("ES256", JwtAlgorithm::Es256),
        ("EdDSA", JwtAlgorithm::EdDsa),
    ];

    /// The hash, if it is a keyed hash.
    #[must_use]
    pub fn hmac(self) -> Option<HashAlgorithm> {
        match self {
            JwtAlgorithm::Hs256 => Some(HashAlgorithm::Sha256),
            JwtAlgorithm::Hs384 => Some(HashAlgorithm::Sha384),
            JwtAlgorithm::Hs512 => Some(HashAlgorithm::Sha512),
            JwtAlgorithm::Rs256 | JwtAlgorithm::Es256 | JwtAlgorithm::EdDsa => None,
        }
    }

    /// The algorithm, if it uses a public key.
    #[must_use]
    pub fn public(self) -> Option<PublicAlgorithm> {
        match self {
            JwtAlgorithm::Hs256 | JwtAlgorithm::Hs384 | JwtAlgorithm::Hs512 => None,
            JwtAlgorithm::Rs256 => Some(PublicAlgorithm::RsaPkcs1Sha256),
            JwtAlgorithm::Es256 => Some(PublicAlgorithm::EcdsaP256Sha256Raw),
            JwtAlgorithm::EdDsa => Some(PublicAlgorithm::Ed25519),
        }
    }
}
