//! A TCP server in this process, with a thread for each connection.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

pub struct Server {
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

/// The bytes that arrive on one connection.
pub struct Incoming<'a> {
    pub stream: TcpStream,
    stop: &'a AtomicBool,
}

impl Server {
    pub fn start(serve: impl Fn(Incoming<'_>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let stop = Arc::new(AtomicBool::new(false));
        let acceptor = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || accept(&listener, &stop, &serve)
        });
        Self { address, stop, acceptor: Some(acceptor) }
    }

    /// Ends all threads; a panic of one of them is this thread's, unless it panics already.
    pub fn stop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the blocking accept.
        let _ = TcpStream::connect(self.address);
        let joined = self.acceptor.take().map(JoinHandle::join);
        if !std::thread::panicking()
            && let Some(Err(panic)) = joined
        {
            std::panic::resume_unwind(panic);
        }
    }
}

fn accept(listener: &TcpListener, stop: &AtomicBool, serve: &(impl Fn(Incoming<'_>) + Sync)) {
    std::thread::scope(|scope| {
        for stream in listener.incoming() {
            if stop.load(Ordering::SeqCst) {
                break;
            }
            let stream = stream.expect("accept works");
            // The timeout lets the thread notice that the test has ended.
            stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout can be set");
            scope.spawn(move || serve(Incoming { stream, stop }));
        }
    });
}

impl Incoming<'_> {
    /// Whether the test has ended.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// The next bytes, in `chunk`; `None` at the end of the connection or of the test.
    pub fn read<'c>(&mut self, chunk: &'c mut [u8]) -> Option<&'c [u8]> {
        loop {
            match self.stream.read(chunk) {
                Ok(0) => return None,
                Ok(count) => return Some(&chunk[..count]),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if self.stop.load(Ordering::SeqCst) {
                        return None;
                    }
                }
                Err(_) => return None,
            }
        }
    }
}
