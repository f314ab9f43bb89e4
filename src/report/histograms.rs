//! Distributions. The host chooses the buckets: Envoy's go from 0.5 to an hour in milliseconds, and serve for any unit.

use std::cell::Cell;
use std::time::Duration;

use super::metrics::{Meter, Metric, Names};
use crate::config::Source;
use crate::step::Record;

/// The name of the histogram of the time that a check takes, in microseconds, of a sample of the requests.
pub const CHECK: &str = "hookwarden.check_us";
/// The name of the histogram of the time from a request's headers to its verdict, if that waits for the body, in milliseconds.
pub const HELD: &str = "hookwarden.held_ms";
/// The name of the histogram of the time that the shared store takes to answer a claim, in milliseconds.
pub const STORE_CALL: &str = "hookwarden.store_call_ms";

/// The histograms of one configuration in one VM.
#[derive(Debug, Default)]
pub struct Histograms {
    known: Names,
    /// Whether a check was measured since the last tick: measuring costs two calls of the host in each callback.
    is_sampled: Cell<bool>,
}

impl Histograms {
    /// Time has passed: the next request's check is measured.
    pub fn on_tick(&self) {
        self.is_sampled.set(false);
    }

    /// Whether this request's check is to be measured: the first after every tick.
    pub fn samples(&self) -> bool {
        !self.is_sampled.replace(true)
    }

    /// Adds an observation.
    pub fn observe(&self, name: &str, value: u64, meter: &dyn Meter) {
        meter.set(self.known.id(Metric::Histogram, name, meter), value);
    }

    /// Adds how far the signed time of a verified request is from ours.
    pub fn observe_skew(&self, record: &Record, source: Option<&Source>, meter: &dyn Meter) {
        let Some(source) = source else { return };
        if let Some(skew) = record.matches.iter().find_map(|found| found.skew()) {
            self.observe(&skew_name(&source.name), skew.as_secs(), meter);
        }
    }
}

/// The name of the histogram of the distance between the signed time of a source's verified requests and ours, in seconds.
#[must_use]
pub fn skew_name(source: &str) -> String {
    format!("hookwarden.source.{source}.skew_s")
}

/// A duration in whole milliseconds.
#[must_use]
pub fn millis(duration: Duration) -> u64 {
    // Not `as_millis`, whose 128 bits wasm has to compute in software.
    duration.as_secs().saturating_mul(1000).saturating_add(duration.subsec_millis().into())
}
