//! The plugin in its own VM, and queries of its host.

use std::marker::PhantomData;
use std::sync::Mutex;
use std::thread;

use serde_json::Value;

use super::calls::Call;
use super::foreign::Foreign;
use super::request::Request;
use super::state::{BEGINNING, Event, ROOT, Stream, calls_back, host};

/// The SDK's logger is global.
static INITIALISATION: Mutex<()> = Mutex::new(());

unsafe extern "C" {
    fn _initialize();
    fn proxy_on_context_create(context_id: u32, root_context_id: u32);
    fn proxy_on_vm_start(context_id: u32, size: usize) -> bool;
    fn proxy_on_configure(context_id: u32, size: usize) -> bool;
    fn proxy_on_tick(context_id: u32);
    fn proxy_on_http_call_response(context_id: u32, token: u32, headers: usize, size: usize, trailers: usize);
}

/// The plugin in its own VM.
pub struct Vm(());

/// Runs a test in a new VM, and asserts at the end that the plugin made no invalid calls.
pub fn on_a_fresh_vm(test: impl FnOnce(&Vm) + Send + 'static) {
    let run = move || {
        host(|host| host.seconds = BEGINNING);
        {
            let _guard = INITIALISATION.lock();
            // SAFETY: the module's entry point takes nothing and is called once in this thread.
            unsafe { _initialize() };
        }
        // SAFETY: as the ABI requires: the root context first, then its start.
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
        calls_back("proxy_on_configure", ROOT);
        // SAFETY: the context exists, and the size is that of the text.
        unsafe { proxy_on_configure(ROOT, text.len()) }
    }

    /// A request whose headers have arrived.
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
        calls_back("proxy_on_context_create", id);
        // SAFETY: the number is new.
        unsafe { proxy_on_context_create(id, ROOT) };
        Request { id, vm: PhantomData }
    }

    pub fn pass_time(&self, seconds: u64) {
        host(|host| host.seconds += seconds);
    }

    pub fn tick(&self) {
        calls_back("proxy_on_tick", ROOT);
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

    /// The bytes that the host hands over for every map of headers from now on.
    pub fn hand_over(&self, map: &[u8]) {
        host(|host| host.map_bytes = Some(map.to_vec()));
    }

    /// From now on the host refuses this call of the ABI.
    pub fn refuse(&self, call: &str) {
        host(|host| host.refuses = Some(call.to_owned()));
    }

    /// How the host verifies signatures from now on.
    pub fn set_foreign(&self, foreign: Foreign) {
        host(|host| host.foreign = foreign);
    }

    /// How often a foreign function was called.
    pub fn foreign_calls(&self) -> usize {
        host(|host| host.foreign_calls)
    }

    /// What another filter puts into the filter state of all further requests.
    pub fn set_filter_state(&self, key: &str, value: &str) {
        host(|host| host.filter_state.insert(key.to_owned(), value.to_owned()));
    }

    /// From now on the host does not tell connections apart.
    pub fn number_no_connections(&self) {
        host(|host| host.has_no_connection_ids = true);
    }

    pub fn take_cluster_away(&self) {
        host(|host| host.has_no_cluster = true);
    }

    /// Answers the plugin's call number `call`, from 1; `None` is a time-out.
    pub fn answer_call(&self, token: usize, answer: Option<(u16, &str)>) {
        let stream = host(|host| {
            host.answer = answer.map(|(status, body)| (status, body.as_bytes().to_vec()));
            host.calls[token - 1].stream
        });
        calls_back("proxy_on_http_call_response", stream);
        let (headers, size) = answer.map_or((0, 0), |(_, body)| (1, body.len()));
        // SAFETY: the token is one that the plugin got.
        unsafe { proxy_on_http_call_response(ROOT, u32::try_from(token).unwrap_or(0), headers, size, 0) };
        host(|host| host.answer = None);
    }

    /// What went over the ABI since this was last called.
    pub fn take_trace(&self) -> Vec<Event> {
        host(|host| std::mem::take(&mut host.trace))
    }

    /// The names in all calls that defined a metric, except gauges.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Info = 2,
    Warn = 3,
    Error = 4,
}

/// How much of a body the host returns when it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reads {
    #[default]
    All,
    Half,
    Empty,
    Nothing,
}
