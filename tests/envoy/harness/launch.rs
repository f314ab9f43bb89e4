//! Starts and stops Envoy processes, and reads their output.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once, OnceLock};

use serde_json::Value;

use crate::harness::bootstrap::{self, Changes, Hold};
use crate::harness::senders;

/// How an Envoy is configured.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The plugin's configuration; `None` keeps that of the bootstrap.
    pub plugin: Option<Value>,
    pub hold: Hold,
    /// The bootstrap, a file in `envoy/`.
    pub file: &'static str,
    pub workers: u32,
    pub buffer_limit: Option<u32>,
    /// Variables that are set and, with a configuration of the test's own, that the module may read.
    pub environment: Vec<(String, String)>,
    /// Variables that the module may read and that are not set.
    pub absent: Vec<String>,
    /// Another module, for comparison.
    pub module: Option<PathBuf>,
    /// An upstream instead of the recording one, and no access log.
    pub bare_upstream: Option<SocketAddr>,
    /// How long a configuration that was replaced keeps its connections; Envoy's default is ten minutes.
    pub drain_seconds: Option<u32>,
    /// Further changes to the bootstrap, in this order.
    pub edits: Vec<Edit>,
}

/// A change to the bootstrap. The path is the folder of this Envoy, which is removed with it.
#[derive(Clone)]
pub struct Edit(Arc<Change>);

type Change = dyn Fn(&mut Value, &Path) + Send + Sync;

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Edit")
    }
}

impl Setup {
    pub fn new(plugin: Value) -> Self {
        Self {
            plugin: Some(plugin),
            hold: Hold::Filter,
            file: Hold::Filter.file(),
            workers: 1,
            buffer_limit: None,
            environment: Vec::new(),
            absent: Vec::new(),
            module: None,
            bare_upstream: None,
            drain_seconds: None,
            edits: Vec::new(),
        }
    }

    pub fn edit(mut self, edit: impl Fn(&mut Value, &Path) + Send + Sync + 'static) -> Self {
        self.edits.push(Edit(Arc::new(edit)));
        self
    }

    pub fn hold(self, hold: Hold) -> Self {
        Self { hold, file: hold.file(), ..self }
    }

    /// As [`hold`](Self::hold), with the same in the plugin's `body_hold`.
    pub fn body_hold(mut self, hold: Hold) -> Self {
        self.plugin.as_mut().expect("a plugin")["body_hold"] = Value::from(hold.body_hold());
        self.hold(hold)
    }

    /// The shipped bootstrap with the demo secrets.
    pub fn shipped(hold: Hold) -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/envoy/demo.env");
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let environment = lines.filter(|(name, _)| !name.starts_with('#'));
        Self {
            plugin: None,
            environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            ..Self::new(Value::Null).hold(hold)
        }
    }

    pub fn variable(&self, name: &str) -> &str {
        let found = self.environment.iter().find(|(n, _)| n == name);
        &found.unwrap_or_else(|| panic!("{name} is set")).1
    }

    pub fn workers(self, workers: u32) -> Self {
        Self { workers, ..self }
    }
}

/// An Envoy that was started; it may have exited.
pub struct Launched {
    pub process: Process,
    pub log: Log,
}

/// Starts Envoy; `None`, with a message on standard error, if there is no Envoy or no module.
pub fn launch(setup: &Setup, upstream: SocketAddr) -> Option<Launched> {
    static NEXT: AtomicU64 = AtomicU64::new(0);

    let (envoy, default) = programs()?;
    let wasm = setup.module.as_ref().unwrap_or(&default);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("envoy-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for this Envoy");

    let present = setup.environment.iter().map(|(name, _)| name.clone());
    let environment: Vec<String> = present.chain(setup.absent.iter().cloned()).collect();
    let changes = Changes {
        file: setup.file,
        upstream: setup.bare_upstream.unwrap_or(upstream),
        access_log: setup.bare_upstream.is_none(),
        wasm,
        plugin: setup.plugin.as_ref().map(|plugin| (plugin, environment.as_slice())),
        hold: setup.hold,
        buffer_limit: setup.buffer_limit,
    };
    let mut bootstrap = bootstrap::rewrite(&changes);
    if only_listeners_limit(&envoy) {
        bootstrap::limit_by_listener(&mut bootstrap);
    }
    setup.edits.iter().for_each(|Edit(edit)| edit(&mut bootstrap, &folder));
    let config = folder.join("envoy.json");
    std::fs::write(&config, bootstrap.to_string()).expect("the bootstrap can be written");

    let log = folder.join("log");
    let output = File::options().create(true).append(true).open(&log).expect("a log file");
    let mut command = Command::new(&envoy);
    command
        .arg("-c")
        .arg(&config)
        .arg("--admin-address-path")
        .arg(folder.join("admin"))
        .args(["--concurrency", &setup.workers.to_string()])
        // Several Envoys run on one machine, and tests read the access log at once.
        .args(["--disable-hot-restart", "--file-flush-interval-msec", "50"])
        .args(["--log-level", "info"])
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a second handle"))
        .stderr(output);
    if let Some(seconds) = setup.drain_seconds {
        command.args(["--drain-time-s", &seconds.to_string()]);
    }
    for name in &setup.absent {
        command.env_remove(name);
    }
    command.envs(setup.environment.iter().map(|(name, value)| (name, value)));
    let child = command.spawn().unwrap_or_else(|e| panic!("{} does not run: {e}", envoy.display()));

    let mut secrets: Vec<String> = setup.environment.iter().map(|(_, value)| value.clone()).collect();
    setup.plugin.iter().for_each(|plugin| literal_secrets(plugin, &mut secrets));
    Some(Launched {
        process: Process::watched(child, folder, secrets),
        log: Log { path: log, read: AtomicU64::new(0) },
    })
}

/// Whether the Envoy of the tests has one limit for what it reads ahead and for what is held.
pub fn has_one_limit() -> bool {
    programs().is_some_and(|(envoy, _)| only_listeners_limit(&envoy))
}

/// Whether the Envoy of the tests can read secrets into filter state: since 1.38.
pub fn reads_secrets() -> bool {
    let reads = programs().is_none_or(|(envoy, _)| minor_version(&envoy) >= 38);
    if !reads {
        let _ = std::io::stderr().write_all(b"SKIPPED: an Envoy before 1.38 reads no secrets into filter state\n");
    }
    reads
}

/// 40 of 1.40.0.
fn minor_version(envoy: &Path) -> u32 {
    let minor =
        version(envoy).split('/').filter_map(|part| part.strip_prefix("1.")).find_map(|rest| rest.split('.').next());
    minor.and_then(|minor| minor.parse().ok()).expect("Envoy's version is 1.x")
}

/// What Envoy says of its version.
fn version(envoy: &Path) -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let output = Command::new(envoy).arg("--version").output().expect("Envoy tells its version");
        String::from_utf8_lossy(&output.stdout).into_owned()
    })
}

/// Whether this Envoy is older than 1.37, where the limit of a virtual host does not raise that of a body which a wasm filter
/// holds.
fn only_listeners_limit(envoy: &Path) -> bool {
    minor_version(envoy) < 37
}

/// Envoy and the module; if one is missing, prints a message and returns `None`.
fn programs() -> Option<(PathBuf, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = |variable: &str, default: &str| {
        std::env::var_os(variable).map_or_else(|| root.join(default), |path| root.join(path))
    };
    let envoy = path("HOOKWARDEN_ENVOY", ".venv/bin/envoy");
    let wasm = path("HOOKWARDEN_WASM", "target/wasm32-wasip1/release/hookwarden.wasm");
    let missing: Vec<String> =
        [&envoy, &wasm].into_iter().filter(|path| !path.exists()).map(|path| path.display().to_string()).collect();
    if missing.is_empty() {
        return Some((envoy, wasm));
    }
    let message = format!("SKIPPED: no {}; run make setup wasm", missing.join(", no "));
    assert!(std::env::var("HOOKWARDEN_REQUIRE_ENVOY").as_deref() != Ok("1"), "{message}");
    // Once, and directly to standard error, because the output of passing tests is captured.
    static REPORTED: Once = Once::new();
    REPORTED.call_once(|| {
        let _ = std::io::stderr().write_all(format!("{message}\n").as_bytes());
    });
    None
}

/// The module; if it or Envoy is missing, prints a message and returns `None`.
pub fn wasm() -> Option<PathBuf> {
    programs().map(|(_, wasm)| wasm)
}

/// Envoy's output for the message of a failed test, without the lines at level info.
pub fn log_excerpt(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.contains("][info][")).collect();
    format!("--- output of Envoy:\n{}\n--- end of the output of Envoy", lines.join("\n"))
}

/// Collects every `value`, at any depth.
fn literal_secrets(plugin: &Value, found: &mut Vec<String>) {
    match plugin {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "value" => found.push(text.clone()),
                    other => literal_secrets(other, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| literal_secrets(item, found)),
        _ => {}
    }
}

/// The secrets that must not be printed. Short ones are left out, because they may occur in any log.
pub fn forbidden_in_output(secrets: &[String]) -> Vec<String> {
    let all = senders::registered_secrets().into_iter().chain(secrets.iter().cloned());
    all.filter(|secret| secret.len() >= 8).collect()
}

/// Envoy and its watchdog, which kills Envoy and removes its folder when its standard input is closed: a shared Envoy is
/// in a static, which is never dropped, and a test run may be killed.
pub struct Process {
    pub envoy: Child,
    watchdog: Child,
    lifeline: Option<ChildStdin>,
    /// Bootstrap, admin address and log; removed at the end.
    pub folder: PathBuf,
    /// The secrets in its environment and configuration.
    pub secrets: Vec<String>,
}

impl Process {
    pub fn watched(envoy: Child, folder: PathBuf, secrets: Vec<String>) -> Self {
        let mut watchdog = Command::new("sh")
            // An interrupt from the terminal reaches it, too, and must not end it first.
            .args(["-c", "trap '' INT TERM HUP; read -r _; kill -KILL \"$1\" 2>/dev/null; rm -rf \"$2\"", "watchdog"])
            .arg(envoy.id().to_string())
            .arg(&folder)
            .stdin(Stdio::piped())
            .spawn()
            .expect("sh runs");
        let lifeline = watchdog.stdin.take();
        Self { envoy, watchdog, lifeline, folder, secrets }
    }

    pub fn exited(&mut self) -> Option<String> {
        let status = self.envoy.try_wait().expect("the status of Envoy can be read");
        status.map(|status| status.to_string())
    }

    pub fn end(&mut self) {
        // The watchdog first, or it might kill a process that reuses the id.
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
        self.lifeline = None;
        let _ = self.envoy.kill();
        let _ = self.envoy.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The output of Envoy, in a file.
pub struct Log {
    path: PathBuf,
    read: AtomicU64,
}

impl Log {
    pub fn all(&self) -> String {
        self.from(0)
    }

    /// The output since the last call.
    pub fn unread(&self) -> String {
        let start = self.read.load(Ordering::SeqCst);
        let text = self.from(start);
        // An incomplete line is read again by the next call.
        let whole_lines = text.rfind('\n').map_or(0, |at| at as u64 + 1);
        self.read.store(start + whole_lines, Ordering::SeqCst);
        text
    }

    fn from(&self, start: u64) -> String {
        let mut bytes = Vec::new();
        let mut file = File::open(&self.path).expect("the log is there");
        file.seek(SeekFrom::Start(start)).expect("a position in the log");
        file.read_to_end(&mut bytes).expect("the log can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
