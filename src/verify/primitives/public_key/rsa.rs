//! RSA signatures (RFC 8017). Verifying only.

use ::rsa::traits::PublicKeyParts as _;
use ::rsa::{BoxedUint, Error, Pkcs1v15Sign, Pss, RsaPublicKey};

use crate::verify::primitives::mac::{Sha1, Sha256, Sha512};
use crate::verify::primitives::public_key::der;
use crate::verify::primitives::public_key::error::PublicKeyError;

/// No key is accepted below this, whatever the caller allows: smaller ones can be factored.
pub const FLOOR_BITS: usize = 1024;
/// PSS with SHA-512 and its salt fills 64 + 64 + 2 bytes, and the modulus has at least one bit more
/// (RFC 8017, section 9.1.1).
pub const FLOOR_PSS_SHA512_BITS: usize = 1034;
/// Verification time grows with its square, and an attacker chooses how often it is spent.
const MAX_BITS: usize = 8192;

/// The salt of PSS in bytes: the length of the digest (RFC 7518, section 3.5; RFC 9421, section 3.3.1).
pub const PSS_SHA256_SALT: usize = 32;
/// As [`PSS_SHA256_SALT`].
pub const PSS_SHA512_SALT: usize = 64;

pub struct RsaKey(RsaPublicKey);

impl RsaKey {
    /// Makes a key of two whole numbers, big-endian, with a modulus of at least `min_bits`.
    pub fn new(modulus: &[u8], exponent: &[u8], min_bits: usize) -> Result<Self, PublicKeyError> {
        let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
        // Before any arithmetic, whose time and memory grow with the length.
        if modulus.len().saturating_mul(8) > MAX_BITS {
            return Err(PublicKeyError::TooLarge);
        }
        if exponent.len() > size_of::<u64>() {
            return Err(PublicKeyError::Exponent);
        }
        let modulus = BoxedUint::from_be_slice_vartime(modulus);
        let exponent = BoxedUint::from_be_slice_vartime(exponent);
        let sizes = min_bits.clamp(FLOOR_BITS, MAX_BITS)..=MAX_BITS;
        RsaPublicKey::new_with_size_limits(modulus, exponent, sizes).map(Self).map_err(|error| match error {
            Error::ModulusTooSmall => PublicKeyError::TooSmall,
            Error::InvalidExponent | Error::PublicExponentTooSmall | Error::PublicExponentTooLarge => {
                PublicKeyError::Exponent
            }
            _ => PublicKeyError::NotAKey,
        })
    }

    /// The size of the modulus.
    pub fn bits(&self) -> u32 {
        self.0.n().bits_vartime()
    }

    /// The key as a `SubjectPublicKeyInfo` (RFC 3279, section 2.3.1).
    pub fn spki(&self) -> Option<Vec<u8>> {
        let (modulus, exponent) = (self.0.n().to_be_bytes(), self.0.e().to_be_bytes());
        der::rsa_spki(without_zeros(&modulus), without_zeros(&exponent))
    }

    /// Whether a signature is as long as the modulus and less than it (RFC 8017, sections 5.2.2 and 8.2.2).
    pub fn is_in_range(&self, signature: &[u8]) -> bool {
        let modulus = self.0.n().to_be_bytes();
        let modulus = without_zeros(&modulus);
        signature.len() == modulus.len() && signature < modulus
    }

    pub fn verifies_pkcs1_sha1(&self, digest: &[u8], signature: &[u8]) -> bool {
        self.0.verify(Pkcs1v15Sign::new::<Sha1>(), digest, signature).is_ok()
    }

    pub fn verifies_pkcs1_sha256(&self, digest: &[u8], signature: &[u8]) -> bool {
        self.0.verify(Pkcs1v15Sign::new::<Sha256>(), digest, signature).is_ok()
    }

    pub fn verifies_pkcs1_sha512(&self, digest: &[u8], signature: &[u8]) -> bool {
        self.0.verify(Pkcs1v15Sign::new::<Sha512>(), digest, signature).is_ok()
    }

    pub fn verifies_pss_sha256(&self, digest: &[u8], signature: &[u8]) -> bool {
        self.0.verify(Pss::<Sha256>::new_with_salt(PSS_SHA256_SALT), digest, signature).is_ok()
    }

    pub fn verifies_pss_sha512(&self, digest: &[u8], signature: &[u8]) -> bool {
        self.0.verify(Pss::<Sha512>::new_with_salt(PSS_SHA512_SALT), digest, signature).is_ok()
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}
