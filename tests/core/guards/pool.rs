//! The memory that a VM holds for requests that are not verified yet.

use hookwarden::guard::pool::Pool;
use hookwarden::verify::Denial;

#[test]
fn a_reservation_is_returned_when_it_is_dropped() {
    let pool = Pool::default();
    let mut one = pool.reserve("one", 100, 1000).expect("there is room");
    let two = pool.reserve("two", 50, 1000).expect("there is room");
    assert_eq!(pool.held(), 150);
    one.resize(300).expect("there is room");
    assert_eq!(pool.held(), 350);
    one.resize(10).expect("less always fits");
    assert_eq!(pool.held(), 60);
    drop(one);
    assert_eq!(pool.held(), 50);
    drop(two);
    assert_eq!(pool.held(), 0);
}

#[test]
fn a_source_may_hold_as_much_as_is_left_for_the_others() {
    let pool = Pool::default();
    let fill = |source: &str| {
        let mut taken = Vec::new();
        while let Ok(one) = pool.reserve(source, 1, 1000) {
            taken.push(one);
        }
        taken
    };
    let one = fill("one");
    assert_eq!(one.len(), 500, "half for one");
    let two = fill("two");
    assert_eq!(two.len(), 250, "as much as is free");
    assert_eq!(pool.reserve("one", 1, 1000).err(), Some(Denial::MemoryExhausted));
    let three = fill("three");
    assert_eq!(three.len(), 125);
    drop(one);
    assert_eq!(fill("one").len(), 312, "returned memory is available again");
    drop((two, three));
    assert_eq!(pool.held(), 0);
}

#[test]
fn a_refused_reservation_changes_nothing() {
    let pool = Pool::default();
    let mut one = pool.reserve("one", 100, 1000).expect("there is room");
    for bytes in [501, 1000, 1001, usize::MAX] {
        assert_eq!(one.resize(bytes), Err(Denial::MemoryExhausted), "{bytes}");
        assert_eq!(pool.held(), 100);
    }
    assert_eq!(pool.reserve("two", usize::MAX, usize::MAX).err(), Some(Denial::MemoryExhausted));
    assert_eq!(pool.reserve("two", usize::MAX / 2, usize::MAX).err(), Some(Denial::MemoryExhausted));
    assert_eq!(pool.held(), 100);
    one.resize(500).expect("there is room");
}

#[test]
fn a_configuration_that_drains_counts_against_the_next_one() {
    let pool = Pool::default();
    let draining = pool.clone().reserve("one", 400, 1000).expect("there is room");
    assert_eq!(pool.reserve("one", 200, 1000).err(), Some(Denial::MemoryExhausted), "the same source, by its name");
    // A smaller limit refuses new reservations but does not shrink existing ones.
    assert_eq!(pool.reserve("two", 100, 500).err(), Some(Denial::MemoryExhausted));
    assert_eq!(pool.held(), 400);
    drop(draining);
    assert!(pool.reserve("two", 100, 500).is_ok());
}

#[test]
fn a_reservation_of_unchanged_size_survives_in_a_full_pool() {
    let pool = Pool::default();
    let mut one = pool.reserve("one", 400, 1000).expect("there is room");
    let _other = pool.reserve("two", 2000, 10_000).expect("another configuration has more room");
    assert_eq!(one.resize(401), Err(Denial::MemoryExhausted));
    assert_eq!(one.resize(400), Ok(()));
    assert_eq!(pool.held(), 2400);
}
