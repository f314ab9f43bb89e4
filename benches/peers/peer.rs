//! What is compared: a proxy with a check, running, and the processes that a request costs time.

use std::any::Any;
use std::net::SocketAddr;

use crate::check::Check;
use crate::measure::cpu_nanoseconds;

/// Why there is no peer.
pub enum Absent {
    /// This machine does not have it: it is left out.
    Missing(String),
    /// It is there and does not run: the measurement cannot be trusted.
    Broken(String),
}

pub struct Peer {
    /// In the JSON, and in the code.
    pub id: &'static str,
    /// The peer whose `Check::Off` is the same proxy without the check.
    pub baseline: &'static str,
    /// In the tables.
    pub title: &'static str,
    /// How it is set up, in a sentence.
    pub about: &'static str,
    /// What it verifies, and where.
    pub endpoints: Vec<(Check, SocketAddr)>,
    pub pids: Vec<u32>,
    /// Ends the processes when it is dropped.
    pub processes: Vec<Box<dyn Any>>,
}

impl Peer {
    pub fn address(&self, check: Check) -> Option<SocketAddr> {
        self.endpoints.iter().find(|(own, _)| *own == check).map(|(_, address)| *address)
    }

    /// Whether nothing is refused here.
    pub fn is_open(&self) -> bool {
        self.endpoints.iter().all(|(check, _)| *check == Check::Off)
    }

    /// CPU time of all its processes so far, in nanoseconds.
    pub fn spent(&self) -> u64 {
        self.pids.iter().map(|pid| cpu_nanoseconds(*pid)).sum()
    }
}
