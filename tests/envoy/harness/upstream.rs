//! The receiver behind Envoy: it accepts anything, records every byte, and answers 200, or as the request's header
//! [`BEHAVIOUR`] says: with another status, with `reset`, or with `silence`.
//!
//! "The upstream saw nothing" has to include incomplete requests, so bytes are counted as they are read.

use std::collections::HashMap;
use std::fmt;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::harness::client::write_message;
use crate::harness::server::{Incoming, Server};

/// The body of the upstream's responses, which distinguishes its 200 from any other.
pub const ANSWER: &[u8] = b"arrived";

/// The header that makes the upstream fail. No scheme signs it, so the same event can fail first and succeed later.
pub const BEHAVIOUR: &str = "x-test-behaviour";

pub struct Upstream {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    server: Server,
}

/// One complete request as received.
#[derive(Clone)]
pub struct Received {
    pub method: String,
    pub target: Vec<u8>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, Vec<u8>)>,
    wire_length: u64,
}

impl Received {
    /// The only value of this header.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.headers.iter().filter(|(n, _)| n == name);
        let first = values.next().map(|(_, value)| value.as_slice());
        assert!(values.next().is_none(), "{name} reached the upstream twice");
        first
    }

    pub fn header_text(&self, name: &str) -> Option<&str> {
        self.header(name).map(|value| std::str::from_utf8(value).expect("the header is UTF-8"))
    }

    /// Names that start with `x-hookwarden`, in any spelling.
    pub fn identity_headers(&self) -> Vec<String> {
        self.headers
            .iter()
            .chain(&self.trailers)
            .map(|(name, _)| name.clone())
            .filter(|name| name.replace('_', "-").starts_with("x-hookwarden"))
            .collect()
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = format!("{} {}", self.method, self.target.escape_ascii());
        write_message(f, &head, &self.headers, &self.body, &self.trailers)
    }
}

/// A position in the upstream's recording; assertions are relative to one.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    bytes: u64,
    requests: usize,
}

#[derive(Default)]
struct Shared {
    log: Mutex<Log>,
    changed: Condvar,
}

#[derive(Default)]
struct Log {
    bytes: u64,
    requests: Vec<Received>,
    /// If requests are not kept: how many had which value of this header.
    counts: Option<(String, HashMap<Vec<u8>, usize>)>,
    /// A text that no header may contain.
    forbidden: Option<String>,
    problems: Vec<String>,
    /// The last bytes received, for failure messages.
    tail: Vec<u8>,
}

impl Upstream {
    pub fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let server = Server::start({
            let shared = Arc::clone(&shared);
            move |incoming| serve(incoming, &shared)
        });
        Self { address: server.address, shared, server }
    }

    pub fn mark(&self) -> Mark {
        let log = self.shared.lock();
        Mark { bytes: log.bytes, requests: log.requests.len() }
    }

    pub fn bytes_since(&self, mark: Mark) -> u64 {
        self.shared.lock().bytes - mark.bytes
    }

    /// The number of complete requests since the mark.
    pub fn complete_since(&self, mark: Mark) -> usize {
        self.shared.lock().requests.len() - mark.requests
    }

    /// Asserts that not one byte arrived since the mark.
    #[track_caller]
    pub fn assert_nothing_since(&self, mark: Mark) {
        let log = self.shared.lock();
        assert!(
            log.bytes == mark.bytes,
            "{} bytes of a request reached the upstream, the last of them: {}",
            log.bytes - mark.bytes,
            String::from_utf8_lossy(&log.tail)
        );
    }

    /// Waits for the one request since the mark and asserts that nothing else arrived.
    #[track_caller]
    pub fn only_request_since(&self, mark: Mark) -> Received {
        self.only_requests_since(mark, 1).remove(0)
    }

    /// As [`only_request_since`](Self::only_request_since), for several.
    #[track_caller]
    pub fn only_requests_since(&self, mark: Mark, count: usize) -> Vec<Received> {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut log = self.shared.lock();
        while log.requests.len() < mark.requests + count && Instant::now() < deadline {
            log = self
                .shared
                .changed
                .wait_timeout(log, Duration::from_millis(100))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        let new = &log.requests[mark.requests..];
        assert!(new.len() == count, "expected {count} requests, got {}: {new:?}", new.len());
        let expected: u64 = new.iter().map(|seen| seen.wire_length).sum();
        let more = log.bytes - mark.bytes - expected;
        assert!(more == 0, "{more} bytes of another request arrived: {}", String::from_utf8_lossy(&log.tail));
        new.to_vec()
    }

    /// Every complete request since the mark, at least those that were answered.
    pub fn requests_since(&self, mark: Mark) -> Vec<Received> {
        self.shared.lock().requests[mark.requests..].to_vec()
    }

    /// Stops keeping requests, and counts them by the value of a header instead.
    pub fn count_by(&self, header: &str) {
        self.shared.lock().counts = Some((header.to_owned(), HashMap::new()));
    }

    /// Records a problem for every request with this text in a header.
    #[allow(dead_code, reason = "for the soak")]
    pub fn forbid(&self, text: &str) {
        self.shared.lock().forbidden = Some(text.to_owned());
    }

    /// How many requests had which value since [`count_by`](Self::count_by).
    pub fn counts(&self) -> HashMap<Vec<u8>, usize> {
        let log = self.shared.lock();
        log.counts.as_ref().map(|(_, counts)| counts.clone()).expect("count_by was called")
    }

    /// What could not be parsed, or was forbidden; Envoy should never send it.
    pub fn problems(&self) -> Vec<String> {
        self.shared.lock().problems.clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.stop();
        if !std::thread::panicking() {
            assert_eq!(self.problems(), [""; 0], "the upstream could not parse a request");
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn record(&mut self, seen: Received) {
        if let Some(forbidden) = &self.forbidden {
            let holds = |value: &[u8]| value.windows(forbidden.len()).any(|window| window == forbidden.as_bytes());
            if seen.headers.iter().chain(&seen.trailers).any(|(_, value)| holds(value)) {
                self.problems.push(format!("{forbidden} arrived: {seen:?}"));
            }
        }
        match &mut self.counts {
            Some((header, counts)) => {
                let value = seen.header(header).unwrap_or_default();
                *counts.entry(value.to_vec()).or_default() += 1;
            }
            None => self.requests.push(seen),
        }
    }
}

fn serve(mut incoming: Incoming<'_>, shared: &Shared) {
    let mut pending: Vec<u8> = Vec::new();
    let mut chunk = [0; 65536];
    while let Some(read) = incoming.read(&mut chunk) {
        {
            let mut log = shared.lock();
            log.bytes += read.len() as u64;
            log.tail.extend_from_slice(read);
            let excess = log.tail.len().saturating_sub(2048);
            log.tail.drain(..excess);
        }
        pending.extend_from_slice(read);
        loop {
            match parse(&pending) {
                Ok(Some(seen)) => {
                    pending.drain(..seen.wire_length as usize);
                    let behaviour = Behaviour::of(&seen);
                    shared.lock().record(seen);
                    shared.changed.notify_all();
                    let ended = match behaviour {
                        Behaviour::Answer(status) => answer(&mut incoming.stream, &status).is_err(),
                        Behaviour::Silence => false,
                        Behaviour::Reset => true,
                    };
                    if ended {
                        return;
                    }
                }
                Ok(None) => break,
                Err(problem) => {
                    shared.lock().problems.push(problem);
                    shared.changed.notify_all();
                    return;
                }
            }
        }
    }
}

/// How the upstream responds.
enum Behaviour {
    Answer(String),
    Reset,
    Silence,
}

impl Behaviour {
    fn of(seen: &Received) -> Self {
        match seen.header(BEHAVIOUR) {
            None => Behaviour::Answer("200 OK".to_owned()),
            Some(b"reset") => Behaviour::Reset,
            Some(b"silence") => Behaviour::Silence,
            Some(status) => Behaviour::Answer(format!("{} Requested", String::from_utf8_lossy(status))),
        }
    }
}

fn answer(stream: &mut TcpStream, status: &str) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n", ANSWER.len());
    stream.write_all(&[head.as_bytes(), ANSWER].concat())
}

/// A complete request at the front of `bytes`, if there is one.
fn parse(bytes: &[u8]) -> Result<Option<Received>, String> {
    let Some(head_length) = find(bytes, b"\r\n\r\n").map(|at| at + 4) else {
        return Ok(None);
    };
    let mut lines = bytes[..head_length - 4].split(|&b| b == b'\n').map(trim_end);
    let request_line = lines.next().unwrap_or_default();
    let mut parts = request_line.splitn(3, |&b| b == b' ');
    let (Some(method), Some(target), Some(b"HTTP/1.1")) = (parts.next(), parts.next(), parts.next()) else {
        return Err(format!("request line {:?}", String::from_utf8_lossy(request_line)));
    };
    let headers = lines.map(header).collect::<Result<Vec<_>, _>>()?;
    let value = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v);

    let rest = &bytes[head_length..];
    let (body, trailers, body_length) = if value("transfer-encoding").is_some() {
        match dechunk(rest)? {
            Some(parts) => parts,
            None => return Ok(None),
        }
    } else {
        let length = match value("content-length") {
            Some(text) => String::from_utf8_lossy(text).parse::<usize>().map_err(|e| format!("content-length: {e}"))?,
            None => 0,
        };
        if rest.len() < length {
            return Ok(None);
        }
        (rest[..length].to_vec(), Vec::new(), length)
    };
    Ok(Some(Received {
        method: String::from_utf8_lossy(method).into_owned(),
        target: target.to_vec(),
        headers,
        body,
        trailers,
        wire_length: (head_length + body_length) as u64,
    }))
}

type Dechunked = (Vec<u8>, Vec<(String, Vec<u8>)>, usize);

fn dechunk(bytes: &[u8]) -> Result<Option<Dechunked>, String> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let Some(line) = find(&bytes[at..], b"\r\n") else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&bytes[at..at + line]);
        let size = usize::from_str_radix(&text, 16).map_err(|e| format!("chunk size {text:?}: {e}"))?;
        at += line + 2;
        if size == 0 {
            break;
        }
        if bytes.len() < at + size + 2 {
            return Ok(None);
        }
        body.extend_from_slice(&bytes[at..at + size]);
        at += size + 2;
    }
    let mut trailers = Vec::new();
    loop {
        let Some(line) = find(&bytes[at..], b"\r\n") else {
            return Ok(None);
        };
        let text = &bytes[at..at + line];
        at += line + 2;
        if text.is_empty() {
            return Ok(Some((body, trailers, at)));
        }
        trailers.push(header(text)?);
    }
}

fn header(line: &[u8]) -> Result<(String, Vec<u8>), String> {
    let colon = line
        .iter()
        .position(|&b| b == b':')
        .ok_or_else(|| format!("header line {:?}", String::from_utf8_lossy(line)))?;
    let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
    let value = line[colon + 1..].trim_ascii().to_vec();
    Ok((name, value))
}

fn trim_end(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
