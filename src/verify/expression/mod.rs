//! The value language: which values of a request a scheme reads and signs. `header:X-Time`, `json:data.id`, `body|sha256|hex`.
//!
//! Depends on `bytes`, `primitives` and `request`: it has no notion of keys or schemes.

pub mod builtin;
pub mod content;
mod context;
mod filter;
pub mod message;
#[cfg(not(target_family = "wasm"))]
pub mod native;
mod reads;
mod root;
mod value;

pub use context::{ExpressionError, Facts, With};
pub use value::Expression;
