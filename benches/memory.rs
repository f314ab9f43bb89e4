//! How much memory the filter takes: the linear memory of each VM, which only ever grows, and the memory of the whole process.
//!
//! Envoy runs one VM in each worker, one for the configuration in the main thread, and one that the others are copies of. V8
//! reserves more than eight gigabytes of addresses for each, of which the kernel's map of the process shows the part in use.
//!
//! Printed are: one source and 10,000 sources after the start; the first after 250,000, 500,000 and 1,000,000 mixed requests, half
//! of them hostile; and 1,000 requests of 1 MiB whose last byte has not arrived, so that Envoy holds them.
//!
//! ```text
//! cargo bench --bench memory
//! ```
//!
//! `HOOKWARDEN_BENCH_QUICK=1` sends few requests, to see that it works.

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

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::Proxy;
use crate::harness::bootstrap::at;
use crate::harness::launch::Setup;
use crate::harness::senders;
use crate::measure::{Expected, connect, progress, resident_bytes, send_expecting, start_upstream};

const SECRET: &str = "benchmark-secret-of-32-bytes-len";
const CREDENTIAL: &str = "anymail:benchmark-password";
const WORKERS: u32 = 2;
/// The body of a held request.
const HELD: usize = 1 << 20;
/// Where Envoy begins to refuse requests: all that are held take as much as the shipped bootstrap allows.
const HEAP_LIMIT: &str = "/overload_manager/resource_monitors/0/typed_config/max_heap_size_bytes";
const HEAP: u64 = 4 << 30;
/// What V8 reserves for a memory of 32-bit addresses, at least: all that an address and an offset can reach.
const RESERVED: u64 = 8 << 30;

struct Effort {
    sources: u32,
    requests: usize,
    held: usize,
}

fn main() {
    let quick = std::env::var("HOOKWARDEN_BENCH_QUICK").is_ok_and(|value| value == "1");
    let effort = if quick {
        Effort { sources: 500, requests: 2_000, held: 20 }
    } else {
        Effort { sources: 10_000, requests: 1_000_000, held: 1_000 }
    };
    let upstream = start_upstream();
    let start = |plugin: Value| {
        let setup = Setup {
            bare_upstream: Some(upstream),
            workers: WORKERS,
            buffer_limit: Some(2 * 1024 * 1024),
            ..Setup::new(plugin)
        };
        Proxy::start(&setup.edit(|bootstrap, _| *at(bootstrap, HEAP_LIMIT) = json!(HEAP)))
    };
    println!("| situation                      | largest VM | all VMs | process |");
    println!("| ------------------------------ | ---------: | ------: | ------: |");
    {
        let Some(proxy) = start(many(effort.sources)) else { return };
        print_row(&format!("{} sources, after the start", effort.sources), &proxy);
    }
    let Some(proxy) = start(few()) else { return };
    print_row("1 source of each kind, start", &proxy);
    let mut sent = 0;
    for part in [effort.requests / 4, effort.requests / 4, effort.requests / 2] {
        send_mixed(proxy.address, part);
        sent += part;
        print_row(&format!("after {sent} mixed requests"), &proxy);
    }
    let count = effort.held.min(open_files().saturating_sub(200));
    let mut held = hold(proxy.address, count);
    print_row(&format!("{count} held requests of 1 MiB"), &proxy);
    for stream in &mut held {
        stream.write_all(b"x").expect("the last byte is sent");
        let mut answer = [0; 12];
        std::io::Read::read_exact(stream, &mut answer).expect("the answer is read");
        assert_eq!(&answer, b"HTTP/1.1 200", "a held request is verified in the end");
    }
    drop(held);
    print_row("after these were forwarded", &proxy);
}

fn github(name: &str, path: &str) -> Value {
    json!({"name": name, "match": {"path": path}, "verify": {"provider": "github", "secrets": [{"value": SECRET}]}})
}

fn many(count: u32) -> Value {
    let sources: Vec<Value> =
        (0..count).map(|number| github(&format!("source-{number}"), &format!("/hooks/{number}"))).collect();
    json!({ "sources": sources })
}

fn few() -> Value {
    let basic = json!({"name": "basic", "match": {"path": "/basic"},
        "verify": {"provider": "basic", "secrets": [{"value": CREDENTIAL}]}});
    json!({"sources": [github("github", "/github"), basic]})
}

/// Accepted and refused requests of both sources, on as many connections as Envoy has workers, and two more.
fn send_mixed(to: SocketAddr, count: usize) {
    const CONNECTIONS: usize = 4;
    let signed = |secret: &str, size: usize| senders::github("/github", secret, &vec![b'x'; size]).wire();
    let basic = |credential: &str| senders::basic("/basic", credential, b"").wire();
    let mix = [
        (signed(SECRET, 1024), Expected::Forwarded),
        (signed("another-secret-of-32-bytes-lengt", 1024), Expected::Refused),
        (basic(CREDENTIAL), Expected::Forwarded),
        (basic("anymail:another-password"), Expected::Refused),
        (signed(SECRET, 16 * 1024), Expected::Forwarded),
        (signed("another-secret-of-32-bytes-lengt", 64), Expected::Refused),
    ];
    progress(&format!("{count} mixed requests"));
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut stream = connect(to);
                for (wire, expected) in mix.iter().cycle().take(count / CONNECTIONS) {
                    send_expecting(&mut stream, wire, 1, *expected);
                }
            });
        }
    });
    progress("");
}

/// Requests that are complete but for their last byte.
fn hold(to: SocketAddr, count: usize) -> Vec<TcpStream> {
    let wire = senders::github("/github", SECRET, &vec![b'x'; HELD]).wire();
    let all_but_one = &wire[..wire.len() - 1];
    let open = |number| {
        progress(&format!("holding {number}/{count}"));
        let mut stream = connect(to);
        stream.write_all(all_but_one).expect("the request is sent");
        stream
    };
    let held = (1..=count).map(open).collect();
    // Envoy has read what is still in its sockets.
    std::thread::sleep(Duration::from_secs(1));
    progress("");
    held
}

/// How many files a process may open.
fn open_files() -> usize {
    let text = std::fs::read_to_string("/proc/self/limits").expect("Envoy runs, on Linux");
    let line = text.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default();
    line.split_whitespace().nth(3).and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX)
}

fn print_row(situation: &str, proxy: &Proxy) {
    const MEBI: f64 = 1048576.0;
    let vms = linear_memories(proxy.pid());
    // The workers, the main thread, and the one that is copied.
    assert!(vms.len() > WORKERS as usize, "V8's reservations look different here: {vms:?}");
    let largest = vms.iter().max().copied().unwrap_or_default() as f64 / MEBI;
    let all = vms.iter().sum::<u64>() as f64 / MEBI;
    let process = resident_bytes(proxy.pid()) as f64 / MEBI;
    println!("| {situation:<30} | {largest:>6.2} MiB | {all:>3.1} MiB | {process:>3.0} MiB |");
}

/// The sizes of the VMs' memories: writable, and in front of what V8 reserves for their growth.
fn linear_memories(pid: u32) -> Vec<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/maps")).expect("Envoy runs, on Linux");
    let mapping = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let address = |text: &str| u64::from_str_radix(text, 16).ok();
        Some((address(start)?, address(end)?, rest.starts_with("rw")))
    };
    let mappings: Vec<_> = text.lines().filter_map(mapping).collect();
    let pairs = mappings.windows(2).filter_map(|pair| match *pair {
        [(start, end, true), (next, rest, false)] if end == next && rest - start >= RESERVED => Some(end - start),
        _ => None,
    });
    pairs.collect()
}
