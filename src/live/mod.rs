//! Values that change while the filter runs: documents that the tick fetches through clusters of the configuration,
//! never from an address out of a request.
//!
//! | file | what it is |
//! | --- | --- |
//! | `place` | what is fetched, how often, and how long it may be used |
//! | `state` | what all worker threads know about a place |
//! | `document` | what was fetched, in shared memory and in this thread |
//! | `fetcher` | one place: when to fetch, and what an answer changes |
//! | `fetchers` | all places of a configuration |
//! | `named_key_rule` | how a sender is asked for a key that a request names |
//! | `named_keys` | such keys: which are here, which are asked for, and when |
//! | `publication` | where a sender publishes its keys |
//!
//! # One fetch for all
//!
//! A worker thread that finds a place due takes a lease in shared memory, makes the call and writes what it gets into
//! shared memory, from where the others copy it with their next tick. A lease ends a second after its call must have
//! been answered. Then any thread takes over.
//!
//! # Failures
//!
//! Any doubt about an answer is a failure: another status than 200 (a redirect too), an empty or oversize body, no answer
//! in time, or a body that is of no use to anybody who reads it. The last good document stays until it is older than the
//! place's `max_age`; then there is none. The pause after a failure doubles from one second up to a minute, but is never
//! longer than the interval between two fetches. A quarter of it, and a tenth of that interval, are spread by the place
//! and the time, so that the proxies of a fleet do not all ask at once.

pub mod document;
pub mod fetcher;
pub mod fetchers;
pub mod named_key_rule;
pub mod named_keys;
pub mod place;
pub mod publication;
mod state;
