//! How much is held for requests that are not verified yet.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookwarden::config::Policy;
use hookwarden::filter::Exchange;
use hookwarden::guard::pool::Pool;
use hookwarden::step::{Outcome, Step};
use hookwarden::verify::request::Rereading;
use hookwarden::verify::{Denial, Request, borrowed};
use serde_json::{Value, json};

use crate::delivery::{Buffer, Delivery, deliver};
use crate::guards::memory::Shared;
use crate::proxy::Proxy;
use crate::support::{Sent, active, context, hmac_sha256, literal, policy, provider, source, sources, with};
use crate::vector::{Form, providers};

const SECRET: &str = "a-secret-of-sixteen-or-more";
/// The fixed charge for a request, besides what its proof needs.
const FIXED: usize = 1024;

fn exchange(policy: &Rc<Policy>, pool: &Pool) -> Exchange {
    Exchange::new(active(Rc::clone(policy), &Shared::default()), pool.clone())
}

/// How much is held of a request after its headers.
fn held_by(policy: &Rc<Policy>, sent: &Sent) -> (usize, Option<Denial>) {
    let pool = Pool::default();
    let mut exchange = exchange(policy, &pool);
    let step = exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context(sent.now));
    let denial = match step {
        Step::Deny(record) => record.denial(),
        _ => None,
    };
    (pool.held(), denial)
}

/// A head of 56 KB, for which an attacker sends only some 70 bytes.
fn with_ballast(sent: &Sent) -> Sent {
    (0..14).fold(sent.clone(), |sent, _| sent.header("x-ballast", vec![b'v'; 4040]))
}

fn hook(verify: Value) -> Rc<Policy> {
    policy(&sources(&[source("hook", "/hook", verify)]))
}

#[test]
fn no_scheme_keeps_headers_that_it_does_not_read() {
    let mut held = 0;
    for provider in providers() {
        for vector in provider.vectors.iter().filter(|vector| vector.is_valid()) {
            let policy = policy(&provider.config(vector, Form::ByName));
            let plain = held_by(&policy, &vector.sent);
            assert_eq!(held_by(&policy, &with_ballast(&vector.sent)), plain, "{}: {}", provider.name, vector.case);
            assert!(plain.0 < 24 * 1024, "{}: {} holds {} bytes", provider.name, vector.case, plain.0);
            held += usize::from(plain.0 > 0);
        }
    }
    assert!(held > 300 || std::env::var_os("PROVIDER").is_some(), "{held} requests were held at all");
}

#[test]
fn extra_headers_do_not_change_the_verdict_of_a_scheme_that_reads_the_whole_body() {
    for provider in providers() {
        for vector in &provider.vectors {
            let policy = policy(&provider.config(vector, Form::ByName));
            let verdict = deliver(&policy, &with_ballast(&vector.sent), &Delivery::whole());
            assert_eq!(verdict.code, vector.expect, "{}: {}", provider.name, vector.case);
        }
    }
}

#[test]
fn headers_listed_by_a_request_are_kept_if_the_whole_body_is_read() {
    // The event's id is in the body, so the whole body is read; the signature lists the headers.
    let scheme = json!({ "signature": { "header": "X-Signature", "separator": ",", "prefix": "v1=", "encoding": "hex" },
        "algorithm": "hmac-sha256", "signed": "{entry:h=}.{entry:h=|header_values}.{body}",
        "event_id": { "at": "json:id" } });
    let policy = hook(json!({ "scheme": scheme, "secrets": literal(&[SECRET]) }));
    let body = br#"{"id":"e1"}"#;
    let signed = [b"x-one x-two.1.2.".as_slice(), body].concat();
    let tag = hex::encode(hmac_sha256(SECRET.as_bytes(), &signed));
    let sent = Sent::post("/hook").header("X-One", "1").header("X-Two", "2").body(body);
    let sent = sent.header("X-Signature", format!("h=x-one x-two,v1={tag}"));
    assert_eq!(deliver(&policy, &with_ballast(&sent), &Delivery::whole()).code, "verified");
    assert_eq!(deliver(&policy, &sent.clone().header("x-two", "2"), &Delivery::whole()).code, "header_duplicated");
    assert_eq!(held_by(&policy, &with_ballast(&sent)), held_by(&policy, &sent));
}

#[test]
fn a_head_that_is_too_long_to_be_kept_is_refused() {
    let whole = hook(provider("mailgun-form", &[SECRET]));
    let long = |len: usize| Sent::post("/hook").header("content-type", vec![b'v'; len]).body("body");
    let code = |policy: &Rc<Policy>, sent: &Sent| deliver(policy, sent, &Delivery::whole()).code;
    assert_eq!(code(&whole, &long(60 * 1024)), "content_type");
    assert_eq!(code(&whole, &long(70 * 1024)), "too_many_headers");
    let scheme = json!({ "signature": { "header": "X-Signature", "encoding": "hex" }, "algorithm": "hmac-sha256",
        "signed": "{header:X-Long}\n{body}" });
    let streamed = hook(json!({ "scheme": scheme, "secrets": literal(&[SECRET]) }));
    let long = |len: usize| {
        let sent = Sent::post("/hook").header("X-Signature", "00".repeat(32)).body("body");
        sent.header("X-Long", vec![b'v'; len])
    };
    assert_eq!(code(&streamed, &long(30 * 1024)), "signature_mismatch");
    assert_eq!(code(&streamed, &long(70 * 1024)), "too_many_headers");
}

#[test]
fn a_head_is_kept_up_to_64_kibibytes() {
    const MOST: usize = 64 * 1024;
    let tag = "00".repeat(32);
    let header = json!({ "header": "X-Tag", "encoding": "hex" });
    let sent = |length: usize| {
        let sent = Sent::post("/hook").header("X-Tag", &tag).header("X-Long", vec![b'v'; length]);
        sent.body(r#"{"id":"e1"}"#)
    };
    // What is signed around a body that streams; and the lines that are read when it is whole.
    for (template, beside) in
        [("{header:X-Long}\n{body}", 1), ("{json:id}\n{header:X-Long}", "X-Tag".len() + tag.len() + "X-Long".len())]
    {
        let policy = hook(signed(header.clone(), template));
        let code = |length: usize| deliver(&policy, &sent(length - beside), &Delivery::whole()).code;
        assert_eq!(code(MOST), "signature_mismatch", "{template}");
        assert_eq!(code(MOST + 1), "too_many_headers", "{template}");
    }
}

/// A line that is kept twice would look repeated.
#[test]
fn a_header_that_is_read_for_two_reasons_is_kept_once() {
    let body = r#"{"id":"e1","names":"x-one x-two"}"#;
    let sent = || Sent::post("/hook").header("X-One", "1").header("X-Two", "2").body(body);
    let tag = |content: &str| hex::encode(hmac_sha256(SECRET.as_bytes(), content.as_bytes()));
    let header = json!({ "header": "X-Tag", "encoding": "hex" });
    for (place, template, sent) in [
        // The list is in the head, or in the body.
        (
            header.clone(),
            "{header:X-Names|header_values}.{header:X-One}.{json:id}",
            sent().header("X-Names", "x-one x-two").header("X-Tag", tag("1.2.1.e1")),
        ),
        (header, "{json:names|header_values}.{json:id}", sent().header("X-Tag", tag("1.2.e1"))),
        (
            json!({ "header": "X-Tag-*", "encoding": "hex" }),
            "{header:X-Tag-9}.{json:id}",
            sent().header("X-Tag-9", "nine").header("X-Tag-1", tag("nine.e1")),
        ),
    ] {
        let policy = hook(signed(place, template));
        assert_eq!(deliver(&policy, &sent, &Delivery::whole()).code, "verified", "{template}");
    }
}

#[test]
fn an_empty_piece_of_a_compressed_body_takes_no_room() {
    let scheme = json!({ "signature": { "header": "X-Tag", "encoding": "hex" }, "algorithm": "hmac-sha256",
        "signed": "{body}", "content_encoding": "signed-decoded" });
    let policy = hook(json!({ "scheme": scheme, "secrets": literal(&[SECRET]) }));
    let requirement = policy.sources[0].requirement.as_ref().expect("it has a secret");
    let sent = Sent::post("/hook").header("X-Tag", "00".repeat(32)).header("content-encoding", "gzip");
    let mut proof = requirement.begin(Request::new(&borrowed(&sent.headers)), sent.now, Rereading::Possible);
    let before = proof.held_bytes();
    proof.update(b"");
    assert_eq!(proof.held_bytes(), before);
    // Deflate looks back over 32 KiB, and 16 KiB of text come out at a time.
    proof.update(&[0x1f]);
    assert!(proof.held_bytes() > before + (32 + 16) * 1024, "{} and {before}", proof.held_bytes());
}

#[test]
fn held_memory_is_freed_when_the_request_is_decided_or_ends() {
    let pool = Pool::default();
    for config in [
        sources(&[source("hook", "/hook", provider("github", &[SECRET]))]),
        sources(&[with(source("hook", "/hook", provider("mailgun-form", &[SECRET])), "mode", json!("observe"))]),
    ] {
        let policy = policy(&config);
        let sent = Sent::github("/hook", SECRET, "body");
        let body = Buffer { bytes: &sent.body, len: 4 };
        let begun = || {
            let mut exchange = exchange(&policy, &pool);
            let _ = exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context(sent.now));
            assert!(pool.held() >= FIXED, "it is held");
            exchange
        };
        let mut passed = begun();
        let _ = passed.on_body(&body, true, &context(sent.now));
        assert_eq!(pool.held(), 0, "decided");
        let mut failed = begun();
        let _ = failed.on_failure(Denial::BodyTimeout);
        assert_eq!(pool.held(), 0, "given up");
        let mut ended = begun();
        ended.on_end(&context(sent.now));
        assert_eq!(pool.held(), 0, "ended");
        drop(begun());
        assert_eq!(pool.held(), 0, "gone");
    }
}

#[test]
fn a_waiting_refusal_costs_only_the_fixed_charge() {
    let verify = json!([provider("bearer", &[SECRET]), provider("github", &[SECRET])]);
    let policy = hook(verify);
    let (held, denial) = held_by(&policy, &with_ballast(&Sent::post("/hook").body("body")));
    assert_eq!(denial, None, "it waits for the body");
    assert!((FIXED..2 * FIXED).contains(&held), "{held}");
}

#[test]
fn beyond_the_limit_a_source_is_refused_and_the_others_are_not() {
    let hooks = ["/one", "/two"].map(|path| source(&path[1..], path, provider("github", &[SECRET])));
    let policy = policy(&with(sources(&hooks), "max_held_bytes", json!(1 << 20)));
    let pool = Pool::default();
    let open = |sent: &Sent| {
        let mut exchange = exchange(&policy, &pool);
        let step = exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context(sent.now));
        (exchange, step)
    };
    let forged = Sent::github("/one", "nobody's secret", "body");
    let mut held = Vec::new();
    let refused = loop {
        let (exchange, step) = open(&forged);
        match step {
            Step::Hold => held.push(exchange),
            Step::Deny(record) => break record.denial(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused, Some(Denial::MemoryExhausted));
    assert!((200..512).contains(&held.len()), "{} requests in half of a megabyte", held.len());
    let honest = |path: &str| {
        let sent = Sent::github(path, SECRET, "body");
        let (mut exchange, step) = open(&sent);
        match step {
            Step::Hold => match exchange.on_body(&Buffer { bytes: &sent.body, len: 4 }, true, &context(sent.now)) {
                Step::Continue(_) => "passed",
                other => panic!("{other:?}"),
            },
            Step::Deny(record) => record.denial().map_or("", Denial::code),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(honest("/one"), "memory_exhausted");
    assert_eq!(honest("/two"), "passed", "while the other one is flooded");
    held.pop();
    assert_eq!(honest("/one"), "passed", "as soon as there is room");
    held.clear();
    assert_eq!(pool.held(), 0);
}

#[test]
fn an_observing_source_without_room_forwards_unverified() {
    let observed = with(source("hook", "/hook", provider("mailgun-form", &[SECRET])), "mode", json!("observe"));
    let policy = policy(&with(sources(&[observed]), "max_held_bytes", json!(1 << 20)));
    let sent = Sent::post("/hook").header("content-type", "application/x-www-form-urlencoded");
    let pool = Pool::default();
    let piece = vec![b'x'; 100_000];
    let body = Buffer { bytes: &piece, len: piece.len() };
    let mut open = Vec::new();
    let mut given_up = 0;
    for _ in 0..20 {
        let mut exchange = exchange(&policy, &pool);
        let step = exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context(sent.now));
        assert!(matches!(step, Step::Continue(_)), "{step:?}");
        let Step::Continue(passage) = exchange.on_body(&body, false, &context(sent.now)) else { panic!("it is held") };
        if let Some(record) = passage.into_parts().1 {
            assert_eq!(record.outcome, Outcome::Observed(Denial::MemoryExhausted));
            given_up += 1;
            let Step::Continue(passage) = exchange.on_body(&body, true, &context(sent.now)) else {
                panic!("it is held")
            };
            assert_eq!(passage.into_parts().1, None, "one verdict");
        }
        open.push(exchange);
        assert!(pool.held() <= 1 << 19, "{}", pool.held());
    }
    assert!((10..20).contains(&given_up), "{given_up} of 20");
    drop(open);
    assert_eq!(pool.held(), 0);
}

#[test]
fn names_of_forged_headers_are_stored_once_and_counted() {
    let policy = hook(provider("github", &[SECRET]));
    let plain = Sent::github("/hook", SECRET, "body");
    let forge = |count: usize, name: &dyn Fn(usize) -> String| {
        (0..count).fold(plain.clone(), |sent, number| sent.header(&name(number), "forged"))
    };
    let (held, _) = held_by(&policy, &plain);
    let (same, _) = held_by(&policy, &forge(900, &|_| "x-hookwarden-forged".to_owned()));
    assert!(same < held + 200, "{same} and not {held}");
    let (many, _) = held_by(&policy, &forge(900, &|number| format!("x-hookwarden-forged-{number}")));
    assert!(many > held + 900 * 20, "{many} and not {held}");
}

/// Decompressing a signed text needs memory too: deflate has a window of 32 KiB.
#[test]
fn the_memory_of_decompression_is_counted() {
    let scheme = json!({ "signature": { "header": "X-Signature", "encoding": "hex" }, "algorithm": "hmac-sha256",
        "signed": "{body}", "content_encoding": "signed-decoded" });
    let hook = source("hook", "/hook", json!({ "scheme": scheme, "secrets": literal(&[SECRET]) }));
    let policy = policy(&with(sources(&[hook]), "max_held_bytes", json!(1 << 20)));
    let sent = Sent::post("/hook").header("X-Signature", "00".repeat(32));
    let pool = Pool::default();
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let mut open = Vec::new();
    for coding in ["identity", "gzip", "x-gzip", "deflate"] {
        let sent = sent.clone().header("content-encoding", coding);
        let before = pool.held();
        let mut exchange = exchange(&policy, &pool);
        let step = exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context(sent.now));
        assert!(matches!(step, Step::Hold), "{coding}: {step:?}");
        assert!(pool.held() - before < 4 * 1024, "{coding}: nothing has arrived yet");
        let piece = if coding == "deflate" { &[0x78_u8, 0x9c][..] } else { &head };
        let step = exchange.on_body(&Buffer { bytes: piece, len: piece.len() }, false, &context(sent.now));
        assert!(matches!(step, Step::Hold), "{coding}: {step:?}");
        assert_eq!(pool.held() - before > 40 * 1024, coding != "identity", "{coding}: {}", pool.held() - before);
        open.push(exchange);
    }
    let gzip = sent.header("content-encoding", "gzip");
    let refused = loop {
        let mut exchange = exchange(&policy, &pool);
        let _ = exchange.on_headers(Request::new(&borrowed(&gzip.headers)), false, &context(gzip.now));
        match exchange.on_body(&Buffer { bytes: &head, len: head.len() }, false, &context(gzip.now)) {
            Step::Hold if open.len() < 100 => open.push(exchange),
            step => break step,
        }
    };
    let Step::Deny(record) = refused else { panic!("{} are held: {refused:?}", open.len()) };
    assert_eq!(record.denial(), Some(Denial::MemoryExhausted));
    drop(open);
    assert_eq!(pool.held(), 0);
}

/// What is held of a request beyond what is held of `other`, both under the same policy.
fn difference(policy: &Rc<Policy>, sent: &Sent, other: &Sent) -> usize {
    held_by(policy, sent).0 - held_by(policy, other).0
}

fn signed(signature: Value, signed: &str) -> Value {
    let scheme = json!({ "algorithm": "hmac-sha256", "signature": signature, "signed": signed });
    json!({ "scheme": scheme, "secrets": literal(&[SECRET]) })
}

#[test]
fn what_is_kept_of_a_head_is_counted_to_the_byte() {
    const MORE: usize = 10_000;
    let tag = "00".repeat(32);
    let header = json!({ "header": "X-Tag", "encoding": "hex" });
    let sent = |length: usize| Sent::post("/hook").header("X-Tag", &tag).header("X-Long", "v".repeat(length));
    // What is signed around a body that streams; and what is read when it is whole.
    for template in ["{header:X-Long}\n{body}", "{body}\n{header:X-Long}", "{json:id}\n{header:X-Long}"] {
        let policy = hook(signed(header.clone(), template));
        assert_eq!(difference(&policy, &sent(MORE + 100), &sent(100)), MORE, "{template}");
    }
    // Each signature that may be the right one.
    let policy = hook(signed(json!({ "header": "X-Tag", "encoding": "hex", "separator": "," }), "{body}"));
    let list = |count: usize| Sent::post("/hook").header("X-Tag", vec![tag.as_str(); count].join(","));
    let each = difference(&policy, &list(2), &list(1));
    assert!((32..100).contains(&each), "{each}");
    assert_eq!(difference(&policy, &list(16), &list(1)), 15 * each);
    // Headers with a number behind their name.
    let policy = hook(signed(json!({ "header": "X-Tag-*", "encoding": "hex" }), "{json:id}"));
    let numbered = |count: usize| {
        (0..count).fold(Sent::post("/hook"), |sent, number| sent.header(&format!("X-Tag-{number}"), &tag))
    };
    assert!(difference(&policy, &numbered(10), &numbered(1)) >= 9 * ("x-tag-1".len() + tag.len()));
}

#[test]
fn an_id_that_the_head_verified_is_counted_until_the_body_is_there() {
    let scheme = json!({ "algorithm": "hmac-sha256", "signature": { "header": "X-Tag", "encoding": "hex" },
        "signed": "{header:X-Id}" });
    let head = json!({ "scheme": scheme, "secrets": literal(&[SECRET]) });
    let hook = source("hook", "/hook", json!([head, provider("github", &[SECRET])]));
    let replay = json!({ "window": "1h", "id": "header:X-Id" });
    let config = sources(&[with(hook, "replay", replay)]);
    let policy = policy(&config);
    let sent = |length: usize| {
        let id = "e".repeat(length);
        let tag = hex::encode(hmac_sha256(SECRET.as_bytes(), id.as_bytes()));
        Sent::github("/hook", SECRET, "body").header("X-Id", id).header("X-Tag", tag)
    };
    assert!(matches!(Proxy::of(&config).send(&sent(7)), (_, Step::Continue(_))), "it verifies");
    // As what the upstream is told, and as what identifies the event.
    assert_eq!(difference(&policy, &sent(200), &sent(100)), 2 * 100);
    // One that is too long for a header identifies the event all the same.
    assert_eq!(difference(&policy, &sent(10_300), &sent(300)), 10_000);
}

#[test]
fn what_a_signature_of_the_head_says_of_the_body_is_counted() {
    let policy_of = |scheme: Value| {
        let check = json!({ "scheme": scheme, "secrets": literal(&[SECRET, "another-secret-of-the-same-source"]) });
        policy(&sources(&[source("hook", "/hook", check)]))
    };
    let kinds = crate::events::kinds();
    let held = |name: &str| {
        let (_, scheme, _, sent) = kinds.iter().find(|(own, ..)| *own == name).expect("it is there");
        held_by(&policy_of(scheme.clone()), sent).0
    };
    // Nothing is kept of a head whose proof is in the body.
    let nothing = held("a token that is the body");
    for kind in ["RFC 9421 without an id", "draft-cavage"] {
        assert!((300..2000).contains(&(held(kind) - nothing)), "{kind}: {} and {nothing}", held(kind));
    }
}

#[test]
fn a_token_is_held_by_what_its_claims_say_of_the_body() {
    let encode = |text: &[u8]| URL_SAFE_NO_PAD.encode(text);
    let jwt = json!({ "at": "header:X-Token", "algorithms": ["HS256"], "timeless": true,
        "claims": { "body": "{body|sha256|hex}" } });
    let scheme = json!({ "jwt": jwt, "event_id": { "claim": "jti" } });
    let policy = hook(json!({ "scheme": scheme, "secrets": literal(&["a-secret-of-thirty-two-or-more-bytes"]) }));
    let sent = |claims: Value| {
        let signed = format!("{}.{}", encode(br#"{"alg":"HS256"}"#), encode(claims.to_string().as_bytes()));
        let tag = encode(&hmac_sha256(b"a-secret-of-thirty-two-or-more-bytes", signed.as_bytes()));
        Sent::post("/hook").header("X-Token", format!("{signed}.{tag}")).body("body")
    };
    let claims = |body: usize, id: usize, other: usize| {
        sent(json!({ "body": "b".repeat(body), "jti": "i".repeat(id), "other": "o".repeat(other) }))
    };
    // Three tokens of one length, of which a claim that is not checked counts for nothing beside its header.
    let least = claims(1, 1, 601);
    assert_eq!(difference(&policy, &claims(601, 1, 1), &least), 600, "a claim that is checked");
    assert_eq!(difference(&policy, &claims(1, 601, 1), &least), 600, "the event's id");
}
