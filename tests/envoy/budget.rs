//! `rate_limit`: how many verified requests a source accepts, counted over all worker threads.

use serde_json::{Value, json};

use crate::flood::{from, with_listeners};
use crate::harness::client::{BOTH, Protocol, Request};
use crate::harness::parallel;
use crate::harness::senders::{self, GITHUB};
use crate::harness::setups::{NEW_SECRET, OLD_SECRET, guarded, guards};
use crate::harness::{Proxy, SharedProxy, wait_for};

const BODY: &[u8] = b"{\"budget\":1}";
/// How many pass at once. Only `short` recovers within the test.
const BURST: usize = 50;

static PROXY: SharedProxy = SharedProxy::new(|| {
    let two_secrets = json!({
        "provider": "github",
        "secrets": [{"id": "new", "value": NEW_SECRET}, {"id": "old", "value": OLD_SECRET}],
    });
    let sources = [
        guarded("all", limit(json!({}))),
        guarded("concurrent", limit(json!({}))),
        guarded("by-address", limit(json!({"by": "address"}))),
        guarded("by-address-too", limit(json!({"by": "address"}))),
        json!({"name": "by-key", "match": {"path": "/hooks/by-key"}, "verify": two_secrets,
            "rate_limit": rate(json!({"by": "key"}))}),
        guarded("short", json!({"rate_limit": {"requests": 2, "per": "1s", "burst": 1}})),
        guarded("small-burst", json!({"rate_limit": {"requests": 1, "per": "24h", "burst": 3}})),
    ];
    with_listeners(guards(sources).workers(2))
});

fn limit(more: Value) -> Value {
    json!({"rate_limit": rate(more)})
}

fn rate(more: Value) -> Value {
    let mut rate = json!({"requests": BURST, "per": "24h"});
    more.as_object().into_iter().flatten().for_each(|(key, value)| rate[key] = value.clone());
    rate
}

fn valid(source: &str) -> Request {
    GITHUB.valid(BODY).at(&format!("/hooks/{source}"))
}

fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|found| **found == status).count()
}

#[test]
fn exactly_the_budget_passes_however_many_requests_are_concurrent() {
    let Some(proxy) = PROXY.take() else { return };
    let mark = proxy.upstream.mark();
    let wire = valid("concurrent").wire();
    let statuses = parallel::statuses(proxy.address, 16, 1000, |_| wire.clone());
    assert_eq!((count(&statuses, 200), count(&statuses, 429)), (BURST, 1000 - BURST));
    proxy.upstream.only_requests_since(mark, BURST);
    proxy.assert_all_workers_served("webhooks");
}

#[test]
fn a_spent_budget_sends_retry_after_and_affects_no_other_source() {
    let Some(proxy) = PROXY.take() else { return };
    for _ in 0..BURST {
        proxy.passes(Protocol::Http1, &valid("all"));
    }
    for protocol in BOTH {
        let reply = proxy.denies(protocol, &valid("all"), "all", "rate_limited");
        let wait: u64 = reply.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
        assert!((1..=24 * 3600 / BURST as u64).contains(&wait), "{wait}");
        // Unverified requests are denied as before.
        let forged = GITHUB.forged(BODY).at("/hooks/all");
        proxy.denies(protocol, &forged, "all", "signature_mismatch");
        proxy.passes(protocol, &valid("github"));
    }
}

#[test]
fn a_configured_burst_is_what_passes_at_once() {
    let Some(proxy) = PROXY.take() else { return };
    for _ in 0..3 {
        proxy.passes(Protocol::Http1, &valid("small-burst"));
    }
    let reply = proxy.denies(Protocol::Http1, &valid("small-burst"), "small-burst", "rate_limited");
    let wait: u64 = reply.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
    assert!((23 * 3600..=24 * 3600).contains(&wait), "one per day: {wait}");
}

#[test]
fn a_source_may_have_a_budget_for_each_address() {
    let Some(proxy) = PROXY.take() else { return };
    let to = proxy.listener("behind");
    // The last two share a /64 and count as one client.
    let clients = ["198.51.100.1", "198.51.100.2", "2001:db8:5:1::1", "2001:db8:5:2::1", "2001:db8:5:2::2"];
    let each = 2 * BURST;
    let wires: Vec<_> =
        clients.iter().map(|client| valid("by-address").with("X-Forwarded-For", client).wire()).collect();
    let statuses = parallel::statuses(to, 8, clients.len() * each, |number| wires[number % wires.len()].clone());
    let of = |client: usize| statuses.iter().skip(client).step_by(clients.len()).copied().collect::<Vec<_>>();
    for (position, client) in clients.iter().enumerate().take(3) {
        assert_eq!(count(&of(position), 200), BURST, "{client}");
    }
    assert_eq!(count(&of(3), 200) + count(&of(4), 200), BURST, "one /64 is one client");
    assert_eq!(count(&statuses, 200), 4 * BURST);
}

#[test]
fn a_client_without_an_address_is_denied_where_budgets_are_by_address() {
    let Some(proxy) = PROXY.take() else { return };
    let socket = proxy.folder().join(crate::flood::SOCKET);
    let connection = crate::harness::client::Connection::open_socket(&socket);
    proxy.denies_on(connection, &valid("by-address-too"), "by-address-too", "address_missing");
    proxy.passes_on(from(&proxy, "198.51.100.3:4000"), &valid("by-address-too"));
}

#[test]
fn a_source_may_have_a_budget_for_each_secret() {
    let Some(proxy) = PROXY.take() else { return };
    let wires = [NEW_SECRET, OLD_SECRET].map(|secret| senders::github("/hooks/by-key", secret, BODY).wire());
    let statuses = parallel::statuses(proxy.address, 8, 4 * BURST, |number| wires[number % 2].clone());
    for key in 0..2 {
        let passed = statuses.iter().skip(key).step_by(2).filter(|status| **status == 200).count();
        assert_eq!(passed, BURST);
    }
}

#[test]
fn a_budget_recovers() {
    let Some(proxy) = PROXY.take() else { return };
    let request = valid("short");
    let limited = wait_for(crate::harness::client::TIMEOUT, || {
        let reply = request.send(proxy.address, Protocol::Http1);
        (reply.status == 429).then_some(reply)
    });
    assert_eq!(limited.expect("the limit is reached").header("retry-after"), Some("1"));
    let passed = wait_for(crate::harness::client::TIMEOUT, || {
        (request.send(proxy.address, Protocol::Http1).status == 200).then_some(())
    });
    assert!(passed.is_some());
}

#[test]
fn a_budget_survives_a_configuration_push() {
    let plugin = |status: u16| {
        json!({"sources": [
            guarded("github", json!({})),
            guarded("pushed", json!({"rate_limit": {"requests": 3, "per": "24h"}, "deny": {"status": status}})),
        ]})
    };
    let setup = crate::harness::launch::Setup::new(plugin(401)).workers(2);
    let Some(proxy) = Proxy::start(&crate::harness::xds::with_dynamic_listeners(setup)) else { return };
    for _ in 0..3 {
        proxy.passes(Protocol::Http1, &valid("pushed"));
    }
    proxy.denies(Protocol::Http1, &valid("pushed"), "pushed", "rate_limited");
    assert_eq!(crate::harness::xds::push(&proxy, &plugin(418)), crate::harness::xds::Pushed::Accepted);
    let forged = GITHUB.forged(BODY).at("/hooks/pushed");
    let new = wait_for(crate::harness::client::TIMEOUT, || {
        (forged.send(proxy.address, Protocol::Http1).status == 418).then_some(())
    });
    assert!(new.is_some(), "the new configuration is in force");
    proxy.denies(Protocol::Http1, &valid("pushed"), "pushed", "rate_limited");
}
