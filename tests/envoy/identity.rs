//! The identity headers that the upstream gets, and that no client can forge.

use crate::harness::client::{BOTH, Protocol, Request};
use crate::harness::senders::{self, GITHUB, STANDARD_WEBHOOKS};
use crate::harness::setups::{CHAIN_HOLDS, FILTER_HOLDS, UNMATCHED_ALLOWED};

const BODY: &[u8] = b"{\"identity\":1}";

const FORGED_NAMES: [&str; 15] = [
    "x-hookwarden-source",
    "X-Hookwarden-Key-Id",
    "x-hookwarden-event-id",
    "x-hookwarden-anything",
    "x_hookwarden_source",
    "X_Hookwarden-Key_Id",
    "x-hookwarden_event-id",
    "X_HOOKWARDEN_SOURCE",
    // CGI, WSGI, Rack and PHP map these to the same variables.
    "x.hookwarden.source",
    "X!Hookwarden~Source",
    "x-hookwarden.event_id",
    "x'hookwarden`key|id",
    "x^hookwarden#source",
    "-x-hookwarden-source",
    "xhookwardensource",
];

#[test]
fn the_upstream_gets_the_source_and_the_secret_that_matched() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for protocol in BOTH {
        let seen = proxy.passes(protocol, &GITHUB.valid(BODY));
        assert_eq!(seen.header_text("x-hookwarden-source"), Some("github"));
        assert_eq!(seen.header_text("x-hookwarden-key-id"), Some("2026-11"));
        // GitHub does not sign an id.
        assert_eq!(seen.header("x-hookwarden-event-id"), None);

        let seen = proxy.passes(protocol, &STANDARD_WEBHOOKS.valid(BODY));
        assert_eq!(seen.header_text("x-hookwarden-key-id"), Some("1"));
        assert_eq!(seen.header_text("x-hookwarden-event-id"), Some(senders::EVENT_ID));
    }
}

#[test]
fn the_upstream_gets_only_the_source_where_the_chain_holds() {
    let Some(proxy) = CHAIN_HOLDS.take() else { return };
    for protocol in BOTH {
        let seen = proxy.passes(protocol, &GITHUB.valid(BODY));
        assert_eq!(seen.identity_headers(), ["x-hookwarden-source"]);
        assert_eq!(seen.header_text("x-hookwarden-source"), Some("github"));
    }
}

#[test]
fn forged_identity_headers_are_removed_from_verified_requests() {
    for shared in [&FILTER_HOLDS, &CHAIN_HOLDS] {
        let Some(proxy) = shared.take() else { return };
        for protocol in BOTH {
            let request = with_forged_identity(GITHUB.valid(BODY));
            let seen = proxy.passes(protocol, &request);
            assert_eq!(seen.header_text("x-hookwarden-source"), Some("github"));
            for (name, value) in &seen.headers {
                assert!(value != b"forged", "{name} reached the upstream");
            }
            assert_eq!(seen.header_text("x-other"), Some("kept"));
        }
    }
}

#[test]
fn forged_identity_headers_are_removed_from_unmatched_requests_too() {
    let Some(proxy) = UNMATCHED_ALLOWED.take() else { return };
    for protocol in BOTH {
        let request = with_forged_identity(Request::post("/elsewhere", BODY));
        let seen = proxy.passes(protocol, &request);
        assert_eq!(seen.identity_headers(), [""; 0]);
        assert_eq!(seen.header_text("x-other"), Some("kept"));
    }
    let trailers = Request::post("/elsewhere", BODY)
        .in_chunks(4)
        .with_trailer("x-hookwarden-source", "forged")
        .with_trailer("x.hookwarden.source", "forged")
        .with_trailer("x-other", "kept");
    let seen = proxy.passes(Protocol::Http2, &trailers);
    assert_eq!(seen.trailers, [("x-other".to_owned(), b"kept".to_vec())]);
}

/// The receiver of a message removes the headers that `Connection` names (RFC 9110, section 7.6.1).
#[test]
fn a_connection_header_cannot_remove_identity_headers() {
    for shared in [&FILTER_HOLDS, &CHAIN_HOLDS] {
        let Some(proxy) = shared.take() else { return };
        let request = GITHUB.valid(BODY).with("Connection", "X-Hookwarden-Source, x-hookwarden-key-id");
        let seen = proxy.passes(Protocol::Http1, &request);
        assert_eq!(seen.header_text("x-hookwarden-source"), Some("github"));
        assert_eq!(seen.header("connection"), None);
    }
}

#[test]
fn credentials_are_removed_only_where_configured() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for protocol in BOTH {
        let request = senders::BASIC.valid(BODY);
        let seen = proxy.passes(protocol, &request.clone().at("/hooks/removes-credentials"));
        assert_eq!(seen.header("authorization"), None);
        let seen = proxy.passes(protocol, &request);
        assert_eq!(seen.header("authorization"), Some(request.header("authorization")));
    }
}

fn with_forged_identity(request: Request) -> Request {
    let request = FORGED_NAMES.into_iter().fold(request, |request, name| request.with(name, "forged"));
    // Twice, because a removal may affect only one of two.
    request.with("x-hookwarden-source", "forged").with("x-other", "kept")
}
