//! A real Envoy with the real module, on free ports, with an upstream that remembers everything.
//!
//! - Tests with the same set-up share one Envoy, one test at a time ([`Shared::take`]), so that "the upstream
//!   saw nothing" can be asked of all of it.
//! - After every denial the same Envoy has to let an honest request through: the VM is alive, and because the
//!   workers answer in order, whatever a denied request leaked would have arrived by then.
//! - After every test, everything that Envoy printed is searched for secrets and for signs of a crash.
//!
//! Nothing here sleeps to let something happen; what has to be waited for is polled until a deadline.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{Connection, Protocol, Reply, Request};
use crate::launch::{Launched, Log, Process, Setup, launch, private, shown};
use crate::senders::GITHUB;
use crate::upstream::{self, Mark, Seen, Upstream};

const PATIENCE: Duration = Duration::from_secs(30);

pub struct Proxy {
    pub address: SocketAddr,
    pub upstream: Upstream,
    admin: SocketAddr,
    process: Process,
    log: Log,
}

impl Proxy {
    /// `None`, said on standard error, where there is no Envoy or no module.
    #[track_caller]
    pub fn start(setup: &Setup) -> Option<Self> {
        Self::try_start(setup).map(|started| started.unwrap_or_else(|printed| panic!("Envoy did not start. {printed}")))
    }

    /// `Err` holds what Envoy printed.
    fn try_start(setup: &Setup) -> Option<Result<Self, String>> {
        let upstream = Upstream::start();
        let Launched { mut process, log } = launch(setup, upstream.address)?;
        let address_file = process.folder.join("admin");
        let admin = wait_for(PATIENCE, || {
            if process.exited().is_some() {
                return Some(Err(()));
            }
            // The file is there some time before the port can answer, and a refused configuration comes after both.
            let admin = std::fs::read_to_string(&address_file).ok()?.parse::<SocketAddr>().ok()?;
            (ask_admin(admin, "/ready")?.status == 200).then_some(Ok(admin))
        });
        let Some(Ok(admin)) = admin else {
            return Some(Err(shown(&log.all())));
        };
        let mut proxy = Self { address: admin, upstream, admin, process, log };
        proxy.address = proxy.listener("webhooks");
        Some(Ok(proxy))
    }

    /// The address of the listener with this name.
    #[track_caller]
    pub fn listener(&self, name: &str) -> SocketAddr {
        let listeners: Value = serde_json::from_slice(&self.admin("/listeners?format=json").body).expect("JSON");
        let mut statuses = listeners["listener_statuses"].as_array().into_iter().flatten();
        let status = statuses.find(|status| status["name"] == name);
        let address = &status.unwrap_or_else(|| panic!("a listener {name}"))["local_address"]["socket_address"];
        let ip = address["address"].as_str().and_then(|text| text.parse().ok()).expect("an address");
        let port = address["port_value"].as_u64().expect("the listener's port");
        SocketAddr::new(ip, u16::try_from(port).expect("a port"))
    }

    /// The folder of this Envoy: its bootstrap, and what [`Setup::edit`] put there.
    pub fn folder(&self) -> &Path {
        &self.process.folder
    }

    #[allow(dead_code, reason = "the benchmark reads what the process costs")]
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
            .filter_map(|line| line.rsplit_once(": "))
            .map(|(name, value)| (name.to_owned(), value.parse().expect("a number")))
            .collect()
    }

    pub fn metric(&self, name: &str) -> u64 {
        self.metrics().get(name).copied().unwrap_or(0)
    }

    /// Every worker thread has accepted connections of this listener.
    #[track_caller]
    pub fn assert_all_workers_served(&self, listener: &str) {
        let accepted = self.accepted_by_worker(listener);
        assert!(accepted.len() > 1 && !accepted.contains(&0), "the workers of {listener} accepted {accepted:?}");
    }

    /// A connection to either of two worker threads; the kernel chooses, so it takes some tries.
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
        panic!("the kernel gives all connections to one worker")
    }

    /// Waits until every worker answers this request with this status, which a configuration that was pushed does.
    #[track_caller]
    pub fn every_worker_answers(&self, request: &Request, status: u16) {
        // Old connections stay with the old configuration.
        let answers = || self.connection_to_each_worker().map(|mut connection| connection.ask(request).status);
        let all = wait_for(PATIENCE, || (answers() == [status; 2]).then_some(()));
        assert!(all.is_some(), "the workers never all answered {status}");
    }

    /// How many connections of this listener each worker thread has accepted.
    pub fn accepted_by_worker(&self, listener: &str) -> Vec<u64> {
        let text = self.admin("/stats?filter=worker_.*downstream_cx_total").text();
        let prefix = format!("listener.{listener}.worker_");
        let counts = text.lines().filter(|line| line.starts_with(&prefix)).filter_map(|line| line.rsplit_once(": "));
        counts.map(|(_, count)| count.parse().expect("a number")).collect()
    }

    /// Waits until Envoy has printed a line that holds all of these.
    #[track_caller]
    pub fn printed(&self, parts: &[&str]) -> String {
        let found = wait_for(Duration::from_secs(10), || {
            let log = self.log.all();
            let mut lines = log.lines();
            lines.find(|line| parts.iter().all(|part| line.contains(part))).map(str::to_owned)
        });
        found.unwrap_or_else(|| panic!("Envoy printed no line with {parts:?}; {}", shown(&self.log.all())))
    }

    /// Everything that Envoy printed so far.
    pub fn log(&self) -> String {
        self.log.all()
    }

    /// The request goes through: the caller sees the upstream's answer, the upstream exactly this body.
    #[track_caller]
    pub fn passes(&self, protocol: Protocol, request: &Request) -> Seen {
        let mark = self.upstream.mark();
        let reply = request.send(self.address, protocol);
        self.passed(mark, request, &reply)
    }

    /// As [`passes`](Self::passes), on a connection of the test's own.
    #[track_caller]
    pub fn passes_on(&self, mut connection: Connection, request: &Request) -> Seen {
        let mark = self.upstream.mark();
        let reply = connection.ask(request);
        self.passed(mark, request, &reply)
    }

    #[track_caller]
    pub fn passed(&self, mark: Mark, request: &Request, reply: &Reply) -> Seen {
        assert_eq!(reply.status, 200, "{request:?} should pass; the answer: {reply:?}");
        assert_eq!(reply.body, upstream::ANSWER, "the answer is the upstream's");
        let seen = self.upstream.only_request_since(mark);
        assert_eq!(seen.method, request.method);
        assert_eq!(seen.target, request.path.as_bytes());
        assert!(
            seen.body == request.body,
            "the body arrived changed: {} bytes sent, {} seen",
            request.body.len(),
            seen.body.len()
        );
        seen
    }

    /// The request is refused, and everything that has to hold then does.
    #[track_caller]
    pub fn denies(&self, protocol: Protocol, request: &Request, source: &str, code: &str) -> Reply {
        self.denies_what(source, code, |address| request.send(address, protocol))
    }

    /// As [`denies`](Self::denies), for bytes that no client library would send.
    #[track_caller]
    pub fn denies_bytes(&self, bytes: &[u8], source: &str, code: &str) -> Reply {
        self.denies_what(source, code, |address| {
            let mut connection = Connection::open(address);
            connection.send(bytes);
            connection.reply()
        })
    }

    /// As [`denies`](Self::denies), on a connection of the test's own.
    #[track_caller]
    pub fn denies_on(&self, mut connection: Connection, request: &Request, source: &str, code: &str) -> Reply {
        self.denies_what(source, code, |_| connection.ask(request))
    }

    #[track_caller]
    pub fn denies_what(&self, source: &str, code: &str, send: impl FnOnce(SocketAddr) -> Reply) -> Reply {
        let before = self.metrics();
        let mark = self.upstream.mark();
        let reply = send(self.address);
        let denied = Denied { before, mark };
        self.denied(&denied, source, code, &reply);
        reply
    }

    /// What [`denied`](Self::denied) compares with.
    pub fn before(&self) -> Denied {
        Denied { before: self.metrics(), mark: self.upstream.mark() }
    }

    #[track_caller]
    pub fn denied(&self, state: &Denied, source: &str, code: &str, reply: &Reply) {
        let counters = || {
            let after = self.metrics();
            let changed = after.into_iter().filter(|(name, value)| {
                name.contains(".denials.") && *value > state.before.get(name).copied().unwrap_or(0)
            });
            changed.map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_denial(reply, code, &counters);
        self.upstream.assert_nothing_since(state.mark);
        self.is_honest_after(state.mark);
        assert_eq!(counters(), [format!("source.{source}.denials.{code}")], "{reply:?}");
    }

    /// The request is refused, by Envoy itself or by the module, with an answer or without; the upstream sees
    /// nothing. The connection stays open until Envoy had time to do something with what it got.
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
            "{} was answered: {reply:?}",
            bytes.escape_ascii()
        );
        assert_eq!(honest().send(self.address, Protocol::Http1).status, 200);
        self.upstream.only_requests_since(mark, 2);
        reply
    }

    /// An honest request passes, and since the mark it is the only one that did.
    #[track_caller]
    pub fn is_honest_after(&self, mark: Mark) {
        let request = honest();
        let reply = request.send(self.address, Protocol::Http1);
        self.passed(mark, &request, &reply);
    }

    /// No secret, no tag, no credential, no crash in anything that Envoy printed since the last look.
    #[track_caller]
    pub fn assert_output_is_clean(&self) {
        let log = self.log.unread();
        for secret in private(&self.process.secrets) {
            // Without the value: this message is printed too.
            assert!(!log.contains(&secret), "Envoy printed a secret or a tag that begins with {:.3}", secret);
        }
        for word in ["panicked at", "Wasm VM failed", "Uncaught RuntimeError", "[critical]", "plugin has failed"] {
            // A configuration that is pushed and refused is no crash.
            let refused = ["Failed to configure base Wasm plugin", "failed to load"];
            let mut lines = log.lines().filter(|line| !refused.iter().any(|words| line.contains(words)));
            let line = lines.find(|line| line.contains(word));
            assert!(line.is_none(), "Envoy printed: {}", line.unwrap_or_default());
        }
        assert_eq!(self.upstream.problems(), [""; 0], "the upstream could read every request");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // A clean end writes out the rest of the access log.
        if !std::thread::panicking() {
            let mut connection = Connection::open(self.admin);
            connection.send(b"POST /quitquitquit HTTP/1.1\r\nHost: admin\r\n\r\n");
            let ended = wait_for(PATIENCE, || self.process.exited());
            assert!(ended.is_some(), "Envoy does not end");
        }
        self.process.end();
        if std::thread::panicking() {
            eprintln!("{}", shown(&self.log.unread()));
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

/// The state before a request that is going to be denied.
pub struct Denied {
    before: BTreeMap<String, u64>,
    pub mark: Mark,
}

/// What the caller sees of a denial, which is the same whatever the reason.
#[track_caller]
pub fn assert_denial(reply: &Reply, code: &str, counters: &dyn Fn() -> Vec<String>) {
    let status = status_of(code);
    assert_eq!(
        reply.status,
        status,
        "should be denied as {code}; the answer: {reply:?}; the counters that moved: {:?}",
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
    for (name, _) in &reply.headers {
        assert!(known.contains(&name.as_str()), "a denial has no header {name}");
    }
}

/// The status of a denial where the source says nothing about it.
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
        "source_disabled" | "source_closed" | "host_failure" | "hold_unsupported" | "replay_full"
        | "replay_unavailable" => 503,
        // Where the source says so; 200 and 204 are no refusals to the caller.
        "duplicate" => 409,
        "too_many_headers" => 431,
        "body_too_large" => 413,
        "body_timeout" => 408,
        _ => 401,
    }
}

/// A signed request that no other has been: the body is new every time.
pub fn honest() -> Request {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    GITHUB.valid(format!("{{\"honest\":{number}}}").as_bytes())
}

/// One Envoy for all tests that want the same set-up.
pub struct Shared {
    /// A failure is remembered with what Envoy printed, so that the other tests do not wait for the next one.
    proxy: OnceLock<Option<Result<Mutex<Proxy>, Mutex<String>>>>,
    setup: fn() -> Setup,
}

impl Shared {
    pub const fn new(setup: fn() -> Setup) -> Self {
        Self { proxy: OnceLock::new(), setup }
    }

    /// Waits for the test before, and starts Envoy if this is the first.
    pub fn take(&'static self) -> Option<Turn> {
        let proxy = self.proxy.get_or_init(|| {
            let started = Proxy::try_start(&(self.setup)())?;
            Some(started.map(Mutex::new).map_err(Mutex::new))
        });
        let proxy = match proxy.as_ref()? {
            Ok(proxy) => proxy.lock().unwrap_or_else(PoisonError::into_inner),
            Err(printed) => {
                let printed = std::mem::take(&mut *printed.lock().unwrap_or_else(PoisonError::into_inner));
                panic!("Envoy did not start; what it printed is shown by the first test that wanted it. {printed}")
            }
        };
        // What the test before printed was looked at then, or was shown because it failed.
        let _ = proxy.log.unread();
        Some(Turn { proxy })
    }
}

/// A test's turn with a shared Envoy.
pub struct Turn {
    proxy: MutexGuard<'static, Proxy>,
}

impl Deref for Turn {
    type Target = Proxy;

    fn deref(&self) -> &Proxy {
        &self.proxy
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", shown(&self.proxy.log.unread()));
        } else {
            self.proxy.assert_output_is_clean();
        }
    }
}

/// An Envoy that is expected to refuse its configuration: everything that it printed until it ended.
pub fn refuses_to_start(setup: &Setup) -> Option<String> {
    let upstream = Upstream::start();
    let mut launched = launch(setup, upstream.address)?;
    let status = wait_for(PATIENCE, || launched.process.exited());
    let log = launched.log.all();
    launched.process.end();
    match status {
        Some(status) => assert!(!status.contains("status: 0"), "Envoy ended well ({status}):\n{log}"),
        None => panic!("Envoy started with a configuration that it should refuse; it printed:\n{log}"),
    }
    for secret in private(&launched.process.secrets) {
        assert!(!log.contains(&secret), "Envoy printed a secret that begins with {:.3}", secret);
    }
    Some(log)
}

/// Calls until it gives something, or `None` at the deadline.
pub fn wait_for<T>(patience: Duration, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
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
