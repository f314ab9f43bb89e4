//! `transport`: TLS on this hop, its version, a client certificate; or TLS in front of a trusted proxy.

use std::net::SocketAddr;
use std::sync::LazyLock;

use serde_json::json;

use crate::harness::client::{BOTH, Connection, Protocol, Request};
use crate::harness::launch::Setup;
use crate::harness::listeners::{self, Clients};
use crate::harness::senders::GITHUB;
use crate::harness::setups::{guarded, guards};
use crate::harness::tls::{self, Authority, Identity, TLS12, TLS13};
use crate::harness::{Proxy, SharedProxy};

const BODY: &[u8] = b"{\"transport\":1}";

static PROXY: SharedProxy = SharedProxy::new(setup);
static CERTIFICATES: LazyLock<Certificates> = LazyLock::new(Certificates::new);

struct Certificates {
    server: Identity,
    sender: Identity,
    /// Of an untrusted authority.
    untrusted: Identity,
}

impl Certificates {
    fn new() -> Self {
        let (ours, theirs) = (Authority::new("trusted authority"), Authority::new("untrusted authority"));
        Self { server: ours.server(), sender: ours.client("a sender"), untrusted: theirs.client("a untrusted") }
    }
}

/// Listeners without TLS; with TLS that requests no client certificate, verifies one, requires one; and behind load
/// balancers that send X-Forwarded-For, whose own address is set with the PROXY protocol.
fn setup() -> Setup {
    let forwarded = |header: &str| {
        json!({"transport": {"https": true, "insecure_trust_forwarded_proto": {
            "header": header,
            "from": ["198.51.100.0/28", "2001:db8:1::/48"],
        }}})
    };
    let sources = [
        guarded("secure", json!({"transport": {"https": true}})),
        guarded("modern", json!({"transport": {"min_tls": "1.3"}})),
        guarded("lenient", json!({"transport": {"min_tls": "1.2"}})),
        guarded("mutual", json!({"transport": {"client_certificate": true}})),
        guarded("fronted", forwarded("X-Forwarded-Proto")),
        guarded("fronted-ssl", forwarded("X-Forwarded-Ssl")),
    ];
    guards(sources).edit(|bootstrap, _| {
        let tls = |clients| move |listener: &mut _| listeners::tls(listener, &CERTIFICATES.server, clients);
        listeners::add(bootstrap, "tls", tls(Clients::Unasked));
        listeners::add(bootstrap, "tls-checks", tls(Clients::Checked));
        listeners::add(bootstrap, "tls-demands", tls(Clients::Demanded));
        for (name, use_remote_address, hops) in [("edge", true, 0), ("behind", true, 1), ("trust-all", false, 0)] {
            listeners::add(bootstrap, name, |listener| {
                listeners::proxied(listener);
                listeners::trust(listener, use_remote_address, hops);
            });
        }
    })
}

fn at(source: &str) -> Request {
    GITHUB.valid(BODY).at(&format!("/hooks/{source}"))
}

fn over_tls(
    proxy: &Proxy,
    listener: &str,
    version: &'static rustls::SupportedProtocolVersion,
    client: Option<&Identity>,
) -> Connection {
    tls::connect(proxy.listener(listener), &CERTIFICATES.server, version, client)
}

/// A connection from a load balancer, or from a client that claims to be one.
fn through(proxy: &Proxy, listener: &str, peer: &str) -> Connection {
    let peer: SocketAddr = peer.parse().expect("an address and a port");
    Connection::open_as(peer, proxy.listener(listener))
}

#[test]
fn https_passes_over_tls_and_is_denied_without() {
    let Some(proxy) = PROXY.take() else { return };
    for version in [&TLS12, &TLS13] {
        let connection = || over_tls(&proxy, "tls", version, None);
        proxy.passes_on(connection(), &at("secure"));
    }
    for protocol in BOTH {
        proxy.denies(protocol, &at("secure"), "secure", "transport_insecure");
    }
}

#[test]
fn headers_of_untrusted_clients_do_not_count_as_tls() {
    let Some(proxy) = PROXY.take() else { return };
    let mut https = at("secure");
    for (name, value) in [
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Ssl", "on"),
        ("X-Forwarded-Scheme", "https"),
        ("X-Url-Scheme", "https"),
        ("Front-End-Https", "on"),
        ("Forwarded", "for=198.51.100.3;proto=https"),
        ("X-Forwarded-For", "198.51.100.3"),
    ] {
        https = https.with(name, value);
    }
    for protocol in BOTH {
        proxy.denies(protocol, &https, "secure", "transport_insecure");
        for source in ["fronted", "fronted-ssl"] {
            proxy.denies(protocol, &https.clone().at(&format!("/hooks/{source}")), source, "transport_insecure");
        }
    }
    for listener in ["edge", "behind", "trust-all"] {
        let connection = || through(&proxy, listener, "198.51.100.3:4000");
        proxy.denies_on(connection(), &https, "secure", "transport_insecure");
    }
}

#[test]
fn an_older_version_of_tls_is_denied() {
    let Some(proxy) = PROXY.take() else { return };
    let older = || over_tls(&proxy, "tls", &TLS12, None);
    proxy.passes_on(older(), &at("lenient"));
    proxy.denies_on(older(), &at("modern"), "modern", "tls_version");
    let newer = || over_tls(&proxy, "tls", &TLS13, None);
    proxy.passes_on(newer(), &at("lenient"));
    proxy.passes_on(newer(), &at("modern"));
    for source in ["modern", "lenient"] {
        proxy.denies(Protocol::Http1, &at(source), source, "transport_insecure");
    }
}

#[test]
fn only_a_client_certificate_that_envoy_verified_counts() {
    let Some(proxy) = PROXY.take() else { return };
    let Certificates { sender, untrusted, .. } = &*CERTIFICATES;
    for version in [&TLS12, &TLS13] {
        for listener in ["tls-checks", "tls-demands"] {
            let connection = || over_tls(&proxy, listener, version, Some(sender));
            proxy.passes_on(connection(), &at("mutual"));
            // Envoy itself rejects the handshake.
            let mark = proxy.upstream.mark();
            let mut connection = over_tls(&proxy, listener, version, Some(untrusted));
            connection.send(&at("mutual").wire());
            assert_eq!(connection.try_reply(), None);
            proxy.assert_serves_after(mark);
        }
        // Envoy does not request it, so the client does not present it.
        for (listener, client) in [("tls-checks", None), ("tls", None), ("tls", Some(sender))] {
            let connection = || over_tls(&proxy, listener, version, client);
            proxy.denies_on(connection(), &at("mutual"), "mutual", "client_certificate_missing");
        }
    }
    proxy.denies(Protocol::Http1, &at("mutual"), "mutual", "transport_insecure");
}

#[test]
fn a_trusted_proxy_may_report_that_the_client_used_tls() {
    let Some(proxy) = PROXY.take() else { return };
    let forwarded = |value: &str| at("fronted").with("X-Forwarded-For", "203.0.113.9").with("X-Forwarded-Proto", value);
    for peer in ["198.51.100.3:4000", "[2001:db8:1::3]:4000", "[::ffff:198.51.100.3]:4000"] {
        let connection = || through(&proxy, "behind", peer);
        proxy.passes_on(connection(), &forwarded("https"));
        let twice = forwarded("https").with("X-Forwarded-Proto", "https");
        for request in [forwarded("http"), forwarded("https,http"), forwarded("httpss"), twice, at("fronted")] {
            proxy.denies_on(connection(), &request, "fronted", "transport_insecure");
        }
    }
    // Any other client, even one that writes the load balancer's address into the header.
    for peer in ["198.51.100.16:4000", "203.0.113.7:4000", "[2001:db8:2::3]:4000", "127.0.0.1:4000"] {
        for claimed in ["203.0.113.9", "198.51.100.3", "203.0.113.9, 198.51.100.3", "2001:db8:1::3"] {
            let connection = || through(&proxy, "behind", peer);
            let request = forwarded("https").replacing("X-Forwarded-For", claimed);
            proxy.denies_on(connection(), &request, "fronted", "transport_insecure");
        }
    }
    // TLS on this hop needs no header.
    proxy.passes_on(over_tls(&proxy, "tls", &TLS13, None), &at("fronted"));
}

#[test]
fn only_the_configured_header_of_the_trusted_proxy_counts() {
    let Some(proxy) = PROXY.take() else { return };
    for listener in ["edge", "behind"] {
        let connection = || through(&proxy, listener, "198.51.100.3:4000");
        for value in ["on", "https"] {
            proxy.passes_on(connection(), &at("fronted-ssl").with("X-Forwarded-Ssl", value));
        }
        let said = at("fronted-ssl").with("X-Forwarded-Ssl", "on");
        let off = at("fronted-ssl").with("X-Forwarded-Ssl", "off");
        for request in [off, said.clone().with("X-Forwarded-Ssl", "on"), at("fronted-ssl")] {
            let request = request.with("X-Forwarded-Proto", "https");
            proxy.denies_on(connection(), &request, "fronted-ssl", "transport_insecure");
        }
        let connection = || through(&proxy, listener, "203.0.113.7:4000");
        proxy.denies_on(connection(), &said, "fronted-ssl", "transport_insecure");
    }
}

/// Without `use_remote_address` Envoy adds no address to X-Forwarded-For and trusts all of it.
#[test]
fn no_proxy_is_trusted_where_envoy_does_not_report_the_peer() {
    let Some(proxy) = PROXY.take() else { return };
    let connection = || through(&proxy, "trust-all", "203.0.113.7:4000");
    let request = at("fronted").with("X-Forwarded-For", "198.51.100.3").with("X-Forwarded-Proto", "https");
    proxy.denies_on(connection(), &request, "fronted", "transport_insecure");
}
