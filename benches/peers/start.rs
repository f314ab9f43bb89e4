//! What is measured from the start of all peers to their end.
//!
//! A proxy is one process from start to end, and where its code and data lie in memory is chance. That decides about some
//! microseconds of a request, and does not change while it runs. So every peer is started several times.

use std::net::SocketAddr;
use std::time::Instant;

use crate::envoy::{self, Start};
use crate::haproxy::start_haproxy;
use crate::latency::{self, Latency};
use crate::measure::progress;
use crate::nginx::start_nginx;
use crate::peer::{Absent, Peer};
use crate::plan::{self, Case, Effort};
use crate::{proof, rounds};

/// Which of the starts it is.
pub struct StartNumber {
    /// From 0.
    pub number: usize,
    /// How many there are.
    pub count: usize,
    /// The first of them.
    pub began: Instant,
}

/// What was measured since one start.
pub struct Measured {
    pub cases: Vec<Case>,
    pub latencies: Vec<Latency>,
}

impl StartNumber {
    /// Says what happens, and how long the run still takes.
    pub fn progress(&self, text: &str) {
        let left = match self.number {
            0 => String::new(),
            done => {
                let each = self.began.elapsed().as_secs_f64() / (done as f64 + 0.5);
                format!(", about {:.0} min left", (each * (self.count - done) as f64 / 60.0).max(1.0))
            }
        };
        progress(&format!("start {}/{}{left}: {text}", self.number + 1, self.count));
    }
}

/// Starts every peer, and says why others are missing. Each start begins with another one, because the first ones find another
/// machine than the last ones. They are returned in the same order every time.
pub fn peers(upstream: SocketAddr, start: &StartNumber) -> Result<(Vec<Peer>, Vec<String>), String> {
    let all = [start_haproxy as Start, start_nginx].into_iter().chain(envoy::ALL);
    let mut all: Vec<(usize, Start)> = all.enumerate().collect();
    let count = all.len();
    all.rotate_left(start.number * count / start.count);
    let (mut peers, mut left_out) = (Vec::new(), Vec::new());
    for (number, (place, of)) in all.into_iter().enumerate() {
        start.progress(&format!("proxy {}/{count}", number + 1));
        match of(upstream) {
            Ok(peer) => peers.push((place, peer)),
            Err(Absent::Broken(error)) => return Err(error),
            Err(Absent::Missing(what)) => left_out.push(what),
        }
    }
    peers.sort_by_key(|(place, _)| *place);
    let peers: Vec<Peer> = peers.into_iter().map(|(_, peer)| peer).collect();
    let has = |id: &str| peers.iter().any(|peer| peer.id == id);
    if has("envoy") && has("hookwarden") {
        Ok((peers, left_out))
    } else {
        Err(format!("there is nothing to compare with: no {}", left_out.join(", no ")))
    }
}

/// Proves that the peers verify, and measures them.
pub fn measure(peers: &[Peer], effort: &Effort, start: &StartNumber) -> Result<Measured, String> {
    for peer in peers {
        start.progress(&format!("forged requests first: {}", peer.title));
        proof::prove(peer)?;
    }
    let mut cases = plan::cases(peers);
    rounds::measure(peers, &mut cases, effort, start)?;
    let latencies = latency::measure(peers, effort, start)?;
    Ok(Measured { cases, latencies })
}
