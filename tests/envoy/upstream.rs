//! The receiver behind Envoy: it accepts anything, writes down every byte, and answers 200, or what the request's
//! header [`CONDUCT`] asks for: `503`, `reset` the connection, or `silence`.
//!
//! "The upstream saw nothing" has to mean that no request byte arrived, a half request included, so the
//! bytes are counted as they are read and not when a request is complete.

use std::collections::HashMap;
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::client::write_message;

/// What the upstream answers, so that a test can tell its 200 from anybody else's.
pub const ANSWER: &[u8] = b"arrived";

/// How a request tells the upstream to fail. No scheme signs it: the same event can fail first and succeed later.
pub const CONDUCT: &str = "x-test-conduct";

pub struct Upstream {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// One complete request as it came over the wire.
#[derive(Clone)]
pub struct Seen {
    pub method: String,
    pub target: Vec<u8>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, Vec<u8>)>,
    wire_length: u64,
}

impl Seen {
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

    /// Names that start with `x-hookwarden`, in whatever spelling.
    pub fn identity_headers(&self) -> Vec<String> {
        self.headers
            .iter()
            .chain(&self.trailers)
            .map(|(name, _)| name.clone())
            .filter(|name| name.replace('_', "-").starts_with("x-hookwarden"))
            .collect()
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = format!("{} {}", self.method, self.target.escape_ascii());
        write_message(f, &head, &self.headers, &self.body, &self.trailers)
    }
}

/// A point in what the upstream has seen; everything is asserted relative to one.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    bytes: u64,
    requests: usize,
}

#[derive(Default)]
struct Shared {
    log: Mutex<Log>,
    changed: Condvar,
    stop: AtomicBool,
}

#[derive(Default)]
struct Log {
    bytes: u64,
    requests: Vec<Seen>,
    /// Where there are too many requests to keep: how many had which value of this header.
    counts: Option<(String, HashMap<Vec<u8>, usize>)>,
    problems: Vec<String>,
    /// The last bytes that came, for the message when nothing should have come.
    tail: Vec<u8>,
}

impl Upstream {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let shared = Arc::new(Shared::default());
        let acceptor = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Self { address, shared, acceptor: Some(acceptor) }
    }

    pub fn mark(&self) -> Mark {
        let log = self.shared.lock();
        Mark { bytes: log.bytes, requests: log.requests.len() }
    }

    pub fn bytes_since(&self, mark: Mark) -> u64 {
        self.shared.lock().bytes - mark.bytes
    }

    /// Not one byte came since the mark.
    #[track_caller]
    pub fn assert_nothing_since(&self, mark: Mark) {
        let log = self.shared.lock();
        assert!(
            log.bytes == mark.bytes,
            "the upstream saw {} bytes of a request that it should not have seen, the last of them: {}",
            log.bytes - mark.bytes,
            String::from_utf8_lossy(&log.tail)
        );
    }

    /// Waits for the one request since the mark and asserts that nothing else came with it.
    #[track_caller]
    pub fn only_request_since(&self, mark: Mark) -> Seen {
        self.only_requests_since(mark, 1).remove(0)
    }

    /// As [`only_request_since`](Self::only_request_since), for several.
    #[track_caller]
    pub fn only_requests_since(&self, mark: Mark, count: usize) -> Vec<Seen> {
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
        assert!(new.len() == count, "{count} requests should have arrived, not {}: {new:?}", new.len());
        let expected: u64 = new.iter().map(|seen| seen.wire_length).sum();
        let more = log.bytes - mark.bytes - expected;
        assert!(
            more == 0,
            "besides complete requests, {more} bytes of another one arrived: {}",
            String::from_utf8_lossy(&log.tail)
        );
        new.to_vec()
    }

    /// Every complete request since the mark. Whoever was answered is among them.
    pub fn requests_since(&self, mark: Mark) -> Vec<Seen> {
        self.shared.lock().requests[mark.requests..].to_vec()
    }

    /// From now on requests are not kept, only counted by the value of a header.
    pub fn count_by(&self, header: &str) {
        self.shared.lock().counts = Some((header.to_owned(), HashMap::new()));
    }

    /// How many requests had which value, since they are counted.
    pub fn counts(&self) -> HashMap<Vec<u8>, usize> {
        let log = self.shared.lock();
        log.counts.as_ref().map(|(_, counts)| counts.clone()).expect("requests are counted")
    }

    /// What the receiver could not make sense of; Envoy should never send such a thing.
    pub fn problems(&self) -> Vec<String> {
        self.shared.lock().problems.clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the blocking accept.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let joined = acceptor.join();
            if !std::thread::panicking() {
                joined.expect("the upstream's threads did not panic");
                assert_eq!(self.problems(), [""; 0], "the upstream could read every request");
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn keep(&mut self, seen: Seen) {
        match &mut self.counts {
            Some((header, counts)) => {
                let value = seen.header(header).unwrap_or_default();
                *counts.entry(value.to_vec()).or_default() += 1;
            }
            None => self.requests.push(seen),
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut connections = Vec::new();
    for stream in listener.incoming() {
        if shared.stop.load(Ordering::SeqCst) {
            break;
        }
        let stream = stream.expect("accept works");
        let shared = Arc::clone(shared);
        connections.push(std::thread::spawn(move || serve(stream, &shared)));
    }
    for connection in connections {
        if let Err(panic) = connection.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) {
    // The timeout only lets the thread notice that the test is over.
    stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout can be set");
    let mut pending: Vec<u8> = Vec::new();
    let mut chunk = [0; 65536];
    loop {
        let count = match stream.read(&mut chunk) {
            Ok(0) => return,
            Ok(count) => count,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if shared.stop.load(Ordering::SeqCst) {
                    return;
                }
                continue;
            }
            Err(_) => return,
        };
        let read = &chunk[..count];
        {
            let mut log = shared.lock();
            log.bytes += count as u64;
            log.tail.extend_from_slice(read);
            let excess = log.tail.len().saturating_sub(2048);
            log.tail.drain(..excess);
        }
        pending.extend_from_slice(read);
        loop {
            match parse(&pending) {
                Ok(Some(seen)) => {
                    pending.drain(..seen.wire_length as usize);
                    let conduct = Conduct::of(&seen);
                    shared.lock().keep(seen);
                    shared.changed.notify_all();
                    let ended = match conduct {
                        Conduct::Answer(status) => answer(&mut stream, &status).is_err(),
                        Conduct::Silence => false,
                        Conduct::Reset => true,
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

/// What is done with a request that arrived.
enum Conduct {
    Answer(String),
    Reset,
    Silence,
}

impl Conduct {
    fn of(seen: &Seen) -> Self {
        match seen.header(CONDUCT) {
            None => Conduct::Answer("200 OK".to_owned()),
            Some(b"reset") => Conduct::Reset,
            Some(b"silence") => Conduct::Silence,
            Some(status) => Conduct::Answer(format!("{} Asked For", String::from_utf8_lossy(status))),
        }
    }
}

fn answer(stream: &mut TcpStream, status: &str) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n", ANSWER.len());
    stream.write_all(&[head.as_bytes(), ANSWER].concat())
}

/// A complete request at the front of `bytes`, if there is one.
fn parse(bytes: &[u8]) -> Result<Option<Seen>, String> {
    let Some(head_length) = find(bytes, b"\r\n\r\n").map(|at| at + 4) else {
        return Ok(None);
    };
    let mut lines = bytes[..head_length - 4].split(|&b| b == b'\n').map(trim_end);
    let request_line = lines.next().unwrap_or_default();
    let mut words = request_line.splitn(3, |&b| b == b' ');
    let (Some(method), Some(target), Some(b"HTTP/1.1")) = (words.next(), words.next(), words.next()) else {
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
    Ok(Some(Seen {
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
