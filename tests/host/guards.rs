//! Guards, replay and refused configurations, in a host that tells nothing about the client.

use hmac::{Hmac, KeyInit as _, Mac as _};
use hookwarden_host_tests::{Proxy, Request};
use serde_json::{Value, json};
use sha2::Sha256;

const SECRET: &str = "a-literal-secret-of-32-bytes-xxxx";
const START: u64 = 1_700_000_000_000;

/// A source of GitHub's with more members.
fn config(members: Value) -> Value {
    let mut source = json!({
        "name": "github",
        "match": { "path": "/hooks/github" },
        "verify": { "provider": "github", "secrets": [{ "id": "first", "value": SECRET }] },
    });
    for (name, value) in members.as_object().expect("an object") {
        source[name] = value.clone();
    }
    json!({ "sources": [source] })
}

fn start(members: Value) -> Proxy {
    let proxy = Proxy::start(&config(members)).unwrap_or_else(|log| panic!("refused: {log}"));
    proxy.set_time(START);
    proxy
}

fn signed(delivery: &str, body: &str) -> Request {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
    mac.update(body.as_bytes());
    let tag: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let headers = [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "hooks.example.com"),
        (":path", "/hooks/github"),
        ("content-type", "application/json"),
        ("x-github-event", "push"),
        ("x-github-delivery", delivery),
        ("x-hub-signature-256", &format!("sha256={tag}")),
    ];
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    Request { headers, body: body.as_bytes().to_vec(), ..Request::default() }
}

fn code(proxy: &mut Proxy, request: &Request, status: u16) -> String {
    let outcome = proxy.send(request, status);
    match (outcome.answered, outcome.code) {
        (None, None) => "passed".to_owned(),
        (Some(status), Some(code)) => format!("{status} {code}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn event_passes_once_and_again_after_a_failure() {
    let mut proxy = start(json!({ "replay": { "window": "24h" } }));
    let (failed, taken) = (signed("1", "{\"a\":1}"), signed("2", "{\"a\":2}"));
    assert_eq!(code(&mut proxy, &failed, 500), "passed");
    assert_eq!(code(&mut proxy, &failed, 200), "passed");
    assert_eq!(code(&mut proxy, &taken, 200), "passed");
    for request in [&failed, &taken] {
        assert_eq!(code(&mut proxy, request, 200), "200 duplicate");
    }
}

#[test]
fn body_over_the_limit_is_refused() {
    let mut proxy = start(json!({ "max_body_bytes": 16 }));
    assert_eq!(code(&mut proxy, &signed("1", "{\"a\":1}"), 200), "passed");
    let large = Request { cuts: vec![8, 12], ..signed("2", "{\"a\":\"0123456789\"}") };
    assert_eq!(code(&mut proxy, &large, 200), "413 body_too_large");
}

/// A rule about the client cannot be kept where the host does not tell who it is.
#[test]
fn rules_about_the_client_refuse_everything() {
    let mut addresses = start(json!({ "allow_from": ["0.0.0.0/0", "::/0"] }));
    assert_eq!(code(&mut addresses, &signed("1", "{}"), 200), "403 address_missing");
    let mut tls = start(json!({ "transport": { "https": true } }));
    assert_eq!(code(&mut tls, &signed("1", "{}"), 200), "403 transport_insecure");
}

#[test]
fn rate_limit_counts_verified_requests_only() {
    let mut proxy = start(json!({ "rate_limit": { "requests": 2, "per": "1m" } }));
    let forged = Request { body: b"{}".to_vec(), ..signed("0", "{\"another\":\"body\"}") };
    for _ in 0..5 {
        assert_eq!(code(&mut proxy, &forged, 200), "401 signature_mismatch");
    }
    assert_eq!(code(&mut proxy, &signed("1", "{\"a\":1}"), 200), "passed");
    assert_eq!(code(&mut proxy, &signed("2", "{\"a\":2}"), 200), "passed");
    assert_eq!(code(&mut proxy, &signed("3", "{\"a\":3}"), 200), "429 rate_limited");
}

#[test]
fn forged_identity_does_not_reach_the_upstream() {
    let mut proxy = start(json!({}));
    let mut request = signed("1", "{}");
    request.headers.push(("x-hookwarden-key-id".to_owned(), b"forged".to_vec()));
    request.headers.push(("x_hookwarden_event_id".to_owned(), b"forged".to_vec()));
    let outcome = proxy.send(&request, 200);
    assert_eq!(outcome.headers.get("x-hookwarden-key-id").map(Vec::as_slice), Some(&b"first"[..]));
    assert_eq!(outcome.headers.get("x_hookwarden_event_id"), None);
}

#[test]
fn broken_configuration_is_refused_with_its_problems() {
    let log = Proxy::start(&config(json!({ "mode": "enforcing" }))).err().expect("it is refused");
    assert!(log.contains("configuration refused: $.sources[0].mode: must be one of"), "{log}");
}

#[test]
fn ticks_do_nothing_to_an_idle_proxy() {
    let mut proxy = start(json!({ "replay": { "window": "24h" } }));
    for second in 0..200 {
        proxy.set_time(START + second * 1000);
        proxy.tick();
    }
    assert_eq!(code(&mut proxy, &signed("1", "{}"), 200), "passed");
    assert!(!proxy.logged().contains("Error"), "{}", proxy.logged());
}
