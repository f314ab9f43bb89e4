//! A filter for `benches/host_calls.rs`: a request to `/NAME/COUNT` makes that call of the host COUNT times, and goes on.

#![allow(unsafe_code, missing_docs, reason = "the entry point of a module is an exported symbol")]
#![allow(clippy::disallowed_methods, reason = "the calls themselves are measured")]

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, BufferType, ContextType, MapType, MetricType};

/// As many bytes as a bucket of the memory of failures has.
const SHARED: [u8; 128] = [1; 128];

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root::default()));
}}

#[derive(Clone, Copy, Default)]
struct Metrics {
    counter: u32,
    histogram: u32,
}

#[derive(Default)]
struct Root(Metrics);

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let metric = |kind, name| hostcalls::define_metric(kind, name).unwrap_or_default();
        self.0 = Metrics {
            counter: metric(MetricType::Counter, "calls.counter"),
            histogram: metric(MetricType::Histogram, "calls.histogram"),
        };
        hostcalls::set_shared_data("calls", Some(&SHARED), None).is_ok()
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Calls { metrics: self.0, name: String::new(), count: 0 }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Calls {
    metrics: Metrics,
    name: String,
    count: u32,
}

impl Calls {
    /// One call; `None` if it is none of the headers' phase.
    fn call(&self, headers: &[(String, Vec<u8>)]) -> Option<()> {
        let map = MapType::HttpRequestHeaders;
        match self.name.as_str() {
            "clock" => {
                let _ = hostcalls::get_current_time();
            }
            "header-map" => drop(hostcalls::get_map_bytes(map)),
            "header-map-set" => {
                let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
                let _ = hostcalls::set_map_bytes(map, headers);
            }
            "header-get" => drop(hostcalls::get_map_value_bytes(map, "x-hub-signature-256")),
            "header-replace" => drop(hostcalls::set_map_value_bytes(map, "x-calls-source", Some(b"github"))),
            "header-remove" => drop(hostcalls::remove_map_value(map, "x-calls-absent")),
            "counter" => drop(hostcalls::increment_metric(self.metrics.counter, 1)),
            "histogram" => drop(hostcalls::record_metric(self.metrics.histogram, 3)),
            "property-address" => drop(hostcalls::get_property(vec!["source", "address"])),
            "property-connection" => drop(hostcalls::get_property(vec!["connection_id"])),
            "filter-state" => {
                let _ = hostcalls::set_property(vec!["calls"], Some(b"source=github outcome=passed key_id=1"));
            }
            "shared-get" => drop(hostcalls::get_shared_data("calls")),
            "shared-set" => drop(hostcalls::set_shared_data("calls", Some(&SHARED), None)),
            _ => return None,
        }
        Some(())
    }
}

impl Context for Calls {}

impl HttpContext for Calls {
    fn on_http_request_headers(&mut self, _count: usize, _end: bool) -> Action {
        let headers = hostcalls::get_map_bytes(MapType::HttpRequestHeaders).unwrap_or_default();
        let path = headers.iter().find(|(name, _)| name == ":path").map(|(_, value)| value.as_slice());
        let path = std::str::from_utf8(path.unwrap_or_default()).unwrap_or_default();
        let (name, count) = path.strip_prefix('/').and_then(|path| path.split_once('/')).unwrap_or_default();
        (self.name, self.count) = (name.to_owned(), count.parse().unwrap_or_default());
        let all = (0..self.count).try_for_each(|_| self.call(&headers));
        match all {
            None if self.name == "body" => Action::Pause,
            None => {
                self.send_http_response(404, Vec::new(), None);
                Action::Pause
            }
            Some(()) => Action::Continue,
        }
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        if self.name == "body" {
            for _ in 0..self.count {
                let _ = hostcalls::get_buffer(BufferType::HttpRequestBody, 0, size);
            }
            return if end { Action::Continue } else { Action::Pause };
        }
        Action::Continue
    }
}
