//! Handshakes: every one that a provider file describes, through the whole decision.

use std::collections::BTreeMap;
use std::rc::Rc;

use hookwarden::config::Policy;
use hookwarden::guard::peer::Peer;
use hookwarden::handshake::Alphabet;
use hookwarden::step::{Outcome, Step};
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::{Request, borrowed};
use serde_json::{Value, json};

use crate::delivery::Buffer;
use crate::proxy::Proxy;
use crate::support::{self, NOW, Sent, begin, context, literal, provider, source, sources, with};
use crate::vector;

/// One vector of a handshake.
struct Case {
    name: String,
    sent: Sent,
    config: Value,
    expect: Value,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for provider in vector::providers() {
        let vectors = provider.file.get("handshake_vectors").and_then(Value::as_array).cloned().unwrap_or_default();
        cases.extend(vectors.iter().map(|vector| case(&provider.name, vector)));
    }
    cases
}

fn case(provider: &str, vector: &Value) -> Case {
    let text = |name: &str| vector[name].as_str();
    let name = format!("{provider}: {}", text("case").expect("a vector has a case"));
    let url = text("url").and_then(|url| url.strip_prefix("https://")).unwrap_or_else(|| panic!("{name}: no URL"));
    let (authority, target) = url.split_once('/').unwrap_or_else(|| panic!("{name}: no path"));
    let mut sent = Sent::new(text("method").expect("a vector has a method"), authority, &format!("/{target}"));
    for header in vector["headers"].as_array().into_iter().flatten() {
        let value = header[1].as_str().expect("a header is a pair of texts");
        sent = sent.header(&header[0].as_str().expect("a header is a pair of texts").to_ascii_lowercase(), value);
    }
    sent = sent.body(text("body").unwrap_or_default()).at(vector["now"].as_u64().unwrap_or(NOW));
    let texts = |name: &str| {
        vector[name].as_array().map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>())
    };
    let mut check = json!({ "provider": provider });
    match (texts("secrets"), texts("keys")) {
        (_, Some(keys)) => {
            check = with(check, "keys", keys.iter().map(|key| json!({ "value": key })).collect());
        }
        (secrets, None) => {
            let secrets = secrets.unwrap_or_else(|| vec!["a-secret-that-nobody-guesses".to_owned()]);
            check = with(check, "secrets", literal(&secrets.iter().map(String::as_str).collect::<Vec<_>>()));
        }
    }
    if let Some(values) = vector.get("with") {
        check = with(check, "with", values.clone());
    }
    let path = target.split('?').next().map(|path| format!("/{path}")).expect("a target has a path");
    let handshake = vector.get("handshake").cloned().unwrap_or(json!(true));
    let config = sources(&[with(source("hook", &path, check), "handshake", handshake)]);
    Case { name, sent, config, expect: vector["expect"].clone() }
}

/// What a request comes to: `verified`, the code of a denial, or the response.
pub fn outcome(policy: &Rc<Policy>, sent: &Sent, is_cut: bool) -> Value {
    let context = context(sent.now);
    let mut exchange = begin(Rc::clone(policy));
    let mut step =
        exchange.on_headers(Request::new(&borrowed(&sent.headers)), sent.body.is_empty() && !is_cut, &context);
    let ends = if is_cut { vec![sent.body.len() / 2, sent.body.len()] } else { vec![sent.body.len()] };
    for end in ends {
        if !matches!(step, Step::Hold) {
            break;
        }
        let is_last = end == sent.body.len();
        step = exchange.on_body(&Buffer { bytes: &sent.body[..end], len: end }, is_last, &context);
    }
    match step {
        Step::Answer(answer) => {
            assert_eq!(answer.record.map(|record| record.outcome), Some(Outcome::Handshake));
            let headers: BTreeMap<_, _> = answer
                .response
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into_owned()))
                .collect();
            let body = String::from_utf8_lossy(&answer.response.body).into_owned();
            json!({ "status": answer.response.status, "headers": headers, "body": body })
        }
        Step::Deny(record) => json!(record.denial().map(hookwarden::verify::Denial::code)),
        Step::Continue(passage) => {
            let (_, record) = passage.into_parts();
            match record.map(|record| record.outcome) {
                Some(Outcome::Passed) => json!("verified"),
                Some(Outcome::Handshake) => json!("forwarded"),
                other => json!(format!("{other:?}")),
            }
        }
        Step::Call(call) => json!({ "call": String::from_utf8_lossy(&call.headers[1].1) }),
        Step::Hold => json!("held"),
    }
}

/// Whether a response is the expected one: status, body, and the headers that are named.
fn agrees(got: &Value, expect: &Value) -> bool {
    let Some(expected) = expect.as_object() else { return got == expect };
    let lower = |headers: &Value| -> BTreeMap<String, Value> {
        let members = headers.as_object().into_iter().flatten();
        members.map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect()
    };
    let got_headers = lower(&got["headers"]);
    expected.get("status").is_none_or(|status| got["status"] == *status)
        && got["body"].as_str().unwrap_or_default() == expected.get("body").and_then(Value::as_str).unwrap_or_default()
        && lower(&expect["headers"]).iter().all(|(name, value)| got_headers.get(name) == Some(value))
        && expected.get("call").is_none_or(|call| got["call"] == *call)
}

#[test]
fn every_handshake_of_a_provider_file_gets_its_answer() {
    let cases = cases();
    let mut wrong = Vec::new();
    for Case { name, sent, config, expect } in &cases {
        let policy = support::policy(config);
        for is_cut in [false, true] {
            let got = outcome(&policy, sent, is_cut);
            if !agrees(&got, expect) {
                wrong.push(format!("{name} (cut: {is_cut})\n  expected {expect}\n  got      {got}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(std::env::var("PROVIDER").is_ok() || cases.len() > 100, "only {} vectors of handshakes", cases.len());
}

/// The values that a handshake needs beyond those that its check has, whatever they are.
fn some_values(handshake: &Value, check: &Value) -> Value {
    let text = handshake.to_string();
    let mut values = json!({});
    for name in text.split("{with:").skip(1).filter_map(|rest| rest.split('}').next()) {
        if check["with"].get(name).is_none() {
            values[name] = json!("a-configured-value");
        }
    }
    if text.contains("\"confirm\"") {
        values["topics"] = json!(["arn:aws:sns:eu-west-1:123456789012:orders"]);
        values["cluster"] = json!("sns");
    }
    if text.contains("\"answer\"") || text.contains("\"confirm\"") { values } else { json!("forward") }
}

#[test]
fn no_event_is_taken_for_a_handshake() {
    let mut events = 0;
    for provider in vector::providers() {
        let Some(handshake) = provider.file.get("handshake") else { continue };
        // Some senders published a handshake, which verifies like an event.
        let probes = provider.file.get("handshake_vectors").and_then(Value::as_array).into_iter().flatten();
        let is_handshake = |code: &str| code.starts_with("handshake_");
        let probes: Vec<_> = probes.filter(|vector| vector["expect"].as_str().is_none_or(is_handshake)).collect();
        let is_probe = |vector: &vector::Vector| {
            let body = str::from_utf8(&vector.sent.body).unwrap_or_default();
            !body.is_empty() && probes.iter().any(|probe| probe["body"] == *body)
        };
        let events_of = provider.vectors.iter().filter(|vector| vector.expect == "verified" && !is_probe(vector));
        for vector in events_of {
            let check = provider.check(vector, vector::Form::ByName);
            let source = with(source("hook", &vector.path, check.clone()), "handshake", some_values(handshake, &check));
            let Ok(loaded) = support::try_load(sources(&[source]).to_string().as_bytes()) else {
                panic!("{}: {handshake}", provider.name);
            };
            let got = outcome(&Rc::new(loaded.policy), &vector.sent, false);
            assert_eq!(got, json!("verified"), "{}: {}", provider.name, vector.case);
            events += 1;
        }
    }
    assert!(std::env::var("PROVIDER").is_ok() || events > 50, "only {events} events");
}

#[test]
fn no_body_of_an_event_could_be_signed_as_a_token() {
    for provider in vector::providers() {
        let rules = match provider.file.get("handshake") {
            Some(Value::Array(list)) => list.clone(),
            Some(rule) => vec![rule.clone()],
            None => continue,
        };
        for rule in rules.iter().filter(|rule| rule.get("mac").is_some()) {
            let name = rule["token"]["alphabet"].as_str().unwrap_or_default();
            let alphabet = Alphabet::NAMES.iter().find(|(known, _)| *known == name).expect("a known alphabet").1;
            assert!(alphabet.is_safe_to_sign(), "{}", provider.name);
            let bodies = provider.vectors.iter().filter(|vector| vector.expect == "verified");
            for vector in bodies.filter(|vector| !vector.sent.body.is_empty()) {
                assert!(!alphabet.admits(&vector.sent.body), "{}: {}", provider.name, vector.case);
            }
        }
    }
}

/// A client at this address.
struct At(&'static str);

impl Peer for At {
    fn address(&self) -> Option<Vec<u8>> {
        Some(self.0.as_bytes().to_vec())
    }

    fn tls_version(&self) -> Option<Vec<u8>> {
        None
    }

    fn has_client_certificate(&self) -> bool {
        false
    }
}

fn meta(handshake: Value) -> Value {
    with(source("meta", "/hooks/meta", provider("meta", &["an-app-secret-of-meta"])), "handshake", handshake)
}

fn subscribe(token: &str) -> Sent {
    let target = format!("/hooks/meta?hub.mode=subscribe&hub.verify_token={token}&hub.challenge=1158201444");
    Sent::new("GET", "hooks.example.com", &target)
}

#[test]
fn a_source_that_takes_no_part_refuses_a_handshake() {
    let policy = support::policy(&sources(&[with(
        source("meta", "/hooks/meta", provider("meta", &["an-app-secret-of-meta"])),
        "methods",
        json!(["POST"]),
    )]));
    assert_eq!(outcome(&policy, &subscribe("our-verify-token"), false), json!("method_not_allowed"));
}

#[test]
fn answers_a_handshake_of_a_method_that_events_may_not_have() {
    let source = with(meta(json!({ "verify_token": "our-verify-token" })), "methods", json!(["POST"]));
    let policy = support::policy(&sources(&[source]));
    let got = outcome(&policy, &subscribe("our-verify-token"), false);
    assert_eq!((got["status"].clone(), got["body"].clone()), (json!(200), json!("1158201444")));
    assert_eq!(outcome(&policy, &subscribe("another-token"), false), json!("handshake_mismatch"));
    let plain = Sent::new("GET", "hooks.example.com", "/hooks/meta");
    assert_eq!(outcome(&policy, &plain, false), json!("method_not_allowed"));
}

#[test]
fn an_answer_cannot_be_sniffed_or_stored() {
    let policy = support::policy(&sources(&[meta(json!({ "verify_token": "our-verify-token" }))]));
    let got = outcome(&policy, &subscribe("our-verify-token"), false);
    assert_eq!(got["headers"]["content-type"], "text/plain");
    assert_eq!(got["headers"]["x-content-type-options"], "nosniff");
    assert_eq!(got["headers"]["cache-control"], "no-store");
}

#[test]
fn forwards_nothing_unverified_but_the_handshake() {
    let policy = support::policy(&sources(&[meta(json!("forward"))]));
    let mut exchange = begin(Rc::clone(&policy));
    let context = context(UnixTime::from_secs(NOW));
    let sent = subscribe("whatever").header("X-Hookwarden-Handshake", "true");
    let Step::Continue(passage) = exchange.on_headers(Request::new(&borrowed(&sent.headers)), true, &context) else {
        panic!("the handshake is not forwarded");
    };
    let (edits, record) = passage.into_parts();
    assert_eq!(record.map(|record| record.outcome), Some(Outcome::Handshake));
    assert_eq!(edits.remove, ["X-Hookwarden-Handshake"], "a forged mark stays");
    assert!(edits.set.contains(&("x-hookwarden-handshake", b"true".to_vec())), "{edits:?}");
    assert_eq!(edits.set.len(), 1, "nothing says that it was verified: {edits:?}");

    let with_body = subscribe("whatever").body("anything");
    assert_eq!(outcome(&policy, &with_body, false), json!("signature_missing"), "an unsigned body is forwarded");
    let other = Sent::new("GET", "hooks.example.com", "/hooks/meta?hub.mode=subscribe");
    assert_eq!(outcome(&policy, &other, true), json!("signature_missing"));
}

#[test]
fn a_source_that_observes_answers_no_handshake() {
    let source = with(meta(json!({ "verify_token": "our-verify-token" })), "mode", json!("observe"));
    let policy = support::policy(&sources(&[source]));
    assert_eq!(outcome(&policy, &subscribe("our-verify-token"), false), json!("Some(Observed(SignatureMissing))"));
}

#[test]
fn a_refused_handshake_spends_the_flood_limit() {
    let source =
        with(meta(json!({ "verify_token": "our-verify-token" })), "flood_limit", json!({ "failures": 3, "per": "1m" }));
    let proxy = Proxy::new(source);
    let peer = At("192.0.2.7:4711");
    let send = |sent: &Sent| {
        let mut way = proxy.request();
        let context = proxy.context_of(&peer, UnixTime::from_secs(NOW));
        match way.exchange.on_headers(Request::new(&borrowed(&sent.headers)), true, &context) {
            Step::Deny(record) => record.denial().map_or("", hookwarden::verify::Denial::code),
            Step::Answer(_) => "answered",
            _ => "",
        }
    };
    assert_eq!(send(&subscribe("our-verify-token")), "answered");
    for _ in 0..3 {
        assert_eq!(send(&subscribe("a-guess-at-it")), "handshake_mismatch");
    }
    assert_eq!(send(&subscribe("our-verify-token")), "flood_limited");
}

#[test]
fn a_value_that_is_missing_in_the_environment_closes_the_handshake_and_nothing_else() {
    let config = sources(&[meta(json!({ "verify_token": { "env": "NOT_SET" } }))]);
    let policy = support::policy(&config);
    assert_eq!(outcome(&policy, &subscribe("anything"), false), json!("source_closed"));
    let event = Sent::github("/hooks/meta", "an-app-secret-of-meta", "{}");
    assert_eq!(outcome(&policy, &event, false), json!("verified"));
}
