//! One request on its way through the decision.

mod outcome;
mod responses;

use std::rc::Rc;

use super::active_policy::ActivePolicy;
use super::active_source::ActiveSource;
use super::body::{BodyBuffer, NoBody};
use super::context::Context;
use super::forwarded::Forwarded;
use super::state::{EarlyResponse, Pending, State};
use super::verification::{Begun, Finished, Head, Verification};
use crate::config::{Source, Unmatched};
use crate::guard::pool::Pool;
use crate::guard::route::Unrouted;
use crate::report::SourceCounters;
use crate::step::{self, Passage, Step, Tally};
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
}
