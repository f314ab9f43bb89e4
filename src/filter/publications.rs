//! The keys that senders publish: which of them are here, and whether others are to come.

use super::context::Context;
use crate::guard::call::{Call, Response};
use crate::guard::elapsed;
use crate::guard::memory::{Memory, NotWritten};
use crate::live::fetcher::{Early, Failure};
use crate::live::fetchers::Fetchers;
use crate::live::named_key_rule::NamedKeyRule;
use crate::live::named_keys::{Known, NamedKeys};
use crate::live::publication::Publication;
use crate::verify::Requirement;
use crate::verify::check::{Check, MissingKey};
use crate::verify::key::key_answer::Reading;
use crate::verify::key::key_set::{self, PublishedKey};
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
pub(super) struct Publications(Vec<Active>);

#[derive(Debug)]
enum Active {
    /// The number of the place.
    KeySet(usize),
    Named(Box<NamedKeys>),
}

impl Publications {
    /// Makes room in shared memory, and takes over what an earlier configuration fetched.
    pub fn open(all: &[Publication], memory: &dyn Memory) -> Result<Self, NotWritten> {
        let open = |publication: &Publication| match publication {
            Publication::KeySet(place) => Ok(Active::KeySet(*place)),
            Publication::Named(rule) => NamedKeys::open(rule, memory).map(|keys| Active::Named(Box::new(keys))),
        };
        all.iter().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// Gives each check of a requirement the keys that are here now.
    pub fn publish(&self, requirement: &Requirement, fetchers: &Fetchers, now: UnixTime) {
        for check in requirement.checks() {
            match self.of(check) {
                Some(Active::KeySet(place)) => match fetchers.document(*place, now) {
                    Some(document) => check.publish(document.version, || key_set::read_jwks(&document.body)),
                    None => check.publish(0, || None),
                },
                Some(Active::Named(keys)) => check.publish(keys.version(), || Some(read_all(keys))),
                None => {}
            }
        }
    }

    /// Takes over what other threads have fetched, where this key may be.
    pub fn look_again(&self, key: &MissingKey, fetchers: &Fetchers, context: &Context<'_>) {
        match self.0.get(key.place) {
            // The answer does not matter: to give it, the newest state is read.
            Some(Active::KeySet(place)) => {
                let _ = fetchers.is_early_coming(*place, context.now, context.memory);
            }
            Some(Active::Named(keys)) => keys.synchronise(context.memory),
            None => {}
        }
    }

    /// Whether a key that is not here may come. Asks for it, if that is not done yet.
    pub fn prospect(&self, key: &MissingKey, fetchers: &Fetchers, context: &Context<'_>) -> Prospect {
        let (now, memory) = (context.now, context.memory);
        match self.0.get(key.place) {
            Some(Active::KeySet(place)) => match fetchers.ask_early(*place, now, memory) {
                Early::Coming => Prospect::Coming,
                Early::TooSoon => {
                    // If the last fetch failed, the sender may have published the key since.
                    let document = fetchers.document(*place, now).filter(|_| fetchers.failures(*place) == 0);
                    let is_fresh = document.is_some_and(|document| elapsed(document.fetched, now).as_secs() <= FRESH);
                    if is_fresh { Prospect::Absent } else { Prospect::Unavailable }
                }
            },
            Some(Active::Named(keys)) => {
                // An id of another form is none of the sender's.
                let id = key.id.as_ref().filter(|id| keys.rule().form.admits(id));
                let id = id.and_then(|id| std::str::from_utf8(id).ok());
                match id.map_or(Known::Absent, |id| keys.ask(id, now, memory)) {
                    Known::Coming => Prospect::Coming,
                    Known::Absent => Prospect::Absent,
                    Known::Nothing => Prospect::Unavailable,
                }
            }
            None => Prospect::Unavailable,
        }
    }

    /// Whether new keys may come of a sender whose requests do not name theirs. Asks for them, if that is not done yet.
    pub fn expects_any(&self, requirement: &Requirement, fetchers: &Fetchers, context: &Context<'_>) -> bool {
        let mut nameless = requirement.checks().filter(|check| !check.scheme().names_key());
        nameless.any(|check| match self.of(check) {
            Some(Active::KeySet(place)) => fetchers.ask_early(*place, context.now, context.memory) == Early::Coming,
            Some(Active::Named(_)) | None => false,
        })
    }

    /// Whether a check finds keys of its scheme in the document of a place.
    pub fn finds_a_key_in(&self, check: &Check, place: usize, body: &[u8]) -> bool {
        matches!(self.of(check), Some(Active::KeySet(own)) if *own == place)
            && key_set::read_jwks(body).is_some_and(|keys| check.accepts(&keys))
    }

    /// The calls for named keys that this VM has to make, each with the number of its publication.
    pub fn on_tick(&self, now: UnixTime, memory: &dyn Memory) -> Vec<(usize, Call)> {
        let call = |(number, active): (usize, &Active)| match active {
            Active::Named(keys) => Some((number, keys.on_tick(now, memory)?)),
            Active::KeySet(_) => None,
        };
        self.0.iter().enumerate().filter_map(call).collect()
    }

    /// The answer to a call for a named key; `None` if there was none. `accepts`: whether any check can use the key. Returns
    /// why it failed, if it did.
    pub fn on_answer(
        &self,
        number: usize,
        response: Option<Response<'_>>,
        accepts: &dyn Fn(&[PublishedKey]) -> bool,
        context: &Context<'_>,
    ) -> Option<Failure> {
        let Some(Active::Named(keys)) = self.0.get(number) else { return None };
        let read = |id: &str, body: &[u8]| match keys.rule().answer.read(id, body) {
            Reading::Key(key) if !key.validity.contains(context.now) || !accepts(std::slice::from_ref(&key)) => {
                Reading::Nothing
            }
            reading => reading,
        };
        keys.on_answer(response, &read, context.memory)
    }

    /// The rule of a publication of named keys.
    pub fn rule(&self, number: usize) -> Option<&NamedKeyRule> {
        match self.0.get(number) {
            Some(Active::Named(keys)) => Some(keys.rule()),
            Some(Active::KeySet(_)) | None => None,
        }
    }

    fn of(&self, check: &Check) -> Option<&Active> {
        check.published_at().and_then(|(number, _)| self.0.get(number))
    }
}

fn read_all(keys: &NamedKeys) -> Vec<PublishedKey> {
    let all = keys.all().into_iter().map(|(id, body)| keys.rule().answer.read(&id, &body));
    all.filter_map(|reading| match reading {
        Reading::Key(key) => Some(key),
        Reading::Withdrawn | Reading::Nothing => None,
    })
    .collect()
}
