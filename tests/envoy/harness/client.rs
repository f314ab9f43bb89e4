//! The client: one request, over HTTP/1.1 as raw bytes, so that it can be malformed, or over HTTP/2.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::harness::http2;

/// Longer than any response takes; reaching it means that the request hangs.
pub const TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

pub const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

#[derive(Clone)]
pub struct Request {
    pub method: &'static str,
    pub path: String,
    pub host: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, Vec<u8>)>,
    pub framing: Framing,
}

/// How the length of the body is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    ContentLength,
    /// HTTP/1.1: chunks of this size. HTTP/2: no `content-length`, frames of this size.
    Chunks(usize),
}

#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn post(path: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: "POST",
            path: path.into(),
            host: "hooks.example".to_owned(),
            headers: Vec::new(),
            body: body.into(),
            trailers: Vec::new(),
            framing: Framing::ContentLength,
        }
    }

    /// Appends a header, even if there is one of this name.
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self
    }

    pub fn replacing(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).with(name, value)
    }

    pub fn with_trailer(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.trailers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub fn at(mut self, path: &str) -> Self {
        self.path = path.to_owned();
        self
    }

    pub fn in_chunks(mut self, size: usize) -> Self {
        self.framing = Framing::Chunks(size);
        self
    }

    /// The same headers with another body, as a man in the middle would send it.
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub fn header(&self, name: &str) -> &[u8] {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        &found.unwrap_or_else(|| panic!("the request has {name}")).1
    }

    pub fn header_text(&self, name: &str) -> &str {
        std::str::from_utf8(self.header(name)).expect("the header is UTF-8")
    }

    pub fn send(&self, to: SocketAddr, protocol: Protocol) -> Reply {
        match protocol {
            Protocol::Http1 => {
                let mut connection = Connection::open(to);
                connection.send(&self.wire());
                connection.reply()
            }
            Protocol::Http2 => http2::send(to, self).expect("a response, not a reset stream"),
        }
    }

    /// Request line and headers up to the empty line, as HTTP/1.1.
    pub fn head(&self) -> Vec<u8> {
        let mut wire = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", self.method, self.path, self.host).into_bytes();
        for (name, value) in &self.headers {
            wire.extend_from_slice(name.as_bytes());
            wire.extend_from_slice(b": ");
            wire.extend_from_slice(value);
            wire.extend_from_slice(b"\r\n");
        }
        match self.framing {
            Framing::ContentLength if self.method == "GET" && self.body.is_empty() => {}
            Framing::ContentLength => {
                wire.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
            }
            Framing::Chunks(_) => wire.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        }
        wire.extend_from_slice(b"\r\n");
        wire
    }

    pub fn wire(&self) -> Vec<u8> {
        let mut wire = self.head();
        match self.framing {
            Framing::ContentLength => wire.extend_from_slice(&self.body),
            Framing::Chunks(size) => {
                for chunk in self.body.chunks(size) {
                    wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    wire.extend_from_slice(chunk);
                    wire.extend_from_slice(b"\r\n");
                }
                wire.extend_from_slice(b"0\r\n\r\n");
            }
        }
        wire
    }
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| std::str::from_utf8(value).expect("the header is UTF-8"))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = format!("{} {} to {}", self.method, self.path, self.host);
        write_message(f, &head, &self.headers, &self.body, &self.trailers)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_message(f, &self.status.to_string(), &self.headers, &self.body, &[])
    }
}

/// Writes bytes as text, and truncates long values.
pub fn write_message(
    f: &mut fmt::Formatter<'_>,
    head: &str,
    headers: &[(String, Vec<u8>)],
    body: &[u8],
    trailers: &[(String, Vec<u8>)],
) -> fmt::Result {
    let truncated = |bytes: &[u8]| {
        let text = bytes[..bytes.len().min(200)].escape_ascii().to_string();
        let more = if bytes.len() > 200 { "…" } else { "" };
        format!("{text}{more}")
    };
    writeln!(f, "{head}")?;
    for (name, value) in headers.iter().chain(trailers) {
        writeln!(f, "    {name}: {}", truncated(value))?;
    }
    writeln!(f, "    ({} bytes) {}", body.len(), truncated(body))
}

/// What a connection runs over.
pub trait Transport: Read + Write + Send {
    fn close_sending_side(&mut self);
}

impl Transport for TcpStream {
    fn close_sending_side(&mut self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Transport for UnixStream {
    fn close_sending_side(&mut self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

/// One HTTP/1.1 connection that sends raw bytes.
pub struct Connection {
    stream: Box<dyn Transport>,
    pending: Vec<u8>,
}

impl Connection {
    pub fn open(to: SocketAddr) -> Self {
        Self::try_open(to).expect("the proxy accepts connections")
    }

    /// `None` if nothing listens there.
    pub fn try_open(to: SocketAddr) -> Option<Self> {
        tcp(to).map(Self::over)
    }

    /// Connects to a listener with the PROXY protocol, with `client` as the source address.
    pub fn open_as(client: SocketAddr, to: SocketAddr) -> Self {
        let mut connection = Self::open(to);
        let (family, destination) = if client.is_ipv4() { ("TCP4", "192.0.2.1") } else { ("TCP6", "2001:db8::1") };
        let line = format!("PROXY {family} {} {destination} {} 443\r\n", client.ip(), client.port());
        connection.send(line.as_bytes());
        connection
    }

    pub fn open_socket(path: &Path) -> Self {
        let stream = UnixStream::connect(path).expect("the proxy accepts connections");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout can be set");
        stream.set_write_timeout(Some(TIMEOUT)).expect("a timeout can be set");
        Self::over(stream)
    }

    pub fn over(stream: impl Transport + 'static) -> Self {
        Self { stream: Box::new(stream), pending: Vec::new() }
    }

    /// Sends a request and waits for its response.
    #[track_caller]
    pub fn round_trip(&mut self, request: &Request) -> Reply {
        self.send(&request.wire());
        self.reply()
    }

    /// Errors are ignored: Envoy may answer a denied request, and close the connection, before all of it is sent.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    pub fn close_sending_side(&mut self) {
        self.stream.close_sending_side();
    }

    #[track_caller]
    pub fn reply(&mut self) -> Reply {
        self.try_reply().expect("a response, not a closed connection")
    }

    /// `None` if the connection was closed without a response.
    #[track_caller]
    pub fn try_reply(&mut self) -> Option<Reply> {
        let head_length = loop {
            if let Some(at) = self.pending.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.fill() {
                assert!(self.pending.is_empty(), "incomplete response: {}", String::from_utf8_lossy(&self.pending));
                return None;
            }
        };
        let head: Vec<u8> = self.pending.drain(..head_length).collect();
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .and_then(|code| code.parse().ok())
            .expect("a status line");
        let headers: Vec<(String, Vec<u8>)> = lines
            .map(|line| {
                let (name, value) = line.split_once(':').expect("a header line");
                (name.to_ascii_lowercase(), value.trim().as_bytes().to_vec())
            })
            .collect();
        let mut reply = Reply { status, headers, body: Vec::new() };
        if status == 100 {
            return self.try_reply();
        }
        if reply.header("transfer-encoding") == Some("chunked") {
            reply.body = self.chunks();
            return Some(reply);
        }
        let length: usize = reply.header("content-length").map_or(0, |text| text.parse().expect("a length"));
        reply.body = self.take(length);
        Some(reply)
    }

    #[track_caller]
    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                line.extend(self.take(1));
            }
            let text = String::from_utf8_lossy(&line);
            let size = usize::from_str_radix(text.trim(), 16).expect("a chunk size");
            body.extend(self.take(size));
            self.take(2);
            if size == 0 {
                return body;
            }
        }
    }

    #[track_caller]
    fn take(&mut self, length: usize) -> Vec<u8> {
        while self.pending.len() < length {
            assert!(self.fill(), "the connection was closed within a response");
        }
        self.pending.drain(..length).collect()
    }

    /// False at the end of the stream.
    #[track_caller]
    fn fill(&mut self) -> bool {
        let mut chunk = [0; 16384];
        match self.stream.read(&mut chunk) {
            Ok(count) => {
                self.pending.extend_from_slice(&chunk[..count]);
                count > 0
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("no response within {TIMEOUT:?}: {e}")
            }
            // Reset, or closed with a TLS alert.
            Err(_) => false,
        }
    }
}

/// A connection to the proxy that is opened again when Envoy closes it, as it does after a denial before the end of the body.
pub struct KeepAlive {
    to: SocketAddr,
    connection: Connection,
}

impl KeepAlive {
    pub fn open(to: SocketAddr) -> Self {
        Self { to, connection: Connection::open(to) }
    }

    #[track_caller]
    pub fn round_trip(&mut self, request: &Request) -> Reply {
        self.send(&request.wire())
    }

    #[track_caller]
    pub fn send(&mut self, wire: &[u8]) -> Reply {
        self.connection.send(wire);
        let reply = self.connection.reply();
        if reply.header("connection") == Some("close") {
            self.connection = Connection::open(self.to);
        }
        reply
    }
}

/// A stream with timeouts; `None` if nothing listens there.
pub fn tcp(to: SocketAddr) -> Option<TcpStream> {
    let stream = TcpStream::connect(to).ok()?;
    stream.set_nodelay(true).expect("nodelay can be set");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout can be set");
    stream.set_write_timeout(Some(TIMEOUT)).expect("a timeout can be set");
    Some(stream)
}

/// Inserts a line after the request line.
pub fn insert_line(wire: &[u8], line: &[u8]) -> Vec<u8> {
    let first = wire.iter().position(|b| *b == b'\n').expect("a request line") + 1;
    [&wire[..first], line, &wire[first..]].concat()
}
