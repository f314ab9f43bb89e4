//! How many signatures of public keys were verified, and by whom.

use std::cell::Cell;

use super::metrics::{Meter, Metric};
use crate::verify::primitives::public_key::Counts;

/// The counter of signatures that the host verified, valid or not.
pub const SIGNATURES_BY_HOST: &str = "hookwarden.signatures_by_host";
/// The counter of signatures that the filter verified itself, where a host could have done it.
pub const SIGNATURES_BY_FILTER: &str = "hookwarden.signatures_by_filter";

/// The counters of signatures. They are brought up to date every so often, not with each request.
#[derive(Debug, Default)]
pub struct SignatureCounters(Cell<Option<(u32, u32)>>);

impl SignatureCounters {
    /// Counts what was verified since this was last called.
    pub fn count(&self, counts: Counts, meter: &dyn Meter) {
        if counts == Counts::default() {
            return;
        }
        let define = |name| meter.define(Metric::Counter, name);
        let ids = self.0.get().unwrap_or_else(|| (define(SIGNATURES_BY_HOST), define(SIGNATURES_BY_FILTER)));
        self.0.set(Some(ids));
        for (id, count) in [(ids.0, counts.by_host), (ids.1, counts.own)] {
            meter.add(id, i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}
