//! A host that has state: ask it what was answered, what the upstream saw, what was logged and counted.
//!
//! It belongs to its thread, as the SDK's contexts do. Like the real one it forgets headers that it let go, and it
//! notes every call that the real one would punish.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::{ptr, slice, thread};

use serde_json::Value;

/// What the host is told to do with what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Continue,
    Pause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Warn = 3,
    Error = 4,
}

/// How much of a body the host gives when it is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reads {
    #[default]
    All,
    Half,
    Empty,
    Nothing,
}

/// What the caller is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u32,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What reached the upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upstream {
    pub headers: Option<Vec<(String, Vec<u8>)>>,
    pub body: Vec<u8>,
    pub trailers: Option<Vec<(String, Vec<u8>)>>,
}

impl Upstream {
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Every value of a header.
    pub fn header(&self, name: &str) -> Vec<&[u8]> {
        let headers = self.headers.iter().flatten();
        headers.filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice()).collect()
    }
}

const ROOT: u32 = 1;
/// 2023-11-14T22:13:20Z.
const BEGINNING: u64 = 1_700_000_000;

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const BAD_ARGUMENT: u32 = 2;
const CAS_MISMATCH: u32 = 8;

const REQUEST_HEADERS: u32 = 0;
const REQUEST_TRAILERS: u32 = 1;
const RESPONSE_HEADERS: u32 = 2;
const CALL_RESPONSE_HEADERS: u32 = 6;
const REQUEST_BODY: u32 = 0;
const CALL_RESPONSE_BODY: u32 = 4;
const PLUGIN_CONFIGURATION: u32 = 7;

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

/// The SDK sets up its logger for all threads.
static INITIALISATION: Mutex<()> = Mutex::new(());

#[derive(Default)]
struct Host {
    seconds: u64,
    configuration: Vec<u8>,
    /// The stream whose callback runs, or which the plugin chose.
    current: u32,
    streams: BTreeMap<u32, Stream>,
    log: Vec<(u32, String)>,
    definitions: Vec<String>,
    /// By number, from 1.
    metrics: Vec<(String, u64)>,
    tick: Option<u32>,
    reads: Reads,
    /// What all VMs share: values and their versions.
    shared: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    /// Calls that were made: the stream, the cluster, the headers.
    calls: Vec<Call>,
    /// Whether there is a cluster to call.
    has_no_cluster: bool,
    /// The answer to a call, while it is told.
    answer: Option<(u16, Vec<u8>)>,
    /// What a real host would answer with an error that stops the VM.
    misuse: Vec<String>,
}

/// An HTTP call of the plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    stream: u32,
    pub cluster: String,
    pub headers: Vec<(String, String)>,
    pub timeout: u32,
}

#[derive(Default)]
struct Stream {
    headers: Vec<(String, Vec<u8>)>,
    trailers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    answers: Vec<Answer>,
    filter_state: BTreeMap<Vec<u8>, Vec<u8>>,
    response_status: Option<u16>,
    /// Whether the upstream answered, and not the host for it.
    from_upstream: bool,
    /// Whether the plugin told the host to go on: with the request, with the response.
    resumed: (bool, bool),
    upstream: Upstream,
    is_over: bool,
}

fn host<T>(what: impl FnOnce(&mut Host) -> T) -> T {
    HOST.with(|host| what(&mut host.borrow_mut()))
}

unsafe extern "C" {
    fn _initialize();
    fn proxy_on_context_create(context_id: u32, root_context_id: u32);
    fn proxy_on_vm_start(context_id: u32, size: usize) -> bool;
    fn proxy_on_configure(context_id: u32, size: usize) -> bool;
    fn proxy_on_tick(context_id: u32);
    fn proxy_on_request_headers(context_id: u32, count: usize, end: bool) -> u32;
    fn proxy_on_request_body(context_id: u32, size: usize, end: bool) -> u32;
    fn proxy_on_request_trailers(context_id: u32, count: usize) -> u32;
    fn proxy_on_response_headers(context_id: u32, count: usize, end: bool) -> u32;
    fn proxy_on_response_body(context_id: u32, size: usize, end: bool) -> u32;
    fn proxy_on_http_call_response(context_id: u32, token: u32, headers: usize, size: usize, trailers: usize);
    fn proxy_on_done(context_id: u32) -> bool;
    fn proxy_on_log(context_id: u32);
    fn proxy_on_delete(context_id: u32);
}

/// The plugin in a VM of its own.
pub struct Vm(());

/// One request in it.
pub struct Request<'a> {
    id: u32,
    _vm: &'a Vm,
}

/// Runs a test in a new VM, and asserts at its end that the plugin did nothing that a host punishes.
pub fn on_a_fresh_vm(test: impl FnOnce(&Vm) + Send + 'static) {
    let run = move || {
        host(|host| host.seconds = BEGINNING);
        {
            let _guard = INITIALISATION.lock();
            // SAFETY: the module's entry point takes nothing and is called once in this thread.
            unsafe { _initialize() };
        }
        // SAFETY: as the ABI says: the root context first, then its start.
        unsafe {
            proxy_on_context_create(ROOT, 0);
            assert!(proxy_on_vm_start(ROOT, 0));
        }
        test(&Vm(()));
        host(|host| assert_eq!(host.misuse, [""; 0], "calls that stop the VM"));
    };
    if let Err(panic) = thread::spawn(run).join() {
        std::panic::resume_unwind(panic);
    }
}

impl Vm {
    pub fn configure(&self, configuration: &Value) -> bool {
        self.configure_with(configuration.to_string().as_bytes())
    }

    pub fn configure_with(&self, text: &[u8]) -> bool {
        host(|host| host.configuration = text.to_vec());
        // SAFETY: the context exists, and the size is that of the text.
        unsafe { proxy_on_configure(ROOT, text.len()) }
    }

    /// A request that has come as far as its headers.
    pub fn request(&self, path: &str, headers: &[(&str, &[u8])]) -> Request<'_> {
        let pseudo: [(&str, &[u8]); 4] = [
            (":method", b"POST"),
            (":scheme", b"https"),
            (":authority", b"hooks.example.com"),
            (":path", path.as_bytes()),
        ];
        let headers = pseudo.iter().chain(headers).map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect();
        let id = host(|host| {
            let id = host.streams.keys().last().copied().unwrap_or(ROOT) + 1;
            host.streams.insert(id, Stream { headers, ..Stream::default() });
            id
        });
        // SAFETY: the number is new.
        unsafe { proxy_on_context_create(id, ROOT) };
        Request { id, _vm: self }
    }

    pub fn pass_time(&self, seconds: u64) {
        host(|host| host.seconds += seconds);
    }

    pub fn tick(&self) {
        host(|host| host.current = ROOT);
        // SAFETY: the context exists.
        unsafe { proxy_on_tick(ROOT) };
    }

    pub fn tick_period(&self) -> Option<u32> {
        host(|host| host.tick)
    }

    pub fn read_bodies(&self, reads: Reads) {
        host(|host| host.reads = reads);
    }

    pub fn log(&self, level: Level) -> Vec<String> {
        host(|host| host.log.iter().filter(|(at, _)| *at == level as u32).map(|(_, line)| line.clone()).collect())
    }

    pub fn metric(&self, name: &str) -> Option<u64> {
        host(|host| host.metrics.iter().find(|(other, _)| other == name).map(|(_, value)| *value))
    }

    /// The calls that the plugin made.
    pub fn calls(&self) -> Vec<Call> {
        host(|host| host.calls.clone())
    }

    pub fn take_cluster_away(&self) {
        host(|host| host.has_no_cluster = true);
    }

    /// Answers the plugin's call with this number, from 1; `None` is a time-out.
    pub fn answer_call(&self, token: usize, answer: Option<(u16, &str)>) {
        let stream = host(|host| {
            host.answer = answer.map(|(status, body)| (status, body.as_bytes().to_vec()));
            host.calls[token - 1].stream
        });
        host(|host| host.current = stream);
        let (headers, size) = answer.map_or((0, 0), |(_, body)| (1, body.len()));
        // SAFETY: the token is one that the plugin got.
        unsafe { proxy_on_http_call_response(ROOT, u32::try_from(token).unwrap_or(0), headers, size, 0) };
        host(|host| host.answer = None);
    }

    /// The names in all calls that defined a metric, gauges not among them.
    pub fn definitions(&self) -> Vec<String> {
        host(|host| host.definitions.clone())
    }

    /// Log, metrics, filter state and answers, as text.
    pub fn everything_said(&self) -> String {
        host(|host| {
            let streams: Vec<_> = host.streams.values().map(|stream| (&stream.answers, &stream.filter_state)).collect();
            format!("{:?}{:?}{streams:?}", host.log, host.metrics)
        })
    }
}

impl Request<'_> {
    pub fn headers(&self, end: bool) -> Action {
        let count = host(|host| {
            host.current = self.id;
            host.streams[&self.id].headers.len()
        });
        // SAFETY: the context exists.
        let action = action(unsafe { proxy_on_request_headers(self.id, count, end) });
        self.goes_on(action);
        action
    }

    /// A piece of the body; the host says how much it holds with it.
    pub fn body(&self, piece: &[u8], end: bool) -> Action {
        let size = self.stream(|stream| {
            stream.body.extend_from_slice(piece);
            stream.body.len()
        });
        host(|host| host.current = self.id);
        // SAFETY: the context exists.
        let action = action(unsafe { proxy_on_request_body(self.id, size, end) });
        self.goes_on(action);
        action
    }

    pub fn trailers(&self, trailers: &[(&str, &str)]) -> Action {
        let trailers: Vec<_> =
            trailers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        let count = trailers.len();
        self.stream(|stream| stream.trailers = trailers);
        host(|host| host.current = self.id);
        // SAFETY: the context exists.
        let action = action(unsafe { proxy_on_request_trailers(self.id, count) });
        self.goes_on(action);
        self.stream(|stream| {
            if action == Action::Continue && stream.answers.is_empty() {
                stream.upstream.trailers = Some(stream.trailers.clone());
            }
        });
        action
    }

    /// The upstream answers, or the host for it.
    pub fn response(&self, status: u16, from_upstream: bool) -> Action {
        self.stream(|stream| (stream.response_status, stream.from_upstream) = (Some(status), from_upstream));
        host(|host| host.current = self.id);
        // SAFETY: the context exists.
        action(unsafe { proxy_on_response_headers(self.id, 1, false) })
    }

    pub fn response_body(&self) -> Action {
        host(|host| host.current = self.id);
        // SAFETY: the context exists.
        action(unsafe { proxy_on_response_body(self.id, 1, true) })
    }

    /// The names of the trailers that the host still holds.
    pub fn pending_trailers(&self) -> Vec<String> {
        self.stream(|stream| stream.trailers.iter().map(|(name, _)| name.clone()).collect())
    }

    /// Whether the plugin let the request go on after a call, and whether the response.
    pub fn resumed(&self) -> (bool, bool) {
        self.stream(|stream| stream.resumed)
    }

    /// The request is over, for whatever reason.
    pub fn ends(&self) {
        self.stream(|stream| stream.is_over = true);
        host(|host| host.current = self.id);
        // SAFETY: the context exists, and nothing calls it again.
        unsafe {
            proxy_on_done(self.id);
            proxy_on_log(self.id);
            proxy_on_delete(self.id);
        }
    }

    pub fn answer(&self) -> Option<Answer> {
        self.stream(|stream| stream.answers.last().cloned())
    }

    pub fn answers(&self) -> usize {
        self.stream(|stream| stream.answers.len())
    }

    pub fn upstream(&self) -> Upstream {
        self.stream(|stream| stream.upstream.clone())
    }

    pub fn filter_state(&self) -> Option<String> {
        self.stream(|stream| {
            stream.filter_state.get(&b"hookwarden"[..]).map(|value| String::from_utf8_lossy(value).into_owned())
        })
    }

    fn stream<T>(&self, what: impl FnOnce(&mut Stream) -> T) -> T {
        host(|host| what(host.streams.entry(self.id).or_default()))
    }

    /// Lets go of what is held, if the plugin says so and the request was not answered.
    fn goes_on(&self, action: Action) {
        self.stream(|stream| {
            if action == Action::Continue && stream.answers.is_empty() {
                stream.upstream.headers.get_or_insert_with(|| stream.headers.clone());
                stream.upstream.body.append(&mut stream.body);
            }
        });
    }
}

fn action(code: u32) -> Action {
    match code {
        0 => Action::Continue,
        1 => Action::Pause,
        other => panic!("{other} is no action"),
    }
}

/// The stream that a host call is about.
fn current<T>(what: impl FnOnce(&mut Stream) -> T) -> Option<T> {
    host(|host| {
        let current = host.current;
        host.streams.get_mut(&current).map(what)
    })
}

/// Text or bytes that the plugin passes.
///
/// # Safety
/// `data` is null, or points to `size` bytes.
unsafe fn bytes(data: *const u8, size: usize) -> Vec<u8> {
    if data.is_null() || size == 0 {
        return Vec::new();
    }
    // SAFETY: the caller says so.
    unsafe { slice::from_raw_parts(data, size) }.to_vec()
}

/// Hands memory over; the SDK makes a `Vec` of it again, with a capacity that is its length.
///
/// # Safety
/// Both pointers can be written to.
unsafe fn give(bytes: Vec<u8>, data: *mut *mut u8, size: *mut usize) {
    let len = bytes.len();
    let bytes = if bytes.is_empty() { ptr::null_mut() } else { Box::into_raw(bytes.into_boxed_slice()).cast::<u8>() };
    // SAFETY: the caller says so.
    unsafe {
        *data = bytes;
        *size = len;
    }
}

fn serialize(map: &[(String, Vec<u8>)]) -> Vec<u8> {
    let word = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = word(map.len()).to_vec();
    for (name, value) in map {
        bytes.extend(word(name.len()));
        bytes.extend(word(value.len()));
    }
    for (name, value) in map {
        bytes.extend([name.as_bytes(), &[0], value, &[0]].concat());
    }
    bytes
}

fn deserialize(bytes: &[u8]) -> Vec<(String, String)> {
    let word =
        |at: usize| bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_le_bytes) as usize;
    let count = word(0);
    let mut at = 4 + 8 * count;
    let mut text = |len: usize| {
        let text = String::from_utf8_lossy(bytes.get(at..at + len).unwrap_or_default()).into_owned();
        at += len + 1;
        text
    };
    (0..count).map(|pair| (text(word(4 + 8 * pair)), text(word(8 + 8 * pair)))).collect()
}

/// A map of headers as the plugin may see it now.
fn map<T>(kind: u32, what: impl FnOnce(&mut Vec<(String, Vec<u8>)>) -> T) -> Option<T> {
    let gone = current(|stream| stream.upstream.headers.is_some() || stream.is_over).unwrap_or(true);
    if kind == REQUEST_HEADERS && gone {
        host(|host| host.misuse.push("headers are touched after they went on".to_owned()));
    }
    current(|stream| what(if kind == REQUEST_TRAILERS { &mut stream.trailers } else { &mut stream.headers }))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_log(level: u32, data: *const u8, size: usize) -> u32 {
    // SAFETY: the SDK passes a text and its length.
    let line = String::from_utf8_lossy(&unsafe { bytes(data, size) }).into_owned();
    host(|host| host.log.push((level, line)));
    OK
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_log_level(level: *mut u32) -> u32 {
    // SAFETY: the SDK passes a place for the answer.
    unsafe { *level = 2 };
    OK
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32 {
    // SAFETY: the SDK passes a place for the answer.
    unsafe { *time = host(|host| host.seconds) * 1_000_000_000 };
    OK
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_tick_period_milliseconds(period: u32) -> u32 {
    host(|host| host.tick = Some(period));
    OK
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_effective_context(context_id: u32) -> u32 {
    host(|host| match host.streams.get(&context_id) {
        Some(stream) if !stream.is_over => {
            host.current = context_id;
            OK
        }
        _ => BAD_ARGUMENT,
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_buffer_bytes(kind: u32, start: usize, max: usize, data: *mut *mut u8, size: *mut usize) -> u32 {
    let (buffer, reads) = match kind {
        PLUGIN_CONFIGURATION => (host(|host| host.configuration.clone()), Reads::All),
        CALL_RESPONSE_BODY => (host(|host| host.answer.clone()).unwrap_or_default().1, Reads::All),
        REQUEST_BODY => (current(|stream| stream.body.clone()).unwrap_or_default(), host(|host| host.reads)),
        _ => return NOT_FOUND,
    };
    let end = start.saturating_add(max).min(buffer.len());
    let found = buffer.get(start..end).unwrap_or_default();
    let found = match reads {
        Reads::All => found,
        Reads::Half => &found[..found.len() / 2],
        Reads::Empty => &[],
        Reads::Nothing => return NOT_FOUND,
    };
    // SAFETY: the SDK passes places for the answer.
    unsafe { give(found.to_vec(), data, size) };
    OK
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_header_map_pairs(kind: u32, data: *mut *mut u8, size: *mut usize) -> u32 {
    match map(kind, |map| serialize(map)) {
        Some(pairs) => {
            // SAFETY: the SDK passes places for the answer.
            unsafe { give(pairs, data, size) };
            OK
        }
        None => BAD_ARGUMENT,
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_remove_header_map_value(kind: u32, name: *const u8, size: usize) -> u32 {
    // SAFETY: the SDK passes a text and its length.
    let name = unsafe { bytes(name, size) };
    match map(kind, |map| map.retain(|(other, _)| !other.as_bytes().eq_ignore_ascii_case(&name))) {
        Some(()) => OK,
        None => BAD_ARGUMENT,
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_replace_header_map_value(
    kind: u32,
    name: *const u8,
    name_size: usize,
    value: *const u8,
    value_size: usize,
) -> u32 {
    // SAFETY: the SDK passes texts and their lengths.
    let (name, value) = unsafe { (bytes(name, name_size), bytes(value, value_size)) };
    let name = String::from_utf8_lossy(&name).into_owned();
    let replace = |map: &mut Vec<(String, Vec<u8>)>| {
        map.retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
        map.push((name, value));
    };
    map(kind, replace).map_or(BAD_ARGUMENT, |()| OK)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32 {
    // SAFETY: the SDK passes a text and its length.
    let path = unsafe { bytes(path, path_size) };
    let answered = current(|stream| stream.from_upstream).unwrap_or(false);
    let value = match path.as_slice() {
        b"source\0address" => "192.0.2.7:4711",
        b"response\0code_details" if answered => "via_upstream",
        b"response\0code_details" => "request_rate_limited",
        _ => return NOT_FOUND,
    };
    // SAFETY: the SDK passes places for the answer.
    unsafe { give(value.as_bytes().to_vec(), data, size) };
    OK
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32 {
    // SAFETY: the SDK passes texts and their lengths.
    let (path, value) = unsafe { (bytes(path, path_size), bytes(value, value_size)) };
    current(|stream| drop(stream.filter_state.insert(path, value)));
    OK
}

#[unsafe(no_mangle)]
extern "C" fn proxy_define_metric(kind: u32, name: *const u8, size: usize, id: *mut u32) -> u32 {
    // SAFETY: the SDK passes a text and its length.
    let name = String::from_utf8_lossy(&unsafe { bytes(name, size) }).into_owned();
    let number = host(|host| {
        const COUNTER: u32 = 0;
        if kind == COUNTER {
            host.definitions.push(name.clone());
        }
        let known = host.metrics.iter().position(|(other, _)| *other == name);
        known.unwrap_or_else(|| {
            host.metrics.push((name, 0));
            host.metrics.len() - 1
        }) + 1
    });
    // SAFETY: the SDK passes a place for the answer.
    unsafe { *id = u32::try_from(number).unwrap_or(u32::MAX) };
    OK
}

fn set_metric(id: u32, change: impl FnOnce(u64) -> u64) -> u32 {
    host(|host| match host.metrics.get_mut((id as usize).wrapping_sub(1)) {
        Some((_, value)) => {
            *value = change(*value);
            OK
        }
        None => NOT_FOUND,
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_record_metric(id: u32, value: u64) -> u32 {
    set_metric(id, |_| value)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_increment_metric(id: u32, by: i64) -> u32 {
    set_metric(id, |value| value.saturating_add_signed(by))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_send_local_response(
    status: u32,
    _details: *const u8,
    _details_size: usize,
    body: *const u8,
    body_size: usize,
    headers: *const u8,
    headers_size: usize,
    _grpc_status: i32,
) -> u32 {
    // SAFETY: the SDK passes texts and their lengths.
    let (body, headers) = unsafe { (bytes(body, body_size), bytes(headers, headers_size)) };
    let answer = Answer { status, headers: deserialize(&headers), body };
    current(|stream| stream.answers.push(answer)).map_or(BAD_ARGUMENT, |()| OK)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_header_map_value(
    kind: u32,
    name: *const u8,
    name_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> u32 {
    // SAFETY: the SDK passes a text and its length.
    let name = unsafe { bytes(name, name_size) };
    let status = match kind {
        RESPONSE_HEADERS => current(|stream| stream.response_status).flatten(),
        CALL_RESPONSE_HEADERS => host(|host| host.answer.as_ref().map(|(status, _)| *status)),
        _ => None,
    };
    match status.filter(|_| name == b":status") {
        Some(status) => {
            // SAFETY: the SDK passes places for the answer.
            unsafe { give(status.to_string().into_bytes(), data, size) };
            OK
        }
        None => NOT_FOUND,
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_shared_data(
    key: *const u8,
    key_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
    version: *mut u32,
) -> u32 {
    // SAFETY: the SDK passes a text and its length.
    let key = unsafe { bytes(key, key_size) };
    match host(|host| host.shared.get(&key).cloned()) {
        Some((value, at)) => {
            // SAFETY: the SDK passes places for the answer.
            unsafe {
                give(value, data, size);
                *version = at;
            }
            OK
        }
        None => NOT_FOUND,
    }
}

/// As Envoy does: the version counts only where the key exists.
#[unsafe(no_mangle)]
extern "C" fn proxy_set_shared_data(
    key: *const u8,
    key_size: usize,
    value: *const u8,
    value_size: usize,
    version: u32,
) -> u32 {
    // SAFETY: the SDK passes texts and their lengths.
    let (key, value) = unsafe { (bytes(key, key_size), bytes(value, value_size)) };
    host(|host| {
        let next = host.shared.get(&key).map_or(1, |(_, at)| at + 1);
        if version != 0 && host.shared.get(&key).is_some_and(|(_, at)| *at != version) {
            return CAS_MISMATCH;
        }
        host.shared.insert(key, (value, next));
        OK
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_http_call(
    cluster: *const u8,
    cluster_size: usize,
    headers: *const u8,
    headers_size: usize,
    _body: *const u8,
    _body_size: usize,
    _trailers: *const u8,
    _trailers_size: usize,
    timeout: u32,
    token: *mut u32,
) -> u32 {
    if host(|host| host.has_no_cluster) {
        return BAD_ARGUMENT;
    }
    // SAFETY: the SDK passes texts and their lengths.
    let (cluster, headers) = unsafe { (bytes(cluster, cluster_size), bytes(headers, headers_size)) };
    let cluster = String::from_utf8_lossy(&cluster).into_owned();
    let number = host(|host| {
        host.calls.push(Call { stream: host.current, cluster, headers: deserialize(&headers), timeout });
        host.calls.len()
    });
    // SAFETY: the SDK passes a place for the answer.
    unsafe { *token = u32::try_from(number).unwrap_or(0) };
    OK
}

#[unsafe(no_mangle)]
extern "C" fn proxy_continue_stream(kind: u32) -> u32 {
    const REQUEST: u32 = 0;
    let resume = |stream: &mut Stream| match kind {
        REQUEST => {
            stream.resumed.0 = true;
            stream.upstream.headers.get_or_insert_with(|| stream.headers.clone());
            stream.upstream.body.append(&mut stream.body);
        }
        _ => stream.resumed.1 = true,
    };
    current(resume).map_or(BAD_ARGUMENT, |()| OK)
}

/// What the SDK imports and the plugin does not call. One that is called ends in an error, which the SDK panics on.
macro_rules! never_called {
    ($($name:ident)+) => {
        $(
            #[unsafe(no_mangle)]
            extern "C" fn $name() -> u32 {
                const INTERNAL_FAILURE: u32 = 10;
                eprintln!("the plugin calls {}, which this host does not have", stringify!($name));
                INTERNAL_FAILURE
            }
        )+
    };
}

never_called! {
    proxy_add_header_map_value
    proxy_call_foreign_function
    proxy_close_stream
    proxy_dequeue_shared_queue
    proxy_done
    proxy_enqueue_shared_queue
    proxy_get_metric
    proxy_get_status
    proxy_grpc_call
    proxy_grpc_cancel
    proxy_grpc_close
    proxy_grpc_send
    proxy_grpc_stream
    proxy_register_shared_queue
    proxy_resolve_shared_queue
    proxy_set_buffer_bytes
    proxy_set_header_map_pairs
}
