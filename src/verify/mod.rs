//! The proof: does this request come from who it claims to come from?
//!
//! Pure: no host, no clock, no environment. A success is a [`Verified`], which only [`Proof::finish`] makes; a
//! failure is a [`Denial`], which carries nothing of the request and nothing of a secret.

pub mod builtin;
pub mod check;
pub mod content;
mod credential;
mod denial;
pub mod encoding;
pub mod expression;
pub mod form;
pub mod http_scheme;
pub mod http_signature;
mod identity;
pub mod json;
pub mod jwt;
pub mod keyring;
pub mod mac;
pub mod message;
pub mod message_signature;
pub mod multipart;
pub mod percent;
pub mod public_key;
pub mod request;
mod requirement;
pub mod scheme;
pub mod secret;
pub mod signature;
mod signed;
pub mod structured_field;
pub mod timestamp;
pub mod token;

pub use denial::Denial;
pub use identity::{Identity, Keep, Unidentified};
pub use request::{HeaderLine, HeldBody, Occurrence, Request};
pub use requirement::{Dialects, Group, Proof, Requirement, Verified};
