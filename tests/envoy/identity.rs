//! What the upstream is told about the proof, and that nobody else can tell it.

use crate::client::{BOTH, Protocol, Request};
use crate::senders::{self, GITHUB, STANDARD_WEBHOOKS};
use crate::setups::{CHAIN_HOLDS, FILTER_HOLDS, UNMATCHED_ALLOWED};

const BODY: &[u8] = b"{\"identity\":1}";

const FORGED_NAMES: [&str; 8] = [
    "x-hookwarden-source",
    "X-Hookwarden-Key-Id",
    "x-hookwarden-event-id",
    "x-hookwarden-anything",
    "x_hookwarden_source",
    "X_Hookwarden-Key_Id",
    "x-hookwarden_event-id",
    "X_HOOKWARDEN_SOURCE",
];

#[test]
fn tells_the_source_and_the_secret_that_matched() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for protocol in BOTH {
        let seen = proxy.passes(protocol, &GITHUB.valid(BODY));
        assert_eq!(seen.header_text("x-hookwarden-source"), Some("github"));
        assert_eq!(seen.header_text("x-hookwarden-key-id"), Some("2026-11"));
        // GitHub signs no id.
        assert_eq!(seen.header("x-hookwarden-event-id"), None);

        let seen = proxy.passes(protocol, &STANDARD_WEBHOOKS.valid(BODY));
        assert_eq!(seen.header_text("x-hookwarden-key-id"), Some("1"));
        assert_eq!(seen.header_text("x-hookwarden-event-id"), Some(senders::EVENT_ID));
    }
}

#[test]
fn tells_only_the_source_where_the_chain_holds() {
    let Some(proxy) = CHAIN_HOLDS.take() else { return };
    for protocol in BOTH {
        let seen = proxy.passes(protocol, &GITHUB.valid(BODY));
        assert_eq!(seen.identity_headers(), ["x-hookwarden-source"]);
        assert_eq!(seen.header_text("x-hookwarden-source"), Some("github"));
    }
}

#[test]
fn forged_identity_headers_are_removed_from_proved_requests() {
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
        .with_trailer("x-other", "kept");
    let seen = proxy.passes(Protocol::Http2, &trailers);
    assert_eq!(seen.trailers, [("x-other".to_owned(), b"kept".to_vec())]);
}

#[test]
fn credentials_are_removed_only_where_the_source_says_so() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for protocol in BOTH {
        let request = senders::BASIC.valid(BODY);
        let seen = proxy.passes(protocol, &request.clone().at("/hooks/discreet"));
        assert_eq!(seen.header("authorization"), None);
        let seen = proxy.passes(protocol, &request);
        assert_eq!(seen.header("authorization"), Some(request.header("authorization")));
    }
}

fn with_forged_identity(request: Request) -> Request {
    let request = FORGED_NAMES.into_iter().fold(request, |request, name| request.with(name, "forged"));
    // Twice, because taking away one of two is easily done.
    request.with("x-hookwarden-source", "forged").with("x-other", "kept")
}
