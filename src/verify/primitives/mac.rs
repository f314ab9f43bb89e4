//! Hashes and message authentication codes. The only file that names `hmac`, `md-5`, `sha1` and `sha2`.

use hmac::digest::{CtOutput, KeyInit as _};
use hmac::{Hmac, Mac as _};
use md5::Md5;
pub(crate) use sha1::Sha1;
use sha2::{Digest as _, Sha384};
pub(crate) use sha2::{Sha256, Sha512};

/// A hash that a scheme can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// MD5 (RFC 1321). Broken; supported for senders that offer nothing else.
    Md5,
    /// SHA-1 (FIPS 180-4). Broken for signatures, not as a MAC; nothing new should use it.
    Sha1,
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SHA-384 (FIPS 180-4).
    Sha384,
    /// SHA-512 (FIPS 180-4).
    Sha512,
}

impl HashAlgorithm {
    /// The length of a digest, and of an HMAC tag, in bytes. A tag of any other length is malformed: truncation is
    /// never accepted.
    #[must_use]
    pub fn digest_len(self) -> usize {
        match self {
            HashAlgorithm::Md5 => 16,
            HashAlgorithm::Sha1 => 20,
            HashAlgorithm::Sha256 => 32,
            HashAlgorithm::Sha384 => 48,
            HashAlgorithm::Sha512 => 64,
        }
    }

    /// The digest of `bytes`.
    #[must_use]
    pub fn digest(self, bytes: &[u8]) -> Vec<u8> {
        let mut hasher = Hasher::new(self);
        hasher.update(bytes);
        hasher.finish()
    }
}

/// One variant for each hash, with the same calls on all of them.
///
/// The states are boxed: those of SHA-512 are more than twice as large as SHA-256's, and everything that holds one would be
/// moved and aligned like them.
macro_rules! for_each_hash {
    ($($variant:ident $hash:ty),+ $(,)?) => {
        #[derive(Clone)]
        enum HashState {
            $($variant(Box<$hash>),)+
        }

        #[derive(Clone)]
        enum MacState {
            $($variant(Box<Hmac<$hash>>),)+
        }

        impl Hasher {
            /// Begins a digest.
            #[must_use]
            pub fn new(algorithm: HashAlgorithm) -> Self {
                Self(match algorithm { $(HashAlgorithm::$variant => HashState::$variant(Box::new(<$hash>::new())),)+ })
            }

            /// Feeds more.
            pub fn update(&mut self, bytes: &[u8]) {
                match &mut self.0 { $(HashState::$variant(hash) => hash.update(bytes),)+ }
            }

            /// The digest of all that was fed.
            #[must_use]
            pub fn finish(self) -> Vec<u8> {
                match self.0 { $(HashState::$variant(hash) => hash.finalize().to_vec(),)+ }
            }

            /// Bytes of memory that it holds, besides its own size.
            #[must_use]
            pub fn held_bytes(&self) -> usize {
                match &self.0 { $(HashState::$variant(hash) => size_of_val(&**hash),)+ }
            }
        }

        impl MacKey {
            /// Prepares `key`, of any length (RFC 2104, section 2).
            #[must_use]
            pub fn new(algorithm: HashAlgorithm, key: &[u8]) -> Option<Self> {
                Some(Self(match algorithm {
                    $(HashAlgorithm::$variant => MacState::$variant(Box::new(Hmac::new_from_slice(key).ok()?)),)+
                }))
            }
        }

        impl Mac {
            /// Feeds more of the signed content.
            pub fn update(&mut self, bytes: &[u8]) {
                match &mut self.0 { $(MacState::$variant(mac) => mac.update(bytes),)+ }
            }

            /// Bytes of memory that it holds, besides its own size.
            #[must_use]
            pub fn held_bytes(&self) -> usize {
                match &self.0 { $(MacState::$variant(mac) => size_of_val(&**mac),)+ }
            }

            /// The tag itself, for the answer to a handshake, and for the command, which signs events. A verifier only
            /// compares tags and never needs it.
            #[must_use]
            pub fn tag(self) -> Vec<u8> {
                match self.0 { $(MacState::$variant(mac) => mac.finalize().into_bytes().to_vec(),)+ }
            }

            /// Whether any of `candidates` is the tag.
            ///
            /// Each comparison is constant-time in the content of both sides. Its time depends on the number and
            /// the lengths of the candidates, which the sender of the request knows.
            #[must_use]
            pub fn matches_any(self, candidates: &[Vec<u8>]) -> bool {
                match self.0 {
                    $(MacState::$variant(mac) => {
                        let tag = mac.finalize();
                        candidates
                            .iter()
                            .filter_map(|candidate| candidate.as_slice().try_into().ok())
                            .fold(false, |found, bytes: hmac::digest::Output<Hmac<$hash>>| {
                                (tag == CtOutput::new(bytes)) | found
                            })
                    })+
                }
            }
        }
    };
}

/// A running digest.
#[derive(Clone)]
pub struct Hasher(HashState);

/// A key with its two pads already hashed, so that a request pays for its own bytes only.
///
/// Holds a secret: it has no `Clone`, and `Debug` shows no part of it.
pub struct MacKey(MacState);

/// A running code over what was fed so far.
pub struct Mac(MacState);

for_each_hash!(Md5 Md5, Sha1 Sha1, Sha256 Sha256, Sha384 Sha384, Sha512 Sha512);

impl MacKey {
    /// Begins a code under this key.
    #[must_use]
    pub fn begin(&self) -> Mac {
        Mac(self.0.clone())
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

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher(..)")
    }
}
