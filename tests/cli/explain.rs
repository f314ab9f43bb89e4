//! The tests of `hookwarden explain`.
//!
//! Where a new one goes: a mistake that it must name is a fixture in `explain/mistakes/`; a format of captures goes
//! into `captures`; batches into `batch`; secrets in the output into `secrecy`; what was tampered with into `tampering`.

#[path = "explain/batch.rs"]
mod batch;
#[path = "explain/captures.rs"]
mod captures;
#[path = "explain/mistakes.rs"]
mod mistakes;
#[path = "explain/options.rs"]
mod options;
#[path = "explain/secrecy.rs"]
mod secrecy;
#[path = "explain/tampering.rs"]
mod tampering;
