//! Lanes: tries reserved for callers with a recently verified request, whatever strangers do from the same address.
//!
//! A client with a request verified within [`RECENT_SECONDS`] has a lane, and so has its connection. A lane is a second bucket of
//! tries, used when the source's own limit for the address is exhausted. It holds 20 tries, of which five come back each
//! second, and all of them with the next verified request. So a lane bounds hashing as any bucket does.
//!
//! Strangers at the same address share the client's lane, since nothing distinguishes them from the sender before
//! verification. If they send more than the lane admits, the sender gets its share of the admitted tries. A connection,
//! however, is not shared: the lane of an open connection belongs to its sender alone, unless a proxy in front multiplexes
//! several clients on it. In that case the host reports no port, and there is no such lane.
//!
//! An entry of the table is one number: the second of the last verified request, followed by the milliseconds from then
//! until the lane is full again. If there is no room, the oldest entry is dropped. There are two tables of 16,384 entries:
//! each typically takes 540 KB in Envoy when full, and 1.3 MB at most.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::address::client_of;
use super::memory::{Memory, NotWritten};
use super::peer::Caller;
use super::rate::Rate;
use super::table::{self, Digest, Table};
use crate::verify::primitives::timestamp::UnixTime;

/// How long a verified request counts, in seconds: a day.
const RECENT_SECONDS: u64 = 86_400;
/// How often, in seconds, a thread records a caller's verified requests if its lane was not used.
const REFRESH: u64 = 60;
/// How many entries each table has.
const ENTRIES: u32 = 16_384;
/// How many tries come back each second, and how many a lane holds.
const TRIES_A_SECOND: u32 = 5;
const TRIES_AT_ONCE: u32 = 20;

/// How many full lanes a thread remembers, to save host calls.
const KNOWN: usize = 256;

/// The lanes of all clients and connections.
#[derive(Debug)]
pub(super) struct Lanes {
    clients: Table,
    connections: Table,
    known: Known,
}

/// What a lane belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Connection,
    Client,
}

/// Lanes that this thread filled recently, so that a busy sender costs no host calls: part of each lane's hash, and the
/// second. If two collide, the only effect is that one lane is refilled up to a minute late.
#[derive(Debug)]
struct Known(Vec<AtomicU64>);

/// The state of one lane.
#[derive(Clone, Copy)]
struct Lane {
    /// The second of the last verified request.
    verified: u32,
    /// After how many milliseconds from then on the lane is full.
    spent: u32,
}

impl Lanes {
    pub(super) fn open(memory: &dyn Memory) -> Result<Self, NotWritten> {
        Ok(Self {
            clients: Table::open(memory, "hookwarden.verified", ENTRIES)?,
            connections: Table::open(memory, "hookwarden.verified_connections", ENTRIES)?,
            known: Known(std::iter::repeat_with(AtomicU64::default).take(KNOWN).collect()),
        })
    }

    /// Whether a lane of this caller has a try left.
    ///
    /// # Errors
    /// How long until one has a try, if the caller has a lane.
    pub(super) fn check(
        &self,
        memory: &dyn Memory,
        source: &str,
        caller: Caller,
        now: UnixTime,
    ) -> Result<(), Option<Duration>> {
        // The lane is in use, so the next verified request has to refill it.
        kinds(caller).for_each(|kind| self.known.forget(hash(kind, source, caller)));
        let mut waits = Vec::new();
        for kind in kinds(caller) {
            let found = self.table(kind).find(memory, &digest(kind, source, caller));
            let Some(lane) = found.and_then(|number| Lane::read(number, now)) else { continue };
            match rate().peek(lane.state(), now) {
                Ok(()) => return Ok(()),
                Err(wait) => waits.push(wait),
            }
        }
        Err(waits.into_iter().min())
    }

    /// Takes a try from this caller's first lane that has one.
    pub(super) fn take(&self, memory: &dyn Memory, source: &str, caller: Caller, now: UnixTime) {
        for kind in kinds(caller) {
            let digest = digest(kind, source, caller);
            let took = self.table(kind).update(memory, &digest, |page| {
                let lane = page.find(&digest).and_then(|number| Lane::read(number, now));
                let after = lane.and_then(|lane| Some(lane.spent_until(rate().take(lane.state(), now).ok()?)));
                if let Some(after) = after {
                    page.set(&digest, after.number());
                }
                after.is_some()
            });
            // If the host refuses memory, nothing is counted, here as elsewhere.
            if took == Ok(true) {
                return;
            }
        }
    }

    /// Records that a request of this caller was verified, which fills its lanes.
    pub(super) fn fill(&self, memory: &dyn Memory, source: &str, caller: Caller, now: UnixTime) {
        for kind in kinds(caller) {
            let hash = hash(kind, source, caller);
            if self.known.is_fresh(hash, now) {
                continue;
            }
            let digest = digest(kind, source, caller);
            let lane = Lane { verified: u32::try_from(seconds(now)).unwrap_or(u32::MAX), spent: 0 };
            let filled = self.table(kind).update(memory, &digest, |page| {
                page.retain(|own, number| *own == digest || Lane::read(number, now).is_some());
                if page.find(&digest).is_none() && !page.has_room_beside(page.len()) {
                    page.remove_smallest();
                }
                page.set(&digest, lane.number());
            });
            // Without memory there is no lane, but the source's own limit is unaffected.
            if filled.is_ok() {
                self.known.remember(hash, now);
            }
        }
    }

    fn table(&self, kind: Kind) -> &Table {
        match kind {
            Kind::Connection => &self.connections,
            Kind::Client => &self.clients,
        }
    }
}

impl Known {
    fn is_fresh(&self, hash: u64, now: UnixTime) -> bool {
        let Some(slot) = self.slot(hash) else { return false };
        let known = slot.load(Ordering::Relaxed);
        let age = seconds(now).checked_sub(known & u64::from(u32::MAX));
        known.wrapping_shr(32) == hash.wrapping_shr(32) && age.is_some_and(|age| age < REFRESH)
    }

    fn remember(&self, hash: u64, now: UnixTime) {
        if let Some(slot) = self.slot(hash) {
            let second = seconds(now) & u64::from(u32::MAX);
            slot.store(hash.wrapping_shr(32).wrapping_shl(32) | second, Ordering::Relaxed);
        }
    }

    fn forget(&self, hash: u64) {
        if let Some(slot) = self.slot(hash) {
            slot.store(0, Ordering::Relaxed);
        }
    }

    fn slot(&self, hash: u64) -> Option<&AtomicU64> {
        let slots = u64::try_from(self.0.len()).ok()?;
        self.0.get(usize::try_from(hash.checked_rem(slots)?).ok()?)
    }
}

/// The lanes that a caller may have, its connection's first.
fn kinds(caller: Caller) -> impl Iterator<Item = Kind> {
    caller.port.map(|_| Kind::Connection).into_iter().chain([Kind::Client])
}

fn digest(kind: Kind, source: &str, caller: Caller) -> Digest {
    let name = source.as_bytes();
    let port = caller.port.map_or(0, NonZeroU16::get).to_be_bytes();
    let digest = match kind {
        Kind::Connection => table::digest(&[b"connection", name, &octets(caller.address), &port]),
        Kind::Client => table::digest(&[b"verified", name, &octets(client_of(caller.address))]),
    };
    table::short(&digest)
}

/// The key of a lane within one thread.
fn hash(kind: Kind, source: &str, caller: Caller) -> u64 {
    let mut hasher = DefaultHasher::new();
    match kind {
        Kind::Connection => (kind, source, caller.address, caller.port).hash(&mut hasher),
        Kind::Client => (kind, source, client_of(caller.address)).hash(&mut hasher),
    }
    hasher.finish()
}

impl Lane {
    /// Reads an entry; `None` if it is too old.
    fn read(number: u64, now: UnixTime) -> Option<Self> {
        let [a, b, c, d, spent @ ..] = number.to_be_bytes();
        let lane = Self { verified: u32::from_be_bytes([a, b, c, d]), spent: u32::from_be_bytes(spent) };
        (lane.age(now) < RECENT_SECONDS).then_some(lane)
    }

    fn number(self) -> u64 {
        u64::from(self.verified).wrapping_shl(32) | u64::from(self.spent)
    }

    /// How many seconds ago the last verified request was.
    fn age(self, now: UnixTime) -> u64 {
        seconds(now).saturating_sub(self.verified.into())
    }

    /// The lane's state as a bucket.
    fn state(self) -> u64 {
        Rate::full_at(u64::from(self.verified).saturating_mul(1000).saturating_add(self.spent.into()))
    }

    /// The lane whose bucket has this state.
    fn spent_until(self, state: u64) -> Self {
        let millis = Rate::millis_until_full(state).saturating_sub(u64::from(self.verified).saturating_mul(1000));
        Self { spent: u32::try_from(millis).unwrap_or(u32::MAX), ..self }
    }
}

fn rate() -> Rate {
    Rate::new(TRIES_A_SECOND, Duration::from_secs(1), TRIES_AT_ONCE)
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn seconds(now: UnixTime) -> u64 {
    now.as_millis() / 1000
}
