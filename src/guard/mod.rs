//! Everything but verification: which source a request is for, what shape it must have, where it may come from and how
//! often, how much memory it may hold, and whether its event was seen before.

pub mod address;
pub mod body_size;
mod buckets;
pub mod budget;
pub mod call;
pub mod fleet;
pub mod flood;
pub mod host;
pub mod keep_on;
mod lane;
pub mod memory;
pub mod path;
pub mod peer;
pub mod pool;
pub mod rate;
pub mod replay;
pub mod route;
pub mod shape;
pub mod stall;
pub mod table;
pub mod transport;

use std::time::Duration;

use crate::verify::primitives::timestamp::UnixTime;

/// The time from one moment to a later one; zero if it is not later.
#[must_use]
pub fn elapsed(from: UnixTime, to: UnixTime) -> Duration {
    Duration::from_millis(to.as_millis().saturating_sub(from.as_millis()))
}
