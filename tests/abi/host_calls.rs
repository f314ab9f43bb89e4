//! Every call that a request makes of the host, in order: each costs time, and a new one should be seen in review.
//!
//! `tests/abi/host_calls.txt` has the list. `BLESS=1 cargo test --test abi host_calls::` writes it again; read the diff. A
//! call without a reason in [`why`] fails even then.
//!
//! Requests are recorded when the VM has run for a while: metrics are defined, and the samples of this tick are taken. Each of
//! both has a recording of its own.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::host::{Action, Event, Request, Vm, on_a_fresh_vm};
use crate::{check, config, github, source};

const SNAPSHOT: &str = "tests/abi/host_calls.txt";
const CREDENTIAL: &[u8] = b"Basic dXNlcjphLXBhc3N3b3JkLW9mLWxlbmd0aA==";
const BODY: &[u8] = b"a body in three pieces";

/// Why a call has to be made. `about`: what it is about.
fn why(call: &str, about: &str) -> Option<&'static str> {
    Some(match (call, about) {
        ("proxy_get_header_map_pairs", "request headers") => "all lines of each header, in one crossing",
        ("proxy_get_current_time_nanoseconds", _) => "the decision depends on the time",
        ("proxy_get_buffer_bytes", _) => "the body, as it arrives; again if it may be a handshake's",
        ("proxy_remove_header_map_value", "request headers, authorization") => "remove_credentials",
        ("proxy_remove_header_map_value", _) => "a forged header",
        ("proxy_replace_header_map_value", _) => "tells the upstream what was verified",
        ("proxy_increment_metric", name) if name.contains(".requests.") => "requests by outcome",
        ("proxy_increment_metric", name) if name.contains(".denials.") => "denials by code",
        ("proxy_increment_metric", name) if name.contains(".matches.") => "is the old secret still in use?",
        ("proxy_increment_metric", name) if name.contains(".replay.") => "events remembered and given back",
        ("proxy_record_metric", name) if name.ends_with("held_ms") => "how long the request was held",
        ("proxy_record_metric", name) if name.ends_with("check_us") => "the sample of a tick",
        ("proxy_record_metric", name) if name.ends_with("skew_s") => "how far the sender's clock is off",
        ("proxy_define_metric", _) => "once in a VM",
        ("proxy_set_property", "hookwarden") => "the access log",
        ("proxy_log", _) => "the line about a refusal",
        ("proxy_send_local_response", _) => "the response in place of the upstream's",
        ("proxy_get_property", "source.address") => "a guard or the log line has the client's address",
        ("proxy_get_property", "connection_id") => "the sample of a tick: is this configuration live?",
        ("proxy_get_property", "response.code_details") => "whether the upstream answered decides about a claim",
        ("proxy_get_header_map_value", "response headers, :status") => "the upstream's status decides about a claim",
        ("proxy_get_shared_data" | "proxy_set_shared_data", key) if key.starts_with("hookwarden.replay") => {
            "the memory of events"
        }
        ("proxy_get_shared_data" | "proxy_set_shared_data", key) if key.starts_with("hookwarden.flood") => {
            "the memory of failures"
        }
        ("proxy_get_shared_data" | "proxy_set_shared_data", key) if key.starts_with("hookwarden.budget") => {
            "the memory of a rate limit"
        }
        ("proxy_get_shared_data" | "proxy_set_shared_data", "hookwarden.current") => "the sample of a tick",
        _ => return None,
    })
}

fn guarded() -> Value {
    let with = |name: &str, members: Value| {
        let mut source = source(name, check("github"));
        for (member, value) in members.as_object().into_iter().flatten() {
            source[member] = value.clone();
        }
        source
    };
    let basic = json!({ "provider": "basic", "secrets": [{ "value": "user:a-password-of-length" }] });
    let mut removed = source("basic-removed", basic.clone());
    removed["remove_credentials"] = json!(true);
    config(&[
        source("github", check("github")),
        source("basic", basic),
        removed,
        with("slack", json!({ "verify": check("slack"), "handshake": true })),
        with("replay", json!({ "replay": { "window": "1h" } })),
        with("flood", json!({ "flood_limit": { "failures": 1000, "per": "1m" } })),
        with("rate", json!({ "rate_limit": { "requests": 1000, "per": "1m" } })),
        with("observed", json!({ "mode": "observe" })),
    ])
}

/// Sends headers and pieces of a body until the request is decided.
fn send<'a>(vm: &'a Vm, path: &str, headers: &[(&str, &[u8])], pieces: &[&[u8]]) -> Request<'a> {
    let request = vm.request(path, headers);
    request.headers(pieces.is_empty());
    for (position, piece) in pieces.iter().enumerate() {
        if request.answer().is_none() {
            request.body(piece, position + 1 == pieces.len());
        }
    }
    request
}

/// The rest of a request that was forwarded.
fn is_answered(request: &Request<'_>, status: u16) {
    assert!(!request.upstream().is_nothing(), "it was forwarded");
    assert_eq!(request.response(status, true), Action::Continue);
    assert_eq!(request.response_body(), Action::Continue);
    request.ends();
}

fn is_refused(request: &Request<'_>, status: u32) {
    assert_eq!(request.answer().map(|answer| answer.status), Some(status));
    assert!(request.upstream().is_nothing());
    request.ends();
}

type Scenario = fn(&Vm, usize);

/// Kinds of requests. `number` tells the requests of one kind apart.
const SCENARIOS: [(&str, Scenario); 16] = [
    ("accepted, the body in one piece", |vm, _| {
        is_answered(&send(vm, "/github", &[("x-hub-signature-256", github(BODY).as_bytes())], &[BODY]), 200);
    }),
    ("accepted, the body in three pieces", |vm, _| {
        let pieces = [&BODY[..6], &BODY[6..7], &BODY[7..]];
        is_answered(&send(vm, "/github", &[("x-hub-signature-256", github(BODY).as_bytes())], &pieces), 200);
    }),
    ("accepted, with a forged header", |vm, _| {
        let tag = github(BODY);
        let headers: [(&str, &[u8]); 2] = [("x-hub-signature-256", tag.as_bytes()), ("x-hookwarden-source", b"forged")];
        is_answered(&send(vm, "/github", &headers, &[BODY]), 200);
    }),
    ("accepted, with a signed time", |vm, _| {
        is_answered(&send_slack(vm, BODY), 200);
    }),
    ("accepted, basic authentication", |vm, _| {
        is_answered(&send(vm, "/basic", &[("authorization", CREDENTIAL)], &[BODY]), 200);
    }),
    ("accepted, basic authentication with remove_credentials, no body", |vm, _| {
        is_answered(&send(vm, "/basic-removed", &[("authorization", CREDENTIAL)], &[]), 200);
    }),
    ("accepted, an event that is remembered", |vm, number| {
        let body = format!("event {number}").into_bytes();
        is_answered(&send(vm, "/replay", &[("x-hub-signature-256", github(&body).as_bytes())], &[&body]), 200);
    }),
    ("refused by the upstream, an event that is remembered", |vm, number| {
        let body = format!("failed {number}").into_bytes();
        is_answered(&send(vm, "/replay", &[("x-hub-signature-256", github(&body).as_bytes())], &[&body]), 500);
    }),
    ("refused, a duplicate", |vm, _| {
        let request = send(vm, "/replay", &[("x-hub-signature-256", github(b"event 0").as_bytes())], &[b"event 0"]);
        is_refused(&request, 200);
    }),
    ("accepted, with a flood limit", |vm, _| {
        is_answered(&send(vm, "/flood", &[("x-hub-signature-256", github(BODY).as_bytes())], &[BODY]), 200);
    }),
    ("accepted, with a rate limit", |vm, _| {
        is_answered(&send(vm, "/rate", &[("x-hub-signature-256", github(BODY).as_bytes())], &[BODY]), 200);
    }),
    ("refused, forged", |vm, _| {
        is_refused(&send(vm, "/github", &[("x-hub-signature-256", github(b"").as_bytes())], &[BODY]), 401);
    }),
    ("refused, without a proof and without a body", |vm, _| {
        is_refused(&send(vm, "/github", &[], &[]), 401);
    }),
    ("unmatched, refused", |vm, _| {
        is_refused(&send(vm, "/elsewhere", &[], &[BODY]), 404);
    }),
    ("forged, but the source only observes", |vm, _| {
        is_answered(&send(vm, "/observed", &[("x-hub-signature-256", github(b"").as_bytes())], &[BODY]), 200);
    }),
    ("a handshake that is answered", |vm, _| {
        let request = send_slack(vm, br#"{"type":"url_verification","challenge":"4711"}"#);
        is_refused(&request, 200);
    }),
];

/// A request that Slack signed when the host's clock began.
fn send_slack<'a>(vm: &'a Vm, body: &[u8]) -> Request<'a> {
    const TIME: &str = "1700000000";
    let tag = github(&[b"v0:", TIME.as_bytes(), b":", body].concat()).replace("sha256=", "v0=");
    let headers: [(&str, &[u8]); 2] =
        [("x-slack-signature", tag.as_bytes()), ("x-slack-request-timestamp", TIME.as_bytes())];
    send(vm, "/slack", &headers, &[body])
}

/// A trace as text: callbacks, and under each the calls that it made with their reasons.
fn text(trace: &[Event]) -> String {
    let mut text = String::new();
    for event in trace {
        match event {
            Event::Callback(name) => writeln!(text, "  {name}"),
            Event::Call(call, about) => {
                let why = why(call, about).unwrap_or_else(|| panic!("{call} {about}: why? Say so in `why`."));
                let what = if about.is_empty() { (*call).to_owned() } else { format!("{call}: {about}") };
                writeln!(text, "    {what:<95} # {why}")
            }
        }
        .expect("text grows");
    }
    text
}

#[test]
fn a_host_that_numbers_no_connections_is_asked_once_after_a_tick() {
    on_a_fresh_vm(|vm| {
        vm.number_no_connections();
        assert!(vm.configure(&guarded()));
        let [(_, accepted), ..] = SCENARIOS;
        for _ in 0..2 {
            vm.take_trace();
            (0..3).for_each(|number| accepted(vm, number));
            let asks =
                |event: &Event| matches!(event, Event::Call("proxy_get_property", about) if about == "connection_id");
            assert_eq!(vm.take_trace().iter().filter(|event| asks(event)).count(), 1);
            vm.tick();
        }
    });
}

#[test]
fn every_call_that_a_request_makes_is_known_and_has_a_reason() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&guarded()));
        let mut said = String::from(
            "# What each kind of request asks of the host, in order. Written by `BLESS=1 cargo test --test abi host_calls::`.\n",
        );
        let [(_, first), ..] = SCENARIOS;
        for (name, at) in [("the first request in a VM", 0), ("the first request after a tick", 1)] {
            if at == 1 {
                vm.tick();
            }
            vm.take_trace();
            first(vm, at);
            let _ = write!(said, "\n{name}, accepted\n{}", text(&vm.take_trace()));
        }
        for (name, scenario) in SCENARIOS {
            scenario(vm, 0);
            vm.take_trace();
            scenario(vm, 1);
            let _ = write!(said, "\n{name}\n{}", text(&vm.take_trace()));
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(SNAPSHOT);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &said).expect("the list can be written");
        }
        let known = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(known == said, "requests make other calls than {SNAPSHOT} says. They make these:\n{said}");
    });
}
