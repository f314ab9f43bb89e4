//! Baseline for `benches/proxy_cpu.rs`: the minimum that can verify a body. One header is read, the request is held, one
//! HMAC-SHA256 runs over the body as it arrives, and the tag is compared. No configuration, no matching, no limits, no
//! metrics, no identity headers.

#![allow(unsafe_code, missing_docs, reason = "the entry point of a module is an exported symbol")]
#![allow(clippy::disallowed_methods, reason = "the minimum reads only the first value")]

use hmac::{Hmac, KeyInit as _, Mac as _};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};
use sha2::Sha256;

const SECRET: &[u8] = b"benchmark-secret-of-32-bytes-len";

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root));
}}

struct Root;

impl Context for Root {}

impl RootContext for Root {
    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        let mac = Hmac::new_from_slice(SECRET).ok()?;
        Some(Box::new(Bare { mac, tag: Vec::new(), seen: 0 }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Bare {
    mac: Hmac<Sha256>,
    tag: Vec<u8>,
    seen: usize,
}

impl Bare {
    fn verdict(&self) -> Action {
        if self.mac.clone().verify_slice(&self.tag).is_ok() {
            return Action::Continue;
        }
        self.send_http_response(401, Vec::new(), None);
        Action::Pause
    }
}

impl Context for Bare {}

impl HttpContext for Bare {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let header = self.get_http_request_header_bytes("x-hub-signature-256").unwrap_or_default();
        let digits = header.strip_prefix(b"sha256=").unwrap_or_default();
        self.tag = hex::decode(digits).unwrap_or_default();
        if end_of_stream { self.verdict() } else { Action::Pause }
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let new = size.saturating_sub(self.seen);
        if let Some(bytes) = self.get_http_request_body(self.seen, new) {
            self.mac.update(&bytes);
        }
        self.seen = size;
        if end_of_stream { self.verdict() } else { Action::Pause }
    }
}
