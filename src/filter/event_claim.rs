//! Each event once: the claim of a verified request, in this proxy's memory and, if one is configured, in the fleet's
//! store.
//!
//! This proxy's memory is asked first: an event that it knows needs no call, and stays known if the store forgets it. A
//! claim that the store refuses is released here, because the proxy that owns it may release it there.

use std::rc::Rc;

use super::context::Context;
use crate::guard::call::{Call, Response};
use crate::guard::fleet::{Answer, WhenUnavailable};
use crate::guard::replay::{Claim, Claimed, EventKey, Refused, Replay};
use crate::step::Tally;
use crate::verify::Denial;

/// A claim on an event, in this proxy's memory and perhaps in the fleet's store.
#[derive(Debug)]
pub(super) struct EventClaim {
    /// The memory in which it is.
    replay: Rc<Replay>,
    key: EventKey,
    claim: Option<Claim>,
    is_stored: bool,
}

/// The outcome of a claim.
#[derive(Debug)]
pub(super) enum ClaimResult {
    /// The event is new.
    New(EventClaim),
    /// The fleet's store has to be asked.
    Asked(EventClaim, Call),
}

impl EventClaim {
    /// Claims an event.
    pub fn claim(
        replay: &Rc<Replay>,
        key: EventKey,
        context: &Context<'_>,
        tally: &mut Tally,
    ) -> Result<ClaimResult, Denial> {
        let rule = replay.rule();
        let claim = match replay.claim(context.memory, &key, context.now) {
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
        let event = Self { replay: Rc::clone(replay), key, claim, is_stored: false };
        Ok(match &rule.store {
            Some(store) => {
                let call = store.claim(&event.key.hex(), rule.window);
                ClaimResult::Asked(event, call)
            }
            None => ClaimResult::New(event),
        })
    }

    /// The store answered, or did not.
    pub fn answered(
        mut self,
        response: Option<Response<'_>>,
        context: &Context<'_>,
        tally: &mut Tally,
    ) -> Result<Self, Denial> {
        let store = self.replay.rule().store.as_ref();
        let answer =
            store.zip(response).map(|(store, response)| store.answer(&self.key.hex(), response.status, response.body));
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
                self.forget(context, tally);
                Err(Denial::ReplayUnavailable)
            }
            (Answer::Taken, _) => {
                self.forget(context, tally);
                Err(Denial::Duplicate)
            }
        }
    }

    /// Whether this response of the upstream keeps the claim. `None`: the host does not report its status, so the upstream
    /// may have accepted the event.
    pub fn is_kept_on(&self, status: Option<u16>) -> bool {
        status.is_none_or(|status| self.replay.rule().keep_on.includes(status))
    }

    /// Gives the claim back here, and returns the call that gives it back in the fleet's store, if it is there.
    pub fn give_back(&self, context: &Context<'_>, tally: &mut Tally) -> Option<Call> {
        self.forget(context, tally);
        let store = self.replay.rule().store.as_ref();
        if store.is_some() && !self.is_stored {
            // The store never confirmed the claim, and another proxy's must not be deleted.
            tally.stuck = tally.stuck.saturating_add(1);
            return None;
        }
        tally.given_back = tally.given_back.saturating_add(1);
        Some(store?.give_back(&self.key.hex()))
    }

    /// Whether the store confirms that it no longer has the claim.
    pub fn is_given_back(&self, response: Option<Response<'_>>) -> bool {
        let answer = self.replay.rule().store.as_ref().zip(response);
        answer.is_some_and(|(store, response)| store.deleted(&self.key.hex(), response.status, response.body))
    }

    /// Gives up the claim of a request that never reached the upstream: in this proxy's memory only, the store keeps it.
    pub fn abandon(&self, context: &Context<'_>, tally: &mut Tally) {
        self.forget(context, tally);
        tally.stuck = tally.stuck.saturating_add(u64::from(self.is_stored));
    }

    /// Removes the claim from this proxy's memory.
    fn forget(&self, context: &Context<'_>, tally: &mut Tally) {
        let Some(claim) = &self.claim else { return };
        match self.replay.give_back(context.memory, claim) {
            Ok(true) => tally.remembered = tally.remembered.saturating_sub(1),
            Ok(false) => {}
            Err(_) => tally.stuck = tally.stuck.saturating_add(1),
        }
    }
}
