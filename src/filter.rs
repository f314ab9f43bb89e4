//! One request as a state machine: events in, [`Step`]s out. It knows no host.
//!
//! | file | what it is |
//! | --- | --- |
//! | `context`, `body` | what a decision depends on; the body in the host's buffer |
//! | `live_values` | where a request's live secrets come from |
//! | `forwarded` | how much of a request was forwarded |
//! | `publications` | the keys that senders publish |
//! | `active_source`, `active_policy` | the running configuration, and what its guards remember |
//! | `event_claim` | the claim on an event |
//! | `verified_request` | a verified request, and what it still has to pass |
//! | `handshake` | recognises a handshake, before and after its proof is verified |
//! | `verification` | a verification in progress, from the headers to the verdict |
//! | `state` | what a request waits for |
//! | `exchange` | one request: its events, and the steps that they lead to |
//!
//! A file uses only those above it in this table.
//!
//! [`Step`]: crate::step::Step

mod active_policy;
mod active_source;
mod body;
mod context;
mod event_claim;
mod exchange;
mod forwarded;
mod handshake;
mod live_values;
mod publications;
mod state;
mod verification;
mod verified_request;

pub use active_policy::ActivePolicy;
pub use body::BodyBuffer;
pub use context::Context;
pub use exchange::Exchange;
pub use state::Pending;
