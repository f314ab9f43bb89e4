//! Options of a source: several secrets, several checks, and the modes observe, disabled and closed.

use crate::harness::Proxy;
use crate::harness::client::{BOTH, Protocol, Request};
use crate::harness::senders::{self, BASIC, BEARER, GITHUB, hmac_sha256};
use crate::harness::setups::{self, CHAIN_HOLDS, FILTER_HOLDS, NEW_SECRET, OLD_SECRET};
use crate::hold::pattern;

const BODY: &[u8] = b"{\"source\":1}";
const ROTATED: &str = "/hooks/rotated";

#[test]
fn any_of_several_secrets_matches_and_the_metrics_show_which() {
    for shared in [&FILTER_HOLDS, &CHAIN_HOLDS] {
        let Some(proxy) = shared.take() else { return };
        // Larger than one read of the body, so that the second secret re-reads several parts.
        let large = pattern(200_000);
        for protocol in BOTH {
            // In this order, because the secret that matched last is tried first.
            for (secret, id) in [(OLD_SECRET, "old"), (NEW_SECRET, "new"), (OLD_SECRET, "old"), (OLD_SECRET, "old")] {
                for body in [BODY, b"", &large] {
                    let before = proxy.metric(&format!("source.rotated.matches.{id}"));
                    let request = senders::github(ROTATED, secret, body).in_chunks(1 + body.len() / 9);
                    let seen = proxy.passes(protocol, &request);
                    if let Some(reported) = seen.header_text("x-hookwarden-key-id") {
                        assert_eq!(reported, id);
                    }
                    assert_eq!(proxy.metric(&format!("source.rotated.matches.{id}")), before + 1);
                }
            }
            let forged = senders::github(ROTATED, GITHUB.secret, &large).in_chunks(10_000);
            proxy.denies(protocol, &forged, "rotated", "signature_mismatch");
        }
    }
}

#[test]
fn several_secrets_with_trailers_re_read_the_body() {
    for shared in [&FILTER_HOLDS, &CHAIN_HOLDS] {
        let Some(proxy) = shared.take() else { return };
        let large = pattern(100_000);
        for secret in [NEW_SECRET, OLD_SECRET, NEW_SECRET] {
            let request = senders::github(ROTATED, secret, &large).with_trailer("x-checksum", "abc");
            proxy.passes(Protocol::Http2, &request);
        }
        let forged = senders::github(ROTATED, GITHUB.secret, &large).with_trailer("x-checksum", "abc");
        proxy.denies(Protocol::Http2, &forged, "rotated", "signature_mismatch");
    }
}

#[test]
fn an_expired_secret_matches_nothing() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for protocol in BOTH {
        let request = senders::github("/hooks/expired", OLD_SECRET, BODY);
        proxy.denies(protocol, &request, "expired", "secret_inactive");
    }
}

#[test]
fn all_checks_of_a_list_must_verify() {
    for shared in [&FILTER_HOLDS, &CHAIN_HOLDS] {
        let Some(proxy) = shared.take() else { return };
        let credential = BASIC.valid(BODY).header("Authorization").to_vec();
        let wrong = BASIC.forged(BODY).header("Authorization").to_vec();
        for protocol in BOTH {
            let signed = GITHUB.valid(BODY).at("/hooks/both");
            proxy.passes(protocol, &signed.clone().with("Authorization", &credential));
            let reply = proxy.denies(protocol, &signed, "both", "credential_missing");
            assert_eq!(reply.header("www-authenticate"), Some("Basic realm=\"hookwarden\""));
            let request = signed.with("Authorization", &wrong);
            proxy.denies(protocol, &request, "both", "credential_mismatch");
            let request = GITHUB.forged(BODY).at("/hooks/both").with("Authorization", &credential);
            proxy.denies(protocol, &request, "both", "signature_mismatch");
            let request = Request::post("/hooks/both", BODY).with("Authorization", &credential);
            proxy.denies(protocol, &request, "both", "signature_missing");
        }
    }
}

#[test]
fn one_of_several_checks_is_enough_with_any() {
    for shared in [&FILTER_HOLDS, &CHAIN_HOLDS] {
        let Some(proxy) = shared.take() else { return };
        for protocol in BOTH {
            proxy.passes(protocol, &GITHUB.valid(BODY).at("/hooks/either"));
            proxy.passes(protocol, &BEARER.valid(BODY).at("/hooks/either"));
            let request = GITHUB.forged(BODY).at("/hooks/either");
            proxy.denies(protocol, &request, "either", "signature_mismatch");
            let reply = Request::post("/hooks/either", BODY).send(proxy.address, protocol);
            assert_eq!(reply.status, 401);
        }
    }
}

#[test]
fn an_observed_source_passes_everything_and_counts_what_it_would_deny() {
    for shared in [&FILTER_HOLDS, &CHAIN_HOLDS] {
        let Some(proxy) = shared.take() else { return };
        for protocol in BOTH {
            let before = proxy.metrics();
            let count = |metrics: &std::collections::BTreeMap<String, u64>, name: &str| {
                metrics.get(&format!("source.observed.{name}")).copied().unwrap_or(0)
            };
            let seen = proxy.passes(protocol, &GITHUB.forged(BODY).at("/hooks/observed"));
            assert_eq!(seen.header("x-hookwarden-key-id"), None, "nothing was verified");
            proxy.passes(protocol, &Request::post("/hooks/observed", BODY));
            proxy.passes(protocol, &GITHUB.valid(BODY).at("/hooks/observed"));
            let after = proxy.metrics();
            for (name, more) in [
                ("requests.observed", 2),
                ("requests.passed", 1),
                ("requests.denied", 0),
                ("denials.signature_mismatch", 1),
                ("denials.signature_missing", 1),
            ] {
                assert_eq!(count(&after, name) - count(&before, name), more, "{name}");
            }
        }
    }
}

#[test]
fn an_observed_source_does_not_identify_a_forgery_as_verified() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    let forged = GITHUB
        .forged(BODY)
        .at("/hooks/observed")
        .with("x-hookwarden-source", "github")
        .with("x-hookwarden-key-id", "1");
    let seen = proxy.passes(Protocol::Http1, &forged);
    assert_eq!(seen.header("x-hookwarden-key-id"), None);
    assert_ne!(seen.header("x-hookwarden-source"), Some(b"github".as_slice()));
}

#[test]
fn an_observed_denial_is_logged_as_observed() {
    let Some(proxy) = Proxy::start(&setups::main(crate::harness::bootstrap::Hold::Filter, 1)) else { return };
    proxy.passes(Protocol::Http1, &GITHUB.forged(BODY).at("/hooks/observed"));
    let line = proxy.wait_for_log(&["wasm log hookwarden", "\"event\":\"observed\""]);
    assert!(line.contains("\"code\":\"signature_mismatch\""), "{line}");
    proxy.wait_for_log(&["\"hookwarden\":\"source=observed outcome=observed code=signature_mismatch"]);
}

#[test]
fn a_disabled_source_sends_retry_after() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for protocol in BOTH {
        let request = GITHUB.valid(BODY).at("/hooks/disabled");
        let reply = proxy.denies(protocol, &request, "disabled", "source_disabled");
        assert_eq!(reply.header("retry-after"), Some("30"));
    }
}

#[test]
fn a_missing_variable_closes_only_its_own_source() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for protocol in BOTH {
        let request = GITHUB.valid(BODY).at("/hooks/closed");
        let reply = proxy.denies(protocol, &request, "closed", "source_closed");
        assert_eq!(reply.header("retry-after"), Some("30"));
        // Signed with values that a missing secret could be mistaken for.
        for guess in ["", "None", "null", setups::ABSENT_VARIABLE] {
            let tag: String = hmac_sha256(guess.as_bytes(), &[BODY]).iter().map(|b| format!("{b:02x}")).collect();
            let request = Request::post("/hooks/closed", BODY).with("X-Hub-Signature-256", format!("sha256={tag}"));
            proxy.denies(protocol, &request, "closed", "source_closed");
        }
        proxy.passes(protocol, &GITHUB.valid(BODY));
    }
    assert_eq!(proxy.metric("sources_closed"), 2);
    proxy.wait_for_log(&["[error]", "wasm log hookwarden", "source closed is closed"]);
    proxy.wait_for_log(&["wasm log hookwarden", ".verify.secrets[0].env: is not set"]);
}

#[test]
fn an_unusable_variable_closes_only_its_own_source() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for protocol in BOTH {
        for guess in [setups::UNUSABLE_SECRET, setups::UNUSABLE_SECRET.trim_matches('\''), ""] {
            let tag: String = hmac_sha256(guess.as_bytes(), &[BODY]).iter().map(|b| format!("{b:02x}")).collect();
            let request = Request::post("/hooks/closed-too", BODY).with("X-Hub-Signature-256", format!("sha256={tag}"));
            let reply = proxy.denies(protocol, &request, "closed-too", "source_closed");
            assert_eq!((reply.status, reply.header("retry-after")), (503, Some("30")));
        }
        proxy.passes(protocol, &GITHUB.valid(BODY));
    }
    proxy.wait_for_log(&["[error]", "wasm log hookwarden", "source closed-too is closed"]);
    let line = proxy.wait_for_log(&["wasm log hookwarden", ".verify.secrets[0].env: is enclosed in quotation marks"]);
    assert!(!line.contains("unusable-secret"), "{line}");
}
