//! Responses on the way of a request: the store's to a call, and the upstream's to the caller.

use std::cell::LazyCell;

use super::Exchange;
use crate::filter::context::Context;
use crate::filter::handshake::Recognised;
use crate::filter::state::{EarlyResponse, State};
use crate::guard::call::Response as CallResponse;
use crate::handshake::Response;
use crate::step::{Passage, Step};
use crate::verify::Denial;

impl Exchange {
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

    /// The call that confirms a subscription was answered.
    fn on_confirmed(&mut self, recognised: &Recognised, response: Option<CallResponse<'_>>) -> Step {
        if response.is_some_and(|response| (200..300).contains(&response.status)) {
            let response = Response { status: 200, headers: Vec::new(), body: Vec::new() };
            return self.answer(response, Some(recognised.record()));
        }
        self.refuse(Denial::HandshakeUnconfirmed.into(), recognised.hashed)
    }
}
