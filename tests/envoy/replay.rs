//! Replay protection within one Envoy: across worker threads, upstream failures and configuration pushes.

use std::sync::Barrier;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::harness::bootstrap::{Hold, at};
use crate::harness::client::{BOTH, Connection, Protocol, Reply, Request, TIMEOUT};
use crate::harness::launch::Setup;
use crate::harness::listeners::manager;
use crate::harness::parallel;
use crate::harness::senders::{self, STANDARD_WEBHOOKS};
use crate::harness::setups::{guarded, guards, unused_address};
use crate::harness::upstream::{BEHAVIOUR, Received};
use crate::harness::xds::{self, Pushed};
use crate::harness::{Proxy, SharedProxy, wait_for};

const MARK: &str = "x-hookwarden-duplicate";
const DELIVERY: &str = "X-GitHub-Delivery";

static FILTER: SharedProxy = SharedProxy::new(|| setup(Hold::Filter));
static CHAIN: SharedProxy = SharedProxy::new(|| setup(Hold::Chain));
/// Sources with a small memory.
static SMALL: SharedProxy = SharedProxy::new(|| {
    let source = |name: &str, replay: Value| guarded(name, json!({ "replay": replay }));
    guards([
        source("full", json!({"window": "24h", "entries": ENTRIES, "duplicate": 409})),
        source("ring", json!({"window": "24h", "entries": ENTRIES, "duplicate": 409, "when_full": "drop_oldest"})),
        source("one", json!({"window": "24h", "entries": 1, "duplicate": 409})),
        source("short", json!({"window": "1s", "entries": 1, "duplicate": 409})),
    ])
});
const ENTRIES: usize = 20;

/// Two workers, and a short upstream timeout.
fn setup(hold: Hold) -> Setup {
    let replay = |more: Value| {
        let mut replay = json!({"window": "24h"});
        more.as_object().into_iter().flatten().for_each(|(key, value)| replay[key] = value.clone());
        json!({ "replay": replay })
    };
    let with = |verify: Value, name: &str, more: Value| {
        let mut source = guarded(name, replay(more));
        source["verify"] = verify;
        source
    };
    let standard =
        json!({"provider": "standard-webhooks", "secrets": [{"id": "key", "value": STANDARD_WEBHOOKS.secret}]});
    let mut sources = vec![
        guarded("default", replay(json!({}))),
        guarded("204", replay(json!({"duplicate": 204}))),
        guarded("409", replay(json!({"duplicate": 409}))),
        guarded("gone", replay(json!({"duplicate": 409, "keep_on": ["2xx", "410", "3xx"]}))),
        guarded(
            "delivery",
            replay(json!({"duplicate": 409, "id": format!("header:{DELIVERY}"), "insecure_unsigned_id": true})),
        ),
        with(standard.clone(), "by-id", json!({"duplicate": 409})),
        with(standard, "by-field", json!({"duplicate": 409, "id": "json:event.id"})),
    ];
    if hold == Hold::Filter {
        sources.push(guarded("marked", replay(json!({"duplicate": "pass"}))));
    }
    with_short_upstream_timeout(guards(sources).body_hold(hold).workers(2))
}

/// Reduces the time that Envoy waits for the upstream.
fn with_short_upstream_timeout(setup: Setup) -> Setup {
    setup.edit(|bootstrap, _| {
        let listener = at(bootstrap, "/static_resources/listeners/0");
        *at(manager(listener), "/route_config/virtual_hosts/0/routes/0/route/timeout") = json!("0.5s");
    })
}

/// A unique event.
fn event(source: &str) -> Request {
    crate::harness::honest().at(&format!("/hooks/{source}"))
}

/// What the upstream received, or `None` after the 409 of a duplicate.
#[track_caller]
fn passes_once(proxy: &Proxy, request: &Request, protocol: Protocol) -> Option<Received> {
    let mark = proxy.upstream.mark();
    let reply = request.send(proxy.address, protocol);
    match reply.status {
        409 => {
            proxy.upstream.assert_nothing_since(mark);
            None
        }
        _ => Some(proxy.assert_passed_since(mark, request, &reply)),
    }
}

#[test]
fn an_event_passes_once() {
    for shared in [&FILTER, &CHAIN] {
        let Some(proxy) = shared.take() else { return };
        for protocol in BOTH {
            for request in [event("409"), event("409").in_chunks(3), event("409").with_trailer("x-checksum", "abc")] {
                if protocol == Protocol::Http1 && !request.trailers.is_empty() {
                    continue;
                }
                let seen = proxy.passes(protocol, &request);
                assert_eq!(seen.header(MARK), None);
                for again in BOTH {
                    proxy.denies(again, &request, "409", "duplicate");
                }
                // With other unsigned parts, it is still the same event.
                let varied = request.clone().with("X-GitHub-Event", "again").at("/hooks/409?again=1").in_chunks(1);
                proxy.denies(protocol, &varied, "409", "duplicate");
                // Another source has its own memory.
                proxy.passes(protocol, &request.at("/hooks/gone"));
            }
        }
    }
}

#[test]
fn a_duplicate_is_answered_as_configured() {
    for shared in [&FILTER, &CHAIN] {
        let Some(proxy) = shared.take() else { return };
        for (source, status) in [("default", 200), ("204", 204)] {
            for protocol in BOTH {
                let request = event(source);
                proxy.passes(protocol, &request);
                let before = proxy.metric(&format!("source.{source}.denials.duplicate"));
                let mark = proxy.upstream.mark();
                let reply = request.send(proxy.address, protocol);
                assert_eq!(reply.status, status);
                assert_eq!(reply.text(), "", "the sender should see an ordinary success");
                assert_eq!(reply.header(MARK), Some("true"));
                for (name, _) in &reply.headers {
                    assert!(["content-length", "date", "server", MARK].contains(&name.as_str()), "{name}");
                }
                proxy.upstream.assert_nothing_since(mark);
                proxy.assert_serves_after(mark);
                assert_eq!(proxy.metric(&format!("source.{source}.denials.duplicate")), before + 1);
            }
        }
    }
}

#[test]
fn a_duplicate_that_passes_is_marked_and_clients_cannot_forge_the_mark() {
    let Some(proxy) = FILTER.take() else { return };
    for protocol in BOTH {
        let request = event("marked").with(MARK, "false").with("x_hookwarden_duplicate", "no");
        let seen = proxy.passes(protocol, &request);
        assert_eq!(seen.header(MARK), None);
        assert!(!seen.identity_headers().iter().any(|name| name.contains("duplicate")), "{seen:?}");
        for _ in 0..2 {
            let before = proxy.metric("source.marked.replay.duplicates_passed");
            let seen = proxy.passes(protocol, &request);
            assert_eq!(seen.header_text(MARK), Some("true"));
            assert_eq!(seen.header_text("x-hookwarden-source"), Some("marked"));
            assert_eq!(proxy.metric("source.marked.replay.duplicates_passed"), before + 1);
        }
    }
}

#[test]
fn a_signed_id_identifies_the_event_whatever_else_changes() {
    let Some(proxy) = FILTER.take() else { return };
    let signed = |source: &str, id: &str, time: u64, body: &[u8]| {
        let time = time.to_string();
        let tag = senders::standard_webhooks_tag(STANDARD_WEBHOOKS.secret, id, &time, body);
        Request::post(format!("/hooks/{source}"), body)
            .with("webhook-id", id)
            .with("webhook-timestamp", time)
            .with("webhook-signature", format!("v1,{tag}"))
    };
    let now = senders::now();
    for protocol in BOTH {
        let id = format!("msg_{protocol:?}");
        let first = signed("by-id", &id, now - 60, b"{}");
        proxy.passes(protocol, &first);
        // Sent again with a new time and signature, as senders retry, and with another body.
        proxy.denies(protocol, &signed("by-id", &id, now, b"{}"), "by-id", "duplicate");
        proxy.denies(protocol, &signed("by-id", &id, now, b"{\"a\":1}"), "by-id", "duplicate");
        proxy.passes(protocol, &signed("by-id", &format!("{id}2"), now, b"{}"));

        let body = |id: &str| format!("{{\"event\":{{\"id\":\"{id}\"}},\"sent\":\"{protocol:?}\"}}").into_bytes();
        proxy.passes(protocol, &signed("by-field", "msg_1", now, &body(&id)));
        proxy.denies(protocol, &signed("by-field", "msg_2", now, &body(&id)), "by-field", "duplicate");
        proxy.passes(protocol, &signed("by-field", "msg_1", now, &body(&format!("{id}2"))));
        // Without an id the signed content identifies the event.
        let bare = signed("by-field", "msg_3", now, format!("{{\"event\":\"{protocol:?}\"}}").as_bytes());
        proxy.passes(protocol, &bare);
        proxy.denies(protocol, &bare, "by-field", "duplicate");
    }
}

#[test]
fn an_unsigned_id_counts_where_configured() {
    let Some(proxy) = FILTER.take() else { return };
    for protocol in BOTH {
        let id = format!("72d3162e-{protocol:?}");
        proxy.passes(protocol, &event("delivery").with(DELIVERY, &id));
        proxy.denies(protocol, &event("delivery").with(DELIVERY, &id), "delivery", "duplicate");
        for request in [event("delivery"), event("delivery").with(DELIVERY, "")] {
            proxy.denies(protocol, &request, "delivery", "event_id_missing");
        }
        let twice = event("delivery").with(DELIVERY, "a").with(DELIVERY, "b");
        proxy.denies(protocol, &twice, "delivery", "event_id_missing");
    }
}

/// An attacker with a captured request can change the spelling of its signature, and what is not signed.
#[test]
fn another_spelling_of_the_signature_is_the_same_event() {
    let Some(proxy) = FILTER.take() else { return };
    let request = event("409");
    proxy.passes(Protocol::Http1, &request);
    let signature = request.header_text("X-Hub-Signature-256").to_owned();
    let tag = signature.strip_prefix("sha256=").expect("the sender's form");
    for spelling in [format!("sha256={}", tag.to_uppercase()), format!(" {signature} "), format!("SHA256={tag}")] {
        let mark = proxy.upstream.mark();
        let spelled = request.clone().replacing("X-Hub-Signature-256", &spelling);
        let reply = spelled.send(proxy.address, Protocol::Http1);
        assert!([401, 409].contains(&reply.status), "{spelling:?}: {reply:?}");
        proxy.upstream.assert_nothing_since(mark);
    }
}

#[test]
fn a_claim_is_kept_when_the_upstream_accepts_the_event_and_given_back_otherwise() {
    for shared in [&FILTER, &CHAIN] {
        let Some(proxy) = shared.take() else { return };
        for protocol in BOTH {
            let behaviour = |source: &str, behaviour: &str| {
                let request = event(source);
                let reply = request.clone().with(BEHAVIOUR, behaviour).send(proxy.address, protocol);
                (reply.status, passes_once(&proxy, &request, protocol).is_some())
            };
            let before = proxy.metric("source.409.replay.given_back");
            let failures = ["301", "302", "400", "404", "408", "410", "425", "429", "499", "500", "503", "599"];
            for status in failures {
                assert_eq!(behaviour("409", status), (status.parse().expect("a status"), true));
            }
            assert_eq!(behaviour("409", "reset"), (503, true));
            assert_eq!(behaviour("409", "silence"), (504, true));
            let given_back = before + failures.len() as u64 + 2;
            assert_eq!(proxy.metric("source.409.replay.given_back"), given_back);
            for status in ["200", "202", "299"] {
                assert_eq!(behaviour("409", status), (status.parse().expect("a status"), false));
            }
            assert_eq!(proxy.metric("source.409.replay.given_back"), given_back);
            for status in ["400", "404", "429", "500"] {
                assert_eq!(behaviour("gone", status), (status.parse().expect("a status"), true));
            }
            for status in ["200", "301", "399", "410"] {
                assert_eq!(behaviour("gone", status), (status.parse().expect("a status"), false));
            }
        }
        assert_eq!(proxy.metric("source.409.replay.stuck"), 0);
    }
}

#[test]
fn a_claim_is_given_back_when_there_is_no_upstream() {
    let unused = unused_address();
    let replay = json!({"replay": {"window": "24h", "duplicate": 409}});
    let setup = Setup { bare_upstream: Some(unused), ..guards([guarded("lost", replay)]) };
    let Some(proxy) = Proxy::start(&setup) else { return };
    let request = event("lost");
    for _ in 0..3 {
        assert_eq!(
            request.send(proxy.address, Protocol::Http1).status,
            503,
            "Envoy answers 503 while there is no upstream"
        );
    }
    assert_eq!(proxy.metric("source.lost.replay.given_back"), 3);
    assert_eq!(proxy.metric("source.lost.replay.remembered"), 0);
}

/// Neither two failures nor a concurrent duplicate frees the claim of another request.
#[test]
fn a_claim_belongs_to_the_request_that_made_it() {
    let Some(proxy) = FILTER.take() else { return };
    let request = event("409");
    for _ in 0..2 {
        assert_eq!(request.clone().with(BEHAVIOUR, "500").send(proxy.address, Protocol::Http1).status, 500);
    }
    // In flight: the upstream has it and does not answer.
    let mark = proxy.upstream.mark();
    let mut slow = Connection::open(proxy.address);
    slow.send(&request.clone().with(BEHAVIOUR, "silence").wire());
    proxy.upstream.only_request_since(mark);
    for protocol in BOTH {
        assert_eq!(request.send(proxy.address, protocol).status, 409, "a duplicate of a request in flight");
    }
    assert_eq!(slow.reply().status, 504);
    assert!(passes_once(&proxy, &request, Protocol::Http1).is_some());
    assert!(passes_once(&proxy, &request, Protocol::Http1).is_none());
}

#[test]
fn an_aborted_request_never_passes_twice() {
    let Some(proxy) = FILTER.take() else { return };
    let request = event("409");
    let mark = proxy.upstream.mark();
    let mut connection = Connection::open(proxy.address);
    connection.send(&request.clone().with(BEHAVIOUR, "silence").wire());
    proxy.upstream.only_request_since(mark);
    drop(connection);
    // Whether the upstream processed it is unknown, so the claim may stay or be given back.
    let first = is_no_duplicate(&proxy, &request);
    let second = is_no_duplicate(&proxy, &request);
    assert!(!(first && second), "one event passed twice");
}

/// HTTP/2 keeps whitespace around a header's value; a message signature covers the value without it.
#[test]
fn whitespace_around_a_covered_id_is_ignored_and_does_not_reach_the_identity_header() {
    let mut source = guarded("rfc", json!({"replay": {"window": "1h", "duplicate": 409, "id": "header:X-Event-Id"}}));
    source["verify"] = json!({
        "scheme": {"message_signature": {
            "algorithm": "hmac-sha256", "components": ["@method", "@path", "x-event-id"], "insecure_body_unsigned": true,
        }},
        "secrets": [{"value": senders::GENERIC.secret}],
    });
    let Some(proxy) = Proxy::start(&guards([source])) else { return };
    let parameters = format!("(\"@method\" \"@path\" \"x-event-id\");created={}", senders::now());
    let base =
        format!("\"@method\": POST\n\"@path\": /hooks/rfc\n\"x-event-id\": evt-7\n\"@signature-params\": {parameters}");
    let tag = senders::hmac_sha256(senders::GENERIC.secret.as_bytes(), &[base.as_bytes()]);
    let request = |id: &str| {
        Request::post("/hooks/rfc", b"{}".as_slice())
            .with("Signature-Input", format!("sig1={parameters}"))
            .with("Signature", format!("sig1=:{}:", STANDARD.encode(&tag)))
            .with("X-Event-Id", id)
    };
    let seen = proxy.passes(Protocol::Http2, &request(" \tevt-7 "));
    assert_eq!(seen.header_text("x-hookwarden-event-id"), Some("evt-7"));
    for id in ["evt-7", " evt-7", "evt-7 ", "  evt-7", "\tevt-7", "evt-7\t", "evt-7  "] {
        proxy.denies(Protocol::Http2, &request(id), "rfc", "duplicate");
    }
}

/// The headers alone verify the request, and the upstream, which has as many bytes as `Content-Length` says, does not wait
/// for the end of the stream and answers late.
#[test]
fn a_request_without_its_end_of_stream_passes_once_if_the_upstream_may_have_all_of_it() {
    let by_id = json!({
        "scheme": {
            "signature": {"header": "X-Sig", "encoding": "hex"},
            "algorithm": "hmac-sha256",
            "signed": "{header:x-id}",
            "event_id": {"header": "X-Id"},
        },
        "secrets": [{"value": senders::GENERIC.secret}],
    });
    for hold in [Hold::Filter, Hold::Chain] {
        let mut source = guarded("head", json!({"replay": {"window": "1h", "duplicate": 409}}));
        source["verify"] = by_id.clone();
        let setup = with_short_upstream_timeout(guards([source]).body_hold(hold));
        let Some(proxy) = Proxy::start(&setup) else { return };
        let body = b"{\"pay\":\"100 EUR\"}";
        let signed = |id: &str| {
            Request::post("/hooks/head", body.as_slice()).with("X-Id", id).with(
                "X-Sig",
                senders::hex(&senders::hmac_sha256(senders::GENERIC.secret.as_bytes(), &[id.as_bytes()])),
            )
        };
        let event = signed("evt-1").with(BEHAVIOUR, "silence");
        let mark = proxy.upstream.mark();
        let passed = proxy.metric("source.head.requests.passed");
        let arrived = || match hold {
            // The buffer filter holds it until its end, so only the filter's own counter shows progress.
            Hold::Chain => proxy.metric("source.head.requests.passed") > passed,
            _ => proxy.upstream.complete_since(mark) > 0,
        };
        crate::harness::http2::send_without_end(proxy.address, &event, arrived);
        for _ in 0..4 {
            let reply = event.send(proxy.address, Protocol::Http2);
            assert_eq!(reply.status, 409, "{hold:?}: {reply:?}");
        }
        if hold == Hold::Filter {
            proxy.upstream.only_request_since(mark);
        }
        // The upstream has less than the declared length, so the retry passes.
        let half = signed("evt-2").with("content-length", (body.len() + 1).to_string());
        let mark = proxy.upstream.mark();
        let passed = proxy.metric("source.head.requests.passed");
        let arrived = || match hold {
            Hold::Chain => proxy.metric("source.head.requests.passed") > passed,
            _ => proxy.upstream.bytes_since(mark) > 0,
        };
        crate::harness::http2::send_without_end(proxy.address, &half, arrived);
        let retried =
            wait_for(TIMEOUT, || (signed("evt-2").send(proxy.address, Protocol::Http2).status == 200).then_some(()));
        assert!(retried.is_some(), "{hold:?}: the event is lost");
    }
}

fn is_no_duplicate(proxy: &Proxy, request: &Request) -> bool {
    request.send(proxy.address, Protocol::Http1).status != 409
}

#[test]
fn one_of_two_concurrent_copies_of_a_request_passes_on_two_workers() {
    const ROUNDS: usize = 2000;

    let Some(proxy) = FILTER.take() else { return };
    let mark = proxy.upstream.mark();
    let wires: Vec<Vec<u8>> = (0..ROUNDS).map(|_| event("409").wire()).collect();
    let barrier = Barrier::new(2);
    let race = |mut connection: Connection| {
        let reply = |wire: &Vec<u8>| {
            barrier.wait();
            connection.send(wire);
            connection.reply().status
        };
        wires.iter().map(reply).collect::<Vec<u16>>()
    };
    let [one, two] = proxy.connection_to_each_worker();
    let (one, two) = std::thread::scope(|scope| {
        let other = scope.spawn(|| race(two));
        (race(one), other.join().expect("every request got a response"))
    });
    let wrong = one.iter().zip(&two).position(|(one, two)| ![(200, 409), (409, 200)].contains(&(*one, *two)));
    assert_eq!(wrong, None, "{one:?} {two:?}");
    proxy.upstream.only_requests_since(mark, ROUNDS);
}

#[test]
fn claims_survive_a_configuration_push() {
    const EVENTS: usize = 300;

    let plugin = |duplicate: u16, entries: u32, window: &str| {
        let replay = json!({"window": window, "entries": entries, "duplicate": duplicate});
        json!({"sources": [guarded("github", json!({})), guarded("pushed", json!({ "replay": replay }))]})
    };
    let setup = Setup::new(plugin(409, 1000, "1h")).workers(2);
    let Some(proxy) = Proxy::start(&xds::with_dynamic_listeners(setup)) else { return };
    let events: Vec<_> = (0..EVENTS).map(|_| event("pushed").wire()).collect();
    let send = || parallel::statuses(proxy.address, 8, EVENTS, |number| events[number].clone());
    assert_eq!(send(), [200; EVENTS]);
    // More entries, fewer, another window, and back; the status shows which configuration is active.
    let mut seen = event("pushed");
    proxy.passes(Protocol::Http1, &seen);
    for (duplicate, entries, window) in
        [(204, 1000, "1h"), (409, 5000, "1h"), (204, 400, "2h"), (409, 100_000, "1h"), (204, 1000, "1h")]
    {
        let pushed = plugin(duplicate, entries, window);
        assert_eq!(xds::push(&proxy, &pushed), Pushed::Accepted);
        proxy.every_worker_answers(&seen, duplicate);
        assert_eq!(send(), [duplicate; EVENTS], "with {entries} entries and {window}");
        // New events pass under every configuration.
        seen = event("pushed");
        proxy.passes(Protocol::Http1, &seen);
    }
    // An invalid configuration is rejected, and the active one stays.
    assert_eq!(xds::push(&proxy, &json!({"sources": []})), Pushed::Rejected);
    assert_eq!(send(), [204; EVENTS]);
}

#[test]
fn the_smoke_test_is_a_new_event_each_time_and_is_told_what_was_a_duplicate() {
    const BODY: &str = r#"{"action":"opened"}"#;
    for (shared, sources) in [(&FILTER, &["default", "204", "409"][..]), (&CHAIN, &["default"][..])] {
        let Some(proxy) = shared.take() else { return };
        for name in sources {
            let (configuration, body) = (scratch("smoke.json"), scratch("smoke-body.json"));
            let source = guarded(name, json!({ "replay": { "window": "24h" } }));
            std::fs::write(&configuration, json!({ "sources": [source] }).to_string()).expect("it can be written");
            // Unique for this proxy, and the same in both requests.
            std::fs::write(&body, BODY.replace("opened", &format!("opened-{name}"))).expect("it can be written");
            let send = |more: &[&str]| {
                let to = format!("http://{}", proxy.address);
                let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hookwarden"));
                command.args(["sign", "--config", &configuration, "--send", &to]).args(more);
                let output = command.output().expect("the command starts");
                (output.status.code(), String::from_utf8(output.stderr).expect("text"))
            };
            for _ in 0..2 {
                let mark = proxy.upstream.mark();
                let (code, said) = send(&[]);
                assert_eq!((code, said.as_str()), (Some(0), ""), "{name}");
                proxy.upstream.only_request_since(mark);
            }
            let mark = proxy.upstream.mark();
            let (code, said) = send(&["--body", &body]);
            assert_eq!(code, Some(0), "{name}: {said}");
            assert!(said.contains("the same body is the same event"), "{name}: {said}");
            proxy.upstream.only_request_since(mark);
            let mark = proxy.upstream.mark();
            let (code, said) = send(&["--body", &body]);
            assert_eq!(code, Some(1), "{name}: {said}");
            assert!(said.contains("duplicate: the filter verified the request"), "{name}: {said}");
            proxy.upstream.assert_nothing_since(mark);
        }
    }
}

/// A file of this test.
fn scratch(name: &str) -> String {
    format!("{}/replay-{name}", env!("CARGO_TARGET_TMPDIR"))
}

#[test]
fn a_full_memory_denies_new_events_and_keeps_the_old_ones() {
    let Some(proxy) = SMALL.take() else { return };
    let events: Vec<_> = (0..ENTRIES).map(|_| event("full")).collect();
    events.iter().for_each(|request| drop(proxy.passes(Protocol::Http1, request)));
    for protocol in BOTH {
        proxy.denies(protocol, &event("full"), "full", "replay_full");
        events.iter().for_each(|request| drop(proxy.denies(protocol, request, "full", "duplicate")));
    }
    assert_eq!(proxy.metric("source.full.denials.replay_full"), 2);
    assert_eq!(proxy.metric("source.full.replay.remembered"), ENTRIES as u64);
    assert_eq!(proxy.metric("source.full.replay.dropped"), 0);
}

#[test]
fn a_claim_that_is_given_back_frees_its_entry() {
    let Some(proxy) = SMALL.take() else { return };
    for _ in 0..3 {
        let failing = event("one").with(BEHAVIOUR, "503");
        assert_eq!(failing.send(proxy.address, Protocol::Http1).status, 503);
        assert_eq!(proxy.metric("source.one.replay.remembered"), 0);
    }
    proxy.passes(Protocol::Http1, &event("one"));
    assert_eq!(proxy.metric("source.one.replay.remembered"), 1);
    proxy.denies(Protocol::Http1, &event("one"), "one", "replay_full");
}

#[test]
fn a_full_memory_drops_the_oldest_event_where_configured() {
    let Some(proxy) = SMALL.take() else { return };
    let events: Vec<_> = (0..2 * ENTRIES).map(|_| event("ring")).collect();
    events.iter().for_each(|request| drop(proxy.passes(Protocol::Http1, request)));
    assert_eq!(proxy.metric("source.ring.replay.dropped"), ENTRIES as u64);
    assert_eq!(proxy.metric("source.ring.replay.remembered"), ENTRIES as u64);
    let (old, new) = events.split_at(ENTRIES);
    new.iter().for_each(|request| drop(proxy.denies(Protocol::Http1, request, "ring", "duplicate")));
    // Dropped, as configured.
    proxy.passes(Protocol::Http1, &old[0]);
    assert_eq!(proxy.metric("source.ring.replay.dropped"), ENTRIES as u64 + 1);
}

#[test]
fn an_event_passes_again_after_the_window() {
    let Some(proxy) = SMALL.take() else { return };
    let request = event("short");
    proxy.passes(Protocol::Http1, &request);
    let again = wait_for(TIMEOUT, || passes_once(&proxy, &request, Protocol::Http1));
    assert!(again.is_some(), "the window should end");
    let other = wait_for(TIMEOUT, || {
        let reply: Reply = event("short").send(proxy.address, Protocol::Http1);
        (reply.status == 200).then_some(())
    });
    assert!(other.is_some(), "the entry should be free again");
    assert_eq!(proxy.metric("source.short.replay.remembered"), 1);
}
