//! A rate limit service in this process (`envoy.service.ratelimit.v3.RateLimitService`): gRPC over HTTP/2, with a
//! minimal codec for its protobuf messages.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes};
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::{TcpListener, TcpStream};

/// `RateLimitResponse.Code`
const OK: u8 = 1;
const OVER_LIMIT: u8 = 2;

/// What a limit applies to: keys and values, such as `source` and `github`.
pub type Descriptor = Vec<(String, String)>;

/// A call by Envoy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub domain: String,
    pub descriptors: Vec<Descriptor>,
}

/// Runs until the test process ends.
pub struct Limiter {
    pub address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// How many more requests pass, by descriptor. Unlimited if absent.
    left: HashMap<Descriptor, usize>,
    calls: Vec<Call>,
}

impl Limiter {
    pub fn start() -> Self {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener for tokio");
        let address = listener.local_addr().expect("a bound address");
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(tokio::task::LocalSet::new().run_until(accept(listener, served)));
        });
        Self { address, shared }
    }

    /// Limits this descriptor to `count` more requests.
    pub fn allow(&self, descriptor: &[(&str, &str)], count: usize) {
        let owned = descriptor.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        lock(&self.shared).left.insert(owned, count);
    }

    /// All calls so far.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.shared).calls.clone()
    }
}

impl Shared {
    /// As the reference service: every descriptor is counted, and one over its limit denies the request.
    fn decide(&mut self, call: Call) -> u8 {
        let mut code = OK;
        for descriptor in &call.descriptors {
            match self.left.get_mut(descriptor) {
                Some(0) => code = OVER_LIMIT,
                Some(left) => *left -= 1,
                None => {}
            }
        }
        self.calls.push(call);
        code
    }
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: std::net::TcpListener, shared: Arc<Mutex<Shared>>) {
    let listener = TcpListener::from_std(listener).expect("a listener for tokio");
    while let Ok((stream, _)) = listener.accept().await {
        tokio::task::spawn_local(serve(stream, Arc::clone(&shared)));
    }
}

async fn serve(stream: TcpStream, shared: Arc<Mutex<Shared>>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::task::spawn_local(answer(request, respond, Arc::clone(&shared)));
    }
}

async fn answer(request: Request<h2::RecvStream>, mut respond: SendResponse<Bytes>, shared: Arc<Mutex<Shared>>) {
    assert_eq!(request.uri().path(), "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit");
    let mut receiving = request.into_body();
    let mut message = Vec::new();
    while let Some(Ok(chunk)) = receiving.data().await {
        let _ = receiving.flow_control().release_capacity(chunk.len());
        message.extend_from_slice(&chunk);
    }
    let code = lock(&shared).decide(read_request(unframed(&message)));
    let head = Response::builder().header("content-type", "application/grpc").body(()).expect("a response");
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    // Envoy may have cancelled the call.
    let _ = respond.send_response(head, false).and_then(|mut sending| {
        // RateLimitResponse { overall_code = 1 }, uncompressed.
        sending.send_data(Bytes::from(vec![0, 0, 0, 0, 2, 0x08, code]), false)?;
        sending.send_trailers(trailers)
    });
}

/// A message without its gRPC prefix, which is a flag for compression and the length.
fn unframed(mut message: &[u8]) -> &[u8] {
    assert_eq!(message.get_u8(), 0, "the message is not compressed");
    assert_eq!(message.get_u32() as usize, message.len(), "one complete message");
    message
}

/// `RateLimitRequest { domain = 1, descriptors = 2 }`
fn read_request(message: &[u8]) -> Call {
    let mut call = Call { domain: String::new(), descriptors: Vec::new() };
    for (field, value) in fields(message) {
        match field {
            1 => call.domain = text(value),
            // RateLimitDescriptor { entries = 1 }
            2 => {
                let entries = fields(value).into_iter().filter(|(field, _)| *field == 1);
                call.descriptors.push(entries.map(|(_, entry)| read_entry(entry)).collect());
            }
            _ => {}
        }
    }
    call
}

/// `RateLimitDescriptor.Entry { key = 1, value = 2 }`
fn read_entry(entry: &[u8]) -> (String, String) {
    let fields = fields(entry);
    let value = |number| fields.iter().find(|(field, _)| *field == number).map(|(_, value)| text(value));
    (value(1).unwrap_or_default(), value(2).unwrap_or_default())
}

/// The length-delimited fields of a protobuf message; varints are skipped.
fn fields(mut message: &[u8]) -> Vec<(u64, &[u8])> {
    let mut found = Vec::new();
    while message.has_remaining() {
        let tag = varint(&mut message);
        match tag & 7 {
            0 => {
                varint(&mut message);
            }
            2 => {
                let length = varint(&mut message) as usize;
                let (value, rest) = message.split_at(length);
                found.push((tag >> 3, value));
                message = rest;
            }
            other => panic!("unexpected wire type {other}"),
        }
    }
    found
}

fn varint(message: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = message.get_u8();
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return value;
        }
    }
    unreachable!("get_u8 panics at the end of the bytes")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("protobuf strings are UTF-8")
}
