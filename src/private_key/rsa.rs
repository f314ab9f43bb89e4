//! Signing with RSA (RFC 8017).

use ::rsa::rand_core::{TryCryptoRng, TryRng};
use ::rsa::traits::PublicKeyParts as _;
use ::rsa::{BoxedUint, Pkcs1v15Sign, Pss, RsaPrivateKey};

use crate::private_key::parts::RsaParts;
use crate::private_key::rng::Rng;
use crate::verify::primitives::mac::{Sha1, Sha256, Sha512};
use crate::verify::primitives::native::{PSS_SHA256_SALT, PSS_SHA512_SALT};
use crate::verify::primitives::public_key::PublicAlgorithm;

/// A private key.
pub struct RsaSigner(RsaPrivateKey);

impl RsaSigner {
    /// Builds a key from its numbers; `None` if they are inconsistent.
    pub fn new(parts: &RsaParts) -> Option<Self> {
        let number = |bytes: &[u8]| BoxedUint::from_be_slice_vartime(without_zeros(bytes));
        let primes = parts.primes.iter().map(|prime| number(prime)).collect();
        let (modulus, exponent) = (number(&parts.modulus), number(&parts.exponent));
        RsaPrivateKey::from_components(modulus, exponent, number(&parts.private_exponent), primes).ok().map(Self)
    }

    pub fn sign(&self, algorithm: PublicAlgorithm, digest: &[u8], rng: Rng<'_>) -> Option<Vec<u8>> {
        match algorithm {
            PublicAlgorithm::RsaPkcs1Sha1 => self.0.sign(Pkcs1v15Sign::new::<Sha1>(), digest),
            PublicAlgorithm::RsaPkcs1Sha256 => self.0.sign(Pkcs1v15Sign::new::<Sha256>(), digest),
            PublicAlgorithm::RsaPkcs1Sha512 => self.0.sign(Pkcs1v15Sign::new::<Sha512>(), digest),
            PublicAlgorithm::RsaPssSha256 => {
                self.0.sign_with_rng(&mut Salt(rng), Pss::<Sha256>::new_with_salt(PSS_SHA256_SALT), digest)
            }
            PublicAlgorithm::RsaPssSha512 => {
                self.0.sign_with_rng(&mut Salt(rng), Pss::<Sha512>::new_with_salt(PSS_SHA512_SALT), digest)
            }
            _ => return None,
        }
        .ok()
    }

    /// Modulus and exponent, big-endian.
    pub fn public_key(&self) -> (Vec<u8>, Vec<u8>) {
        (self.0.n().to_be_bytes().to_vec(), self.0.e().to_be_bytes().to_vec())
    }
}

/// The source of a signature's salt.
struct Salt<'a>(Rng<'a>);

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

impl TryCryptoRng for Salt<'_> {}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}
