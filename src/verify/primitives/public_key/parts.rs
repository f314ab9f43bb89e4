//! A key as it was written.

use crate::verify::primitives::mac::HashAlgorithm;

/// A key as it was written, not yet checked.
pub enum KeyParts {
    Ed25519(Vec<u8>),
    /// A point of SEC 1.
    P256(Vec<u8>),
    /// Two whole numbers, big-endian.
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
        pss_only: bool,
        /// The hash that the key is restricted to, for the content, the mask and the salt's length.
        pss_hash: Option<HashAlgorithm>,
    },
}
