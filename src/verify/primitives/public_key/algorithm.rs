//! The signature algorithms of public keys.

use crate::verify::primitives::mac::HashAlgorithm;

/// A signature algorithm that a scheme can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicAlgorithm {
    /// Ed25519 over the message itself (RFC 8032, section 5.1). The signature has 64 bytes.
    Ed25519,
    /// ECDSA with P-256 and SHA-256 (FIPS 186-5); the signature is the DER of `ECDSA-Sig-Value` (RFC 3279, 2.2.3).
    EcdsaP256Sha256Der,
    /// ECDSA with P-256 and SHA-1, in DER. SHA-1 is not collision-resistant: only for senders that offer nothing else.
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
    /// The hash whose digest [`PublicKey::verifies`](super::PublicKey::verifies) takes; `None` if it takes the whole message.
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

    /// Whether a host's function for signatures can verify it: Envoy's knows neither Ed25519 nor PSS.
    #[must_use]
    pub fn is_known_to_hosts(self) -> bool {
        match self {
            Self::EcdsaP256Sha256Der
            | Self::EcdsaP256Sha1Der
            | Self::EcdsaP256Sha256Raw
            | Self::RsaPkcs1Sha1
            | Self::RsaPkcs1Sha256
            | Self::RsaPkcs1Sha512 => true,
            Self::Ed25519 | Self::RsaPssSha256 | Self::RsaPssSha512 => false,
        }
    }
}
