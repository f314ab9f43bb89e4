//! The metrics that exist from the start, at 0: without them, neither `increase()` nor a comparison of two counters sees the
//! first event.

use super::gauges::gauges;
use super::histograms::{CHECK, HELD, STORE_CALL, skew_name};
use super::metrics::{BYTES_HASHED, Counter, Meter, Metric};
use super::signatures::{SIGNATURES_BY_FILTER, SIGNATURES_BY_HOST};
use crate::config::{BodyHold, Mode, Policy, Source, Unmatched};
use crate::guard::replay::OnDuplicate;
use crate::verify::Denial;

/// The denials that a shipped alert rule or the dashboard names. Others appear with their first request.
pub const NAMED_DENIALS: [Denial; 17] = [
    Denial::HoldUnsupported,
    Denial::MemoryExhausted,
    Denial::HostFailure,
    Denial::SourceClosed,
    Denial::SecretUnavailable,
    Denial::KeyUnavailable,
    Denial::TimestampStale,
    Denial::TimestampFuture,
    Denial::SourceDisabled,
    Denial::TransportInsecure,
    Denial::AddressMissing,
    Denial::AddressDenied,
    Denial::FloodLimited,
    Denial::RateLimited,
    Denial::Duplicate,
    Denial::ReplayFull,
    Denial::ReplayUnavailable,
];

/// For how many sources they exist from the start. With Envoy each costs its main thread some 45 µs, because it matches the name
/// against every rule for labels, and 200 bytes: half a second for a thousand sources with eleven metrics each.
const MAX_SOURCES: usize = 1000;

/// Defines all of them with the host. Only one VM of a process needs to: the host keeps them. Beyond `MAX_SOURCES` sources,
/// those of the others appear with their first request.
pub fn define(policy: &Policy, meter: &dyn Meter) {
    meter.define(Metric::Counter, BYTES_HASHED);
    if policy.checks_known_to_hosts().next().is_some() {
        meter.define(Metric::Counter, SIGNATURES_BY_HOST);
        meter.define(Metric::Counter, SIGNATURES_BY_FILTER);
    }
    for histogram in [CHECK, HELD] {
        meter.define(Metric::Histogram, histogram);
    }
    if policy.sources.iter().any(|source| source.replay.as_ref().is_some_and(|replay| replay.store.is_some())) {
        meter.define(Metric::Histogram, STORE_CALL);
    }
    for counter in unmatched(policy) {
        meter.define(counter.metric(), &counter.name(None));
    }
    for source in policy.sources.iter().take(MAX_SOURCES) {
        for counter in counters(source, policy.body_hold) {
            meter.define(counter.metric(), &counter.name(Some(source)));
        }
        let mut checks = source.requirement.iter().flat_map(|requirement| requirement.checks());
        if checks.any(|check| check.scheme().tolerance().is_some()) {
            meter.define(Metric::Histogram, &skew_name(&source.name));
        }
        for name in gauges(&source.name) {
            meter.define(Metric::Gauge, &name);
        }
    }
}

/// Those of requests without a source.
pub fn unmatched(policy: &Policy) -> impl Iterator<Item = Counter> {
    let forwarded = (policy.unmatched == Unmatched::Allow).then_some(Counter::Requests("unmatched"));
    let denials = [Denial::Unmatched, Denial::AmbiguousPath].map(Counter::Denials);
    std::iter::once(Counter::Requests("denied")).chain(forwarded).chain(denials)
}

/// Those of a source, as far as it can have them.
#[must_use]
pub fn counters(source: &Source, hold: BodyHold) -> Vec<Counter> {
    let mut counters = match source.mode {
        Mode::Enforce => vec![Counter::Requests("passed"), Counter::Requests("denied")],
        Mode::Observe => vec![Counter::Requests("passed"), Counter::Requests("observed")],
        Mode::Disabled => vec![Counter::Requests("denied")],
    };
    if !source.handshakes.is_empty() {
        counters.push(Counter::Requests("handshake"));
    }
    counters
        .extend(NAMED_DENIALS.into_iter().filter(|denial| is_possible(*denial, source, hold)).map(Counter::Denials));
    let checks = source.requirement.iter().flat_map(|requirement| requirement.checks());
    let mut ids: Vec<_> = checks.flat_map(|check| check.keyring().names()).map(|(_, id)| id).collect();
    ids.sort_unstable();
    ids.dedup();
    counters.extend(ids.into_iter().map(Counter::Matches));
    if let Some(replay) = &source.replay {
        counters.push(Counter::Remembered);
        counters.extend(["dropped", "given_back", "stuck"].map(Counter::Replay));
        counters.extend(replay.store.as_ref().map(|_| Counter::Replay("store_failures")));
        counters.extend((replay.duplicate == OnDuplicate::Pass).then_some(Counter::Replay("duplicates_passed")));
    }
    counters
}

/// Whether a source can refuse for this reason, as it is configured.
fn is_possible(denial: Denial, source: &Source, hold: BodyHold) -> bool {
    let needs_address = source.address.is_some() || source.flood.is_some() || source.budget.is_some();
    match denial {
        Denial::SourceDisabled => source.mode == Mode::Disabled,
        _ if source.mode == Mode::Disabled => false,
        Denial::HoldUnsupported => hold == BodyHold::Filter && source.mode == Mode::Enforce,
        Denial::TransportInsecure => source.transport.is_some(),
        Denial::AddressMissing => needs_address,
        Denial::AddressDenied => source.address.is_some(),
        Denial::FloodLimited => source.flood.is_some(),
        Denial::RateLimited => source.budget.is_some(),
        Denial::Duplicate => source.replay.as_ref().is_some_and(|rule| rule.duplicate != OnDuplicate::Pass),
        Denial::ReplayFull => source.replay.is_some(),
        Denial::ReplayUnavailable => source.replay.is_some(),
        Denial::SecretUnavailable => {
            let mut checks = source.requirement.iter().flat_map(|requirement| requirement.checks());
            checks.any(|check| check.keyring().live().next().is_some())
        }
        Denial::KeyUnavailable => {
            let mut checks = source.requirement.iter().flat_map(|requirement| requirement.checks());
            checks.any(|check| check.published_at().is_some())
        }
        _ => true,
    }
}
