//! What a request costs the proxy: CPU time of the Envoy process, all threads, per request.
//!
//! Every filter runs in its own Envoy, with one worker, the bootstrap of the repository without its access log, and a
//! keep-alive client and an upstream in this process. Measurements are taken in many short rounds (A B C, B C A, C A B,
//! …), so that other load on the machine affects all of them alike. What a filter adds is its time minus that of an Envoy
//! without a filter, for the same body and in the same round; the table has medians.
//!
//! The baseline filters: one that does nothing, and the minimum that can verify a body (`benches/filters`):
//!
//! ```text
//! cargo build --release --target wasm32-wasip1 --example bench_noop --example bench_bare
//! cargo bench --bench proxy_cpu
//! ```
//!
//! `HOOKWARDEN_BENCH_FILTERS` names another folder of the two. `HOOKWARDEN_BENCH_QUICK=1` runs few and short rounds, to see
//! that it works; the numbers are not comparable.

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

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::Proxy;
use crate::harness::bootstrap::Hold;
use crate::harness::client::{Protocol, Request};
use crate::harness::launch::Setup;
use crate::harness::senders;
use crate::measure::{connect, cpu_nanoseconds, progress, quantile, send, size, start_upstream};

/// As in `benches/filters/bare.rs`.
const SECRET: &str = "benchmark-secret-of-32-bytes-len";
const CREDENTIAL: &str = "anymail:benchmark-password";
const SMALL: usize = 1024;
const LARGE: usize = 64 * 1024;

const NO_FILTER: &str = "no filter";
const BARE: &str = "bare HMAC";

/// One row of the table.
struct Case {
    filter: &'static str,
    body: usize,
    proxy: usize,
    wire: Vec<u8>,
    /// µs of CPU time per request, one value for each round.
    rounds: Vec<f64>,
}

struct Effort {
    warm_up: usize,
    rounds: usize,
    requests: usize,
}

fn main() {
    let quick = std::env::var("HOOKWARDEN_BENCH_QUICK").is_ok_and(|value| value == "1");
    let effort = if quick {
        Effort { warm_up: 200, rounds: 5, requests: 50 }
    } else {
        Effort { warm_up: 5000, rounds: 201, requests: 100 }
    };
    let upstream = start_upstream();
    let Some(proxies) = start_proxies(upstream) else { return };
    let mut cases = cases();
    assert_filters_verify(&proxies);

    let mut connections: Vec<TcpStream> = proxies.iter().map(|proxy| connect(proxy.address)).collect();
    for (number, case) in cases.iter().enumerate() {
        progress(&format!("warm-up {}/{}: {} {}", number + 1, cases.len(), case.filter, size(case.body)));
        send(&mut connections[case.proxy], &case.wire, effort.warm_up);
    }
    for round in 0..effort.rounds {
        progress(&format!("round {}/{}", round + 1, effort.rounds));
        let first = round % cases.len();
        for turn in 0..cases.len() {
            let position = (first + turn) % cases.len();
            let case = &mut cases[position];
            let pid = proxies[case.proxy].pid();
            let before = cpu_nanoseconds(pid);
            send(&mut connections[case.proxy], &case.wire, effort.requests);
            let spent = cpu_nanoseconds(pid) - before;
            case.rounds.push(spent as f64 / 1000.0 / effort.requests as f64);
        }
    }
    progress("");
    print_table(&cases, &effort);
}

/// In the order of `Case::proxy`: no filter, nothing, bare, hookwarden, hookwarden with a source for every sender, and the same
/// that verifies all signatures itself.
fn start_proxies(upstream: SocketAddr) -> Option<Vec<Proxy>> {
    let without = Setup { bare_upstream: Some(upstream), ..Setup::new(json!({})) };
    let baseline = |name: &str| Setup { module: Some(baseline(name)), ..without.clone() };
    let setups = [
        without.clone().hold(Hold::NoFilter),
        baseline("bench_noop.wasm"),
        baseline("bench_bare.wasm"),
        Setup { plugin: Some(plugin()), ..without.clone() },
        Setup { plugin: Some(every_sender()), ..without.clone() },
        Setup { plugin: Some(self_reliant(every_sender())), ..without.clone() },
    ];
    setups.iter().map(Proxy::start).collect()
}

fn baseline(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let default = root.join("target/wasm32-wasip1/release/examples");
    let folder = std::env::var_os("HOOKWARDEN_BENCH_FILTERS").map_or(default, |folder| root.join(folder));
    let path = folder.join(name);
    assert!(
        path.exists(),
        "no {}; run cargo build --release --target wasm32-wasip1 --example bench_noop --example bench_bare",
        path.display()
    );
    path
}

fn plugin() -> Value {
    json!({"sources": [
        {"name": "github", "match": {"path": "/hooks/github"},
         "verify": {"provider": "github", "secrets": [{"value": SECRET}]}},
        {"name": "anymail", "match": {"path": "/anymail/*"},
         "verify": {"provider": "basic", "secrets": [{"value": CREDENTIAL}]}},
    ]})
}

/// A public-key sender of each kind whose vector has no timestamp, so that it never gets stale.
const PUBLIC: [(&str, &str); 3] =
    [("mailpace", "mailpace, Ed25519"), ("ebay", "ebay, P-256"), ("wise", "wise, RSA-2048")];

/// A source for every provider, at `/every/NAME`, with the keys of its first valid vector.
fn every_sender() -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("providers");
    let files = std::fs::read_dir(folder).expect("providers/ can be listed");
    let names =
        files.map(|file| file.expect("a file").path().file_stem().expect("a name").to_string_lossy().into_owned());
    let mut sources: Vec<Value> = names.map(|name| provider_source(&name)).collect();
    sources.push(plugin()["sources"][0].clone());
    let mut ours = sources.last().cloned().expect("pushed");
    ours["name"] = json!("github-here");
    *sources.last_mut().expect("pushed") = ours;
    json!({ "sources": sources })
}

/// Does not ask Envoy to verify a signature.
fn self_reliant(mut plugin: Value) -> Value {
    plugin["host_cryptography"] = json!(false);
    plugin
}

fn provider_source(name: &str) -> Value {
    let vector = valid_vector(name);
    let mut verify = json!({ "provider": name });
    for (list, key) in [("secrets", "value"), ("keys", "value")] {
        if let Some(values) = vector[list].as_array() {
            let entries = values.iter().map(|text| {
                let mut entry = json!({ key: text });
                if list == "secrets" {
                    entry["insecure_short_secret"] = json!(true);
                }
                entry
            });
            verify[list] = entries.collect();
        }
    }
    if vector["with"].is_object() {
        verify["with"] = vector["with"].clone();
    }
    json!({ "name": name, "match": { "path": format!("/every/{name}") }, "verify": verify })
}

fn valid_vector(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("providers").join(format!("{name}.json"));
    let file: Value = serde_json::from_slice(&std::fs::read(path).expect("a provider")).expect("JSON");
    let vectors = file["vectors"].as_array().expect("vectors");
    vectors.iter().find(|vector| vector["expect"] == "verified").expect("a valid vector").clone()
}

/// The valid request of a provider, at its source's path.
fn vector_request(name: &str) -> Request {
    let vector = valid_vector(name);
    let body = match (vector["body"].as_str(), vector["body_base64"].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(text)) => base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).expect("base64"),
        (None, None) => Vec::new(),
    };
    let headers = vector["headers"].as_array().expect("headers");
    headers.iter().fold(Request::post(format!("/every/{name}"), body), |request, header| {
        request.with(header[0].as_str().expect("a name"), header[1].as_str().expect("a value"))
    })
}

fn cases() -> Vec<Case> {
    let github = |body: usize| senders::github("/hooks/github", SECRET, &vec![b'x'; body]);
    let basic = senders::basic("/anymail/sendgrid/tracking", CREDENTIAL, &[b'x'; SMALL]);
    let case = |filter, proxy, request: Request| Case {
        filter,
        body: request.body.len(),
        proxy,
        wire: request.wire(),
        rounds: Vec::new(),
    };
    let mut cases = vec![
        case(NO_FILTER, 0, github(SMALL)),
        case("nothing", 1, github(SMALL)),
        case(BARE, 2, github(SMALL)),
        case("hookwarden, basic", 3, basic),
        case("hookwarden, github", 3, github(SMALL)),
        case(NO_FILTER, 0, github(LARGE)),
        case("nothing", 1, github(LARGE)),
        case(BARE, 2, github(LARGE)),
        case("hookwarden, github", 3, github(LARGE)),
        case("every sender: github", 4, github(SMALL)),
    ];
    // Their bodies are small; compared with the cost of a public key, the baseline of 1 KiB is close enough.
    let public = PUBLIC.iter().map(|(name, title)| Case { body: SMALL, ..case(title, 4, vector_request(name)) });
    cases.extend(public);
    let own = [("ebay", "ebay, in the module"), ("wise", "wise, in the module")];
    cases.extend(own.iter().map(|(name, title)| Case { body: SMALL, ..case(title, 5, vector_request(name)) }));
    cases
}

/// Asserts that the filters that verify do so; one that does not would be very fast.
fn assert_filters_verify(proxies: &[Proxy]) {
    for (number, proxy) in proxies.iter().enumerate() {
        let answer = |request: Request| request.send(proxy.address, Protocol::Http1).status;
        let checks = number >= 2;
        assert_eq!(answer(senders::github("/hooks/github", SECRET, b"x")), 200);
        let forged = answer(senders::github("/hooks/github", "another-secret-of-32-bytes-lengt", b"x"));
        assert_eq!(forged, if checks { 401 } else { 200 });
    }
    let basic = senders::basic("/anymail/x", "anymail:another-password", b"x");
    assert_eq!(basic.send(proxies[3].address, Protocol::Http1).status, 401);
}

fn print_table(cases: &[Case], effort: &Effort) {
    println!(
        "CPU time of the proxy, µs per request; medians of {} rounds of {} requests",
        effort.rounds, effort.requests
    );
    println!();
    println!("| filter               | body   | total | added | middle half of added | to bare |");
    println!("| -------------------- | -----: | ----: | ----: | -------------------- | ------: |");
    for case in cases {
        let total = quantile(&case.rounds, 0.5);
        let name = format!("{:<20} | {:>6}", case.filter, size(case.body));
        if case.filter == NO_FILTER {
            println!("| {name} | {total:>5.1} | {:>5} | {:<20} | {:>7} |", "", "", "");
            continue;
        }
        let added = added(case, cases);
        let bare = cases.iter().find(|other| other.filter == BARE && other.body == case.body);
        let bare = self::added(bare.expect("a baseline for every body"), cases);
        let middle = format!("{:.1} to {:.1}", quantile(&added, 0.25), quantile(&added, 0.75));
        let (added, bare) = (quantile(&added, 0.5), quantile(&bare, 0.5));
        println!("| {name} | {total:>5.1} | {added:>5.1} | {middle:<20} | {:>7.2} |", added / bare);
    }
}

/// The cost above that of no filter, for each round.
fn added(case: &Case, cases: &[Case]) -> Vec<f64> {
    let without = cases.iter().find(|other| other.filter == NO_FILTER && other.body == case.body);
    let without = &without.expect("a baseline for every body").rounds;
    case.rounds.iter().zip(without).map(|(with, without)| with - without).collect()
}
