//! Many senders at once: threads with a keep-alive connection each, for tests that count by the thousand.
//!
//! They wait for an answer before they send the next request: Envoy closes a connection on which more than two of its
//! own answers are under way (`http1.response_flood`), and refusals are its own.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::client::{Connection, Reply};

/// Sends request 0 to `count`, each by one of so many connections; the answers' statuses in the order of the requests.
pub fn statuses(to: SocketAddr, connections: usize, count: usize, wire: impl Fn(usize) -> Vec<u8> + Sync) -> Vec<u16> {
    let statuses = Mutex::new(vec![0; count]);
    send(to, connections, count, wire, |number, reply| {
        statuses.lock().expect("nobody panicked")[number] = reply.status;
    });
    statuses.into_inner().expect("nobody panicked")
}

/// As [`statuses`], for whatever is to be looked at.
pub fn send(
    to: SocketAddr,
    connections: usize,
    count: usize,
    wire: impl Fn(usize) -> Vec<u8> + Sync,
    answered: impl Fn(usize, &Reply) + Sync,
) {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut connection = Connection::open(to);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            connection.send(&wire(number));
            let reply = connection.reply();
            answered(number, &reply);
            // It was refused before its body was read.
            if reply.header("connection") == Some("close") {
                connection = Connection::open(to);
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            thread.join().expect("every request was answered");
        }
    });
}

/// The numbers below `count` in an order that has nothing to do with their size (Fisher and Yates, xorshift).
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
