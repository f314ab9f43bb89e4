//! The host: the only file that names `proxy_wasm`. It turns callbacks into events and performs [`Step`]s; it
//! decides nothing.
//!
//! Whatever the host does that it should not, nothing goes on: the SDK stops the VM on statuses that it does not
//! expect, and a stopped VM fails closed.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, BufferType, ContextType, LogLevel, MapType, MetricType, Status};

use crate::config::{self, BodyHold, Policy};
use crate::filter::{Around, BodyBuffer, Exchange, Guards};
use crate::guard::address::Doubt;
use crate::guard::fleet::Call;
use crate::guard::memory::{Memory, NotWritten, Versioned};
use crate::guard::peer::Peer;
use crate::report::{self, Counter, Metric};
use crate::step::{self, Edits, Record, Step};
use crate::verify::timestamp::UnixTime;
use crate::verify::{Denial, Occurrence, Request};

// The macro exports `_initialize`, the module's entry point; the SDK needs unsafe code for that.
#[allow(unsafe_code, missing_docs)]
mod entry {
    proxy_wasm::main! {{
        proxy_wasm::set_log_level(proxy_wasm::types::LogLevel::Info);
        proxy_wasm::set_root_context(|_| Box::new(super::Plugin::default()));
    }}
}

/// The SDK gives up on maps of more lines than this; so do we, before asking.
const MAX_HEADERS: usize = 1000;
/// How often held requests are looked at.
const TICK: Duration = Duration::from_millis(500);
/// How long a sender may take to its first byte of body, once the host is known to deliver bodies.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// A secret whose `not_after` is nearer than this counts as expiring.
const EXPIRING: Duration = Duration::from_secs(7 * 86_400);
/// How often expiring secrets are counted again.
const EXPIRY_ROUND: Duration = Duration::from_secs(60);
/// How many lines may be logged at once, and how many more each second.
const LOG_BURST: u64 = 50;
const LOG_PER_SECOND: u64 = 10;
/// How much of a store's answer is read, in bytes. A good one has 20.
const MAX_ANSWER: usize = 4096;

/// The plugin in one VM: one configuration, and what its requests share.
#[derive(Default)]
struct Plugin {
    shared: Option<Rc<Shared>>,
    expiry_counted: Option<UnixTime>,
}

/// What the requests of one configuration share.
struct Shared {
    policy: Rc<Policy>,
    guards: Rc<Guards>,
    counters: RefCell<HashMap<String, u32>>,
    /// For no source, and then for each: the counters it used, by which they are found without making their names.
    hot_counters: RefCell<Vec<Vec<(HotCounter, u32)>>>,
    /// Bytes hashed since the last tick, which counts them.
    hashed: Cell<u64>,
    held: RefCell<BTreeMap<u32, HeldHeaders>>,
    /// Whether the host ever delivered a body after it held headers.
    delivers: Cell<bool>,
    /// What was said of the addresses of clients.
    said: Cell<Option<Doubt>>,
    log: LogBudget,
}

/// A counter of a source.
#[derive(PartialEq, Eq)]
enum HotCounter {
    Requests(&'static str),
    Denials(Denial),
    Matches(Rc<str>),
}

/// A request whose headers are held and whose body did not come yet.
struct HeldHeaders {
    since: UnixTime,
    request: Rc<RefCell<Guarded>>,
}

/// The part of a request that the tick may have to answer.
struct Guarded {
    exchange: Exchange,
    request_id: Vec<u8>,
}

/// One HTTP request.
struct Stream {
    id: u32,
    shared: Option<Rc<Shared>>,
    guarded: Option<Rc<RefCell<Guarded>>>,
    /// What waits for the answer to a call.
    waiting: Option<Waiting>,
    /// An answer that came before the store's: its status, and whether it is the upstream's.
    early: Option<(u16, bool)>,
}

/// What of a stream waits for the answer to a call.
#[derive(Clone, Copy)]
enum Waiting {
    Request,
    Response,
}

/// The connection, as the host's properties tell of it.
struct HostPeer;

/// The data that the host keeps for all VMs of a process.
struct HostMemory;

/// The body in the host's buffer.
struct HostBody {
    len: usize,
}

/// So many log lines, and no more: a flood of forged requests must not become a flood of lines.
struct LogBudget {
    left: Cell<u64>,
    filled: Cell<u64>,
    suppressed: Cell<u64>,
}

impl Context for Plugin {}

impl RootContext for Plugin {
    fn on_configure(&mut self, _size: usize) -> bool {
        let text = self.get_plugin_configuration().unwrap_or_default();
        let start = now();
        match config::load(&text, &|name| std::env::var(name).ok()) {
            Ok(loaded) => {
                for warning in &loaded.warnings {
                    log(LogLevel::Warn, &format!("configuration: {warning}"));
                }
                let sources = loaded.policy.sources.len();
                let Ok(guards) = Guards::open(&loaded.policy, &HostMemory) else {
                    log(LogLevel::Error, "configuration refused: the host gives no shared memory for its guards");
                    return false;
                };
                self.start(loaded.policy, guards);
                let took = elapsed(start, now()).as_millis();
                log(LogLevel::Info, &format!("configuration accepted: {sources} sources in {took} ms"));
                true
            }
            Err(problems) => {
                for problem in &problems {
                    log(LogLevel::Error, &format!("configuration refused: {problem}"));
                }
                false
            }
        }
    }

    fn on_tick(&mut self) {
        let Some(shared) = self.shared.clone() else { return };
        let now = now();
        shared.answer_stalled(now);
        shared.count_hashed();
        let due = self.expiry_counted.is_none_or(|last| elapsed(last, now) >= EXPIRY_ROUND);
        if due {
            self.expiry_counted = Some(now);
            shared.count_expiring(now);
        }
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream { id, shared: self.shared.clone(), guarded: None, waiting: None, early: None }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Plugin {
    fn start(&mut self, policy: Policy, guards: Guards) {
        let closed: Vec<_> = policy.sources.iter().filter(|source| source.requirement.is_none()).collect();
        for source in &closed {
            let name = &source.name;
            log(
                LogLevel::Error,
                &format!("source {name} is closed: a secret is missing; it answers 503, or only counts if it observes"),
            );
        }
        let closed = u64::try_from(closed.len()).unwrap_or(u64::MAX);
        set_gauge(report::SOURCES_CLOSED, closed);
        let shared = Rc::new(Shared {
            policy: Rc::new(policy),
            guards: Rc::new(guards),
            counters: RefCell::default(),
            hot_counters: RefCell::default(),
            hashed: Cell::new(0),
            held: RefCell::default(),
            delivers: Cell::new(false),
            said: Cell::new(None),
            log: LogBudget::new(),
        });
        let now = now();
        shared.count_expiring(now);
        self.expiry_counted = Some(now);
        if let Some(former) = self.shared.replace(shared) {
            former.count_hashed();
        }
        self.set_tick_period(TICK);
    }
}

impl Context for Stream {
    fn on_http_call_response(&mut self, _token: u32, headers: usize, size: usize, _trailers: usize) {
        let Some(waiting) = self.waiting.take() else { return };
        let answer = (headers > 0).then(|| call_answer(size)).flatten();
        self.on_answer(waiting, answer);
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, count: usize, end: bool) -> Action {
        let Some(shared) = self.shared.clone() else {
            return answer_without_policy();
        };
        let exchange = Exchange::new(Rc::clone(&shared.policy), Rc::clone(&shared.guards));
        let mut guarded = Guarded { exchange, request_id: Vec::new() };
        if count > MAX_HEADERS {
            let step = guarded.exchange.on_failure(Denial::TooManyHeaders);
            return shared.perform(step, &mut guarded);
        }
        let headers = self.get_http_request_headers_bytes();
        let request = Request::new(&headers);
        let now = now();
        let step = guarded.exchange.on_headers(request, end, &around(now));
        guarded.request_id = request_id(request).to_vec();
        let guarded = Rc::new(RefCell::new(guarded));
        self.guarded = Some(Rc::clone(&guarded));
        if step == Step::Hold && shared.policy.body_hold == BodyHold::Filter {
            let held = HeldHeaders { since: now, request: Rc::clone(&guarded) };
            shared.held.borrow_mut().insert(self.id, held);
        }
        self.carry_out(step, Waiting::Request)
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        self.on_more(|exchange| exchange.on_body(&HostBody { len: size }, end, &around(now())))
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        // An upstream may read trailers as headers. They may go on in another callback than this one, so first of all.
        for (name, _) in self.get_http_request_trailers_bytes() {
            if step::is_reserved(&name) {
                self.remove_http_request_trailer(&name);
            }
        }
        self.on_more(|exchange| exchange.on_trailers(&HostBody { len: usize::MAX }, &around(now())))
    }

    fn on_http_response_headers(&mut self, _count: usize, _end: bool) -> Action {
        let Some(guarded) = self.guarded.clone() else { return Action::Continue };
        let step = {
            let mut guarded = guarded.borrow_mut();
            if guarded.exchange.awaits_store() && !guarded.exchange.only_observes() {
                // The host answers by itself: nothing of the request went on.
                guarded.exchange.on_end(&around(now()));
                self.waiting = None;
                if let Some(shared) = &self.shared {
                    shared.count_tally(&mut guarded.exchange);
                }
                return Action::Continue;
            }
            if guarded.exchange.awaits_store() {
                // The source only observes: its upstream may have all that it needs before the request ends.
                self.early = Some((response_status(), answered()));
                return Action::Pause;
            }
            if !guarded.exchange.awaits_response() {
                return Action::Continue;
            }
            guarded.exchange.on_response(response_status(), answered, &around(now()))
        };
        self.carry_out(step, Waiting::Response)
    }

    fn on_http_response_body(&mut self, _size: usize, _end: bool) -> Action {
        self.on_more_response()
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        self.on_more_response()
    }

    fn on_log(&mut self) {
        let (Some(shared), Some(guarded)) = (&self.shared, &self.guarded) else { return };
        let mut guarded = guarded.borrow_mut();
        if guarded.exchange.awaits_end() {
            guarded.exchange.on_end(&around(now()));
            shared.count_tally(&mut guarded.exchange);
        }
    }
}

impl Stream {
    fn on_more_response(&self) -> Action {
        match self.waiting {
            Some(Waiting::Response) => Action::Pause,
            Some(Waiting::Request) if self.early.is_some() => Action::Pause,
            Some(Waiting::Request) | None => Action::Continue,
        }
    }

    fn on_more(&mut self, event: impl FnOnce(&mut Exchange) -> Step) -> Action {
        let (Some(shared), Some(guarded)) = (&self.shared, &self.guarded) else {
            return Action::Pause;
        };
        if shared.held.borrow_mut().remove(&self.id).is_some() {
            shared.delivers.set(true);
        }
        let step = event(&mut guarded.borrow_mut().exchange);
        self.carry_out(step, Waiting::Request)
    }

    /// Performs a step in one of this stream's callbacks. What waits for a call goes on when that is answered.
    fn carry_out(&mut self, step: Step, waiting: Waiting) -> Action {
        let (Some(shared), Some(guarded)) = (self.shared.clone(), self.guarded.clone()) else {
            return Action::Pause;
        };
        let Step::Call(call) = step else {
            return shared.perform(step, &mut guarded.borrow_mut());
        };
        shared.count_tally(&mut guarded.borrow_mut().exchange);
        if dispatch(&call) {
            self.waiting = Some(waiting);
            return Action::Pause;
        }
        let step = guarded.borrow_mut().exchange.on_call(None, &around(now()));
        shared.perform(step, &mut guarded.borrow_mut())
    }

    fn on_answer(&mut self, waiting: Waiting, answer: Option<(u16, Vec<u8>)>) {
        let (Some(shared), Some(guarded)) = (&self.shared, &self.guarded) else { return };
        let answer = answer.as_ref().map(|(status, body)| (*status, body.as_slice()));
        let step = guarded.borrow_mut().exchange.on_call(answer, &around(now()));
        if shared.perform(step, &mut guarded.borrow_mut()) == Action::Continue {
            match waiting {
                Waiting::Request => hostcalls::resume_http_request(),
                Waiting::Response => hostcalls::resume_http_response(),
            }
            .unwrap_or_default();
        }
        let Some((status, answered)) = self.early.take() else { return };
        let step = guarded.borrow_mut().exchange.on_response(status, || answered, &around(now()));
        if self.carry_out(step, Waiting::Response) == Action::Continue {
            hostcalls::resume_http_response().unwrap_or_default();
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.held.borrow_mut().remove(&self.id);
        }
    }
}

impl Shared {
    /// Performs a step for the stream whose callback this is. Everything is counted and written down before
    /// anything goes on.
    fn perform(&self, step: Step, guarded: &mut Guarded) -> Action {
        self.count_tally(&mut guarded.exchange);
        match step {
            // A call that nobody made is not answered either.
            Step::Hold | Step::Call(_) => Action::Pause,
            Step::Continue(passage) => {
                let (edits, record) = passage.into_parts();
                edit_headers(edits);
                if let Some(record) = record {
                    self.report(&record, &guarded.request_id);
                }
                Action::Continue
            }
            Step::Deny(record) => {
                self.report(&record, &guarded.request_id);
                let source = record.source.and_then(|position| self.policy.sources.get(position));
                let reply = report::reply(record.denial().unwrap_or(Denial::HostFailure), source, record.retry_after);
                send(&reply);
                Action::Pause
            }
        }
    }

    fn report(&self, record: &Record, request_id: &[u8]) {
        self.count(record);
        set_filter_state(&report::filter_state(record, &self.policy));
        if record.denial().is_some()
            && let Some(suppressed) = self.log.take(now())
        {
            let client = property(&["source", "address"]);
            let line = report::log_line(record, &self.policy, &client, request_id, suppressed);
            log(LogLevel::Warn, &line.unwrap_or_default());
        }
    }

    fn count(&self, record: &Record) {
        let source = record.source;
        let place = source.map_or(0, |source| source.saturating_add(1));
        let mut all = self.hot_counters.borrow_mut();
        if all.len() <= place {
            all.resize_with(place.saturating_add(1), Vec::new);
        }
        let Some(counters) = all.get_mut(place) else { return };
        let mut add = |hot: HotCounter, name: &dyn Fn() -> String| {
            let known = counters.iter().find(|(counter, _)| *counter == hot).map(|(_, id)| *id);
            let id = known.unwrap_or_else(|| {
                let id = self.define(name());
                counters.push((hot, id));
                id
            });
            increment(id, 1);
        };
        for counter in report::counters(record, &self.policy) {
            let name = || counter.name(source, &self.policy);
            match &counter {
                Counter::Requests(outcome) => add(HotCounter::Requests(outcome), &name),
                Counter::Denials(denial) => add(HotCounter::Denials(*denial), &name),
                Counter::Matches(found) => add(HotCounter::Matches(found.shared_secret_id()), &name),
            }
        }
        self.hashed.set(self.hashed.get().saturating_add(record.hashed));
    }

    /// Defines a counter once. Their number is bounded: names are made of the configuration and of fixed words.
    fn define(&self, name: String) -> u32 {
        self.define_as(name, Metric::Counter)
    }

    fn define_as(&self, name: String, metric: Metric) -> u32 {
        let metric = match metric {
            Metric::Counter => MetricType::Counter,
            Metric::Gauge => MetricType::Gauge,
        };
        *self
            .counters
            .borrow_mut()
            .entry(name)
            .or_insert_with_key(|name| hostcalls::define_metric(metric, name).unwrap_or_default())
    }

    /// Answers requests whose headers are held and whose body does not come.
    fn answer_stalled(&self, now: UnixTime) {
        let (limit, denial) = if self.delivers.get() {
            (BODY_TIMEOUT, Denial::BodyTimeout)
        } else {
            (self.policy.stall_timeout, Denial::HoldUnsupported)
        };
        let stalled: Vec<u32> = self
            .held
            .borrow()
            .iter()
            .filter(|(_, held)| elapsed(held.since, now) >= limit)
            .map(|(id, _)| *id)
            .collect();
        for id in stalled {
            let Some(held) = self.held.borrow_mut().remove(&id) else { continue };
            if hostcalls::set_effective_context(id).is_err() {
                continue;
            }
            let mut guarded = held.request.borrow_mut();
            let step = guarded.exchange.on_failure(denial);
            self.perform(step, &mut guarded);
        }
    }

    /// Counts what happened in the guards' memories.
    fn count_tally(&self, exchange: &mut Exchange) {
        let Some(tally) = exchange.take_tally() else { return };
        for (name, metric, by) in report::memory_metrics(&tally, &self.policy) {
            increment(self.define_as(name, metric), by);
        }
        if let Some(doubt) = tally.doubt
            && self.said.get().is_none()
        {
            self.said.set(Some(doubt));
            log(LogLevel::Warn, report::doubt_line(doubt));
        }
    }

    fn count_hashed(&self) {
        let hashed = self.hashed.take();
        if hashed > 0 {
            increment(self.define(report::BYTES_HASHED.to_owned()), i64::try_from(hashed).unwrap_or(i64::MAX));
        }
    }

    fn count_expiring(&self, now: UnixTime) {
        let requirements = self.policy.sources.iter().filter_map(|source| source.requirement.as_ref());
        let secrets = requirements.flat_map(|requirement| requirement.secrets());
        let expiring =
            secrets.filter(|secret| secret.validity.not_after.is_some_and(|end| elapsed(now, end) < EXPIRING));
        set_gauge(report::SECRETS_EXPIRING, u64::try_from(expiring.count()).unwrap_or(u64::MAX));
    }
}

impl BodyBuffer for HostBody {
    fn len(&self) -> usize {
        self.len
    }

    fn read(&self, start: usize, len: usize) -> Option<Vec<u8>> {
        hostcalls::get_buffer(BufferType::HttpRequestBody, start, len).ok().flatten()
    }
}

impl LogBudget {
    fn new() -> Self {
        Self { left: Cell::new(LOG_BURST), filled: Cell::new(0), suppressed: Cell::new(0) }
    }

    /// Permission for one line, with the number of lines that had none before it.
    fn take(&self, now: UnixTime) -> Option<u64> {
        let second = now.as_millis() / 1000;
        let earned = second.saturating_sub(self.filled.replace(second)).saturating_mul(LOG_PER_SECOND);
        let left = self.left.get().saturating_add(earned).min(LOG_BURST);
        match left.checked_sub(1) {
            Some(left) => {
                self.left.set(left);
                Some(self.suppressed.take())
            }
            None => {
                self.left.set(0);
                self.suppressed.set(self.suppressed.get().saturating_add(1));
                None
            }
        }
    }
}

impl Peer for HostPeer {
    fn address(&self) -> Option<Vec<u8>> {
        Some(property(&["source", "address"])).filter(|address| !address.is_empty())
    }

    fn tls_version(&self) -> Option<Vec<u8>> {
        Some(property(&["connection", "tls_version"])).filter(|version| !version.is_empty())
    }

    fn has_client_certificate(&self) -> bool {
        property(&["connection", "mtls"]) == [1]
    }
}

impl Memory for HostMemory {
    fn create(&self, key: &str, value: &[u8]) -> Result<(), NotWritten> {
        // A version that no value ever has: written if the key is absent, a mismatch if it is there. Looked up first
        // for the hosts that count versions otherwise.
        if self.read(key).is_some() {
            return Ok(());
        }
        match hostcalls::set_shared_data(key, Some(value), Some(u32::MAX)) {
            Ok(()) | Err(Status::CasMismatch) => Ok(()),
            Err(_) => Err(NotWritten::Failed),
        }
    }

    fn read(&self, key: &str) -> Option<Versioned> {
        match hostcalls::get_shared_data(key) {
            Ok((Some(value), Some(version))) => Some(Versioned { value, version }),
            _ => None,
        }
    }

    fn replace(&self, key: &str, value: &[u8], version: u32) -> Result<(), NotWritten> {
        match hostcalls::set_shared_data(key, Some(value), Some(version)) {
            Ok(()) => Ok(()),
            Err(Status::CasMismatch) => Err(NotWritten::Contended),
            Err(_) => Err(NotWritten::Failed),
        }
    }
}

fn around(now: UnixTime) -> Around<'static> {
    Around { now, peer: &HostPeer, memory: &HostMemory }
}

/// Whether the host makes this call. It answers in the stream that asked.
fn dispatch(call: &Call) -> bool {
    let texts = call.headers.iter().map(|(name, value)| Some((name.as_str(), std::str::from_utf8(value).ok()?)));
    let Some(headers) = texts.collect::<Option<Vec<_>>>() else { return false };
    hostcalls::dispatch_http_call(&call.cluster, headers, None, Vec::new(), call.timeout).is_ok()
}

/// Status and body of the answer to a call, if the host gives both.
fn call_answer(size: usize) -> Option<(u16, Vec<u8>)> {
    let body = match size.min(MAX_ANSWER) {
        0 => Vec::new(),
        size => hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, size).ok().flatten()?,
    };
    Some((status_of(MapType::HttpCallResponseHeaders)?, body))
}

/// The status in a map of headers.
fn status_of(map: MapType) -> Option<u16> {
    let status = hostcalls::get_map_value_bytes(map, ":status").ok().flatten()?;
    std::str::from_utf8(&status).ok()?.parse().ok()
}

/// The status of the answer to the caller; 0 if the host does not tell it, which gives nothing back.
fn response_status() -> u16 {
    status_of(MapType::HttpResponseHeaders).unwrap_or_default()
}

/// Whether the upstream answers, and not the host for it. A host that does not tell is believed to have asked it.
fn answered() -> bool {
    let details = property(&["response", "code_details"]);
    details.is_empty() || details == b"via_upstream"
}

fn answer_without_policy() -> Action {
    send(&report::reply(Denial::HostFailure, None, None));
    Action::Pause
}

fn send(reply: &report::Reply) {
    // An error here leaves the request held, which is what a refusal is worth.
    let headers = reply.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body = Some(reply.body).filter(|body| !body.is_empty());
    let _ = hostcalls::send_http_response(reply.status.into(), headers, body);
}

fn edit_headers(edits: Edits) {
    for name in &edits.remove {
        let _ = hostcalls::remove_map_value(MapType::HttpRequestHeaders, name);
    }
    for (name, value) in &edits.set {
        let _ = hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, name, Some(value));
    }
}

fn set_filter_state(text: &str) {
    let _ = hostcalls::set_property(vec!["hookwarden"], Some(text.as_bytes()));
}

fn property(path: &[&str]) -> Vec<u8> {
    hostcalls::get_property(path.to_vec()).ok().flatten().unwrap_or_default()
}

fn set_gauge(name: &str, value: u64) {
    if let Ok(id) = hostcalls::define_metric(MetricType::Gauge, name) {
        let _ = hostcalls::record_metric(id, value);
    }
}

fn increment(id: u32, by: i64) {
    let _ = hostcalls::increment_metric(id, by);
}

fn log(level: LogLevel, line: &str) {
    let _ = hostcalls::log(level, line);
}

/// The time as the host tells it. A host without a clock makes every signed timestamp stale or future.
fn now() -> UnixTime {
    let since_epoch = hostcalls::get_current_time()
        .ok()
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
        .unwrap_or_default();
    UnixTime::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or_default())
}

fn elapsed(from: UnixTime, to: UnixTime) -> Duration {
    Duration::from_millis(to.as_millis().saturating_sub(from.as_millis()))
}

fn request_id<'a>(request: Request<'a>) -> &'a [u8] {
    match request.header("x-request-id") {
        Occurrence::Once(id) => id,
        Occurrence::Missing | Occurrence::Repeated => b"",
    }
}
