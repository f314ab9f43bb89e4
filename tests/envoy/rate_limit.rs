//! One budget for a fleet: the shipped bootstrap with Envoy's global rate limit filter, and a service in this process.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::harness::bootstrap::{Hold, cluster, set_endpoint};
use crate::harness::client::{BOTH, Protocol, Request};
use crate::harness::launch::Setup;
use crate::harness::limiter::{Call, Limiter};
use crate::harness::parallel;
use crate::harness::senders;
use crate::harness::setups::{NEW_SECRET, OLD_SECRET, guarded, unused_address};
use crate::harness::{Proxy, honest};

const BODY: &[u8] = b"{\"fleet\":1}";

/// The shipped file with the addresses of the test.
fn shipped(limiter: SocketAddr) -> Setup {
    let setup = Setup { file: "envoy-rate-limit.yaml", ..Setup::shipped(Hold::Filter) };
    setup.edit(move |bootstrap, _| set_endpoint(cluster(bootstrap, "rate_limit"), limiter))
}

fn with_plugin(limiter: SocketAddr, plugin: Value) -> Setup {
    Setup { plugin: Some(plugin), environment: Vec::new(), ..shipped(limiter) }
}

fn descriptors(source: &str, key_id: &str) -> Call {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Call {
        domain: "hookwarden".to_owned(),
        descriptors: vec![vec![pair("source", source)], vec![pair("source", source), pair("key_id", key_id)]],
    }
}

#[test]
fn only_verified_requests_are_counted_by_the_service() {
    let limiter = Limiter::start();
    let setup = shipped(limiter.address);
    let Some(proxy) = Proxy::start(&setup) else { return };
    let github = |body: &[u8]| senders::github("/hooks/github", setup.variable("GITHUB_WEBHOOK_SECRET"), body);
    let stripe = senders::stripe("/hooks/stripe", setup.variable("STRIPE_WEBHOOK_SECRET"), BODY);
    for protocol in BOTH {
        // Forged, whatever identity headers it carries.
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
        assert_eq!(limiter.calls(), before, "unverified requests do not reach the service");

        // Genuine, with forged identity headers.
        for request in [github(BODY), claims(github(BODY)), github(BODY).in_chunks(3)] {
            let seen = proxy.passes(protocol, &request);
            assert_eq!(seen.header_text("x-hookwarden-source"), Some("github"));
            assert_eq!(limiter.calls().last(), Some(&descriptors("github", "2026-11")));
        }
        proxy.passes(protocol, &stripe);
        assert_eq!(limiter.calls().last(), Some(&descriptors("stripe", "1")));
        assert_eq!(limiter.calls().len(), before.len() + 4, "one call for each request");
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
    let send = |proxy: &Proxy| parallel::statuses(proxy.address, 4, 60, |_| wire.clone());
    let statuses = std::thread::scope(|scope| {
        let other = scope.spawn(|| send(&two));
        [send(&one), other.join().expect("every request got a response")].concat()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), BUDGET);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), statuses.len() - BUDGET);
    // Other sources have budgets of their own.
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

/// The upstream never saw what the service refused: the sender's retry must not be denied as a duplicate.
#[test]
fn a_claim_is_given_back_when_the_service_refuses_the_request() {
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
    // As documented.
    proxy.wait_for_log(&["\"details\":\"request_rate_limited\"", "source=github outcome=passed"]);
    let counted = proxy.admin("/stats?filter=ratelimit.over_limit").text();
    assert!(counted.contains("cluster.receiver.ratelimit.over_limit: 2"), "{counted}");
    limiter.allow(&[("source", "github")], 1);
    proxy.passes(Protocol::Http1, &request);
    limiter.allow(&[("source", "github")], 1);
    assert_eq!(request.send(proxy.address, Protocol::Http1).status, 409);
    assert_eq!(limiter.calls().len(), 3, "a duplicate does not reach the service");
}

#[test]
fn nothing_passes_uncounted_while_the_service_is_down() {
    let unused = unused_address();
    let setup = shipped(unused);
    let Some(proxy) = Proxy::start(&setup) else { return };
    let valid = senders::github("/hooks/github", setup.variable("GITHUB_WEBHOOK_SECRET"), BODY);
    for protocol in BOTH {
        let mark = proxy.upstream.mark();
        assert_eq!(valid.send(proxy.address, protocol).status, 503);
        proxy.upstream.assert_nothing_since(mark);
    }
}
