use std::time::Duration;

use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::scheme::HttpSignatureError as Error;
use hookwarden::verify::scheme::draft_cavage::{ClaimedHttpSignature, HttpSignatureRule, RequestLine, begin};
use hookwarden::verify::{HeaderLine, Request, borrowed};

use super::headers;

const DATE: &str = "Wed, 09 Jun 2021 16:08:15 GMT";
const DATE_SECONDS: u64 = 1_623_254_895;
const DIGEST: &str = "sha-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=";
const SIGNATURE: &str =
    "keyid=\"k\", algorithm=\"ed25519\", signature=\"AQID\", headers=\"(request-target) host date digest\"";
const FACTS: RequestLine<'_> = RequestLine { method: b"POST", target: b"/hooks?a=1", authority: b"hooks.example.com" };

fn request() -> Vec<HeaderLine> {
    headers(&[(":authority", "hooks.example.com"), ("date", DATE), ("digest", DIGEST), ("keygen-signature", SIGNATURE)])
}

fn begin_with(lines: &[HeaderLine], facts: RequestLine<'_>) -> Result<ClaimedHttpSignature, Error> {
    let rule = HttpSignatureRule { header: "Keygen-Signature".to_owned(), algorithm: "ed25519".to_owned() };
    begin(Request::new(&borrowed(lines)), facts, &rule)
}

fn with(name: &str, value: &str) -> Result<ClaimedHttpSignature, Error> {
    let mut lines = request();
    lines.retain(|(key, _)| key != name);
    lines.extend(headers(&[(name, value)]));
    begin_with(&lines, FACTS)
}

#[test]
fn writes_a_line_for_each_covered_part() {
    let signed = begin_with(&request(), FACTS).unwrap();
    let base = "(request-target): post /hooks?a=1\nhost: hooks.example.com\ndate: Wed, 09 Jun 2021 16:08:15 GMT\n\
        digest: sha-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=";
    assert_eq!(String::from_utf8(signed.base).unwrap(), base);
    assert_eq!((signed.signature.as_slice(), signed.key_id.as_deref()), ([1, 2, 3].as_slice(), Some("k")));

    let mut lines = request();
    lines.retain(|(key, _)| key != "keygen-signature");
    let reordered = "Algorithm=\"ed25519\",headers=\"digest x-y date host (request-target)\",signature=\"AQID\"";
    lines.extend(headers(&[("keygen-signature", reordered), ("X-Y", " v ")]));
    let signed = begin_with(&lines, FACTS).unwrap();
    assert!(signed.base.starts_with(format!("digest: {DIGEST}\nx-y: v\ndate: ").as_bytes()));
    assert_eq!(signed.key_id, None);
}

#[test]
fn signs_the_host_without_its_port() {
    for (authority, host) in
        [("a.example:8443", "a.example"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("a", "a"), ("", "")]
    {
        let signed = begin_with(&request(), RequestLine { authority: authority.as_bytes(), ..FACTS }).unwrap();
        let base = String::from_utf8(signed.base).unwrap();
        assert!(base.contains(&format!("\nhost: {host}\n")), "{base}");
    }
}

#[test]
fn requires_request_line_host_date_and_digest_to_be_covered() {
    for headers in [
        "(request-target) host date",
        "(request-target) host digest",
        "(request-target) date digest",
        "host date digest",
        "date",
    ] {
        let value = format!("algorithm=\"ed25519\", signature=\"AQID\", headers=\"{headers}\"");
        assert_eq!(with("keygen-signature", &value), Err(Error::CoverageMissing), "{headers}");
    }
    let value = "algorithm=\"ed25519\", signature=\"AQID\"";
    assert_eq!(with("keygen-signature", value), Err(Error::CoverageMissing), "the draft's default is the date alone");
}

#[test]
fn refuses_an_ambiguous_signature_header() {
    let all = "(request-target) host date digest";
    for (value, error) in [
        (format!("algorithm=\"ed25519\", signature=\"AQID\", headers=\"{all}\", headers=\"{all}\""), Error::Malformed),
        (format!("algorithm=\"ed25519\", signature=\"AQID\", headers=\"{all}\", Signature=\"AQIE\""), Error::Malformed),
        (format!("algorithm=\"ed25519\", signature=\"AQID\", headers=\"{all}\","), Error::Malformed),
        (format!("algorithm=\"ed25519\", signature=\"AQID\", headers=\"{all}\" x"), Error::Malformed),
        (format!("algorithm=\"ed25519\", signature=\"AQID\", headers=\"{all}\", created=1"), Error::Malformed),
        (format!("algorithm=\"ed25519\", signature=\"AQID\", headers=\"{all}\", expires=\"1\""), Error::Malformed),
        (format!("algorithm=\"ed25519\", keyid=\"\\\"\", signature=\"AQID\", headers=\"{all}\""), Error::Malformed),
        (format!("algorithm=\"ed25519\", signature=\"AQI\", headers=\"{all}\""), Error::Malformed),
        (format!("algorithm=\"ed25519\", headers=\"{all}\""), Error::Malformed),
        (format!("algorithm=\"rsa-sha256\", signature=\"AQID\", headers=\"{all}\""), Error::AlgorithmMismatch),
        (format!("signature=\"AQID\", headers=\"{all}\""), Error::AlgorithmMismatch),
        (format!("algorithm=\"ed25519\", signature=\"AQID\", headers=\"{all} date\""), Error::ComponentDuplicated),
        (format!("algorithm=\"ed25519\", signature=\"AQID\", headers=\"{all} Date\""), Error::ComponentUnsupported),
        (
            format!("algorithm=\"ed25519\", signature=\"AQID\", headers=\"{all} (created)\""),
            Error::ComponentUnsupported,
        ),
        (format!("algorithm=\"ed25519\", signature=\"AQID\", headers=\"{all}  x\""), Error::ComponentUnsupported),
        (format!("algorithm=\"ed25519\", signature=\"AQID\", headers=\"{all} x-absent\""), Error::FieldMissing),
        (String::new(), Error::Malformed),
        ("keyid".to_owned(), Error::Malformed),
        ("keyid=\"".to_owned(), Error::Malformed),
        ("x".repeat(8193), Error::Excess),
    ] {
        assert_eq!(with("keygen-signature", &value), Err(error), "{value}");
    }
    let padded = |length: usize| {
        let rest = SIGNATURE.strip_prefix("keyid=\"k").expect("it begins so");
        format!("keyid=\"{}{rest}", "k".repeat(length - "keyid=\"".len() - rest.len()))
    };
    assert_eq!(with("keygen-signature", &padded(8192)).err(), None);
    assert_eq!(with("keygen-signature", &padded(8193)).err(), Some(Error::Excess));
    let many: String = (0..20).map(|number| format!(" x{number}")).collect();
    let value = format!("algorithm=\"ed25519\", signature=\"AQID\", headers=\"{all}{many}\"");
    assert_eq!(with("keygen-signature", &value), Err(Error::Excess));
}

#[test]
fn refuses_headers_that_are_missing_or_repeated() {
    for (name, missing, repeated) in [
        ("keygen-signature", Error::Missing, Error::Duplicated),
        ("date", Error::FieldMissing, Error::FieldMalformed),
        ("digest", Error::FieldMissing, Error::FieldMalformed),
    ] {
        let mut lines = request();
        let line = lines.iter().find(|(key, _)| key == name).unwrap().clone();
        lines.push(line);
        assert_eq!(begin_with(&lines, FACTS), Err(repeated), "{name}");
        lines.retain(|(key, _)| key != name);
        assert_eq!(begin_with(&lines, FACTS), Err(missing), "{name}");
    }
    assert_eq!(begin_with(&request(), RequestLine { target: b"/a\nhost: b", ..FACTS }), Err(Error::FieldMalformed));
}

#[test]
fn is_fresh_within_the_age_in_both_directions_limits_included() {
    let signed = begin_with(&request(), FACTS).unwrap();
    for (now, verdict) in [
        (DATE_SECONDS - 301, Err(Error::TimestampFuture)),
        (DATE_SECONDS - 300, Ok(())),
        (DATE_SECONDS + 300, Ok(())),
        (DATE_SECONDS + 301, Err(Error::TimestampStale)),
    ] {
        assert_eq!(signed.within(Duration::from_secs(300), UnixTime::from_secs(now)), verdict);
    }
}

#[test]
fn reads_dates_to_the_second() {
    for (date, seconds) in [
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
        ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
        ("Tue, 20 Apr 2021 02:07:55 GMT", 1_618_884_475),
        ("Thu, 29 Feb 2024 12:00:00 GMT", 1_709_208_000),
        ("Tue, 31 Dec 2024 23:59:59 GMT", 1_735_689_599),
        ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
    ] {
        let signed = with("date", date).unwrap();
        assert_eq!(signed.within(Duration::ZERO, UnixTime::from_secs(seconds)), Ok(()), "{date}");
    }
    for date in [
        "",
        "Wed, 09 Jun 2021 16:08:15",
        "Wed, 09 Jun 2021 16:08:15 UTC",
        "Wed, 09 Jun 2021 16:08:15 GMT x",
        "Thu, 09 Jun 2021 16:08:15 GMT",
        "Wed, 9 Jun 2021 16:08:15 GMT",
        "Wed, 09 jun 2021 16:08:15 GMT",
        "Wed 09 Jun 2021 16:08:15 GMT",
        "Wed,  09 Jun 2021 16:08:15 GMT",
        "Wed, 09 Jun 21 16:08:15 GMT",
        "Wed, 09 Jun 2021 24:08:15 GMT",
        "Wed, 09 Jun 2021 16:60:15 GMT",
        "Wed, 09 Jun 2021 16:08:60 GMT",
        "Wed, 09 Jun 2021 16:08 GMT",
        "Wed, 09 Jun 2021 16:08:15:00 GMT",
        "Wed, +9 Jun 2021 16:08:15 GMT",
        "Wed, 00 Jun 2021 16:08:15 GMT",
        "Wed, 31 Jun 2021 16:08:15 GMT",
        "Mon, 29 Feb 2021 00:00:00 GMT",
        "Mon, 29 Feb 2100 00:00:00 GMT",
        "Wed, 31 Dec 1969 23:59:59 GMT",
        "Wednesday, 09-Jun-21 16:08:15 GMT",
        "Wed Jun  9 16:08:15 2021",
        "1623254895",
        "Wed, 09 Jun 0000 16:08:15 GMT",
    ] {
        assert_eq!(with("date", date), Err(Error::TimestampMalformed), "{date:?}");
    }
}

#[test]
fn the_body_must_match_the_covered_digest() {
    use sha2::Digest as _;
    let of = |body: &str| -> [u8; 32] { sha2::Sha256::digest(body).into() };
    let signed = begin_with(&request(), FACTS).unwrap();
    assert_eq!(signed.check_digest(&of("{\"hello\": \"world\"}")), Ok(()));
    assert_eq!(signed.check_digest(&of("{\"hello\": \"w0rld\"}")), Err(Error::DigestMismatch));
    assert!(with("digest", &DIGEST.replace("sha-256", "SHA-256")).is_ok());
    for digest in [
        "",
        "sha-256=",
        "sha-256=AAAA",
        "md5=AAAA",
        "sha-512=AAAA",
        &format!("{DIGEST},{DIGEST}"),
        &DIGEST.replace("PE=", "PF="),
        "sha-25",
    ] {
        assert_eq!(with("digest", digest), Err(Error::DigestMalformed), "{digest}");
    }
}

#[test]
fn in_authorization_the_parameters_follow_the_scheme() {
    let begin_in = |header: &str, value: &str| {
        let lines = headers(&[("date", DATE), ("digest", DIGEST), ("authorization", value), ("signature", value)]);
        let rule = HttpSignatureRule { header: header.to_owned(), algorithm: "ed25519".to_owned() };
        begin(Request::new(&borrowed(&lines)), FACTS, &rule).map(drop)
    };
    for scheme in ["Signature", "signature", "SIGNATURE"] {
        assert_eq!(begin_in("authorization", &format!("{scheme} {SIGNATURE}")), Ok(()), "{scheme}");
    }
    for value in
        [SIGNATURE, &format!("Bearer {SIGNATURE}"), &format!("Signature{SIGNATURE}"), "Signature", "Signature "]
    {
        assert_eq!(begin_in("Authorization", value), Err(Error::Malformed), "{value}");
    }
    assert_eq!(begin_in("signature", SIGNATURE), Ok(()));
    assert_eq!(begin_in("signature", &format!("Signature {SIGNATURE}")), Err(Error::Malformed));
}
