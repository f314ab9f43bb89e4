//! A whole decision in memory, without a guard and with each of them: GitHub, 1 KiB, accepted; and refusals.

#![allow(
    clippy::disallowed_methods,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark measures time, is no library, and uses what it shares with others in part"
)]

mod micro;

use criterion::{BatchSize, Criterion};
use hookwarden::guard::pool::Pool;
use hookwarden::step::Step;
use serde_json::{Value, json};

use crate::micro::{Host, Sent};

const BODY: usize = 1024;

fn main() {
    let mut criterion = micro::criterion();
    stages(&mut criterion);
    criterion.final_summary();
}

fn stages(criterion: &mut Criterion) {
    let limit = json!({ "requests": 1_000_000, "per": "1s" });
    let networks: Vec<String> =
        (0..19).map(|number| format!("198.51.{number}.0/24")).chain(["192.0.2.0/24".to_owned()]).collect();
    let guards: [(&str, Value); 8] = [
        ("no guard", json!({})),
        ("shape", json!({ "methods": ["POST"], "query": "deny", "max_body_bytes": 65536 })),
        ("transport", json!({ "transport": { "min_tls": "1.2" } })),
        ("address, 20 networks", json!({ "allow_from": networks })),
        ("flood", json!({ "flood_limit": { "failures": 100, "per": "1m" } })),
        ("budget, by source", json!({ "rate_limit": limit })),
        ("once", json!({ "replay": { "window": "1h", "entries": 4_000_000, "when_full": "drop_oldest" } })),
        ("observe", json!({ "mode": "observe" })),
    ];
    let mut group = criterion.benchmark_group("stages");
    for (name, members) in guards {
        let host = Host::default();
        let text = json!({ "sources": [micro::github(0, &members)] }).to_string();
        let (policy, pool) = (micro::open(&micro::policy(&text), &host), Pool::default());
        let mut number = 0_u64;
        let mut next = || {
            number += 1;
            let mut body = format!("{{\"event\":{number}}}").into_bytes();
            body.resize(BODY, b' ');
            micro::delivery(0, body)
        };
        let decide = |sent: &Sent| micro::decide(&policy, &pool, &host, sent);
        assert!(matches!(decide(&next()), Step::Continue(_)), "{name}");
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(&mut next, |sent| decide(sent), BatchSize::SmallInput)
        });
    }
    let host = Host::default();
    let (policy, pool) = (micro::open(&micro::policy(&micro::configuration(1)), &host), Pool::default());
    let mut forged = micro::delivery(0, vec![b'x'; BODY]);
    forged.body[0] = b'y';
    let unmatched = micro::delivery(1, vec![b'x'; BODY]);
    for (name, sent) in [("refused: forged", forged), ("refused: unmatched", unmatched)] {
        assert!(matches!(micro::decide(&policy, &pool, &host, &sent), Step::Deny(_)), "{name}");
        group.bench_function(name, |bencher| bencher.iter(|| micro::decide(&policy, &pool, &host, &sent)));
    }
    group.finish();
}
