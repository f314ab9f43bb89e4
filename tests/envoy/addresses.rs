//! `allow_from` and `deny_from`: both address families, and only the client address that Envoy trusts.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::harness::client::{BOTH, Connection, Protocol, Request};
use crate::harness::launch::Setup;
use crate::harness::listeners;
use crate::harness::senders::{self, BASIC, GITHUB};
use crate::harness::setups::{guarded, guards};
use crate::harness::{Proxy, SharedProxy};

const BODY: &[u8] = b"{\"address\":1}";
/// The Unix socket, in Envoy's folder, whose clients have no address.
const SOCKET: &str = "socket";

static PROXY: SharedProxy = SharedProxy::new(setup);

fn setup() -> Setup {
    let office = ["192.0.2.0/24", "2001:db8:1::/48"];
    let sources = [
        guarded("allowed", json!({"allow_from": office})),
        guarded("denied", json!({"deny_from": office})),
        guarded("most", json!({"allow_from": office, "deny_from": ["192.0.2.64/26", "2001:db8:1:f::/64"]})),
        guarded("mapped", json!({"allow_from": ["::ffff:192.0.2.0/120"]})),
        json!({"name": "published", "match": {"path": "/hooks/published"}, "allow_from": "provider", "verify": {
            "provider": "postmark", "secrets": [{"value": BASIC.secret}],
        }}),
        guarded("here", json!({"allow_from": ["127.0.0.1"]})),
        guarded("here6", json!({"allow_from": ["::1"]})),
    ];
    guards(sources).edit(|bootstrap, folder| {
        for (name, use_remote_address, hops) in [("edge", true, 0), ("behind", true, 1), ("trust-all", false, 0)] {
            listeners::add(bootstrap, name, |listener| {
                listeners::proxied(listener);
                listeners::trust(listener, use_remote_address, hops);
            });
        }
        listeners::add(bootstrap, SOCKET, |listener| listeners::on_socket(listener, &folder.join(SOCKET)));
        if listeners::has_ipv6() {
            listeners::add(bootstrap, "six", listeners::on_loopback6);
            listeners::add(bootstrap, "both", listeners::on_both_families);
        }
    })
}

fn at(source: &str) -> Request {
    GITHUB.valid(BODY).at(&format!("/hooks/{source}"))
}

fn from(proxy: &Proxy, listener: &str, client: &str) -> Connection {
    let client: SocketAddr = client.parse().expect("an address and a port");
    Connection::open_as(client, proxy.listener(listener))
}

const INSIDE: [&str; 4] = ["192.0.2.0:1", "192.0.2.63:2", "[2001:db8:1::7]:3", "[::ffff:192.0.2.7]:4"];
const OUTSIDE: [&str; 6] = [
    "192.0.1.255:1",
    "192.0.3.0:2",
    "203.0.113.7:3",
    "[2001:db8:2::7]:4",
    "[::ffff:203.0.113.7]:5",
    // An IPv4-compatible address, not an IPv4-mapped one (RFC 4291, section 2.5.5.1).
    "[::192.0.2.7]:6",
];

#[test]
fn only_allowed_networks_may_call() {
    let Some(proxy) = PROXY.take() else { return };
    for client in INSIDE {
        let connection = || from(&proxy, "edge", client);
        proxy.passes_on(connection(), &at("allowed"));
        proxy.denies_on(connection(), &at("denied"), "denied", "address_denied");
    }
    for client in OUTSIDE {
        proxy.denies_on(from(&proxy, "edge", client), &at("allowed"), "allowed", "address_denied");
        proxy.passes_on(from(&proxy, "edge", client), &at("denied"));
    }
}

#[test]
fn a_denied_network_within_an_allowed_one_may_not_call() {
    let Some(proxy) = PROXY.take() else { return };
    for client in ["192.0.2.63:1", "192.0.2.128:2", "[2001:db8:1:e::1]:3"] {
        proxy.passes_on(from(&proxy, "edge", client), &at("most"));
    }
    for client in ["192.0.2.64:1", "192.0.2.127:2", "[2001:db8:1:f::1]:3", "[::ffff:192.0.2.64]:4", "203.0.113.7:5"] {
        proxy.denies_on(from(&proxy, "edge", client), &at("most"), "most", "address_denied");
    }
}

#[test]
fn a_mapped_network_is_the_ipv4_one() {
    let Some(proxy) = PROXY.take() else { return };
    for client in ["192.0.2.7:1", "[::ffff:192.0.2.7]:2"] {
        proxy.passes_on(from(&proxy, "edge", client), &at("mapped"));
    }
    for client in ["203.0.113.7:1", "[::ffff:203.0.113.7]:2", "[2001:db8:1::7]:3"] {
        proxy.denies_on(from(&proxy, "edge", client), &at("mapped"), "mapped", "address_denied");
    }
}

#[test]
fn a_client_cannot_choose_its_address() {
    let Some(proxy) = PROXY.take() else { return };
    for name in ["X-Forwarded-For", "X-Real-Ip", "X-Envoy-External-Address", "True-Client-Ip", "CF-Connecting-Ip"] {
        for claim in ["192.0.2.7", "192.0.2.7, 192.0.2.7", "192.0.2.7:80", "2001:db8:1::7"] {
            let connection = || from(&proxy, "edge", "203.0.113.7:1");
            let request = at("allowed").with(name, claim);
            proxy.denies_on(connection(), &request, "allowed", "address_denied");
        }
    }
    let forwarded = at("allowed").with("Forwarded", "for=192.0.2.7");
    proxy.denies_on(from(&proxy, "edge", "203.0.113.7:1"), &forwarded, "allowed", "address_denied");
    for protocol in BOTH {
        let request = at("allowed").with("X-Forwarded-For", "192.0.2.7");
        proxy.denies(protocol, &request, "allowed", "address_denied");
    }
}

#[test]
fn behind_a_load_balancer_the_client_address_is_the_one_that_the_balancer_saw() {
    let Some(proxy) = PROXY.take() else { return };
    let balancer = || from(&proxy, "behind", "10.0.0.1:1");
    let forwarded = |chain: &str| at("allowed").with("X-Forwarded-For", chain);
    for chain in ["192.0.2.7", "203.0.113.7, 192.0.2.7", "2001:db8:1::7", "::ffff:192.0.2.7", "nonsense,192.0.2.7"] {
        proxy.passes_on(balancer(), &forwarded(chain));
    }
    let lines = forwarded("203.0.113.7").with("X-Forwarded-For", "192.0.2.7");
    proxy.passes_on(balancer(), &lines);
    // The balancer appends to what the client wrote.
    for chain in ["203.0.113.7", "192.0.2.7, 203.0.113.7", "192.0.2.7,192.0.2.8,2001:db8:2::7"] {
        proxy.denies_on(balancer(), &forwarded(chain), "allowed", "address_denied");
    }
    let lines = forwarded("192.0.2.7").with("X-Forwarded-For", "203.0.113.7");
    proxy.denies_on(balancer(), &lines, "allowed", "address_denied");
}

/// Envoy falls back to the balancer's own address if it cannot parse the last one.
#[test]
fn an_unparsable_forwarded_address_is_not_the_clients() {
    let Some(proxy) = PROXY.take() else { return };
    let balancer = || from(&proxy, "behind", "10.0.0.1:1");
    for chain in ["nonsense", "192.0.2.7:4000", "[2001:db8:1::7]", "[2001:db8:1::7]:4000", "192.0.2.7,", "", "unknown"]
    {
        let request = at("allowed").with("X-Forwarded-For", chain);
        proxy.denies_on(balancer(), &request, "allowed", "address_denied");
    }
}

/// Misconfigurations of Envoy that a denial does not show, or that explain it. Each warning is logged once per Envoy.
#[test]
fn an_untrustworthy_client_address_is_warned_about_whether_or_not_it_is_denied() {
    let shared = "every client seems to have the address of a proxy";
    let chosen = "as the caller wrote it";
    // A load balancer that xff_num_trusted_hops does not count, one that writes what Envoy cannot parse, and Envoy without
    // use_remote_address, where every caller chooses its address.
    for (listener, peer, forwarded, message) in [
        ("edge", "10.0.0.1:1", "203.0.113.7", shared),
        ("behind", "10.0.0.1:1", "203.0.113.7:4711", shared),
        ("trust-all", "198.51.100.9:1", "203.0.113.7", chosen),
    ] {
        for source in ["denied", "allowed"] {
            let Some(proxy) = Proxy::start(&setup()) else { return };
            let request = at(source).with("X-Forwarded-For", forwarded);
            if source == "denied" {
                proxy.passes_on(from(&proxy, listener, peer), &request);
            } else {
                proxy.denies_on(from(&proxy, listener, peer), &request, source, "address_denied");
            }
            proxy.wait_for_log(&["[warning]", "wasm log hookwarden", message]);
        }
    }
    let Some(proxy) = Proxy::start(&setup()) else { return };
    let request = at("allowed").with("X-Forwarded-For", "203.0.113.7");
    for (listener, peer, message) in [("edge", "10.0.0.1:1", shared), ("trust-all", "198.51.100.9:1", chosen)] {
        proxy.denies_on(from(&proxy, listener, peer), &request, "allowed", "address_denied");
        proxy.wait_for_log(&["[warning]", "wasm log hookwarden", message]);
    }
}

#[test]
fn a_source_may_allow_the_networks_that_its_sender_publishes() {
    let Some(proxy) = PROXY.take() else { return };
    let request = senders::basic("/hooks/published", BASIC.secret, BODY);
    let published = published("postmark");
    assert!(!published.is_empty());
    for network in published {
        let address = network.split('/').next().expect("an address");
        proxy.passes_on(
            from(&proxy, "edge", &SocketAddr::new(address.parse().expect("an address"), 1).to_string()),
            &request,
        );
    }
    proxy.denies_on(from(&proxy, "edge", "203.0.113.7:1"), &request, "published", "address_denied");
}

/// The networks in a provider's file.
fn published(provider: &str) -> Vec<String> {
    let path = format!("{}/providers/{provider}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let file: Value = serde_json::from_slice(&text).expect("JSON");
    let list = file["networks"]["list"].as_array().expect("the sender publishes networks");
    list.iter().map(|network| network.as_str().expect("a network").to_owned()).collect()
}

#[test]
fn a_client_without_an_address_is_denied_where_addresses_are_checked() {
    let Some(proxy) = PROXY.take() else { return };
    let socket = proxy.folder().join(SOCKET);
    for source in ["allowed", "denied", "most"] {
        for request in [at(source), at(source).with("X-Forwarded-For", "192.0.2.7")] {
            let connection = || Connection::open_socket(&socket);
            proxy.denies_on(connection(), &request, source, "address_missing");
        }
    }
    proxy.passes_on(Connection::open_socket(&socket), &at("github"));
}

#[test]
fn loopback_is_recognised_in_both_families() {
    let Some(proxy) = PROXY.take() else { return };
    for protocol in BOTH {
        proxy.passes(protocol, &at("here"));
        proxy.denies(protocol, &at("here6"), "here6", "address_denied");
    }
    if !listeners::has_ipv6() {
        return;
    }
    let both = proxy.listener("both").port();
    let v6 = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], both));
    for to in [proxy.listener("six"), v6] {
        proxy.passes_on(Connection::open(to), &at("here6"));
        proxy.denies_on(Connection::open(to), &at("here"), "here", "address_denied");
    }
    // An IPv4 client of a dual-stack socket.
    let v4 = SocketAddr::from(([127, 0, 0, 1], both));
    proxy.passes_on(Connection::open(v4), &at("here"));
    proxy.denies_on(Connection::open(v4), &at("here6"), "here6", "address_denied");
}

#[test]
fn the_address_is_checked_before_the_proof() {
    let Some(proxy) = PROXY.take() else { return };
    let connection = || from(&proxy, "edge", "203.0.113.7:1");
    let forged = GITHUB.forged(BODY).at("/hooks/allowed");
    proxy.denies_on(connection(), &forged, "allowed", "address_denied");
    let connection = || from(&proxy, "edge", "192.0.2.7:1");
    proxy.denies_on(connection(), &forged, "allowed", "signature_mismatch");
    proxy.denies(Protocol::Http2, &forged, "allowed", "address_denied");
}
