//! The tests of `hookwarden explain`.
//!
//! Where a new one goes: a mistake that it must name is a fixture in `explain/mistakes/`; a way to write down a
//! request is in `captures`; what becomes of very many is in `batch`; what is never shown is in `secrecy`.

#[path = "explain/batch.rs"]
mod batch;
#[path = "explain/captures.rs"]
mod captures;
#[path = "explain/mistakes.rs"]
mod mistakes;
#[path = "explain/options.rs"]
mod options;
#[path = "explain/scratch.rs"]
mod scratch;
#[path = "explain/secrecy.rs"]
mod secrecy;
