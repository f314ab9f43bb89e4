//! The generic cell rate algorithm: a token bucket that is one number, the time at which it will be full again.

use std::time::Duration;

use crate::verify::timestamp::UnixTime;

/// So many at once, and one more each interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The time after which one more is let through, in ticks; at least 1.
    interval: u64,
    /// How many are let through at once; at least 1.
    burst: u64,
}

/// Time is counted in ticks since the epoch: small enough that a million a second are exact to a percent, large enough
/// that a million at once of which one comes back a day can be counted.
const TICK_NANOS: u64 = 10;
const TICKS_PER_MILLI: u64 = 1_000_000 / TICK_NANOS;
/// How much the clocks of two threads, or one read before and one after a wait, may differ: a second.
const SLACK: u64 = 1000 * TICKS_PER_MILLI;

impl Rate {
    /// `count` in each `per`, and up to `burst` at once.
    #[must_use]
    pub fn new(count: u32, per: Duration, burst: u32) -> Self {
        let ticks =
            per.as_nanos().checked_div(TICK_NANOS.into()).and_then(|ticks| ticks.try_into().ok()).unwrap_or(u64::MAX);
        let interval = ticks.checked_div(count.into()).unwrap_or(ticks).max(1);
        Self { interval, burst: u64::from(burst).max(1) }
    }

    /// Takes one. `state` is what the last call gave: the tick at which the bucket is full again; 0 is a full bucket.
    /// After a clock that jumped back nobody waits longer than for a whole burst.
    ///
    /// # Errors
    /// How long until there is one, if there is none; the state stays as it is.
    pub fn take(&self, state: u64, now: UnixTime) -> Result<u64, Duration> {
        let (now, full) = self.at(state, now);
        self.wait(now, full)?;
        Ok(full.saturating_add(self.interval))
    }

    /// Whether there is one to take.
    ///
    /// # Errors
    /// How long until there is one, if there is none.
    pub fn peek(&self, state: u64, now: UnixTime) -> Result<(), Duration> {
        let (now, full) = self.at(state, now);
        self.wait(now, full)
    }

    /// Whether the bucket is full, so that it need not be remembered.
    #[must_use]
    pub fn is_full(state: u64, now: UnixTime) -> bool {
        state <= ticks_at(now)
    }

    /// Now, and when the bucket is full again.
    ///
    /// A clock that jumped back, or another rate before this one, leaves a state that is too far ahead for any bucket.
    /// It is taken for a bucket with one left: taking that one sets the state right. Not so where the state is ahead by
    /// little, which is another thread whose clock was read a moment later: nothing more than the rate must pass then.
    fn at(&self, state: u64, now: UnixTime) -> (u64, u64) {
        let now = ticks_at(now);
        let longest = self.interval.saturating_mul(self.burst);
        let possible = longest.saturating_add(longest.max(SLACK));
        let is_possible = state.saturating_sub(now) <= possible;
        (now, if is_possible { state.max(now) } else { now.saturating_add(self.room()) })
    }

    fn wait(&self, now: u64, full: u64) -> Result<(), Duration> {
        match full.saturating_sub(now).checked_sub(self.room()).filter(|missing| *missing > 0) {
            Some(missing) => Err(Duration::from_nanos(missing.saturating_mul(TICK_NANOS))),
            None => Ok(()),
        }
    }

    /// How far ahead the state of a bucket is that has one left: it would be full after all others came back.
    fn room(&self) -> u64 {
        self.interval.saturating_mul(self.burst.saturating_sub(1))
    }
}

fn ticks_at(now: UnixTime) -> u64 {
    now.as_millis().saturating_mul(TICKS_PER_MILLI)
}
