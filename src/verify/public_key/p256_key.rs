//! ECDSA with P-256 (FIPS 186-5). The only file that names `p256`.

#[cfg(not(target_family = "wasm"))]
use p256::ecdsa::SigningKey;
#[cfg(not(target_family = "wasm"))]
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::ecdsa::{Signature, VerifyingKey};

use super::PublicKeyError;

pub(super) struct P256Key(VerifyingKey);

impl P256Key {
    /// Reads a point, compressed or not (SEC 1, section 2.3.4).
    pub(super) fn new(point: &[u8]) -> Result<Self, PublicKeyError> {
        match (point.len(), point.first()) {
            (33, Some(2 | 3)) | (65, Some(4)) => {
                VerifyingKey::from_sec1_bytes(point).map(Self).map_err(|_| PublicKeyError::WeakPoint)
            }
            _ => Err(PublicKeyError::NotAKey),
        }
    }

    /// A digest shorter than the curve's order is the number it is; SHA-1's is (FIPS 186-5, section 6.4.2).
    pub(super) fn verifies_der(&self, digest: &[u8], signature: &[u8]) -> bool {
        Signature::from_der(signature).is_ok_and(|signature| self.0.verify_prehash(digest, &signature).is_ok())
    }

    pub(super) fn verifies_raw(&self, digest: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.0.verify_prehash(digest, &signature).is_ok())
    }
}

/// A private key.
#[cfg(not(target_family = "wasm"))]
pub(super) struct P256Signer(SigningKey);

#[cfg(not(target_family = "wasm"))]
impl P256Signer {
    /// Reads the number, of 32 bytes (SEC 1, section 2.3.7).
    pub(super) fn new(number: &[u8]) -> Option<Self> {
        SigningKey::from_slice(number).ok().map(Self)
    }

    pub(super) fn sign_der(&self, digest: &[u8]) -> Option<Vec<u8>> {
        self.sign(digest).map(|signature| signature.to_der().as_bytes().to_vec())
    }

    pub(super) fn sign_raw(&self, digest: &[u8]) -> Option<Vec<u8>> {
        self.sign(digest).map(|signature| signature.to_bytes().to_vec())
    }

    fn sign(&self, digest: &[u8]) -> Option<Signature> {
        self.0.sign_prehash(digest).ok()
    }

    /// The public point, not compressed.
    pub(super) fn public_key(&self) -> Vec<u8> {
        self.0.verifying_key().to_sec1_point(false).as_bytes().to_vec()
    }
}
