//! What may be printed: never a secret, never a tag, neither what was expected nor what was presented.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hookwarden::config::Policy;
use hookwarden::report;
use hookwarden::step::Record;
use hookwarden::verify::Denial;
use serde_json::json;

use crate::delivery::{Delivery, deliver};
use crate::support::{self, Sent, policy, provider, source, sources, with};
use crate::vector::{Form, Provider, Vector, providers};

/// Everything that is said about a refusal: to the caller, in the log, in the access log, in metrics, and by `Debug`.
fn said(policy: &Policy, record: &Record) -> Vec<(&'static str, String)> {
    let source = record.source.and_then(|position| policy.sources.get(position));
    let denial = record.denial().expect("it is refused");
    let reply = report::reply(denial, source, None);
    let names: Vec<_> =
        report::counters(record, policy).iter().map(|counter| counter.name(record.source, policy)).collect();
    vec![
        (
            "the reply",
            format!("{} {:?} {}", reply.status, reply.headers, String::from_utf8_lossy(report::REFUSAL_BODY)),
        ),
        (
            "the log",
            report::log_line(record, policy, b"192.0.2.7:4711", b"request-id", 3).expect("a refusal is logged"),
        ),
        ("filter state", report::filter_state(record, policy)),
        ("metrics", names.join(" ")),
        ("Debug of the record", format!("{record:?}")),
        ("Debug of the denial", format!("{denial:?} {denial}")),
    ]
}

/// Everything that must not be said about a vector: its secrets, what it presents, and the right tags of its
/// neighbours, each in every encoding.
fn unsayable(provider: &Provider, vector: &Vector) -> Vec<String> {
    let mut texts: Vec<Vec<u8>> = vector.secrets.iter().map(|secret| secret.clone().into_bytes()).collect();
    for other in provider.vectors.iter().filter(|other| other.sent.body == vector.sent.body) {
        for (name, value) in &other.sent.headers {
            let is_proof = ["signature", "authorization", "hmac", "token"]
                .iter()
                .any(|word| name.to_ascii_lowercase().contains(word));
            if is_proof {
                texts.extend(
                    value.split(|byte| b" ,=:\"".contains(byte)).filter(|part| is_random(part)).map(<[u8]>::to_vec),
                );
            }
        }
    }
    texts.sort();
    texts.dedup();
    texts.into_iter().filter(|text| text.len() > 8).flat_map(|text| renderings(&text)).collect()
}

/// Whether it looks like a proof, and not like a word that a sender writes beside it.
fn is_random(part: &[u8]) -> bool {
    part.len() > 8 && part.iter().any(u8::is_ascii_digit)
}

/// A secret as it could slip out: as it is, decoded, encoded, and as `Debug` shows bytes.
fn renderings(text: &[u8]) -> Vec<String> {
    let mut bytes = vec![text.to_vec()];
    bytes.extend(hex::decode(text).ok());
    let body = text.strip_prefix(b"whsec_").unwrap_or(text);
    bytes.extend(STANDARD.decode(body).ok().or_else(|| STANDARD_NO_PAD.decode(body).ok()));
    let mut renderings = Vec::new();
    for bytes in bytes.iter().filter(|bytes| bytes.len() >= 8) {
        renderings.extend(String::from_utf8(bytes.clone()).ok());
        renderings.push(hex::encode(bytes));
        renderings.push(STANDARD_NO_PAD.encode(bytes));
        // The list that `Debug` makes of bytes, or a part of it.
        let list: Vec<_> = bytes.iter().take(6).map(ToString::to_string).collect();
        renderings.push(list.join(", "));
        renderings.push(list.join(",\n"));
    }
    renderings
}

#[test]
fn nothing_that_is_said_about_a_refusal_holds_a_secret_or_a_tag() {
    let mut refusals = 0;
    for provider in providers() {
        for vector in provider.vectors.iter().filter(|vector| !vector.is_valid()) {
            let unsayable = unsayable(&provider, vector);
            let mut observed = provider.config(vector, Form::ByName);
            observed["sources"][0]["mode"] = json!("observe");
            for config in [provider.config(vector, Form::ByName), observed] {
                let policy = support::policy(&config);
                let verdict = deliver(&policy, &vector.sent, &Delivery::whole());
                assert_eq!(verdict.code, vector.expect);
                for (place, said) in said(&policy, &verdict.record) {
                    if let Some(leak) = unsayable.iter().find(|text| said.contains(text.as_str())) {
                        panic!("{}: {}: {place} holds {leak:?}:\n{said}", provider.name, vector.case);
                    }
                    let text = String::from_utf8_lossy(&vector.sent.body).into_owned();
                    assert!(text.len() < 9 || !said.contains(&text), "{place} holds the body:\n{said}");
                }
                refusals += 1;
            }
        }
    }
    assert!(refusals > 500, "{refusals} refusals only");
}

#[test]
fn debug_of_a_policy_shows_no_byte_of_a_secret() {
    for provider in providers() {
        for vector in provider.vectors.iter().filter(|vector| vector.is_valid() && !vector.are_public_keys) {
            for form in [Form::ByName, Form::WrittenOut] {
                let policy = support::policy(&provider.config(vector, form));
                let debug = format!("{policy:?}\n{policy:#?}");
                for secret in vector.secrets.iter().flat_map(|secret| renderings(secret.as_bytes())) {
                    assert!(!debug.contains(&secret), "{}: {}: {secret:?} in {debug}", provider.name, vector.case);
                }
                let password =
                    vector.secrets.iter().filter_map(|secret| secret.split_once(':')).map(|(_, password)| password);
                for password in password.filter(|password| password.len() > 8) {
                    assert!(!debug.contains(password), "{}: {}", provider.name, vector.case);
                }
                assert!(debug.contains("(..)"), "secrets are there and say nothing: {debug}");
            }
        }
    }
}

fn denied_with(target: &str, sent: impl FnOnce(Sent) -> Sent) -> (Rc<Policy>, Record) {
    let policy = policy(&sources(&[source("hook", "/hook", provider("github", &["a-secret-of-sixteen-or-more"]))]));
    let verdict = deliver(&policy, &sent(Sent::post(target)), &Delivery::whole());
    (policy, verdict.record)
}

#[test]
fn the_caller_is_told_the_same_whatever_was_lacking() {
    let basic = source("basic", "/basic", provider("basic", &["user:password-of-length"]));
    let github = source("github", "/github", provider("github", &["a-secret-of-sixteen-or-more"]));
    let own = with(
        source("own", "/own", provider("github", &["a-secret-of-sixteen-or-more"])),
        "deny",
        json!({ "status": 403 }),
    );
    let policy = policy(&sources(&[basic, github, own]));
    let proof = Denial::SecretUnknown..=Denial::EventIdMissing;
    let lacks_proof = Denial::ALL.iter().filter(|denial| proof.contains(denial));
    for denial in lacks_proof {
        let reply = |position: usize| report::reply(*denial, policy.sources.get(position), None);
        assert_eq!(reply(0).status, 401);
        assert_eq!(
            reply(0).headers,
            [text("content-type", "text/plain"), text("www-authenticate", "Basic realm=\"hookwarden\"")]
        );
        assert_eq!((reply(1).status, reply(1).headers), (401, vec![text("content-type", "text/plain")]));
        assert_eq!((reply(2).status, reply(2).headers), (403, vec![text("content-type", "text/plain")]));
    }
}

fn text(name: &'static str, value: &str) -> (&'static str, String) {
    (name, value.to_owned())
}

#[test]
fn every_denial_has_the_status_of_the_table() {
    for denial in Denial::ALL {
        let expected = match denial.code() {
            "unmatched" => 404,
            "ambiguous_path" | "content_length_invalid" | "content_length_mismatch" => 400,
            "too_many_headers" => 431,
            "body_too_large" => 413,
            "body_timeout" => 408,
            "query_not_allowed" => 400,
            "method_not_allowed" => 405,
            "content_encoding" => 415,
            "transport_insecure" | "tls_version" | "client_certificate_missing" => 403,
            "address_missing" | "address_denied" => 403,
            "flood_limited" | "rate_limited" => 429,
            "duplicate" => 409,
            "source_disabled" | "source_closed" | "host_failure" | "hold_unsupported" => 503,
            "replay_full" | "replay_unavailable" => 503,
            _ => 401,
        };
        let reply = report::reply(*denial, None, None);
        assert_eq!(reply.status, expected, "{denial}");
        let retries = reply.headers.contains(&text("retry-after", "30"));
        assert_eq!(retries, expected == 503, "{denial}: a sender comes back if and only if the fault is ours");
    }
    assert_eq!(report::REFUSAL_BODY, b"request denied\n");
}

#[test]
fn codes_are_words_and_stand_once() {
    let mut codes: Vec<_> = Denial::ALL.iter().map(|denial| denial.code()).collect();
    assert!(codes.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    codes.sort_unstable();
    let all = codes.len();
    codes.dedup();
    assert_eq!(codes.len(), all);
}

#[test]
fn a_log_line_is_one_json_object_whatever_comes_from_outside() {
    let (policy, record) = denied_with("/hook", |sent| sent);
    for outside in [
        &b"\"},{\"event\":\"passed\"\n"[..],
        b"\xff\xfe\x00",
        b"a\r\nb",
        &[b'x'; 10_000],
        "ü\u{2028}".as_bytes(),
        b"\x1b[31m",
    ] {
        let line = report::log_line(&record, &policy, outside, outside, 0).expect("a refusal is logged");
        assert!(line.len() < 512 && line.is_ascii() && !line.contains(['\n', '\r', '\x1b']), "{line:?}");
        let json: serde_json::Value = serde_json::from_str(&line).expect("a line is JSON");
        let keys: Vec<_> = json.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["client", "code", "event", "request_id", "source", "status"], "{line}");
        assert_eq!(json["event"], "denied");
    }
}

#[test]
fn a_log_line_says_source_code_and_status() {
    let (policy, record) = denied_with("/hook", |sent| sent.body("x"));
    let line = report::log_line(&record, &policy, b"[2001:db8::7]:4711", b"abc-123", 7).expect("a refusal is logged");
    let expected = r#"{"event":"denied","source":"hook","code":"signature_missing","status":401,"client":"[2001:db8::7]:4711","request_id":"abc-123","suppressed":7}"#;
    assert_eq!(line, expected);
    assert_eq!(report::filter_state(&record, &policy), "source=hook outcome=denied code=signature_missing");
    let (policy, record) = denied_with("/nowhere", |sent| sent);
    let line = report::log_line(&record, &policy, b"", b"", 0).expect("a refusal is logged");
    assert_eq!(
        line,
        r#"{"event":"denied","source":"_none","code":"unmatched","status":404,"client":"","request_id":""}"#
    );
    assert_eq!(report::filter_state(&record, &policy), "source=_none outcome=denied code=unmatched");
}

#[test]
fn what_passes_is_counted_by_secret_and_not_logged() {
    let policy = policy(&sources(&[source(
        "hook",
        "/hook",
        provider("github", &["another-secret-of-sixteen", "a-secret-of-sixteen-or-more"]),
    )]));
    let verdict = deliver(&policy, &Sent::github("/hook", "a-secret-of-sixteen-or-more", "body"), &Delivery::whole());
    let names: Vec<_> = report::counters(&verdict.record, &policy)
        .iter()
        .map(|counter| counter.name(verdict.record.source, &policy))
        .collect();
    assert_eq!(names, ["hookwarden.source.hook.requests.passed", "hookwarden.source.hook.matches.2"]);
    assert_eq!(report::log_line(&verdict.record, &policy, b"", b"", 0), None);
    assert_eq!(report::filter_state(&verdict.record, &policy), "source=hook outcome=passed key_id=2");
}
