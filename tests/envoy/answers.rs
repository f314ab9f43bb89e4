//! When a denial is answered, and that all denials get the same bytes: if a check needs the body, not before the body
//! is complete, whatever the headers decide.

use serde_json::json;

use crate::harness::client::{Connection, Reply, Request};
use crate::harness::senders::{self, GITHUB};
use crate::harness::setups::{self, CHAIN_HOLDS, FILTER_HOLDS};
use crate::harness::{Proxy, SharedProxy};

const BODY: &[u8] = b"{\"a\":\"body\"}";

static EARLY: SharedProxy = SharedProxy::new(|| {
    setups::guards([
        json!({"name": "both", "match": {"path": "/hooks/both"}, "insecure_early_denial": true, "verify": [
            {"provider": "basic", "secrets": [{"value": senders::BASIC.secret}]},
            {"provider": "github", "secrets": [{"value": GITHUB.secret}]},
        ]}),
    ])
});

/// Requests that cannot be verified: source, code, request.
fn unverifiable() -> Vec<(&'static str, &'static str, Request)> {
    let to_both = |sender: &senders::Sender, secret: &str| {
        let basic = (sender.sign)("/hooks/both", secret, BODY);
        let signature = GITHUB.forged(BODY).header("x-hub-signature-256").to_vec();
        basic.with("x-hub-signature-256", signature)
    };
    let event = |event: &str| senders::SERVICESTACK.forged(BODY).replacing("x-webhook-event", event);
    vec![
        ("tenants", "signature_mismatch", GITHUB.forged(BODY).at("/hooks/tenants/acme")),
        ("tenants", "secret_unknown", GITHUB.forged(BODY).at("/hooks/tenants/initech")),
        ("servicestack", "signature_mismatch", event(senders::SERVICESTACK_EVENT)),
        ("servicestack", "secret_unknown", event("order.nope")),
        ("both", "signature_mismatch", to_both(&senders::BASIC, senders::BASIC.secret)),
        ("both", "credential_mismatch", to_both(&senders::BASIC, "anymail:guessed-guessed-guessed")),
        ("both", "credential_missing", GITHUB.forged(BODY).at("/hooks/both")),
        ("github", "signature_missing", GITHUB.forged(BODY).without("x-hub-signature-256")),
        ("expired", "secret_inactive", GITHUB.forged(BODY).at("/hooks/expired")),
    ]
}

/// Sends the head, asserts that nothing is decided yet, then sends the body and returns the answer.
fn answer_after_the_body(proxy: &Proxy, source: &str, code: &str, request: &Request) -> Reply {
    let state = proxy.snapshot();
    let mut connection = Connection::open(proxy.address);
    connection.send(&request.head());
    // The only worker has served another request since, so Envoy has seen these headers.
    proxy.assert_serves_after(state.mark);
    let state = proxy.snapshot();
    connection.send(&request.body);
    let reply = connection.reply();
    proxy.assert_denied_since(&state, source, code, &reply);
    reply
}

#[test]
fn all_denials_of_a_source_are_answered_alike_after_the_body() {
    for shared in [&FILTER_HOLDS, &CHAIN_HOLDS] {
        let Some(proxy) = shared.take() else { return };
        let mut replies: Vec<(&str, &str, Reply)> = Vec::new();
        for (source, code, request) in unverifiable() {
            for request in [request.clone(), request.in_chunks(5)] {
                let whole = Request { body: request.wire()[request.head().len()..].to_vec(), ..request };
                let mut reply = answer_after_the_body(&proxy, source, code, &whole);
                reply.headers.retain(|(name, _)| name != "date");
                replies.push((source, code, reply));
            }
        }
        for (source, code, reply) in &replies {
            let (_, other, first) = replies.iter().find(|(other, ..)| other == source).expect("at least itself");
            assert_eq!(reply, first, "{source}: {code} and {other}");
            assert_eq!(reply.header("connection"), None, "the connection stays open");
        }
    }
}

#[test]
fn a_source_may_choose_to_answer_before_the_body() {
    let Some(proxy) = EARLY.take() else { return };
    let (source, code, request) = unverifiable().swap_remove(5);
    let state = proxy.snapshot();
    let mut connection = Connection::open(proxy.address);
    connection.send(&request.head());
    let reply = connection.reply();
    proxy.assert_denied_since(&state, source, code, &reply);
}
