//! Each event once: the claim of a proved request, in this proxy's memory and, where there is one, in the fleet's.
//!
//! This proxy's memory is asked first: what it knows needs no call, and what it let through stays known if the fleet's
//! store forgets. A claim that the store refuses is given back here, for its owner may give it back there.

use super::Around;
use super::guards::Guards;
use crate::config::Source;
use crate::guard::fleet::{Answer, Call, WhenUnavailable};
use crate::guard::replay::{Claim, Claimed, EventKey, Refused, ReplayRule};
use crate::step::Tally;
use crate::verify::{Denial, Identity, Verified};

/// A claim on an event, in this proxy's memory and perhaps in the fleet's.
#[derive(Debug)]
pub(super) struct Once {
    position: usize,
    key: EventKey,
    claim: Option<Claim>,
    is_stored: bool,
}

/// What a claim came to.
#[derive(Debug)]
pub(super) enum Claiming {
    /// The event is new.
    New(Once),
    /// The fleet's store decides.
    Asked(Once, Call),
}

impl Once {
    /// Claims the event of a proved request. `unsigned`: the value of the header that the configuration trusts.
    pub fn claim(
        guards: &Guards,
        (position, source, rule): (usize, &Source, &ReplayRule),
        (verified, unsigned): (&Verified, Option<&[u8]>),
        around: &Around<'_>,
        tally: &mut Tally,
    ) -> Result<Claiming, Denial> {
        let key = match (&rule.unsigned_id, unsigned) {
            (Some(_), Some(id)) => EventKey::new(&source.name, "", &Identity::Id(id.to_vec())),
            (Some(_), None) => return Err(Denial::EventIdMissing),
            (None, _) => {
                let (list, identity) = verified.identity().ok_or(Denial::EventIdMissing)?;
                EventKey::new(&source.name, list, identity)
            }
        };
        let replay = guards.replay(position).ok_or(Denial::ReplayUnavailable)?;
        let claim = match replay.claim(around.memory, &key, around.now) {
            Ok(Claimed { claim, change }) => {
                tally.remembered = tally.remembered.saturating_add(change.entries);
                tally.dropped = tally.dropped.saturating_add(change.dropped.into());
                Some(claim)
            }
            Err(Refused::Duplicate) => return Err(Denial::Duplicate),
            // The store has room of its own.
            Err(Refused::Full) if rule.store.is_some() => None,
            Err(Refused::Full) => return Err(Denial::ReplayFull),
            Err(Refused::Failed) => return Err(Denial::ReplayUnavailable),
        };
        let once = Self { position, key, claim, is_stored: false };
        Ok(match &rule.store {
            Some(store) => {
                let call = store.claim(&once.key.hex(), rule.window);
                Claiming::Asked(once, call)
            }
            None => Claiming::New(once),
        })
    }

    /// The store answered, with status and body, or did not.
    pub fn answered(
        mut self,
        answer: Option<(u16, &[u8])>,
        rule: &ReplayRule,
        guards: &Guards,
        around: &Around<'_>,
        tally: &mut Tally,
    ) -> Result<Self, Denial> {
        let store = rule.store.as_ref();
        let answer = store.zip(answer).map(|(store, (status, body))| store.answer(&self.key.hex(), status, body));
        match (answer.unwrap_or(Answer::Unavailable), store.map(|store| store.when_unavailable)) {
            (Answer::Done, _) => {
                self.is_stored = true;
                Ok(self)
            }
            (Answer::Unavailable, Some(WhenUnavailable::Local)) if self.claim.is_some() => {
                tally.store_failures = tally.store_failures.saturating_add(1);
                Ok(self)
            }
            (Answer::Unavailable, Some(WhenUnavailable::Local)) => {
                tally.store_failures = tally.store_failures.saturating_add(1);
                Err(Denial::ReplayFull)
            }
            (Answer::Unavailable, _) => {
                tally.store_failures = tally.store_failures.saturating_add(1);
                self.forget(guards, around, tally);
                Err(Denial::ReplayUnavailable)
            }
            (Answer::Taken, _) => {
                self.forget(guards, around, tally);
                Err(Denial::Duplicate)
            }
        }
    }

    /// Gives the claim back here, and says how to give it back in the fleet's store, if it is there.
    pub fn give_back(
        &self,
        rule: &ReplayRule,
        guards: &Guards,
        around: &Around<'_>,
        tally: &mut Tally,
    ) -> Option<Call> {
        self.forget(guards, around, tally);
        if rule.store.is_some() && !self.is_stored {
            // The store did not say whether it has the claim; somebody else's must not be deleted.
            tally.stuck = tally.stuck.saturating_add(1);
            return None;
        }
        tally.given_back = tally.given_back.saturating_add(1);
        let store = rule.store.as_ref()?;
        Some(store.give_back(&self.key.hex()))
    }

    /// Whether the store says that the claim is there no longer.
    pub fn is_given_back(&self, answer: Option<(u16, &[u8])>, rule: &ReplayRule) -> bool {
        let answer = rule.store.as_ref().zip(answer);
        answer.is_some_and(|(store, (status, body))| store.deleted(&self.key.hex(), status, body))
    }

    /// Takes the claim of a request that the upstream never had out of this proxy's memory. The store's stays.
    pub fn abandon(&self, guards: &Guards, around: &Around<'_>, tally: &mut Tally) {
        self.forget(guards, around, tally);
        tally.stuck = tally.stuck.saturating_add(u64::from(self.is_stored));
    }

    /// Takes the claim out of this proxy's memory.
    pub fn forget(&self, guards: &Guards, around: &Around<'_>, tally: &mut Tally) {
        let (Some(replay), Some(claim)) = (guards.replay(self.position), &self.claim) else { return };
        match replay.give_back(around.memory, claim) {
            Ok(true) => tally.remembered = tally.remembered.saturating_sub(1),
            Ok(false) => {}
            Err(_) => tally.stuck = tally.stuck.saturating_add(1),
        }
    }

    /// The position of the source.
    pub fn position(&self) -> usize {
        self.position
    }
}
