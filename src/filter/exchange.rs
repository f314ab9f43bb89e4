//! One request on its way through the decision.

use std::cell::LazyCell;
use std::rc::Rc;

use super::active_policy::ActivePolicy;
use super::active_source::ActiveSource;
use super::body::{BodyBuffer, NoBody};
use super::context::Context;
use super::event_claim::{ClaimResult, EventClaim};
use super::forwarded::Forwarded;
use super::handshake::{self, Recognised};
use super::state::{EarlyResponse, Pending, State};
use super::verification::{Begun, Failed, Finished, Head, Verdict, Verification};
use super::verified_request::VerifiedRequest;
use crate::config::{Source, Unmatched};
use crate::guard::call::Response as CallResponse;
use crate::guard::pool::Pool;
use crate::guard::route::Unrouted;
use crate::handshake::{Decision, Response};
use crate::report::SourceCounters;
use crate::step::{self, Answer, Passage, Record, Refusal, Step, Tally};
use crate::verify::{Denial, Request};

/// How much of a path is kept for the log, in bytes: more than a line has.
const MAX_PATH: usize = 256;

/// One request on its way through the decision.
pub struct Exchange {
    policy: Rc<ActivePolicy>,
    pool: Pool,
    /// The source that the request is for, if one matched.
    source: Option<Rc<ActiveSource>>,
    state: State,
    tally: Tally,
    /// How much of the request the upstream may have.
    forwarded: Forwarded,
    /// The upstream's response, if it arrived before the store's.
    early: Option<EarlyResponse>,
    /// Whether an accepted event gets the response that its sender wants, and not the upstream's. Never where the source
    /// observes.
    acknowledges: bool,
    /// The request's id, for the log.
    request_id: Vec<u8>,
    /// The path, for the log, if no source decides and the configuration lets paths be logged.
    path: Option<Vec<u8>>,
}

impl Exchange {
    /// A request under `policy`. `pool` is shared by all requests of the VM.
    #[must_use]
    pub fn new(policy: Rc<ActivePolicy>, pool: Pool) -> Self {
        Self {
            policy,
            pool,
            source: None,
            state: State::New,
            tally: Tally::default(),
            forwarded: Forwarded::default(),
            early: None,
            acknowledges: false,
            request_id: Vec::new(),
            path: None,
        }
    }

    /// The headers have arrived. `end`: the request has no body and no trailers.
    pub fn on_headers(&mut self, request: Request<'_>, end: bool, context: &Context<'_>) -> Step {
        if !matches!(self.state, State::New) {
            return self.refuse(Denial::HostFailure.into(), 0);
        }
        self.forwarded = Forwarded::begin(request, end);
        let policy = Rc::clone(&self.policy);
        let config = policy.policy();
        let forged = step::forged(request);
        let head = Head { request, end, forged: &forged };
        self.request_id = head.id().to_vec();
        let source = match policy.find(request) {
            Ok(source) => source,
            Err(Unrouted::Unmatched) if config.unmatched == Unmatched::Allow => {
                if config.routes.is_named_elsewhere(request) {
                    return self.refuse_unrouted(Denial::AmbiguousPath, request);
                }
                return self.release(Passage::unmatched(forged), None);
            }
            Err(unrouted) => return self.refuse_unrouted(unrouted.into(), request),
        };
        self.source = Some(Rc::clone(source));
        match Verification::begin(source, head, &policy, &self.pool, context, &mut self.tally) {
            Ok(Begun::Decided(verdict)) => self.on_verdict(*verdict, context),
            Ok(Begun::Waiting(verification)) => self.wait(verification),
            Ok(Begun::Whole(verification)) => self.decide(verification, &NoBody, context),
            Err(refusal) => self.refuse_unless_observing(refusal, 0, forged),
        }
    }

    /// More of the body has arrived. `end`: it is complete, and there are no trailers.
    pub fn on_body(&mut self, body: &dyn BodyBuffer, end: bool, context: &Context<'_>) -> Step {
        self.forwarded.end_if(end);
        let mut verification = match std::mem::replace(&mut self.state, State::Refused) {
            State::Verifying(verification) => verification,
            State::New => return self.refuse(Denial::HostFailure.into(), 0),
            state => {
                if state.is_released() {
                    self.forwarded.forward(body.len());
                } else if state.awaits_store() {
                    self.forwarded.hold(body.len());
                }
                return self.stay(state);
            }
        };
        match verification.recheck_flood_limit(context).and_then(|()| verification.take(body, context)) {
            Ok(()) if end => self.decide(verification, body, context),
            Ok(()) => {
                let is_forwarded = verification.holds_nothing();
                self.state = State::Verifying(verification);
                if !is_forwarded {
                    return Step::Hold;
                }
                self.forwarded.forward(body.len());
                Step::Continue(Passage::after_release())
            }
            Err(refusal) => self.abort(&verification, refusal),
        }
    }

    /// The trailers have arrived, so the body is complete. `body` is what the host still holds of it.
    pub fn on_trailers(&mut self, body: &dyn BodyBuffer, context: &Context<'_>) -> Step {
        self.forwarded.end_if(true);
        match std::mem::replace(&mut self.state, State::Refused) {
            State::Verifying(verification) => match verification.recheck_flood_limit(context) {
                Ok(()) => self.decide(verification, body, context),
                Err(refusal) => self.abort(&verification, refusal),
            },
            State::New => self.refuse(Denial::HostFailure.into(), 0),
            state => self.stay(state),
        }
    }

    /// The host failed, or the sender stalled: refuse the request if it is still undecided.
    pub fn on_failure(&mut self, denial: Denial) -> Step {
        match std::mem::replace(&mut self.state, State::Refused) {
            State::Verifying(verification) | State::AwaitingKey(verification) => {
                self.abort(&verification, denial.into())
            }
            State::New => self.refuse(denial.into(), 0),
            state => self.stay(state),
        }
    }

    /// The host refused an edit without which the request must not be forwarded, so it is not, whatever the source's mode.
    /// `is_head`: the edit was to the head, so the upstream has nothing yet.
    pub fn on_refusal(&mut self, is_head: bool, context: &Context<'_>) -> Step {
        if matches!(self.state, State::Refused) {
            return Step::Hold;
        }
        if is_head {
            self.forwarded = Forwarded::default();
        }
        self.on_end(context);
        self.refuse(Denial::HostFailure.into(), 0)
    }

    /// The response to the last [`Step::Call`], or `None` if there was none in time.
    pub fn on_call(&mut self, response: Option<CallResponse<'_>>, context: &Context<'_>) -> Step {
        match std::mem::replace(&mut self.state, State::Refused) {
            State::Claiming(request, event) => match event.answered(response, context, &mut self.tally) {
                Ok(event) => self.release(request.into_passage(false), Some(event)),
                Err(denial) => self.on_unclaimed(*request, denial),
            },
            State::Confirming(recognised) => self.on_confirmed(&recognised, response),
            State::GivingBack(event) => {
                if !event.is_given_back(response) {
                    self.tally.stuck = self.tally.stuck.saturating_add(1);
                }
                self.state = State::Released(None);
                Step::Continue(Passage::after_release())
            }
            state => {
                self.state = state;
                Step::Hold
            }
        }
    }

    /// Time has passed: decides a request that waits for a key, if it need not wait any longer. `body` is what the host still
    /// holds of it. `is_last`: it cannot wait, whatever is to come.
    pub fn on_tick(&mut self, body: &dyn BodyBuffer, is_last: bool, context: &Context<'_>) -> Step {
        match std::mem::replace(&mut self.state, State::Refused) {
            State::AwaitingKey(mut verification) => {
                if verification.awaits_key(&self.policy, context) && !is_last {
                    self.state = State::AwaitingKey(verification);
                    return Step::Hold;
                }
                match verification.conclude(body, &self.policy, context) {
                    Ok(verdict) => self.on_verdict(verdict, context),
                    Err(failed) => self.on_failed(failed),
                }
            }
            state => {
                self.state = state;
                Step::Hold
            }
        }
    }

    /// Whether the request waits for a key, so that [`Self::on_tick`] needs to be called.
    #[must_use]
    pub fn awaits_key(&self) -> bool {
        self.state.awaits_key()
    }

    /// A response is on its way to the caller. `status`: `None` if the host does not report it, which keeps the claim,
    /// because the upstream may have accepted the event. `answered`: whether the upstream made the response; called only if
    /// that matters. [`Step::Continue`] forwards the response, [`Step::Call`] holds it until the call is answered, and
    /// [`Step::Hold`] until [`Self::on_held_response`] decides.
    pub fn on_response(&mut self, status: Option<u16>, answered: impl FnOnce() -> bool, context: &Context<'_>) -> Step {
        if self.state.awaits_store() {
            if self.only_observes() {
                // The request was forwarded as it arrived, so the upstream can respond before it ends.
                self.early = Some(EarlyResponse { status, is_upstreams: answered() });
                return Step::Hold;
            }
            // The response is the host's own: nothing of the request was forwarded.
            self.on_end(context);
        }
        let is_upstreams = LazyCell::new(answered);
        if let State::Released(claim) = &mut self.state
            && let Some(event) = claim.take()
            && !(event.is_kept_on(status) && *is_upstreams)
            && let Some(call) = event.give_back(context, &mut self.tally)
        {
            self.state = State::GivingBack(event);
            return Step::Call(call);
        }
        let is_success = status.is_some_and(|status| (200..300).contains(&status));
        let is_accepted = self.acknowledges && is_success && *is_upstreams;
        match self.source().and_then(|source| source.acknowledgement.clone()).filter(|_| is_accepted) {
            Some(response) => self.answer(response, None),
            None => Step::Continue(Passage::after_release()),
        }
    }

    /// Decides, after the store answered, about a response that arrived before; as [`Self::on_response`] does.
    pub fn on_held_response(&mut self, context: &Context<'_>) -> Option<Step> {
        let EarlyResponse { status, is_upstreams } = self.early.take()?;
        Some(self.on_response(status, || is_upstreams, context))
    }

    /// The request is over, whether or not it was answered.
    pub fn on_end(&mut self, context: &Context<'_>) {
        match std::mem::replace(&mut self.state, State::Refused) {
            // The upstream cannot have all of it. The store may keep the claim; there is nobody left to give it back.
            State::Claiming(_, event) | State::Released(Some(event)) if !self.forwarded.is_complete() => {
                event.abandon(context, &mut self.tally);
            }
            State::GivingBack(_) => self.tally.stuck = self.tally.stuck.saturating_add(1),
            State::Verifying(verification) | State::AwaitingKey(verification) => verification.abandon(context),
            _ => {}
        }
    }

    /// What is held until the pending call is answered; `None` if no call is.
    #[must_use]
    pub fn pending(&self) -> Option<Pending> {
        self.state.pending()
    }

    /// Whether the shared store is being asked for a claim.
    #[must_use]
    pub fn awaits_store(&self) -> bool {
        self.state.awaits_store()
    }

    /// Whether the response is being held.
    #[must_use]
    pub fn holds_response(&self) -> bool {
        self.early.is_some() || self.pending() == Some(Pending::Response)
    }

    /// Whether [`Self::on_response`] needs to be called.
    #[must_use]
    pub fn awaits_response(&self) -> bool {
        self.state.awaits_response() || self.acknowledges
    }

    /// Whether [`Self::on_end`] needs to be called.
    #[must_use]
    pub fn awaits_end(&self) -> bool {
        self.state.awaits_end()
    }

    /// Whether the request is decided, so that what still arrives of it is only forwarded, or held: no step depends on the time
    /// then.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        !matches!(self.state, State::New | State::Verifying(_) | State::AwaitingKey(_))
    }

    /// Whether the source only observes, so that the request is forwarded whatever the verdict.
    #[must_use]
    pub fn only_observes(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.only_observes())
    }

    /// The source that the request is for, if one matched.
    #[must_use]
    pub fn source(&self) -> Option<&Rc<Source>> {
        self.source.as_ref().map(|source| source.config())
    }

    /// The metrics that the request counts in: those of its source, or those of requests without one.
    #[must_use]
    pub fn counters(&self) -> &SourceCounters {
        self.source.as_ref().map_or(self.policy.unmatched(), |source| source.counters())
    }

    /// The request's id, truncated for the log; empty if it has none.
    #[must_use]
    pub fn request_id(&self) -> &[u8] {
        &self.request_id
    }

    /// The path, truncated for the log, if the log line has one.
    #[must_use]
    pub fn logged_path(&self) -> Option<&[u8]> {
        self.path.as_deref()
    }

    /// What happened in the guards' memories since the last call.
    pub fn take_tally(&mut self) -> Option<Tally> {
        let tally = std::mem::take(&mut self.tally);
        (tally != Tally::default()).then_some(tally)
    }

    /// The body is needed.
    fn wait(&mut self, verification: Box<Verification>) -> Step {
        let ahead = verification.edits_ahead();
        if verification.holds_nothing() {
            self.forwarded.forward_head();
        }
        self.state = State::Verifying(verification);
        ahead.map_or(Step::Hold, |edits| Step::Continue(Passage::ahead_of_verdict(edits)))
    }

    /// Nothing is to be decided now: what follows on a forwarded request is forwarded, and everything else stays held.
    fn stay(&mut self, state: State) -> Step {
        let is_released = state.is_released();
        self.state = state;
        if is_released { Step::Continue(Passage::after_release()) } else { Step::Hold }
    }

    /// The body is complete: decide.
    fn decide(&mut self, verification: Box<Verification>, body: &dyn BodyBuffer, context: &Context<'_>) -> Step {
        match verification.finish(body, &self.policy, context) {
            Ok(Finished::Decided(verdict)) => self.on_verdict(*verdict, context),
            Ok(Finished::AwaitsKey(verification)) => {
                self.state = State::AwaitingKey(verification);
                Step::Hold
            }
            Err(failed) => self.on_failed(failed),
        }
    }

    fn on_failed(&mut self, Failed { denial, hashed }: Failed) -> Step {
        self.refuse_unless_observing(denial.into(), hashed, Vec::new())
    }

    fn on_verdict(&mut self, verdict: Verdict, context: &Context<'_>) -> Step {
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

    /// The call that confirms a subscription was answered.
    fn on_confirmed(&mut self, recognised: &Recognised, response: Option<CallResponse<'_>>) -> Step {
        if response.is_some_and(|response| (200..300).contains(&response.status)) {
            let response = Response { status: 200, headers: Vec::new(), body: Vec::new() };
            return self.answer(response, Some(recognised.record()));
        }
        self.refuse(Denial::HandshakeUnconfirmed.into(), recognised.hashed)
    }

    fn answer(&mut self, response: Response, record: Option<Record>) -> Step {
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
    fn on_unclaimed(&mut self, request: VerifiedRequest, denial: Denial) -> Step {
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
    fn abort(&mut self, verification: &Verification, refusal: Refusal) -> Step {
        self.refuse_unless_observing(refusal, verification.hashed(), Vec::new())
    }

    /// Refuses the request, or forwards it if the source only observes. `forged`: the forged headers that were not removed
    /// yet.
    fn refuse_unless_observing(&mut self, refusal: Refusal, hashed: u64, forged: Vec<String>) -> Step {
        if self.only_observes() {
            self.release(Passage::observed(refusal.denial, Vec::new(), hashed, forged), None)
        } else {
            self.refuse(refusal, hashed)
        }
    }

    /// Refuses a request without a source.
    fn refuse_unrouted(&mut self, denial: Denial, request: Request<'_>) -> Step {
        if self.policy.policy().log_paths {
            let path = request.path();
            self.path = Some(path.get(..MAX_PATH).unwrap_or(path).to_vec());
        }
        self.refuse(denial.into(), 0)
    }

    fn refuse(&mut self, refusal: Refusal, hashed: u64) -> Step {
        self.state = State::Refused;
        Step::Deny(Record::denied(refusal, hashed))
    }

    fn release(&mut self, passage: Passage, claim: Option<EventClaim>) -> Step {
        let is_event = passage.is_of_event();
        self.acknowledges =
            is_event && !self.only_observes() && self.source().is_some_and(|source| source.acknowledgement.is_some());
        self.forwarded.release();
        self.state = State::Released(claim);
        Step::Continue(passage)
    }
}
