//! The checksum of gzip, ZIP and PNG, which authenticates nothing. The only file that names `crc32fast`.

use crc32fast::Hasher;

/// The CRC-32 of `bytes` (RFC 1952, section 8).
#[must_use]
pub fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// A running CRC-32.
#[derive(Clone, Debug, Default)]
pub struct Crc32(Hasher);

impl Crc32 {
    /// Feeds more.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all that was fed.
    #[must_use]
    pub fn finish(self) -> u32 {
        self.0.finalize()
    }
}
