//! The order of the decision: unverified requests use up neither budget nor replay memory.

use std::time::Duration;

use serde_json::json;

use crate::flood::{from, with_listeners};
use crate::harness::client::{Connection, Protocol, Request};
use crate::harness::parallel;
use crate::harness::senders::GITHUB;
use crate::harness::setups::{guarded, guards};
use crate::harness::{Proxy, SharedProxy, honest, wait_for};

static PROXY: SharedProxy = SharedProxy::new(|| {
    let everything = json!({
        "mode": "disabled", "methods": ["PUT"], "query": "deny", "max_body_bytes": 1, "transport": {"https": true},
        "allow_from": ["192.0.2.0/24"], "flood_limit": {"failures": 1, "per": "24h"},
        "rate_limit": {"requests": 1, "per": "24h"}, "replay": {"window": "24h"},
    });
    let short = json!({
        "rate_limit": {"requests": 1, "per": "1s"},
        "replay": {"window": "24h", "duplicate": 409},
    });
    guards([guarded("off", everything), guarded("short", short)])
});

#[test]
fn a_flood_of_forgeries_uses_up_neither_budget_nor_memory_nor_hashing() {
    const FAILURES: usize = 20;
    const BUDGET: usize = 30;

    let source = guarded(
        "target",
        json!({
            "flood_limit": {"failures": FAILURES, "per": "24h"},
            "rate_limit": {"requests": BUDGET, "per": "24h"},
            "replay": {"window": "24h", "entries": BUDGET, "duplicate": 409},
        }),
    );
    // One worker, so that the hashed bytes can be counted exactly.
    let Some(proxy) = Proxy::start(&with_listeners(guards([source]))) else { return };
    let mark = proxy.upstream.mark();
    let at = |request: Request| request.at("/hooks/target");
    let flood = at(GITHUB.forged(&[b'x'; 20_000]));
    let mut hashed = 0;

    // One attacker: only the first few requests are hashed.
    for number in 0..500 {
        let expected = if number < FAILURES { 401 } else { 429 };
        assert_eq!(from(&proxy, "198.18.0.1:4000").round_trip(&flood).status, expected, "{number}");
    }
    hashed += FAILURES * flood.body.len();
    // Many attackers, which no limit by address can stop.
    let to = proxy.listener("behind");
    let wire = |number: usize| {
        let address = format!("198.18.{}.{}", 1 + number / 250, number % 250);
        at(GITHUB.forged(b"many")).with("X-Forwarded-For", address).wire()
    };
    assert_eq!(parallel::statuses(to, 4, 2000, wire), [401; 2000]);
    hashed += 2000 * 4;
    // A captured genuine request does not pass from the attacker's address either.
    let genuine = at(honest());
    assert_eq!(from(&proxy, "198.18.0.1:4000").round_trip(&genuine).status, 429);
    proxy.upstream.assert_nothing_since(mark);
    assert_eq!(proxy.metric("source.target.replay.remembered"), 0);

    // The budget and the replay memory are untouched.
    for number in 0..BUDGET {
        let request = if number == 0 { genuine.clone() } else { at(honest()) };
        hashed += request.body.len();
        proxy.passes_on(from(&proxy, "203.0.113.7:4000"), &request);
    }
    assert_eq!(proxy.metric("source.target.replay.remembered"), BUDGET as u64);
    let last = at(honest());
    hashed += last.body.len();
    let reply = from(&proxy, "203.0.113.7:4000").round_trip(&last);
    assert_eq!(reply.status, 429, "the whole budget was available: {reply:?}");
    let denials = |code: &str| proxy.metric(&format!("source.target.denials.{code}"));
    assert_eq!(denials("flood_limited"), 500 - FAILURES as u64 + 1);
    assert_eq!(denials("signature_mismatch"), FAILURES as u64 + 2000);
    assert_eq!(denials("rate_limited"), 1);
    assert_eq!(denials("replay_full"), 0, "a rate-limited request is not remembered");

    let counted = wait_for(Duration::from_secs(10), || (proxy.metric("bytes_hashed") == hashed as u64).then_some(()));
    assert!(counted.is_some(), "{hashed} bytes should be hashed, not {}", proxy.metric("bytes_hashed"));
}

/// A rate-limited request is not claimed, so it passes once the budget recovers.
#[test]
fn the_budget_comes_before_the_claim() {
    let Some(proxy) = PROXY.take() else { return };
    // Send until the budget is empty.
    let refused = wait_for(crate::harness::client::TIMEOUT, || {
        let request = honest().at("/hooks/short");
        (request.send(proxy.address, Protocol::Http1).status == 429).then_some(request)
    });
    let refused = refused.expect("the budget is limited");
    let passed = wait_for(crate::harness::client::TIMEOUT, || {
        let status = refused.send(proxy.address, Protocol::Http1).status;
        assert_ne!(status, 409, "it should not be claimed");
        (status == 200).then_some(())
    });
    assert!(passed.is_some());
    // A duplicate counts against the budget, since it is verified.
    let answers = wait_for(crate::harness::client::TIMEOUT, || {
        (refused.send(proxy.address, Protocol::Http1).status == 409).then_some(())
    });
    assert!(answers.is_some());
}

#[test]
fn a_disabled_source_checks_nothing_else() {
    let Some(proxy) = PROXY.take() else { return };
    for _ in 0..3 {
        for request in [GITHUB.valid(b"{}"), GITHUB.forged(b"{}").with("content-encoding", "gzip")] {
            proxy.denies(Protocol::Http1, &request.at("/hooks/off?a=1"), "off", "source_disabled");
        }
    }
    let mut connection = Connection::open(proxy.address);
    connection.send(b"POST /hooks/off HTTP/1.1\r\nHost: hooks.example\r\nContent-Length: 1000000\r\n\r\n");
    assert_eq!(connection.reply().status, 503, "the body is not read");
}
