//! Held requests: their memory is limited, a flooded source leaves room for the others, and it is freed when a request
//! ends.

use serde_json::{Value, json};

use crate::harness::bootstrap::Hold;
use crate::harness::client::{Connection, Protocol, Request};
use crate::harness::launch::Setup;
use crate::harness::senders::GITHUB;
use crate::harness::setups::{guarded, guards};
use crate::harness::{Proxy, SharedProxy, assert_denial, honest, wait_for};
use crate::hold::pattern;

static FILTER: SharedProxy = SharedProxy::new(|| setup(Hold::Filter));
static CHAIN: SharedProxy = SharedProxy::new(|| setup(Hold::Chain));

const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(15);

/// One worker with a limit of 1 MiB.
fn setup(hold: Hold) -> Setup {
    let mailgun = |name: &str, mode: &str| {
        json!({"name": name, "match": {"path": format!("/hooks/{name}")}, "mode": mode,
            "verify": {"provider": "mailgun-form", "secrets": [{"value": GITHUB.secret}]}})
    };
    let sources: [Value; 3] =
        [guarded("flooded", json!({})), mailgun("form", "enforce"), mailgun("observed", "observe")];
    let mut setup = guards(sources).body_hold(hold);
    setup.plugin.as_mut().expect("a plugin")["max_held_bytes"] = json!(1 << 20);
    setup
}

/// Sends the head of a request, and no body.
fn open(proxy: &Proxy, request: &Request) -> Connection {
    let mut connection = Connection::open(proxy.address);
    connection.send(&request.head());
    connection
}

#[test]
fn unfinished_requests_exhaust_only_the_share_of_their_source() {
    for shared in [&FILTER, &CHAIN] {
        let Some(proxy) = shared.take() else { return };
        let exhausted = || proxy.metric("source.flooded.denials.memory_exhausted");
        let before = exhausted();
        let mark = proxy.upstream.mark();
        let forged = GITHUB.forged(b"never sent").at("/hooks/flooded");
        let mut open: Vec<_> = (0..600).map(|_| open(&proxy, &forged)).collect();
        assert!(wait_for(TIMEOUT, || (exhausted() > before).then_some(())).is_some(), "the limit is never reached");
        // Those beyond the limit are denied; the others wait.
        assert_denial(&open.pop().expect("the last one").reply(), "memory_exhausted", &Vec::new);
        proxy.upstream.assert_nothing_since(mark);

        let to_flooded = honest().at("/hooks/flooded");
        let reply = to_flooded.send(proxy.address, Protocol::Http1);
        assert_denial(&reply, "memory_exhausted", &Vec::new);
        for protocol in crate::harness::client::BOTH {
            proxy.passes(protocol, &honest());
        }

        drop(open);
        let passes =
            || (honest().at("/hooks/flooded").send(proxy.address, Protocol::Http1).status == 200).then_some(());
        assert!(wait_for(TIMEOUT, passes).is_some(), "memory is freed when connections close");
        proxy.passes(Protocol::Http1, &honest());
    }
}

#[test]
fn only_headers_that_the_scheme_reads_are_held() {
    for shared in [&FILTER, &CHAIN] {
        let Some(proxy) = shared.take() else { return };
        let before = proxy.metric("source.form.denials.memory_exhausted");
        let mark = proxy.upstream.mark();
        // 100 times 56 KB would be five times the limit.
        let mut request = Request::post("/hooks/form", "a=b").with("content-type", "application/x-www-form-urlencoded");
        for number in 0..14 {
            request = request.with(&format!("x-ballast-{number}"), vec![b'v'; 4000]);
        }
        let open: Vec<_> = (0..100).map(|_| open(&proxy, &request)).collect();
        proxy.assert_serves_after(mark);
        for mut connection in open {
            connection.send(&request.body);
            assert_denial(&connection.reply(), "signature_missing", &Vec::new);
        }
        assert_eq!(proxy.metric("source.form.denials.memory_exhausted"), before);
    }
}

#[test]
fn an_observed_source_forwards_what_it_cannot_hold() {
    let Some(proxy) = FILTER.take() else { return };
    let not_held = || proxy.metric("source.observed.denials.memory_exhausted");
    let body = pattern(200_000);
    let request = Request::post("/hooks/observed", body.clone()).with("content-type", "text/plain");
    let (first, rest) = body.split_at(150_000);
    let mark = proxy.upstream.mark();
    let mut open: Vec<_> = (0..20)
        .map(|_| {
            let mut connection = open(&proxy, &request);
            connection.send(first);
            connection
        })
        .collect();
    assert!(wait_for(TIMEOUT, || (not_held() >= 10).then_some(())).is_some(), "only {} exceeded the limit", not_held());
    assert_eq!(honest().send(proxy.address, Protocol::Http1).status, 200);
    for connection in &mut open {
        connection.send(rest);
        assert_eq!(connection.reply().status, 200);
    }
    proxy.upstream.only_requests_since(mark, 21);
    // In the access log, because the log budget for denials may be spent by other tests.
    proxy.wait_for_log(&["source=observed outcome=observed code=memory_exhausted"]);
    let before = not_held();
    proxy.passes(Protocol::Http1, &request);
    assert_eq!(not_held(), before, "memory was freed");
}
