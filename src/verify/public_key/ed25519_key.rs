//! Ed25519 (RFC 8032). The only file that names `ed25519_dalek`.

use ed25519_dalek::{Signature, VerifyingKey};
#[cfg(not(target_family = "wasm"))]
use ed25519_dalek::{Signer as _, SigningKey};

use super::PublicKeyError;

pub(super) struct Ed25519Key(VerifyingKey);

impl Ed25519Key {
    /// Reads the 32 bytes of a key (RFC 8032, section 5.1.2). Refuses a second way to write a point, and a
    /// point of small order, under which one signature is good for many messages.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, PublicKeyError> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| PublicKeyError::NotAKey)?;
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| PublicKeyError::WeakPoint)?;
        let is_canonical = VerifyingKey::from(key.to_edwards()) == key;
        if is_canonical && !key.is_weak() { Ok(Self(key)) } else { Err(PublicKeyError::WeakPoint) }
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}

/// A private key (RFC 8032, section 5.1.5).
#[cfg(not(target_family = "wasm"))]
pub(super) struct Ed25519Signer(SigningKey);

#[cfg(not(target_family = "wasm"))]
impl Ed25519Signer {
    /// Reads the seed of 32 bytes.
    pub(super) fn new(seed: &[u8]) -> Option<Self> {
        let seed: &[u8; 32] = seed.try_into().ok()?;
        Some(Self(SigningKey::from_bytes(seed)))
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).to_bytes().to_vec()
    }

    /// The 32 bytes of the public key.
    pub(super) fn public_key(&self) -> Vec<u8> {
        self.0.verifying_key().to_bytes().to_vec()
    }
}
