//! Latency at a fixed rate, which no peer can slow down: a request is sent when it is due. One that could not be, because
//! its connection still waited for an answer, counts from when it was due.

use std::time::{Duration, Instant};

use crate::check::Check;
use crate::client::Client;
use crate::measure::size;
use crate::peer::Peer;
use crate::plan::{Effort, LARGE, SMALL, needs_new_events};
use crate::start::StartNumber;

/// Requests per second.
pub const RATE: f64 = 400.0;
const CONNECTIONS: usize = 4;
const BODIES: [usize; 2] = [SMALL, LARGE];
/// What is not about latency.
const LEFT_OUT: [&str; 4] = ["many", "envoy-logged", "logged", "basic_auth"];

pub struct Latency {
    pub peer: usize,
    pub body: usize,
    /// µs, of all requests.
    pub samples: Vec<f64>,
    /// µs of CPU time per request.
    pub spent: f64,
}

/// The latencies of one start. They are of the same peers and bodies for every start, in the same order.
pub fn measure(peers: &[Peer], effort: &Effort, start: &StartNumber) -> Result<Vec<Latency>, String> {
    let mut all: Vec<Latency> = plan(peers);
    let count = all.len();
    for turn in 0..count {
        let latency = &mut all[(start.number + turn) % count];
        let (peer, body) = (&peers[latency.peer], latency.body);
        start.progress(&format!("latency {}/{count}: {}, {}", turn + 1, peer.title, size(body)));
        let before = peer.spent();
        latency.samples = run(peer, body, turn as u64, effort.seconds)
            .map_err(|error| format!("{}, {} at {RATE} a second: {error}", peer.title, size(body)))?;
        latency.spent = (peer.spent() - before) as f64 / 1000.0 / latency.samples.len() as f64;
    }
    Ok(all)
}

fn plan(peers: &[Peer]) -> Vec<Latency> {
    let measured = peers.iter().enumerate().filter(|(_, peer)| !LEFT_OUT.contains(&peer.id));
    measured.flat_map(|(peer, _)| BODIES.map(|body| Latency { peer, body, samples: Vec::new(), spent: 0.0 })).collect()
}

fn check(peer: &Peer) -> Check {
    if peer.address(Check::One).is_some() { Check::One } else { Check::Off }
}

fn run(peer: &Peer, body: usize, run: u64, seconds: f64) -> Result<Vec<f64>, String> {
    let check = check(peer);
    let address = peer.address(check).expect("it has one of the two");
    let each = ((RATE * seconds) as usize).div_ceil(CONNECTIONS);
    let interval = Duration::from_secs_f64(CONNECTIONS as f64 / RATE);
    let is_new_event = needs_new_events(peer);
    let start = Instant::now() + Duration::from_millis(50);
    let threads: Vec<_> = (0..CONNECTIONS)
        .map(|connection| {
            std::thread::spawn(move || -> Result<Vec<f64>, String> {
                let mut client = Client::new(address);
                // Above the events of the rounds.
                let first = (1 << 46) + (run << 24) + ((connection as u64) << 20);
                let wire = |number: u64| check.genuine(body, first + number).wire();
                let count = if is_new_event { each as u64 } else { 1 };
                let wires: Vec<Vec<u8>> = (0..count).map(wire).collect();
                let offset = interval.mul_f64(connection as f64 / CONNECTIONS as f64);
                let mut free = Instant::now();
                let mut samples = Vec::with_capacity(each);
                for (number, wire) in wires.iter().cycle().take(each).enumerate() {
                    let due = start + offset + interval.mul_f64(number as f64);
                    let is_late = free > due;
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    // The timer's delay is not the proxy's.
                    let from = if is_late { due } else { Instant::now() };
                    let status = client.exchange(wire)?;
                    free = Instant::now();
                    if status != 200 {
                        return Err(format!("answered with {status}"));
                    }
                    samples.push((free - from).as_secs_f64() * 1e6);
                }
                Ok(samples)
            })
        })
        .collect();
    let mut samples = Vec::new();
    for thread in threads {
        samples.extend(thread.join().expect("no thread panics")?);
    }
    Ok(samples)
}
