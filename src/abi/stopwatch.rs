//! How long one request waits and is worked on, for the histograms.

use std::cell::Cell;

use super::instance::Instance;
use crate::guard::elapsed;
use crate::report::histograms::{CHECK, HELD, STORE_CALL, millis};
use crate::step::Step;
use crate::verify::primitives::timestamp::UnixTime;

/// The times of one request.
#[derive(Default)]
pub(super) struct Stopwatch {
    /// When the headers arrived.
    began: Cell<Option<UnixTime>>,
    /// How long the check has taken so far, in microseconds, if it is measured.
    check: Cell<Option<u64>>,
    /// When the store was called.
    called: Cell<Option<UnixTime>>,
}

impl Stopwatch {
    /// The headers have arrived.
    pub(super) fn begin(&self, now: UnixTime, instance: &Instance) {
        self.began.set(Some(now));
        self.check.set(instance.histograms.samples().then_some(0));
    }

    /// Runs a part of the check, and measures it if this check is measured.
    pub(super) fn measure(&self, instance: &Instance, part: impl FnOnce() -> Step) -> Step {
        let Some(before) = self.check.get() else { return part() };
        let start = instance.host.micros();
        let step = part();
        let took = start.zip(instance.host.micros()).map(|(start, end)| end.saturating_sub(start));
        self.check.set(took.map(|took| before.saturating_add(took)));
        step
    }

    /// A step follows from a part of the request. `is_body`: not from its headers. `calls_store`: it is a call to the store.
    pub(super) fn on_step(&self, step: &Step, is_body: bool, calls_store: bool, now: UnixTime, instance: &Instance) {
        if !step.is_verdict() {
            return;
        }
        if let Some(took) = self.check.take() {
            instance.histograms.observe(CHECK, took, instance.host);
        }
        if let Some(began) = self.began.take().filter(|_| is_body) {
            instance.histograms.observe(HELD, millis(elapsed(began, now)), instance.host);
        }
        self.called.set(calls_store.then_some(now));
    }

    /// A call was answered, or was not in time.
    pub(super) fn on_answer(&self, now: UnixTime, instance: &Instance) {
        if let Some(called) = self.called.take() {
            instance.histograms.observe(STORE_CALL, millis(elapsed(called, now)), instance.host);
        }
    }
}
