//! A real Envoy with the real module, on free ports, with an upstream that records everything.
//!
//! - Tests with the same set-up share one Envoy, one test at a time ([`SharedProxy::take`]), so that "the upstream saw
//!   nothing" covers all of its traffic.
//! - After every denial the same Envoy has to serve an honest request: the VM is alive, and because the workers answer
//!   in order, anything that a denied request leaked would have arrived by then.
//! - After every test, Envoy's output is searched for secrets and for signs of a crash.
//!
//! Nothing here sleeps to let something happen; conditions are polled until a deadline.
//!
//! The soak, the benchmarks and the compose tests use parts of this, as the module `harness` of their own crate root.

pub mod bootstrap;
pub mod capabilities;
pub mod client;
pub mod http2;
pub mod launch;
pub mod limiter;
pub mod listeners;
pub mod manifest;
pub mod parallel;
pub mod prometheus;
mod proxy;
pub mod redis;
pub mod senders;
mod server;
pub mod setups;
pub mod store;
pub mod tls;
pub mod upstream;
pub mod xds;

pub use proxy::{Proxy, SharedProxy, assert_denial, honest, refuses_to_start, wait_for};
