//! Times, as senders write them.

use std::time::Duration;

use hookwarden::verify::Denial;
use hookwarden::verify::primitives::native::{write_http_date, write_rfc3339};
use hookwarden::verify::primitives::timestamp::{Unit, UnixTime, parse_http_date, parse_rfc3339};

#[test]
fn a_time_is_read_in_its_unit_and_in_one_form_only() {
    for (unit, right, wrong) in [
        (
            Unit::Seconds,
            &["1700000000"][..],
            &["0700000000", "170000000", "17000000000", "+170000000", "1700000000.5"][..],
        ),
        (Unit::Milliseconds, &["1700000000000"], &["1700000000", "0700000000000", "1700000000000.5"]),
        (Unit::SecondsOrMilliseconds, &["1700000000", "1700000000000"], &["17000000000", "170000000000"]),
        (
            Unit::Fraction,
            &["1700000000", "1700000000.0", "1700000000.123456789"],
            &["1700000000.", "1700000000.1234567890", "1700000000.1x", "1700000000,5", "170000000.5", "1700000000.5.5"],
        ),
        (
            Unit::Iso8601,
            &["2023-11-14T22:13:20Z", "2023-11-14T22:13:20.123+00:00"],
            &["2023-11-14", "1969-12-31T23:59:59Z"],
        ),
        (Unit::HttpDate, &["Tue, 14 Nov 2023 22:13:20 GMT"], &["Wed, 14 Nov 2023 22:13:20 GMT", "1700000000"]),
    ] {
        for text in right {
            assert!(unit.parse(text.as_bytes()).is_ok(), "{unit:?} {text}");
        }
        for text in wrong {
            assert_eq!(unit.parse(text.as_bytes()), Err(Denial::TimestampMalformed), "{unit:?} {text}");
        }
    }
}

#[test]
fn a_time_is_compared_in_its_senders_unit_up_to_the_tolerance() {
    let tolerance = Duration::from_secs(300);
    let at = |unit: Unit, text: &str, now: u64| {
        unit.parse(text.as_bytes()).expect("a time").within(tolerance, UnixTime::from_millis(now))
    };
    let sent = 1_700_000_000_000;
    for (unit, text, step) in [(Unit::Seconds, "1700000000", 1000), (Unit::Milliseconds, "1700000000000", 1)] {
        for (now, expected) in [
            (sent, Ok(())),
            (sent + 300_000 + step - 1, Ok(())),
            (sent + 300_000 + step, Err(Denial::TimestampStale)),
            (sent - 300_000, Ok(())),
            (sent - 300_000 - 1, Err(Denial::TimestampFuture)),
        ] {
            assert_eq!(at(unit, text, now), expected, "{unit:?} at {now}");
        }
    }
}

#[test]
fn a_written_time_reads_back_as_the_same_time() {
    for seconds in [0, 951_782_399, 951_868_800, 1_618_884_475, 1_700_000_000, 4_107_542_400] {
        let time = UnixTime::from_secs(seconds);
        let date = write_http_date(time).expect("a date");
        assert_eq!(date.len(), 29, "{date}");
        assert_eq!(parse_http_date(date.as_bytes()), Some(seconds), "{date}");
        assert_eq!(write_rfc3339(time, 0).as_deref().and_then(parse_rfc3339), Some(time));
    }
    assert_eq!(write_http_date(UnixTime::from_secs(1_618_884_475)).as_deref(), Some("Tue, 20 Apr 2021 02:07:55 GMT"));
    let time = UnixTime::from_millis(1_618_884_475_123);
    for (digits, expected) in [
        (0, "2021-04-20T02:07:55Z"),
        (1, "2021-04-20T02:07:55.1Z"),
        (3, "2021-04-20T02:07:55.123Z"),
        (9, "2021-04-20T02:07:55.123000000Z"),
        (20, "2021-04-20T02:07:55.123000000Z"),
    ] {
        assert_eq!(write_rfc3339(time, digits).as_deref(), Some(expected));
    }
    assert_eq!(write_rfc3339(UnixTime::from_millis(u64::MAX), 0), None, "no year has so many digits");
    assert_eq!(write_http_date(UnixTime::from_millis(u64::MAX)), None);
}

#[test]
fn an_impossible_date_is_refused() {
    for date in [
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Tue, 29 Feb 2000 23:59:59 GMT",
        "Thu, 29 Feb 2024 00:00:00 GMT",
        "Fri, 31 Dec 2100 23:59:59 GMT",
        "Mon, 01 Mar 2100 00:00:00 GMT",
    ] {
        assert!(parse_http_date(date.as_bytes()).is_some(), "{date}");
    }
    for date in [
        "Thu, 31 Dec 1969 23:59:59 GMT",
        "Mon, 29 Feb 2100 00:00:00 GMT",
        "Wed, 29 Feb 2023 00:00:00 GMT",
        "Tue, 00 Mar 2023 00:00:00 GMT",
        "Mon, 31 Apr 2023 00:00:00 GMT",
        "Tue, 14 Nov 2023 24:00:00 GMT",
        "Tue, 14 Nov 2023 23:60:00 GMT",
        "Tue, 14 Nov 2023 23:59:60 GMT",
        "Tue, 14 Nov 2023 22:13:20 UTC",
        "Tue, 14 Nov 2023 22:13:20",
        "Tue, 14 Nov 2023 22:13:20 GMT ",
        "Tue, 14 Nov 2023 22:13:20:00 GMT",
        "Tue 14 Nov 2023 22:13:20 GMT",
        "Tue, 14 nov 2023 22:13:20 GMT",
        "Tue, 14 Nov 23 22:13:20 GMT",
        "Tue, 14 Nov 2023 2:13:20 GMT",
    ] {
        assert_eq!(parse_http_date(date.as_bytes()), None, "{date}");
    }
}
