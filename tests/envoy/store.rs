//! A replay store that does what a test wants of it, and remembers what it was asked.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What is done with a question.
pub enum Conduct {
    /// These bytes are sent, and the connection stays open.
    Bytes(Vec<u8>),
    /// These bytes are sent, and the connection is closed.
    Last(Vec<u8>),
    /// Nothing, for as long as the other side waits.
    Silence,
}

/// A question: the head of a request.
#[derive(Clone, Debug)]
pub struct Asked(String);

impl Asked {
    pub fn target(&self) -> &str {
        self.0.split(' ').nth(1).expect("a request line")
    }

    pub fn method(&self) -> &str {
        self.0.split(' ').next().expect("a request line")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.0.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The answer with status 200 that Webdis would give: `json` within the name that was asked for.
    pub fn webdis(&self, json: &str) -> Conduct {
        let name = self.target().split_once("?jsonp=").expect("the answer gets a name").1;
        Conduct::Bytes(answer("200 OK", &format!("{name}({json});\n")))
    }
}

type React = dyn Fn(&Asked) -> Conduct + Send + Sync;

pub struct FakeStore {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    react: Mutex<Arc<React>>,
    asked: Mutex<Vec<Asked>>,
    stop: AtomicBool,
}

impl FakeStore {
    pub fn start(react: impl Fn(&Asked) -> Conduct + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let react: Arc<React> = Arc::new(react);
        let shared =
            Arc::new(Shared { react: Mutex::new(react), asked: Mutex::default(), stop: AtomicBool::new(false) });
        let acceptor = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Self { address, shared, acceptor: Some(acceptor) }
    }

    /// From now on it does this.
    pub fn does(&self, react: impl Fn(&Asked) -> Conduct + Send + Sync + 'static) {
        *self.shared.react.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(react);
    }

    /// What it was asked since this was last looked at.
    pub fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for FakeStore {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the blocking accept.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let joined = acceptor.join();
            if !std::thread::panicking() {
                joined.expect("the store's threads did not panic");
            }
        }
    }
}

/// A complete HTTP answer.
pub fn answer(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
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
        connection.join().expect("the connection's thread did not panic");
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) {
    // The timeout only lets the thread notice that the test is over.
    stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout can be set");
    let mut pending: Vec<u8> = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return,
            Ok(count) => pending.extend_from_slice(&chunk[..count]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if shared.stop.load(Ordering::SeqCst) {
                    return;
                }
            }
            Err(_) => return,
        }
        while let Some(end) = pending.windows(4).position(|window| window == b"\r\n\r\n") {
            let head: Vec<u8> = pending.drain(..end + 4).collect();
            let asked = Asked(String::from_utf8(head).expect("a question is text"));
            shared.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
            let react = Arc::clone(&shared.react.lock().unwrap_or_else(PoisonError::into_inner));
            let (bytes, last) = match react(&asked) {
                Conduct::Bytes(bytes) => (bytes, false),
                Conduct::Last(bytes) => (bytes, true),
                Conduct::Silence => (Vec::new(), false),
            };
            if stream.write_all(&bytes).is_err() || last {
                return;
            }
        }
    }
}
