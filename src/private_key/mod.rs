//! Private keys, with which the command signs test requests. Native only: the filter never holds one.

mod der;
mod ed25519;
mod error;
mod key;
mod p256;
mod parts;
mod rng;
mod rsa;
mod text;

pub use error::PrivateKeyError;
pub use key::PrivateKey;
pub use rng::Rng;
