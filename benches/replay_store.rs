//! The memory of events: a new one, one that is there, and a full memory.

#![allow(
    clippy::disallowed_methods,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark measures time, is no library, and uses what it shares with others in part"
)]

mod micro;

use std::time::Duration;

use criterion::Criterion;
use hookwarden::guard::keep_on::KeepOn;
use hookwarden::guard::replay::{EventKey, OnDuplicate, Refused, Replay, ReplayRule, WhenFull};
use hookwarden::verify::Identity;

use crate::micro::{Host, NOW};

fn main() {
    let mut criterion = micro::criterion();
    replay(&mut criterion);
    criterion.final_summary();
}

fn open(host: &Host, entries: u32, when_full: WhenFull) -> Replay {
    let rule = ReplayRule {
        window: Duration::from_secs(3600),
        entries,
        when_full,
        duplicate: OnDuplicate::Answer(200),
        keep_on: KeepOn::default(),
        unsigned_id: None,
        store: None,
    };
    Replay::open(host, "s", &rule).expect("there is memory")
}

fn key(number: u64) -> EventKey {
    EventKey::new("s", "", &Identity::Id(number.to_string().into_bytes()))
}

fn replay(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("replay store");
    let mut number = 0;
    let mut next = || {
        number += 1;
        key(number)
    };
    for entries in [1_000_u32, 100_000] {
        let host = Host::default();
        let full = open(&host, entries, WhenFull::DropOldest);
        for number in 0..u64::from(entries) * 2 {
            assert!(full.claim(&host, &key(number), NOW).is_ok());
        }
        group.bench_function(format!("insert, {entries} entries, full, the oldest is dropped"), |bencher| {
            bencher.iter(|| full.claim(&host, &next(), NOW));
        });
        let host = Host::default();
        let full = open(&host, entries, WhenFull::Refuse);
        let is_refused = |number: &u64| full.claim(&host, &key(*number), NOW).err() == Some(Refused::Full);
        let refused = (0..u64::from(entries) * 4).find(is_refused).expect("it gets full");
        group.bench_function(format!("refuse, {entries} entries, full"), |bencher| {
            bencher.iter(|| full.claim(&host, &key(refused), NOW));
        });
        assert_eq!(full.claim(&host, &key(0), NOW).err(), Some(Refused::Duplicate));
        group.bench_function(format!("hit, {entries} entries"), |bencher| {
            bencher.iter(|| full.claim(&host, &key(0), NOW));
        });
    }
    let host = Host::default();
    let empty = open(&host, 4_000_000, WhenFull::DropOldest);
    group.bench_function("insert, nearly empty", |bencher| bencher.iter(|| empty.claim(&host, &next(), NOW)));
    group.finish();
}
