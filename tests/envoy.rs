//! Layer 4: a real Envoy runs the real module, and an upstream in this process records what reaches it.
//!
//! Where a new test goes, in `tests/envoy/`:
//!
//! - holding requests: `hold.rs`; limits of what is held: `held.rs`; when a denial is answered: `answers.rs`;
//! - hostile input: `proofs.rs`, `headers.rs`, `paths.rs`, `framing.rs`;
//! - what a denial looks like: `denials.rs`; what the upstream gets: `identity.rs`;
//! - senders: `providers.rs`; secrets and modes: `sources.rs`; the plugin's configuration: `config.rs`;
//! - what is fetched or changes: secrets `live_secrets.rs`, keys that senders publish `live_keys.rs`, or hand out one by one
//!   `live_jwk.rs`;
//! - guards: `shape.rs`, `transport.rs`, `addresses.rs`, `flood.rs`, `budget.rs`, `replay.rs`; their order: `order.rs`;
//!   in mode `observe`: `observed.rs`;
//! - several proxies: with a shared store `fleet.rs`, with a rate limit service `rate_limit.rs`;
//! - signatures that Envoy verifies: `host_signatures.rs`;
//! - a VM that crashes: `recovery.rs`; one that may do less: `capabilities.rs`;
//! - gauges through configuration pushes: `gauges.rs`; the shipped rules and dashboard: `monitoring.rs`;
//! - what is written for Istio: `istio.rs`.
//!
//! `tests/envoy/harness/` starts Envoy and what surrounds it.
//!
//! `HOOKWARDEN_ENVOY` and `HOOKWARDEN_WASM` name the programs; with `HOOKWARDEN_REQUIRE_ENVOY=1` a missing one is a
//! failure. `HOOKWARDEN_REDIS` names the folder of Redis and Webdis, which `HOOKWARDEN_REQUIRE_REDIS=1` requires;
//! `HOOKWARDEN_PROMETHEUS` that of Prometheus, which `HOOKWARDEN_REQUIRE_PROMETHEUS=1` requires.

#![allow(
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "the clock is banned in the filter, not in its tests, and a test has no public API"
)]

#[path = "envoy/harness/mod.rs"]
mod harness;

#[path = "envoy/addresses.rs"]
mod addresses;
#[path = "envoy/answers.rs"]
mod answers;
#[path = "envoy/budget.rs"]
mod budget;
#[path = "envoy/capabilities.rs"]
mod capabilities;
#[path = "envoy/config.rs"]
mod config;
#[path = "envoy/denials.rs"]
mod denials;
#[path = "envoy/fleet.rs"]
mod fleet;
#[path = "envoy/flood.rs"]
mod flood;
#[path = "envoy/framing.rs"]
mod framing;
#[path = "envoy/gauges.rs"]
mod gauges;
#[path = "envoy/handshakes.rs"]
mod handshakes;
#[path = "envoy/headers.rs"]
mod headers;
#[path = "envoy/held.rs"]
mod held;
#[path = "envoy/hold.rs"]
mod hold;
#[path = "envoy/host_signatures.rs"]
mod host_signatures;
#[path = "envoy/identity.rs"]
mod identity;
#[path = "envoy/istio.rs"]
mod istio;
#[path = "envoy/live_jwk.rs"]
mod live_jwk;
#[path = "envoy/live_keys.rs"]
mod live_keys;
#[path = "envoy/live_secrets.rs"]
mod live_secrets;
#[path = "envoy/many_events.rs"]
mod many_events;
#[path = "envoy/monitoring.rs"]
mod monitoring;
#[path = "envoy/observed.rs"]
mod observed;
#[path = "envoy/order.rs"]
mod order;
#[path = "envoy/paths.rs"]
mod paths;
#[path = "core/plaid.rs"]
mod plaid;
#[path = "envoy/proofs.rs"]
mod proofs;
#[path = "envoy/providers.rs"]
mod providers;
#[path = "envoy/rate_limit.rs"]
mod rate_limit;
#[path = "envoy/recovery.rs"]
mod recovery;
#[path = "envoy/replay.rs"]
mod replay;
#[path = "envoy/request_id.rs"]
mod request_id;
#[path = "envoy/runbook.rs"]
mod runbook;
#[path = "envoy/shape.rs"]
mod shape;
#[path = "envoy/sources.rs"]
mod sources;
#[path = "envoy/transport.rs"]
mod transport;
