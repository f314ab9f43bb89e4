//! One request: turns the host's callbacks into events, and performs the steps that they lead to.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::host::{Action, Refused};
use super::instance::Instance;
use super::stopwatch::Stopwatch;
use super::waiting::{self, Waiting};
use crate::config::BodyHold;
use crate::filter::{BodyBuffer, Context, Exchange, Pending};
use crate::guard::call::{Call, Response};
use crate::guard::pool::Pool;
use crate::report;
use crate::step::Step;
use crate::verify::primitives::timestamp::UnixTime;
use crate::verify::{Denial, Line, Request};

thread_local! {
    /// The pool that requests are held in: one for each VM, shared by all of its configurations, some of which drain.
    static POOL: Pool = Pool::default();
}

/// One request.
pub(super) struct Session {
    id: u32,
    instance: Rc<Instance>,
    /// Shared with the instance while the headers are held, since the tick may have to answer the request.
    exchange: Rc<RefCell<Exchange>>,
    /// Whether it waits for a key, or has.
    waits: Cell<bool>,
    watch: Stopwatch,
    /// The time of the last callback that read the clock.
    last: Cell<UnixTime>,
}

impl Session {
    /// The request in the stream `id`, before its headers.
    pub(super) fn new(id: u32, instance: &Rc<Instance>) -> Self {
        let pool = POOL.with(Pool::clone);
        let exchange = Exchange::new(Rc::clone(&instance.policy), pool);
        Self {
            id,
            instance: Rc::clone(instance),
            exchange: Rc::new(RefCell::new(exchange)),
            waits: Cell::new(false),
            watch: Stopwatch::default(),
            last: Cell::new(UnixTime::from_millis(0)),
        }
    }

    /// The headers have arrived. `end`: the request has no body and no trailers.
    pub(super) fn on_headers(&self, headers: &[Line<'_>], end: bool) -> Action {
        let Some(now) = self.instance.host.clock() else { return self.on_failure(Denial::HostFailure) };
        self.last.set(now);
        self.instance.on_request(now);
        let request = Request::new(headers);
        self.watch.begin(now, &self.instance);
        let step = self.watch.measure(&self.instance, || {
            self.exchange.borrow_mut().on_headers(request, end, &self.instance.context(now))
        });
        self.watch.on_step(&step, false, self.exchange.borrow().awaits_store(), now, &self.instance);
        let is_held = step == Step::Hold && !self.exchange.borrow().awaits_key();
        if is_held && self.instance.policy.policy().body_hold == BodyHold::Filter {
            self.instance.held.borrow_mut().hold(self.id, Rc::clone(&self.exchange), now);
        }
        self.carry_out(step, now)
    }

    /// More of the body has arrived. `end`: it is complete, and there are no trailers.
    pub(super) fn on_body(&self, body: &dyn BodyBuffer, end: bool) -> Action {
        self.on_more(|exchange, context| exchange.on_body(body, end, context))
    }

    /// The trailers have arrived. `body`: what the host still holds. `removed`: whether all forged ones were removed, since
    /// an upstream may read trailers as headers.
    pub(super) fn on_trailers(&self, body: &dyn BodyBuffer, removed: Result<(), Refused>) -> Action {
        self.on_more(|exchange, context| match removed {
            Ok(()) => exchange.on_trailers(body, context),
            Err(Refused) => exchange.on_refusal(false, context),
        })
    }

    /// The host failed to deliver the request.
    pub(super) fn on_failure(&self, denial: Denial) -> Action {
        let step = self.exchange.borrow_mut().on_failure(denial);
        self.perform(step, self.instance.context_now().now)
    }

    /// The response to a call, or `None` if there was none in time.
    pub(super) fn on_call_response(&self, response: Option<Response<'_>>) {
        let instance = &self.instance;
        let context = instance.context_now();
        self.watch.on_answer(context.now, instance);
        answer(instance, &self.exchange, response, context.now);
        let Some(step) = self.exchange.borrow_mut().on_held_response(&context) else { return };
        if self.carry_out(step, context.now) == Action::Continue {
            instance.host.resume_response();
        }
    }

    /// The response has arrived: the upstream's or the host's own.
    pub(super) fn on_response(&self) -> Action {
        if !self.exchange.borrow().awaits_response() {
            return Action::Continue;
        }
        let host = self.instance.host;
        let context = self.instance.context_now();
        let step =
            self.exchange.borrow_mut().on_response(host.response_status(), || host.is_response_of_upstream(), &context);
        self.carry_out(step, context.now)
    }

    /// More of the response has arrived.
    pub(super) fn on_more_response(&self) -> Action {
        if self.exchange.borrow().holds_response() { Action::Pause } else { Action::Continue }
    }

    /// The request is over, whether or not it was answered.
    pub(super) fn on_end(&self) {
        let mut exchange = self.exchange.borrow_mut();
        if exchange.awaits_end() {
            exchange.on_end(&self.instance.context_now());
            self.instance.count_tally(&mut exchange);
        }
    }

    fn on_more(&self, event: impl FnOnce(&mut Exchange, &Context<'_>) -> Step) -> Action {
        if self.exchange.borrow().is_decided() {
            // The step depends on no time any more, so that of the last callback does.
            let now = self.last.get();
            let step = event(&mut self.exchange.borrow_mut(), &self.instance.context(now));
            return self.carry_out(step, now);
        }
        self.instance.held.borrow_mut().delivered(self.id);
        let Some(now) = self.instance.host.clock() else { return self.on_failure(Denial::HostFailure) };
        self.last.set(now);
        let part = || event(&mut self.exchange.borrow_mut(), &self.instance.context(now));
        let step = self.watch.measure(&self.instance, part);
        self.watch.on_step(&step, true, self.exchange.borrow().awaits_store(), now, &self.instance);
        self.carry_out(step, now)
    }

    /// Performs a step in one of this stream's callbacks. What is held for a call is forwarded once that is answered.
    fn carry_out(&self, step: Step, now: UnixTime) -> Action {
        // A host may repeat a callback.
        if step == Step::Hold && self.exchange.borrow().awaits_key() && !self.waits.replace(true) {
            waiting::add(self.id, &self.instance, &self.exchange);
        }
        let Step::Call(call) = step else { return self.perform(step, now) };
        self.instance.count_tally(&mut self.exchange.borrow_mut());
        if self.instance.host.call(&call).is_ok() {
            return Action::Pause;
        }
        let step = self.exchange.borrow_mut().on_call(None, &self.instance.context(now));
        self.perform(step, now)
    }

    fn perform(&self, step: Step, now: UnixTime) -> Action {
        perform(&self.instance, &mut self.exchange.borrow_mut(), step, now)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.instance.held.borrow_mut().forget(self.id);
        if self.waits.get() {
            waiting::forget(&self.exchange);
        }
    }
}

/// Time has passed: answers the requests whose headers are held but whose body does not arrive.
pub(super) fn refuse_stalled(instance: &Instance) {
    // Without a clock nothing is known to be late, and every request is refused.
    let Some(now) = instance.host.clock() else { return };
    let (stalled, denial) = {
        let held = instance.held.borrow();
        (held.stalled(now), held.denial())
    };
    for id in stalled {
        let Some(exchange) = instance.held.borrow_mut().take(id) else { continue };
        if instance.host.select(id).is_err() {
            // The request has ended, or the host keeps holding it.
            continue;
        }
        let step = exchange.borrow_mut().on_failure(denial);
        perform(instance, &mut exchange.borrow_mut(), step, now);
    }
}

/// The response to a call of the current stream, or `None` if there was none in time.
pub(super) fn answer(instance: &Instance, exchange: &RefCell<Exchange>, response: Option<Response<'_>>, now: UnixTime) {
    let pending = exchange.borrow().pending();
    let step = exchange.borrow_mut().on_call(response, &instance.context(now));
    if perform(instance, &mut exchange.borrow_mut(), step, now) == Action::Continue {
        match pending {
            Some(Pending::Request) => resume(instance, exchange, now),
            Some(Pending::Response) => instance.host.resume_response(),
            None => {}
        }
    }
}

/// Forwards what was held of the current stream's request.
fn resume(instance: &Instance, exchange: &RefCell<Exchange>, now: UnixTime) {
    if instance.host.resume_request().is_err() {
        // If the source only observes, everything but the last piece was forwarded before.
        let is_head = !exchange.borrow().only_observes();
        let step = exchange.borrow_mut().on_refusal(is_head, &instance.context(now));
        perform(instance, &mut exchange.borrow_mut(), step, now);
    }
}

/// Time has passed: decides the requests that waited for a key which is here now, or will not come. `body` is what the host
/// holds of the current stream's body. The calls that some of them need are to be made by the caller, which passes the answers
/// to [`answer`].
pub(super) fn decide_waiting(body: &dyn BodyBuffer) -> Vec<(Waiting, Call)> {
    let (mut calls, mut still) = (Vec::new(), Vec::new());
    for (request, is_last) in waiting::take() {
        let Waiting { id, instance, exchange } = &request;
        // Without a clock nothing can be decided.
        let Some(now) = instance.host.clock() else {
            still.push(request);
            continue;
        };
        if instance.host.select(*id).is_err() {
            // It has ended.
            continue;
        }
        let step = exchange.borrow_mut().on_tick(body, is_last, &instance.context(now));
        if exchange.borrow().awaits_key() {
            still.push(request);
            continue;
        }
        if let Step::Call(call) = step {
            instance.count_tally(&mut exchange.borrow_mut());
            calls.push((request, call));
        } else if perform(instance, &mut exchange.borrow_mut(), step, now) == Action::Continue {
            resume(instance, exchange, now);
        }
    }
    waiting::put_back(still);
    calls
}

/// Performs a step for the current stream. Everything is counted and logged before anything is forwarded.
fn perform(instance: &Instance, exchange: &mut Exchange, step: Step, now: UnixTime) -> Action {
    instance.count_tally(exchange);
    match step {
        // A call in a step that no callback led to cannot be made.
        Step::Hold | Step::Call(_) => Action::Pause,
        Step::Continue(passage) => {
            let (edits, record) = passage.into_parts();
            if instance.host.edit_headers(&edits).is_err() {
                let step = exchange.on_refusal(true, &instance.context(now));
                return perform(instance, exchange, step, now);
            }
            if let Some(record) = record {
                instance.report(&record, exchange, now);
            }
            Action::Continue
        }
        Step::Answer(answer) => {
            if let Some(record) = &answer.record {
                instance.report(record, exchange, now);
            }
            instance.host.reply(&report::answer(&answer.response));
            Action::Pause
        }
        Step::Deny(record) => {
            instance.report(&record, exchange, now);
            let source = exchange.source().map(Rc::as_ref);
            let denial = record.denial().unwrap_or(Denial::HostFailure);
            instance.host.reply(&report::reply(record.refusal(denial), source));
            Action::Pause
        }
    }
}
