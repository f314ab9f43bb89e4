//! Signing with Ed25519 (RFC 8032).

use ed25519_dalek::{Signer as _, SigningKey};

/// A private key (RFC 8032, section 5.1.5).
pub struct Ed25519Signer(SigningKey);

impl Ed25519Signer {
    /// Reads the seed of 32 bytes.
    pub fn new(seed: &[u8]) -> Option<Self> {
        let seed: &[u8; 32] = seed.try_into().ok()?;
        Some(Self(SigningKey::from_bytes(seed)))
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).to_bytes().to_vec()
    }

    /// The 32 bytes of the public key.
    pub fn public_key(&self) -> Vec<u8> {
        self.0.verifying_key().to_bytes().to_vec()
    }
}
