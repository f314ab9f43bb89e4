//! When the sender says it signed, and whether that is recent. The only file that names `time`.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

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

/// How a sender writes its timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds since the epoch: ten digits, from 2001 to 2286.
    Seconds,
    /// Milliseconds since the epoch: thirteen digits.
    Milliseconds,
    /// Either of the two; the number of digits tells which.
    SecondsOrMilliseconds,
    /// Seconds since the epoch with a fraction: ten digits, a point, at least one digit; or without a fraction.
    Fraction,
    /// RFC 3339, such as `2026-11-21T10:00:00.123Z`.
    Iso8601,
}

/// How many digits a timestamp in seconds has today.
const SECONDS_DIGITS: usize = 10;
/// How many digits a timestamp in milliseconds has today.
const MILLISECONDS_DIGITS: usize = 13;

impl Unit {
    /// Reads a timestamp, strictly.
    ///
    /// Numbers are digits only, and exactly as many as the unit has today: no sign, no white space, no leading
    /// zero, no other length. The fixed length also keeps signed bytes where they are: where a sender puts nothing
    /// between the timestamp and the body, a digit could otherwise move from one to the other under the same
    /// signature.
    ///
    /// # Errors
    /// [`Denial::TimestampMalformed`].
    pub fn parse(self, text: &[u8]) -> Result<Timestamp, Denial> {
        let seconds = |text: &[u8]| digits(text, SECONDS_DIGITS).map(|value| Timestamp { value, in_millis: 1000 });
        let millis = |text: &[u8]| digits(text, MILLISECONDS_DIGITS).map(|value| Timestamp { value, in_millis: 1 });
        match self {
            Unit::Seconds => seconds(text),
            Unit::Milliseconds => millis(text),
            Unit::SecondsOrMilliseconds => seconds(text).or_else(|| millis(text)),
            Unit::Fraction => match text.split_at_checked(SECONDS_DIGITS) {
                Some((whole, [b'.', fraction @ ..])) => {
                    let plain = (1..=9).contains(&fraction.len()) && fraction.iter().all(u8::is_ascii_digit);
                    seconds(whole).filter(|_| plain)
                }
                _ => seconds(text),
            },
            Unit::Iso8601 => std::str::from_utf8(text)
                .ok()
                .and_then(parse_rfc3339)
                .map(|time| Timestamp { value: time.as_millis(), in_millis: 1 }),
        }
        .ok_or(Denial::TimestampMalformed)
    }
}

fn digits(text: &[u8], len: usize) -> Option<u64> {
    let plain = text.len() == len && text.iter().all(u8::is_ascii_digit) && text.first() != Some(&b'0');
    std::str::from_utf8(text).ok().filter(|_| plain)?.parse().ok()
}

/// Reads a time of RFC 3339, from 1970 on; what is finer than a millisecond is dropped.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<UnixTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let seconds = u64::try_from(time.unix_timestamp()).ok()?;
    Some(UnixTime::from_millis(seconds.checked_mul(1000)?.checked_add(time.millisecond().into())?))
}

/// Writes a time as RFC 3339 has it, in UTC, with as many digits of a fraction as are asked for, nine at the most. What
/// is finer than a millisecond is zero.
#[cfg(not(target_family = "wasm"))]
#[must_use]
pub fn write_rfc3339(time: UnixTime, fraction_digits: usize) -> Option<String> {
    let time = civil(time)?;
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute, second) = time.to_hms();
    let fraction: String = format!("{:09}", time.nanosecond()).chars().take(fraction_digits).collect();
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{point}{fraction}Z"))
}

/// Writes a time as HTTP has it (RFC 9110, section 5.6.7): `Tue, 20 Apr 2021 02:07:55 GMT`.
#[cfg(not(target_family = "wasm"))]
#[must_use]
pub fn write_http_date(time: UnixTime) -> Option<String> {
    let time = civil(time)?;
    let weekday: String = time.weekday().to_string().chars().take(3).collect();
    let month: String = time.month().to_string().chars().take(3).collect();
    let (hour, minute, second) = time.to_hms();
    Some(format!("{weekday}, {:02} {month} {:04} {hour:02}:{minute:02}:{second:02} GMT", time.day(), time.year()))
}

#[cfg(not(target_family = "wasm"))]
fn civil(time: UnixTime) -> Option<OffsetDateTime> {
    let nanos = i128::from(time.as_millis()).checked_mul(1_000_000)?;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()
}

/// A signed timestamp. Says nothing until its signature was found right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp {
    value: u64,
    in_millis: u64,
}

impl Timestamp {
    /// Whether the timestamp lies within `tolerance` of `now`, in both directions, limits included.
    ///
    /// The difference is taken in the sender's unit, as senders' own libraries do.
    ///
    /// # Errors
    /// [`Denial::TimestampStale`] or [`Denial::TimestampFuture`].
    pub fn within(self, tolerance: Duration, now: UnixTime) -> Result<(), Denial> {
        let now = now.as_millis().checked_div(self.in_millis).unwrap_or_default();
        let tolerance = u64::try_from(tolerance.as_millis()).unwrap_or(u64::MAX);
        let tolerance = tolerance.checked_div(self.in_millis).unwrap_or_default();
        if now.saturating_sub(self.value) > tolerance {
            Err(Denial::TimestampStale)
        } else if self.value.saturating_sub(now) > tolerance {
            Err(Denial::TimestampFuture)
        } else {
            Ok(())
        }
    }
}
