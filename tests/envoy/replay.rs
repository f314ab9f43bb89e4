//! Each event once: in one Envoy, with all its worker threads, whatever happens to the upstream and the configuration.

use std::sync::Barrier;

use serde_json::{Value, json};

use crate::bootstrap::{Hold, at};
use crate::client::{BOTH, Connection, PATIENCE, Protocol, Reply, Request};
use crate::crowd;
use crate::harness::{Proxy, Shared, wait_for};
use crate::launch::Setup;
use crate::listeners::manager;
use crate::senders::{self, STANDARD_WEBHOOKS};
use crate::setups::{guarded, guards};
use crate::upstream::{CONDUCT, Seen};
use crate::xds::{self, Pushed};

const MARK: &str = "x-hookwarden-duplicate";
const DELIVERY: &str = "X-GitHub-Delivery";

static FILTER: Shared = Shared::new(|| setup(Hold::Filter));
static CHAIN: Shared = Shared::new(|| setup(Hold::Chain));
/// Sources that remember little.
static SMALL: Shared = Shared::new(|| {
    let source = |name: &str, replay: Value| guarded(name, json!({ "replay": replay }));
    guards([
        source("full", json!({"window": "24h", "entries": ENTRIES, "duplicate": 409})),
        source("ring", json!({"window": "24h", "entries": ENTRIES, "duplicate": 409, "when_full": "drop_oldest"})),
        source("one", json!({"window": "24h", "entries": 1, "duplicate": 409})),
        source("short", json!({"window": "1s", "entries": 1, "duplicate": 409})),
    ])
});
const ENTRIES: usize = 20;

/// Two workers, and an upstream that is not waited for as long as the bootstrap says.
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
        guarded("early", replay(json!({"duplicate": 409, "give_back_from": 400}))),
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
    let mut setup = guards(sources);
    let holder = if hold == Hold::Chain { "chain" } else { "filter" };
    setup.plugin.as_mut().expect("a plugin")["body_hold"] = json!(holder);
    patient(setup.hold(hold).workers(2))
}

/// An upstream that does not answer is given up soon.
fn patient(setup: Setup) -> Setup {
    setup.edit(|bootstrap, _| {
        let listener = at(bootstrap, "/static_resources/listeners/0");
        *at(manager(listener), "/route_config/virtual_hosts/0/routes/0/route/timeout") = json!("0.5s");
    })
}

/// An event that no test has seen.
fn event(source: &str) -> Request {
    crate::harness::honest().at(&format!("/hooks/{source}"))
}

/// The upstream's answer, or the 409 of a duplicate.
#[track_caller]
fn is_new(proxy: &Proxy, request: &Request, protocol: Protocol) -> Option<Seen> {
    let mark = proxy.upstream.mark();
    let reply = request.send(proxy.address, protocol);
    match reply.status {
        409 => {
            proxy.upstream.assert_nothing_since(mark);
            None
        }
        _ => Some(proxy.passed(mark, request, &reply)),
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
                // However else it is dressed.
                let dressed = request.clone().with("X-GitHub-Event", "again").at("/hooks/409?again=1").in_chunks(1);
                proxy.denies(protocol, &dressed, "409", "duplicate");
                // Another source's events are others.
                proxy.passes(protocol, &request.at("/hooks/early"));
            }
        }
    }
}

#[test]
fn a_duplicate_is_answered_as_the_source_says() {
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
                assert_eq!(reply.text(), "", "to the sender it is a delivery like any other");
                for (name, _) in &reply.headers {
                    assert!(["content-length", "date", "server"].contains(&name.as_str()), "{name}");
                }
                proxy.upstream.assert_nothing_since(mark);
                proxy.is_honest_after(mark);
                assert_eq!(proxy.metric(&format!("source.{source}.denials.duplicate")), before + 1);
            }
        }
    }
}

#[test]
fn a_duplicate_that_may_pass_is_marked_and_nobody_else_can_mark() {
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
fn a_signed_id_is_the_event_whatever_else_changes() {
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
        // Sent again with a new time and a new signature, as senders do, and with another body.
        proxy.denies(protocol, &signed("by-id", &id, now, b"{}"), "by-id", "duplicate");
        proxy.denies(protocol, &signed("by-id", &id, now, b"{\"a\":1}"), "by-id", "duplicate");
        proxy.passes(protocol, &signed("by-id", &format!("{id}2"), now, b"{}"));

        let body = |id: &str| format!("{{\"event\":{{\"id\":\"{id}\"}},\"sent\":\"{protocol:?}\"}}").into_bytes();
        proxy.passes(protocol, &signed("by-field", "msg_1", now, &body(&id)));
        proxy.denies(protocol, &signed("by-field", "msg_2", now, &body(&id)), "by-field", "duplicate");
        proxy.passes(protocol, &signed("by-field", "msg_1", now, &body(&format!("{id}2"))));
        // Without it the signed content is the event.
        let bare = signed("by-field", "msg_3", now, format!("{{\"event\":\"{protocol:?}\"}}").as_bytes());
        proxy.passes(protocol, &bare);
        proxy.denies(protocol, &bare, "by-field", "duplicate");
    }
}

#[test]
fn an_unsigned_id_counts_where_the_source_says_so() {
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

/// Whoever has captured a request can change its signature's spelling, and what is not signed.
#[test]
fn another_spelling_of_the_signature_is_no_other_event() {
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
fn a_claim_is_given_back_when_the_upstream_fails_and_kept_otherwise() {
    for shared in [&FILTER, &CHAIN] {
        let Some(proxy) = shared.take() else { return };
        for protocol in BOTH {
            let conduct = |source: &str, conduct: &str| {
                let request = event(source);
                let reply = request.clone().with(CONDUCT, conduct).send(proxy.address, protocol);
                (reply.status, is_new(&proxy, &request, protocol).is_some())
            };
            let before = proxy.metric("source.409.replay.given_back");
            assert_eq!(conduct("409", "500"), (500, true));
            assert_eq!(conduct("409", "503"), (503, true));
            assert_eq!(conduct("409", "599"), (599, true));
            assert_eq!(conduct("409", "reset"), (503, true));
            assert_eq!(conduct("409", "silence"), (504, true));
            assert_eq!(proxy.metric("source.409.replay.given_back"), before + 5);
            for status in ["200", "202", "302", "400", "404", "429", "499"] {
                assert_eq!(conduct("409", status), (status.parse().expect("a status"), false));
            }
            assert_eq!(proxy.metric("source.409.replay.given_back"), before + 5);
            for status in ["400", "404", "429", "500"] {
                assert_eq!(conduct("early", status), (status.parse().expect("a status"), true));
            }
            assert_eq!(conduct("early", "399"), (399, false));
        }
        assert_eq!(proxy.metric("source.409.replay.stuck"), 0);
    }
}

#[test]
fn a_claim_is_given_back_when_there_is_no_upstream() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let replay = json!({"replay": {"window": "24h", "duplicate": 409}});
    let setup = Setup { bare_upstream: Some(nobody), ..guards([guarded("lost", replay)]) };
    let Some(proxy) = Proxy::start(&setup) else { return };
    let request = event("lost");
    for _ in 0..3 {
        assert_eq!(request.send(proxy.address, Protocol::Http1).status, 503, "Envoy's, as long as it is so");
    }
    assert_eq!(proxy.metric("source.lost.replay.given_back"), 3);
    assert_eq!(proxy.metric("source.lost.replay.remembered"), 0);
}

/// Failing twice, or being sent twice at once, does not open a second way.
#[test]
fn a_claim_belongs_to_the_request_that_made_it() {
    let Some(proxy) = FILTER.take() else { return };
    let request = event("409");
    for _ in 0..2 {
        assert_eq!(request.clone().with(CONDUCT, "500").send(proxy.address, Protocol::Http1).status, 500);
    }
    // Under way: the upstream has it and does not answer.
    let mark = proxy.upstream.mark();
    let mut slow = Connection::open(proxy.address);
    slow.send(&request.clone().with(CONDUCT, "silence").wire());
    proxy.upstream.only_request_since(mark);
    for protocol in BOTH {
        assert_eq!(request.send(proxy.address, protocol).status, 409, "a duplicate of what is under way");
    }
    assert_eq!(slow.reply().status, 504);
    assert!(is_new(&proxy, &request, Protocol::Http1).is_some());
    assert!(is_new(&proxy, &request, Protocol::Http1).is_none());
}

#[test]
fn a_sender_that_goes_away_gets_its_claim_back_only_if_the_upstream_failed() {
    let Some(proxy) = FILTER.take() else { return };
    let request = event("409");
    let mark = proxy.upstream.mark();
    let mut connection = Connection::open(proxy.address);
    connection.send(&request.clone().with(CONDUCT, "silence").wire());
    proxy.upstream.only_request_since(mark);
    drop(connection);
    // The upstream may have done its work: nobody knows, and the claim stays or is given back, but never doubles.
    let first = is_new_whatever(&proxy, &request);
    let second = is_new_whatever(&proxy, &request);
    assert!(!(first && second), "one event passed twice");
}

fn is_new_whatever(proxy: &Proxy, request: &Request) -> bool {
    request.send(proxy.address, Protocol::Http1).status != 409
}

#[test]
fn of_the_same_request_at_the_same_time_on_two_workers_one_passes() {
    const ROUNDS: usize = 2000;

    let Some(proxy) = FILTER.take() else { return };
    let mark = proxy.upstream.mark();
    let wires: Vec<Vec<u8>> = (0..ROUNDS).map(|_| event("409").wire()).collect();
    let together = Barrier::new(2);
    let race = |mut connection: Connection| {
        let reply = |wire: &Vec<u8>| {
            together.wait();
            connection.send(wire);
            connection.reply().status
        };
        wires.iter().map(reply).collect::<Vec<u16>>()
    };
    let [one, two] = proxy.connection_to_each_worker();
    let (one, two) = std::thread::scope(|scope| {
        let other = scope.spawn(|| race(two));
        (race(one), other.join().expect("every request was answered"))
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
    let Some(proxy) = Proxy::start(&xds::dynamic(setup)) else { return };
    let events: Vec<_> = (0..EVENTS).map(|_| event("pushed").wire()).collect();
    let send = || crowd::statuses(proxy.address, 8, EVENTS, |number| events[number].clone());
    assert_eq!(send(), [200; EVENTS]);
    // More room, less room, another window, and back; the answer tells which configuration gave it.
    let mut seen = event("pushed");
    proxy.passes(Protocol::Http1, &seen);
    for (duplicate, entries, window) in
        [(204, 1000, "1h"), (409, 5000, "1h"), (204, 400, "2h"), (409, 100_000, "1h"), (204, 1000, "1h")]
    {
        let pushed = plugin(duplicate, entries, window);
        assert_eq!(xds::push(&proxy, &pushed), Pushed::Taken);
        proxy.every_worker_answers(&seen, duplicate);
        assert_eq!(send(), [duplicate; EVENTS], "with {entries} entries and {window}");
        // New ones are taken under every configuration.
        seen = event("pushed");
        proxy.passes(Protocol::Http1, &seen);
    }
    // A mistake is refused as a whole; what was in force stays.
    assert_eq!(xds::push(&proxy, &json!({"sources": []})), Pushed::Refused);
    assert_eq!(send(), [204; EVENTS]);
}

#[test]
fn a_full_memory_refuses_new_events_and_knows_the_old_ones() {
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
fn what_is_given_back_makes_room() {
    let Some(proxy) = SMALL.take() else { return };
    for _ in 0..3 {
        let failing = event("one").with(CONDUCT, "503");
        assert_eq!(failing.send(proxy.address, Protocol::Http1).status, 503);
        assert_eq!(proxy.metric("source.one.replay.remembered"), 0);
    }
    proxy.passes(Protocol::Http1, &event("one"));
    assert_eq!(proxy.metric("source.one.replay.remembered"), 1);
    proxy.denies(Protocol::Http1, &event("one"), "one", "replay_full");
}

#[test]
fn a_full_memory_may_forget_the_oldest() {
    let Some(proxy) = SMALL.take() else { return };
    let events: Vec<_> = (0..2 * ENTRIES).map(|_| event("ring")).collect();
    events.iter().for_each(|request| drop(proxy.passes(Protocol::Http1, request)));
    assert_eq!(proxy.metric("source.ring.replay.dropped"), ENTRIES as u64);
    assert_eq!(proxy.metric("source.ring.replay.remembered"), ENTRIES as u64);
    let (old, new) = events.split_at(ENTRIES);
    new.iter().for_each(|request| drop(proxy.denies(Protocol::Http1, request, "ring", "duplicate")));
    // Forgotten, which is what this setting means.
    proxy.passes(Protocol::Http1, &old[0]);
    assert_eq!(proxy.metric("source.ring.replay.dropped"), ENTRIES as u64 + 1);
}

#[test]
fn an_event_may_come_again_after_the_window() {
    let Some(proxy) = SMALL.take() else { return };
    let request = event("short");
    proxy.passes(Protocol::Http1, &request);
    let again = wait_for(PATIENCE, || is_new(&proxy, &request, Protocol::Http1));
    assert!(again.is_some(), "the window ends");
    let other = wait_for(PATIENCE, || {
        let reply: Reply = event("short").send(proxy.address, Protocol::Http1);
        (reply.status == 200).then_some(())
    });
    assert!(other.is_some(), "and leaves room for others");
    assert_eq!(proxy.metric("source.short.replay.remembered"), 1);
}
