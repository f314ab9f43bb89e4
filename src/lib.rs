//! Hookwarden: a proxy-wasm filter that verifies webhooks at the proxy.
//!
//! # The decision
//!
//! A request passes if it passes every step below; the first step that refuses it decides the response.
//!
//! 1. **Match.** Host and path choose one source. A path that two servers could read differently chooses none. Without
//!    a source the request is denied, unless the configuration forwards such requests ([`guard::route`]).
//! 2. **Mode.** A source in mode `disabled` responds with 503, and so does one whose secret is missing.
//! 3. **Shape.** Method, query and content encoding ([`guard::shape`]); `Content-Length`, and the body's size as it
//!    arrives ([`guard::body_size`]).
//! 4. **Transport.** TLS on this hop, its version, a client certificate ([`guard::transport`]).
//! 5. **Address.** The client address, as the host reports it, is in an allowed network ([`guard::address`]).
//! 6. **Flood.** The address has not sent too many requests that failed verification ([`guard::flood`]). Checked again
//!    before more of a body is hashed.
//! 7. **Verification.** Live secrets are read again ([`verify::key::live`], [`live`]). All checks of the source must pass; any of a check's secrets or public keys may match
//!    ([`verify`]). How a sender signs is data, in `providers/` or in the configuration ([`verify::scheme`]).
//! 8. **Freshness.** A signed timestamp lies within the tolerance, in both directions ([`verify::primitives::timestamp`]).
//! 9. **Rate limit.** The source's rate limit is not exhausted; only verified requests count ([`guard::budget`]).
//! 10. **Replay.** No proxy of the fleet has seen the event before ([`guard::replay`], [`guard::fleet`]). The event may be
//!     sent again if the upstream does not accept it.
//! 11. **Handshake.** A request by which the sender checks the endpoint is answered here, if the source is configured to:
//!     a signed one now, one that its sender does not sign after step 6 ([`handshake`]).
//! 12. **Forward.** Forged identity headers are removed, ours are set, and what was held is forwarded ([`step`]).
//!
//! Until then the headers and the body are held: by this filter, or by a later one that buffers whole requests
//! ([`config::BodyHold`]).
//!
//! # The modules
//!
//! | module | what it is |
//! | --- | --- |
//! | [`verify`] | verification; pure, with its own map of modules |
//! | `private_key` | private keys, which only the command uses; native only |
//! | [`guard`] | what is not authentication |
//! | [`handshake`] | how a sender checks an endpoint, and what it is answered |
//! | [`live`] | what changes while the filter runs, fetched through the host's clusters |
//! | [`config`] | reads the plugin's JSON into a valid [`config::Policy`] |
//! | [`step`] | what the adapter has to do next, as plain data |
//! | [`report`] | the response, log line and metrics of a decision |
//! | [`filter`] | one request as a state machine |
//! | `abi` | the adapter: the only code that knows the host |
//!
//! A module uses only those above it in this table: `verify` uses none of the others, and none of them uses `abi`.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects
)]

// The fuzz targets have no proxy to link against.
#[cfg(not(fuzzing))]
mod abi;
pub mod config;
pub mod filter;
pub mod guard;
pub mod handshake;
pub mod live;
#[cfg(not(target_family = "wasm"))]
pub mod private_key;
pub mod report;
pub mod step;
pub mod verify;
