//! A key as it was written.

/// A key as it was written, not yet checked.
pub enum PrivateKeyParts {
    /// The seed.
    Ed25519(Vec<u8>),
    /// The number.
    P256(Vec<u8>),
    /// Whole numbers, big-endian.
    Rsa(RsaParts),
    /// 32 bytes, which can be an Ed25519 or a P-256 key.
    Bare(Vec<u8>),
}

/// The numbers of an RSA key, big-endian.
pub struct RsaParts {
    pub modulus: Vec<u8>,
    pub exponent: Vec<u8>,
    pub private_exponent: Vec<u8>,
    pub primes: [Vec<u8>; 2],
}
