//! Baseline for `benches/proxy_cpu.rs`: `bare.rs`, and every call of the host that a filter like hookwarden cannot do without.
//! What hookwarden adds to it is matching, configuration and caution; what it adds to `bare.rs` is what a filter has to tell
//! the upstream and the operator.
//!
//! Per accepted request, in this order: all header lines in one call, because a getter for one header hides repeated ones; the
//! clock with the headers and with the verdict; the body once, as it arrives; two headers that tell the upstream what was
//! verified; two counters, of requests and of the secret; filter state for the access log. Headers with reserved names are
//! looked for and removed. A refusal counts twice, too, and answers.
//!
//! A request with an `authorization` header is decided by that header alone, and the rest by GitHub's signature. No
//! configuration, no matching, no limits.

#![allow(unsafe_code, missing_docs, reason = "the entry point of a module is an exported symbol")]
#![allow(clippy::disallowed_methods, reason = "the clock is banned in the filter only")]

use hmac::{Hmac, KeyInit as _, Mac as _};
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, MapType, MetricType};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

const SECRET: &[u8] = b"benchmark-secret-of-32-bytes-len";
/// `anymail:benchmark-password`.
const CREDENTIAL: &[u8] = b"Basic YW55bWFpbDpiZW5jaG1hcmstcGFzc3dvcmQ=";

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root::default()));
}}

#[derive(Clone, Copy, Default)]
struct Metrics {
    passed: u32,
    matches: u32,
    denied: u32,
    mismatch: u32,
}

#[derive(Default)]
struct Root {
    metrics: Metrics,
    mac: Option<Hmac<Sha256>>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let counter = |name| hostcalls::define_metric(MetricType::Counter, name).unwrap_or_default();
        self.metrics = Metrics {
            passed: counter("obligatory.requests.passed"),
            matches: counter("obligatory.matches.1"),
            denied: counter("obligatory.requests.denied"),
            mismatch: counter("obligatory.denials.signature_mismatch"),
        };
        // The pads are hashed once, as in hookwarden.
        self.mac = Hmac::new_from_slice(SECRET).ok();
        self.mac.is_some()
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        let mac = self.mac.clone()?;
        Some(Box::new(Obligatory { metrics: self.metrics, mac, tag: Vec::new(), seen: 0, decided: None }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Obligatory {
    metrics: Metrics,
    mac: Hmac<Sha256>,
    tag: Vec<u8>,
    seen: usize,
    decided: Option<Action>,
}

impl Obligatory {
    fn verdict(&mut self) -> Action {
        let is_valid = self.mac.clone().verify_slice(&self.tag).is_ok();
        self.decide(is_valid)
    }

    fn decide(&mut self, is_valid: bool) -> Action {
        let (counters, state): (_, &[u8]) = if is_valid {
            let headers: [(&str, &[u8]); 2] = [("x-obligatory-source", b"github"), ("x-obligatory-key-id", b"1")];
            for (name, value) in headers {
                let _ = hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, name, Some(value));
            }
            ([self.metrics.passed, self.metrics.matches], b"source=github outcome=passed key_id=1")
        } else {
            ([self.metrics.denied, self.metrics.mismatch], b"source=github outcome=denied code=signature_mismatch")
        };
        for counter in counters {
            let _ = hostcalls::increment_metric(counter, 1);
        }
        let _ = hostcalls::set_property(vec!["obligatory"], Some(state));
        if !is_valid {
            self.send_http_response(401, vec![("content-type", "text/plain")], Some(b"request denied\n"));
        }
        *self.decided.insert(if is_valid { Action::Continue } else { Action::Pause })
    }
}

impl Context for Obligatory {}

impl HttpContext for Obligatory {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let headers = hostcalls::get_map_bytes(MapType::HttpRequestHeaders).unwrap_or_default();
        let _now = hostcalls::get_current_time();
        for (name, _) in headers.iter().filter(|(name, _)| name.starts_with("x-obligatory-")) {
            let _ = hostcalls::remove_map_value(MapType::HttpRequestHeaders, name);
        }
        // Repeated headers are no proof.
        let once = |wanted: &str| {
            let mut values = headers.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.as_slice());
            values.next().filter(|_| values.next().is_none())
        };
        if let Some(credential) = once("authorization") {
            // Hashed, because the comparison's time depends on the length.
            let is_valid = Sha256::digest(credential).as_slice().ct_eq(Sha256::digest(CREDENTIAL).as_slice());
            return self.decide(is_valid.into());
        }
        let digits = once("x-hub-signature-256").unwrap_or_default().strip_prefix(b"sha256=").unwrap_or_default();
        self.tag = hex::decode(digits).unwrap_or_default();
        if end_of_stream { self.verdict() } else { Action::Pause }
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if let Some(action) = self.decided {
            return action;
        }
        let new = size.saturating_sub(self.seen);
        if let Some(bytes) = self.get_http_request_body(self.seen, new) {
            self.mac.update(&bytes);
        }
        self.seen = size;
        if !end_of_stream {
            return Action::Pause;
        }
        let _now = hostcalls::get_current_time();
        self.verdict()
    }
}
