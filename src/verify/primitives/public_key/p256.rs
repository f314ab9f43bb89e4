//! ECDSA with P-256 (FIPS 186-5). Verifying only.

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::ecdsa::{Signature, VerifyingKey};

use crate::verify::primitives::public_key::der;
use crate::verify::primitives::public_key::error::PublicKeyError;

pub struct P256Key(VerifyingKey);

impl P256Key {
    /// Reads a point, compressed or not (SEC 1, section 2.3.4).
    pub fn new(point: &[u8]) -> Result<Self, PublicKeyError> {
        match (point.len(), point.first()) {
            (33, Some(2 | 3)) | (65, Some(4)) => {
                VerifyingKey::from_sec1_bytes(point).map(Self).map_err(|_| PublicKeyError::WeakPoint)
            }
            _ => Err(PublicKeyError::NotAKey),
        }
    }

    /// A digest shorter than the curve's order is the number it is; SHA-1's is (FIPS 186-5, section 6.4.2).
    pub fn verifies_der(&self, digest: &[u8], signature: &[u8]) -> bool {
        Signature::from_der(signature).is_ok_and(|signature| self.0.verify_prehash(digest, &signature).is_ok())
    }

    pub fn verifies_raw(&self, digest: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.0.verify_prehash(digest, &signature).is_ok())
    }

    /// The key as a `SubjectPublicKeyInfo`, with an uncompressed point (RFC 5480, section 2).
    pub fn spki(&self) -> Option<Vec<u8>> {
        der::p256_spki(self.0.to_sec1_point(false).as_bytes())
    }
}

/// The one encoding in DER of a signature that is read as [`P256Key::verifies_der`] reads it: r and s are in range.
pub fn der_of_der(signature: &[u8]) -> Option<Vec<u8>> {
    Signature::from_der(signature).ok().map(|signature| signature.to_der().as_bytes().to_vec())
}

/// The same of r and s, 32 bytes each.
pub fn der_of_raw(signature: &[u8]) -> Option<Vec<u8>> {
    Signature::from_slice(signature).ok().map(|signature| signature.to_der().as_bytes().to_vec())
}
