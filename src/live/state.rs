//! What all worker threads know about a place, as it is written to shared memory.

use std::time::Duration;

use super::place::Place;
use crate::guard::elapsed;
use crate::verify::primitives::timestamp::UnixTime;

/// The first byte, so that no other layout is read as this one.
const LAYOUT: u8 = 1;
/// How many numbers follow, each eight bytes, little-endian.
const FIELDS: usize = 9;
/// How far the clocks of two threads may differ, and by how much a lease outlives its call.
const SLACK: Duration = Duration::from_secs(1);
/// The first pause after a failure, and the longest.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// At most one fetch that was asked for early in this time.
const EARLY: Duration = Duration::from_secs(60);

/// What is known about a place. Times are milliseconds since the epoch; 0 is never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The number of the last attempt.
    pub attempt: u64,
    /// When it began.
    pub started: u64,
    /// Until when nobody else may try; 0 once it was answered.
    pub lease: u64,
    /// How many attempts have failed since the last success.
    pub failures: u64,
    /// When somebody last asked for an early fetch.
    pub asked: u64,
    /// Whether that fetch has not begun yet.
    pub is_wanted: bool,
    /// Whether it was logged that there is no document.
    pub is_reported: bool,
    /// The number of the attempt that brought the document; 0 if there is none.
    pub version: u64,
    /// When the last attempt began that confirmed it.
    pub fetched: u64,
}

impl State {
    /// Reads what [`written`](Self::written) wrote; anything else is no knowledge.
    pub fn read(bytes: &[u8]) -> Self {
        Self::parse(bytes).unwrap_or_default()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (&LAYOUT, bytes) = bytes.split_first()? else { return None };
        let (numbers, rest) = bytes.as_chunks::<8>();
        let numbers: [[u8; 8]; FIELDS] = numbers.try_into().ok().filter(|_| rest.is_empty())?;
        let [attempt, started, lease, failures, asked, wanted, reported, version, fetched] =
            numbers.map(u64::from_le_bytes);
        let (is_wanted, is_reported) = (wanted != 0, reported != 0);
        Some(Self { attempt, started, lease, failures, asked, is_wanted, is_reported, version, fetched })
    }

    pub fn written(&self) -> Vec<u8> {
        let Self { attempt, started, lease, failures, asked, is_wanted, is_reported, version, fetched } = *self;
        let numbers: [u64; FIELDS] =
            [attempt, started, lease, failures, asked, u64::from(is_wanted), u64::from(is_reported), version, fetched];
        std::iter::once(LAYOUT).chain(numbers.iter().flat_map(|number| number.to_le_bytes())).collect()
    }

    /// Whether an attempt is under way.
    pub fn is_leased(&self, place: &Place, now: UnixTime) -> bool {
        // A lease that ends later than any could is from before the clock was set back.
        let left = elapsed(now, UnixTime::from_millis(self.lease));
        !left.is_zero() && left <= place.timeout.saturating_add(SLACK).saturating_add(SLACK)
    }

    /// Whether somebody should try now. `seed` spreads the attempts of a fleet.
    pub fn is_due(&self, place: &Place, seed: u64, now: UnixTime) -> bool {
        let started = UnixTime::from_millis(self.started);
        // The clock was set back, or an attempt was abandoned: nobody knows when the next one would be.
        let is_lost = elapsed(now, started) > SLACK || self.lease != 0;
        let since = elapsed(started, now);
        let pause = match self.failures {
            0 if self.is_wanted => Duration::ZERO,
            0 => spread(place.refresh, 10, self.salt(seed)),
            failures => spread(back_off(failures, place.refresh), 4, self.salt(seed)),
        };
        !self.is_leased(place, now) && (self.attempt == 0 || is_lost || since >= pause)
    }

    /// Begins an attempt.
    pub fn lease(&mut self, place: &Place, now: UnixTime) {
        self.attempt = self.attempt.saturating_add(1);
        self.started = now.as_millis();
        let length = place.timeout.saturating_add(SLACK).as_millis();
        self.lease = now.as_millis().saturating_add(u64::try_from(length).unwrap_or(u64::MAX)).max(1);
        self.is_wanted = false;
    }

    /// Ends the attempt that is under way.
    pub fn conclude(&mut self, is_good: bool) {
        self.lease = 0;
        self.failures = if is_good { 0 } else { self.failures.saturating_add(1) };
    }

    /// Asks for an early fetch; `false` if the last one that was asked for is less than a minute ago.
    pub fn ask(&mut self, now: UnixTime) -> bool {
        let asked = UnixTime::from_millis(self.asked);
        if self.asked != 0 && elapsed(asked, now) < EARLY && elapsed(now, asked) <= SLACK {
            return false;
        }
        (self.asked, self.is_wanted) = (now.as_millis().max(1), true);
        true
    }

    /// A number that differs from attempt to attempt and from place to place.
    fn salt(&self, seed: u64) -> u64 {
        // The mixing step of SplitMix64.
        let mixed = seed ^ self.started.rotate_left(17) ^ self.attempt;
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The pause after so many failures.
fn back_off(failures: u64, refresh: Duration) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    BACK_OFF.0.saturating_mul(factor).min(BACK_OFF.1).min(refresh.max(BACK_OFF.0))
}

/// A time of which up to one part in `parts` is left out.
fn spread(time: Duration, parts: u32, salt: u64) -> Duration {
    let part = time.checked_div(parts).unwrap_or_default().as_millis();
    let left_out = u128::from(salt).checked_rem(part).unwrap_or(0);
    time.saturating_sub(Duration::from_millis(u64::try_from(left_out).unwrap_or(0)))
}
