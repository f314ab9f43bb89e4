//! A small proxy around the module: it holds what the module holds, and forwards what it lets through. It offers what the ABI
//! demands and nothing else: no properties, no foreign functions, and filter state that nobody reads.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use proxy_wasm_host::abi::v0_2_1::types::{Action, BufferType, LogLevel, MapType, MetricType, Status, StreamType};
use proxy_wasm_host::abi::v0_2_1::{
    Access, Clock, ContextId, Guest, Host, InMemoryStore, Invocation, LocalResponse, LogContext, LogSink, MetricId,
    PluginConfig, SharedServices, SharedValue, Started, StreamKind, StreamState, VmServices,
};
use proxy_wasm_host::{Buffer, Engine, HeaderMap, HeaderMapExt as _, Limits, Module, VecHeaderMap};

/// The module, compiled once.
struct Compiled {
    host: Host,
    module: Module,
}

/// One VM with one configuration.
pub struct Proxy {
    guest: Guest,
    root: ContextId,
    log: Arc<Log>,
    clock: Arc<Time>,
    metrics: Arc<Metrics>,
}

/// A request, and where its body is cut.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub cuts: Vec<usize>,
    pub ending: Ending,
}

/// What ends a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    Headers,
    #[default]
    LastPiece,
    EmptyPiece,
    Trailers,
}

/// What became of a request.
#[derive(Debug)]
pub struct Outcome {
    /// The status of the module's own answer, or `None` if the request was forwarded.
    pub answered: Option<u32>,
    /// The code of the denial, from the counter that grew.
    pub code: Option<String>,
    /// What the upstream got.
    pub headers: BTreeMap<String, Vec<u8>>,
    pub body: Vec<u8>,
}

fn compiled() -> &'static Compiled {
    static COMPILED: OnceLock<Compiled> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let path = std::env::var_os("HOOKWARDEN_WASM").map(PathBuf::from);
        let path = path.expect("HOOKWARDEN_WASM is the path of the module: use `make test-host`");
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let engine = Engine::new().expect("an engine");
        let module = Module::new(&engine, &bytes).expect("the module compiles");
        Compiled { host: Host::new(&engine).expect("a host"), module }
    })
}

impl Proxy {
    /// A VM with this configuration; `Err` has what the module logged if it refuses it.
    pub fn start(config: &serde_json::Value) -> Result<Self, String> {
        let (log, clock, metrics) = (Arc::new(Log::default()), Arc::new(Time::default()), Arc::new(Metrics::default()));
        let services = VmServices::new(Arc::clone(&log) as Arc<dyn LogSink>)
            .with_clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .with_shared(Arc::clone(&metrics) as Arc<dyn SharedServices>);
        let compiled = compiled();
        let mut guest = Guest::new(&compiled.host, &compiled.module, services, &Limits::default()).expect("a guest");
        let plugin = PluginConfig::new().with_configuration(config.to_string().into_bytes());
        match guest.start(plugin).expect("no trap") {
            Started::Serving(root) => Ok(Self { guest, root, log, clock, metrics }),
            Started::Refused { .. } => Err(log.text()),
        }
    }

    /// Sets the time, in milliseconds since 1970.
    pub fn set_time(&self, millis: u64) {
        self.clock.0.store(millis * 1_000_000, Ordering::SeqCst);
    }

    /// Half a second of the host's time passes.
    pub fn tick(&mut self) {
        let root = self.root;
        self.guest.enter_root().on_tick(root).expect("no trap");
    }

    /// Everything that the module logged.
    pub fn logged(&self) -> String {
        self.log.text()
    }

    /// The value of a metric; 0 if there is none.
    pub fn metric(&self, name: &str) -> i64 {
        self.metrics.counts.lock().expect("no panic").get(name).copied().unwrap_or_default()
    }

    /// Sends a request to an upstream that answers `status`.
    pub fn send(&mut self, request: &Request, status: u16) -> Outcome {
        let denials = self.metrics.denials();
        let stream = Stream::new(request);
        let root = self.root;
        let (result, stream) = self.guest.with(stream, |scope| {
            let context = scope.on_context_create(Some(root))?;
            scope.expect_stream_kind(context, StreamKind::Http)?;
            let count = u32::try_from(request.headers.len()).expect("few headers");
            let mut flow = scope.on_request_headers(context, count, request.ending == Ending::Headers)?;
            let pieces = request.pieces();
            let last = pieces.len().saturating_sub(1);
            for (at, piece) in pieces.into_iter().enumerate() {
                if scope.stream().answer.is_some() {
                    break;
                }
                let stream = scope.stream_mut();
                stream.held.extend_from_slice(piece);
                let held = u32::try_from(stream.held.len()).expect("a small body");
                let end = at == last && request.ending != Ending::Trailers;
                flow = scope.on_request_body(context, held, end)?;
                if flow == Action::Continue {
                    scope.stream_mut().forward();
                }
            }
            if request.ending == Ending::Trailers && scope.stream().answer.is_none() {
                flow = scope.on_request_trailers(context, 1)?;
            }
            let stream = scope.stream_mut();
            if stream.answer.is_none() && (flow == Action::Continue || stream.resumed) {
                stream.forward();
                stream.forwarded = true;
                stream.response = VecHeaderMap::from(vec![(b":status".to_vec(), status.to_string().into_bytes())]);
                scope.on_response_headers(context, 1, true)?;
            }
            scope.on_done(context)?;
            scope.on_log(context)?;
            scope.on_delete(context)?;
            Ok::<_, proxy_wasm_host::abi::v0_2_1::GuestError>(())
        });
        result.unwrap_or_else(|error| panic!("{error}\n{}", self.log.text()));
        let code = self.metrics.denials().into_iter().find(|(name, count)| denials.get(name) != Some(count));
        assert_eq!(stream.forwarded, stream.answer.is_none(), "neither forwarded nor answered: {request:?}");
        Outcome {
            answered: stream.answer,
            code: code.map(|(name, _)| name),
            headers: text_of(&stream.headers),
            body: stream.upstream,
        }
    }
}

impl Request {
    fn pieces(&self) -> Vec<&[u8]> {
        if self.ending == Ending::Headers {
            return Vec::new();
        }
        let starts = std::iter::once(0).chain(self.cuts.iter().copied());
        let ends = self.cuts.iter().copied().chain([self.body.len()]);
        let mut pieces: Vec<_> = starts.zip(ends).filter_map(|(start, end)| self.body.get(start..end)).collect();
        if self.ending == Ending::EmptyPiece {
            pieces.push(b"");
        }
        pieces
    }
}

fn text_of(map: &VecHeaderMap) -> BTreeMap<String, Vec<u8>> {
    map.pairs().into_iter().map(|(name, value)| (String::from_utf8_lossy(&name).into_owned(), value)).collect()
}

/// One request in the proxy.
struct Stream {
    headers: VecHeaderMap,
    trailers: VecHeaderMap,
    response: VecHeaderMap,
    held: Vec<u8>,
    upstream: Vec<u8>,
    answer: Option<u32>,
    resumed: bool,
    forwarded: bool,
}

impl Stream {
    fn new(request: &Request) -> Self {
        let headers = request.headers.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone()));
        Self {
            headers: headers.collect(),
            trailers: VecHeaderMap::from(vec![(b"x-trailer".to_vec(), b"1".to_vec())]),
            response: VecHeaderMap::default(),
            held: Vec::new(),
            upstream: Vec::new(),
            answer: None,
            resumed: false,
            forwarded: false,
        }
    }

    fn forward(&mut self) {
        self.upstream.append(&mut self.held);
    }
}

impl StreamState for Stream {
    fn header_map(&mut self, _: Invocation, _: Access, map: MapType) -> Result<&mut dyn HeaderMap, Status> {
        match map {
            MapType::HttpRequestHeaders => Ok(&mut self.headers),
            MapType::HttpRequestTrailers => Ok(&mut self.trailers),
            MapType::HttpResponseHeaders => Ok(&mut self.response),
            _ => Err(Status::BadArgument),
        }
    }

    fn buffer(&mut self, _: Invocation, _: Access, buffer: BufferType) -> Result<&mut dyn Buffer, Status> {
        match buffer {
            BufferType::HttpRequestBody => Ok(&mut self.held),
            _ => Err(Status::NotFound),
        }
    }

    fn continue_stream(&mut self, _: Invocation, _: StreamType) -> Result<(), Status> {
        self.resumed = true;
        Ok(())
    }

    fn send_local_response(&mut self, _: Invocation, response: LocalResponse<'_>) -> Result<(), Status> {
        assert!(self.answer.is_none(), "a second answer");
        assert!(self.upstream.is_empty(), "an answer after a part of the request was forwarded");
        self.answer = Some(response.status_code);
        Ok(())
    }

    fn set_property(&mut self, _: Invocation, _: &[&[u8]], _: &[u8]) -> Result<(), Status> {
        Ok(())
    }
}

#[derive(Default)]
struct Log(Mutex<String>);

impl Log {
    fn text(&self) -> String {
        self.0.lock().expect("no panic").clone()
    }
}

impl LogSink for Log {
    fn log(&self, _: LogContext<'_>, level: LogLevel, message: &[u8]) {
        let mut text = self.0.lock().expect("no panic");
        text.push_str(&format!("{level:?}: {}\n", String::from_utf8_lossy(message)));
    }
}

#[derive(Default)]
struct Time(AtomicU64);

impl Clock for Time {
    fn realtime_nanos(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn monotonic_nanos(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The engine's own store, and what is counted in it by name.
#[derive(Default)]
struct Metrics {
    store: InMemoryStore,
    names: Mutex<BTreeMap<u32, String>>,
    counts: Mutex<BTreeMap<String, i64>>,
}

impl Metrics {
    /// The denials by code.
    fn denials(&self) -> BTreeMap<String, i64> {
        let counts = self.counts.lock().expect("no panic");
        let denials = counts.iter().filter(|(_, count)| **count > 0);
        denials.filter_map(|(name, count)| Some((name.split_once(".denials.")?.1.to_owned(), *count))).collect()
    }

    fn name(&self, metric: MetricId) -> Result<String, Status> {
        self.names.lock().expect("no panic").get(&metric.get()).cloned().ok_or(Status::NotFound)
    }
}

impl SharedServices for Metrics {
    fn get_shared_data(&self, call: Invocation, vm: &[u8], key: &[u8]) -> Result<SharedValue, Status> {
        self.store.get_shared_data(call, vm, key)
    }

    fn set_shared_data(
        &self,
        call: Invocation,
        vm: &[u8],
        key: &[u8],
        value: &[u8],
        cas: Option<u32>,
    ) -> Result<(), Status> {
        self.store.set_shared_data(call, vm, key, value, cas)
    }

    fn define_metric(&self, call: Invocation, vm: &[u8], kind: MetricType, name: &[u8]) -> Result<MetricId, Status> {
        let id = self.store.define_metric(call, vm, kind, name)?;
        self.names.lock().expect("no panic").insert(id.get(), String::from_utf8_lossy(name).into_owned());
        Ok(id)
    }

    fn record_metric(&self, _: Invocation, metric: MetricId, value: u64) -> Result<(), Status> {
        let value = i64::try_from(value).map_err(|_| Status::BadArgument)?;
        self.counts.lock().expect("no panic").insert(self.name(metric)?, value);
        Ok(())
    }

    fn increment_metric(&self, _: Invocation, metric: MetricId, delta: i64) -> Result<(), Status> {
        *self.counts.lock().expect("no panic").entry(self.name(metric)?).or_default() += delta;
        Ok(())
    }

    fn get_metric(&self, _: Invocation, metric: MetricId) -> Result<u64, Status> {
        let counts = self.counts.lock().expect("no panic");
        u64::try_from(counts.get(&self.name(metric)?).copied().unwrap_or_default()).map_err(|_| Status::BadArgument)
    }
}
