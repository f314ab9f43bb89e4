//! Verifies a request: was it made by somebody who knows the secret?
//!
//! Pure: no host, no clock, no environment. A success is a [`Verified`], which only [`Proof::finish`] makes; a failure
//! is a [`Denial`], which contains no part of the request or of a secret.
//!
//! The modules, from the ground up. Each uses those above it in this table and none below:
//!
//! | module | what it is |
//! | --- | --- |
//! | [`Denial`] | why a request is refused |
//! | [`bytes`] | reads and writes bytes: encodings, forms, JSON, structured fields, compression |
//! | [`primitives`] | computes: hashes and MACs, public keys, comparison in constant time, timestamps |
//! | [`Identity`] | what makes a request the same event as another |
//! | [`request`] | the request as a proof sees it |
//! | [`expression`] | the value language: which values of a request are read and signed |
//! | [`key`] | secrets, prepared for their algorithm |
//! | [`scheme`] | the kinds of proof, one module each, behind one interface |
//! | [`check`] | what a source requires, and the verification of one request |
//!
//! Code of a module that only the command needs, and the wasm must not contain, is in its submodule `native`.

pub mod bytes;
pub mod check;
mod denial;
pub mod expression;
mod identity;
pub mod key;
pub mod primitives;
pub mod request;
pub mod scheme;

pub use check::{Dialects, Group, Proof, Requirement, Verified};
pub use denial::Denial;
pub use identity::{Identity, Unidentified};
pub use request::{HeaderLine, HeldBody, Line, Occurrence, Request, borrowed};
