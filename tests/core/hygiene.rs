//! No output contains a secret or a tag, whether expected or presented.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hookwarden::config::Source;
use hookwarden::report::{self, Outside};
use hookwarden::step::Record;
use hookwarden::verify::{Denial, Request, borrowed};
use serde_json::{Value, json};

use crate::delivery::{Delivery, deliver};
use crate::support::{self, Sent, policy, provider, source, sources, with};
use crate::vector::{Form, Provider, Vector, providers};

fn outside<'a>(client: &'a [u8], request_id: &'a [u8]) -> Outside<'a> {
    Outside { client, request_id, path: None }
}

/// All output about a refusal: to the caller, in the log, in the access log, in metrics, and by `Debug`.
fn output(source: Option<&Source>, record: &Record) -> Vec<(&'static str, String)> {
    let denial = record.denial().expect("it is refused");
    let reply = report::reply(denial, source);
    let names: Vec<_> = report::counters(record).map(|counter| counter.name(source)).collect();
    vec![
        (
            "the reply",
            format!("{} {:?} {}", reply.status, reply.headers, String::from_utf8_lossy(report::REFUSAL_BODY)),
        ),
        (
            "the log",
            report::log_line(record, source, outside(b"192.0.2.7:4711", b"request-id"), 3)
                .expect("a refusal is logged"),
        ),
        ("filter state", report::filter_state(record, source)),
        ("metrics", names.join(" ")),
        ("Debug of the record", format!("{record:?}")),
        ("Debug of the denial", format!("{denial:?} {denial}")),
    ]
}

/// Everything that output about a vector must not contain: its secrets, its proof, and the right tags of its
/// neighbours, each in every encoding.
fn forbidden(provider: &Provider, vector: &Vector) -> Vec<String> {
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

/// Whether it looks like a proof, and not like a word next to one.
fn is_random(part: &[u8]) -> bool {
    part.len() > 8 && part.iter().any(u8::is_ascii_digit)
}

/// The forms in which a secret could leak: unchanged, decoded, encoded, and as `Debug` shows bytes.
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
        // The list that `Debug` prints for bytes, or a part of it.
        let list: Vec<_> = bytes.iter().take(6).map(ToString::to_string).collect();
        renderings.push(list.join(", "));
        renderings.push(list.join(",\n"));
    }
    renderings
}

#[test]
fn no_output_about_a_refusal_contains_a_secret_or_a_tag() {
    let mut refusals = 0;
    for provider in providers() {
        for vector in provider.vectors.iter().filter(|vector| !vector.is_valid()) {
            let forbidden = forbidden(&provider, vector);
            let mut observed = provider.config(vector, Form::ByName);
            observed["sources"][0]["mode"] = json!("observe");
            for config in [provider.config(vector, Form::ByName), observed] {
                let policy = support::policy(&config);
                let verdict = deliver(&policy, &vector.sent, &Delivery::whole());
                assert_eq!(verdict.code, vector.expect);
                for (place, output) in output(verdict.source.as_deref(), &verdict.record) {
                    if let Some(leak) = forbidden.iter().find(|text| output.contains(text.as_str())) {
                        panic!("{}: {}: {place} holds {leak:?}:\n{output}", provider.name, vector.case);
                    }
                    let text = String::from_utf8_lossy(&vector.sent.body).into_owned();
                    assert!(text.len() < 9 || !output.contains(&text), "{place} holds the body:\n{output}");
                }
                refusals += 1;
            }
        }
    }
    let all = std::env::var_os("PROVIDER").is_none();
    assert!(!all || refusals > 500, "{refusals} refusals only");
}

#[test]
fn debug_of_a_policy_shows_no_byte_of_a_secret() {
    for provider in providers() {
        for vector in provider.vectors.iter().filter(|vector| vector.is_valid() && !vector.are_public_keys) {
            for form in [Form::ByName, Form::WrittenOut] {
                let policy = support::policy(&provider.config(vector, form));
                let debug = format!("{policy:?}\n{policy:#?}");
                // Values next to a secret are not secret, and published examples may share a prefix.
                let beside = vector.with.as_ref().and_then(Value::as_object).into_iter().flat_map(|with| with.values());
                let public: BTreeSet<_> =
                    beside.filter_map(Value::as_str).flat_map(|text| renderings(text.as_bytes())).collect();
                let secrets = vector.secrets.iter().flat_map(|secret| renderings(secret.as_bytes()));
                for secret in secrets.filter(|secret| !public.contains(secret)) {
                    assert!(!debug.contains(&secret), "{}: {}: {secret:?} in {debug}", provider.name, vector.case);
                }
                let password =
                    vector.secrets.iter().filter_map(|secret| secret.split_once(':')).map(|(_, password)| password);
                for password in password.filter(|password| password.len() > 8) {
                    assert!(!debug.contains(password), "{}: {}", provider.name, vector.case);
                }
                assert!(debug.contains("(..)"), "secrets are present but hidden: {debug}");
            }
        }
    }
}

fn denied_with(target: &str, sent: impl FnOnce(Sent) -> Sent) -> (Option<Rc<Source>>, Record) {
    let policy = policy(&sources(&[source("hook", "/hook", provider("github", &["a-secret-of-sixteen-or-more"]))]));
    let verdict = deliver(&policy, &sent(Sent::post(target)), &Delivery::whole());
    (verdict.source, verdict.record)
}

#[test]
fn the_caller_gets_the_same_answer_for_every_failed_verification() {
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
        let reply = |position: usize| report::reply(*denial, Some(&policy.sources[position]));
        assert_eq!(reply(0).status, 401);
        assert_eq!(
            reply(0).headers,
            [text("content-type", "text/plain"), text("www-authenticate", "Basic realm=\"hookwarden\"")]
        );
        assert_eq!((reply(1).status, reply(1).headers), (401, vec![text("content-type", "text/plain")]));
        assert_eq!((reply(2).status, reply(2).headers), (403, vec![text("content-type", "text/plain")]));
    }
}

fn text(name: &'static str, value: &str) -> (Cow<'static, str>, String) {
    (name.into(), value.to_owned())
}

#[test]
fn every_denial_has_the_status_of_the_table() {
    for denial in Denial::ALL {
        let expected = match denial.code() {
            "unmatched" => 404,
            "ambiguous_path" | "content_length_invalid" | "content_length_mismatch" => 400,
            "too_many_headers" => 431,
            "body_too_large" | "body_inflation" => 413,
            "body_timeout" => 408,
            "query_not_allowed" => 400,
            "method_not_allowed" => 405,
            "content_encoding" => 415,
            "transport_insecure" | "tls_version" | "client_certificate_missing" => 403,
            "address_missing" | "address_denied" => 403,
            "flood_limited" | "rate_limited" => 429,
            "duplicate" => 409,
            "source_disabled" | "source_closed" | "secret_unavailable" | "key_unavailable" | "host_failure"
            | "hold_unsupported" | "memory_exhausted" => 503,
            "replay_full" | "replay_unavailable" | "handshake_unconfirmed" => 503,
            _ => 401,
        };
        let reply = report::reply(*denial, None);
        assert_eq!(reply.status, expected, "{denial}");
        assert_eq!(denial.is_lack_of_proof(), expected == 401, "{denial}");
        let retries = reply.headers.contains(&text("retry-after", "30"));
        assert_eq!(retries, expected == 503, "{denial}: a sender retries if and only if the filter is at fault");
    }
    assert_eq!(report::REFUSAL_BODY, b"request denied\n");
}

#[test]
fn codes_are_unique_words() {
    let mut codes: Vec<_> = Denial::ALL.iter().map(|denial| denial.code()).collect();
    assert!(codes.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    codes.sort_unstable();
    let all = codes.len();
    codes.dedup();
    assert_eq!(codes.len(), all);
}

#[test]
fn a_log_line_is_one_json_object_whatever_the_request_contains() {
    let (source, record) = denied_with("/hook", |sent| sent);
    for text in [
        &b"\"},{\"event\":\"passed\"\n"[..],
        b"\xff\xfe\x00",
        b"a\r\nb",
        &[b'x'; 10_000],
        "ü\u{2028}".as_bytes(),
        b"\x1b[31m",
    ] {
        let line = report::log_line(
            &record,
            source.as_deref(),
            Outside { client: text, request_id: text, path: Some(text) },
            0,
        )
        .expect("a refusal is logged");
        assert!(line.len() < 1200 && line.is_ascii() && !line.contains(['\n', '\r', '\x1b']), "{line:?}");
        let json: serde_json::Value = serde_json::from_str(&line).expect("a line is JSON");
        let keys: Vec<_> = json.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["client", "code", "event", "path", "request_id", "source", "status"], "{line}");
        assert_eq!(json["event"], "denied");
    }
}

#[test]
fn a_log_line_has_source_code_and_status() {
    let (source, record) = denied_with("/hook", |sent| sent.body("x"));
    let line = report::log_line(&record, source.as_deref(), outside(b"[2001:db8::7]:4711", b"abc-123"), 7)
        .expect("a refusal is logged");
    let expected = r#"{"event":"denied","source":"hook","code":"signature_missing","status":401,"client":"[2001:db8::7]:4711","request_id":"abc-123","suppressed":7}"#;
    assert_eq!(line, expected);
    assert_eq!(report::filter_state(&record, source.as_deref()), "source=hook outcome=denied code=signature_missing");
    let (source, record) = denied_with("/nowhere", |sent| sent);
    let line = report::log_line(&record, source.as_deref(), outside(b"", b""), 0).expect("a refusal is logged");
    assert_eq!(
        line,
        r#"{"event":"denied","source":"_none","code":"unmatched","status":404,"client":"","request_id":""}"#
    );
    assert_eq!(report::filter_state(&record, source.as_deref()), "source=_none outcome=denied code=unmatched");
}

#[test]
fn a_path_in_a_log_line_is_cut_escaped_and_without_its_query() {
    let (source, record) = denied_with("/nowhere", |sent| sent);
    let line = |path: &[u8]| {
        let outside = Outside { client: b"", request_id: b"", path: Some(path) };
        let line = report::log_line(&record, source.as_deref(), outside, 0).expect("a refusal is logged");
        let json: serde_json::Value = serde_json::from_str(&line).expect("a line is JSON");
        assert!(line.is_ascii(), "{line:?}");
        json["path"].as_str().expect("text").to_owned()
    };
    assert_eq!(line(b"/hooks/%2e%2e/git hub"), "/hooks/%2e%2e/git hub");
    assert_eq!(line(b"/a?token=secret"), "/a");
    assert_eq!(line(b"/a#secret"), "/a");
    assert_eq!(line(b"/\"\\\n\x1b\xff"), "/\"\\\n\u{1b}\u{ff}");
    assert_eq!(line(&[b'x'; 10_000]), "x".repeat(128));
}

#[test]
fn only_a_request_without_a_source_has_its_path_logged_unless_that_is_switched_off() {
    let sources = sources(&[source("hook", "/hook", provider("github", &["a-secret-of-sixteen-or-more"]))]);
    let off = with(sources.clone(), "log_paths", json!(false));
    for (config, path, expected) in [
        (&sources, "/elsewhere?token=1", Some(&b"/elsewhere"[..])),
        (&sources, "/hook/../x", Some(b"/hook/../x")),
        (&sources, "/hook", None),
        (&off, "/elsewhere", None),
        (&off, "/hook/../x", None),
    ] {
        let mut exchange = support::begin(policy(config));
        let sent = Sent::github(path, "a-secret-of-sixteen-or-more", "body");
        let _ = exchange.on_headers(Request::new(&borrowed(&sent.headers)), true, &support::context(sent.now));
        assert_eq!(exchange.logged_path(), expected, "{path}");
    }
}

#[test]
fn accepted_requests_are_counted_by_secret_and_not_logged() {
    let policy = policy(&sources(&[source(
        "hook",
        "/hook",
        provider("github", &["another-secret-of-sixteen", "a-secret-of-sixteen-or-more"]),
    )]));
    let verdict = deliver(&policy, &Sent::github("/hook", "a-secret-of-sixteen-or-more", "body"), &Delivery::whole());
    let source = verdict.source.as_deref();
    let names: Vec<_> = report::counters(&verdict.record).map(|counter| counter.name(source)).collect();
    assert_eq!(names, ["hookwarden.source.hook.requests.passed", "hookwarden.source.hook.matches.2"]);
    assert_eq!(report::log_line(&verdict.record, source, outside(b"", b""), 0), None);
    assert_eq!(report::filter_state(&verdict.record, source), "source=hook outcome=passed key_id=2");
}
