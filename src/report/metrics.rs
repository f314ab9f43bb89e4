//! What is counted, under which names, and which of those the host already knows.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::log_budget::LogBudget;
use crate::config::Source;
use crate::step::{Record, Tally};
use crate::verify::Denial;
use crate::verify::primitives::timestamp::UnixTime;

/// The name of the counter of all bytes of body that were hashed.
pub const BYTES_HASHED: &str = "hookwarden.bytes_hashed";
/// A kind of metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// It only grows.
    Counter,
    /// It grows and shrinks.
    Gauge,
    /// A distribution of values.
    Histogram,
}

/// A metric of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Requests by outcome.
    Requests(&'static str),
    /// Denials by code, including those that were only observed.
    Denials(Denial),
    /// Matches by the secret's id: is the old one still in use?
    Matches(Rc<str>),
    /// How many events are remembered: the only gauge among them.
    Remembered,
    /// What else happened to events that were remembered.
    Replay(&'static str),
}

/// By how much a metric of a source changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which one.
    pub counter: Counter,
    /// By how much.
    pub by: i64,
}

/// The host's metrics.
pub trait Meter {
    /// Defines a metric, or finds it: the number that the host knows it by. If the host
    /// refuses, adding to the metric does nothing.
    fn define(&self, metric: Metric, name: &str) -> u32;

    /// Adds to a metric.
    fn add(&self, id: u32, by: i64);

    /// Sets a gauge, or adds a value to a histogram.
    fn set(&self, id: u32, value: u64);
}

/// The metrics of one source, or of all requests without one, and how many lines it may log. Each is defined once, and then found without formatting its
/// name. Their number is bounded: names are made of configured names and fixed words.
#[derive(Debug, Default)]
pub struct SourceCounters {
    source: Option<Rc<Source>>,
    known: RefCell<Vec<Known>>,
    log_budget: RefCell<LogBudget>,
}

/// A metric that the host knows.
#[derive(Debug)]
struct Known {
    counter: Counter,
    id: u32,
}

/// Metrics that the host knows, by their names.
#[derive(Debug, Default)]
pub(super) struct Names(RefCell<Vec<(String, u32)>>);

impl Names {
    /// The number that the host knows a metric by; it is defined if need be.
    pub fn id(&self, metric: Metric, name: &str, meter: &dyn Meter) -> u32 {
        let mut known = self.0.borrow_mut();
        match known.binary_search_by(|(other, _)| other.as_str().cmp(name)) {
            Ok(position) => known.get(position).map_or(0, |(_, id)| *id),
            Err(position) => {
                let id = meter.define(metric, name);
                known.insert(position, (name.to_owned(), id));
                id
            }
        }
    }
}

/// The counter of all bytes of body that were hashed. It is brought up to date every so often, not with each request.
#[derive(Debug, Default)]
pub struct HashedBytes {
    uncounted: Cell<u64>,
    id: Cell<Option<u32>>,
}

/// The counters of one record, each of which grows by one.
pub fn counters(record: &Record) -> impl Iterator<Item = Counter> {
    let requests = Counter::Requests(super::outcome_name(record.outcome));
    let matches = record.matches.iter().map(|found| Counter::Matches(found.shared_secret_id()));
    std::iter::once(requests).chain(record.denial().map(Counter::Denials)).chain(matches)
}

/// What a tally adds to the metrics of its source.
pub fn changes(tally: &Tally) -> impl Iterator<Item = Change> {
    let replay = |word, by: u64| Change { counter: Counter::Replay(word), by: i64::try_from(by).unwrap_or(i64::MAX) };
    let changes = [
        Change { counter: Counter::Remembered, by: tally.remembered },
        replay("dropped", tally.dropped),
        replay("given_back", tally.given_back),
        replay("stuck", tally.stuck),
        replay("store_failures", tally.store_failures),
        replay("duplicates_passed", tally.duplicates_passed),
    ];
    changes.into_iter().filter(|change| change.by != 0)
}

impl Counter {
    /// The full name: `hookwarden.source.github.requests.passed`.
    #[must_use]
    pub fn name(&self, source: Option<&Source>) -> String {
        let source = super::source_name(source);
        match self {
            Counter::Requests(outcome) => format!("hookwarden.source.{source}.requests.{outcome}"),
            Counter::Denials(denial) => format!("hookwarden.source.{source}.denials.{denial}"),
            Counter::Matches(secret_id) => format!("hookwarden.source.{source}.matches.{secret_id}"),
            Counter::Remembered => format!("hookwarden.source.{source}.replay.remembered"),
            Counter::Replay(word) => format!("hookwarden.source.{source}.replay.{word}"),
        }
    }

    /// Whether it can shrink.
    #[must_use]
    pub fn metric(&self) -> Metric {
        match self {
            Counter::Remembered => Metric::Gauge,
            Counter::Requests(_) | Counter::Denials(_) | Counter::Matches(_) | Counter::Replay(_) => Metric::Counter,
        }
    }
}

impl SourceCounters {
    /// The metrics of this source.
    #[must_use]
    pub fn of(source: Rc<Source>) -> Self {
        Self { source: Some(source), ..Self::default() }
    }

    /// Counts a decision.
    pub fn count_record(&self, record: &Record, meter: &dyn Meter) {
        counters(record).for_each(|counter| self.add(Change { counter, by: 1 }, meter));
    }

    /// Permits a log line, and returns how many were suppressed before it. `all`: the lines of all sources.
    pub fn take_line(&self, all: &mut LogBudget, now: UnixTime) -> Option<u64> {
        self.log_budget.borrow_mut().take_within(all, now)
    }

    /// Counts what happened in the guards' memories.
    pub fn count_tally(&self, tally: &Tally, meter: &dyn Meter) {
        changes(tally).for_each(|change| self.add(change, meter));
    }

    fn add(&self, change: Change, meter: &dyn Meter) {
        meter.add(self.id(change.counter, meter), change.by);
    }

    /// The number that the host knows a metric by.
    fn id(&self, counter: Counter, meter: &dyn Meter) -> u32 {
        let mut known = self.known.borrow_mut();
        if let Some(known) = known.iter().find(|known| known.counter == counter) {
            return known.id;
        }
        let id = meter.define(counter.metric(), &counter.name(self.source.as_deref()));
        known.push(Known { counter, id });
        id
    }
}

impl HashedBytes {
    /// Takes note of what was hashed for a request.
    pub fn add(&self, bytes: u64) {
        self.uncounted.set(self.uncounted.get().saturating_add(bytes));
    }

    /// Counts what was hashed since this was last called.
    pub fn count(&self, meter: &dyn Meter) {
        let hashed = self.uncounted.take();
        if hashed > 0 {
            let id = self.id.get().unwrap_or_else(|| meter.define(Metric::Counter, BYTES_HASHED));
            self.id.set(Some(id));
            meter.add(id, i64::try_from(hashed).unwrap_or(i64::MAX));
        }
    }
}
