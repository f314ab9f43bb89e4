//! Failed proofs: after so many of one address it is not listened to for a time, and everybody else is.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::json;

use crate::client::{Connection, Protocol, Reply, Request};
use crate::crowd;
use crate::harness::{Proxy, Shared, wait_for};
use crate::launch::Setup;
use crate::listeners;
use crate::senders::GITHUB;
use crate::setups::{guarded, guards};

const BODY: &[u8] = b"{\"flood\":1}";
/// So many proofs of one address may fail.
const FAILURES: usize = 10;
/// Where Envoy listens for clients without an address, in its folder.
pub const SOCKET: &str = "socket";

/// Two workers, which share what they know of an address. Only `short` forgives soon.
static PROXY: Shared = Shared::new(|| {
    let limit = json!({"flood_limit": {"failures": FAILURES, "per": "24h"}});
    let short = json!({"flood_limit": {"failures": 1, "per": "1s", "burst": 2}});
    let setup = guards([guarded("one", limit.clone()), guarded("two", limit), guarded("short", short)]);
    listening(setup.workers(2))
});

/// Clients of any address: as peers, or in X-Forwarded-For of a balancer.
pub fn listening(setup: Setup) -> Setup {
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

/// A client that counts as one, and as no other test's.
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

/// A forged request in one piece: what refuses it need not close the connection for want of a body.
fn bare(source: &str) -> Request {
    Request { method: "GET", ..GITHUB.forged(b"").at(&format!("/hooks/{source}")) }
}

/// Spends what an address may fail.
#[track_caller]
fn exhaust(proxy: &Proxy, client: &str, source: &str) {
    let mut connection = from(proxy, client);
    for _ in 0..FAILURES {
        assert_eq!(connection.ask(&bare(source)).status, 401);
    }
}

#[track_caller]
fn is_limited(reply: &Reply) {
    assert_eq!(reply.status, 429, "{reply:?}");
    let wait: u64 = reply.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
    assert!((1..=24 * 3600 / FAILURES as u64).contains(&wait), "one is forgiven within its share of the day: {wait}");
}

#[test]
fn an_address_whose_proofs_fail_is_refused_before_the_proof() {
    let Some(proxy) = PROXY.take() else { return };
    let client = new_client();
    for _ in 0..FAILURES {
        proxy.denies_on(from(&proxy, &client), &forged("one"), "one", "signature_mismatch");
    }
    let reply = proxy.denies_on(from(&proxy, &client), &forged("one"), "one", "flood_limited");
    is_limited(&reply);
    // Whatever it sends: nobody looks.
    proxy.denies_on(from(&proxy, &client), &valid("one"), "one", "flood_limited");
    // It is known by the source and by its address.
    proxy.passes_on(from(&proxy, &client), &valid("two"));
    proxy.passes_on(from(&proxy, &new_client()), &valid("one"));
}

#[test]
fn what_passes_and_what_is_refused_for_other_reasons_costs_nothing() {
    let Some(proxy) = PROXY.take() else { return };
    let client = new_client();
    let mut connection = from(&proxy, &client);
    let honest = Request { method: "GET", ..GITHUB.valid(b"").at("/hooks/one") };
    for _ in 0..3 * FAILURES {
        assert_eq!(connection.ask(&honest).status, 200);
        assert_eq!(connection.ask(&honest.clone().at("/nowhere")).status, 404);
    }
    for _ in 0..2 * FAILURES {
        let encoded = valid("one").with("content-encoding", "gzip");
        assert_eq!(from(&proxy, &client).ask(&encoded).status, 415);
    }
    proxy.passes_on(from(&proxy, &client), &valid("one"));
}

#[test]
fn an_ipv6_client_is_its_64_and_a_mapped_one_its_ipv4_address() {
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
fn the_workers_share_what_they_know() {
    let Some(proxy) = PROXY.take() else { return };
    let client = new_client();
    let address = client.rsplit_once(':').expect("a port").0;
    let to = proxy.listener("behind");
    let wire = bare("one").with("X-Forwarded-For", address).wire();
    let statuses = crowd::statuses(to, 8, 1000, |_| wire.clone());
    let failed = statuses.iter().filter(|status| **status == 401).count();
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 1000 - failed);
    // Whatever began before the last failure was counted is proved too: at most one a connection.
    assert!((FAILURES..FAILURES + 8).contains(&failed), "{failed} were looked at");
    proxy.assert_all_workers_served("behind");
}

#[test]
fn honest_traffic_is_served_beside_a_flood() {
    let Some(proxy) = PROXY.take() else { return };
    let to = proxy.listener("behind");
    let attacker = new_client();
    let attacker = attacker.rsplit_once(':').expect("a port").0;
    let flood = bare("one").with("X-Forwarded-For", attacker).wire();
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
        // Until the flood is one.
        let flooded = wait_for(crate::client::PATIENCE, || (limited.load(Ordering::SeqCst) > 100).then_some(()));
        let honest: Vec<_> = (0..300)
            .map(|number| valid("one").with("X-Forwarded-For", format!("203.0.113.{}", number % 250)))
            .collect();
        let before = limited.load(Ordering::SeqCst);
        let statuses = crowd::statuses(to, 4, honest.len(), |number| honest[number].wire());
        let during = limited.load(Ordering::SeqCst) - before;
        stop.store(true, Ordering::SeqCst);
        assert!(flooded.is_some(), "the attacker is limited");
        assert!(statuses.iter().all(|status| *status == 200), "every honest request passed: {statuses:?}");
        assert!(during > 0, "and the flood went on");
    });
}

#[test]
fn clients_without_an_address_do_not_share_one() {
    let Some(proxy) = PROXY.take() else { return };
    let socket = proxy.folder().join(SOCKET);
    let mut connection = Connection::open_socket(&socket);
    for _ in 0..5 * FAILURES {
        assert_eq!(connection.ask(&bare("one")).status, 401, "nobody is limited for what somebody else did");
    }
    proxy.passes_on(Connection::open_socket(&socket), &valid("one"));
}

/// More addresses than are remembered: memory stays what it is, a new attacker is noticed, honest senders pass.
#[test]
fn a_flood_from_any_number_of_addresses_is_survived() {
    const ADDRESSES: usize = 40_000;

    let Some(proxy) = PROXY.take() else { return };
    let to = proxy.listener("behind");
    let forged = bare("two");
    let wire = |number: usize| {
        let address = format!("100.{}.{}.{}", 64 + number / 65536, number / 256 % 256, number % 256);
        forged.clone().with("X-Forwarded-For", address).wire()
    };
    let statuses = crowd::statuses(to, 8, ADDRESSES, wire);
    assert!(statuses.iter().all(|status| *status == 401), "each failed once, which each may");
    let client = new_client();
    exhaust(&proxy, &client, "two");
    is_limited(&from(&proxy, &client).ask(&bare("two")));
    proxy.passes_on(from(&proxy, &new_client()), &valid("two"));
}

#[test]
fn a_limit_is_forgiven_as_time_goes_by() {
    let Some(proxy) = PROXY.take() else { return };
    let client = new_client();
    let mut connection = from(&proxy, &client);
    let limited = wait_for(crate::client::PATIENCE, || {
        let reply = connection.ask(&bare("short"));
        (reply.status == 429).then_some(reply)
    });
    assert_eq!(limited.expect("the limit is met").header("retry-after"), Some("1"));
    let honest = Request { method: "GET", ..GITHUB.valid(b"").at("/hooks/short") };
    let served = wait_for(crate::client::PATIENCE, || (connection.ask(&honest).status == 200).then_some(()));
    assert!(served.is_some(), "nobody is shut out for good");
    assert_eq!(honest.send(proxy.address, Protocol::Http2).status, 200);
}
