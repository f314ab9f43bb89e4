//! A running Envoy, and the assertions about its answers, its upstream, its metrics and its output.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::client::{Connection, Protocol, Reply, Request};
use crate::harness::launch::{Launched, Log, Process, Setup, forbidden_in_output, launch, log_excerpt};
use crate::harness::senders::GITHUB;
use crate::harness::upstream::{self, Mark, Received, Upstream};

const TIMEOUT: Duration = Duration::from_secs(30);

pub struct Proxy {
    pub address: SocketAddr,
    pub upstream: Upstream,
    admin: SocketAddr,
    process: Process,
    log: Log,
}

impl Proxy {
    /// `None`, with a message on standard error, if there is no Envoy or no module.
    #[track_caller]
    pub fn start(setup: &Setup) -> Option<Self> {
        Self::try_start(setup).map(|started| started.unwrap_or_else(|printed| panic!("Envoy did not start. {printed}")))
    }

    /// As [`start`](Self::start), but `Err` has the output of an Envoy that does not start.
    pub fn try_start(setup: &Setup) -> Option<Result<Self, String>> {
        let upstream = Upstream::start();
        let Launched { mut process, log } = launch(setup, upstream.address)?;
        let address_file = process.folder.join("admin");
        let admin = wait_for(TIMEOUT, || {
            if process.exited().is_some() {
                return Some(Err(()));
            }
            // The file exists before the port answers, and Envoy may refuse its configuration after both.
            let admin = std::fs::read_to_string(&address_file).ok()?.parse::<SocketAddr>().ok()?;
            (ask_admin(admin, "/ready")?.status == 200).then_some(Ok(admin))
        });
        let Some(Ok(admin)) = admin else {
            return Some(Err(log_excerpt(&log.all())));
        };
        let mut proxy = Self { address: admin, upstream, admin, process, log };
        proxy.address = proxy.listener("webhooks");
        Some(Ok(proxy))
    }

    /// The address of a listener.
    #[track_caller]
    pub fn listener(&self, name: &str) -> SocketAddr {
        let listeners: Value = serde_json::from_slice(&self.admin("/listeners?format=json").body).expect("JSON");
        let mut statuses = listeners["listener_statuses"].as_array().into_iter().flatten();
        let status = statuses.find(|status| status["name"] == name);
        let address = &status.unwrap_or_else(|| panic!("no listener {name}"))["local_address"]["socket_address"];
        let ip = address["address"].as_str().and_then(|text| text.parse().ok()).expect("an address");
        let port = address["port_value"].as_u64().expect("the listener's port");
        SocketAddr::new(ip, u16::try_from(port).expect("a port"))
    }

    /// The folder of this Envoy: its bootstrap, and what [`Setup::edit`] put there.
    pub fn folder(&self) -> &Path {
        &self.process.folder
    }

    /// The address of the admin port.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    #[allow(dead_code, reason = "for the benchmarks")]
    pub fn pid(&self) -> u32 {
        self.process.envoy.id()
    }

    pub fn admin(&self, path: &str) -> Reply {
        ask_admin(self.admin, path).expect("the admin port answers")
    }

    /// Counters and gauges of the module, without the prefix `wasmcustom.hookwarden.`.
    pub fn metrics(&self) -> BTreeMap<String, u64> {
        let text = self.admin("/stats?filter=wasmcustom.hookwarden").text();
        text.lines()
            .filter_map(|line| line.strip_prefix("wasmcustom.hookwarden."))
            .filter_map(|line| line.split_once(": "))
            // Histograms are shown as percentiles.
            .filter(|(_, value)| !value.starts_with(['P', 'N']))
            .map(|(name, value)| (name.to_owned(), value.parse().expect("a number")))
            .collect()
    }

    pub fn metric(&self, name: &str) -> u64 {
        self.metrics().get(name).copied().unwrap_or(0)
    }

    /// Asserts that every worker thread has accepted connections of this listener.
    #[track_caller]
    pub fn assert_all_workers_served(&self, listener: &str) {
        let accepted = self.accepted_by_worker(listener);
        assert!(accepted.len() > 1 && !accepted.contains(&0), "the workers of {listener} accepted {accepted:?}");
    }

    /// A connection to each of two worker threads; the kernel chooses, so it may take several attempts.
    #[track_caller]
    pub fn connection_to_each_worker(&self) -> [Connection; 2] {
        let accepted = || self.accepted_by_worker("webhooks");
        let mut found = [None, None];
        for _ in 0..200 {
            let before = accepted();
            let mut connection = Connection::open(self.address);
            connection.send(b"GET /nowhere HTTP/1.1\r\nHost: hooks.example\r\n\r\n");
            assert_eq!(connection.reply().status, 404);
            let worker = accepted().iter().zip(before).position(|(now, before)| *now > before);
            found[worker.expect("a worker accepted it")] = Some(connection);
            if let [Some(_), Some(_)] = found {
                return found.map(|connection| connection.expect("just seen"));
            }
        }
        panic!("all connections went to one worker")
    }

    /// Waits until every worker answers this request with this status, for example after a configuration push.
    #[track_caller]
    pub fn every_worker_answers(&self, request: &Request, status: u16) {
        // Existing connections keep the old configuration.
        let answers = || self.connection_to_each_worker().map(|mut connection| connection.round_trip(request).status);
        let all = wait_for(TIMEOUT, || (answers() == [status; 2]).then_some(()));
        assert!(all.is_some(), "not all workers answered {status}");
    }

    /// How many connections of this listener each worker thread has accepted.
    pub fn accepted_by_worker(&self, listener: &str) -> Vec<u64> {
        let text = self.admin("/stats?filter=worker_.*downstream_cx_total").text();
        let prefix = format!("listener.{listener}.worker_");
        let counts = text.lines().filter(|line| line.starts_with(&prefix)).filter_map(|line| line.rsplit_once(": "));
        counts.map(|(_, count)| count.parse().expect("a number")).collect()
    }

    /// Waits until Envoy prints a line that contains all of these.
    #[track_caller]
    pub fn wait_for_log(&self, parts: &[&str]) -> String {
        let found = wait_for(Duration::from_secs(10), || {
            let log = self.log.all();
            let mut lines = log.lines();
            lines.find(|line| parts.iter().all(|part| line.contains(part))).map(str::to_owned)
        });
        found.unwrap_or_else(|| panic!("Envoy printed no line with {parts:?}; {}", log_excerpt(&self.log.all())))
    }

    /// Envoy's output so far.
    pub fn log(&self) -> String {
        self.log.all()
    }

    /// Asserts that the request passes: the client gets the upstream's response, the upstream exactly this body.
    #[track_caller]
    pub fn passes(&self, protocol: Protocol, request: &Request) -> Received {
        let mark = self.upstream.mark();
        let reply = request.send(self.address, protocol);
        self.assert_passed_since(mark, request, &reply)
    }

    /// As [`passes`](Self::passes), on this connection.
    #[track_caller]
    pub fn passes_on(&self, mut connection: Connection, request: &Request) -> Received {
        let mark = self.upstream.mark();
        let reply = connection.round_trip(request);
        self.assert_passed_since(mark, request, &reply)
    }

    #[track_caller]
    pub fn assert_passed_since(&self, mark: Mark, request: &Request, reply: &Reply) -> Received {
        assert_eq!(reply.status, 200, "{request:?} should pass, but got: {reply:?}");
        assert_eq!(reply.body, upstream::ANSWER, "the response should be the upstream's");
        let seen = self.upstream.only_request_since(mark);
        assert_eq!(seen.method, request.method);
        assert_eq!(seen.target, request.path.as_bytes());
        assert!(
            seen.body == request.body,
            "the body was changed: {} bytes sent, {} received",
            request.body.len(),
            seen.body.len()
        );
        seen
    }

    /// Asserts that the request is denied with this code: response, metrics, an untouched upstream, a working VM.
    #[track_caller]
    pub fn denies(&self, protocol: Protocol, request: &Request, source: &str, code: &str) -> Reply {
        self.denies_with(source, code, |address| request.send(address, protocol))
    }

    /// As [`denies`](Self::denies), for raw bytes.
    #[track_caller]
    pub fn denies_bytes(&self, bytes: &[u8], source: &str, code: &str) -> Reply {
        self.denies_with(source, code, |address| {
            let mut connection = Connection::open(address);
            connection.send(bytes);
            connection.reply()
        })
    }

    /// As [`denies`](Self::denies), on this connection.
    #[track_caller]
    pub fn denies_on(&self, mut connection: Connection, request: &Request, source: &str, code: &str) -> Reply {
        self.denies_with(source, code, |_| connection.round_trip(request))
    }

    #[track_caller]
    pub fn denies_with(&self, source: &str, code: &str, send: impl FnOnce(SocketAddr) -> Reply) -> Reply {
        let snapshot = self.snapshot();
        let reply = send(self.address);
        self.assert_denied_since(&snapshot, source, code, &reply);
        reply
    }

    /// The state that [`assert_denied_since`](Self::assert_denied_since) compares with.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { metrics: self.metrics(), mark: self.upstream.mark() }
    }

    #[track_caller]
    pub fn assert_denied_since(&self, snapshot: &Snapshot, source: &str, code: &str, reply: &Reply) {
        let counters = || {
            let after = self.metrics();
            let changed = after.into_iter().filter(|(name, value)| {
                name.contains(".denials.") && *value > snapshot.metrics.get(name).copied().unwrap_or(0)
            });
            changed.map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_denial(reply, code, &counters);
        self.upstream.assert_nothing_since(snapshot.mark);
        self.assert_serves_after(snapshot.mark);
        assert_eq!(counters(), [format!("source.{source}.denials.{code}")], "{reply:?}");
    }

    /// Asserts that nothing of these bytes reaches the upstream, with or without an answer of Envoy or the module.
    /// The connection stays open until Envoy has served another request.
    #[track_caller]
    pub fn lets_nothing_through(&self, bytes: &[u8]) -> Option<Reply> {
        let mark = self.upstream.mark();
        let mut connection = Connection::open(self.address);
        connection.send(bytes);
        assert_eq!(honest().send(self.address, Protocol::Http1).status, 200);
        connection.close_sending_side();
        let reply = connection.try_reply();
        let status = reply.as_ref().map(|reply| reply.status);
        assert!(
            status.is_none_or(|status| (400..500).contains(&status) || status == 501),
            "{} got: {reply:?}",
            bytes.escape_ascii()
        );
        assert_eq!(honest().send(self.address, Protocol::Http1).status, 200);
        self.upstream.only_requests_since(mark, 2);
        reply
    }

    /// Asserts that an honest request passes, and that it is the only one to reach the upstream since the mark.
    #[track_caller]
    pub fn assert_serves_after(&self, mark: Mark) {
        let request = honest();
        let reply = request.send(self.address, Protocol::Http1);
        self.assert_passed_since(mark, &request, &reply);
    }

    /// Envoy's output since the last call, which must not contain a secret, a tag or a credential.
    #[track_caller]
    pub fn unread_without_secrets(&self) -> String {
        let log = self.log.unread();
        for secret in forbidden_in_output(&self.process.secrets) {
            // Not the whole value, because this message is printed.
            assert!(!log.contains(&secret), "Envoy printed a secret or a tag that begins with {:.3}", secret);
        }
        log
    }

    /// Asserts that Envoy's output since the last call has no secret, no tag, no credential and no sign of a crash.
    #[track_caller]
    pub fn assert_output_is_clean(&self) {
        let log = self.unread_without_secrets();
        for sign in ["panicked at", "Wasm VM failed", "Uncaught RuntimeError", "[critical]", "plugin has failed"] {
            // A rejected configuration push is not a crash.
            let refused = ["Failed to configure base Wasm plugin", "failed to load"];
            let mut lines = log.lines().filter(|line| !refused.iter().any(|message| line.contains(message)));
            let line = lines.find(|line| line.contains(sign));
            assert!(line.is_none(), "Envoy printed: {}", line.unwrap_or_default());
        }
        assert_eq!(self.upstream.problems(), [""; 0], "the upstream could not parse a request");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // A clean exit flushes the access log.
        if !std::thread::panicking() {
            let mut connection = Connection::open(self.admin);
            connection.send(b"POST /quitquitquit HTTP/1.1\r\nHost: admin\r\n\r\n");
            let ended = wait_for(TIMEOUT, || self.process.exited());
            assert!(ended.is_some(), "Envoy does not exit");
        }
        self.process.end();
        if std::thread::panicking() {
            eprintln!("{}", log_excerpt(&self.log.unread()));
        } else {
            self.assert_output_is_clean();
        }
    }
}

fn ask_admin(address: SocketAddr, path: &str) -> Option<Reply> {
    let mut connection = Connection::try_open(address)?;
    connection.send(format!("GET {path} HTTP/1.1\r\nHost: admin\r\n\r\n").as_bytes());
    connection.try_reply()
}

/// The state before a request that will be denied.
pub struct Snapshot {
    metrics: BTreeMap<String, u64>,
    pub mark: Mark,
}

/// Asserts what the client sees of a denial: the same for all codes of a status.
#[track_caller]
pub fn assert_denial(reply: &Reply, code: &str, counters: &dyn Fn() -> Vec<String>) {
    let status = status_of(code);
    assert_eq!(
        reply.status,
        status,
        "should be denied as {code}, but got: {reply:?}; changed counters: {:?}",
        counters()
    );
    assert_eq!(reply.text(), "request denied\n");
    assert_eq!(reply.header("content-type"), Some("text/plain"));
    let retry = reply.header("retry-after");
    match status {
        503 => assert_eq!(retry, Some("30"), "{code}"),
        429 => assert!(retry.and_then(|text| text.parse().ok()).is_some_and(|wait: u64| wait > 0), "{retry:?}"),
        _ => assert_eq!(retry, None, "{code}"),
    }
    assert_eq!(reply.header("allow").is_some(), status == 405, "{code}");
    let known =
        ["content-length", "content-type", "date", "server", "connection", "retry-after", "allow", "www-authenticate"];
    let mark = reply.header("x-hookwarden-duplicate");
    assert_eq!(mark, (code == "duplicate").then_some("true"), "{code}");
    for (name, _) in reply.headers.iter().filter(|(name, _)| name != "x-hookwarden-duplicate") {
        assert!(known.contains(&name.as_str()), "unexpected header {name} in a denial");
    }
}

/// The default status of a denial.
pub fn status_of(code: &str) -> u16 {
    match code {
        "unmatched" => 404,
        "ambiguous_path" | "query_not_allowed" | "content_length_invalid" | "content_length_mismatch" => 400,
        "transport_insecure" | "tls_version" | "client_certificate_missing" | "address_missing" | "address_denied" => {
            403
        }
        "method_not_allowed" => 405,
        "content_encoding" => 415,
        "flood_limited" | "rate_limited" => 429,
        "source_disabled" | "source_closed" | "secret_unavailable" | "key_unavailable" | "host_failure"
        | "hold_unsupported" | "memory_exhausted" | "replay_full" | "replay_unavailable" => 503,
        // The sources that deny duplicates use 409.
        "duplicate" => 409,
        "too_many_headers" => 431,
        "body_too_large" | "body_inflation" => 413,
        "body_timeout" => 408,
        _ => 401,
    }
}

/// A signed request with a unique body.
pub fn honest() -> Request {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    GITHUB.valid(format!("{{\"honest\":{number}}}").as_bytes())
}

/// One Envoy for all tests with the same set-up.
pub struct SharedProxy {
    /// A failure to start is kept with Envoy's output, so that the other tests fail at once.
    proxy: OnceLock<Option<Result<Mutex<Proxy>, Mutex<String>>>>,
    setup: fn() -> Setup,
}

impl SharedProxy {
    pub const fn new(setup: fn() -> Setup) -> Self {
        Self { proxy: OnceLock::new(), setup }
    }

    /// Locks the proxy for one test. The first call starts Envoy.
    pub fn take(&'static self) -> Option<ProxyGuard> {
        let proxy = self.proxy.get_or_init(|| {
            let started = Proxy::try_start(&(self.setup)())?;
            Some(started.map(Mutex::new).map_err(Mutex::new))
        });
        let proxy = match proxy.as_ref()? {
            Ok(proxy) => proxy.lock().unwrap_or_else(PoisonError::into_inner),
            Err(printed) => {
                let printed = std::mem::take(&mut *printed.lock().unwrap_or_else(PoisonError::into_inner));
                panic!("Envoy did not start; the first test that failed shows its output. {printed}")
            }
        };
        // The output of earlier tests was checked then, or shown because they failed.
        let _ = proxy.log.unread();
        Some(ProxyGuard { proxy })
    }
}

/// A locked [`SharedProxy`].
pub struct ProxyGuard {
    proxy: MutexGuard<'static, Proxy>,
}

impl Deref for ProxyGuard {
    type Target = Proxy;

    fn deref(&self) -> &Proxy {
        &self.proxy
    }
}

impl Drop for ProxyGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", log_excerpt(&self.proxy.log.unread()));
        } else {
            self.proxy.assert_output_is_clean();
        }
    }
}

/// Asserts that Envoy refuses its configuration, and returns its output.
pub fn refuses_to_start(setup: &Setup) -> Option<String> {
    let upstream = Upstream::start();
    let mut launched = launch(setup, upstream.address)?;
    let status = wait_for(TIMEOUT, || launched.process.exited());
    let log = launched.log.all();
    launched.process.end();
    match status {
        Some(status) => assert!(!status.contains("status: 0"), "Envoy exited with success ({status}):\n{log}"),
        None => panic!("Envoy started with a configuration that it should refuse:\n{log}"),
    }
    for secret in forbidden_in_output(&launched.process.secrets) {
        assert!(!log.contains(&secret), "Envoy printed a secret that begins with {:.3}", secret);
    }
    Some(log)
}

/// Polls until `attempt` returns a value; `None` at the deadline.
pub fn wait_for<T>(timeout: Duration, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(value) = attempt() {
            return Some(value);
        }
        if Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
