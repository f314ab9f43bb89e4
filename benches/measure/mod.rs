//! Measures what requests cost a process, with a minimal client and upstream.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::harness::upstream;

pub fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).expect("the proxy accepts connections");
    stream.set_nodelay(true).expect("nodelay can be set");
    stream
}

/// The responses that requests get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The upstream's.
    Forwarded,
    /// A refusal, of a filter.
    Refused,
}

impl Expected {
    /// The beginning of the response, and its end.
    fn answer(self) -> (&'static [u8], &'static [u8]) {
        match self {
            Expected::Forwarded => (b"HTTP/1.1 200", upstream::ANSWER),
            Expected::Refused => (b"HTTP/1.1 401", b"request denied\n"),
        }
    }
}

/// Sends requests one after the other; every response has to be the upstream's.
pub fn send(stream: &mut TcpStream, wire: &[u8], times: usize) {
    send_expecting(stream, wire, times, Expected::Forwarded);
}

/// The same with another response.
pub fn send_expecting(stream: &mut TcpStream, wire: &[u8], times: usize, expected: Expected) {
    let (begins, ends) = expected.answer();
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    for _ in 0..times {
        stream.write_all(wire).expect("the request is sent");
        answer.clear();
        while !answer.ends_with(ends) {
            let count = stream.read(&mut chunk).expect("the answer is read");
            assert!(count > 0, "the proxy closed the connection after {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&chunk[..count]);
            assert!(answer.starts_with(begins), "{}", String::from_utf8_lossy(&answer));
        }
    }
}

/// CPU time of all threads, from the scheduler, in nanoseconds.
pub fn cpu_nanoseconds(pid: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("Envoy runs, on Linux");
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

static ARRIVED: AtomicUsize = AtomicUsize::new(0);

/// How many requests began to arrive at the upstreams of this process.
pub fn arrived() -> usize {
    ARRIVED.load(Ordering::SeqCst)
}

/// A minimal upstream: it skips headers and body by `content-length` and answers.
pub fn start_upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer_all(stream));
        }
    });
    address
}

fn answer_all(mut stream: TcpStream) -> Option<()> {
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\narrived";
    assert!(ANSWER.ends_with(upstream::ANSWER));
    stream.set_nodelay(true).ok()?;
    let mut pending = Vec::new();
    let mut chunk = vec![0; 1 << 17];
    loop {
        let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
        // Clients here do not pipeline, so a request begins where nothing is pending.
        if pending.is_empty() {
            ARRIVED.fetch_add(1, Ordering::SeqCst);
        }
        pending.extend_from_slice(&chunk[..count]);
        while let Some(length) = request_length(&pending).filter(|length| *length <= pending.len()) {
            pending.drain(..length);
            stream.write_all(ANSWER).ok()?;
        }
    }
}

fn request_length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let value = text.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    Some(head + value.trim().parse::<usize>().ok()?)
}

/// The part of the rounds that other load on the machine disturbed least. Such load only ever adds: it takes the caches, and
/// the other half of the core.
pub const QUIET: f64 = 0.1;

/// A filter of `benches/filters`, which `scripts/cargo-wasm --example` has built.
pub fn filter(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let default = root.join("target/wasm32-wasip1/release/examples");
    let folder = std::env::var_os("HOOKWARDEN_BENCH_FILTERS").map_or(default, |folder| root.join(folder));
    let path = folder.join(name);
    let example = name.trim_end_matches(".wasm");
    assert!(path.exists(), "no {}; run scripts/cargo-wasm --example {example}", path.display());
    path
}

pub fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = part * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    low + (high - low) * position.fract()
}

pub fn size(bytes: usize) -> String {
    format!("{} KiB", bytes / 1024)
}

/// Overwrites one line on standard error; standard output has only the table.
pub fn progress(text: &str) {
    eprint!("\r\x1b[K{text}");
}

/// The resident memory of a process, in bytes.
pub fn resident_bytes(pid: u32) -> u64 {
    const PAGE: u64 = 4096;
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).expect("Envoy runs, on Linux");
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).map_or(0, |pages| pages * PAGE)
}
