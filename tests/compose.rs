//! The compose set-up, tested from outside: valid requests arrive at the receiver unchanged, and nothing of denied ones
//! does, not even a request line.
//!
//! `make test-compose` starts the set-up and sets `HOOKWARDEN_TARGET`, the address for senders, and
//! `HOOKWARDEN_RECEIVER`, the receiver's admin address (`envoy/receiver.py` documents its JSON). Without them the tests
//! are skipped with a message.

#![allow(
    clippy::disallowed_methods,
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the clock is banned in the filter only; the Envoy tests' harness is used in part"
)]

#[path = "envoy/harness/mod.rs"]
mod harness;

use std::collections::HashMap;
use std::io::Write;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use harness::client::{BOTH, Connection, Protocol, Reply, Request};
use harness::senders;

const BODY: &[u8] = b"{\"compose\":true,\"bytes\":\"\xff\x00\"}";

type Sign = fn(path: &str, secret: &str, body: &[u8]) -> Request;

/// The sources of `envoy/envoy.yaml`: name, path, the variable with the secret, and how the sender signs.
const SOURCES: [(&str, &str, &str, Sign); 7] = [
    ("github", "/hooks/github", "GITHUB_WEBHOOK_SECRET", senders::github),
    ("stripe", "/hooks/stripe", "STRIPE_WEBHOOK_SECRET", senders::stripe),
    ("slack", "/hooks/slack", "SLACK_SIGNING_SECRET", senders::slack),
    ("shopify", "/hooks/shopify/orders", "SHOPIFY_CLIENT_SECRET", senders::shopify),
    ("standard", "/hooks/standard", "STANDARD_WEBHOOKS_SECRET", senders::standard_webhooks),
    ("anymail", "/anymail/sendgrid/tracking", "ANYMAIL_WEBHOOK_SECRET", senders::basic),
    ("in-house", "/hooks/in-house", "IN_HOUSE_WEBHOOK_SECRET", senders::generic),
];

#[test]
fn every_source_passes_requests_of_its_sender() {
    let Some(setup) = Setup::take() else { return };
    for (source, path, variable, sign) in SOURCES {
        for protocol in BOTH {
            setup.forget();
            let request = sign(path, setup.secret(variable), BODY);
            let reply = request.send(setup.target, protocol);
            assert_eq!(reply.status, 200, "{source}: {reply:?}");
            let seen = setup.only_request();
            assert_eq!(seen["method"], "POST");
            assert_eq!(seen["target"], path);
            let body = seen["body_base64"].as_str().expect("a body");
            assert_eq!(STANDARD.decode(body).expect("base64"), BODY);
            assert_eq!(header(&seen, "x-hookwarden-source").as_deref(), Some(source));
        }
    }
}

#[test]
fn nothing_of_a_forged_request_arrives() {
    let Some(setup) = Setup::take() else { return };
    for (source, path, variable, sign) in SOURCES {
        for protocol in BOTH {
            let forged = if source == "anymail" {
                sign(path, "anymail:guessed-guessed-guessed", BODY)
            } else {
                sign(path, setup.secret(variable), BODY).with_body("{\"compose\":false}")
            };
            setup.forget();
            let reply = forged.send(setup.target, protocol);
            assert_refused(&reply, 401);
            setup.assert_only_an_honest_request_arrives();
        }
    }
}

#[test]
fn nothing_of_a_slow_forged_request_arrives() {
    let Some(setup) = Setup::take() else { return };
    let request = senders::github("/hooks/github", "guessed-guessed-guessed-guessed", BODY);
    setup.forget();
    let mut connection = Connection::open(setup.target);
    connection.send(&request.head());
    setup.assert_only_an_honest_request_arrives();
    setup.forget();
    for byte in BODY {
        connection.send(&[*byte]);
    }
    assert_refused(&connection.reply(), 401);
    setup.assert_only_an_honest_request_arrives();
}

#[test]
fn neither_unmatched_nor_unsigned_nor_stale_requests_arrive() {
    let Some(setup) = Setup::take() else { return };
    let stripe = setup.secret("STRIPE_WEBHOOK_SECRET");
    let stale = (senders::now() - 3600).to_string();
    for (request, status) in [
        (Request::post("/", BODY), 404),
        (Request::post("/hooks/unknown", BODY), 404),
        (setup.honest().at("/hooks/./github"), 400),
        (setup.honest().at("/hooks//github"), 400),
        (setup.honest().without("x-hub-signature-256"), 401),
        (senders::stripe_at(&stale, "/hooks/stripe", stripe, BODY), 401),
    ] {
        for protocol in BOTH {
            setup.forget();
            assert_refused(&request.send(setup.target, protocol), status);
            setup.assert_only_an_honest_request_arrives();
        }
    }
}

#[test]
fn forged_identity_headers_do_not_arrive() {
    let Some(setup) = Setup::take() else { return };
    for protocol in BOTH {
        setup.forget();
        let request = setup.honest().with("x-hookwarden-source", "stripe").with("x_hookwarden_event_id", "forged");
        assert_eq!(request.send(setup.target, protocol).status, 200);
        let seen = setup.only_request();
        assert_eq!(header(&seen, "x-hookwarden-source").as_deref(), Some("github"));
        assert_eq!(header(&seen, "x_hookwarden_event_id"), None);
    }
}

/// The running set-up, locked for one test, so that only its requests arrive.
struct Setup {
    target: SocketAddr,
    receiver: SocketAddr,
    secrets: HashMap<String, String>,
    _guard: MutexGuard<'static, ()>,
}

impl Setup {
    fn take() -> Option<Self> {
        static LOCK: Mutex<()> = Mutex::new(());
        let (Some(target), Some(receiver)) = (address("HOOKWARDEN_TARGET"), address("HOOKWARDEN_RECEIVER")) else {
            // Once, and directly to standard error, because the output of passing tests is captured.
            static REPORTED: Once = Once::new();
            REPORTED.call_once(|| {
                let message = "SKIPPED: no HOOKWARDEN_TARGET and HOOKWARDEN_RECEIVER; run make test-compose\n";
                let _ = std::io::stderr().write_all(message.as_bytes());
            });
            return None;
        };
        let guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        let setup = Self { target, receiver, secrets: secrets(), _guard: guard };
        Some(setup)
    }

    fn secret(&self, variable: &str) -> &str {
        self.secrets.get(variable).unwrap_or_else(|| panic!("{variable} is set"))
    }

    fn honest(&self) -> Request {
        senders::github("/hooks/github", self.secret("GITHUB_WEBHOOK_SECRET"), b"{\"honest\":true}")
    }

    /// Asserts that an honest request passes and that nothing else arrived: anything leaked would have arrived before it.
    fn assert_only_an_honest_request_arrives(&self) {
        let reply = self.honest().send(self.target, Protocol::Http1);
        assert_eq!(reply.status, 200, "{reply:?}");
        let seen = self.only_request();
        assert_eq!(seen["body_base64"], STANDARD.encode("{\"honest\":true}"));
    }

    fn only_request(&self) -> Value {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let reply = self.admin("GET", "/received");
            let mut received: Value = serde_json::from_slice(&reply.body).expect("JSON");
            let requests = received["requests"].as_array_mut().expect("a list of requests");
            match requests.as_slice() {
                [only] if only["complete"] == true => return requests.remove(0),
                [] | [_] if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(20)),
                other => panic!("expected one complete request, got {other:#?}"),
            }
        }
    }

    fn forget(&self) {
        assert_eq!(self.admin("DELETE", "/received").status, 204);
    }

    fn admin(&self, method: &str, path: &str) -> Reply {
        let mut connection = Connection::open(self.receiver);
        connection.send(format!("{method} {path} HTTP/1.1\r\nHost: receiver\r\nConnection: close\r\n\r\n").as_bytes());
        connection.reply()
    }
}

fn assert_refused(reply: &Reply, status: u16) {
    assert_eq!(reply.status, status, "{reply:?}");
    assert_eq!(reply.text(), "request denied\n");
}

fn header(seen: &Value, name: &str) -> Option<String> {
    let headers = seen["headers"].as_array().expect("a list of headers");
    let mut values = headers.iter().filter(|pair| pair[0].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name)));
    let first = values.next().map(|pair| pair[1].as_str().expect("text").to_owned());
    assert!(values.next().is_none(), "{name} arrived twice");
    first
}

fn address(variable: &str) -> Option<SocketAddr> {
    let url = std::env::var(variable).ok()?;
    let authority = url.strip_prefix("http://").unwrap_or(&url).trim_end_matches('/');
    let mut addresses = authority.to_socket_addrs().unwrap_or_else(|e| panic!("{variable}: {e}"));
    Some(addresses.next().unwrap_or_else(|| panic!("{variable} has no address")))
}

/// The demo secrets, or those in the environment.
fn secrets() -> HashMap<String, String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/envoy/demo.env");
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    lines.map(|(name, value)| (name.to_owned(), std::env::var(name).unwrap_or_else(|_| value.to_owned()))).collect()
}
