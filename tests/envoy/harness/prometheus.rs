//! A real Prometheus that scrapes an Envoy every second, with the shipped rules, on a free port and in a new folder.
//!
//! `HOOKWARDEN_PROMETHEUS` names the folder with the programs, which `make prometheus` fills;
//! `HOOKWARDEN_REQUIRE_PROMETHEUS=1` makes a missing one a failure.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Once;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::client::Connection;
use crate::harness::launch::Process;
use crate::harness::{bootstrap, wait_for};

const TIMEOUT: Duration = Duration::from_secs(60);

pub struct Prometheus {
    process: Process,
    address: SocketAddr,
}

impl Prometheus {
    /// Scrapes the admin port of an Envoy; `None`, with a message on standard error, if there is no Prometheus.
    pub fn start(envoy: SocketAddr) -> Option<Self> {
        let programs = programs()?;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("prometheus-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for this Prometheus");
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy/monitoring");
        let mut config = bootstrap::read(&shipped.join("prometheus.yaml").display().to_string());
        *bootstrap::at(&mut config, "/rule_files") = json!([shipped.join("alerts.yaml")]);
        *bootstrap::at(&mut config, "/global/scrape_interval") = json!("1s");
        *bootstrap::at(&mut config, "/global/evaluation_interval") = json!("1s");
        *bootstrap::at(&mut config, "/scrape_configs/0/static_configs/0/targets") = json!([envoy.to_string()]);
        std::fs::write(folder.join("prometheus.yaml"), config.to_string()).expect("the configuration can be written");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.expect("a free port");
        let log = File::options().create(true).append(true).open(folder.join("log")).expect("a log file");
        let child = Command::new(programs.join("prometheus"))
            .arg("--config.file=prometheus.yaml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={address}"))
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("prometheus can be started");
        let prometheus = Self { process: Process::watched(child, folder, Vec::new()), address };
        let scrapes = wait_for(TIMEOUT, || {
            let up = prometheus.try_query("up").ok()?;
            up.first().is_some_and(|series| series["value"][1] == "1").then_some(())
        });
        assert!(scrapes.is_some(), "Prometheus does not scrape Envoy:\n{}", prometheus.log());
        Some(prometheus)
    }

    /// The series that a query returns now; the error, if it is none.
    pub fn try_query(&self, query: &str) -> Result<Vec<Value>, String> {
        let mut encoded = String::new();
        for byte in query.bytes() {
            let _ = write!(encoded, "%{byte:02X}");
        }
        let mut answer = self.get(&format!("/api/v1/query?query={encoded}")).ok_or("no answer")?;
        match answer["data"]["result"].take() {
            Value::Array(series) => Ok(series),
            _ => Err(answer.to_string()),
        }
    }

    /// The names of the alerts that fire or are about to.
    pub fn alerts(&self) -> Vec<String> {
        let answer = self.get("/api/v1/alerts").expect("Prometheus answers");
        let alerts = answer["data"]["alerts"].as_array().cloned().unwrap_or_default();
        let mut names: Vec<String> =
            alerts.iter().filter_map(|alert| Some(alert["labels"]["alertname"].as_str()?.to_owned())).collect();
        names.sort();
        names.dedup();
        names
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.process.folder.join("log")).expect("the log can be read")
    }

    fn get(&self, path: &str) -> Option<Value> {
        let mut connection = Connection::try_open(self.address)?;
        connection.send(format!("GET {path} HTTP/1.1\r\nHost: prometheus\r\n\r\n").as_bytes());
        serde_json::from_slice(&connection.try_reply()?.body).ok()
    }
}

/// Runs promtool in the folder of the rules, and returns its output; `None`, with a message, if there is no promtool.
#[track_caller]
pub fn promtool(arguments: &[&str]) -> Option<String> {
    let output = Command::new(programs()?.join("promtool"))
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy/monitoring"))
        .stdin(Stdio::null())
        .output()
        .expect("promtool runs");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "promtool {arguments:?}:\n{text}");
    Some(text)
}

/// The folder with the programs; if one is missing, prints a message and returns `None`.
fn programs() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = std::env::var_os("HOOKWARDEN_PROMETHEUS")
        .map_or_else(|| root.join(".venv/prometheus/bin"), |path| root.join(path));
    let missing: Vec<String> = ["prometheus", "promtool"]
        .iter()
        .map(|name| folder.join(name))
        .filter(|path| !path.exists())
        .map(|path| path.display().to_string())
        .collect();
    if missing.is_empty() {
        return Some(folder);
    }
    let message = format!("SKIPPED: no {}; run make prometheus", missing.join(", no "));
    assert!(std::env::var("HOOKWARDEN_REQUIRE_PROMETHEUS").as_deref() != Ok("1"), "{message}");
    static REPORTED: Once = Once::new();
    REPORTED.call_once(|| {
        let _ = std::io::stderr().write_all(format!("{message}\n").as_bytes());
    });
    None
}
