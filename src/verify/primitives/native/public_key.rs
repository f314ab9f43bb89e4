//! What private keys need of public ones.

use crate::verify::primitives::public_key::der;
pub(crate) use crate::verify::primitives::public_key::rsa::{PSS_SHA256_SALT, PSS_SHA512_SALT};

/// Whether it is a `SubjectPublicKeyInfo` of a kind that is read here.
pub(crate) fn is_public(bytes: &[u8]) -> bool {
    der::spki(bytes).is_ok()
}
