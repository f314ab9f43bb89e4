//! Hashes and message authentication codes, public keys, constant-time comparison, timestamps.
//!
//! Depends on `bytes` only: it has no notion of requests or schemes.

pub mod mac;
#[cfg(not(target_family = "wasm"))]
pub mod native;
pub mod public_key;
pub mod timestamp;
pub mod token;
