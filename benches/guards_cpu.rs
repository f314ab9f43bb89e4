//! What each guard costs: CPU time of the Envoy process per request, compared with the same source without the guard.
//!
//! Every case has its own Envoy, as in `proxy_cpu.rs`, and every request is a new event of 1 KiB, signed with GitHub's
//! scheme. The replay memory is measured nearly empty and with 100,000 events; its size is the growth of Envoy's memory.
//! The number of sources is 1, 100 and 10,000.
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

use std::net::TcpStream;

use serde_json::{Value, json};

use crate::harness::Proxy;
use crate::harness::launch::Setup;
use crate::harness::senders;
use crate::measure::{connect, cpu_nanoseconds, progress, quantile, resident_bytes, send, start_upstream};

const SECRET: &str = "benchmark-secret-of-32-bytes-len";
const BODY: usize = 1024;
const ENTRIES: u32 = 100_000;

const PLAIN: &str = "no guard";

struct Case {
    name: String,
    proxy: Proxy,
    connection: TcpStream,
    path: String,
    /// µs of CPU time per request, one value for each round.
    rounds: Vec<f64>,
}

struct Effort {
    warm_up: usize,
    rounds: usize,
    requests: usize,
    events: u32,
}

fn main() {
    let quick = std::env::var("HOOKWARDEN_BENCH_QUICK").is_ok_and(|value| value == "1");
    let effort = if quick {
        Effort { warm_up: 100, rounds: 3, requests: 20, events: 2_000 }
    } else {
        Effort { warm_up: 2000, rounds: 101, requests: 100, events: ENTRIES }
    };
    let upstream = start_upstream();
    let mut number = 0;
    let mut cases = Vec::new();
    for (name, plugin, path) in set_ups() {
        progress(&format!("starting Envoy: {name}"));
        let setup = Setup { bare_upstream: Some(upstream), ..Setup::new(plugin) };
        let Some(proxy) = Proxy::start(&setup) else { return };
        let connection = connect(proxy.address);
        cases.push(Case { name, proxy, connection, path, rounds: Vec::new() });
    }
    let mut growth = None;
    for case in &mut cases {
        progress(&format!("warm-up: {}", case.name));
        case.send(effort.warm_up, &mut number);
        if case.name.contains("full") {
            let before = resident_bytes(case.proxy.pid());
            for sent in (0..effort.events).step_by(1000) {
                progress(&format!("filling the replay memory: {sent}/{}", effort.events));
                case.send(1000, &mut number);
            }
            growth = Some(resident_bytes(case.proxy.pid()).saturating_sub(before));
        }
    }
    for round in 0..effort.rounds {
        progress(&format!("round {}/{}", round + 1, effort.rounds));
        for turn in 0..cases.len() {
            let position = (round + turn) % cases.len();
            let case = &mut cases[position];
            let wires = case.wires(effort.requests, &mut number);
            let before = cpu_nanoseconds(case.proxy.pid());
            wires.iter().for_each(|wire| send(&mut case.connection, wire, 1));
            let spent = cpu_nanoseconds(case.proxy.pid()) - before;
            case.rounds.push(spent as f64 / 1000.0 / effort.requests as f64);
        }
    }
    progress("");
    print_table(&cases, &effort);
    if let Some(bytes) = growth {
        let each = bytes as f64 / f64::from(effort.events);
        println!(
            "\n{} events: Envoy grew by {:.1} MiB, {each:.0} bytes for each event",
            effort.events,
            bytes as f64 / 1048576.0
        );
    }
}

/// Names, configurations, and the path of the requests.
fn set_ups() -> Vec<(String, Value, String)> {
    let plain = json!({
        "name": "github", "match": { "path": "/hooks/github" },
        "verify": { "provider": "github", "secrets": [{ "value": SECRET }] },
    });
    let replay = json!({ "window": "1h", "entries": ENTRIES * 2 });
    let limit = json!({ "requests": 1_000_000, "per": "1s" });
    let guards: [(&str, Value); 10] = [
        (PLAIN, json!({})),
        ("methods, query", json!({ "methods": ["POST"], "query": "deny" })),
        ("allow_from, 20 networks", json!({ "allow_from": networks() })),
        ("flood_limit", json!({ "flood_limit": { "failures": 100, "per": "1m" } })),
        ("rate_limit, by source", json!({ "rate_limit": limit })),
        ("rate_limit, by address", json!({ "rate_limit": { "requests": 1_000_000, "per": "1s", "by": "address" } })),
        ("replay, empty", json!({ "replay": replay })),
        ("replay, full", json!({ "replay": replay })),
        (
            "replay by header",
            json!({ "replay": {
            "window": "1h", "entries": ENTRIES * 2, "id": "header:X-GitHub-Delivery", "insecure_unsigned_id": true } }),
        ),
        (
            "all of them",
            json!({
            "methods": ["POST"], "query": "deny", "allow_from": networks(), "replay": replay, "rate_limit": limit,
            "flood_limit": { "failures": 100, "per": "1m" } }),
        ),
    ];
    let with = |members: &Value| {
        let mut source = plain.clone();
        for (name, value) in members.as_object().into_iter().flatten() {
            source[name] = value.clone();
        }
        json!({ "sources": [source] })
    };
    let mut set_ups: Vec<_> =
        guards.iter().map(|(name, members)| ((*name).to_owned(), with(members), "/hooks/github".to_owned())).collect();
    for count in [1, 100, 10_000] {
        let sources: Vec<Value> = (0..count)
            .map(|number| {
                let mut source = plain.clone();
                source["name"] = json!(format!("source-{number}"));
                source["match"]["path"] = json!(format!("/hooks/{number}"));
                source
            })
            .collect();
        let plugin = json!({ "sources": sources });
        set_ups.push((format!("{count} sources"), plugin, format!("/hooks/{}", count - 1)));
    }
    set_ups
}

/// The client is in the last network.
fn networks() -> Vec<String> {
    (0..19).map(|number| format!("198.51.{number}.0/24")).chain(["127.0.0.0/8".to_owned()]).collect()
}

impl Case {
    fn wires(&self, count: usize, number: &mut u64) -> Vec<Vec<u8>> {
        (0..count)
            .map(|_| {
                *number += 1;
                let mut body = format!("{{\"event\":{number}}}").into_bytes();
                body.resize(BODY, b' ');
                let request = senders::github(&self.path, SECRET, &body);
                request.with("X-GitHub-Delivery", number.to_string()).wire()
            })
            .collect()
    }

    fn send(&mut self, count: usize, number: &mut u64) {
        for wire in self.wires(count, number) {
            send(&mut self.connection, &wire, 1);
        }
    }
}

fn print_table(cases: &[Case], effort: &Effort) {
    println!(
        "CPU time of the proxy, µs per request of 1 KiB; medians of {} rounds of {} requests",
        effort.rounds, effort.requests
    );
    println!();
    println!("| guard                   | total | added | middle half of added |");
    println!("| ----------------------- | ----: | ----: | -------------------- |");
    let plain = &cases.iter().find(|case| case.name == PLAIN).expect("the baseline").rounds;
    for case in cases {
        let added: Vec<f64> = case.rounds.iter().zip(plain).map(|(with, without)| with - without).collect();
        let middle = format!("{:.1} to {:.1}", quantile(&added, 0.25), quantile(&added, 0.75));
        let (total, added) = (quantile(&case.rounds, 0.5), quantile(&added, 0.5));
        println!("| {:<23} | {total:>5.1} | {added:>5.1} | {middle:<20} |", case.name);
    }
}
