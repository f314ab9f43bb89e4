//! Hookwarden: a proxy-wasm filter that proves webhooks at the proxy.
//!
//! # The decision
//!
//! A request passes if every step below lets it; the first refusal is the answer.
//!
//! 1. **Match.** Host and path choose one source. A path that two readers could read differently chooses none. No
//!    source: denied, unless the configuration lets such requests go on ([`guard::route`]).
//! 2. **Switch.** A source in mode `disabled` answers 503, and so does one whose secret is missing.
//! 3. **Shape.** Method, query, content encoding ([`guard::shape`]); `Content-Length`, and the body's size as it comes
//!    ([`guard::body_size`]).
//! 4. **Transport.** TLS on this hop, its version, a client certificate ([`guard::transport`]).
//! 5. **Address.** The client address that the host trusts is in an allowed network ([`guard::address`]).
//! 6. **Flood.** The address has not sent too many requests that could not be proved ([`guard::flood`]).
//! 7. **Proof.** All checks of the source must hold; any of a check's secrets or public keys may match ([`verify`]).
//!    How a sender proves a request is data, in `providers/` or in the configuration ([`verify::scheme`]).
//! 8. **Freshness.** A signed timestamp lies within the tolerance, in both directions ([`verify::timestamp`]).
//! 9. **Budget.** The source's rate limit is not spent; only proved requests spend it ([`guard::budget`]).
//! 10. **Once.** The event did not come before ([`guard::replay`]), to no proxy of the fleet ([`guard::fleet`]). The
//!     claim is given back if the upstream does not take the event.
//! 11. **Forward.** Forged identity headers are removed, ours are set, and what was held goes on ([`step`]).
//!
//! Until then the body is held, and the headers with it: by this filter, or by one behind it that buffers whole
//! requests ([`config::BodyHold`]).
//!
//! # The house
//!
//! | module | what it is |
//! | --- | --- |
//! | [`verify`] | the proof; pure |
//! | [`guard`] | what is not authentication |
//! | [`config`] | the plugin's JSON, made into a valid [`config::Policy`] |
//! | [`step`] | what the adapter has to do, as plain data |
//! | [`filter`] | one request as a state machine |
//! | [`report`] | a denial's answer, log line, metric |
//! | `abi` | the only file that knows the host |
//!
//! A module uses those above it in this table and none below: `verify` knows nothing of the rest, and nobody knows
//! `abi`.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects
)]

mod abi;
pub mod config;
pub mod filter;
pub mod guard;
pub mod report;
pub mod step;
pub mod verify;
