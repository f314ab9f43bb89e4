//! Starting and ending Envoy processes, and reading what they print.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};

use serde_json::Value;

use crate::bootstrap::{self, Changes, Hold};
use crate::senders;

/// What differs from one Envoy to the next.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The plugin's configuration; `None` leaves the one that the bootstrap ships.
    pub plugin: Option<Value>,
    pub hold: Hold,
    /// The bootstrap of the repository that is changed; a file in `envoy/`.
    pub file: &'static str,
    pub workers: u32,
    pub buffer_limit: Option<u32>,
    /// Variables that the module may read, and that are set. With a shipped configuration only: that are set.
    pub environment: Vec<(String, String)>,
    /// Variables that the module may read, and that are not set.
    pub absent: Vec<String>,
    /// Another module than ours, for comparison.
    pub module: Option<PathBuf>,
    /// Another upstream than the one that remembers everything, and no access log.
    pub bare_upstream: Option<SocketAddr>,
    /// What else is changed in the bootstrap, in this order.
    pub edits: Vec<Edit>,
}

/// A change to the bootstrap. The path is the folder of this Envoy, which goes with it.
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

    /// What the repository ships, with the secrets that it ships for trying out.
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

/// An Envoy that was started, and may or may not run.
pub struct Launched {
    pub process: Process,
    pub log: Log,
}

/// Starts Envoy; `None`, said on standard error, where there is no Envoy or no module.
pub fn launch(setup: &Setup, upstream: SocketAddr) -> Option<Launched> {
    static NEXT: AtomicU64 = AtomicU64::new(0);

    let (envoy, ours) = programs()?;
    let wasm = setup.module.as_ref().unwrap_or(&ours);
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
        // Several Envoys on one machine, and an access log that can be read at once.
        .args(["--disable-hot-restart", "--file-flush-interval-msec", "50"])
        .args(["--log-level", "info"])
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a second handle"))
        .stderr(output);
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

/// Envoy and the module, or, where one of them is missing, a message and `None`.
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
    // Once, and straight to standard error: the output of a test that passes is captured and not shown.
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let _ = std::io::stderr().write_all(format!("{message}\n").as_bytes());
    });
    None
}

/// What Envoy printed, for the message of a failed test: without what it says about itself when it starts.
pub fn shown(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.contains("][info][")).collect();
    format!("--- Envoy printed:\n{}\n--- (end of what Envoy printed)", lines.join("\n"))
}

/// Every `value` in a `secrets` list, wherever it stands.
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

/// What may not be printed: short texts are left out, they stand in any log by chance.
pub fn private(secrets: &[String]) -> Vec<String> {
    let all = senders::all_private().into_iter().chain(secrets.iter().cloned());
    all.filter(|secret| secret.len() >= 8).collect()
}

/// Envoy and its watchdog. A shared Envoy is in a static, which is never dropped, and a test run may be
/// killed; when the watchdog's standard input ends, it ends Envoy and removes its folder.
pub struct Process {
    pub envoy: Child,
    watchdog: Child,
    lifeline: Option<ChildStdin>,
    /// Bootstrap, admin address and log; removed at the end.
    pub folder: PathBuf,
    /// The secrets that were given to it.
    pub secrets: Vec<String>,
}

impl Process {
    pub fn watched(envoy: Child, folder: PathBuf, secrets: Vec<String>) -> Self {
        let mut watchdog = Command::new("sh")
            .args(["-c", "read -r _; kill -KILL \"$1\" 2>/dev/null; rm -rf \"$2\"", "watchdog"])
            .arg(envoy.id().to_string())
            .arg(&folder)
            .stdin(Stdio::piped())
            .spawn()
            .expect("sh runs");
        let lifeline = watchdog.stdin.take();
        Self { envoy, watchdog, lifeline, folder, secrets }
    }

    pub fn exited(&mut self) -> Option<String> {
        let status = self.envoy.try_wait().expect("Envoy can be waited for");
        status.map(|status| status.to_string())
    }

    pub fn end(&mut self) {
        // The watchdog first, or it might kill whoever gets the number next.
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

/// Everything that Envoy printed, in a file.
pub struct Log {
    path: PathBuf,
    read: AtomicU64,
}

impl Log {
    pub fn all(&self) -> String {
        self.from(0)
    }

    /// What was printed since this was last asked.
    pub fn unread(&self) -> String {
        let start = self.read.load(Ordering::SeqCst);
        let text = self.from(start);
        // A line that is being written now is read again next time, as a whole.
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
