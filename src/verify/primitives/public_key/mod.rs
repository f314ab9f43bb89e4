//! Public keys, and the signatures that they verify.
//!
//! All of it handles public data: the sender of a request knows the key, the signed content and the signature.
//! Nothing here is constant-time, and nothing needs to be. No private key is ever accepted in place of a public
//! one.

mod algorithm;
mod delegate;
pub(super) mod der;
mod ed25519;
mod error;
mod host;
mod jwk;
mod key;
mod known_signatures;
pub(crate) mod oid;
mod p256;
mod parts;
pub(super) mod rsa;
mod signed_content;
mod tested_host;
mod text;

pub use algorithm::PublicAlgorithm;
pub use delegate::{Counts, Delegate};
pub use error::PublicKeyError;
pub use host::{Question, SignatureHost};
pub use key::PublicKey;
pub use signed_content::SignedContent;
pub use tested_host::TestedHost;
