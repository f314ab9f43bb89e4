//! Where it was measured, and with which versions.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::check::Check;
use crate::harness::client::{Protocol, Request};
use crate::peer::Peer;
use crate::program::find;

pub fn machine() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, key: &str, separator: char| {
        let line = text.lines().find(|line| line.starts_with(key));
        let value = line
            .and_then(|line| line.split_once(separator))
            .map(|(_, value)| value.trim().trim_matches('"').to_owned());
        value.unwrap_or_else(|| "unknown".to_owned())
    };
    let memory = after(&read("/proc/meminfo"), "MemTotal", ':');
    let kibibytes: f64 = memory.trim_end_matches(" kB").parse().unwrap_or(0.0);
    let load = read("/proc/loadavg");
    json!({
        "processor": after(&read("/proc/cpuinfo"), "model name", ':'),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory_gib": (kibibytes / 1048576.0).round(),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "system": after(&read("/etc/os-release"), "PRETTY_NAME", '='),
        // What else ran before the first proxy was started.
        "load": load.split(' ').next().and_then(|text| text.parse::<f64>().ok()),
    })
}

pub fn versions(peers: &[Peer]) -> Value {
    let mut versions = json!({
        "hookwarden": env!("CARGO_PKG_VERSION"),
        "revision": output("git", &["describe", "--always", "--dirty"]),
        "rustc": output("rustc", &["--version"]).split(' ').nth(1),
    });
    let envoy = std::env::var("HOOKWARDEN_ENVOY").unwrap_or_else(|_| ".venv/bin/envoy".to_owned());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL, after its path.
    let envoy = output(root.join(envoy).to_str().unwrap_or_default(), &["--version"]);
    let number =
        envoy.split('/').find(|part| part.starts_with(|char: char| char.is_ascii_digit()) && part.contains('.'));
    versions["envoy"] = json!(number);
    for peer in peers {
        match peer.id {
            "haproxy" => versions["haproxy"] = json!(program_version("haproxy").split(' ').nth(2)),
            "nginx" => {
                versions["nginx"] = json!(program_version("nginx").split('/').nth(1));
                let address = peer.address(Check::Off).expect("it is open");
                let njs = Request { method: "GET", ..Request::post("/version", "") }.send(address, Protocol::Http1);
                versions["njs"] = json!(String::from_utf8_lossy(&njs.body));
            }
            _ => {}
        }
    }
    versions
}

fn program_version(name: &str) -> String {
    find(name).map_or_else(|_| String::new(), |path| output(path.to_str().unwrap_or_default(), &["-v"]))
}

/// The first line that a command prints.
fn output(program: &str, arguments: &[&str]) -> String {
    let Ok(output) = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output() else {
        return "unknown".to_owned();
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("unknown").to_owned()
}
