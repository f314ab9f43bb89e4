//! A verified request: what it still has to pass, and what the upstream is told about it.

use std::rc::Rc;

use super::active_source::ActiveSource;
use super::context::Context;
use super::event_claim::{ClaimResult, EventClaim};
use crate::config::Source;
use crate::guard::flood::Caller;
use crate::guard::replay::{EventKey, OnDuplicate, ReplayRule};
use crate::step::{self, Edits, Passage, Refusal, Tally};
use crate::verify::{Denial, Identity, Verified};

/// A verified request, and what is needed to forward it.
pub(super) struct VerifiedRequest {
    pub source: Rc<ActiveSource>,
    pub verified: Verified,
    pub client: Client,
    /// How many bytes of body were hashed.
    pub hashed: u64,
    pub holding: Holding,
    pub forged: Vec<String>,
}

/// What the headers say about the sender, apart from the proof.
pub(super) struct Client {
    pub caller: Option<Caller>,
    /// The value of the header that the configuration trusts as the event's id.
    pub unsigned_id: Option<Vec<u8>>,
}

/// What is held until the body is verified.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holding {
    /// Headers and body.
    Everything,
    /// The body. A filter behind this one holds the headers.
    Body,
    /// Nothing: the source only observes.
    Nothing,
}

impl VerifiedRequest {
    /// Takes the request out of the source's rate limit.
    pub fn spend_budget(&self, context: &Context<'_>) -> Result<(), Refusal> {
        self.source.remember_success(self.client.caller, context);
        self.source.spend_budget(&self.verified, self.client.caller, context)
    }

    /// Claims the event. `None` if the source does not remember events.
    pub fn claim(&self, context: &Context<'_>, tally: &mut Tally) -> Result<Option<ClaimResult>, Denial> {
        let Some(replay) = self.source.replay() else { return Ok(None) };
        let key = self.event_key(replay.rule())?;
        EventClaim::claim(replay, key, context, tally).map(Some)
    }

    fn event_key(&self, rule: &ReplayRule) -> Result<EventKey, Denial> {
        let source = &self.source.config().name;
        match (&rule.unsigned_id, &self.client.unsigned_id) {
            (Some(_), Some(id)) => Ok(EventKey::new(source, "", &Identity::Id(id.clone()))),
            (Some(_), None) => Err(Denial::EventIdMissing),
            (None, _) => {
                let (list, identity) = self.verified.identity().ok_or(Denial::EventIdMissing)?;
                Ok(EventKey::new(source, list, identity))
            }
        }
    }

    /// Whether the source forwards duplicates.
    pub fn forwards_duplicates(&self) -> bool {
        self.source.replay().is_some_and(|replay| replay.rule().duplicate == OnDuplicate::Pass)
    }

    /// Permission to forward it.
    pub fn into_passage(self, is_duplicate: bool) -> Passage {
        let edits = if self.holding == Holding::Everything {
            let mut edits = edits(self.source.config(), Some(&self.verified), self.forged);
            edits.set.extend(is_duplicate.then(step::duplicate_mark));
            edits
        } else {
            Edits::default()
        };
        Passage::verified(self.verified, self.hashed, edits)
    }

    /// The forged headers that were not removed yet.
    pub fn into_forged(self) -> Vec<String> {
        if self.holding == Holding::Everything { self.forged } else { Vec::new() }
    }
}

/// The header changes for a request that is forwarded.
pub(super) fn edits(source: &Source, verified: Option<&Verified>, forged: Vec<String>) -> Edits {
    let mut remove = forged;
    remove.extend(source.credential_headers.iter().cloned());
    Edits { remove, set: step::identity(&source.name, verified) }
}
