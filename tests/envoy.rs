//! Layer 4: a real Envoy runs the real module, and an upstream in this process writes down what reaches it.
//!
//! Where a new test goes, in `tests/envoy/`: a sender `providers.rs`, holding `hold.rs`, hostile input `proofs.rs`,
//! `headers.rs`, `paths.rs` and `framing.rs`, what a denial looks like `denials.rs`, what the upstream is told
//! `identity.rs`, secrets and modes `sources.rs`, the plugin's configuration `config.rs`, the guards `shape.rs`,
//! `transport.rs`, `addresses.rs`, `flood.rs`, `budget.rs` and `replay.rs`, one before another `order.rs`, only watching
//! `observed.rs`, several proxies that share a store `fleet.rs`, or a rate limit service `rate_limit.rs`.
//!
//! `HOOKWARDEN_ENVOY` and `HOOKWARDEN_WASM` name the programs; `HOOKWARDEN_REQUIRE_ENVOY=1` makes a missing one
//! a failure. So do `HOOKWARDEN_REDIS`, the folder of Redis and Webdis, and `HOOKWARDEN_REQUIRE_REDIS=1`.

#![allow(
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "the clock is banned in the filter, not in its tests; nothing here is a library"
)]

#[path = "envoy/bootstrap.rs"]
mod bootstrap;
#[path = "envoy/client.rs"]
mod client;
#[path = "envoy/crowd.rs"]
mod crowd;
#[path = "envoy/harness.rs"]
mod harness;
#[path = "envoy/http2.rs"]
mod http2;
#[path = "envoy/launch.rs"]
mod launch;
#[path = "envoy/limiter.rs"]
mod limiter;
#[path = "envoy/listeners.rs"]
mod listeners;
#[path = "envoy/redis.rs"]
mod redis;
#[path = "envoy/senders.rs"]
mod senders;
#[path = "envoy/setups.rs"]
mod setups;
#[path = "envoy/store.rs"]
mod store;
#[path = "envoy/tls.rs"]
mod tls;
#[path = "envoy/upstream.rs"]
mod upstream;
#[path = "envoy/xds.rs"]
mod xds;

#[path = "envoy/addresses.rs"]
mod addresses;
#[path = "envoy/budget.rs"]
mod budget;
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
#[path = "envoy/headers.rs"]
mod headers;
#[path = "envoy/hold.rs"]
mod hold;
#[path = "envoy/identity.rs"]
mod identity;
#[path = "envoy/many_events.rs"]
mod many_events;
#[path = "envoy/observed.rs"]
mod observed;
#[path = "envoy/order.rs"]
mod order;
#[path = "envoy/paths.rs"]
mod paths;
#[path = "envoy/proofs.rs"]
mod proofs;
#[path = "envoy/providers.rs"]
mod providers;
#[path = "envoy/rate_limit.rs"]
mod rate_limit;
#[path = "envoy/replay.rs"]
mod replay;
#[path = "envoy/shape.rs"]
mod shape;
#[path = "envoy/sources.rs"]
mod sources;
#[path = "envoy/transport.rs"]
mod transport;
