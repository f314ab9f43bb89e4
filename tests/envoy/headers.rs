//! Hostile headers: repeated, missing, not text, too large, too many. Each is denied with a known code or by Envoy
//! itself; nothing reaches the upstream, and the same Envoy then serves an honest request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::harness::client::{BOTH, Protocol, insert_line};
use crate::harness::senders::{self, BASIC, BEARER, GENERIC, GITHUB, HEADER_TOKEN, SERVICESTACK, SHOPIFY, SLACK};
use crate::harness::senders::{STANDARD_WEBHOOKS, STRIPE, hex};
use crate::harness::setups::{CHAIN_HOLDS, FILTER_HOLDS};

const BODY: &[u8] = b"{\"headers\":1}";

#[test]
fn denies_a_signature_header_that_is_sent_twice() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for (sender, header) in [
        (GITHUB, "X-Hub-Signature-256"),
        (STRIPE, "Stripe-Signature"),
        (SLACK, "X-Slack-Signature"),
        (STANDARD_WEBHOOKS, "webhook-signature"),
        (SHOPIFY, "X-Shopify-Hmac-Sha256"),
    ] {
        let valid = sender.valid(BODY);
        let again = valid.header(header).to_vec();
        for protocol in BOTH {
            // The valid one twice, first, and last.
            let twice = valid.clone().with(header, &again);
            proxy.denies(protocol, &twice, sender.source, "signature_duplicated");
            let first = valid.clone().with(header, "x");
            proxy.denies(protocol, &first, sender.source, "signature_duplicated");
            let last = valid.clone().replacing(header, "x").with(header, &again);
            proxy.denies(protocol, &last, sender.source, "signature_duplicated");
        }
    }
}

#[test]
fn denies_a_credential_or_a_signed_header_that_is_sent_twice() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for protocol in BOTH {
        let token = HEADER_TOKEN.valid(BODY).with("X-Token", HEADER_TOKEN.secret);
        proxy.denies(protocol, &token, "header-token", "credential_duplicated");
        for sender in [BASIC, BEARER] {
            let valid = sender.valid(BODY);
            let again = valid.header("Authorization").to_vec();
            let twice = valid.with("Authorization", again);
            // Envoy joins two `Authorization` headers with a comma before any filter sees them.
            proxy.denies(protocol, &twice, sender.source, "credential_malformed");
        }
        let now = senders::now().to_string();
        let slack = SLACK.valid(BODY).with("X-Slack-Request-Timestamp", &now);
        proxy.denies(protocol, &slack, "slack", "timestamp_duplicated");
        let time = STANDARD_WEBHOOKS.valid(BODY).with("webhook-timestamp", &now);
        proxy.denies(protocol, &time, "standard-webhooks", "timestamp_duplicated");
        let id = STANDARD_WEBHOOKS.valid(BODY).with("webhook-id", senders::EVENT_ID);
        proxy.denies(protocol, &id, "standard-webhooks", "header_duplicated");
        let event = SERVICESTACK.valid(BODY).with("X-Webhook-Event", senders::SERVICESTACK_EVENT);
        proxy.denies(protocol, &event, "servicestack", "secret_unknown");
    }
}

#[test]
fn denies_when_signed_headers_are_missing() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for protocol in BOTH {
        let request = SLACK.valid(BODY).without("X-Slack-Request-Timestamp");
        proxy.denies(protocol, &request, "slack", "timestamp_missing");
        let request = STANDARD_WEBHOOKS.valid(BODY).without("webhook-timestamp");
        proxy.denies(protocol, &request, "standard-webhooks", "timestamp_missing");
        let request = STANDARD_WEBHOOKS.valid(BODY).without("webhook-id");
        proxy.denies(protocol, &request, "standard-webhooks", "header_missing");
        let stripe = STRIPE.valid(BODY);
        let (_, tag) = stripe.header_text("Stripe-Signature").split_once(',').expect("t=…,v1=…");
        let request = stripe.clone().replacing("Stripe-Signature", tag);
        proxy.denies(protocol, &request, "stripe", "timestamp_missing");
        let (time, _) = stripe.header_text("Stripe-Signature").split_once(',').expect("t=…,v1=…");
        let request = stripe.clone().replacing("Stripe-Signature", time);
        proxy.denies(protocol, &request, "stripe", "signature_missing");
    }
}

#[test]
fn denies_a_signature_or_credential_that_is_not_text() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    let noise = [0xff, 0xfe, 0x80, b'a', 0xc3];
    for protocol in BOTH {
        for (sender, header, code) in [
            (GITHUB, "X-Hub-Signature-256", "signature_malformed"),
            (SHOPIFY, "X-Shopify-Hmac-Sha256", "signature_malformed"),
            (GENERIC, "X-Webhook-Signature", "signature_malformed"),
            (STRIPE, "Stripe-Signature", "signature_missing"),
            (STANDARD_WEBHOOKS, "webhook-signature", "signature_missing"),
            (STANDARD_WEBHOOKS, "webhook-timestamp", "timestamp_malformed"),
            (SLACK, "X-Slack-Request-Timestamp", "timestamp_malformed"),
            (BASIC, "Authorization", "credential_malformed"),
            (BEARER, "Authorization", "credential_malformed"),
            (HEADER_TOKEN, "X-Token", "credential_mismatch"),
            (SERVICESTACK, "X-Webhook-Event", "secret_unknown"),
        ] {
            let request = sender.valid(BODY).replacing(header, noise);
            proxy.denies(protocol, &request, sender.source, code);
            let request = sender.valid(BODY);
            let mut extended = request.header(header).to_vec();
            extended.push(0xff);
            let denied = request.replacing(header, extended).send(proxy.address, protocol);
            assert_eq!(denied.status, 401, "{} with a byte 0xff after {header}", sender.source);
        }
    }
}

#[test]
fn other_headers_that_are_not_text_pass_unchanged() {
    for shared in [&FILTER_HOLDS, &CHAIN_HOLDS] {
        let Some(proxy) = shared.take() else { return };
        for protocol in BOTH {
            let request = GITHUB.valid(BODY).with("X-Noise", [0xff, 0xfe, b'a', 0x80]);
            let seen = proxy.passes(protocol, &request);
            assert_eq!(seen.header("x-noise"), Some([0xff, 0xfe, b'a', 0x80].as_slice()));
            let forged = GITHUB.forged(BODY).with("X-Noise", [0xff, 0xfe]);
            proxy.denies(protocol, &forged, "github", "signature_mismatch");
        }
    }
}

#[test]
fn header_names_that_are_not_text_never_reach_the_upstream() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for name in [b"X-\xff\xfe".as_slice(), b"X-Hub-Signature-256\xc3", b"\x80", b"X Space", b"X\tTab", b""] {
        let line = [name, b": value\r\n"].concat();
        proxy.lets_nothing_through(&insert_line(&GITHUB.valid(BODY).wire(), &line));
    }
}

#[test]
fn denies_oversized_signatures_and_too_many_candidates() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    let wrong = hex(&[0; 32]);
    for protocol in BOTH {
        let long = "a".repeat(40_000);
        let request = GITHUB.valid(BODY).replacing("X-Hub-Signature-256", format!("sha256={long}"));
        proxy.denies(protocol, &request, "github", "signature_excess");
        let request = HEADER_TOKEN.valid(BODY).replacing("X-Token", &long);
        proxy.denies(protocol, &request, "header-token", "credential_mismatch");
        let request = BASIC.valid(BODY).replacing("Authorization", format!("Basic {long}"));
        proxy.denies(protocol, &request, "basic", "credential_mismatch");
        let id = "i".repeat(40_000);
        let request = STANDARD_WEBHOOKS.valid(BODY).replacing("webhook-id", id);
        let status = request.send(proxy.address, protocol).status;
        assert_eq!(status, 401, "a very long event id");

        // Hundreds of candidates with the valid one last: a sender must not control how much is computed.
        let stripe = STRIPE.valid(BODY);
        let right = stripe.header_text("Stripe-Signature");
        let (time, tag) = right.split_once(',').expect("t=…,v1=…");
        let many = format!("{time}{},{tag}", format!(",v1={wrong}").repeat(300));
        let request = stripe.clone().replacing("Stripe-Signature", many);
        proxy.denies(protocol, &request, "stripe", "signature_excess");
        let short = format!("{time}{},{tag}", ",v1=00".repeat(300));
        let request = stripe.clone().replacing("Stripe-Signature", short);
        proxy.denies(protocol, &request, "stripe", "signature_excess");

        let standard = STANDARD_WEBHOOKS.valid(BODY);
        let tag = standard.header_text("webhook-signature");
        let many = format!("{}{tag}", "v1,AA== ".repeat(200));
        let request = standard.clone().replacing("webhook-signature", many);
        proxy.denies(protocol, &request, "standard-webhooks", "signature_excess");

        // A few candidates, as during a key rotation at the sender, pass.
        let few = format!("{}{tag}", format!("v1,{} ", STANDARD.encode([7; 32])).repeat(5));
        let request = standard.clone().replacing("webhook-signature", few);
        proxy.passes(protocol, &request);
        let few = format!("{time},v0={wrong},v1={wrong},{}", right.split_once(',').expect("a tag").1);
        proxy.passes(protocol, &stripe.clone().replacing("Stripe-Signature", few));
    }
}

#[test]
fn requests_with_more_or_larger_headers_than_envoy_accepts_never_reach_the_upstream() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    let valid = GITHUB.valid(BODY).wire();
    let large = [b"X-Large: ".as_slice(), &vec![b'a'; 70_000], b"\r\n"].concat();
    proxy.lets_nothing_through(&insert_line(&valid, &large));
    let many: String = (0..2000).map(|i| format!("X-{i}: {i}\r\n")).collect();
    proxy.lets_nothing_through(&insert_line(&valid, many.as_bytes()));
    let endless = [b"POST /hooks/github HTTP/1.1\r\nX-Endless: ".as_slice(), &vec![b'a'; 200_000]].concat();
    proxy.lets_nothing_through(&endless);
}

#[test]
fn a_signature_that_the_connection_header_names_is_missing() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    // Envoy removes the headers that `Connection` names (RFC 9110, section 7.6.1).
    for request in [GITHUB.valid(BODY), GITHUB.forged(BODY)] {
        let request = request.with("Connection", "x-hub-signature-256");
        proxy.denies(Protocol::Http1, &request, "github", "signature_missing");
    }
}
