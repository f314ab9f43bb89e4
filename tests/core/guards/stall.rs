//! Held requests whose body does not arrive.

use std::time::Duration;

use hookwarden::guard::stall::{BODY_TIMEOUT, StallGuard};
use hookwarden::verify::Denial;

use super::after;

const TIMEOUT: Duration = Duration::from_secs(10);

fn guard() -> StallGuard<&'static str> {
    StallGuard::new(TIMEOUT)
}

#[test]
fn a_host_that_never_delivered_a_body_is_blamed_exactly_after_the_configured_time() {
    let mut guard = guard();
    guard.hold(7, "first", after(0));
    guard.hold(9, "second", after(1));
    assert_eq!(guard.denial(), Denial::HoldUnsupported);
    assert_eq!(guard.stalled(after(9_999)), [0; 0]);
    assert_eq!(guard.stalled(after(10_000)), [7]);
    assert_eq!(guard.stalled(after(10_001)), [7, 9]);
}

#[test]
fn after_the_first_body_the_sender_is_blamed() {
    let mut guard = guard();
    guard.hold(7, "delivered", after(0));
    guard.hold(9, "late", after(0));
    guard.delivered(7);
    assert_eq!(guard.denial(), Denial::BodyTimeout);
    let limit = u64::try_from(BODY_TIMEOUT.as_millis()).unwrap();
    assert_eq!(guard.stalled(after(limit - 1)), [0; 0]);
    assert_eq!(guard.stalled(after(limit)), [9]);
}

#[test]
fn a_body_of_a_request_that_was_not_held_is_no_evidence_about_the_host() {
    let mut guard = guard();
    guard.hold(7, "held", after(0));
    guard.delivered(8);
    assert_eq!(guard.denial(), Denial::HoldUnsupported);
}

#[test]
fn a_finished_or_answered_stream_is_not_answered_again() {
    let mut guard = guard();
    guard.hold(7, "over", after(0));
    guard.hold(9, "answered", after(0));
    guard.forget(7);
    assert_eq!(guard.denial(), Denial::HoldUnsupported, "the end of a stream is not a body");
    assert_eq!(guard.take(7), None);
    assert_eq!(guard.take(9), Some("answered"));
    assert_eq!(guard.take(9), None);
    assert_eq!(guard.stalled(after(60_000)), [0; 0]);
}

#[test]
fn a_clock_that_goes_back_makes_nobody_late() {
    let mut guard = guard();
    guard.hold(7, "held", after(20_000));
    assert_eq!(guard.stalled(after(0)), [0; 0]);
}
