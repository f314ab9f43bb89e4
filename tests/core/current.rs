//! Which configuration is the live one: read last, reached by the newest connection, or the only one left.

use hookwarden::report::current::{Current, Sums};
use hookwarden::verify::primitives::timestamp::UnixTime;

use crate::guards::memory::Shared;
use crate::support::NOW;

fn now() -> UnixTime {
    UnixTime::from_secs(NOW)
}

fn open(text: &str, memory: &Shared) -> Current {
    Current::open("plugin", text.as_bytes(), memory)
}

/// Whether each is the live one, after a tick of all.
fn live<const N: usize>(all: [&Current; N], memory: &Shared) -> [bool; N] {
    all.map(|current| current.on_tick(now(), memory).is_some())
}

#[test]
fn the_configuration_that_was_read_last_is_live_and_the_first_of_its_threads_reports_it() {
    let memory = Shared::default();
    let (one, other) = (open("one", &memory), open("one", &memory));
    assert!(one.take_over(now(), &memory));
    assert!(!other.take_over(now(), &memory), "another thread of the same configuration");
    let two = open("two", &memory);
    assert!(two.take_over(now(), &memory));
    assert_eq!(live([&one, &other, &two], &memory), [false, false, true]);
    assert!(one.take_over(now(), &memory), "read again");
    assert_eq!(live([&one, &other, &two], &memory), [true, true, false]);
}

#[test]
fn the_configuration_that_gets_the_newest_connection_is_live() {
    let memory = Shared::default();
    let (one, two) = (open("one", &memory), open("two", &memory));
    one.take_over(now(), &memory);
    one.on_connection(Some(7), now(), &memory);
    two.take_over(now(), &memory);
    assert_eq!(live([&one, &two], &memory), [false, true]);
    assert!(one.wants_connection());
    one.on_connection(Some(7), now(), &memory);
    assert_eq!(live([&one, &two], &memory), [false, true], "a connection that it had before");
    two.on_connection(Some(9), now(), &memory);
    one.on_connection(Some(8), now(), &memory);
    assert_eq!(live([&one, &two], &memory), [false, true], "one that the live one has passed");
    one.on_connection(Some(10), now(), &memory);
    assert_eq!(live([&one, &two], &memory), [true, false], "a new one: the host has returned to it");
    two.on_connection(Some(9), now(), &memory);
    assert_eq!(live([&one, &two], &memory), [true, false]);
}

#[test]
fn when_the_live_configuration_ends_another_one_is_live() {
    let memory = Shared::default();
    let (one, two) = (open("one", &memory), open("two", &memory));
    one.take_over(now(), &memory);
    two.take_over(now(), &memory);
    one.end(&memory);
    assert_eq!(live([&one, &two], &memory), [false, true], "the end of a former one changes nothing");
    let (one, two) = (open("one", &memory), open("two", &memory));
    one.take_over(now(), &memory);
    two.take_over(now(), &memory);
    two.end(&memory);
    assert_eq!(live([&two, &one], &memory), [false, true], "what has ended does not come back");
}

#[test]
fn a_live_configuration_looks_at_one_connection_between_two_ticks() {
    let memory = Shared::default();
    let one = open("one", &memory);
    one.take_over(now(), &memory);
    for connection in 1..5 {
        assert!(one.wants_connection());
        one.on_connection(Some(connection), now(), &memory);
        assert!(!one.wants_connection());
        one.on_tick(now(), &memory);
    }
}

#[test]
fn each_plugin_has_a_live_configuration_and_the_totals_are_of_all() {
    let memory = Shared::default();
    let one = Current::open("one", b"text", &memory);
    let two = Current::open("two", b"another", &memory);
    assert!(one.take_over(now(), &memory));
    assert!(two.take_over(now(), &memory));
    assert!(live_both(&one, &two, &memory));
    let sums = |closed, expiring| Sums { closed, expiring, fingerprint: 5 };
    let total = |closed, expiring, fingerprint| Sums { closed, expiring, fingerprint };
    assert_eq!(one.count(sums(1, 2), &memory).sums, total(1, 2, 5));
    assert_eq!(two.count(sums(4, 0), &memory).sums, total(5, 2, 10));
    assert_eq!(one.count(sums(0, 2), &memory).sums, total(4, 2, 10));
    two.on_connection(Some(3), now(), &memory);
    one.on_connection(Some(2), now(), &memory);
    assert!(live_both(&one, &two, &memory));
}

fn live_both(one: &Current, two: &Current, memory: &Shared) -> bool {
    live([one, two], memory) == [true, true]
}

#[test]
fn a_hundred_plugins_fill_no_more_memory_than_thirty_two() {
    let memory = Shared::default();
    for number in 0..100 {
        let plugin = Current::open(&format!("plugin-{number}"), b"text", &memory);
        assert!(plugin.take_over(now(), &memory));
        assert!(plugin.on_tick(now(), &memory).is_some());
    }
    let list = hookwarden::guard::memory::Memory::read(&memory, "hookwarden.current").expect("it is there");
    assert!(list.value.len() <= 32 * 64, "{}", list.value.len());
}

#[test]
fn without_shared_memory_every_thread_reports_and_writes() {
    let memory = Shared::default();
    let one = open("one", &memory);
    memory.refuse(true);
    assert!(one.take_over(now(), &memory));
    assert!(one.on_tick(now(), &memory).is_some());
    let sums = Sums { closed: 1, expiring: 2, fingerprint: 3 };
    assert_eq!(one.count(sums, &memory).sums, sums);
}
