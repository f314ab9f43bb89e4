//! A time as it is given on the command line.

use hookwarden::verify::timestamp::{UnixTime, parse_rfc3339};

use crate::cli::terminal::Failure;

/// Reads RFC 3339, seconds or milliseconds since 1970, or a distance from now such as `-10m`.
pub fn read(text: &str, now: UnixTime) -> Result<UnixTime, Failure> {
    let time = match text
        .strip_prefix('-')
        .map(|distance| (distance, false))
        .or_else(|| Some((text.strip_prefix('+')?, true)))
    {
        Some((distance, is_later)) => millis(distance).and_then(|distance| {
            let now = now.as_millis();
            if is_later { now.checked_add(distance) } else { now.checked_sub(distance) }
        }),
        None if text == "now" => Some(now.as_millis()),
        None if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            // Seconds have ten digits until the year 2286, and milliseconds have thirteen.
            let number: Option<u64> = text.parse().ok();
            if text.len() > 11 { number } else { number.and_then(|seconds| seconds.checked_mul(1000)) }
        }
        None => parse_rfc3339(text).map(UnixTime::as_millis),
    };
    time.map(UnixTime::from_millis).ok_or_else(|| {
        Failure::Told(format!(
            "--at {text}: is no time; write 2026-11-21T10:00:00Z, seconds since 1970, or a distance from now such as -10m"
        ))
    })
}

/// A number and its unit: `90s`, `10m`, `2h`, `3d`.
fn millis(distance: &str) -> Option<u64> {
    let cut = distance.find(|char: char| !char.is_ascii_digit())?;
    let (number, unit) = distance.split_at_checked(cut)?;
    let unit: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}
