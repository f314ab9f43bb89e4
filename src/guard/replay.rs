//! Each event once: claims in shared memory.
//!
//! A claim is one read and one write of one page of a [table](mod@super::table): about 400 bytes, 1153 at most, however many
//! events are remembered. An event costs 33 bytes of Envoy's memory where there are as many as were configured; a memory
//! for 100,000 events takes 3.3 MB then, and 8.1 MB at most.
//!
//! A clock that jumps back forgets nothing: what was claimed before stays until the clock is there again.

use std::time::Duration;

use super::fleet::Store;
use super::memory::{Memory, NotWritten};
use super::table::{self, Digest, Table};
use crate::verify::timestamp::UnixTime;
use crate::verify::{Identity, encoding};

/// What a source says of events that come again.
#[derive(Clone, Debug)]
pub struct ReplayRule {
    /// How long an event is remembered.
    pub window: Duration,
    /// How many events are remembered.
    pub entries: u32,
    /// What becomes of a new event when the memory is full.
    pub when_full: WhenFull,
    /// What a duplicate is answered.
    pub duplicate: OnDuplicate,
    /// The smallest status of the upstream that gives a claim back.
    pub give_back_from: u16,
    /// The unsigned header that is the event's id (`insecure_unsigned_id`).
    pub unsigned_id: Option<String>,
    /// The memory that several proxies share.
    pub store: Option<Store>,
}

/// What becomes of a new event when the memory is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// It is refused.
    Refuse,
    /// The oldest is forgotten.
    DropOldest,
}

/// What a duplicate is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDuplicate {
    /// This status: 200, 204 or 409.
    Answer(u16),
    /// It goes on, marked.
    Pass,
}

/// What an event is remembered by: a digest of its source, the list of secrets it belongs to, and its identity. No id
/// leaves a proxy, or stands in a memory, in clear.
#[derive(Clone, PartialEq, Eq)]
pub struct EventKey([u8; 32]);

/// The events that a source remembers.
#[derive(Debug)]
pub struct Replay {
    table: Table,
    window: Duration,
    when_full: WhenFull,
}

/// A claim that was made, to be given back.
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
    /// What else changed.
    pub change: Change,
}

/// How a claim changed the memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// By how much the number of remembered events changed; those whose window was over are gone.
    pub entries: i64,
    /// How many were forgotten before their window was over, for want of room.
    pub dropped: u32,
}

/// Why an event is not claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is remembered.
    Duplicate,
    /// There is no room.
    Full,
    /// The host does not give its memory.
    Failed,
}

impl EventKey {
    /// The key of an event of `source`, under the list of secrets that the request called `list`; empty where there is
    /// only one. Which of its secrets matched is no part of it: a request that is signed under two would pass once
    /// under each.
    #[must_use]
    pub fn new(source: &str, list: &str, identity: &Identity) -> Self {
        let (kind, identity): (&[u8], &[u8]) = match identity {
            Identity::Id(id) => (b"id", id),
            Identity::Material(digest) => (b"material", digest),
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
    /// The memory of a source's events, made if it is not there yet.
    ///
    /// # Errors
    /// [`NotWritten`] if the host gives no memory.
    pub fn open(memory: &dyn Memory, source: &str, rule: &ReplayRule) -> Result<Self, NotWritten> {
        let table = Table::open(memory, &format!("hookwarden.replay.{source}"), rule.entries)?;
        // A store remembers for all; what this proxy remembers besides may end early.
        let when_full = if rule.store.is_some() { WhenFull::DropOldest } else { rule.when_full };
        Ok(Self { table, window: rule.window, when_full })
    }

    /// Claims an event up to the end of the window, limit included. Of several threads that claim one at the same time,
    /// one succeeds. A claim that is refused changes nothing.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn claim(&self, memory: &dyn Memory, key: &EventKey, now: UnixTime) -> Result<Claimed, Refused> {
        let digest = table::short(&key.0);
        let now = now.as_millis();
        let window = u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX);
        let until = now.saturating_add(window);
        let claimed = self.table.update(memory, &digest, |page| {
            if page.find(&digest).is_some_and(|until| until >= now) {
                return Err(Refused::Duplicate);
            }
            let before = page.len();
            let has_room = page.has_room_beside(page.count(|until| until >= now));
            if !has_room && self.when_full == WhenFull::Refuse {
                return Err(Refused::Full);
            }
            page.retain(|_, until| until >= now);
            if !has_room {
                // One only, even if an earlier configuration had more room: what need not be forgotten is not.
                page.remove_smallest();
            }
            page.set(&digest, until);
            let change = Change { entries: difference(before, page.len()), dropped: (!has_room).into() };
            Ok(Claimed { claim: Claim { digest, until }, change })
        });
        claimed.unwrap_or(Err(Refused::Failed))
    }

    /// Gives a claim back, if it is still this one. Whether it was there.
    ///
    /// # Errors
    /// [`NotWritten`] if the host does not give its memory.
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
