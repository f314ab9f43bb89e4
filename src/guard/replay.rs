//! Accepts each event once, with claims in shared memory.
//!
//! A claim is one read and one write of one page of a [table](mod@super::table): about 400 bytes, 1153 at most, however
//! many events are remembered. With as many events as configured, each costs 33 bytes of Envoy's memory: 100,000 events
//! take 3.3 MB, and 8.1 MB at most.
//!
//! If the clock jumps back, nothing is forgotten: earlier claims last until the clock catches up.

use std::time::Duration;

use super::fleet::Store;
use super::keep_on::KeepOn;
use super::memory::{Memory, NotWritten};
use super::table::{self, Digest, Table};
use crate::verify::Identity;
use crate::verify::bytes::encoding;
use crate::verify::primitives::timestamp::UnixTime;

/// How a source handles events that arrive again.
#[derive(Clone, Debug)]
pub struct ReplayRule {
    /// How long an event is remembered.
    pub window: Duration,
    /// How many events are remembered.
    pub entries: u32,
    /// What happens to a new event when the memory is full.
    pub when_full: WhenFull,
    /// How a duplicate is answered.
    pub duplicate: OnDuplicate,
    /// The responses of the upstream that keep a claim; any other gives it back.
    pub keep_on: KeepOn,
    /// The unsigned header that is the event's id (`insecure_unsigned_id`).
    pub unsigned_id: Option<String>,
    /// The memory that several proxies share.
    pub store: Option<Store>,
}

/// What happens to a new event when the memory is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// It is refused.
    Refuse,
    /// The oldest is forgotten.
    DropOldest,
}

/// How a duplicate is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDuplicate {
    /// This status: 200, 204 or 409.
    Answer(u16),
    /// It is forwarded with a mark.
    Pass,
}

/// The key under which an event is remembered: a digest of its source, its list of secrets, and its identity. No id
/// leaves a proxy, or is stored, in plain text.
#[derive(Clone, PartialEq, Eq)]
pub struct EventKey([u8; 32]);

/// The events that a source remembers.
#[derive(Debug)]
pub struct Replay {
    rule: ReplayRule,
    table: Table,
}

/// A claim that can be given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    digest: Digest,
    /// The end of the window, in milliseconds since the epoch.
    until: u64,
}

/// A new event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The claim on it.
    pub claim: Claim,
    /// Other changes.
    pub change: Change,
}

/// How a claim changed the memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// By how much the number of remembered events changed. Expired events are removed.
    pub entries: i64,
    /// How many were forgotten before their window ended, because the memory was full.
    pub dropped: u32,
}

/// Why an event was not claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is remembered.
    Duplicate,
    /// The memory is full.
    Full,
    /// The host refused its memory.
    Failed,
}

impl EventKey {
    /// The key of an event of `source`, under the list of secrets that the request named; empty if there is only one
    /// list. The secret that matched is not part of the key: otherwise a request signed under two secrets would pass
    /// once under each.
    #[must_use]
    pub fn new(source: &str, list: &str, identity: &Identity) -> Self {
        let (kind, identity): (&[u8], &[u8]) = match identity {
            Identity::Id(id) => (b"id", id),
            Identity::Digest(digest) => (b"material", digest),
        };
        Self(table::digest(&[b"hookwarden event", source.as_bytes(), list.as_bytes(), kind, identity]))
    }

    /// The key in hexadecimal.
    #[must_use]
    pub fn hex(&self) -> String {
        String::from_utf8(encoding::encode_hex(&self.0)).unwrap_or_default()
    }
}

impl std::fmt::Debug for EventKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EventKey(..)")
    }
}

impl Replay {
    /// Opens the memory of a source's events, and creates it if it does not exist.
    ///
    /// # Errors
    /// [`NotWritten`] if the host gives no memory.
    pub fn open(memory: &dyn Memory, source: &str, rule: &ReplayRule) -> Result<Self, NotWritten> {
        let table = Table::open(memory, &format!("hookwarden.replay.{source}"), rule.entries)?;
        Ok(Self { rule: rule.clone(), table })
    }

    /// How the source handles events that arrive again.
    #[must_use]
    pub fn rule(&self) -> &ReplayRule {
        &self.rule
    }

    /// Claims an event up to the end of the window, limit included. If several threads claim it at the same time, one
    /// succeeds. A refused claim changes nothing.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn claim(&self, memory: &dyn Memory, key: &EventKey, now: UnixTime) -> Result<Claimed, Refused> {
        let digest = table::short(&key.0);
        let now = now.as_millis();
        let window = u64::try_from(self.rule.window.as_millis()).unwrap_or(u64::MAX);
        let until = now.saturating_add(window);
        let claimed = self.table.update(memory, &digest, |page| {
            if page.find(&digest).is_some_and(|until| until >= now) {
                return Err(Refused::Duplicate);
            }
            let before = page.len();
            let has_room = page.has_room_beside(page.count(|until| until >= now));
            // The store remembers for all proxies; this proxy's own memory may drop events early.
            if !has_room && self.rule.when_full == WhenFull::Refuse && self.rule.store.is_none() {
                return Err(Refused::Full);
            }
            page.retain(|_, until| until >= now);
            if !has_room {
                // Only one, even if an earlier configuration allowed more: forget no more than necessary.
                page.remove_smallest();
            }
            page.set(&digest, until);
            let change = Change { entries: difference(before, page.len()), dropped: (!has_room).into() };
            Ok(Claimed { claim: Claim { digest, until }, change })
        });
        claimed.unwrap_or(Err(Refused::Failed))
    }

    /// Gives a claim back, if it is still this one. Returns whether it was there.
    ///
    /// # Errors
    /// [`NotWritten`] if the host refuses its memory.
    pub fn give_back(&self, memory: &dyn Memory, claim: &Claim) -> Result<bool, NotWritten> {
        self.table.update(memory, &claim.digest, |page| {
            page.retain(|digest, until| (*digest, until) != (claim.digest, claim.until)) > 0
        })
    }
}

fn difference(before: usize, after: usize) -> i64 {
    let number = |len: usize| i64::try_from(len).unwrap_or(i64::MAX);
    number(after).saturating_sub(number(before))
}
