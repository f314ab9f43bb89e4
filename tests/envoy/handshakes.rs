//! Handshakes through a real Envoy: answered here, forwarded where the source says so, and nothing else let through.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::bootstrap::{self, Hold};
use crate::harness::client::{BOTH, Protocol, Reply, Request};
use crate::harness::launch::Setup;
use crate::harness::senders::{GITHUB, generic};
use crate::harness::store::{Call, FakeStore, Response, answer};
use crate::harness::upstream::BEHAVIOUR;
use crate::harness::{Proxy, SharedProxy};

const VERIFY_TOKEN: &str = "verify-token-of-the-test-5d11";
const CONSUMER_SECRET: &str = "consumer-secret-of-the-test-88c0";
const SIGNED_SECRET: &str = "signed-handshake-secret-of-the-test";
const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:orders";

static FILTER_HOLDS: SharedProxy = SharedProxy::new(|| Setup::new(plugin(Hold::Filter)).hold(Hold::Filter));
static CHAIN_HOLDS: SharedProxy = SharedProxy::new(|| Setup::new(plugin(Hold::Chain)).hold(Hold::Chain));

/// A scheme of one's own with this handshake, which the sender signs.
fn signed(name: &str, handshake: Value, option: Value) -> Value {
    let scheme = json!({
        "signature": {"header": "X-Webhook-Signature", "encoding": "hex"},
        "algorithm": "hmac-sha256",
        "signed": "{body}",
    });
    json!({
        "name": name,
        "match": {"path": format!("/hooks/{name}")},
        "methods": ["POST"],
        "verify": {"scheme": scheme, "handshake": handshake, "secrets": [{"value": SIGNED_SECRET}]},
        "handshake": option,
    })
}

fn plugin(hold: Hold) -> Value {
    let check = |provider: &str, secret: &str| json!({"provider": provider, "secrets": [{"value": secret}]});
    let echo = json!({
        "method": "POST",
        "proof": "first",
        "when": [["{json:type}", "url_verification"]],
        "token": {"at": "json:challenge", "alphabet": "token68"},
        "answer": {"content_type": "text/plain", "body": "{token}"},
    });
    let confirm = json!({
        "method": "POST",
        "proof": "first",
        "when": [["{json:Type}", "SubscriptionConfirmation"]],
        "confirm": "sns",
    });
    json!({"body_hold": hold.body_hold(), "sources": [
        {"name": "github", "match": {"path": "/hooks/github"}, "verify": check("github", GITHUB.secret)},
        {
            "name": "meta", "match": {"path": "/hooks/meta"}, "methods": ["POST"],
            "verify": check("meta", "meta-secret-of-the-test-20b1"),
            "handshake": {"verify_token": VERIFY_TOKEN},
        },
        {
            "name": "x", "match": {"path": "/hooks/x"}, "methods": ["POST"], "query": "deny",
            "verify": check("x-twitter", CONSUMER_SECRET), "handshake": true,
        },
        {
            "name": "forwarded", "match": {"path": "/hooks/forwarded"}, "methods": ["POST"],
            "verify": check("meta", "meta-secret-of-the-test-20b1"), "handshake": "forward",
        },
        signed("signed", echo, json!(true)),
        signed("confirmed", confirm, json!({"topics": [TOPIC], "cluster": "sns"})),
        {
            "name": "acknowledged", "match": {"path": "/hooks/acknowledged"},
            "verify": {
                "scheme": {
                    "signature": {"header": "X-Webhook-Signature", "encoding": "hex"},
                    "algorithm": "hmac-sha256",
                    "signed": "{body}",
                },
                "acknowledgement": {"content_type": "text/plain", "body": "Hello API Event Received"},
                "secrets": [{"value": SIGNED_SECRET}],
            },
            "acknowledge": true,
        },
    ]})
}

fn get(path: &str) -> Request {
    Request { method: "GET", ..Request::post(path, "") }
}

fn subscription(path: &str, token: &str) -> Request {
    get(&format!("{path}?hub.mode=subscribe&hub.verify_token={token}&hub.challenge=1158201444"))
}

fn signed_request(path: &str, body: &str) -> Request {
    generic(path, SIGNED_SECRET, body.as_bytes())
}

/// Asserts that the request is answered here: the upstream sees nothing, and the VM goes on working.
#[track_caller]
fn is_answered(proxy: &Proxy, protocol: Protocol, request: &Request) -> Reply {
    let before = proxy.snapshot();
    let reply = request.send(proxy.address, protocol);
    proxy.upstream.assert_nothing_since(before.mark);
    proxy.assert_serves_after(before.mark);
    assert!(reply.body.is_empty() || reply.header("x-content-type-options") == Some("nosniff"), "{reply:?}");
    reply
}

#[test]
fn a_challenge_is_echoed_and_never_reaches_the_upstream() {
    for shared in [&FILTER_HOLDS, &CHAIN_HOLDS] {
        let Some(proxy) = shared.take() else { return };
        for protocol in BOTH {
            let before = proxy.metric("source.meta.requests.handshake");
            let reply = is_answered(&proxy, protocol, &subscription("/hooks/meta", VERIFY_TOKEN));
            assert_eq!((reply.status, reply.text().as_str()), (200, "1158201444"));
            assert_eq!(reply.header("content-type"), Some("text/plain"));
            assert_eq!(proxy.metric("source.meta.requests.handshake"), before + 1);
        }
    }
}

#[test]
fn a_handshake_with_another_token_is_refused() {
    for shared in [&FILTER_HOLDS, &CHAIN_HOLDS] {
        let Some(proxy) = shared.take() else { return };
        for protocol in BOTH {
            let before = proxy.snapshot();
            let reply = subscription("/hooks/meta", "another-token").send(proxy.address, protocol);
            assert_eq!((reply.status, reply.text().as_str()), (403, "request denied\n"));
            proxy.upstream.assert_nothing_since(before.mark);
            assert!(proxy.metric("source.meta.denials.handshake_mismatch") > 0);
            proxy.denies(protocol, &get("/hooks/meta?hub.mode=subscribe"), "meta", "method_not_allowed");
        }
    }
}

#[test]
fn a_challenge_is_answered_with_a_mac_of_it() {
    use base64::Engine as _;
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    let token = "OGExNWIxNWYtMzM3Ny00";
    let reply = is_answered(&proxy, Protocol::Http1, &get(&format!("/hooks/x?crc_token={token}")));
    let signed = generic("/", CONSUMER_SECRET, token.as_bytes());
    let tag = hex::decode(signed.header("X-Webhook-Signature")).expect("a tag in hexadecimal");
    let tag = base64::engine::general_purpose::STANDARD.encode(tag);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.text(), format!("{{\"response_token\":\"sha256={tag}\"}}"));

    let event = "%7B%22for_user_id%22%3A%2242%22%7D";
    proxy.denies(Protocol::Http1, &get(&format!("/hooks/x?crc_token={event}")), "x", "handshake_malformed");
}

#[test]
fn a_signed_handshake_is_answered_after_it_was_verified() {
    for shared in [&FILTER_HOLDS, &CHAIN_HOLDS] {
        let Some(proxy) = shared.take() else { return };
        let body = r#"{"type":"url_verification","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmd"}"#;
        for protocol in BOTH {
            let request = signed_request("/hooks/signed", body);
            let reply = is_answered(&proxy, protocol, &request);
            assert_eq!((reply.status, reply.text().as_str()), (200, "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmd"));
            let reply = is_answered(&proxy, protocol, &request.clone().in_chunks(7));
            assert_eq!(reply.status, 200);
            let forged = request.replacing("X-Webhook-Signature", "00".repeat(32));
            proxy.denies(protocol, &forged, "signed", "signature_mismatch");
            proxy.passes(protocol, &signed_request("/hooks/signed", r#"{"type":"event","challenge":"x"}"#));
        }
    }
}

#[test]
fn only_the_handshake_is_forwarded_and_it_is_marked() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for protocol in BOTH {
        let mark = proxy.upstream.mark();
        let request = subscription("/hooks/forwarded", "whatever").with("X-Hookwarden-Key-Id", "forged");
        let reply = request.send(proxy.address, protocol);
        let seen = proxy.assert_passed_since(mark, &request, &reply);
        assert_eq!(seen.header_text("x-hookwarden-handshake"), Some("true"));
        assert_eq!(seen.identity_headers().len(), 1, "nothing says that it was verified");

        proxy.denies(protocol, &get("/hooks/forwarded?hub.mode=subscribe"), "forwarded", "method_not_allowed");
        let with_body = subscription("/hooks/forwarded", "whatever").with_body("unverified");
        proxy.denies(protocol, &with_body, "forwarded", "method_not_allowed");
        let event = Request::post("/hooks/forwarded", "{}").with("X-Hookwarden-Handshake", "true");
        proxy.denies(protocol, &event, "forwarded", "signature_missing");
    }
}

fn with_sns(address: SocketAddr) -> Setup {
    Setup::new(plugin(Hold::Filter)).edit(move |bootstrap: &mut Value, _: &Path| {
        let mut cluster = bootstrap["static_resources"]["clusters"][0].clone();
        cluster["name"] = json!("sns");
        cluster.as_object_mut().expect("a cluster").remove("health_checks");
        bootstrap::set_endpoint(&mut cluster, address);
        bootstrap["static_resources"]["clusters"].as_array_mut().expect("a list of clusters").push(cluster);
    })
}

fn confirmation(topic: &str, url: &str) -> Request {
    let body =
        json!({"Type": "SubscriptionConfirmation", "TopicArn": topic, "Token": "2336412f37", "SubscribeURL": url});
    signed_request("/hooks/confirmed", &body.to_string())
}

#[test]
fn a_subscription_is_confirmed_by_a_call_to_the_configured_cluster_alone() {
    let is_up = |_: &Call| Response::Bytes(answer("200 OK", "<ConfirmSubscriptionResponse/>"));
    let sns = FakeStore::start(is_up);
    let Some(proxy) = Proxy::start(&with_sns(sns.address)) else { return };
    let url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=x&Token=2336412f37";
    let reply = is_answered(&proxy, Protocol::Http1, &confirmation(TOPIC, url));
    assert_eq!((reply.status, reply.text().as_str()), (200, ""));
    let calls = sns.take_calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(
        (calls[0].method(), calls[0].target()),
        ("GET", format!("/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37").as_str())
    );
    assert_eq!(calls[0].header("host"), Some("sns.eu-west-1.amazonaws.com"));

    for (topic, url) in [
        ("arn:aws:sns:eu-west-1:123456789012:others", url),
        (TOPIC, "https://sns.eu-west-1.amazonaws.com.example/?Action=ConfirmSubscription&Token=2336412f37"),
        (TOPIC, "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37"),
        (TOPIC, "http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37"),
    ] {
        proxy.denies(Protocol::Http1, &confirmation(topic, url), "confirmed", "handshake_mismatch");
    }
    assert_eq!(sns.take_calls().len(), 0, "only the right one is confirmed");

    sns.respond_with(|_| Response::Bytes(answer("500 Internal Server Error", "")));
    let reply = confirmation(TOPIC, url).send(proxy.address, Protocol::Http1);
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("30")));
    assert_eq!(proxy.metric("source.confirmed.denials.handshake_unconfirmed"), 1);
}

#[test]
fn an_accepted_event_gets_the_response_that_its_sender_wants() {
    for shared in [&FILTER_HOLDS, &CHAIN_HOLDS] {
        let Some(proxy) = shared.take() else { return };
        for protocol in BOTH {
            let mark = proxy.upstream.mark();
            let request = signed_request("/hooks/acknowledged", r#"{"event":1}"#);
            let reply = request.send(proxy.address, protocol);
            assert_eq!((reply.status, reply.text().as_str()), (200, "Hello API Event Received"));
            assert_eq!(proxy.upstream.only_request_since(mark).body, request.body);

            let failing = request.clone().with(BEHAVIOUR, "500");
            assert_eq!(failing.send(proxy.address, protocol).status, 500);
            let accepted = request.clone().with(BEHAVIOUR, "202");
            let reply = accepted.send(proxy.address, protocol);
            assert_eq!((reply.status, reply.text().as_str()), (200, "Hello API Event Received"));
            let forged = request.replacing("X-Webhook-Signature", "00".repeat(32));
            proxy.denies(protocol, &forged, "acknowledged", "signature_mismatch");
        }
    }
}
