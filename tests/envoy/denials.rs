//! What a denial looks like: uniform to the caller, detailed in logs and metrics.

use std::time::Duration;

use serde_json::Value;

use crate::harness::bootstrap::Hold;
use crate::harness::client::{BOTH, Protocol, Reply, Request};
use crate::harness::senders::{self, BASIC, GITHUB};
use crate::harness::setups::{self, FILTER_HOLDS};
use crate::harness::{Proxy, wait_for};

const BODY: &[u8] = b"{\"denied\":1}";

#[test]
fn an_unknown_user_and_a_wrong_password_get_the_same_answer() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for protocol in BOTH {
        let attempt = |credential: &str| {
            let request = senders::basic("/hooks/basic", credential, BODY);
            without_date(proxy.denies(protocol, &request, "basic", "credential_mismatch"))
        };
        let unknown_user = attempt("nobody:pass:with:colons-5f1c8a");
        let wrong_password = attempt("anymail:wrong-password-entirely");
        assert_eq!(unknown_user, wrong_password);
        assert_eq!(unknown_user.header("www-authenticate"), Some("Basic realm=\"hookwarden\""));
        let missing = proxy.denies(protocol, &Request::post("/hooks/basic", BODY), "basic", "credential_missing");
        assert_eq!(without_date(missing), unknown_user);
    }
}

#[test]
fn the_response_does_not_reveal_which_check_failed() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for protocol in BOTH {
        let valid = GITHUB.valid(BODY);
        let answers = [
            proxy.denies(protocol, &GITHUB.forged(BODY), "github", "signature_mismatch"),
            proxy.denies(protocol, &valid.clone().without("x-hub-signature-256"), "github", "signature_missing"),
            proxy.denies(
                protocol,
                &valid.clone().replacing("x-hub-signature-256", "sha256=00"),
                "github",
                "signature_malformed",
            ),
            proxy.denies(protocol, &valid.with("x-hub-signature-256", "x"), "github", "signature_duplicated"),
        ];
        let [first, rest @ ..] = answers.map(without_date);
        for other in rest {
            assert_eq!(other, first);
        }
        assert_eq!(first.header("www-authenticate"), None);
    }
}

#[test]
fn a_source_may_choose_the_status_of_failed_verification() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for protocol in BOTH {
        let mark = proxy.upstream.mark();
        let reply = GITHUB.forged(BODY).at("/hooks/status-400").send(proxy.address, protocol);
        assert_eq!(reply.status, 400);
        assert_eq!(reply.text(), "request denied\n");
        proxy.upstream.assert_nothing_since(mark);
    }
}

#[test]
fn a_denial_is_one_json_line_in_the_log_one_count_and_filter_state_in_the_access_log() {
    let Some(proxy) = Proxy::start(&setups::main(Hold::Filter, 1)) else { return };
    let reply = GITHUB.forged(BODY).send(proxy.address, Protocol::Http1);
    assert_eq!(reply.status, 401);

    let line = proxy.wait_for_log(&["wasm log hookwarden", "\"denied\""]);
    let json = &line[line.find('{').expect("JSON")..];
    let entry: Value = serde_json::from_str(json).unwrap_or_else(|e| panic!("{json}: {e}"));
    assert_eq!(entry["event"], "denied");
    assert_eq!(entry["source"], "github");
    assert_eq!(entry["code"], "signature_mismatch");
    assert_eq!(entry["status"], 401);
    assert!(entry["client"].as_str().is_some_and(|client| client.starts_with("127.0.0.1:")), "{json}");
    let id = entry["request_id"].as_str().expect("the request's id").to_owned();

    let access = proxy.wait_for_log(&["\"hookwarden\":\"source=github outcome=denied code=signature_mismatch\""]);
    let access: Value = serde_json::from_str(&access).expect("the access log is JSON");
    assert_eq!(access["request_id"], id.as_str(), "the access log and the denial share the request id");

    let metrics = proxy.metrics();
    assert_eq!(metrics.get("source.github.requests.denied"), Some(&1));
    assert_eq!(metrics.get("source.github.denials.signature_mismatch"), Some(&1));
    assert_eq!(metrics.get("source.github.requests.passed").copied().unwrap_or(0), 0);

    proxy.passes(Protocol::Http1, &GITHUB.valid(BODY));
    proxy.wait_for_log(&["\"hookwarden\":\"source=github outcome=passed key_id=2026-11\""]);
    let metrics = proxy.metrics();
    assert_eq!(metrics.get("source.github.requests.passed"), Some(&1));
    assert_eq!(metrics.get("source.github.matches.2026-11"), Some(&1));
    let hashed = 2 * BODY.len() as u64;
    let counted = wait_for(Duration::from_secs(5), || (proxy.metric("bytes_hashed") == hashed).then_some(()));
    assert!(counted.is_some(), "the tick reports the bytes hashed: {}", proxy.metric("bytes_hashed"));
    assert_eq!(metrics.get("sources_closed"), Some(&2));
    let log = proxy.log();
    assert_eq!(log.matches("\"event\":\"denied\"").count(), 1, "one line for each denial:\n{log}");

    let prometheus = proxy.admin("/stats/prometheus?filter=hookwarden").text();
    for label in ["source=\"github\"", "outcome=\"denied\"", "code=\"signature_mismatch\"", "secret_id=\"2026-11\""] {
        assert!(prometheus.contains(label), "no {label} in\n{prometheus}");
    }
}

#[test]
fn a_burst_of_denials_does_not_fill_the_log() {
    let Some(proxy) = Proxy::start(&setups::main(Hold::Filter, 1)) else { return };
    let forged = GITHUB.forged(BODY).wire();
    let mut connection = crate::harness::client::Connection::open(proxy.address);
    for _ in 0..1000 {
        connection.send(&forged);
        assert_eq!(connection.reply().status, 401);
    }
    assert_eq!(proxy.metric("source.github.denials.signature_mismatch"), 1000);
    let lines = proxy.log().matches("\"event\":\"denied\"").count();
    assert!((1..500).contains(&lines), "{lines} lines for 1000 denials");
    // The next line that is logged reports how many were suppressed.
    let reported = crate::harness::wait_for(std::time::Duration::from_secs(20), || {
        connection.send(&forged);
        assert_eq!(connection.reply().status, 401);
        proxy.log().contains("\"suppressed\":").then_some(())
    });
    assert!(reported.is_some(), "the log reports how many lines were suppressed");
}

#[test]
fn nothing_of_an_attackers_text_reaches_the_log_unescaped() {
    let Some(proxy) = Proxy::start(&setups::main(Hold::Filter, 1)) else { return };
    let request = GITHUB
        .forged(BODY)
        .replacing("X-Hub-Signature-256", "sha256=\",\"event\":\"injected")
        .with("X-Request-Id", "a\",\"event\":\"injected\"\u{9b}31m");
    let reply = request.send(proxy.address, Protocol::Http2);
    assert_eq!(reply.status, 401);
    let line = proxy.wait_for_log(&["wasm log hookwarden", "\"denied\""]);
    let entry: Value = serde_json::from_str(&line[line.find('{').expect("JSON")..]).expect("still JSON");
    assert_eq!(entry["event"], "denied");
    assert!(!line.contains('\u{9b}'), "{line:?}");
}

#[test]
fn basic_denials_ask_for_credentials_and_others_do_not() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    let reply = proxy.denies(Protocol::Http2, &BASIC.forged(BODY), "basic", "credential_mismatch");
    assert_eq!(reply.header("www-authenticate"), Some("Basic realm=\"hookwarden\""));
    let reply = proxy.denies(Protocol::Http2, &senders::BEARER.forged(BODY), "bearer", "credential_mismatch");
    assert_eq!(reply.header("www-authenticate"), None);
}

/// Removes what may differ between responses: the date, and in HTTP/1.1 whether Envoy closes the connection, which it
/// does when it answers before the body was read.
fn without_date(mut reply: Reply) -> Reply {
    reply.headers.retain(|(name, _)| name != "date" && name != "connection");
    reply
}
