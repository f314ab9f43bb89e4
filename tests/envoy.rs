//! Layer 4: a real Envoy runs the real module, and an upstream in this process writes down what reaches it.
//!
//! Where a new test goes, in `tests/envoy/`: a sender `providers.rs`, holding `hold.rs`, hostile input `proofs.rs`,
//! `headers.rs`, `paths.rs` and `framing.rs`, what a denial looks like `denials.rs`, what the upstream is told
//! `identity.rs`, secrets and modes `sources.rs`, the plugin's configuration `config.rs`.
//!
//! `HOOKWARDEN_ENVOY` and `HOOKWARDEN_WASM` name the programs; `HOOKWARDEN_REQUIRE_ENVOY=1` makes a missing one
//! a failure.

#![allow(
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "the clock is banned in the filter, not in its tests; nothing here is a library"
)]

#[path = "envoy/bootstrap.rs"]
mod bootstrap;
#[path = "envoy/client.rs"]
mod client;
#[path = "envoy/harness.rs"]
mod harness;
#[path = "envoy/http2.rs"]
mod http2;
#[path = "envoy/launch.rs"]
mod launch;
#[path = "envoy/senders.rs"]
mod senders;
#[path = "envoy/setups.rs"]
mod setups;
#[path = "envoy/upstream.rs"]
mod upstream;

#[path = "envoy/config.rs"]
mod config;
#[path = "envoy/denials.rs"]
mod denials;
#[path = "envoy/framing.rs"]
mod framing;
#[path = "envoy/headers.rs"]
mod headers;
#[path = "envoy/hold.rs"]
mod hold;
#[path = "envoy/identity.rs"]
mod identity;
#[path = "envoy/paths.rs"]
mod paths;
#[path = "envoy/proofs.rs"]
mod proofs;
#[path = "envoy/providers.rs"]
mod providers;
#[path = "envoy/sources.rs"]
mod sources;
