//! Limits how many requests that fail verification an address may send, before anything is hashed.
//!
//! The limit is checked when the headers arrive and again before any of the body is hashed. If the host holds the body,
//! that is when the body is complete, so that withholding the ends of many requests causes no hashing. A request counts
//! if its proof fails, or if part of its body was hashed before it grew too large or was aborted.

use std::time::Duration;

use super::buckets::Buckets;
use super::lane::Lanes;
use super::memory::{Memory, NotWritten};
pub use super::peer::Caller;
use super::rate::Rate;
use crate::verify::primitives::timestamp::UnixTime;

/// A source's limit on failed verifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloodRule {
    /// How many failures an address may have.
    pub rate: Rate,
}

/// The addresses that sent requests which failed verification: one table for all sources, of 16,384 pairs of source and
/// client. It typically takes 540 KB in Envoy when full, and 1.3 MB at most, however many addresses there are. An IPv6
/// client is its /64. Clients with a recently verified request also have a lane, in two tables of the same size, so that
/// strangers at their address cannot lock them out.
///
/// A client whose address is unknown is not limited: if such clients shared a bucket, any of them could lock out the rest.
#[derive(Debug)]
pub struct Flood {
    failures: Buckets,
    lanes: Lanes,
}

impl Flood {
    /// Opens the memory of addresses, and creates it if it does not exist.
    ///
    /// # Errors
    /// [`NotWritten`] if the host refuses memory.
    pub fn open(memory: &dyn Memory) -> Result<Self, NotWritten> {
        Ok(Self { failures: Buckets::open(memory, "hookwarden.flood")?, lanes: Lanes::open(memory)? })
    }

    /// Whether this caller may still try. Reads one page, and two more if the address failed too often; writes nothing.
    /// If the host refuses memory, nobody is limited: the request must still be verified.
    ///
    /// # Errors
    /// How long until it may.
    pub fn check(
        &self,
        memory: &dyn Memory,
        rule: &FloodRule,
        source: &str,
        caller: impl Into<Caller>,
        now: UnixTime,
    ) -> Result<(), Duration> {
        let caller = caller.into();
        let Err(wait) = self.failures.peek(memory, rule.rate, (source, caller.address), now) else { return Ok(()) };
        let lane = self.lanes.check(memory, source, caller, now);
        lane.map_err(|sooner| sooner.map_or(wait, |sooner| sooner.min(wait)))
    }

    /// Counts a failed verification, atomically: against the address, and if that has nothing left, against the
    /// caller's lane. If the table is full, the address closest to being forgiven is dropped, so that a flood from many
    /// addresses costs none of them more than its own record. If the host refuses memory, nothing is counted: this
    /// guard saves work, it does not authenticate.
    pub fn failed(
        &self,
        memory: &dyn Memory,
        rule: &FloodRule,
        source: &str,
        caller: impl Into<Caller>,
        now: UnixTime,
    ) {
        let caller = caller.into();
        // Failures beyond the limit do not extend the wait.
        if let Ok(Err(_)) = self.failures.take(memory, rule.rate, (source, caller.address), now) {
            self.lanes.take(memory, source, caller, now);
        }
    }

    /// Remembers that a request of this caller was verified. Writes one or two pages, once a minute at most in each thread unless
    /// the caller's lane was used.
    pub fn verified(&self, memory: &dyn Memory, source: &str, caller: impl Into<Caller>, now: UnixTime) {
        self.lanes.fill(memory, source, caller.into(), now);
    }
}
