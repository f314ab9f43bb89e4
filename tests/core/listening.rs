//! Limits on failed verifications of an address, with many requests at a time, and warnings about addresses.

use hookwarden::filter::{Context, Exchange};
use hookwarden::guard::address::AddressWarning;
use hookwarden::guard::peer::Peer;
use hookwarden::step::{Record, Step};
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::{Denial, Request, borrowed};
use serde_json::{Value, json};

use crate::delivery::Buffer;
use crate::proxy::Proxy;
use crate::support::{NOW, Sent, provider, source, with};

const SECRET: &str = "a-secret-of-sixteen-or-more";
const BODY: &[u8] = b"{\"a\":1}";

/// A source with these guards, and the state that its requests share.
struct Site(Proxy);

/// A plaintext client at an address.
struct At(&'static str);

impl Peer for At {
    fn address(&self) -> Option<Vec<u8>> {
        Some(self.0.as_bytes().to_vec())
    }

    fn tls_version(&self) -> Option<Vec<u8>> {
        None
    }

    fn has_client_certificate(&self) -> bool {
        false
    }
}

impl Site {
    fn new(members: &[(&str, Value)]) -> Self {
        let hook = source("hook", "/hook", provider("github", &[SECRET]));
        let hook = members.iter().fold(hook, |hook, (name, member)| with(hook, name, member.clone()));
        Self(Proxy::new(hook))
    }

    fn limited(failures: u32) -> Self {
        Self::new(&[("flood_limit", json!({ "failures": failures, "per": "1h" }))])
    }

    /// An observing source, whose bodies are not held; three failures an hour.
    fn observed(members: &[(&str, Value)]) -> Self {
        let limit = ("flood_limit", json!({ "failures": 3, "per": "1h" }));
        Self::new(&[members, &[("mode", json!("observe")), limit]].concat())
    }

    fn context<'a>(&'a self, peer: &'a At, millis: u64) -> Context<'a> {
        self.0.context_of(peer, UnixTime::from_millis(NOW * 1000 + millis))
    }

    /// A request whose headers have arrived.
    fn begun(&self, peer: &At, sent: &Sent, millis: u64) -> (Exchange, Step) {
        let mut exchange = self.0.request().exchange;
        let step = exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &self.context(peer, millis));
        (exchange, step)
    }

    /// Sends a whole request and returns its code.
    fn send(&self, peer: &At, sent: &Sent, millis: u64) -> &'static str {
        let (mut exchange, step) = self.begun(peer, sent, millis);
        if step != Step::Hold {
            return code(step).0;
        }
        let body = Buffer { bytes: &sent.body, len: sent.body.len() };
        code(exchange.on_body(&body, true, &self.context(peer, millis))).0
    }
}

fn valid() -> Sent {
    Sent::github("/hook", SECRET, BODY)
}

fn forged() -> Sent {
    Sent::github("/hook", "another-secret", BODY)
}

/// The code, and how many bytes were hashed.
fn code(step: Step) -> (&'static str, u64) {
    let of = |record: &Record| (record.denial().map_or("verified", Denial::code), record.hashed);
    match step {
        Step::Deny(record) => of(&record),
        Step::Continue(passage) => passage.into_parts().1.as_ref().map_or(("verified", 0), of),
        Step::Answer(_) => ("answered", 0),
        Step::Hold | Step::Call(_) => ("held", 0),
    }
}

#[test]
fn requests_in_progress_are_not_hashed_once_their_address_failed_too_often() {
    let site = Site::limited(5);
    let peer = At("192.0.2.7:4000");
    let sent = forged();
    let begun: Vec<_> = (0..450)
        .map(|_| {
            let (exchange, step) = site.begun(&peer, &sent, 0);
            assert_eq!(step, Step::Hold, "nothing failed yet");
            exchange
        })
        .collect();
    let body = Buffer { bytes: BODY, len: BODY.len() };
    let ended = begun.into_iter().map(|mut exchange| code(exchange.on_body(&body, true, &site.context(&peer, 1))));
    let ended: Vec<_> = ended.collect();
    let (failed, refused) = ended.split_at(5);
    assert!(failed.iter().all(|end| *end == ("signature_mismatch", BODY.len() as u64)), "{failed:?}");
    assert!(refused.iter().all(|end| *end == ("flood_limited", 0)), "{refused:?}");
}

#[test]
fn nothing_is_hashed_for_requests_whose_ends_are_withheld() {
    let site = Site::limited(5);
    let peer = At("192.0.2.7:4000");
    let half = Buffer { bytes: BODY, len: 3 };
    let whole = Buffer { bytes: BODY, len: BODY.len() };
    for by_trailers in [false, true] {
        let at = if by_trailers { At("192.0.2.8:4000") } else { At(peer.0) };
        let begun: Vec<_> = (0..450)
            .map(|_| {
                let (mut exchange, _) = site.begun(&at, &forged(), 0);
                assert_eq!(exchange.on_body(&half, false, &site.context(&at, 0)), Step::Hold);
                assert_eq!(exchange.on_body(&whole, false, &site.context(&at, 0)), Step::Hold);
                assert!(!exchange.awaits_end(), "something was hashed");
                exchange
            })
            .collect();
        let ended = begun.into_iter().map(|mut exchange| {
            code(if by_trailers {
                exchange.on_trailers(&Buffer { bytes: BODY, len: usize::MAX }, &site.context(&at, 1))
            } else {
                exchange.on_body(&whole, true, &site.context(&at, 1))
            })
        });
        let ended: Vec<_> = ended.collect();
        let (failed, refused) = ended.split_at(5);
        assert!(failed.iter().all(|end| *end == ("signature_mismatch", BODY.len() as u64)), "{failed:?}");
        assert!(refused.iter().all(|end| *end == ("flood_limited", 0)), "{refused:?}");
    }
}

#[test]
fn a_body_in_pieces_is_verified_at_its_end() {
    let site = Site::limited(5);
    let peer = At("192.0.2.7:4000");
    for by_trailers in [false, true] {
        let (mut exchange, _) = site.begun(&peer, &valid(), 0);
        for len in 1..BODY.len() {
            let piece = Buffer { bytes: BODY, len };
            assert_eq!(exchange.on_body(&piece, false, &site.context(&peer, 0)), Step::Hold);
        }
        let whole = Buffer { bytes: BODY, len: BODY.len() };
        let step = if by_trailers {
            assert_eq!(exchange.on_body(&whole, false, &site.context(&peer, 0)), Step::Hold);
            exchange.on_trailers(&whole, &site.context(&peer, 0))
        } else {
            exchange.on_body(&whole, true, &site.context(&peer, 0))
        };
        assert_eq!(code(step), ("verified", BODY.len() as u64), "by trailers: {by_trailers}");
    }
}

#[test]
fn a_body_that_is_not_held_is_hashed_no_further_once_its_address_failed_too_often() {
    let site = Site::observed(&[]);
    for by_trailers in [false, true] {
        let peer = if by_trailers { At("192.0.2.8:4000") } else { At("192.0.2.7:4000") };
        let (mut slow, step) = site.begun(&peer, &forged(), 0);
        assert!(matches!(step, Step::Continue(_)), "{step:?}");
        let piece = Buffer { bytes: BODY, len: 3 };
        assert!(matches!(slow.on_body(&piece, false, &site.context(&peer, 0)), Step::Continue(_)));
        for _ in 0..3 {
            let (mut other, _) = site.begun(&peer, &forged(), 1);
            let whole = Buffer { bytes: BODY, len: BODY.len() };
            assert_eq!(code(other.on_body(&whole, true, &site.context(&peer, 1))).0, "signature_mismatch");
        }
        let rest = Buffer { bytes: &BODY[3..], len: BODY.len() - 3 };
        let end = if by_trailers {
            slow.on_trailers(&Buffer { bytes: &[], len: usize::MAX }, &site.context(&peer, 2))
        } else {
            slow.on_body(&rest, true, &site.context(&peer, 2))
        };
        assert_eq!(code(end), ("flood_limited", 3));
    }
}

#[test]
fn a_body_aborted_after_some_of_it_was_hashed_counts_as_a_failure() {
    let site = Site::observed(&[]);
    let peer = At("192.0.2.7:4000");
    for _ in 0..3 {
        let (mut exchange, _) = site.begun(&peer, &forged(), 0);
        assert!(!exchange.awaits_end(), "nothing was hashed");
        let half = Buffer { bytes: BODY, len: 3 };
        exchange.on_body(&half, false, &site.context(&peer, 0));
        assert!(exchange.awaits_end());
        exchange.on_end(&site.context(&peer, 0));
    }
    assert_eq!(code(site.begun(&peer, &forged(), 1).1).0, "flood_limited");
    // A request that ends before any of its body was hashed does not count.
    let held = Site::limited(3);
    for _ in 0..10 {
        let (mut exchange, _) = held.begun(&peer, &forged(), 0);
        let half = Buffer { bytes: BODY, len: 3 };
        assert_eq!(exchange.on_body(&half, false, &held.context(&peer, 0)), Step::Hold);
        exchange.on_end(&held.context(&peer, 0));
    }
    assert_eq!(held.send(&peer, &valid(), 1), "verified");
}

#[test]
fn a_body_that_becomes_too_large_while_it_is_hashed_counts_as_a_failure() {
    let small = ("max_body_bytes", json!(4));
    let site = Site::observed(std::slice::from_ref(&small));
    let peer = At("192.0.2.7:4000");
    for _ in 0..3 {
        let (mut exchange, _) = site.begun(&peer, &forged(), 0);
        let piece = Buffer { bytes: &BODY[..3], len: 3 };
        exchange.on_body(&piece, false, &site.context(&peer, 0));
        let rest = Buffer { bytes: &BODY[3..], len: BODY.len() - 3 };
        assert_eq!(code(exchange.on_body(&rest, false, &site.context(&peer, 0))).0, "body_too_large");
    }
    let (_, step) = site.begun(&peer, &forged(), 1);
    assert_eq!(code(step).0, "flood_limited");
    // A request that is refused before anything is hashed does not count, whether it declared its length or not.
    let held = Site::new(&[("flood_limit", json!({ "failures": 3, "per": "1h" })), small]);
    for declares in [true, false] {
        for _ in 0..10 {
            let sent = if declares { forged().header("content-length", "7") } else { forged() };
            let (mut exchange, step) = held.begun(&peer, &sent, 0);
            let whole = Buffer { bytes: BODY, len: BODY.len() };
            let step = if declares { step } else { exchange.on_body(&whole, false, &held.context(&peer, 0)) };
            assert_eq!(code(step), ("body_too_large", 0));
        }
    }
    assert_eq!(held.begun(&peer, &forged(), 1).1, Step::Hold);
}

#[test]
fn an_address_with_a_verified_request_may_still_try_after_strangers_failed_too_often() {
    let site = Site::limited(5);
    let (sender, stranger) = (At("192.0.2.7:4000"), At("192.0.2.7:5000"));
    assert_eq!(site.send(&sender, &valid(), 0), "verified");
    let codes: Vec<_> = (0..500).map(|_| site.send(&stranger, &forged(), 10)).collect();
    let failed = codes.iter().filter(|code| **code == "signature_mismatch").count();
    assert_eq!(failed, 5 + 20, "the limit, and the burst of the address's lane");
    assert_eq!(codes.iter().filter(|code| **code == "flood_limited").count(), 500 - failed);

    // The lane of the sender's open connection belongs to it alone.
    for millis in 0..100 {
        assert_eq!(site.send(&stranger, &forged(), 20 + millis), "flood_limited");
        assert_eq!(site.send(&sender, &valid(), 20 + millis), "verified");
        // Each verified request also refills the lane of the address: strangers get that many tries and no more.
        for _ in 0..20 {
            assert_eq!(site.send(&stranger, &forged(), 20 + millis), "signature_mismatch");
        }
    }
    // A new connection of the sender shares the address's lane with everybody else there.
    let anew = At("192.0.2.7:6000");
    assert_eq!(site.send(&anew, &valid(), 130), "flood_limited");
    assert_eq!(site.send(&anew, &valid(), 130 + 200), "verified", "a try comes back in a fifth of a second");
    // Other addresses are not affected.
    assert_eq!(site.send(&At("192.0.2.8:4000"), &forged(), 400), "signature_mismatch");
}

#[test]
fn only_a_verified_request_of_the_last_day_gives_an_address_a_lane() {
    let site = Site::limited(5);
    let (old, none) = (At("192.0.2.7:0"), At("192.0.2.8:4000"));
    let day = 86_400_000;
    assert_eq!(site.send(&old, &valid(), 0), "verified");
    for peer in [&old, &none] {
        let codes: Vec<_> = (0..10).map(|_| site.send(peer, &forged(), day)).collect();
        assert_eq!(codes[4..6], ["signature_mismatch", "flood_limited"], "{}", peer.0);
        assert_eq!(site.send(peer, &valid(), day + 1000), "flood_limited");
    }
}

#[test]
fn a_lane_is_bounded_whatever_strangers_send() {
    let site = Site::limited(5);
    let peer = At("192.0.2.7:0");
    assert_eq!(site.send(&peer, &valid(), 0), "verified");
    let minute = 60_000;
    let failed = (0..minute).filter(|millis| site.send(&peer, &forged(), *millis) == "signature_mismatch").count();
    assert!((5 + 20 + 299..=5 + 20 + 301).contains(&failed), "{failed} of {minute} in a minute");
}

#[test]
fn an_address_warning_is_given_even_for_a_refused_address() {
    let office = ("allow_from", json!(["192.0.2.0/24"]));
    let limit = ("flood_limit", json!({ "failures": 1, "per": "1h" }));
    let tls = ("transport", json!({ "https": true }));
    // Azure's format, which Envoy cannot parse, so that it reports the proxy's address.
    let sent = valid().header("X-Forwarded-For", "203.0.113.9:1234");
    for (site, peer, expected) in [
        (Site::new(std::slice::from_ref(&office)), At("10.0.0.3:80"), "address_denied"),
        (Site::new(&[office.clone(), tls]), At("10.0.0.3:80"), "transport_insecure"),
        (Site::new(&[limit]), At("10.0.0.3:80"), "held"),
    ] {
        let (mut exchange, step) = site.begun(&peer, &sent, 0);
        assert_eq!(code(step).0, expected);
        assert_eq!(
            exchange.take_tally().and_then(|tally| tally.address_warning),
            Some(AddressWarning::Shared),
            "{expected}"
        );
    }
    let site = Site::new(&[office]);
    let (mut exchange, step) = site.begun(&At("203.0.113.9:0"), &valid().header("X-Forwarded-For", "203.0.113.9"), 0);
    assert_eq!(code(step).0, "address_denied");
    assert_eq!(exchange.take_tally().and_then(|tally| tally.address_warning), Some(AddressWarning::Forgeable));
    let (mut exchange, _) = site.begun(&At("203.0.113.9:80"), &valid(), 0);
    assert_eq!(exchange.take_tally().and_then(|tally| tally.address_warning), None, "there is nothing to warn about");
}
