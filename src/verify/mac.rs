//! Message authentication codes. The only file that names `hmac`, `sha1` and `sha2`.

use hmac::digest::{CtOutput, KeyInit as _};
use hmac::{Hmac, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// A keyed hash that a scheme can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC-SHA1 (RFC 2104). Not broken as a MAC, but nothing new should use it.
    HmacSha1,
    /// HMAC-SHA256 (RFC 2104, FIPS 180-4).
    HmacSha256,
}

impl Algorithm {
    /// The length of a tag in bytes. A tag of any other length is malformed: truncation is never accepted.
    #[must_use]
    pub fn tag_len(self) -> usize {
        match self {
            Algorithm::HmacSha1 => 20,
            Algorithm::HmacSha256 => 32,
        }
    }
}

/// A key with its two pads already hashed, so that a request pays for its own bytes only.
///
/// Holds a secret: no `Clone`, and `Debug` names the algorithm at most.
pub struct MacKey(State);

/// A running code over what was fed so far.
pub struct Mac(State);

#[derive(Clone)]
enum State {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
}

impl MacKey {
    /// Prepares `key`, of any length (RFC 2104, section 2).
    #[must_use]
    pub fn new(algorithm: Algorithm, key: &[u8]) -> Option<Self> {
        Some(Self(match algorithm {
            Algorithm::HmacSha1 => State::Sha1(Hmac::new_from_slice(key).ok()?),
            Algorithm::HmacSha256 => State::Sha256(Hmac::new_from_slice(key).ok()?),
        }))
    }

    /// Begins a code under this key.
    #[must_use]
    pub fn begin(&self) -> Mac {
        Mac(self.0.clone())
    }
}

impl Mac {
    /// Feeds more of the signed content.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha1(mac) => mac.update(bytes),
            State::Sha256(mac) => mac.update(bytes),
        }
    }

    /// Whether any of `candidates` is the tag.
    ///
    /// Each comparison is constant-time in the content of both sides. Its time depends on the number and the
    /// lengths of the candidates, which the sender of the request knows.
    #[must_use]
    pub fn matches_any(self, candidates: &[Vec<u8>]) -> bool {
        match self.0 {
            State::Sha1(mac) => {
                let tag = mac.finalize();
                candidates
                    .iter()
                    .filter_map(|candidate| candidate.as_slice().try_into().ok())
                    .fold(false, |found, bytes: hmac::digest::Output<Hmac<Sha1>>| (tag == CtOutput::new(bytes)) | found)
            }
            State::Sha256(mac) => {
                let tag = mac.finalize();
                candidates
                    .iter()
                    .filter_map(|candidate| candidate.as_slice().try_into().ok())
                    .fold(false, |found, bytes: hmac::digest::Output<Hmac<Sha256>>| {
                        (tag == CtOutput::new(bytes)) | found
                    })
            }
        }
    }
}

/// SHA-256, for comparing credentials of unequal length in equal time.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

impl std::fmt::Debug for MacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MacKey(..)")
    }
}

impl std::fmt::Debug for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mac(..)")
    }
}
