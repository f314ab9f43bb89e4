//! The keys that senders publish: which of them are here, and whether others are to come.

use super::context::Context;
use crate::guard::elapsed;
use crate::guard::memory::{Memory, NotWritten};
use crate::live::fetcher::Early;
use crate::live::fetchers::Fetchers;
use crate::live::publication::Publication;
use crate::verify::Requirement;
use crate::verify::check::{Check, MissingKey};
use crate::verify::key::key_set;
use crate::verify::primitives::timestamp::UnixTime;

/// A set that was confirmed within this time, in seconds, has every key that its sender signs with: senders publish a key
/// before they use it. Longer than the shortest time between two early fetches.
const FRESH: u64 = 90;

/// What can be said of a key that is not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prospect {
    /// A fetch that may bring it is under way.
    Coming,
    /// The sender does not publish it.
    Absent,
    /// Nobody knows.
    Unavailable,
}

/// All places where senders publish keys, by number.
#[derive(Debug)]
pub(super) struct Publications(Vec<Publication>);

impl Publications {
    pub fn open(all: &[Publication], _memory: &dyn Memory) -> Result<Self, NotWritten> {
        Ok(Self(all.to_vec()))
    }

    /// Gives each check of a requirement the keys that are here now.
    pub fn publish(&self, requirement: &Requirement, fetchers: &Fetchers, now: UnixTime) {
        for check in requirement.checks() {
            let publication = check.published_at().and_then(|(number, _)| self.0.get(number));
            let Some(Publication::KeySet(place)) = publication else { continue };
            match fetchers.document(*place, now) {
                Some(document) => check.publish(document.version, || key_set::read_jwks(&document.body)),
                None => check.publish(0, || None),
            }
        }
    }

    /// Whether a key that is not here may come.
    pub fn prospect(&self, key: &MissingKey, fetchers: &Fetchers, context: &Context<'_>) -> Prospect {
        let (now, memory) = (context.now, context.memory);
        match self.0.get(key.place) {
            Some(Publication::KeySet(place)) => match fetchers.ask_early(*place, now, memory) {
                Early::Coming => Prospect::Coming,
                Early::TooSoon => {
                    let document = fetchers.document(*place, now);
                    let is_fresh = document.is_some_and(|document| elapsed(document.fetched, now).as_secs() <= FRESH);
                    if is_fresh { Prospect::Absent } else { Prospect::Unavailable }
                }
            },
            None => Prospect::Unavailable,
        }
    }

    /// Whether a check finds keys of its scheme in the document of a place.
    pub fn finds_a_key_in(&self, check: &Check, place: usize, body: &[u8]) -> bool {
        let publication = check.published_at().and_then(|(number, _)| self.0.get(number));
        matches!(publication, Some(Publication::KeySet(own)) if *own == place)
            && key_set::read_jwks(body).is_some_and(|keys| check.accepts(&keys))
    }
}
