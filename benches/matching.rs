//! Finding the source of a request among 1 to 10,000: its time must not grow with their number.

#![allow(
    clippy::disallowed_methods,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark measures time, is no library, and uses what it shares with others in part"
)]

mod micro;

use std::hint::black_box;

use criterion::Criterion;

fn main() {
    let mut criterion = micro::criterion();
    matching(&mut criterion);
    criterion.final_summary();
}

fn matching(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("matching");
    for count in [1, 10, 100, 1_000, 10_000] {
        let policy = micro::policy(&micro::configuration(count));
        let path = format!("/hooks/{}?source=benchmark", count - 1);
        let find = |path: &str| policy.routes.find(b"hooks.example.com", black_box(path.as_bytes()));
        assert_eq!(find(&format!("/hooks/{}", count - 1)), Ok(count - 1));
        let path = path.split('?').next().expect("a path");
        group.bench_function(format!("{count} sources, the last"), |bencher| bencher.iter(|| find(path)));
        group.bench_function(format!("{count} sources, none"), |bencher| bencher.iter(|| find("/elsewhere")));
    }
    group.finish();
}
