//! Lengths, limits, long bodies, and a host that does not deliver what it announced.

use std::cell::Cell;
use std::rc::Rc;

use hookwarden::config::Policy;
use hookwarden::filter::BodyBuffer;
use hookwarden::step::Step;
use hookwarden::verify::{Denial, Request, borrowed};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::delivery::{Buffer, Delivery, Ending, deliver};
use crate::support::{Sent, begin, context, hmac_sha256, literal, policy, provider, source, sources, with};

const SECRET: &str = "a-secret-of-sixteen-or-more";

fn plain() -> Rc<Policy> {
    policy(&sources(&[
        source("hook", "/hook", provider("github", &[SECRET])),
        source("token", "/token", provider("bearer", &[SECRET])),
    ]))
}

fn code(policy: &Rc<Policy>, sent: &Sent) -> &'static str {
    let code = deliver(policy, sent, &Delivery::whole()).code;
    for ending in [Ending::EmptyPiece, Ending::Trailers] {
        assert_eq!(deliver(policy, sent, &Delivery::whole().ending(ending)).code, code, "{ending:?}");
    }
    code
}

#[test]
fn denies_a_content_length_that_is_not_a_plain_number() {
    let policy = plain();
    for length in [
        "",
        "+4",
        "-4",
        "4.0",
        "0x4",
        "4 ",
        " 4",
        "4, 4",
        "4,4",
        "four",
        "٤",
        "18446744073709551616",
        "99999999999999999999999",
    ] {
        for sent in [Sent::github("/hook", SECRET, "body"), Sent::token("/token", SECRET).body("body")] {
            assert_eq!(code(&policy, &sent.header("content-length", length)), "content_length_invalid", "{length:?}");
        }
    }
    let no_text = Sent::github("/hook", SECRET, "body").header("content-length", b"\xff");
    assert_eq!(code(&policy, &no_text), "content_length_invalid");
}

#[test]
fn denies_a_repeated_content_length() {
    let policy = plain();
    for second in ["4", "5"] {
        let sent = Sent::github("/hook", SECRET, "body").header("Content-Length", "4").header("content-length", second);
        assert_eq!(code(&policy, &sent), "content_length_invalid");
    }
}

#[test]
fn denies_a_body_that_is_shorter_or_longer_than_declared() {
    let policy = plain();
    for (length, expect) in [
        ("4", "verified"),
        ("04", "verified"),
        ("3", "content_length_mismatch"),
        ("5", "content_length_mismatch"),
        ("0", "content_length_mismatch"),
        ("18446744073709551615", "content_length_mismatch"),
    ] {
        let sent = Sent::github("/hook", SECRET, "body").header("content-length", length);
        assert_eq!(code(&policy, &sent), expect, "{length}");
    }
}

#[test]
fn denies_a_declared_body_that_does_not_arrive() {
    let policy = plain();
    for sent in [Sent::github("/hook", SECRET, ""), Sent::token("/token", SECRET)] {
        let declared = sent.clone().header("content-length", "1");
        assert_eq!(
            deliver(&policy, &declared, &Delivery::whole().ending(Ending::Headers)).code,
            "content_length_mismatch"
        );
        let empty = sent.header("content-length", "0");
        assert_eq!(deliver(&policy, &empty, &Delivery::whole().ending(Ending::Headers)).code, "verified");
    }
}

#[test]
fn denies_a_body_one_byte_over_the_limit_of_its_source() {
    let limited = |name: &str, check| with(source(name, &format!("/{name}"), check), "max_body_bytes", json!(10));
    let policy = policy(&sources(&[
        limited("hook", provider("github", &[SECRET])),
        limited("token", provider("bearer", &[SECRET])),
    ]));
    for (body, expect) in [("0123456789", "verified"), ("0123456789a", "body_too_large")] {
        for sent in [Sent::github("/hook", SECRET, body), Sent::token("/token", SECRET).body(body)] {
            assert_eq!(code(&policy, &sent), expect, "counted");
            for delivery in Delivery::all(body.len()) {
                assert_eq!(deliver(&policy, &sent, &delivery).code, expect, "{delivery:?}");
            }
            let declared = sent.header("content-length", body.len().to_string());
            assert_eq!(code(&policy, &declared), expect, "declared");
        }
    }
}

#[test]
fn denies_a_body_over_the_limit_before_all_of_it_has_arrived() {
    let limited = with(source("hook", "/hook", provider("github", &[SECRET])), "max_body_bytes", json!(10));
    let policy = policy(&sources(&[limited]));
    let sent = Sent::github("/hook", SECRET, "x".repeat(1000));
    let mut exchange = begin(Rc::clone(&policy));
    assert_eq!(exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context(sent.now)), Step::Hold);
    let step = exchange.on_body(&Buffer { bytes: &sent.body[..11], len: 11 }, false, &context(sent.now));
    assert!(matches!(step, Step::Deny(record) if record.denial() == Some(Denial::BodyTooLarge)));
}

#[test]
fn a_declared_length_over_the_limit_is_refused_with_the_headers() {
    let limited = with(source("hook", "/hook", provider("github", &[SECRET])), "max_body_bytes", json!(10));
    let policy = policy(&sources(&[limited]));
    let sent = Sent::github("/hook", SECRET, "").header("content-length", "11");
    let step = begin(policy).on_headers(Request::new(&borrowed(&sent.headers)), false, &context(sent.now));
    assert!(matches!(step, Step::Deny(record) if record.denial() == Some(Denial::BodyTooLarge)));
}

#[test]
fn long_bodies_get_the_same_verdict_wherever_they_are_cut() {
    let config = sources(&[source("hook", "/hook", provider("github", &["another-secret-of-sixteen", SECRET]))]);
    for config in [config.clone(), with(config, "body_hold", json!("chain"))] {
        for len in [65_535, 65_536, 65_537, 131_073] {
            let body: Vec<u8> = (0..len).map(|at| (at * 31 % 251) as u8).collect();
            let sent = Sent::github("/hook", SECRET, &body);
            let mut forged = sent.clone();
            forged.body[len - 1] ^= 1;
            for cuts in [vec![], vec![1], vec![65_534], vec![16_384, 49_152], vec![len - 1]] {
                for ending in [Ending::LastPiece, Ending::EmptyPiece, Ending::Trailers] {
                    let delivery = Delivery::cut_at(&cuts).ending(ending);
                    let policy = policy(&config);
                    let verdict = deliver(&policy, &sent, &delivery);
                    assert_eq!(verdict.code, "verified", "{len} {delivery:?}");
                    assert_eq!(verdict.record.hashed, len as u64, "bytes of body are counted once");
                    assert_eq!(deliver(&policy, &forged, &delivery).code, "signature_mismatch", "{len} {delivery:?}");
                }
            }
        }
    }
}

/// How a host can fail to return the body that it announced.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// It returns nothing.
    Nothing,
    /// It returns zero bytes.
    Empty,
    /// It returns one byte less than requested.
    Short,
    /// It returns one byte more than requested.
    Long,
}

struct Failing<'a> {
    bytes: &'a [u8],
    len: usize,
    fault: Fault,
    /// How many reads succeed first.
    good: Cell<usize>,
}

impl BodyBuffer for Failing<'_> {
    fn len(&self) -> usize {
        self.len
    }

    fn read(&self, start: usize, len: usize) -> Option<Vec<u8>> {
        let bytes = self.bytes.get(start..start.checked_add(len)?)?.to_vec();
        if let Some(left) = self.good.get().checked_sub(1) {
            self.good.set(left);
            return Some(bytes);
        }
        match self.fault {
            Fault::Nothing => None,
            Fault::Empty => Some(Vec::new()),
            Fault::Short => Some(bytes[..len - 1].to_vec()),
            Fault::Long => Some([&bytes[..], b"!"].concat()),
        }
    }
}

#[test]
fn a_host_that_does_not_give_the_body_ends_in_a_denial() {
    let two = provider("github", &["another-secret-of-sixteen", SECRET]);
    let held = sources(&[source("hook", "/hook", two)]);
    for config in [held.clone(), with(held, "body_hold", json!("chain"))] {
        for fault in [Fault::Nothing, Fault::Empty, Fault::Short, Fault::Long] {
            // The first read is the stream; the second reads the body again for the second secret.
            for good in [0, 1] {
                for trailers in [false, true] {
                    let policy = policy(&config);
                    let sent = Sent::github("/hook", SECRET, "body");
                    let mut exchange = begin(policy);
                    let _ = exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context(sent.now));
                    let body = Failing { bytes: &sent.body, len: 4, fault, good: Cell::new(good) };
                    let mut step = exchange.on_body(&body, !trailers, &context(sent.now));
                    if trailers && step == Step::Hold {
                        step = exchange.on_trailers(&body, &context(sent.now));
                    }
                    let Step::Deny(record) = step else { panic!("{fault:?} {good} {trailers}: {step:?}") };
                    assert_eq!(record.denial(), Some(Denial::HostFailure), "{fault:?} {good} {trailers}");
                    assert_eq!(exchange.on_body(&body, true, &context(sent.now)), Step::Hold, "the denial is final");
                }
            }
        }
    }
}

#[test]
fn a_host_that_fails_while_a_source_observes_is_observed() {
    let observed = with(source("hook", "/hook", provider("github", &[SECRET])), "mode", json!("observe"));
    let policy = policy(&sources(&[observed]));
    let sent = Sent::github("/hook", SECRET, "body");
    let mut exchange = begin(policy);
    let _ = exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context(sent.now));
    let body = Failing { bytes: &sent.body, len: 4, fault: Fault::Nothing, good: Cell::new(0) };
    let Step::Continue(passage) = exchange.on_body(&body, true, &context(sent.now)) else { panic!("it is held") };
    assert_eq!(passage.into_parts().1.and_then(|record| record.denial()), Some(Denial::HostFailure));
}

/// What a host is asked for.
struct Watched<'a> {
    bytes: &'a [u8],
    asked: std::cell::RefCell<Vec<(usize, usize)>>,
}

impl BodyBuffer for Watched<'_> {
    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn read(&self, start: usize, len: usize) -> Option<Vec<u8>> {
        self.asked.borrow_mut().push((start, len));
        self.bytes.get(start..start.checked_add(len)?).map(<[u8]>::to_vec)
    }
}

#[test]
fn a_host_is_asked_for_64_kibibytes_of_a_body_at_once_and_no_more() {
    const SLICE: usize = 64 * 1024;
    for (length, expected) in [
        (SLICE - 1, vec![(0, SLICE - 1)]),
        (SLICE, vec![(0, SLICE)]),
        (SLICE + 1, vec![(0, SLICE), (SLICE, 1)]),
        (3 * SLICE, vec![(0, SLICE), (SLICE, SLICE), (2 * SLICE, SLICE)]),
    ] {
        let sent = Sent::github("/hook", SECRET, vec![b'x'; length]);
        let body = Watched { bytes: &sent.body, asked: std::cell::RefCell::default() };
        let mut exchange = begin(plain());
        assert_eq!(exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context(sent.now)), Step::Hold);
        assert!(matches!(exchange.on_body(&body, true, &context(sent.now)), Step::Continue(_)), "{length}");
        assert_eq!(body.asked.into_inner(), expected, "{length} bytes");
    }
}

#[test]
fn a_body_that_shrinks_while_it_is_held_ends_in_a_denial() {
    let sent = Sent::github("/hook", SECRET, "body");
    let mut exchange = begin(plain());
    assert_eq!(exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context(sent.now)), Step::Hold);
    assert_eq!(exchange.on_body(&Buffer { bytes: b"body", len: 4 }, false, &context(sent.now)), Step::Hold);
    let step = exchange.on_body(&Buffer { bytes: b"bod", len: 3 }, true, &context(sent.now));
    assert!(matches!(step, Step::Deny(record) if record.denial() == Some(Denial::HostFailure)));
}

#[test]
fn an_impossible_length_ends_in_a_denial() {
    let sent = Sent::github("/hook", SECRET, "body");
    for len in [usize::MAX, 5] {
        let mut exchange = begin(plain());
        assert_eq!(exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context(sent.now)), Step::Hold);
        let step = exchange.on_body(&Buffer { bytes: b"body", len }, true, &context(sent.now));
        assert!(matches!(step, Step::Deny(record) if record.denial() == Some(Denial::HostFailure)), "{len}");
    }
}

#[test]
fn excessively_long_proofs_are_refused_unread() {
    let stripe = policy(&sources(&[source("hook", "/hook", provider("stripe", &[SECRET]))]));
    let github = plain();
    let long = "0".repeat(8192);
    let entries = |value: &str| Sent::post("/hook").header("Stripe-Signature", value).body("body");
    assert_eq!(code(&stripe, &entries(&format!("t=1700000000,v1={long}"))), "signature_excess");
    assert_eq!(code(&stripe, &entries(&",".repeat(8192))), "signature_missing");
    assert_eq!(
        code(&github, &Sent::post("/hook").header("X-Hub-Signature-256", format!("sha256={long}")).body("body")),
        "signature_excess"
    );
}

#[test]
fn a_token_of_up_to_16_kibibytes_is_read() {
    let jwt = json!({ "jwt": { "at": "header:X-Token", "algorithms": ["HS256"] } });
    let secret = "a-secret-of-thirty-two-or-more-bytes";
    let policy = policy(&sources(&[source("hook", "/hook", json!({ "scheme": jwt, "secrets": literal(&[secret]) }))]));
    for (length, expected) in [(16 * 1024, "signature_mismatch"), (16 * 1024 + 1, "signature_excess")] {
        // {"alg":"HS256"}, a payload that is not looked at, and a signature that no secret made.
        let (head, tag) = ("eyJhbGciOiJIUzI1NiJ9.", format!(".{}", "A".repeat(43)));
        let token = format!("{head}{}{tag}", "A".repeat(length - head.len() - tag.len()));
        let sent = Sent::post("/hook").header("X-Token", token).body("body");
        assert_eq!(code(&policy, &sent), expected, "{length}");
    }
}

#[test]
fn a_body_that_has_to_be_read_whole_is_read_up_to_16_mebibytes() {
    const MOST: usize = 16 * 1024 * 1024;
    let scheme = json!({ "algorithm": "sha256", "signature": { "header": "X-Tag", "encoding": "hex" },
        "signed": "{secret}.{body}" });
    let hook = source("hook", "/hook", json!({ "scheme": scheme, "secrets": literal(&[SECRET]) }));
    let policy = policy(&sources(&[with(hook, "max_body_bytes", json!(MOST + 1))]));
    for (length, expected) in [(MOST, "verified"), (MOST + 1, "body_too_large")] {
        let body = vec![b'x'; length];
        let tag = Sha256::digest([SECRET.as_bytes(), b".", &body].concat());
        let sent = Sent::post("/hook").header("X-Tag", hex::encode(tag)).body(body);
        for delivery in [Delivery::whole(), Delivery::cut_at(&[1, MOST])] {
            assert_eq!(deliver(&policy, &sent, &delivery).code, expected, "{length} {delivery:?}");
        }
    }
}

#[test]
fn a_body_without_a_signature_is_not_hashed() {
    for (sent, hashed) in [(Sent::github("/hook", "nobody's", "body"), 4), (Sent::post("/hook").body("body"), 0)] {
        let verdict = deliver(&plain(), &sent, &Delivery::whole());
        assert_eq!((verdict.record.hashed, verdict.released), (hashed, false), "{}", verdict.code);
    }
}

#[test]
fn eight_signatures_of_public_keys_are_tried_and_no_more() {
    let scheme = json!({ "algorithm": "ed25519", "signed": "{body}",
        "signature": { "header": "X-Tag", "encoding": "hex", "separator": "," } });
    let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let check = json!({ "scheme": scheme, "keys": [{ "value": key }] });
    let policy = policy(&sources(&[source("hook", "/hook", check)]));
    for (count, expected) in
        [(1, "signature_mismatch"), (8, "signature_mismatch"), (9, "signature_excess"), (10, "signature_excess")]
    {
        let list = vec!["00".repeat(64); count].join(",");
        assert_eq!(code(&policy, &Sent::post("/hook").header("X-Tag", list).body("body")), expected, "{count}");
    }
}

#[test]
fn a_request_lists_up_to_64_headers() {
    let scheme = json!({ "algorithm": "hmac-sha256", "signed": "{header:X-Names|header_values}\n{body}",
        "signature": { "header": "X-Tag", "encoding": "hex" } });
    let check = json!({ "scheme": scheme, "secrets": literal(&[SECRET]) });
    let policy = policy(&sources(&[source("hook", "/hook", check)]));
    for (count, expected) in [(64, "signature_mismatch"), (65, "field_malformed"), (66, "field_malformed")] {
        let names: Vec<_> = (0..count).map(|number| format!("x-{number}")).collect();
        let sent = names.iter().fold(Sent::post("/hook"), |sent, name| sent.header(name, "1"));
        let sent = sent.header("X-Names", names.join(" ")).header("X-Tag", "00".repeat(32)).body("body");
        assert_eq!(code(&policy, &sent), expected, "{count}");
    }
}

#[test]
fn too_many_candidates_are_refused_untried() {
    let policy = policy(&sources(&[source("hook", "/hook", provider("stripe", &[SECRET]))]));
    let right = hex::encode(hmac_sha256(SECRET.as_bytes(), b"1700000000.body"));
    let wrong = "v1=00,".repeat(15);
    for (value, expect) in [
        (format!("t=1700000000,{wrong}v1={right}"), "verified"),
        (format!("t=1700000000,v1={right},{wrong}v1=00"), "signature_excess"),
        (format!("t=1700000000,v1=00,{wrong}v1={right}"), "signature_excess"),
    ] {
        assert_eq!(code(&policy, &Sent::post("/hook").header("Stripe-Signature", value).body("body")), expect);
    }
}

/// A scheme that needs the whole body keeps a copy if the host does not hold it.
#[test]
fn an_observing_source_reads_a_whole_body_of_up_to_one_mebibyte() {
    let scheme = json!({ "algorithm": "hmac-sha256", "signature": { "header": "X-Tag", "encoding": "hex" },
        "signed": "{json:id}" });
    let check = json!({ "scheme": scheme, "secrets": literal(&["a-secret-of-sixteen-or-more"]) });
    let hook = with(source("hook", "/hook", check), "mode", json!("observe"));
    let policy = policy(&sources(&[hook]));
    let tag = hex::encode(hmac_sha256(b"a-secret-of-sixteen-or-more", b"1"));
    for (length, expected) in
        [(1024 * 1024 - 1, "verified"), (1024 * 1024, "verified"), (1024 * 1024 + 1, "body_too_large")]
    {
        let head = r#"{"id":"1","pad":""#;
        let body = format!("{head}{}\"}}", "x".repeat(length - head.len() - 2));
        let sent = Sent::post("/hook").header("X-Tag", &tag).header("content-type", "application/json").body(body);
        for way in [Delivery::whole(), Delivery::cut_at(&[1000])] {
            assert_eq!(deliver(&policy, &sent, &way).code, expected, "{length} bytes as {way:?}");
        }
    }
}
