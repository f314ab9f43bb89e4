//! What becomes of a request: it is released, answered or refused.

use super::{Exchange, MAX_PATH};
use crate::filter::context::Context;
use crate::filter::event_claim::{ClaimResult, EventClaim};
use crate::filter::handshake::{self, Recognised};
use crate::filter::state::State;
use crate::filter::verification::{Failed, Verdict, Verification};
use crate::filter::verified_request::VerifiedRequest;
use crate::handshake::{Decision, Response};
use crate::step::{Answer, Passage, Record, Refusal, Step};
use crate::verify::{Denial, Request};

impl Exchange {
    pub(super) fn on_failed(&mut self, Failed { denial, hashed }: Failed) -> Step {
        self.refuse_unless_observing(denial.into(), hashed, Vec::new())
    }

    pub(super) fn on_verdict(&mut self, verdict: Verdict, context: &Context<'_>) -> Step {
        match verdict {
            Verdict::Event(request) => self.on_verified(request, context),
            Verdict::Handshake(recognised) => self.on_handshake(recognised, context),
        }
    }

    /// Answers, forwards or refuses a handshake. No source that observes takes part in one.
    fn on_handshake(&mut self, recognised: Recognised, context: &Context<'_>) -> Step {
        if let Err(refusal) = recognised.settle(context) {
            return self.refuse(refusal, recognised.hashed);
        }
        match &recognised.decision {
            Decision::Answer(response) => self.answer(response.clone(), Some(recognised.record())),
            Decision::Forward => {
                let record = recognised.record();
                self.release(Passage::handshake(record, recognised.into_edits()), None)
            }
            Decision::Confirm(confirmation) => {
                let call = handshake::call(confirmation);
                self.state = State::Confirming(Box::new(recognised));
                Step::Call(call)
            }
            Decision::Refuse(denial, _) => self.refuse((*denial).into(), recognised.hashed),
        }
    }

    pub(super) fn answer(&mut self, response: Response, record: Option<Record>) -> Step {
        self.state = State::Refused;
        Step::Answer(Box::new(Answer { response, record }))
    }

    /// What a verified request still has to pass: the rate limit, and the check for duplicates.
    fn on_verified(&mut self, request: VerifiedRequest, context: &Context<'_>) -> Step {
        if let Err(refusal) = request.spend_budget(context) {
            return self.refuse_verified(request, refusal);
        }
        match request.claim(context, &mut self.tally) {
            Ok(None) => self.release(request.into_passage(false), None),
            Ok(Some(ClaimResult::New(event))) => self.release(request.into_passage(false), Some(event)),
            Ok(Some(ClaimResult::Asked(event, call))) => {
                self.state = State::Claiming(Box::new(request), event);
                Step::Call(call)
            }
            Err(denial) => self.on_unclaimed(request, denial),
        }
    }

    /// The event could not be claimed: refuses the request, unless it is a duplicate and the source forwards those.
    pub(super) fn on_unclaimed(&mut self, request: VerifiedRequest, denial: Denial) -> Step {
        if denial == Denial::Duplicate && request.forwards_duplicates() {
            self.tally.duplicates_passed = self.tally.duplicates_passed.saturating_add(1);
            return self.release(request.into_passage(true), None);
        }
        self.refuse_verified(request, denial.into())
    }

    fn refuse_verified(&mut self, request: VerifiedRequest, refusal: Refusal) -> Step {
        let matches = request.verified.matches().to_vec();
        let hashed = request.hashed;
        if self.only_observes() {
            let passage = Passage::observed(refusal.denial, matches, hashed, request.into_forged());
            return self.release(passage, None);
        }
        self.state = State::Refused;
        Step::Deny(Record::denied(refusal, hashed).with_matches(matches))
    }

    /// Refuses a request whose body is not complete.
    pub(super) fn abort(&mut self, verification: &Verification, refusal: Refusal) -> Step {
        self.refuse_unless_observing(refusal, verification.hashed(), Vec::new())
    }

    /// Refuses the request, or forwards it if the source only observes. `forged`: the forged headers that were not removed
    /// yet.
    pub(super) fn refuse_unless_observing(&mut self, refusal: Refusal, hashed: u64, forged: Vec<String>) -> Step {
        if self.only_observes() {
            self.release(Passage::observed(refusal.denial, Vec::new(), hashed, forged), None)
        } else {
            self.refuse(refusal, hashed)
        }
    }

    /// Refuses a request without a source.
    pub(super) fn refuse_unrouted(&mut self, denial: Denial, request: Request<'_>) -> Step {
        if self.policy.policy().log_paths {
            let path = request.path();
            self.path = Some(path.get(..MAX_PATH).unwrap_or(path).to_vec());
        }
        self.refuse(denial.into(), 0)
    }

    pub(super) fn refuse(&mut self, refusal: Refusal, hashed: u64) -> Step {
        self.state = State::Refused;
        Step::Deny(Record::denied(refusal, hashed))
    }

    pub(super) fn release(&mut self, passage: Passage, claim: Option<EventClaim>) -> Step {
        let is_event = passage.is_of_event();
        self.acknowledges =
            is_event && !self.only_observes() && self.source().is_some_and(|source| source.acknowledgement.is_some());
        self.forwarded.release();
        self.state = State::Released(claim);
        Step::Continue(passage)
    }
}
