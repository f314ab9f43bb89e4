//! How many failed proofs an address may send, before any hashing.

use std::net::IpAddr;
use std::time::Duration;

use super::buckets::Buckets;
use super::memory::{Memory, NotWritten};
use super::rate::Rate;
use crate::verify::timestamp::UnixTime;

/// A source's limit on failed proofs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloodRule {
    /// How many, by address.
    pub rate: Rate,
}

/// The addresses that sent requests which could not be proved: one table for all sources together, of 16,384 pairs of
/// source and client. That is 540 KB in Envoy where there are as many, and 1.3 MB at most, whatever the number of
/// addresses. An IPv6 client is its /64.
///
/// A client whose address is not known has no bucket: with one for all of them, any could lock out the others.
#[derive(Debug)]
pub struct Flood(Buckets);

impl Flood {
    /// The memory of addresses, made if it is not there yet.
    ///
    /// # Errors
    /// [`NotWritten`] if the host gives no memory.
    pub fn open(memory: &dyn Memory) -> Result<Self, NotWritten> {
        Buckets::open(memory, "hookwarden.flood").map(Self)
    }

    /// Whether this address may still try. Reads one page, writes nothing.
    ///
    /// # Errors
    /// How long until it may.
    pub fn check(
        &self,
        memory: &dyn Memory,
        rule: &FloodRule,
        source: &str,
        address: IpAddr,
        now: UnixTime,
    ) -> Result<(), Duration> {
        self.0.peek(memory, rule.rate, (source, address), now)
    }

    /// Counts a failed proof. Where there is no room the address that is nearest to being forgiven is forgotten, so
    /// that a flood from many addresses costs none of them more than its own record. A host that gives no memory counts
    /// nothing: this guard saves work, and proves nothing.
    pub fn failed(&self, memory: &dyn Memory, rule: &FloodRule, source: &str, address: IpAddr, now: UnixTime) {
        // Those that were late already wait as long as they did.
        let _ = self.0.take(memory, rule.rate, (source, address), now);
    }
}
