//! `make soak`: very many requests, a third of them hostile, through a real Envoy with two workers, while its
//! configuration is pushed again and again, Redis is killed twice, and the upstream fails now and then.
//!
//! Not part of `cargo test`. It prints its progress every few seconds and a summary at the end, and fails unless memory
//! stays flat, nothing passes unverified, no accepted event arrives twice, none is lost, and the counters match what was
//! sent.
//!
//! `SOAK_REQUESTS` sets the number of requests (1,000,000), `SOAK_SECONDS` the maximum duration (7,200),
//! `SOAK_PUSH_SECONDS` the interval between configuration pushes (20), `SOAK_CONNECTIONS` the number of concurrent
//! connections (8), and `SOAK_GROWTH_MB` by how much Envoy's memory may grow after the first quarter (48).

#![allow(
    dead_code,
    unused_imports,
    clippy::disallowed_methods,
    clippy::print_stdout,
    unreachable_pub,
    reason = "the clock is banned in the filter, not in its tests; this program uses a part of the harness"
)]

#[path = "envoy/harness/mod.rs"]
mod harness;

#[path = "soak/attacks.rs"]
mod attacks;
#[path = "soak/connection.rs"]
mod connection;
#[path = "soak/events.rs"]
mod events;
#[path = "soak/ledger.rs"]
mod ledger;
#[path = "soak/setup.rs"]
mod setup;
#[path = "soak/traffic.rs"]
mod traffic;

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use harness::redis::Redis;
use harness::{Proxy, xds};
use ledger::{Ledger, Samples};

/// How often progress is printed.
const PROGRESS: Duration = Duration::from_secs(5);
/// How long Redis is down.
const OUTAGE: Duration = Duration::from_secs(2);

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

fn main() -> ExitCode {
    let total = number("SOAK_REQUESTS", 1_000_000);
    let limit = Duration::from_secs(number("SOAK_SECONDS", 7_200));
    let between_pushes = Duration::from_secs(number("SOAK_PUSH_SECONDS", 20));
    let connections = number("SOAK_CONNECTIONS", 8);
    let bound = number("SOAK_GROWTH_MB", 48);

    let Some(mut redis) = Redis::start() else { return ExitCode::FAILURE };
    let Some(proxy) = Proxy::start(&setup::envoy(redis.address)) else { return ExitCode::FAILURE };
    proxy.upstream.count_by(events::EVENT);
    proxy.upstream.forbid(attacks::FORGED_IDENTITY);
    println!(
        "soak: {total} requests, a third of them hostile, over {connections} connections, for at most {} s; \
         a push every {} s; Envoy {} with 2 workers",
        limit.as_secs(),
        between_pushes.as_secs(),
        proxy.pid()
    );

    let ledger = Ledger::new(total, limit);
    let mut samples = Samples::default();
    let began = Instant::now();
    std::thread::scope(|scope| {
        let (ledger, to) = (&ledger, proxy.address);
        let senders: Vec<_> =
            (0..connections).map(|number| scope.spawn(move || traffic::run(number, to, ledger))).collect();
        let (mut pushed, mut printed) = (Instant::now(), Instant::now());
        let mut outages = vec![total * 2 / 3, total / 3];
        while senders.iter().any(|sender| !sender.is_finished()) {
            std::thread::sleep(Duration::from_millis(100));
            if pushed.elapsed() >= between_pushes {
                pushed = Instant::now();
                ledger.pushes.fetch_add(1, Ordering::Relaxed);
                let plugin = setup::plugin(ledger.pushes.load(Ordering::Relaxed));
                let outcome = xds::push(&proxy, &plugin);
                assert_eq!(outcome, xds::Pushed::Accepted, "Envoy refused a configuration");
            }
            if outages.last().is_some_and(|at| ledger.sent.load(Ordering::Relaxed) >= *at) {
                outages.pop();
                println!("soak: killing Redis; it restarts in {} s", OUTAGE.as_secs());
                redis.kill();
                std::thread::sleep(OUTAGE);
                redis.restart();
                ledger.outages.fetch_add(1, Ordering::Relaxed);
            }
            if printed.elapsed() >= PROGRESS {
                printed = Instant::now();
                samples.take(proxy.pid(), ledger);
                println!("{}", ledger.progress(began, &samples));
            }
        }
        for sender in senders {
            sender.join().expect("the sender's thread did not panic");
        }
    });
    samples.take(proxy.pid(), &ledger);
    let failed = ledger.summary(began, &proxy, &samples, bound);
    // Panics if Envoy's output has secrets or signs of a crash.
    drop(proxy);
    drop(redis);
    match failed {
        0 => {
            println!("soak: all checks passed");
            ExitCode::SUCCESS
        }
        count => {
            println!("soak: {count} of the checks above failed");
            ExitCode::FAILURE
        }
    }
}
