//! Writes times.

use time::OffsetDateTime;

use crate::verify::primitives::timestamp::UnixTime;

/// Writes a time as in RFC 3339, in UTC, with the requested number of fractional digits, nine at most. Digits finer
/// than a millisecond are zero.
#[must_use]
pub fn write_rfc3339(time: UnixTime, fraction_digits: usize) -> Option<String> {
    let time = to_utc(time)?;
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute, second) = time.to_hms();
    let fraction: String = format!("{:09}", time.nanosecond()).chars().take(fraction_digits).collect();
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{point}{fraction}Z"))
}

/// Writes a time as in HTTP (RFC 9110, section 5.6.7): `Tue, 20 Apr 2021 02:07:55 GMT`.
#[must_use]
pub fn write_http_date(time: UnixTime) -> Option<String> {
    let time = to_utc(time)?;
    let weekday: String = time.weekday().to_string().chars().take(3).collect();
    let month: String = time.month().to_string().chars().take(3).collect();
    let (hour, minute, second) = time.to_hms();
    Some(format!("{weekday}, {:02} {month} {:04} {hour:02}:{minute:02}:{second:02} GMT", time.day(), time.year()))
}

fn to_utc(time: UnixTime) -> Option<OffsetDateTime> {
    let nanos = i128::from(time.as_millis()).checked_mul(1_000_000)?;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()
}
