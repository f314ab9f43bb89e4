//! The time, which the command may ask and the library may not.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hookwarden::verify::timestamp::UnixTime;

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
