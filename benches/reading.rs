//! Reading a configuration of 1, 100 and 10,000 sources.

#![allow(
    clippy::disallowed_methods,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark measures time, is no library, and uses what it shares with others in part"
)]

mod micro;

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use hookwarden::config;

fn main() {
    let mut criterion = micro::criterion();
    reading(&mut criterion);
    criterion.final_summary();
}

fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reading");
    group.sample_size(10);
    for count in [1_usize, 100, 10_000] {
        let text = micro::configuration(count);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("{count} sources"), |bencher| {
            bencher.iter(|| config::load(black_box(text.as_bytes()), &|_| None).expect("it is valid"));
        });
    }
    group.finish();
}
