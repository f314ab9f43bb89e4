//! A real Redis behind a real Webdis, with the configuration of `envoy/fleet/`, on free ports and in a new folder.
//!
//! `HOOKWARDEN_REDIS` names the folder with the programs, which `make redis` fills; `HOOKWARDEN_REQUIRE_REDIS=1` makes
//! a missing one a failure.

use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::client::Connection;
use crate::harness::launch::Process;
use crate::harness::wait_for;

const TIMEOUT: Duration = Duration::from_secs(20);

/// A replay store, as an operator would set it up.
pub struct Redis {
    // Dropped first, because its folder is removed with Webdis.
    server: Option<Process>,
    webdis: Process,
    programs: PathBuf,
    port: u16,
    /// The number of Webdis's connections to the server.
    connections: usize,
    /// The address of Webdis.
    pub address: SocketAddr,
}

impl Redis {
    /// `None`, with a message on standard error, if there is no Redis or no Webdis.
    pub fn start() -> Option<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);

        let programs = programs()?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("redis-{}-{number}", std::process::id()));
        std::fs::create_dir_all(folder.join("data")).expect("a folder for this Redis");
        let (port, webdis_port) = (free_port(), free_port());
        let connections = write_configurations(&folder, port, webdis_port);
        let server = Some(start_server(&programs, &folder));
        let webdis = start(&programs.join("webdis"), &folder.join("webdis.json"), &folder);
        let address = SocketAddr::from(([127, 0, 0, 1], webdis_port));
        let mut redis = Self { server, webdis, programs, port, connections, address };
        redis.wait_until_ready();
        Some(redis)
    }

    /// With SIGKILL, so that it writes nothing more.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// Starts the server again with its data.
    pub fn restart(&mut self) {
        self.server = Some(start_server(&self.programs, &self.webdis.folder));
        self.wait_until_ready();
    }

    /// Stops the server, with its connections open and its commands waiting, until [`resume`](Self::resume).
    pub fn pause(&self) {
        self.signal("STOP");
    }

    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// Runs a command with full permissions; returns a line for each element of the answer.
    #[track_caller]
    pub fn command(&self, command: &[&str]) -> Vec<String> {
        let lines = self.try_command(command);
        lines.unwrap_or_else(|error| panic!("redis-cli {command:?}: {error}"))
    }

    /// The claims.
    #[track_caller]
    pub fn claims(&self) -> Vec<String> {
        self.command(&["KEYS", "*"])
    }

    /// All data files of the server.
    pub fn disk(&self) -> Vec<u8> {
        let mut folders = vec![self.webdis.folder.join("data")];
        let mut bytes = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("the data can be listed") {
                let path = entry.expect("the data can be listed").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    bytes.extend(std::fs::read(path).expect("the data can be read"));
                }
            }
        }
        bytes
    }

    /// The output of both.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.webdis.folder.join("log")).expect("the log can be read")
    }

    fn try_command(&self, command: &[&str]) -> Result<Vec<String>, String> {
        let output = Command::new(self.programs.join("redis-cli"))
            .args(["-p", &self.port.to_string(), "--user", "operator", "--pass", "unused", "--no-auth-warning"])
            .arg("-e")
            .args(command)
            .stdin(Stdio::null())
            .output()
            .expect("redis-cli runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            Ok(text(&output.stdout).lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
        } else {
            Err(text(&[output.stdout, output.stderr].concat()))
        }
    }

    /// Waits until all connections of Webdis to the server are established. Webdis reconnects each after a delay.
    #[track_caller]
    fn wait_until_ready(&mut self) {
        let expected = self.connections;
        let ready = wait_for(TIMEOUT, || {
            let clients = self.try_command(&["CLIENT", "LIST"]).ok()?;
            let connected = clients.iter().filter(|client| client.contains(" user=default ")).count();
            let listens = Connection::try_open(self.address).is_some();
            (listens && connected == expected).then_some(())
        });
        assert!(ready.is_some(), "Redis and Webdis do not answer:\n{}", self.log());
    }

    fn signal(&self, name: &str) {
        let server = self.server.as_ref().expect("the server runs");
        let status = Command::new("kill").args([&format!("-{name}"), &server.envoy.id().to_string()]).status();
        assert!(status.expect("kill runs").success(), "kill -{name} failed");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- output of Redis and Webdis:\n{}", self.log());
        }
    }
}

fn start_server(programs: &Path, folder: &Path) -> Process {
    static NEXT: AtomicU64 = AtomicU64::new(0);

    // Each run has its own folder, which is removed with it; the data stay.
    let own = folder.join(format!("run-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    std::fs::create_dir(&own).expect("a folder for this run");
    let mut process = start(&programs.join("redis-server"), &folder.join("redis.conf"), folder);
    process.folder = own;
    process
}

fn start(program: &Path, configuration: &Path, folder: &Path) -> Process {
    let log = File::options().create(true).append(true).open(folder.join("log")).expect("a log file");
    let child = Command::new(program)
        .arg(configuration)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .spawn()
        .unwrap_or_else(|e| panic!("{} cannot be started: {e}", program.display()));
    Process::watched(child, folder.to_owned(), Vec::new())
}

/// Writes the shipped configuration with other ports, another folder, and a user with full permissions. Returns how many
/// connections Webdis will have.
fn write_configurations(folder: &Path, port: u16, webdis_port: u16) -> usize {
    let shipped = |name: &str| {
        let path = format!("{}/envoy/fleet/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
    };
    let redis = shipped("redis.conf");
    let mut changed: Vec<String> = Vec::new();
    for line in redis.lines() {
        changed.push(match line.split_once(' ') {
            Some(("port", "6379")) => format!("port {port}"),
            Some(("dir", _)) => format!("dir \"{}\"", folder.join("data").display()),
            _ => line.to_owned(),
        });
    }
    assert_eq!(changed.iter().zip(redis.lines()).filter(|(new, old)| new != old).count(), 2, "a port and a folder");
    changed.push("user operator on nopass ~* &* +@all\n".to_owned());
    std::fs::write(folder.join("redis.conf"), changed.join("\n")).expect("redis.conf can be written");

    let mut webdis: Value = serde_json::from_str(&shipped("webdis.json")).expect("webdis.json is JSON");
    assert_eq!((&webdis["redis_port"], &webdis["http_port"]), (&json!(6379), &json!(7379)));
    webdis["redis_port"] = json!(port);
    webdis["http_port"] = json!(webdis_port);
    std::fs::write(folder.join("webdis.json"), webdis.to_string()).expect("webdis.json can be written");
    let number = |name: &str| webdis[name].as_u64().expect("a number") as usize;
    number("threads") * number("pool_size")
}

/// A free port below the ephemeral range: Webdis, which keeps trying to reach a killed Redis, could otherwise be assigned
/// that port as its own and connect to itself.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);

    let start = 20_000 + (std::process::id() % 1000) as u16 * 10;
    let candidates = std::iter::repeat_with(|| start + NEXT.fetch_add(1, Ordering::Relaxed) % 2000);
    candidates.take(2000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}

/// The folder with the programs; if one is missing, prints a message and returns `None`.
fn programs() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder =
        std::env::var_os("HOOKWARDEN_REDIS").map_or_else(|| root.join(".venv/redis/bin"), |path| root.join(path));
    let missing: Vec<String> = ["redis-server", "redis-cli", "webdis"]
        .iter()
        .map(|name| folder.join(name))
        .filter(|path| !path.exists())
        .map(|path| path.display().to_string())
        .collect();
    if missing.is_empty() {
        return Some(folder);
    }
    let message = format!("SKIPPED: no {}; run make redis", missing.join(", no "));
    assert!(std::env::var("HOOKWARDEN_REQUIRE_REDIS").as_deref() != Ok("1"), "{message}");
    static REPORTED: Once = Once::new();
    REPORTED.call_once(|| {
        let _ = std::io::stderr().write_all(format!("{message}\n").as_bytes());
    });
    None
}
