//! `flood_limit`: an address with too many failed proofs is denied for a time, and no other is.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::json;

use crate::harness::client::{Connection, Protocol, Reply, Request};
use crate::harness::launch::Setup;
use crate::harness::listeners;
use crate::harness::parallel;
use crate::harness::senders::GITHUB;
use crate::harness::setups::{guarded, guards};
use crate::harness::{Proxy, SharedProxy, wait_for};

const BODY: &[u8] = b"{\"flood\":1}";
/// How many proofs of one address may fail.
const FAILURES: usize = 10;
/// The Unix socket, in Envoy's folder, whose clients have no address.
pub const SOCKET: &str = "socket";

/// Two workers, which share the counters. Only `short` recovers within the test.
static PROXY: SharedProxy = SharedProxy::new(|| {
    let limit = json!({"flood_limit": {"failures": FAILURES, "per": "24h"}});
    let short = json!({"flood_limit": {"failures": 1, "per": "1s", "burst": 2}});
    let setup = guards([guarded("one", limit.clone()), guarded("two", limit), guarded("short", short)]);
    with_listeners(setup.workers(2))
});

/// Adds listeners for clients of any address: as peers, or in a load balancer's X-Forwarded-For.
pub fn with_listeners(setup: Setup) -> Setup {
    setup.edit(|bootstrap, folder| {
        listeners::add(bootstrap, "edge", listeners::proxied);
        listeners::add(bootstrap, "behind", |listener| listeners::trust(listener, true, 1));
        listeners::add(bootstrap, SOCKET, |listener| listeners::on_socket(listener, &folder.join(SOCKET)));
    })
}

pub fn from(proxy: &Proxy, client: &str) -> Connection {
    let client: SocketAddr = client.parse().expect("an address and a port");
    Connection::open_as(client, proxy.listener("edge"))
}

/// A client that no other test uses.
fn new_client() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("198.18.{}.{}:4000", number / 256, number % 256)
}

fn valid(source: &str) -> Request {
    GITHUB.valid(BODY).at(&format!("/hooks/{source}"))
}

fn forged(source: &str) -> Request {
    GITHUB.forged(BODY).at(&format!("/hooks/{source}"))
}

/// A forged request without a body, so that a denial keeps the connection open.
fn forged_without_body(source: &str) -> Request {
    Request { method: "GET", ..GITHUB.forged(b"").at(&format!("/hooks/{source}")) }
}

/// Uses up the failures that an address may have.
#[track_caller]
fn exhaust(proxy: &Proxy, client: &str, source: &str) {
    let mut connection = from(proxy, client);
    for _ in 0..FAILURES {
        assert_eq!(connection.round_trip(&forged_without_body(source)).status, 401);
    }
}

#[track_caller]
fn assert_limited(reply: &Reply) {
    assert_eq!(reply.status, 429, "{reply:?}");
    let wait: u64 = reply.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
    assert!(
        (1..=24 * 3600 / FAILURES as u64).contains(&wait),
        "one failure expires within its share of the day: {wait}"
    );
}

#[test]
fn an_address_whose_proofs_fail_is_refused_before_the_proof() {
    let Some(proxy) = PROXY.take() else { return };
    let client = new_client();
    for _ in 0..FAILURES {
        proxy.denies_on(from(&proxy, &client), &forged("one"), "one", "signature_mismatch");
    }
    let reply = proxy.denies_on(from(&proxy, &client), &forged("one"), "one", "flood_limited");
    assert_limited(&reply);
    // Even a valid request is not verified.
    proxy.denies_on(from(&proxy, &client), &valid("one"), "one", "flood_limited");
    // The limit applies to this source and this address only.
    proxy.passes_on(from(&proxy, &client), &valid("two"));
    proxy.passes_on(from(&proxy, &new_client()), &valid("one"));
}

#[test]
fn valid_requests_and_denials_for_other_reasons_do_not_count() {
    let Some(proxy) = PROXY.take() else { return };
    let client = new_client();
    let mut connection = from(&proxy, &client);
    let honest = Request { method: "GET", ..GITHUB.valid(b"").at("/hooks/one") };
    for _ in 0..3 * FAILURES {
        assert_eq!(connection.round_trip(&honest).status, 200);
        assert_eq!(connection.round_trip(&honest.clone().at("/nowhere")).status, 404);
    }
    for _ in 0..2 * FAILURES {
        let encoded = valid("one").with("content-encoding", "gzip");
        assert_eq!(from(&proxy, &client).round_trip(&encoded).status, 415);
    }
    proxy.passes_on(from(&proxy, &client), &valid("one"));
}

#[test]
fn ipv6_clients_are_counted_by_their_64_and_mapped_ones_by_their_ipv4_address() {
    let Some(proxy) = PROXY.take() else { return };
    for number in 0..FAILURES {
        let client = format!("[2001:db8:64::{number:x}:1]:4000");
        proxy.denies_on(from(&proxy, &client), &forged("one"), "one", "signature_mismatch");
    }
    proxy.denies_on(from(&proxy, "[2001:db8:64:0:ffff::1]:4000"), &forged("one"), "one", "flood_limited");
    proxy.passes_on(from(&proxy, "[2001:db8:64:1::1]:4000"), &valid("one"));

    exhaust(&proxy, "192.0.2.150:4000", "one");
    proxy.denies_on(from(&proxy, "[::ffff:192.0.2.150]:4000"), &forged("one"), "one", "flood_limited");
    proxy.passes_on(from(&proxy, "[::ffff:192.0.2.151]:4000"), &valid("one"));
}

#[test]
fn the_workers_share_the_limit() {
    let Some(proxy) = PROXY.take() else { return };
    let client = new_client();
    let address = client.rsplit_once(':').expect("a port").0;
    let to = proxy.listener("behind");
    let wire = forged_without_body("one").with("X-Forwarded-For", address).wire();
    let statuses = parallel::statuses(to, 8, 1000, |_| wire.clone());
    let failed = statuses.iter().filter(|status| **status == 401).count();
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 1000 - failed);
    // Requests that began before the last failure was counted are verified too: at most one for each connection.
    assert!((FAILURES..FAILURES + 8).contains(&failed), "{failed} were verified");
    proxy.assert_all_workers_served("behind");
}

#[test]
fn concurrent_requests_do_not_exceed_the_limit() {
    const CONCURRENT: usize = 80;

    let Some(proxy) = PROXY.take() else { return };
    let client = new_client();
    let wire = forged("one").wire();
    let (head, body) = wire.split_at(wire.len() - BODY.len());
    let mut begun: Vec<_> = (0..CONCURRENT).map(|_| from(&proxy, &client)).collect();
    begun.iter_mut().for_each(|connection| connection.send(head));
    // After a later request was served, the filter has all their heads.
    proxy.passes_on(from(&proxy, &new_client()), &valid("one"));
    begun.iter_mut().for_each(|connection| connection.send(body));
    let statuses: Vec<_> = begun.iter_mut().map(|connection| connection.reply().status).collect();
    let failed = statuses.iter().filter(|status| **status == 401).count();
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), CONCURRENT - failed);
    // The other worker may verify one more.
    assert!((FAILURES..FAILURES + 2).contains(&failed), "{failed} were hashed");
}

#[test]
fn a_sender_with_an_open_connection_is_served_during_a_flood_from_its_own_address() {
    let Some(proxy) = PROXY.take() else { return };
    let sender = new_client();
    let attacker = sender.replace(":4000", ":5000");
    let mut open = from(&proxy, &sender);
    let honest = Request { method: "GET", ..GITHUB.valid(b"").at("/hooks/one") };
    assert_eq!(open.round_trip(&honest).status, 200);
    let mut connection = from(&proxy, &attacker);
    let flood = wait_for(crate::harness::client::TIMEOUT, || {
        (connection.round_trip(&forged_without_body("one")).status == 429).then_some(())
    });
    assert!(flood.is_some(), "other connections from the address are limited");
    let mut limited = 0;
    for _ in 0..50 {
        limited += usize::from((0..30).any(|_| connection.round_trip(&forged_without_body("one")).status == 429));
        assert_eq!(open.round_trip(&honest).status, 200, "the sender is not limited");
    }
    assert!(limited > 25, "{limited} rounds of the flood reached the limit");
    // On a new connection it competes with the flood, and passes when a failure expires.
    let mut reconnected = from(&proxy, &sender.replace(":4000", ":6000"));
    let served =
        wait_for(crate::harness::client::TIMEOUT, || (reconnected.round_trip(&honest).status == 200).then_some(()));
    assert!(served.is_some());
}

#[test]
fn honest_traffic_is_served_during_a_flood() {
    let Some(proxy) = PROXY.take() else { return };
    let to = proxy.listener("behind");
    let attacker = new_client();
    let attacker = attacker.rsplit_once(':').expect("a port").0;
    let flood = forged_without_body("one").with("X-Forwarded-For", attacker).wire();
    let stop = AtomicBool::new(false);
    let limited = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut connection = Connection::open(to);
                while !stop.load(Ordering::SeqCst) {
                    connection.send(&flood);
                    if connection.reply().status == 429 {
                        limited.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        // Wait until the attacker is limited.
        let flooded =
            wait_for(crate::harness::client::TIMEOUT, || (limited.load(Ordering::SeqCst) > 100).then_some(()));
        let honest: Vec<_> = (0..300)
            .map(|number| valid("one").with("X-Forwarded-For", format!("203.0.113.{}", number % 250)))
            .collect();
        let before = limited.load(Ordering::SeqCst);
        let statuses = parallel::statuses(to, 4, honest.len(), |number| honest[number].wire());
        let during = limited.load(Ordering::SeqCst) - before;
        stop.store(true, Ordering::SeqCst);
        assert!(flooded.is_some(), "the attacker is limited");
        assert!(statuses.iter().all(|status| *status == 200), "every honest request passed: {statuses:?}");
        assert!(during > 0, "the flood should continue meanwhile");
    });
}

#[test]
fn clients_without_an_address_are_not_limited_together() {
    let Some(proxy) = PROXY.take() else { return };
    let socket = proxy.folder().join(SOCKET);
    let mut connection = Connection::open_socket(&socket);
    for _ in 0..5 * FAILURES {
        assert_eq!(
            connection.round_trip(&forged_without_body("one")).status,
            401,
            "clients without an address are not limited"
        );
    }
    proxy.passes_on(Connection::open_socket(&socket), &valid("one"));
}

/// More addresses than fit into the table: a new attacker is still limited, and honest senders pass.
#[test]
fn a_flood_from_more_addresses_than_are_remembered_does_no_harm() {
    const ADDRESSES: usize = 40_000;

    let Some(proxy) = PROXY.take() else { return };
    let to = proxy.listener("behind");
    let forged = forged_without_body("two");
    let wire = |number: usize| {
        let address = format!("100.{}.{}.{}", 64 + number / 65536, number / 256 % 256, number % 256);
        forged.clone().with("X-Forwarded-For", address).wire()
    };
    let statuses = parallel::statuses(to, 8, ADDRESSES, wire);
    assert!(statuses.iter().all(|status| *status == 401), "each address may fail once");
    let client = new_client();
    exhaust(&proxy, &client, "two");
    assert_limited(&from(&proxy, &client).round_trip(&forged_without_body("two")));
    proxy.passes_on(from(&proxy, &new_client()), &valid("two"));
}

#[test]
fn failures_expire() {
    let Some(proxy) = PROXY.take() else { return };
    let client = new_client();
    let mut connection = from(&proxy, &client);
    let limited = wait_for(crate::harness::client::TIMEOUT, || {
        let reply = connection.round_trip(&forged_without_body("short"));
        (reply.status == 429).then_some(reply)
    });
    assert_eq!(limited.expect("the limit is reached").header("retry-after"), Some("1"));
    let honest = Request { method: "GET", ..GITHUB.valid(b"").at("/hooks/short") };
    let served =
        wait_for(crate::harness::client::TIMEOUT, || (connection.round_trip(&honest).status == 200).then_some(()));
    assert!(served.is_some(), "the limit is temporary");
    assert_eq!(honest.send(proxy.address, Protocol::Http2).status, 200);
}
