//! A replay store that responds as the test says, and records its calls.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::harness::server::{Incoming, Server};

/// What the store does with a call.
pub enum Response {
    /// These bytes are sent, and the connection stays open.
    Bytes(Vec<u8>),
    /// These bytes are sent, and the connection is closed.
    BytesThenClose(Vec<u8>),
    /// Nothing is sent, and the connection stays open.
    Hang,
}

/// A request to the store.
#[derive(Clone, Debug)]
pub struct Call {
    head: String,
    body: Vec<u8>,
}

impl Call {
    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).expect("a request line")
    }

    pub fn body(&self) -> &[u8] {
        &self.body
    }

    pub fn method(&self) -> &str {
        self.head.split(' ').next().expect("a request line")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The 200 that Webdis would answer: `json` as the argument of the callback that the call names.
    pub fn webdis(&self, json: &str) -> Response {
        let callback = self.target().split_once("?jsonp=").expect("a callback").1;
        Response::Bytes(answer("200 OK", &format!("{callback}({json});\n")))
    }
}

type Responder = dyn Fn(&Call) -> Response + Send + Sync;

pub struct FakeStore {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    server: Server,
}

struct Shared {
    respond: Mutex<Arc<Responder>>,
    calls: Mutex<Vec<Call>>,
}

impl FakeStore {
    pub fn start(respond: impl Fn(&Call) -> Response + Send + Sync + 'static) -> Self {
        let shared = Arc::new(Shared { respond: Mutex::new(Arc::new(respond)), calls: Mutex::default() });
        let server = Server::start({
            let shared = Arc::clone(&shared);
            move |incoming| serve(incoming, &shared)
        });
        Self { address: server.address, shared, server }
    }

    /// As [`start`](Self::start), over TLS.
    pub fn start_tls(config: Arc<ServerConfig>, respond: impl Fn(&Call) -> Response + Send + Sync + 'static) -> Self {
        let shared = Arc::new(Shared { respond: Mutex::new(Arc::new(respond)), calls: Mutex::default() });
        let server = Server::start({
            let shared = Arc::clone(&shared);
            move |incoming| serve_tls(&incoming, Arc::clone(&config), &shared)
        });
        Self { address: server.address, shared, server }
    }

    /// Replaces the response to all further calls.
    pub fn respond_with(&self, respond: impl Fn(&Call) -> Response + Send + Sync + 'static) {
        *self.shared.respond.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(respond);
    }

    /// The calls since this was last read.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for FakeStore {
    fn drop(&mut self) {
        self.server.stop();
    }
}

/// A complete HTTP response.
pub fn answer(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn serve(mut incoming: Incoming<'_>, shared: &Shared) {
    let mut pending: Vec<u8> = Vec::new();
    let mut chunk = [0; 4096];
    while let Some(read) = incoming.read(&mut chunk) {
        pending.extend_from_slice(read);
        if !answer_all(&mut pending, &mut incoming.stream, shared) {
            return;
        }
    }
}

fn serve_tls(incoming: &Incoming<'_>, config: Arc<ServerConfig>, shared: &Shared) {
    let session = ServerConnection::new(config).expect("a session");
    let mut stream = StreamOwned::new(session, incoming.stream.try_clone().expect("a socket"));
    let mut pending: Vec<u8> = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return,
            Ok(count) => pending.extend_from_slice(&chunk[..count]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) && !incoming.is_stopped() => {}
            Err(_) => return,
        }
        if !answer_all(&mut pending, &mut stream, shared) {
            return;
        }
    }
}

/// Answers the requests that are complete; `false` if the connection is to be closed.
fn answer_all(pending: &mut Vec<u8>, stream: &mut impl Write, shared: &Shared) -> bool {
    while let Some(end) = pending.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = String::from_utf8(pending[..end + 4].to_vec()).expect("the head is text");
        let mut call = Call { head, body: Vec::new() };
        let len = call.header("content-length").map_or(0, |len| len.parse().expect("a length"));
        if pending.len() < end + 4 + len {
            return true;
        }
        call.body = pending.drain(..end + 4 + len).skip(end + 4).collect();
        shared.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call.clone());
        let respond = Arc::clone(&shared.respond.lock().unwrap_or_else(PoisonError::into_inner));
        let (bytes, closes) = match respond(&call) {
            Response::Bytes(bytes) => (bytes, false),
            Response::BytesThenClose(bytes) => (bytes, true),
            Response::Hang => (Vec::new(), false),
        };
        if stream.write_all(&bytes).and_then(|()| stream.flush()).is_err() || closes {
            return false;
        }
    }
    true
}
