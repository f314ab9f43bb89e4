//! The generic cell rate algorithm: a token bucket that is one number, the time at which it will be full again.

use std::time::Duration;

use crate::verify::primitives::timestamp::UnixTime;

/// A burst at once, and one more each interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The time after which one more is accepted, in ticks; at least 1.
    interval: u64,
    /// How many are accepted at once; at least 1.
    burst: u64,
}

/// Time is counted in ticks since the epoch. A tick is small enough for a million a second to be exact to a percent,
/// and large enough for a burst of a million that refills one a day.
const TICK_NANOS: u64 = 10;
const TICKS_PER_MILLI: u64 = 1_000_000 / TICK_NANOS;
/// How far two clock readings, of two threads or before and after a wait, may differ: a second.
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

    /// Takes one. `state` is the result of the last call: the tick at which the bucket is full again; 0 is a full bucket.
    /// If the clock jumps back, nobody waits longer than for a whole burst.
    ///
    /// # Errors
    /// How long until there is one; the state does not change.
    pub fn take(&self, state: u64, now: UnixTime) -> Result<u64, Duration> {
        let (now, full) = self.at(state, now);
        self.wait(now, full)?;
        Ok(full.saturating_add(self.interval))
    }

    /// Whether there is one to take, without taking it.
    ///
    /// # Errors
    /// How long until there is one.
    pub fn peek(&self, state: u64, now: UnixTime) -> Result<(), Duration> {
        let (now, full) = self.at(state, now);
        self.wait(now, full)
    }

    /// The state of a bucket that is full at this time, in milliseconds since the epoch.
    #[must_use]
    pub(super) fn full_at(millis: u64) -> u64 {
        millis.saturating_mul(TICKS_PER_MILLI)
    }

    /// When a bucket of this state is full, in milliseconds since the epoch, rounded up.
    #[must_use]
    pub(super) fn millis_until_full(state: u64) -> u64 {
        state.div_ceil(TICKS_PER_MILLI)
    }

    /// Whether the bucket is full, so that it need not be remembered.
    #[must_use]
    pub fn is_full(state: u64, now: UnixTime) -> bool {
        state <= ticks_at(now)
    }

    /// Now, and when the bucket is full again.
    ///
    /// A clock that jumped back, or a different earlier rate, leaves a state too far ahead for any bucket. It counts as
    /// a bucket with one left, and taking that one corrects the state. A state that is only slightly ahead comes from
    /// another thread that read its clock a moment later; it stays as it is, so that no more than the rate passes.
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

    /// How far ahead the state of a bucket with one left is: the time until all others are back.
    fn room(&self) -> u64 {
        self.interval.saturating_mul(self.burst.saturating_sub(1))
    }
}

fn ticks_at(now: UnixTime) -> u64 {
    now.as_millis().saturating_mul(TICKS_PER_MILLI)
}
