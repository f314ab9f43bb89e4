//! Ed25519 (RFC 8032). Verifying only.

use ed25519_dalek::{Signature, VerifyingKey};

use crate::verify::primitives::public_key::error::PublicKeyError;

pub struct Ed25519Key(VerifyingKey);

impl Ed25519Key {
    /// Reads the 32 bytes of a key (RFC 8032, section 5.1.2). Refuses a second way to write a point, and a
    /// point of small order, under which one signature is good for many messages.
    pub fn new(bytes: &[u8]) -> Result<Self, PublicKeyError> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| PublicKeyError::NotAKey)?;
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| PublicKeyError::WeakPoint)?;
        let is_canonical = VerifyingKey::from(key.to_edwards()) == key;
        if is_canonical && !key.is_weak() { Ok(Self(key)) } else { Err(PublicKeyError::WeakPoint) }
    }

    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}
