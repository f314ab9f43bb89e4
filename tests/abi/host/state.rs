//! The host's state, thread-local.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::answer::{Answer, Upstream};
use super::calls::Call;
use super::foreign::Foreign;
use super::vm::Reads;

pub(super) const OK: u32 = 0;
pub(super) const NOT_FOUND: u32 = 1;
pub(super) const BAD_ARGUMENT: u32 = 2;
pub(super) const CAS_MISMATCH: u32 = 8;
pub(super) const INTERNAL_FAILURE: u32 = 10;

pub(super) const ROOT: u32 = 1;
/// 2023-11-14T22:13:20Z.
pub(super) const BEGINNING: u64 = 1_700_000_000;

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

#[derive(Default)]
pub(super) struct Host {
    pub(super) seconds: u64,
    pub(super) configuration: Vec<u8>,
    /// The stream whose callback is running, or that the plugin selected.
    pub(super) current: u32,
    pub(super) streams: BTreeMap<u32, Stream>,
    pub(super) log: Vec<(u32, String)>,
    pub(super) definitions: Vec<String>,
    /// By number, from 1.
    pub(super) metrics: Vec<(String, u64)>,
    pub(super) tick: Option<u32>,
    pub(super) reads: Reads,
    /// Shared data: values and their versions.
    pub(super) shared: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    /// HTTP calls: the stream, the cluster, the headers.
    pub(super) calls: Vec<Call>,
    /// Whether there is a cluster to call.
    pub(super) has_no_cluster: bool,
    /// The response to a call, during its callback.
    pub(super) answer: Option<(u16, Vec<u8>)>,
    /// Whether connections have no numbers.
    pub(super) has_no_connection_ids: bool,
    /// What other filters have put into filter state.
    pub(super) filter_state: BTreeMap<String, String>,
    /// Calls that would stop the VM in a real host.
    pub(super) misuse: Vec<String>,
    /// The bytes that the host hands over for every map of headers, in place of the right ones.
    pub(super) map_bytes: Option<Vec<u8>>,
    /// The ABI call that the host refuses.
    pub(super) refuses: Option<String>,
    /// Callbacks and the calls that they made, in order.
    pub(super) trace: Vec<Event>,
    pub(super) foreign: Foreign,
    /// How often a foreign function was called.
    pub(super) foreign_calls: usize,
}

/// What went over the ABI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The host calls the plugin.
    Callback(&'static str),
    /// The plugin calls the host: the function, and what it is about.
    Call(&'static str, String),
}

#[derive(Default)]
pub(super) struct Stream {
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) trailers: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
    pub(super) answers: Vec<Answer>,
    pub(super) filter_state: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) response_status: Option<u16>,
    /// Whether the response is the upstream's and not a local reply.
    pub(super) from_upstream: bool,
    /// Whether the plugin resumed the request and the response.
    pub(super) resumed: (bool, bool),
    pub(super) upstream: Upstream,
    pub(super) is_over: bool,
}

pub(super) fn host<T>(what: impl FnOnce(&mut Host) -> T) -> T {
    HOST.with(|host| what(&mut host.borrow_mut()))
}

/// The stream that a host call is about.
pub(super) fn current<T>(what: impl FnOnce(&mut Stream) -> T) -> Option<T> {
    host(|host| {
        let current = host.current;
        host.streams.get_mut(&current).map(what)
    })
}

/// Notes that the host calls the plugin, about a stream or about the plugin itself.
pub(super) fn calls_back(name: &'static str, about: u32) {
    host(|host| {
        host.current = about;
        host.trace.push(Event::Callback(name));
    });
}

/// Notes a call, and returns whether the host refuses it. Prints what the upstream has received so far, because the SDK may
/// stop the VM because of the refusal, and then nothing more is forwarded. `about`: what to tell of the arguments.
pub(super) fn refuses(call: &'static str, about: impl Into<String>) -> bool {
    host(|host| {
        host.trace.push(Event::Call(call, about.into()));
        let refuses = host.refuses.as_deref() == Some(call);
        if refuses {
            let has_nothing = host.streams.values().all(|stream| stream.upstream.is_nothing());
            let has = if has_nothing { "nothing" } else { "something" };
            println!("refused {call}: the upstream has {has}");
        }
        refuses
    })
}
