//! Text encodings of bytes and times.

use hookwarden::verify::bytes::encoding::Encoding;
use hookwarden::verify::primitives::native::write_http_date;
use hookwarden::verify::primitives::timestamp::{Unit, UnixTime, parse_http_date};

#[test]
fn base64url_with_optional_padding_is_read_with_all_of_it_or_none() {
    let encoding = Encoding::Base64UrlPaddingOptional;
    for (text, bytes) in [
        ("", Some(b"".as_slice())),
        ("_-8", Some(b"\xff\xef")),
        ("_-8=", Some(b"\xff\xef")),
        ("_w", Some(b"\xff")),
        ("_w==", Some(b"\xff")),
        ("____", Some(b"\xff\xff\xff")),
        // Partial padding, or too much.
        ("_w=", None),
        ("_w===", None),
        ("____=", None),
        ("=", None),
        // Unused bits that are set.
        ("_x", None),
        ("_x==", None),
        ("_-9=", None),
        // Another alphabet, white space, one character too many.
        ("/w==", None),
        ("+-8=", None),
        ("_-8= ", None),
        ("_-8=\n", None),
        ("_", None),
        ("_w==_w==", None),
    ] {
        assert_eq!(encoding.decode(text.as_bytes()).as_deref(), bytes, "{text:?}");
        let strict = bytes.filter(|_| !text.contains('='));
        assert_eq!(Encoding::Base64Url.decode(text.as_bytes()).as_deref(), strict, "{text:?} without padding");
    }
    for length in 0..40_u8 {
        let bytes: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(37)).collect();
        assert_eq!(encoding.decode(&encoding.encode(&bytes)).as_deref(), Some(bytes.as_slice()), "{length}");
    }
}

#[test]
fn digits_and_escapes_are_read_in_the_case_that_their_sender_writes() {
    for (encoding, text, bytes) in [
        (Encoding::Hex, "00ffAB", Some(b"\x00\xff\xab".as_slice())),
        (Encoding::HexLower, "00ffab", Some(b"\x00\xff\xab")),
        (Encoding::HexLower, "00ffAB", None),
        (Encoding::HexUpper, "00FFAB", Some(b"\x00\xff\xab")),
        (Encoding::HexUpper, "00FFab", None),
        (Encoding::Hex, "00f", None),
        (Encoding::HexLower, "0g", None),
        (Encoding::HexUpper, "0G", None),
        (Encoding::PercentBase64, "_w%3D%3D", None),
        (Encoding::PercentBase64, "%2Fw%3d%3D", Some(b"\xff")),
        (Encoding::PercentBase64, "/w==", Some(b"\xff")),
        // A plus is itself, and no blank.
        (Encoding::PercentBase64, "+w%3D%3D", Some(b"\xfb")),
    ] {
        assert_eq!(encoding.decode(text.as_bytes()).as_deref(), bytes, "{text:?} as {encoding:?}");
    }
}

#[test]
fn http_dates_are_read_in_their_one_fixed_form() {
    // RFC 9110, section 5.6.7.
    assert_eq!(parse_http_date(b"Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
    for seconds in [0, 951_782_400, 1_700_000_000, 4_102_444_799] {
        let text = write_http_date(UnixTime::from_secs(seconds)).expect("it can be written");
        assert_eq!(text.len(), 29, "{text}");
        assert_eq!(parse_http_date(text.as_bytes()), Some(seconds), "{text}");
        assert!(Unit::HttpDate.parse(text.as_bytes()).is_ok(), "{text}");
    }
    for text in [
        "",
        // An additional blank could come from the end of the body under the same signature.
        " Tue, 14 Nov 2023 22:13:20 GMT",
        "Tue, 14 Nov 2023 22:13:20 GMT ",
        "Tue,  14 Nov 2023 22:13:20 GMT",
        "tue, 14 nov 2023 22:13:20 gmt",
        "Mon, 14 Nov 2023 22:13:20 GMT",
        "Tue, 14 Nov 2023 22:13:20 UTC",
        "Tue, 14 Nov 2023 22:13:20 +0000",
        "Tue, 14 Nov 2023 24:13:20 GMT",
        "Tue, 14 Nov 2023 22:13:60 GMT",
        "Tue, 31 Nov 2023 22:13:20 GMT",
        "Tue, 14 Nov 23 22:13:20 GMT",
        "Tuesday, 14-Nov-23 22:13:20 GMT",
        "Tue Nov 14 22:13:20 2023",
        "Wed, 31 Dec 1969 23:59:59 GMT",
        "1700000000",
    ] {
        assert!(Unit::HttpDate.parse(text.as_bytes()).is_err(), "{text:?}");
    }
}
