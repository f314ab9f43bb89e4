//! Every sender through Envoy: valid requests pass, forged ones are denied.

use crate::harness::client::{BOTH, Request};
use crate::harness::senders::{self, Sender};
use crate::harness::setups::{CHAIN_HOLDS, CHAIN_HOLDS_TWO_WORKERS, FILTER_HOLDS, FILTER_HOLDS_TWO_WORKERS};
use crate::harness::{Proxy, SharedProxy};

const BODY: &[u8] = b"{\"zen\":\"Non-blocking is better than blocking.\",\"bytes\":\"\xff\x00\"}";

#[test]
fn every_sender_passes_and_its_forgeries_do_not_when_the_filter_holds() {
    each_sender(&FILTER_HOLDS);
}

#[test]
fn every_sender_passes_and_its_forgeries_do_not_when_the_filter_holds_on_two_workers() {
    each_sender(&FILTER_HOLDS_TWO_WORKERS);
}

#[test]
fn every_sender_passes_and_its_forgeries_do_not_when_the_chain_holds() {
    each_sender(&CHAIN_HOLDS);
}

#[test]
fn every_sender_passes_and_its_forgeries_do_not_when_the_chain_holds_on_two_workers() {
    each_sender(&CHAIN_HOLDS_TWO_WORKERS);
}

#[test]
fn a_scheme_written_in_the_configuration_does_what_the_provider_does() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for protocol in BOTH {
        let request = senders::GENERIC.valid(BODY).at("/hooks/in-house");
        let seen = proxy.passes(protocol, &request);
        assert_eq!(seen.header_text("x-hookwarden-source"), Some("in-house"));
        let forged = senders::GENERIC.forged(BODY).at("/hooks/in-house");
        proxy.denies(protocol, &forged, "in-house", "signature_mismatch");
    }
}

#[test]
fn denies_every_sender_when_its_proof_is_missing() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for sender in senders::ALL {
        let missing = match sender.source {
            "basic" | "bearer" | "header-token" => "credential_missing",
            // The event's name selects the secret.
            "servicestack" => continue,
            _ => "signature_missing",
        };
        for protocol in BOTH {
            proxy.denies(protocol, &Request::post(sender.path(), BODY), sender.source, missing);
        }
    }
}

#[test]
fn denies_when_the_body_is_changed_and_the_upstream_sees_nothing() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for sender in signing() {
        for protocol in BOTH {
            let mut changed = BODY.to_vec();
            *changed.last_mut().expect("a byte") ^= 1;
            let request = sender.valid(BODY).with_body(changed);
            proxy.denies(protocol, &request, sender.source, sender.mismatch);
        }
    }
}

#[test]
fn denies_when_the_body_is_truncated_or_extended_by_a_byte() {
    let Some(proxy) = FILTER_HOLDS.take() else { return };
    for sender in signing() {
        for body in [&BODY[1..], &BODY[..BODY.len() - 1], &[BODY, b" "].concat()] {
            let request = sender.valid(BODY).with_body(body);
            proxy.denies(crate::harness::client::Protocol::Http1, &request, sender.source, sender.mismatch);
        }
    }
}

fn signing() -> impl Iterator<Item = Sender> {
    senders::ALL.into_iter().filter(|sender| sender.mismatch == "signature_mismatch")
}

fn each_sender(shared: &'static SharedProxy) {
    let Some(proxy) = shared.take() else { return };
    for sender in senders::ALL {
        for protocol in BOTH {
            let seen = proxy.passes(protocol, &sender.valid(BODY));
            assert_eq!(seen.header_text("x-hookwarden-source"), Some(sender.source));
            proxy.denies(protocol, &sender.forged(BODY), sender.source, sender.mismatch);
        }
    }
    // Connections are spread over both workers.
    several_connections(&proxy);
}

fn several_connections(proxy: &Proxy) {
    for _ in 0..8 {
        for protocol in BOTH {
            proxy.passes(protocol, &senders::GITHUB.valid(BODY));
            proxy.denies(protocol, &senders::GITHUB.forged(BODY), "github", "signature_mismatch");
        }
    }
}
