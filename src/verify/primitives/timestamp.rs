//! When the sender says it signed, and whether that is recent. The only file that names `time`.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::verify::denial::Denial;

/// Milliseconds since 1970-01-01T00:00:00Z, as the host's clock gives it.
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
    /// Either of the two, by the number of digits.
    SecondsOrMilliseconds,
    /// Seconds since the epoch with a fraction: ten digits, a point, at least one digit; or without a fraction.
    Fraction,
    /// RFC 3339, such as `2026-11-21T10:00:00.123Z`.
    Iso8601,
    /// A date as HTTP writes it (RFC 9110, section 5.6.7): `Tue, 20 Apr 2021 02:07:55 GMT`, 29 bytes.
    HttpDate,
}

/// How many digits a timestamp in seconds has today.
const SECONDS_DIGITS: usize = 10;
/// How many digits a timestamp in milliseconds has today.
const MILLISECONDS_DIGITS: usize = 13;

impl Unit {
    /// Reads a timestamp, strictly.
    ///
    /// Numbers are digits only, and exactly as many as the unit has today: no sign, no white space, no leading zero, no
    /// other length. The fixed length also keeps digits from moving into the body under the same signature, if a sender
    /// puts nothing between the timestamp and the body.
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
            Unit::HttpDate => parse_http_date(text).map(|value| Timestamp { value, in_millis: 1000 }),
        }
        .ok_or(Denial::TimestampMalformed)
    }
}

fn digits(text: &[u8], len: usize) -> Option<u64> {
    let plain = text.len() == len && text.iter().all(u8::is_ascii_digit) && text.first() != Some(&b'0');
    std::str::from_utf8(text).ok().filter(|_| plain)?.parse().ok()
}

/// Reads a time of RFC 3339, from 1970 on; digits finer than a millisecond are dropped.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<UnixTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let seconds = u64::try_from(time.unix_timestamp()).ok()?;
    Some(UnixTime::from_millis(seconds.checked_mul(1000)?.checked_add(time.millisecond().into())?))
}

/// Seconds since the epoch of a date such as `Tue, 20 Apr 2021 02:07:55 GMT`, the only form that is still sent
/// (RFC 9110, section 5.6.7). Nothing before the epoch, and no leap second.
#[must_use]
pub fn parse_http_date(value: &[u8]) -> Option<u64> {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [(&str, u64); 12] = [
        ("Jan", 31),
        ("Feb", 28),
        ("Mar", 31),
        ("Apr", 30),
        ("May", 31),
        ("Jun", 30),
        ("Jul", 31),
        ("Aug", 31),
        ("Sep", 30),
        ("Oct", 31),
        ("Nov", 30),
        ("Dec", 31),
    ];
    let text = std::str::from_utf8(value).ok()?;
    let mut words = text.split(' ');
    let weekday = words.next()?.strip_suffix(',')?;
    let day = number(words.next()?, 2)?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|(name, _)| *name == month)?;
    let year = number(words.next()?, 4)?;
    let mut clock = words.next()?.split(':');
    let (hour, minute, second) = (number(clock.next()?, 2)?, number(clock.next()?, 2)?, number(clock.next()?, 2)?);
    let is_whole = clock.next().is_none() && words.next() == Some("GMT") && words.next().is_none();
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let leap_day = u64::from(month == 1 && is_leap(year));
    let days_in_month = MONTHS.get(month)?.1.checked_add(leap_day)?;
    if !is_whole || year < 1970 || !(1..=days_in_month).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }

    let in_years: u64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let in_months: u64 = MONTHS.iter().take(month).map(|(_, days)| days).sum();
    let leap_day_passed = u64::from(month > 1 && is_leap(year));
    let days = in_years.checked_add(in_months)?.checked_add(leap_day_passed)?.checked_add(day)?.checked_sub(1)?;
    let on_weekday = DAYS.get(usize::try_from(days.checked_rem(7)?).ok()?)?;
    let hours = days.checked_mul(24)?.checked_add(hour)?;
    let seconds = hours.checked_mul(60)?.checked_add(minute)?.checked_mul(60)?.checked_add(second)?;
    (weekday == *on_weekday).then_some(seconds)
}

/// A number of exactly this many digits.
fn number(text: &str, digits: usize) -> Option<u64> {
    let is_plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

/// A signed timestamp. Not to be trusted until its signature is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp {
    value: u64,
    in_millis: u64,
}

impl Timestamp {
    /// How far it is from `now`, in either direction, in the sender's unit.
    #[must_use]
    pub fn distance(self, now: UnixTime) -> Duration {
        let now = now.as_millis().checked_div(self.in_millis).unwrap_or_default();
        Duration::from_millis(now.abs_diff(self.value).saturating_mul(self.in_millis))
    }

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
