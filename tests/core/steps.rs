//! Consequences of a decision besides the verdict: waits, marks, and counts.

use std::time::Duration;

use hookwarden::filter::Exchange;
use hookwarden::step::{Edits, Outcome, Refusal, Step, Tally};
use hookwarden::verify::Denial;
use serde_json::{Value, json};

use crate::proxy::Proxy;
use crate::support::{Sent, provider, source, with};

const SECRET: &str = "a-secret-of-sixteen-or-more";

fn proxy(replay: Value) -> Proxy {
    Proxy::new(with(source("hook", "/hook", provider("github", &[SECRET])), "replay", replay))
}

/// Sends this body, signed; returns the exchange and what was forwarded.
fn send(proxy: &Proxy, body: &str) -> (Exchange, Edits, Outcome) {
    let (way, step) = proxy.send(&Sent::github("/hook", SECRET, body));
    let Step::Continue(passage) = step else { panic!("{body}: held") };
    let (edits, record) = passage.into_parts();
    (way.exchange, edits, record.expect("a verdict").outcome)
}

#[test]
fn retry_after_is_rounded_up_to_at_least_one_second() {
    for (millis, expected) in [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (1500, 2), (2000, 2), (59_001, 60)] {
        let refusal = Refusal::until(Denial::RateLimited, Duration::from_millis(millis));
        assert_eq!(
            refusal,
            Refusal { denial: Denial::RateLimited, status: None, retry_after: Some(expected) },
            "{millis} ms"
        );
    }
    let nanosecond = Duration::from_secs(1) + Duration::from_nanos(1);
    assert_eq!(Refusal::until(Denial::RateLimited, nanosecond).retry_after, Some(2));
}

#[test]
fn a_forwarded_duplicate_is_marked_and_counted_and_the_first_is_not() {
    let proxy = proxy(json!({ "window": "1h", "duplicate": "pass" }));
    let mark = ("x-hookwarden-duplicate", b"true".to_vec());
    let (mut first, edits, outcome) = send(&proxy, "one");
    assert_eq!(outcome, Outcome::Passed);
    assert!(!edits.set.contains(&mark), "{edits:?}");
    assert_eq!(first.take_tally(), Some(Tally { remembered: 1, ..Tally::default() }));

    let (mut second, edits, outcome) = send(&proxy, "one");
    assert_eq!(outcome, Outcome::Passed);
    assert!(edits.set.contains(&mark), "{edits:?}");
    assert_eq!(second.take_tally(), Some(Tally { duplicates_passed: 1, ..Tally::default() }));
    assert!(!second.awaits_response(), "it has no claim that could be given back");
}

#[test]
fn a_count_after_the_verdict_belongs_to_the_same_source_and_happens_once() {
    let proxy = proxy(json!({ "window": "1h" }));
    let (mut exchange, ..) = send(&proxy, "one");
    assert_eq!(exchange.take_tally(), Some(Tally { remembered: 1, ..Tally::default() }));
    assert_eq!(exchange.take_tally(), None, "it was counted already");
    assert!(exchange.awaits_response());
    let step = exchange.on_response(Some(500), || true, &proxy.context());
    assert!(matches!(step, Step::Continue(_)));
    let given_back = Tally { remembered: -1, given_back: 1, ..Tally::default() };
    assert_eq!(exchange.take_tally(), Some(given_back));
    assert_eq!(exchange.take_tally(), None);
    // And the event may be retried.
    assert_eq!(send(&proxy, "one").2, Outcome::Passed);
}
