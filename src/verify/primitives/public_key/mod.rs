//! Public keys, and the signatures that they verify.
//!
//! All of it handles public data: the sender of a request knows the key, the signed content and the signature.
//! Nothing here is constant-time, and nothing needs to be. No private key is ever accepted in place of a public
//! one.

mod algorithm;
pub(super) mod der;
mod ed25519;
mod error;
mod jwk;
mod key;
pub(crate) mod oid;
mod p256;
mod parts;
pub(super) mod rsa;
mod text;

pub use algorithm::PublicAlgorithm;
pub use error::PublicKeyError;
pub use key::PublicKey;
