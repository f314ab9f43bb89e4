//! The time, which the command may ask and the library may not.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hookwarden::verify::primitives::timestamp::{UnixTime, parse_rfc3339};

/// The time of day.
#[allow(clippy::disallowed_methods, reason = "the command is what asks; everything below it gets the time told")]
pub fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The month, such as `2026-11`: what the documentation calls a secret by.
pub fn month() -> String {
    date().chars().take(7).collect()
}

/// The day, such as `2026-11-21`.
pub fn date() -> String {
    let since = Duration::from_millis(now().as_millis());
    humantime::format_rfc3339_seconds(UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH))
        .to_string()
        .chars()
        .take(10)
        .collect()
}

/// A point to measure from.
#[allow(clippy::disallowed_methods, reason = "how long a command has run, for progress only")]
pub fn mark() -> Instant {
    Instant::now()
}

/// Reads RFC 3339, or seconds or milliseconds since 1970.
pub fn read(text: &str) -> Option<UnixTime> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number =
        !whole.is_empty() && whole.len() <= 15 && [whole, fraction].concat().bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return parse_rfc3339(text);
    }
    let number: u64 = whole.parse().ok()?;
    // Eleven digits of seconds end in the year 5138.
    if whole.len() > 11 {
        return Some(UnixTime::from_millis(number));
    }
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some(UnixTime::from_millis(number.checked_mul(1000)?.checked_add(digits.parse().ok()?)?))
}

/// Reads the same, or a distance from `now` such as `-10m`.
pub fn read_relative(text: &str, now: UnixTime) -> Option<UnixTime> {
    let now = now.as_millis();
    let time = match (text.strip_prefix('-'), text.strip_prefix('+')) {
        (Some(distance), _) => now.checked_sub(distance_millis(distance)?),
        (_, Some(distance)) => now.checked_add(distance_millis(distance)?),
        _ if text == "now" => Some(now),
        _ => return read(text),
    };
    time.map(UnixTime::from_millis)
}

fn distance_millis(text: &str) -> Option<u64> {
    u64::try_from(humantime::parse_duration(text).ok()?.as_millis()).ok()
}

/// A time as people read it: RFC 3339 in UTC, with milliseconds only where there are any.
pub fn written(time: UnixTime) -> String {
    // What the format can write; it panics beyond.
    const LAST: u64 = 253_402_300_799_999;
    if time.as_millis() > LAST {
        return "after the year 9999".to_owned();
    }
    let has_millis = !time.as_millis().is_multiple_of(1000);
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(time.as_millis())).unwrap_or(UNIX_EPOCH);
    if has_millis {
        humantime::format_rfc3339_millis(time).to_string()
    } else {
        humantime::format_rfc3339_seconds(time).to_string()
    }
}

/// A span as people say it: its two greatest units.
pub fn span(millis: u64) -> String {
    let span = match millis {
        0..1000 => Duration::from_millis(millis),
        1000..3_600_000 => Duration::from_secs(millis / 1000),
        3_600_000..172_800_000 => Duration::from_secs((millis / 60_000).saturating_mul(60)),
        _ => Duration::from_secs((millis / 3_600_000).saturating_mul(3600)),
    };
    humantime::format_duration(span).to_string()
}
