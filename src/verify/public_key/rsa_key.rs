//! RSA signatures (RFC 8017). The only file that names `rsa`.

#[cfg(not(target_family = "wasm"))]
use rsa::RsaPrivateKey;
#[cfg(not(target_family = "wasm"))]
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::traits::PublicKeyParts as _;
use rsa::{BoxedUint, Error, Pkcs1v15Sign, Pss, RsaPublicKey};

#[cfg(not(target_family = "wasm"))]
use super::PublicAlgorithm;
use super::PublicKeyError;
#[cfg(not(target_family = "wasm"))]
use super::private_key::{Chance, RsaParts};
use crate::verify::mac::{Sha1, Sha256, Sha512};

/// No key is accepted below this, whatever the caller allows: smaller ones can be factored.
pub(super) const FLOOR_BITS: usize = 1024;
/// PSS with SHA-512 and its salt fills 64 + 64 + 2 bytes, and the modulus has one bit more than they do at least
/// (RFC 8017, section 9.1.1).
pub(super) const FLOOR_PSS_SHA512_BITS: usize = 1034;
/// Verifying takes time by the square of it, and a stranger chooses how often that is done.
const MAX_BITS: usize = 8192;

/// The salt of PSS in bytes: the length of the digest (RFC 7518, section 3.5; RFC 9421, section 3.3.1).
const PSS_SHA256_SALT: usize = 32;
const PSS_SHA512_SALT: usize = 64;

pub(super) struct RsaKey(RsaPublicKey);

impl RsaKey {
    /// Makes a key of two whole numbers, big-endian, of which the modulus has `min_bits` at least.
    pub(super) fn new(modulus: &[u8], exponent: &[u8], min_bits: usize) -> Result<Self, PublicKeyError> {
        let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
        // Before any arithmetic, which takes memory and time by the length.
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
    pub(super) fn bits(&self) -> u32 {
        self.0.n().bits_vartime()
    }

    pub(super) fn verifies_pkcs1_sha1(&self, digest: &[u8], signature: &[u8]) -> bool {
        self.0.verify(Pkcs1v15Sign::new::<Sha1>(), digest, signature).is_ok()
    }

    pub(super) fn verifies_pkcs1_sha256(&self, digest: &[u8], signature: &[u8]) -> bool {
        self.0.verify(Pkcs1v15Sign::new::<Sha256>(), digest, signature).is_ok()
    }

    pub(super) fn verifies_pkcs1_sha512(&self, digest: &[u8], signature: &[u8]) -> bool {
        self.0.verify(Pkcs1v15Sign::new::<Sha512>(), digest, signature).is_ok()
    }

    pub(super) fn verifies_pss_sha256(&self, digest: &[u8], signature: &[u8]) -> bool {
        self.0.verify(Pss::<Sha256>::new_with_salt(PSS_SHA256_SALT), digest, signature).is_ok()
    }

    pub(super) fn verifies_pss_sha512(&self, digest: &[u8], signature: &[u8]) -> bool {
        self.0.verify(Pss::<Sha512>::new_with_salt(PSS_SHA512_SALT), digest, signature).is_ok()
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// A private key.
#[cfg(not(target_family = "wasm"))]
pub(super) struct RsaSigner(RsaPrivateKey);

#[cfg(not(target_family = "wasm"))]
impl RsaSigner {
    /// Makes a key of its numbers; `None` if they do not fit together.
    pub(super) fn new(parts: &RsaParts) -> Option<Self> {
        let number = |bytes: &[u8]| BoxedUint::from_be_slice_vartime(without_zeros(bytes));
        let primes = parts.primes.iter().map(|prime| number(prime)).collect();
        let (modulus, exponent) = (number(&parts.modulus), number(&parts.exponent));
        RsaPrivateKey::from_components(modulus, exponent, number(&parts.private_exponent), primes).ok().map(Self)
    }

    pub(super) fn sign(&self, algorithm: PublicAlgorithm, digest: &[u8], chance: Chance<'_>) -> Option<Vec<u8>> {
        match algorithm {
            PublicAlgorithm::RsaPkcs1Sha1 => self.0.sign(Pkcs1v15Sign::new::<Sha1>(), digest),
            PublicAlgorithm::RsaPkcs1Sha256 => self.0.sign(Pkcs1v15Sign::new::<Sha256>(), digest),
            PublicAlgorithm::RsaPkcs1Sha512 => self.0.sign(Pkcs1v15Sign::new::<Sha512>(), digest),
            PublicAlgorithm::RsaPssSha256 => {
                self.0.sign_with_rng(&mut Salt(chance), Pss::<Sha256>::new_with_salt(PSS_SHA256_SALT), digest)
            }
            PublicAlgorithm::RsaPssSha512 => {
                self.0.sign_with_rng(&mut Salt(chance), Pss::<Sha512>::new_with_salt(PSS_SHA512_SALT), digest)
            }
            _ => return None,
        }
        .ok()
    }

    /// Modulus and exponent, big-endian.
    pub(super) fn public_key(&self) -> (Vec<u8>, Vec<u8>) {
        (self.0.n().to_be_bytes().to_vec(), self.0.e().to_be_bytes().to_vec())
    }
}

/// Where the salt of a signature is from.
#[cfg(not(target_family = "wasm"))]
struct Salt<'a>(Chance<'a>);

#[cfg(not(target_family = "wasm"))]
impl TryRng for Salt<'_> {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        (self.0)(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        (self.0)(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        (self.0)(bytes);
        Ok(())
    }
}

#[cfg(not(target_family = "wasm"))]
impl TryCryptoRng for Salt<'_> {}
