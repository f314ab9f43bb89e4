//! What one call of the host costs: CPU time of the Envoy process, by a filter that makes it not at all or many times
//! (`benches/filters/calls.rs`). `tests/abi/host_calls.txt` says how many of each kind a request needs.
//!
//! A call includes what the SDK does around it: serialising arguments, and allocating and reading the result.
//!
//! ```text
//! scripts/cargo-wasm --example bench_calls
//! cargo bench --bench host_calls
//! ```
//!
//! `HOOKWARDEN_BENCH_QUICK=1` runs few and short rounds, to see that it works; the numbers are not comparable.

#![allow(
    clippy::disallowed_methods,
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the clock is banned in the filter only; the tests' harness is used in part"
)]

#[path = "../tests/envoy/harness/mod.rs"]
mod harness;
mod measure;

use serde_json::json;

use crate::harness::Proxy;
use crate::harness::launch::Setup;
use crate::harness::senders;
use crate::measure::{QUIET, connect, cpu_nanoseconds, filter, progress, quantile, send, start_upstream};

const SECRET: &str = "benchmark-secret-of-32-bytes-len";
const BODY: usize = 1024;
/// How often a call is made in a request.
const TIMES: usize = 50;

/// The calls, and what they do here.
const CALLS: [(&str, &str); 14] = [
    ("clock", "proxy_get_current_time_nanoseconds"),
    ("header-map", "proxy_get_header_map_pairs, 13 lines"),
    ("header-map-set", "proxy_set_header_map_pairs, 13 lines"),
    ("header-get", "proxy_get_header_map_value"),
    ("header-replace", "proxy_replace_header_map_value"),
    ("header-remove", "proxy_remove_header_map_value, absent"),
    ("body", "proxy_get_buffer_bytes, 1 KiB"),
    ("counter", "proxy_increment_metric"),
    ("histogram", "proxy_record_metric, a histogram"),
    ("property-address", "proxy_get_property, source.address"),
    ("property-connection", "proxy_get_property, connection_id"),
    ("filter-state", "proxy_set_property"),
    ("shared-get", "proxy_get_shared_data, 128 bytes"),
    ("shared-set", "proxy_set_shared_data, 128 bytes"),
];

struct Case {
    times: usize,
    wire: Vec<u8>,
    /// µs of CPU time per request, one value for each round.
    rounds: Vec<f64>,
}

fn main() {
    let quick = std::env::var("HOOKWARDEN_BENCH_QUICK").is_ok_and(|value| value == "1");
    let (warm_up, rounds, requests) = if quick { (20, 5, 10) } else { (500, 301, 20) };
    let setup = Setup {
        bare_upstream: Some(start_upstream()),
        module: Some(filter("bench_calls.wasm")),
        ..Setup::new(json!({}))
    };
    let Some(proxy) = Proxy::start(&setup) else { return };
    let request = |name: &str, times: usize| Case {
        times,
        wire: senders::github(&format!("/{name}/{times}"), SECRET, &[b'x'; BODY]).wire(),
        rounds: Vec::new(),
    };
    let mut cases: Vec<Case> = CALLS.iter().flat_map(|(name, _)| [request(name, 0), request(name, TIMES)]).collect();
    let mut connection = connect(proxy.address);
    for case in &cases {
        send(&mut connection, &case.wire, warm_up);
    }
    for round in 0..rounds {
        progress(&format!("round {}/{rounds}", round + 1));
        for turn in 0..cases.len() {
            let number = (round + turn) % cases.len();
            let case = &mut cases[number];
            let before = cpu_nanoseconds(proxy.pid());
            send(&mut connection, &case.wire, requests);
            let spent = cpu_nanoseconds(proxy.pid()) - before;
            case.rounds.push(spent as f64 / 1000.0 / requests as f64);
        }
    }
    progress("");
    println!("CPU time of the proxy, µs per call; {rounds} rounds of {requests} requests with {TIMES} calls each\n");
    println!("| call                                   | quiet | median |");
    println!("| -------------------------------------- | ----: | -----: |");
    for ((_, what), pair) in CALLS.iter().zip(cases.chunks(2)) {
        let each = |at: f64| (quantile(&pair[1].rounds, at) - quantile(&pair[0].rounds, at)) / pair[1].times as f64;
        println!("| {what:<38} | {:>5.2} | {:>6.2} |", each(QUIET), each(0.5));
    }
}
