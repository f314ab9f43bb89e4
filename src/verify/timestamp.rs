//! When the sender says it signed, and whether that is recent.

use std::time::Duration;

use super::Denial;

/// Milliseconds since 1970-01-01T00:00:00Z, as the host tells the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixTime(u64);

impl UnixTime {
    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// From seconds since the epoch; the far future if they do not fit.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

/// The unit in which a sender writes its timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds since the epoch: ten digits, from 2001 to 2286.
    Seconds,
    /// Milliseconds since the epoch: thirteen digits.
    Milliseconds,
}

impl Unit {
    fn digits(self) -> usize {
        match self {
            Unit::Seconds => 10,
            Unit::Milliseconds => 13,
        }
    }

    fn in_millis(self) -> u64 {
        match self {
            Unit::Seconds => 1000,
            Unit::Milliseconds => 1,
        }
    }

    /// Reads a timestamp: digits only, and exactly as many as the unit has today.
    ///
    /// No sign, no fraction, no white space, no leading zero, no other length. The fixed length also keeps signed
    /// bytes where they are: where a sender puts nothing between the timestamp and the body, a digit could
    /// otherwise move from one to the other under the same signature.
    ///
    /// # Errors
    /// [`Denial::TimestampMalformed`].
    pub fn parse(self, text: &[u8]) -> Result<Timestamp, Denial> {
        let plain = text.len() == self.digits() && text.iter().all(u8::is_ascii_digit) && text.first() != Some(&b'0');
        std::str::from_utf8(text)
            .ok()
            .filter(|_| plain)
            .and_then(|digits| digits.parse().ok())
            .map(|value| Timestamp { value, unit: self })
            .ok_or(Denial::TimestampMalformed)
    }
}

/// A signed timestamp. Says nothing until its signature was found right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp {
    value: u64,
    unit: Unit,
}

impl Timestamp {
    /// Whether the timestamp lies within `tolerance` of `now`, in both directions, limits included.
    ///
    /// The difference is taken in the sender's unit, as senders' own libraries do.
    ///
    /// # Errors
    /// [`Denial::TimestampStale`] or [`Denial::TimestampFuture`].
    pub fn within(self, tolerance: Duration, now: UnixTime) -> Result<(), Denial> {
        let unit = self.unit.in_millis();
        let now = now.as_millis().checked_div(unit).unwrap_or_default();
        let tolerance = u64::try_from(tolerance.as_millis()).unwrap_or(u64::MAX).checked_div(unit).unwrap_or_default();
        if now.saturating_sub(self.value) > tolerance {
            Err(Denial::TimestampStale)
        } else if self.value.saturating_sub(now) > tolerance {
            Err(Denial::TimestampFuture)
        } else {
            Ok(())
        }
    }
}
