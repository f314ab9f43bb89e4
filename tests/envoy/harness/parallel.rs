//! Many concurrent clients: threads with a keep-alive connection each, for tests with thousands of requests.
//!
//! They do not pipeline: Envoy closes a connection with more than two pending local replies (`http1.response_flood`), and
//! denials are local replies.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::harness::client::{KeepAlive, Reply};

/// Sends requests 0 to `count` over this many connections. Returns the statuses in the order of the requests.
pub fn statuses(to: SocketAddr, connections: usize, count: usize, wire: impl Fn(usize) -> Vec<u8> + Sync) -> Vec<u16> {
    let statuses = Mutex::new(vec![0; count]);
    send(to, connections, count, wire, |number, reply| {
        statuses.lock().expect("no thread panicked")[number] = reply.status;
    });
    statuses.into_inner().expect("no thread panicked")
}

/// As [`statuses`], with a callback for each response.
pub fn send(
    to: SocketAddr,
    connections: usize,
    count: usize,
    wire: impl Fn(usize) -> Vec<u8> + Sync,
    answered: impl Fn(usize, &Reply) + Sync,
) {
    let next = AtomicUsize::new(0);
    let run = || {
        let mut connection = KeepAlive::open(to);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            answered(number, &connection.send(&wire(number)));
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(run)).collect();
        for thread in threads {
            thread.join().expect("every request got a response");
        }
    });
}

/// The numbers below `count` in a shuffled, reproducible order (Fisher and Yates, xorshift).
pub fn shuffled(count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for last in (1..count).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        order.swap(last, (state % (last as u64 + 1)) as usize);
    }
    order
}
