//! When the request arrived: what freshness is judged by.

use std::time::{Duration, UNIX_EPOCH};

use hookwarden::verify::http_signature::parse_date;
use hookwarden::verify::timestamp::{UnixTime, parse_rfc3339};

use super::capture::Captured;
use crate::cli::clock;

/// A time, and where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The time.
    pub time: UnixTime,
    /// Where it is from, for people.
    pub place: &'static str,
    /// Whether nobody said it.
    pub is_guessed: bool,
}

impl Arrival {
    /// The time that is asked for, or else the capture's, or else that of the sender's `Date`, or else now.
    ///
    /// # Errors
    /// Which of them cannot be read.
    pub fn of(asked: Option<&str>, captured: &Captured) -> Result<Self, String> {
        let known = |time, place| Ok(Self { time, place, is_guessed: false });
        if let Some(text) = asked {
            return known(read(text).ok_or(format!("--at: {UNREADABLE}"))?, "--at");
        }
        if let Some(stated) = &captured.time {
            return known(read(&stated.text).ok_or(format!("{}: {UNREADABLE}", stated.place))?, stated.place);
        }
        if let Some(seconds) = captured.header("date").and_then(parse_date) {
            return known(UnixTime::from_secs(seconds), "the request's Date header");
        }
        Ok(Self { time: clock::now(), place: "now, for nothing says when it arrived; give --at", is_guessed: true })
    }
}

const UNREADABLE: &str = "must be a time such as 2026-11-21T10:00:00Z, or seconds or milliseconds since 1970";

/// Reads RFC 3339, or seconds or milliseconds since the epoch.
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
