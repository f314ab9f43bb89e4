use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hookwarden::guard::budget::{Budget, BudgetBy, BudgetRule, Exceeded, Subject};
use hookwarden::guard::memory::NotWritten;
use hookwarden::guard::rate::Rate;
use hookwarden::verify::primitives::timestamp::UnixTime;

use super::memory::Shared;
use super::{after, ip};

const FAILED: Result<(), Exceeded> = Err(Exceeded::Failed(NotWritten::Failed));

/// A limit per minute.
fn rule(by: BudgetBy, requests: u32) -> BudgetRule {
    BudgetRule { rate: Rate::new(requests, Duration::from_secs(60), requests), by }
}

fn open(memory: &Shared, by: BudgetBy, requests: u32) -> Budget {
    Budget::open(memory, &rule(by, requests), "s", &["new", "old", "new"]).unwrap()
}

/// Takes as many as are left.
fn drain(budget: &Budget, memory: &Shared, subject: Subject<'_>, now: UnixTime) -> usize {
    (0..100_000).take_while(|_| budget.take(memory, subject, now).is_ok()).count()
}

#[test]
fn a_source_has_one_budget() {
    let memory = Shared::default();
    let budget = open(&memory, BudgetBy::Source, 6);
    assert_eq!(budget.by(), BudgetBy::Source);
    assert_eq!(drain(&budget, &memory, Subject::Source, after(0)), 6);
    let wait = Exceeded::Wait(Duration::from_secs(10));
    assert_eq!(budget.take(&memory, Subject::Source, after(0)), Err(wait));
    assert_eq!(drain(&budget, &memory, Subject::Source, after(9_999)), 0);
    assert_eq!(drain(&budget, &memory, Subject::Source, after(10_000)), 1);
    let other = Budget::open(&memory, &rule(BudgetBy::Source, 6), "other", &[]).unwrap();
    assert_eq!(drain(&other, &memory, Subject::Source, after(0)), 6, "another source has its own");
}

#[test]
fn every_key_has_its_own_budget() {
    let memory = Shared::default();
    let budget = open(&memory, BudgetBy::Key, 3);
    for id in ["new", "old"] {
        assert_eq!(drain(&budget, &memory, Subject::Key(id), after(0)), 3, "{id}");
        assert_eq!(drain(&budget, &memory, Subject::Key(id), after(0)), 0, "{id}");
    }
    assert_eq!(budget.take(&memory, Subject::Key("unknown"), after(0)), FAILED, "one that nobody configured");
}

#[test]
fn every_client_has_its_own_budget() {
    let memory = Shared::default();
    let budget = open(&memory, BudgetBy::Address, 3);
    for (address, expected) in [
        ("192.0.2.7", 3),
        ("192.0.2.8", 3),
        ("::ffff:192.0.2.7", 0),
        ("2001:db8:0:7::1", 3),
        ("2001:db8:0:7::2", 0),
        ("2001:db8:0:8::1", 3),
    ] {
        assert_eq!(drain(&budget, &memory, Subject::Address(ip(address)), after(0)), expected, "{address}");
    }
    let other = Budget::open(&memory, &rule(BudgetBy::Address, 3), "other", &[]).unwrap();
    assert_eq!(drain(&other, &memory, Subject::Address(ip("192.0.2.7")), after(0)), 3, "at another source");
}

#[test]
fn a_subject_of_another_kind_has_no_budget() {
    let memory = Shared::default();
    let subjects = [Subject::Source, Subject::Key("new"), Subject::Address(ip("192.0.2.7"))];
    for (own, by) in [BudgetBy::Source, BudgetBy::Key, BudgetBy::Address].into_iter().enumerate() {
        let budget = Budget::open(&memory, &rule(by, 3), &format!("s{own}"), &["new"]).unwrap();
        for (other, subject) in subjects.into_iter().enumerate() {
            let expected = if own == other { Ok(()) } else { FAILED };
            assert_eq!(budget.take(&memory, subject, after(0)), expected, "{subject:?} by {by:?}");
        }
    }
}

#[test]
fn exactly_the_burst_passes_on_eight_threads_at_once() {
    for (by, subject) in [
        (BudgetBy::Source, Subject::Source),
        (BudgetBy::Key, Subject::Key("old")),
        (BudgetBy::Address, Subject::Address(ip("192.0.2.7"))),
    ] {
        for requests in [1, 10, 500] {
            let memory = Shared::default();
            let budget = open(&memory, by, requests);
            let passed = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        // Each thread has its own VM; the memory is shared.
                        let budget = open(&memory, by, requests);
                        for _ in 0..100 {
                            match budget.take(&memory, subject, after(0)) {
                                Ok(()) => drop(passed.fetch_add(1, Ordering::SeqCst)),
                                Err(Exceeded::Wait(_)) => {}
                                Err(failed) => panic!("{failed:?}"),
                            }
                        }
                    });
                }
            });
            assert_eq!(passed.into_inner(), requests as usize, "by {by:?}");
            assert_eq!(drain(&budget, &memory, subject, after(0)), 0);
        }
    }
}

#[test]
fn threads_that_run_for_a_while_get_exactly_the_rate() {
    let memory = Shared::default();
    let passed = AtomicUsize::new(0);
    let clock = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let budget = open(&memory, BudgetBy::Source, 60);
                for _ in 0..1000 {
                    let now = after(clock.fetch_add(10, Ordering::SeqCst) as u64);
                    if budget.take(&memory, Subject::Source, now).is_ok() {
                        passed.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    // 60 at once, and one each second for 80 seconds; the last may come a moment late.
    let passed = passed.into_inner();
    assert!((138..=140).contains(&passed), "{passed}");
}

#[test]
fn a_spent_budget_stays_spent_across_a_configuration_push() {
    for (by, subject) in [
        (BudgetBy::Source, Subject::Source),
        (BudgetBy::Key, Subject::Key("new")),
        (BudgetBy::Address, Subject::Address(ip("192.0.2.7"))),
    ] {
        let memory = Shared::default();
        assert_eq!(drain(&open(&memory, by, 6), &memory, subject, after(0)), 6);
        assert_eq!(drain(&open(&memory, by, 6), &memory, subject, after(0)), 0, "the same by {by:?}");
        assert_eq!(drain(&open(&memory, by, 60), &memory, subject, after(0)), 0, "a larger one by {by:?}");
        assert_eq!(
            drain(&open(&memory, by, 60), &memory, subject, after(60_000)),
            60,
            "and it refills at its own rate"
        );
    }
}

#[test]
fn a_take_reads_one_value_and_writes_it_only_if_there_was_a_token() {
    for (by, subject) in [
        (BudgetBy::Source, Subject::Source),
        (BudgetBy::Key, Subject::Key("new")),
        (BudgetBy::Address, Subject::Address(ip("192.0.2.7"))),
    ] {
        let memory = Shared::default();
        let budget = open(&memory, by, 2);
        budget.take(&memory, subject, after(0)).unwrap();
        memory.take_cost();
        budget.take(&memory, subject, after(0)).unwrap();
        assert_eq!(memory.take_cost(), (1, 1), "by {by:?}");
        budget.take(&memory, subject, after(0)).unwrap_err();
        assert_eq!(memory.take_cost(), (1, 0), "by {by:?}");
    }
}

#[test]
fn clients_closest_to_a_full_budget_are_forgotten_first() {
    let memory = Shared::default();
    let budget = open(&memory, BudgetBy::Address, 60);
    let spent = Subject::Address(ip("203.0.113.9"));
    assert_eq!(drain(&budget, &memory, spent, after(0)), 60);
    for n in 0..100_000_u32 {
        let client = Subject::Address(IpAddr::from(Ipv4Addr::from_bits(n)));
        assert_eq!(budget.take(&memory, client, after(u64::from(n) / 1000)), Ok(()));
    }
    assert_eq!(drain(&budget, &memory, spent, after(100)), 0);
    let bytes: usize = memory.pages("hookwarden.budget.s.address").iter().map(Vec::len).sum();
    assert!(bytes <= 1024 * (1 + 48 * 24), "{bytes}");
}

#[test]
fn without_shared_memory_nothing_passes() {
    for (by, subject) in [
        (BudgetBy::Source, Subject::Source),
        (BudgetBy::Key, Subject::Key("new")),
        (BudgetBy::Address, Subject::Address(ip("192.0.2.7"))),
    ] {
        let memory = Shared::default();
        let budget = open(&memory, by, 3);
        memory.refuse(true);
        assert_eq!(budget.take(&memory, subject, after(0)), FAILED, "by {by:?}");
        assert!(Budget::open(&memory, &rule(by, 3), "s", &["new"]).is_err(), "by {by:?}");
    }
}

#[test]
fn other_data_is_not_read_as_a_budget() {
    for value in [&b"\x01"[..], b"\x02\0\0\0\0\0\0\0\0", b"\0\0\0\0\0\0\0\0", b"\x01\0\0\0\0\0\0\0\0\0"] {
        let memory = Shared::default();
        let budget = open(&memory, BudgetBy::Source, 3);
        memory.put("hookwarden.budget.s", value);
        assert_eq!(budget.take(&memory, Subject::Source, after(0)), FAILED, "{value:?}");
    }
}
