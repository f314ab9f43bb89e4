//! One VM with one configuration, and what requests do in it.

use serde_json::Value;
use wasmi::{Engine, Error, Instance, Linker, Memory, Module, Store, WasmParams, WasmResults};

use crate::host::{Host, linker, serialize};
use crate::instrument::{COUNTS, COUNTS_SIZE};
use crate::profile::Counts;

/// The contexts of the plugin and of the first request.
const ROOT: u32 = 1;
const FIRST: u32 = 2;

/// The action that lets a request through.
const CONTINUE: u32 = 0;

/// In a millisecond.
const NANOSECONDS: u64 = 1_000_000;

/// The headers and the bytes of each response.
const RESPONSE: (u32, u32) = (3, 2);

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its header lines, those of HTTP/2 first.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Its body.
    pub body: Vec<u8>,
    /// In how many pieces the body arrives.
    pub pieces: usize,
    /// When it arrives, in milliseconds since 1970.
    pub now: u64,
}

/// A module that counts, ready to be started.
pub struct Program {
    module: Module,
    linker: Linker<Host>,
}

/// A VM.
pub struct Vm {
    store: Store<Host>,
    instance: Instance,
    counts: Memory,
    next: u32,
}

impl Program {
    /// Prepares an instrumented module.
    pub fn new(module: &[u8]) -> Result<Self, Error> {
        let engine = Engine::default();
        let module = Module::new(&engine, module)?;
        let linker = linker(&engine, &module)?;
        Ok(Self { module, linker })
    }

    /// Starts a VM.
    pub fn start(&self, configuration: &Value, now: u64) -> Result<Vm, Error> {
        let host = Host::new(configuration.to_string().into_bytes(), now * NANOSECONDS);
        let size = host.configuration.len() as u32;
        let mut store = Store::new(self.module.engine(), host);
        let instance = self.linker.instantiate_and_start(&mut store, &self.module)?;
        let counts = instance.get_memory(&store, COUNTS).ok_or_else(|| Error::new("it does not export its counts"))?;
        let mut vm = Vm { store, instance, counts, next: FIRST };
        vm.call::<_, ()>("_initialize", ())?;
        vm.call::<_, ()>("proxy_on_context_create", (ROOT, 0_u32))?;
        let started = vm.call::<_, u32>("proxy_on_vm_start", (ROOT, 0_u32))? != 0
            && vm.call::<_, u32>("proxy_on_configure", (ROOT, size))? != 0;
        if !started {
            return Err(Error::new(format!("it refuses the configuration {configuration}: {}", vm.store.data().log)));
        }
        Ok(vm)
    }
}

impl Vm {
    /// Sends a request, from its first header to the last callback. Whether it was accepted.
    pub fn send(&mut self, request: &Request) -> Result<bool, Error> {
        let id = self.next;
        self.next += 1;
        let host = self.store.data_mut();
        host.clock = request.now * NANOSECONDS;
        host.headers = serialize(&request.headers);
        host.body.clear();
        host.answered = false;
        self.call::<_, ()>("proxy_on_context_create", (id, ROOT))?;
        let accepted = self.arrive(id, request)?;
        if accepted {
            let (headers, body) = RESPONSE;
            self.call::<_, u32>("proxy_on_response_headers", (id, headers, 0_u32))?;
            self.call::<_, u32>("proxy_on_response_body", (id, body, 1_u32))?;
        }
        self.call::<_, u32>("proxy_on_done", id)?;
        self.call::<_, ()>("proxy_on_log", id)?;
        self.call::<_, ()>("proxy_on_delete", id)?;
        Ok(accepted)
    }

    /// The headers and the body. Whether all of it was let through.
    fn arrive(&mut self, id: u32, request: &Request) -> Result<bool, Error> {
        let lines = request.headers.len() as u32;
        let end = u32::from(request.body.is_empty());
        let mut action: u32 = self.call("proxy_on_request_headers", (id, lines, end))?;
        let size = request.body.len().div_ceil(request.pieces).max(1);
        let pieces = request.body.chunks(size);
        let last = pieces.len().saturating_sub(1);
        for (number, piece) in pieces.enumerate() {
            if self.store.data().answered {
                break;
            }
            self.store.data_mut().body.extend_from_slice(piece);
            let held = self.store.data().body.len() as u32;
            action = self.call("proxy_on_request_body", (id, held, u32::from(number == last)))?;
            if action == CONTINUE {
                self.store.data_mut().body.clear();
            }
        }
        Ok(action == CONTINUE && !self.store.data().answered)
    }

    /// What happens twice a second.
    pub fn tick(&mut self) -> Result<(), Error> {
        self.call("proxy_on_tick", ROOT)
    }

    /// Begins to count.
    pub fn forget_counts(&mut self) {
        self.counts.data_mut(&mut self.store).fill(0);
    }

    /// What was counted since then, in the order of the places.
    pub fn counts(&self) -> Vec<Counts> {
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let counts = |bytes: &[u8]| {
            let (not_taken, taken) = bytes.split_at(COUNTS_SIZE / 2);
            Counts { not_taken: number(not_taken), taken: number(taken) }
        };
        self.counts.data(&self.store).chunks_exact(COUNTS_SIZE).map(counts).collect()
    }

    fn call<Params: WasmParams, Results: WasmResults>(&mut self, name: &str, params: Params) -> Result<Results, Error> {
        self.instance.get_typed_func::<Params, Results>(&self.store, name)?.call(&mut self.store, params)
    }
}
