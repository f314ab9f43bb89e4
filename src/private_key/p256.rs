//! Signing with ECDSA and P-256 (FIPS 186-5).

use ::p256::ecdsa::signature::hazmat::PrehashSigner as _;
use ::p256::ecdsa::{Signature, SigningKey};

/// A private key.
pub struct P256Signer(SigningKey);

impl P256Signer {
    /// Reads the private scalar, 32 bytes (SEC 1, section 2.3.7).
    pub fn new(number: &[u8]) -> Option<Self> {
        SigningKey::from_slice(number).ok().map(Self)
    }

    pub fn sign_der(&self, digest: &[u8]) -> Option<Vec<u8>> {
        self.sign(digest).map(|signature| signature.to_der().as_bytes().to_vec())
    }

    pub fn sign_raw(&self, digest: &[u8]) -> Option<Vec<u8>> {
        self.sign(digest).map(|signature| signature.to_bytes().to_vec())
    }

    fn sign(&self, digest: &[u8]) -> Option<Signature> {
        self.0.sign_prehash(digest).ok()
    }

    /// The public point, not compressed.
    pub fn public_key(&self) -> Vec<u8> {
        self.0.verifying_key().to_sec1_point(false).as_bytes().to_vec()
    }
}
