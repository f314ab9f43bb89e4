//! What it costs to verify a webhook in a proxy, compared with the other ways to do it: `make bench-peers`.
//!
//! Every peer is started, has to refuse forged requests and to let a genuine one pass, and is measured: CPU time of all
//! processes that a request passes through but for client and upstream, in interleaved rounds, and latency at a fixed rate.
//! What a check adds is the time above that of the same proxy without it, for the same body in the same round. All of that
//! is done several times.
//!
//! A full run writes docs/performance.json, docs/performance.svg and what README.md and docs/performance.md show of them.
//! With `HOOKWARDEN_BENCH_QUICK=1` a run takes about a minute, its figures are not comparable, and it writes to
//! target/tmp/performance only. A peer that cannot be had is named and left out; with `HOOKWARDEN_REQUIRE_PEERS=1` that ends the run.
//!
//! All processes end with this one, however it ends.

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

#[path = "peers/authorizer.rs"]
mod authorizer;
#[path = "peers/chart.rs"]
mod chart;
#[path = "peers/check.rs"]
mod check;
#[path = "peers/client.rs"]
mod client;
#[path = "peers/envoy.rs"]
mod envoy;
#[path = "peers/haproxy.rs"]
mod haproxy;
#[path = "peers/latency.rs"]
mod latency;
#[path = "peers/machine.rs"]
mod machine;
#[path = "peers/nginx.rs"]
mod nginx;
#[path = "peers/peer.rs"]
mod peer;
#[path = "peers/plan.rs"]
mod plan;
#[path = "peers/program.rs"]
mod program;
#[path = "peers/proof.rs"]
mod proof;
#[path = "peers/results.rs"]
mod results;
#[path = "peers/rounds.rs"]
mod rounds;
#[path = "peers/start.rs"]
mod start;
#[path = "peers/tables.rs"]
mod tables;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::Value;

use crate::measure::{progress, start_upstream};
use crate::plan::Effort;
use crate::results::Results;
use crate::start::StartNumber;

fn main() -> ExitCode {
    if authorizer::serve_if_asked() {
        return ExitCode::SUCCESS;
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress("");
            eprintln!("STOPPED: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let machine = machine::machine();
    let is_set = |name: &str| std::env::var(name).is_ok_and(|value| value == "1");
    let is_quick = is_set("HOOKWARDEN_BENCH_QUICK");
    let effort = if is_quick { Effort::quick() } else { Effort::full() };
    let upstream = start_upstream();

    let mut start = StartNumber { number: 0, count: effort.starts, began: Instant::now() };
    let (mut peers, left_out) = start::peers(upstream, &start)?;
    if let (Some(what), true) = (left_out.first(), is_set("HOOKWARDEN_REQUIRE_PEERS")) {
        return Err(format!("there is no {what}"));
    }
    progress("");
    for what in &left_out {
        eprintln!("LEFT OUT: there is no {what}");
    }
    let versions = machine::versions(&peers);
    let mut starts = vec![start::measure(&peers, &effort, &start)?];
    for number in 1..effort.starts {
        start.number = number;
        // Ended before others begin.
        peers.clear();
        (peers, _) = start::peers(upstream, &start)?;
        starts.push(start::measure(&peers, &effort, &start)?);
    }
    progress("");
    eprintln!(
        "All {} refused what is forged and let what is genuine pass, {} times.",
        peers.iter().filter(|peer| !peer.is_open()).count(),
        effort.starts
    );

    let results = Results {
        peers: &peers,
        starts: &starts,
        effort: &effort,
        left_out: &left_out,
        machine,
        versions,
        is_quick,
        seconds: start.began.elapsed().as_secs_f64(),
    };
    let results = results.json();
    for name in tables::SECTIONS {
        println!("{}", tables::section(name, &results).expect("it is listed"));
    }
    write(&results, is_quick)
}

fn write(results: &Value, is_quick: bool) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = if is_quick { Path::new(env!("CARGO_TARGET_TMPDIR")).join("performance") } else { root.join("docs") };
    let save = |path: &Path, text: &str| {
        std::fs::write(path, text).map_err(|error| format!("{} cannot be written: {error}", path.display()))
    };
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let json = serde_json::to_string_pretty(results).expect("JSON can be written");
    save(&folder.join("performance.json"), &format!("{json}\n"))?;
    save(&folder.join("performance.svg"), &chart::chart(results))?;
    for name in ["docs/performance.md", "README.md"] {
        let path = root.join(name);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
        let filled = tables::fill(&text, results).map_err(|error| format!("{name}: {error}"))?;
        let path = if is_quick { folder.join(path.file_name().expect("a file")) } else { path };
        save(&path, &filled)?;
    }
    eprintln!("Written: performance.json and performance.svg in {}, performance.md, README.md", folder.display());
    Ok(())
}
