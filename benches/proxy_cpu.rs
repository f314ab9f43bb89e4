//! What a request costs the proxy: CPU time of the Envoy process, all threads, per request.
//!
//! Every filter runs in its own Envoy, with one worker, the bootstrap of the repository without its access log, and a
//! keep-alive client and an upstream in this process. Measurements are taken in many short rounds (A B C, B C A, C A B,
//! …), so that other load on the machine affects all of them alike. What a filter adds is its time minus that of an Envoy
//! without a filter, for the same body, both in the rounds that other load disturbed least. Every Envoy is started several
//! times, since where its code and data lie in memory is chance, and costs or saves some microseconds of each request: of
//! what the starts give, the median counts.
//!
//! The baseline filters: one that does nothing, the minimum that can verify a body, and that with all calls of the host that a
//! filter needs to be of use (`benches/filters`). Hookwarden runs as `hookwarden manifest` sets it up: Envoy allows and calls
//! what the configuration needs (`capability_restriction_config`), nothing else. The baselines have no such list.
//!
//! ```text
//! cargo build --release --target wasm32-wasip1 --example bench_noop --example bench_bare --example bench_obligatory
//! cargo bench --bench proxy_cpu
//! ```
//!
//! `HOOKWARDEN_BENCH_FILTERS` names another folder of the three. `HOOKWARDEN_BENCH_OTHER` names another module of hookwarden,
//! of before a change, which is measured in the same rounds. `HOOKWARDEN_BENCH_ONLY=1KiB,64KiB` leaves out the groups that it
//! does not name. `HOOKWARDEN_BENCH_QUICK=1` runs few and short rounds, to see that it works; the numbers are not comparable.

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
use crate::measure::{
    Expected, QUIET, connect, cpu_nanoseconds, filter, progress, quantile, send_expecting, size, start_upstream,
};

/// As in `benches/filters/bare.rs`.
const SECRET: &str = "benchmark-secret-of-32-bytes-len";
const CREDENTIAL: &str = "anymail:benchmark-password";
const SMALL: usize = 1024;
const LARGE: usize = 64 * 1024;

const NO_FILTER: &str = "no filter";

/// What a case is compared with: the same group's cases of these names.
const BARE: &str = "bare HMAC";
const OBLIGATORY: &str = "obligatory";

/// One row of the table.
struct Case {
    /// Cases are compared within a group. All of a group have bodies of one size.
    group: &'static str,
    filter: &'static str,
    body: usize,
    proxy: &'static str,
    expected: Expected,
    wire: Vec<u8>,
    /// µs of CPU time per request, for each start one value for each round.
    starts: Vec<Vec<f64>>,
}

struct Effort {
    /// How often every proxy is started. All else is for each start.
    starts: usize,
    warm_up: usize,
    /// The requests of a round that are not measured.
    lead: usize,
    rounds: usize,
    requests: usize,
}

fn main() {
    let quick = std::env::var("HOOKWARDEN_BENCH_QUICK").is_ok_and(|value| value == "1");
    let effort = if quick {
        Effort { starts: 2, warm_up: 200, lead: 10, rounds: 3, requests: 50 }
    } else {
        Effort { starts: 7, warm_up: 3000, lead: 25, rounds: 57, requests: 50 }
    };
    let upstream = start_upstream();
    let mut cases = Vec::new();
    for start in 1..=effort.starts {
        progress(&format!("start {start}/{}", effort.starts));
        let Some(proxies) = start_proxies(upstream) else { return };
        assert_filters_verify(&proxies);
        if cases.is_empty() {
            cases = self::cases(proxies.iter().any(|proxy| proxy.name == OTHER));
        }
        measure(&proxies, &mut cases, &effort, &format!("start {start}/{}", effort.starts));
    }
    progress("");
    print_table(&cases, &effort);
}

/// From one start of the proxies to their end.
fn measure(proxies: &[Named], cases: &mut [Case], effort: &Effort, start: &str) {
    let mut connections: Vec<TcpStream> = proxies.iter().map(|proxy| connect(proxy.proxy.address)).collect();
    let numbers: Vec<usize> = cases.iter().map(|case| number_of(proxies, case.proxy)).collect();
    for (number, case) in cases.iter_mut().enumerate() {
        let count = numbers.len();
        progress(&format!("{start}: warm-up {}/{count}: {} {}", number + 1, case.filter, size(case.body)));
        send_expecting(&mut connections[numbers[number]], &case.wire, effort.warm_up, case.expected);
        case.starts.push(Vec::new());
    }
    for round in 0..effort.rounds {
        progress(&format!("{start}: round {}/{}", round + 1, effort.rounds));
        let first = round % cases.len();
        for turn in 0..cases.len() {
            let position = (first + turn) % cases.len();
            let case = &mut cases[position];
            let proxy = numbers[position];
            let pid = proxies[proxy].proxy.pid();
            // The first requests after those to another proxy find cold caches.
            send_expecting(&mut connections[proxy], &case.wire, effort.lead, case.expected);
            let before = cpu_nanoseconds(pid);
            send_expecting(&mut connections[proxy], &case.wire, effort.requests, case.expected);
            let spent = cpu_nanoseconds(pid) - before;
            case.starts.last_mut().expect("pushed").push(spent as f64 / 1000.0 / effort.requests as f64);
        }
    }
}

/// An Envoy with one of the filters.
struct Named {
    name: &'static str,
    proxy: Proxy,
}

/// The proxies.
const NOTHING: &str = "nothing";
const OURS: &str = "hookwarden";
const EVERY_SENDER: &str = "every sender";
const SELF_RELIANT: &str = "every sender, all in the module";
const OTHER: &str = "other module";

fn start_proxies(upstream: SocketAddr) -> Option<Vec<Named>> {
    let without = Setup { bare_upstream: Some(upstream), ..Setup::new(json!({})) };
    let baseline = |name: &str| Setup { module: Some(filter(name)), ..without.clone() };
    let of = |plugin: Value| Setup { plugin: Some(plugin), ..without.clone() }.restricted();
    let ours = of(plugin());
    let mut setups = vec![
        (NO_FILTER, without.clone().hold(Hold::NoFilter)),
        (NOTHING, baseline("bench_noop.wasm")),
        (BARE, baseline("bench_bare.wasm")),
        (OBLIGATORY, baseline("bench_obligatory.wasm")),
        (OURS, ours.clone()),
        (EVERY_SENDER, of(every_sender())),
        (SELF_RELIANT, of(self_reliant(every_sender()))),
    ];
    if let Some(module) = std::env::var_os("HOOKWARDEN_BENCH_OTHER") {
        setups.push((OTHER, Setup { module: Some(module.into()), ..ours }));
    }
    setups.into_iter().map(|(name, setup)| Some(Named { name, proxy: Proxy::start(&setup)? })).collect()
}

fn number_of(proxies: &[Named], name: &str) -> usize {
    proxies.iter().position(|proxy| proxy.name == name).expect("every case has a proxy")
}

fn plugin() -> Value {
    // The last secret is the one that signs: until the filter has learned it, it is the worst place.
    let secrets = |count: usize| -> Vec<Value> {
        let others = (1..count).map(
            |number| json!({ "id": number.to_string(), "value": format!("another-secret-number-{number}-of-length") }),
        );
        others.chain([json!({ "id": "signs", "value": SECRET })]).collect()
    };
    let github = |name: &str, count: usize| {
        json!({"name": name, "match": {"path": format!("/hooks/{name}")},
            "verify": {"provider": "github", "secrets": secrets(count)}})
    };
    json!({"sources": [
        github("github", 1), github("two", 2), github("eight", 8),
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

fn cases(has_other: bool) -> Vec<Case> {
    let signed = |path: &str, body: usize| senders::github(path, SECRET, &vec![b'x'; body]);
    let forged = |body: usize| senders::github("/hooks/github", "another-secret-of-32-bytes-lengt", &vec![b'x'; body]);
    let basic = || senders::basic("/anymail/sendgrid/tracking", CREDENTIAL, b"");
    let bad = || senders::basic("/anymail/sendgrid/tracking", "anymail:another-password", b"");
    let mut cases = Vec::new();
    let mut add = |group, filter, proxy, request: Request| {
        let expected = if matches!(filter, NO_FILTER | NOTHING) || !group_is_refused(group) {
            Expected::Forwarded
        } else {
            Expected::Refused
        };
        let body = request.body.len();
        cases.push(Case { group, filter, body, proxy, expected, wire: request.wire(), starts: Vec::new() });
    };
    for (group, body) in [("1KiB", SMALL), ("64KiB", LARGE)] {
        add(group, NO_FILTER, NO_FILTER, signed("/hooks/github", body));
        add(group, NOTHING, NOTHING, signed("/hooks/github", body));
        for (filter, proxy) in [(BARE, BARE), (OBLIGATORY, OBLIGATORY), (OURS, OURS), (OTHER, OTHER)] {
            if has_other || filter != OTHER {
                add(group, filter, proxy, signed("/hooks/github", body));
            }
        }
        add(group, "two secrets", OURS, signed("/hooks/two", body));
        add(group, "eight secrets", OURS, signed("/hooks/eight", body));
    }
    for (group, request) in
        [("basic", &basic as &dyn Fn() -> Request), ("bad-basic", &bad), ("forged", &|| forged(SMALL))]
    {
        add(group, NO_FILTER, NO_FILTER, request());
        for (filter, proxy) in [(OBLIGATORY, OBLIGATORY), (OURS, OURS), (OTHER, OTHER)] {
            if has_other || filter != OTHER {
                add(group, filter, proxy, request());
            }
        }
    }
    add("senders", NO_FILTER, NO_FILTER, signed("/hooks/github", SMALL));
    add("senders", "every sender: github", EVERY_SENDER, signed("/hooks/github", SMALL));
    // Their bodies are small; compared with the cost of a public key, the baseline of 1 KiB is close enough.
    for (name, title) in PUBLIC {
        add("senders", title, EVERY_SENDER, vector_request(name));
    }
    for (name, title) in [("ebay", "ebay, in the module"), ("wise", "wise, in the module")] {
        add("senders", title, SELF_RELIANT, vector_request(name));
    }
    if let Ok(only) = std::env::var("HOOKWARDEN_BENCH_ONLY") {
        cases.retain(|case| only.split(',').any(|group| group == case.group));
        assert!(!cases.is_empty(), "no group of {only} is known");
    }
    cases
}

fn group_is_refused(group: &str) -> bool {
    matches!(group, "bad-basic" | "forged")
}

/// Asserts that the filters that verify do so; one that does not would be very fast.
fn assert_filters_verify(proxies: &[Named]) {
    for Named { name, proxy } in proxies {
        let answer = |request: Request| request.send(proxy.address, Protocol::Http1).status;
        let checks = !matches!(*name, NO_FILTER | NOTHING);
        assert_eq!(answer(senders::github("/hooks/github", SECRET, b"x")), 200);
        let forged = answer(senders::github("/hooks/github", "another-secret-of-32-bytes-lengt", b"x"));
        assert_eq!(forged, if checks { 401 } else { 200 });
        if matches!(*name, OBLIGATORY | OURS | OTHER) {
            assert_eq!(answer(senders::basic("/anymail/x", "anymail:another-password", b"x")), 401);
        }
    }
}

fn print_table(cases: &[Case], effort: &Effort) {
    println!(
        "CPU time of the proxy, µs per request; {} starts of {} rounds of {} requests, of the starts the median. Quiet: the",
        effort.starts, effort.rounds, effort.requests
    );
    println!(
        "lowest tenth of the rounds of a start ends here. Of what is added, the lowest and the highest start stand beside it."
    );
    println!();
    println!(
        "| group     | filter               |   body | total, quiet | total, median | added, quiet                | to bare | to obligatory |"
    );
    println!(
        "| --------- | -------------------- | -----: | -----------: | ------------: | --------------------------: | ------: | ------------: |"
    );
    for case in cases {
        let name = format!("{:<9} | {:<20} | {:>6}", case.group, case.filter, size(case.body));
        let (quiet, median) = (median(&case.quantiles(QUIET)), median(&case.quantiles(0.5)));
        if case.filter == NO_FILTER {
            println!("| {name} | {quiet:>12.1} | {median:>13.1} | {:>27} | {:>7} | {:>13} |", "", "", "");
            continue;
        }
        let added = added(case, cases);
        let spread =
            format!("{:.1} ({:.1} to {:.1})", self::median(&added), quantile(&added, 0.0), quantile(&added, 1.0));
        let ratio = |to: &str| {
            let other = cases.iter().find(|other| other.filter == to && other.group == case.group);
            other.map_or_else(String::new, |other| {
                format!("{:.2}", self::median(&added) / self::median(&self::added(other, cases)))
            })
        };
        let (bare, obligatory) = (ratio(BARE), ratio(OBLIGATORY));
        println!("| {name} | {quiet:>12.1} | {median:>13.1} | {spread:>27} | {bare:>7} | {obligatory:>13} |");
    }
}

impl Case {
    /// One value for each start.
    fn quantiles(&self, part: f64) -> Vec<f64> {
        self.starts.iter().map(|rounds| quantile(rounds, part)).collect()
    }
}

fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The cost above that of no filter, for each start.
fn added(case: &Case, cases: &[Case]) -> Vec<f64> {
    let without = cases.iter().find(|other| other.filter == NO_FILTER && other.group == case.group);
    let without = without.expect("a baseline for every group").quantiles(QUIET);
    case.quantiles(QUIET).iter().zip(without).map(|(with, without)| with - without).collect()
}
