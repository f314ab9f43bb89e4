//! Guards of a source in mode `observe`: they all run, deny nothing, and count what they would have denied.

use serde_json::{Value, json};

use crate::harness::bootstrap::Hold;
use crate::harness::client::{BOTH, Request};
use crate::harness::senders::GITHUB;
use crate::harness::setups::{guarded, guards};
use crate::harness::{Proxy, SharedProxy, honest};
use crate::hold::pattern;

static FILTER: SharedProxy = SharedProxy::new(|| setup(Hold::Filter));
static CHAIN: SharedProxy = SharedProxy::new(|| setup(Hold::Chain));

/// A source and requests to it: how many are verified, how many would be denied and why.
struct Case {
    source: &'static str,
    guards: Value,
    requests: fn() -> Vec<Request>,
    passed: u64,
    denials: &'static [(&'static str, u64)],
}

fn cases() -> Vec<Case> {
    let case = |source, guards, requests, passed, denials| Case { source, guards, requests, passed, denials };
    vec![
        case(
            "method",
            json!({"methods": ["PUT"]}),
            || vec![honest(), Request { method: "PUT", ..honest() }],
            1,
            &[("method_not_allowed", 1)],
        ),
        case("encoding", json!({}), || vec![honest().with("content-encoding", "br")], 0, &[("content_encoding", 1)]),
        case(
            "size",
            json!({"max_body_bytes": 1000}),
            || vec![GITHUB.valid(&pattern(1001)), GITHUB.valid(&pattern(1001)).in_chunks(100), honest()],
            1,
            &[("body_too_large", 2)],
        ),
        case("tls", json!({"transport": {"https": true}}), || vec![honest()], 0, &[("transport_insecure", 1)]),
        case("address", json!({"allow_from": ["192.0.2.0/24"]}), || vec![honest()], 0, &[("address_denied", 1)]),
        case(
            "flood",
            json!({"flood_limit": {"failures": 3, "per": "24h"}}),
            || vec![GITHUB.forged(b"{}"); 5].into_iter().chain([honest()]).collect(),
            0,
            &[("signature_mismatch", 3), ("flood_limited", 3)],
        ),
        case(
            "budget",
            json!({"rate_limit": {"requests": 2, "per": "24h"}}),
            || (0..5).map(|_| honest()).collect(),
            2,
            &[("rate_limited", 3)],
        ),
        case(
            "replay",
            json!({"replay": {"window": "24h", "entries": 2, "duplicate": 409}}),
            || {
                let (first, second) = (honest(), honest());
                vec![first.clone(), second.clone(), first, second, honest()]
            },
            2,
            &[("duplicate", 2), ("replay_full", 1)],
        ),
    ]
}

/// A source whose counters no test reads: tests share the proxy, and run in any order.
const UNCOUNTED: &str = "uncounted";

/// Two sources for each case, one for HTTP/1.1 and one for HTTP/2, and the one that is not counted.
fn setup(hold: Hold) -> crate::harness::launch::Setup {
    let both = BOTH
        .map(|protocol| cases().into_iter().map(move |case| (format!("{}-{protocol:?}", case.source), case.guards)));
    let uncounted = (UNCOUNTED.to_owned(), json!({"transport": {"https": true}}));
    let sources = both.into_iter().flatten().chain([uncounted]).map(|(name, guards)| {
        let mut source = guarded(&name, guards);
        source["mode"] = json!("observe");
        source
    });
    guards(sources).body_hold(hold)
}

#[test]
fn an_observed_source_denies_nothing_and_counts_everything() {
    for shared in [&FILTER, &CHAIN] {
        let Some(proxy) = shared.take() else { return };
        for protocol in BOTH {
            for case in cases() {
                let source = format!("{}-{protocol:?}", case.source);
                let requests = (case.requests)();
                for request in &requests {
                    proxy.passes(protocol, &request.clone().at(&format!("/hooks/{source}")));
                }
                for (code, count) in case.denials {
                    assert_eq!(proxy.metric(&format!("source.{source}.denials.{code}")), *count, "{source} {code}");
                }
                let observed: u64 = case.denials.iter().map(|(_, count)| count).sum();
                assert_eq!(proxy.metric(&format!("source.{source}.requests.passed")), case.passed, "{source}");
                assert_eq!(proxy.metric(&format!("source.{source}.requests.observed")), observed, "{source}");
                assert_eq!(proxy.metric(&format!("source.{source}.requests.denied")), 0, "{source}");
                assert_eq!(case.passed + observed, requests.len() as u64, "{source}");
            }
        }
        assert_observed_denials_are_logged(&proxy);
    }
}

#[track_caller]
fn assert_observed_denials_are_logged(proxy: &Proxy) {
    for code in ["transport_insecure", "address_denied", "rate_limited", "duplicate"] {
        proxy.wait_for_log(&["wasm log hookwarden", "\"event\":\"observed\"", &format!("\"code\":\"{code}\"")]);
    }
}

#[test]
fn requests_that_would_have_been_denied_carry_no_identity() {
    let Some(proxy) = FILTER.take() else { return };
    let request = honest()
        .at(&format!("/hooks/{UNCOUNTED}"))
        .with("x-hookwarden-source", "forged")
        .with("x-hookwarden-key-id", "x");
    for protocol in BOTH {
        let seen = proxy.passes(protocol, &request);
        assert_eq!(seen.identity_headers(), [""; 0]);
    }
}
