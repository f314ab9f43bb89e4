//! One budget for a fleet: the shipped bootstrap with Envoy's global rate limit filter, and a service in this process.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::bootstrap::{Hold, cluster, point};
use crate::client::{BOTH, Protocol, Request};
use crate::crowd;
use crate::harness::{Proxy, honest};
use crate::launch::Setup;
use crate::limiter::{Asked, Limiter};
use crate::senders;
use crate::setups::{NEW_SECRET, OLD_SECRET, guarded};

const BODY: &[u8] = b"{\"fleet\":1}";

/// The shipped file as it is, but for the places of things.
fn shipped(limiter: SocketAddr) -> Setup {
    let setup = Setup { file: "envoy-rate-limit.yaml", ..Setup::shipped(Hold::Filter) };
    setup.edit(move |bootstrap, _| point(cluster(bootstrap, "rate_limit"), limiter))
}

fn with_plugin(limiter: SocketAddr, plugin: Value) -> Setup {
    Setup { plugin: Some(plugin), environment: Vec::new(), ..shipped(limiter) }
}

fn descriptors(source: &str, key_id: &str) -> Asked {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Asked {
        domain: "hookwarden".to_owned(),
        descriptors: vec![vec![pair("source", source)], vec![pair("source", source), pair("key_id", key_id)]],
    }
}

#[test]
fn the_service_is_asked_about_what_was_proved_and_about_nothing_else() {
    let limiter = Limiter::start();
    let setup = shipped(limiter.address);
    let Some(proxy) = Proxy::start(&setup) else { return };
    let github = |body: &[u8]| senders::github("/hooks/github", setup.variable("GITHUB_WEBHOOK_SECRET"), body);
    let stripe = senders::stripe("/hooks/stripe", setup.variable("STRIPE_WEBHOOK_SECRET"), BODY);
    for protocol in BOTH {
        // Forged, whatever it says about itself.
        let claims = |request: Request| {
            request
                .with("x-hookwarden-source", "stripe")
                .with("x-hookwarden-key-id", "2026-11")
                .with("x_hookwarden_source", "stripe")
        };
        let mark = proxy.upstream.mark();
        let before = limiter.calls();
        for request in [github(BODY).with_body("{}"), stripe.clone().with_body("{}"), Request::post("/elsewhere", BODY)]
        {
            for request in [claims(request.clone()), claims(request.clone()).in_chunks(1), request] {
                let status = request.send(proxy.address, protocol).status;
                assert!([401, 404].contains(&status), "{status}");
            }
        }
        proxy.upstream.assert_nothing_since(mark);
        assert_eq!(limiter.calls(), before, "the service hears nothing of strangers");

        // Genuine, and lying about who it is.
        for request in [github(BODY), claims(github(BODY)), github(BODY).in_chunks(3)] {
            let seen = proxy.passes(protocol, &request);
            assert_eq!(seen.header_text("x-hookwarden-source"), Some("github"));
            assert_eq!(limiter.calls().last(), Some(&descriptors("github", "2026-11")));
        }
        proxy.passes(protocol, &stripe);
        assert_eq!(limiter.calls().last(), Some(&descriptors("stripe", "1")));
        assert_eq!(limiter.calls().len(), before.len() + 4, "once a request");
    }
}

#[test]
fn all_proxies_spend_one_budget() {
    const BUDGET: usize = 25;

    let limiter = Limiter::start();
    let setup = shipped(limiter.address).workers(2);
    let (Some(one), Some(two)) = (Proxy::start(&setup), Proxy::start(&setup)) else { return };
    limiter.allow(&[("source", "github")], BUDGET);
    let valid = senders::github("/hooks/github", setup.variable("GITHUB_WEBHOOK_SECRET"), BODY);
    let wire = valid.wire();
    let ask = |proxy: &Proxy| crowd::statuses(proxy.address, 4, 60, |_| wire.clone());
    let statuses = std::thread::scope(|scope| {
        let other = scope.spawn(|| ask(&two));
        [ask(&one), other.join().expect("every request was answered")].concat()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), BUDGET);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), statuses.len() - BUDGET);
    // Others have theirs.
    let anymail = senders::basic("/anymail/x", setup.variable("ANYMAIL_WEBHOOK_SECRET"), BODY);
    one.passes(Protocol::Http2, &anymail);
}

#[test]
fn each_secret_can_have_its_own_budget() {
    let limiter = Limiter::start();
    let plugin = json!({"sources": [{"name": "github", "match": {"path": "/hooks/github"}, "verify": {
        "provider": "github",
        "secrets": [{"id": "new", "value": NEW_SECRET}, {"id": "old", "value": OLD_SECRET}],
    }}]});
    let Some(proxy) = Proxy::start(&with_plugin(limiter.address, plugin)) else { return };
    limiter.allow(&[("source", "github"), ("key_id", "old")], 2);
    let send = |secret| senders::github("/hooks/github", secret, BODY).send(proxy.address, Protocol::Http1).status;
    assert_eq!([OLD_SECRET; 4].map(send), [200, 200, 429, 429]);
    assert_eq!([NEW_SECRET; 4].map(send), [200; 4]);
}

/// The service's refusal is not the upstream's: the sender will come again, and must not be taken for a duplicate.
#[test]
fn what_the_service_refuses_is_given_back() {
    let limiter = Limiter::start();
    let replay = json!({"replay": {"window": "24h", "duplicate": 409}});
    let plugin = json!({"sources": [guarded("github", replay)]});
    let Some(proxy) = Proxy::start(&with_plugin(limiter.address, plugin)) else { return };
    limiter.allow(&[("source", "github")], 0);
    let request = honest();
    for protocol in BOTH {
        let mark = proxy.upstream.mark();
        let reply = request.send(proxy.address, protocol);
        assert_eq!((reply.status, reply.header("retry-after")), (429, None));
        proxy.upstream.assert_nothing_since(mark);
    }
    // What the documents say of it.
    proxy.printed(&["\"details\":\"request_rate_limited\"", "source=github outcome=passed"]);
    let counted = proxy.admin("/stats?filter=ratelimit.over_limit").text();
    assert!(counted.contains("cluster.receiver.ratelimit.over_limit: 2"), "{counted}");
    limiter.allow(&[("source", "github")], 1);
    proxy.passes(Protocol::Http1, &request);
    limiter.allow(&[("source", "github")], 1);
    assert_eq!(request.send(proxy.address, Protocol::Http1).status, 409);
    assert_eq!(limiter.calls().len(), 3, "a duplicate does not get there");
}

#[test]
fn nothing_passes_uncounted_while_the_service_is_away() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let setup = shipped(nobody);
    let Some(proxy) = Proxy::start(&setup) else { return };
    let valid = senders::github("/hooks/github", setup.variable("GITHUB_WEBHOOK_SECRET"), BODY);
    for protocol in BOTH {
        let mark = proxy.upstream.mark();
        assert_eq!(valid.send(proxy.address, protocol).status, 503);
        proxy.upstream.assert_nothing_since(mark);
    }
}
