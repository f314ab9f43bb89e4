//! The tests of `hookwarden explain`.
//!
//! Where a new one goes: a mistake that it must name is a fixture in `explain/mistakes/`; a form of captures
//! is one in `explain/forms/`, and what a form may look like is in `captures`; batches into `batch`; secrets in the output
//! into `secrecy`; what keeps the command busy into `hostile`. What was tampered with goes into `tampering`; captures that
//! are easily read as another request into `misread`, `misread_bodies` or `misread_paths`.

#[path = "explain/batch.rs"]
mod batch;
#[path = "explain/captures.rs"]
mod captures;
#[path = "explain/forms.rs"]
mod forms;
#[path = "explain/hostile.rs"]
mod hostile;
#[path = "explain/misread.rs"]
mod misread;
#[path = "explain/misread_bodies.rs"]
mod misread_bodies;
#[path = "explain/misread_paths.rs"]
mod misread_paths;
#[path = "explain/mistakes.rs"]
mod mistakes;
#[path = "explain/options.rs"]
mod options;
#[path = "explain/secrecy.rs"]
mod secrecy;
#[path = "explain/tampering.rs"]
mod tampering;
#[path = "explain/vector_line.rs"]
pub mod vector_line;
