//! The compose set-up, tested from outside: valid requests arrive at the receiver unchanged, and nothing of denied ones
//! does, not even a request line; also while a part of it is stopped.
//!
//! `make test-compose` starts the set-up and sets `HOOKWARDEN_TARGET` and `HOOKWARDEN_TARGET_2`, the addresses for senders,
//! `HOOKWARDEN_RECEIVER`, the receiver's admin address (`envoy/receiver.py` documents its JSON), `HOOKWARDEN_METRICS`,
//! Prometheus, and `HOOKWARDEN_COMPOSE`, the command that stops and starts services. Without them the tests are skipped
//! with a message.

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
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use harness::client::{BOTH, Connection, Protocol, Reply, Request};
use harness::senders;

/// How long a service may take to be ready again after it was started.
const START: Duration = Duration::from_secs(60);

/// A body that no other request has: the source github accepts each event once.
fn body() -> Vec<u8> {
    let mut body = format!("{{\"compose\":{},", unique()).into_bytes();
    body.extend_from_slice(b"\"bytes\":\"\xff\x00\"}");
    body
}

fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // The tests may run again with the same containers.
    senders::now() * 1_000_000 + NEXT.fetch_add(1, Ordering::Relaxed)
}

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
            let sent = body();
            let request = sign(path, setup.secret(variable), &sent);
            let reply = request.send(setup.target, protocol);
            assert_eq!(reply.status, 200, "{source}: {reply:?}");
            let seen = setup.only_request();
            assert_eq!(seen["method"], "POST");
            assert_eq!(seen["target"], path);
            let body = seen["body_base64"].as_str().expect("a body");
            assert_eq!(STANDARD.decode(body).expect("base64"), sent);
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
                sign(path, "anymail:guessed-guessed-guessed", &body())
            } else {
                sign(path, setup.secret(variable), &body()).with_body("{\"compose\":false}")
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
    let body = body();
    let request = senders::github("/hooks/github", "guessed-guessed-guessed-guessed", &body);
    setup.forget();
    let mut connection = Connection::open(setup.target);
    connection.send(&request.head());
    setup.assert_only_an_honest_request_arrives();
    setup.forget();
    for byte in body {
        connection.send(&[byte]);
    }
    assert_refused(&connection.reply(), 401);
    setup.assert_only_an_honest_request_arrives();
}

#[test]
fn neither_unmatched_nor_unsigned_nor_stale_requests_arrive() {
    let Some(setup) = Setup::take() else { return };
    let stripe = setup.secret("STRIPE_WEBHOOK_SECRET");
    let stale = (senders::now() - 3600).to_string();
    let body = body();
    for (request, status) in [
        (Request::post("/", body.as_slice()), 404),
        (Request::post("/hooks/unknown", body.as_slice()), 404),
        (setup.honest().at("/hooks/./github"), 400),
        (setup.honest().at("/hooks//github"), 400),
        (setup.honest().without("x-hub-signature-256"), 401),
        (senders::stripe_at(&stale, "/hooks/stripe", stripe, &body), 401),
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

#[test]
fn an_event_passes_once_in_the_fleet() {
    let Some(setup) = Setup::take() else { return };
    for (first, second) in [(setup.target, setup.other), (setup.other, setup.target)] {
        let event = setup.honest();
        setup.forget();
        assert_eq!(event.send(first, Protocol::Http1).status, 200);
        setup.only_request();
        for proxy in [second, first] {
            setup.forget();
            assert_duplicate(&event.send(proxy, Protocol::Http1));
            setup.assert_only_an_honest_request_arrives();
        }
    }
}

#[test]
fn one_envoy_serves_and_remembers_while_the_other_is_stopped() {
    let Some(setup) = Setup::take() else { return };
    let before = setup.honest();
    assert_eq!(before.send(setup.other, Protocol::Http1).status, 200);
    let stopped = setup.stop("envoy-2");
    assert!(std::net::TcpStream::connect(setup.other).is_err(), "it is stopped");

    setup.forget();
    assert_duplicate(&before.send(setup.target, Protocol::Http1));
    let forged = setup.honest().with_body("{}");
    assert_refused(&forged.send(setup.target, Protocol::Http1), 401);
    setup.assert_only_an_honest_request_arrives();
    let meanwhile = setup.honest();
    assert_eq!(meanwhile.send(setup.target, Protocol::Http1).status, 200);

    drop(stopped);
    setup.until_healthy("envoy-2");
    // Its own memory is gone; the store's is not.
    for event in [&before, &meanwhile] {
        setup.forget();
        assert_duplicate(&event.send(setup.other, Protocol::Http1));
        setup.assert_only_an_honest_request_arrives();
    }
}

#[test]
fn without_redis_the_source_that_needs_it_answers_503_and_counts_what_it_may_have_lost() {
    let Some(setup) = Setup::take() else { return };
    let before = setup.honest();
    assert_eq!(before.send(setup.target, Protocol::Http1).status, 200);
    let stopped = setup.stop("redis");

    let event = setup.honest();
    for proxy in [setup.target, setup.other] {
        setup.forget();
        assert_refused(&event.send(proxy, Protocol::Http1), 503);
        // A source without a store works, and nothing arrived before its request.
        let stripe = setup.secret("STRIPE_WEBHOOK_SECRET");
        assert_eq!(senders::stripe("/hooks/stripe", stripe, &body()).send(proxy, Protocol::Http1).status, 200);
        assert_eq!(setup.only_request()["target"], "/hooks/stripe");
    }
    // This proxy remembers what it saw itself.
    assert_duplicate(&before.send(setup.target, Protocol::Http1));

    drop(stopped);
    setup.until_healthy("redis");
    setup.until_healthy("webdis");
    // Until the store answers again, a claim may reach it whose answer comes too late; so another event tries that.
    within(START, || (setup.honest().send(setup.target, Protocol::Http1).status == 200).then_some(()));
    // The sender's retry passes, once; and the store has not forgotten. Unless Webdis had kept a claim of the first attempts, and
    // made it when Redis came back: then the event is claimed, and the failures are what tells (docs/fleet.md, "The time-out").
    setup.forget();
    let retried = event.send(setup.target, Protocol::Http1);
    match retried.header(DUPLICATE) {
        None => {
            assert_eq!(retried.status, 200, "{retried:?}");
            setup.only_request();
        }
        Some(_) => {
            assert_duplicate(&retried);
            setup.assert_only_an_honest_request_arrives();
        }
    }
    let failures = "/api/v1/query?query=".to_owned() + &percent_encoded("sum(hookwarden_replay_store_failures) >= 2");
    within(START, || {
        let found = setup.prometheus(&failures);
        found["data"]["result"].as_array().is_some_and(|list| !list.is_empty()).then_some(())
    });
    for event in [&event, &before] {
        setup.forget();
        assert_duplicate(&event.send(setup.other, Protocol::Http1));
        setup.assert_only_an_honest_request_arrives();
    }
}

#[test]
fn prometheus_counts_what_both_envoys_decide_and_evaluates_every_rule() {
    let Some(setup) = Setup::take() else { return };
    let event = setup.honest();
    assert_eq!(event.send(setup.target, Protocol::Http1).status, 200);
    assert_duplicate(&event.send(setup.other, Protocol::Http1));
    assert_refused(&setup.honest().with_body("{}").send(setup.other, Protocol::Http1), 401);

    for query in [
        "up{instance='envoy-1:9902'} == 1",
        "up{instance='envoy-2:9902'} == 1",
        "hookwarden_requests{source='github',outcome='passed',instance='envoy-1:9902'} > 0",
        "hookwarden_denials{source='github',code='duplicate',instance='envoy-2:9902'} > 0",
        "hookwarden_denials{source='github',code='signature_mismatch',instance='envoy-2:9902'} > 0",
        "count(count by (hookwarden_config_hash) (hookwarden_config_hash > 0)) > 0",
    ] {
        within(START, || {
            let found = setup.prometheus(&format!("/api/v1/query?query={}", percent_encoded(query)));
            assert_eq!(found["status"], "success", "{query}: {found}");
            found["data"]["result"].as_array().is_some_and(|list| !list.is_empty()).then_some(())
        });
    }
    let rules = within(START, || {
        let rules = setup.prometheus("/api/v1/rules")["data"]["groups"][0]["rules"].clone();
        let are_evaluated = rules.as_array()?.iter().all(|rule| rule["health"] != "unknown");
        are_evaluated.then_some(rules)
    });
    let rules = rules.as_array().expect("a list");
    let written = include_str!("../envoy/monitoring/alerts.yaml").matches("- alert:").count();
    assert_eq!(rules.len(), written);
    for rule in rules {
        assert_eq!((&rule["health"], rule["lastError"].as_str().unwrap_or("")), (&"ok".into(), ""), "{rule}");
    }
}

#[test]
fn only_the_metrics_of_the_admin_port_can_be_reached_and_only_from_inside() {
    let Some(setup) = Setup::take() else { return };
    for service in ["envoy-1", "envoy-2"] {
        for port in ["9901", "9902"] {
            let published = setup.compose(&["port", service, port]);
            assert_eq!(published.trim().trim_matches(':').trim_matches('0'), "", "{service}: {port} is published");
        }
        for (method, path, expected) in [
            ("GET", "http://{}:9902/stats/prometheus", "200"),
            ("POST", "http://{}:9902/stats/prometheus", "404"),
            ("GET", "http://{}:9902/stats", "404"),
            ("GET", "http://{}:9902/config_dump", "404"),
            ("POST", "http://{}:9902/quitquitquit", "404"),
            ("GET", "http://{}:9902/stats/prometheus/../../config_dump", "404"),
            ("GET", "http://{}:9901/stats/prometheus", "refused"),
        ] {
            const SCRIPT: &str = "import sys, urllib.request as r, urllib.error as e\n\
                try: print(r.urlopen(r.Request(sys.argv[2], method=sys.argv[1]), timeout=5).status)\n\
                except e.HTTPError as error: print(error.code)\n\
                except OSError as error: print('refused' if 'refused' in str(error) else error)\n";
            let url = path.replace("{}", service);
            let said = setup.compose(&["exec", "-T", "receiver", "python3", "-c", SCRIPT, method, &url]);
            assert_eq!(said.trim(), expected, "{method} {url}");
        }
    }
}

/// The header of the answer to a duplicate.
const DUPLICATE: &str = "x-hookwarden-duplicate";

/// The running set-up, locked for one test, so that only its requests arrive.
struct Setup {
    target: SocketAddr,
    other: SocketAddr,
    metrics: SocketAddr,
    /// The command that controls the services.
    command: String,
    receiver: SocketAddr,
    secrets: HashMap<String, String>,
    _guard: MutexGuard<'static, ()>,
}

impl Setup {
    fn take() -> Option<Self> {
        static LOCK: Mutex<()> = Mutex::new(());
        let addresses =
            ["HOOKWARDEN_TARGET", "HOOKWARDEN_TARGET_2", "HOOKWARDEN_RECEIVER", "HOOKWARDEN_METRICS"].map(address);
        let ([Some(target), Some(other), Some(receiver), Some(metrics)], Ok(command)) =
            (addresses, std::env::var("HOOKWARDEN_COMPOSE"))
        else {
            // Once, and directly to standard error, because the output of passing tests is captured.
            static REPORTED: Once = Once::new();
            REPORTED.call_once(|| {
                let message = "SKIPPED: no HOOKWARDEN_TARGET and the like; run make test-compose\n";
                let _ = std::io::stderr().write_all(message.as_bytes());
            });
            return None;
        };
        let guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        let setup = Self { target, other, metrics, command, receiver, secrets: secrets(), _guard: guard };
        Some(setup)
    }

    fn secret(&self, variable: &str) -> &str {
        self.secrets.get(variable).unwrap_or_else(|| panic!("{variable} is set"))
    }

    fn honest(&self) -> Request {
        let body = format!("{{\"honest\":{}}}", unique());
        senders::github("/hooks/github", self.secret("GITHUB_WEBHOOK_SECRET"), body.as_bytes())
    }

    /// Asserts that an honest request passes and that nothing else arrived: anything leaked would have arrived before it.
    fn assert_only_an_honest_request_arrives(&self) {
        let honest = self.honest();
        let reply = honest.send(self.target, Protocol::Http1);
        assert_eq!(reply.status, 200, "{reply:?}");
        let seen = self.only_request();
        assert_eq!(seen["body_base64"], STANDARD.encode(&honest.body));
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
        ask(self.receiver, method, path)
    }

    fn prometheus(&self, path: &str) -> Value {
        let reply = ask(self.metrics, "GET", path);
        serde_json::from_slice(&reply.body).unwrap_or_else(|error| panic!("{path}: {error}: {reply:?}"))
    }

    /// What a command of compose prints.
    fn compose(&self, arguments: &[&str]) -> String {
        let mut words = self.command.split_whitespace();
        let mut command = Command::new(words.next().expect("a command"));
        let output = command.args(words).args(arguments).output().expect("compose starts");
        if !output.status.success() && arguments.first() != Some(&"port") {
            panic!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        String::from_utf8(output.stdout).expect("text")
    }

    /// Stops a service until the result is dropped.
    fn stop<'a>(&'a self, service: &'static str) -> Stopped<'a> {
        let stopped = Stopped { setup: self, service };
        self.compose(&["stop", "--timeout", "3", service]);
        stopped
    }

    fn until_healthy(&self, service: &str) {
        let id = self.compose(&["ps", "--quiet", service]);
        within(START, || {
            let format = "--format={{.State.Health.Status}}";
            let output = Command::new("docker").args(["inspect", format, id.trim()]).output().expect("docker starts");
            (output.stdout.trim_ascii() == b"healthy").then_some(())
        });
    }
}

/// A service that is stopped.
struct Stopped<'a> {
    setup: &'a Setup,
    service: &'static str,
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        // Also after a failure, for the tests that follow.
        self.setup.compose(&["start", self.service]);
    }
}

fn ask(address: SocketAddr, method: &str, path: &str) -> Reply {
    let mut connection = Connection::open(address);
    connection.send(format!("{method} {path} HTTP/1.1\r\nHost: inside\r\nConnection: close\r\n\r\n").as_bytes());
    connection.reply()
}

/// What is there at last, or a failure.
#[track_caller]
fn within<T>(time: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + time;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {time:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn assert_duplicate(reply: &Reply) {
    assert_eq!((reply.status, reply.header(DUPLICATE)), (200, Some("true")), "{reply:?}");
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
