//! What a source requires, and the verification of one request: the checks, and the proof that they verified.
//!
//! Uses the other modules of `verify`; none of them uses this one.

#[cfg(not(target_family = "wasm"))]
mod native;
mod published;
mod requirement;
mod single;

pub use published::MissingKey;
pub use requirement::{Dialects, Group, Proof, Requirement, Verified};
pub use single::{Check, Condition, Match};
