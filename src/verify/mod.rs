//! The proof: does this request come from who it claims to come from?
//!
//! Pure: no host, no clock, no environment. A success is a [`Verified`], which only [`Proof::finish`] makes; a
//! failure is a [`Denial`], which carries nothing of the request and nothing of a secret.

pub mod check;
mod denial;
pub mod encoding;
pub mod keyring;
pub mod mac;
pub mod message;
mod request;
mod requirement;
pub mod scheme;
pub mod secret;
pub mod signature;
pub mod timestamp;
pub mod token;

pub use denial::Denial;
pub use request::{HeaderLine, HeldBody, Occurrence, Request};
pub use requirement::{Dialects, Group, Proof, Requirement, Verified};
