//! The documents match the code: the real parser reads their examples, their tables are compared with the code, their
//! links have targets.
//!
//! Where a new test goes, in `tests/docs/`: a fenced block of JSON or YAML `examples.rs`; a key of the configuration
//! `keys.rs`, and for a new object `base.rs` first; a word of a scheme `schemes.rs`; a denial
//! `denials.rs`; a metric `metrics.rs`; a command or its options `commands.rs`; what a
//! command prints `samples.rs`; a capability of the module `capabilities.rs`; anything else in the repository that a
//! document names `mentions.rs`; what a benchmark measured `performance.rs`; a limit, margin or wait that the code
//! holds `limits.rs`; links `links.rs`.
//!
//! The info string of a fenced block states what it must be:
//!
//! - `json`: a configuration, or one object or list of it. The parser must accept it, without warnings except those
//!   about a sender's weak scheme. A log line is `json` too.
//! - `json providers/x.json`: exactly the scheme of that file. It must take the file's own keys.
//! - `json provider`: a whole file for `providers/`, whose scheme must take the keys of its first vector.
//! - `json refused`, followed by `text problems`: a configuration that is refused, and every line that it is refused
//!   with.
//! - `yaml`: any plugin configuration in it must be accepted, its variables must reach the filter, and something must
//!   hold requests. A whole bootstrap is shown to Envoy too, if there is one.
//! - `sh`: every `hookwarden …` in it must be a command that exists, with options that it has.
//! - `console`: commands behind `$ `, to which the same applies. The lines below one of ours are what it prints to
//!   standard output, in a folder with the files of `docs/samples/`. `…` stands for the rest of a word that
//!   differs from run to run and, in a line of its own, for lines that are left out.
//!
//! The pages in `docs/senders/` are generated from the providers; `tests/senders.rs` reads their examples.

#![allow(unreachable_pub, reason = "nothing here is a library")]

#[path = "docs/base.rs"]
mod base;
#[path = "docs/documents.rs"]
mod documents;
#[path = "envoy/harness/manifest.rs"]
mod manifest;
#[path = "docs/support.rs"]
mod support;

#[path = "docs/capabilities.rs"]
mod capabilities;
#[path = "docs/commands.rs"]
mod commands;
#[path = "docs/denials.rs"]
mod denials;
#[path = "docs/examples.rs"]
mod examples;
#[path = "docs/keys.rs"]
mod keys;
#[path = "docs/limits.rs"]
mod limits;
#[path = "docs/links.rs"]
mod links;
#[path = "docs/mentions.rs"]
mod mentions;
#[path = "docs/metrics.rs"]
mod metrics;
#[path = "docs/performance.rs"]
mod performance;
#[path = "docs/samples.rs"]
mod samples;
#[path = "docs/schemes.rs"]
mod schemes;
