//! The gauges of the live configuration. Only that one writes them.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use super::current::{Current, Sums};
use super::metrics::{Meter, Metric, Names};
use crate::config::{Policy, Source};
use crate::guard::elapsed;
use crate::guard::memory::{self, Memory};
use crate::verify::primitives::timestamp::UnixTime;

/// The name of the gauge of sources that are closed because a secret is missing.
pub const SOURCES_CLOSED: &str = "hookwarden.sources_closed";
/// The name of the gauge of secrets whose `not_after` is within a week.
pub const SECRETS_EXPIRING: &str = "hookwarden.secrets_expiring";
/// The name of the gauge with the fingerprint of the live configuration.
pub const CONFIG_HASH: &str = "hookwarden.config_hash";
/// The name of the gauge with the time when it took over, in seconds since 1970.
pub const CONFIG_SINCE: &str = "hookwarden.config_since";

/// A secret whose `not_after` is nearer than this counts as expiring.
const EXPIRING: Duration = Duration::from_secs(7 * 86_400);
/// How often the gauges are written again although the live configuration is the same: secrets expire meanwhile.
const ROUND: Duration = Duration::from_secs(60);

/// The gauges of one configuration in one VM.
#[derive(Debug)]
pub struct Gauges {
    current: Current,
    /// The key under which the names of sources with a gauge above 0 are, for whoever takes over.
    raised_key: String,
    /// The term in which the gauges were last written, and when.
    written: Cell<(u64, UnixTime)>,
    /// The sources whose gauges this VM has set to 0 after its configuration took over. Another thread may have been writing
    /// them for the former configuration at that time, so it is repeated.
    lowered: RefCell<Vec<String>>,
    known: Names,
}

/// What the gauges say about one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether a secret is missing, so that it answers 503.
    pub is_closed: bool,
    /// How many of its secrets expire within a week.
    pub expiring: u64,
}

impl Gauges {
    /// The gauges of the configuration `text` of `plugin`, a name that the operator chose.
    #[must_use]
    pub fn open(plugin: &str, text: &[u8], memory: &dyn Memory) -> Self {
        let raised_key = format!("hookwarden.raised.{plugin}");
        // A key cannot be empty.
        let _ = memory.create(&raised_key, b"\n");
        Self {
            current: Current::open(plugin, text, memory),
            raised_key,
            written: Cell::new((0, UnixTime::from_millis(0))),
            lowered: RefCell::default(),
            known: Names::default(),
        }
    }

    /// Whether this configuration is live, and since when; and which connections have been seen.
    #[must_use]
    pub fn current(&self) -> &Current {
        &self.current
    }

    /// Time has passed, or the configuration was read: writes the gauges if it is the live one and something may have
    /// changed.
    pub fn on_tick(&self, policy: &Policy, now: UnixTime, memory: &dyn Memory, meter: &dyn Meter) {
        let Some(term) = self.current.on_tick(now, memory) else { return };
        let (number, at) = self.written.get();
        if number != term.number || elapsed(at, now) >= ROUND {
            self.write(policy, now, memory, meter);
            // With another term, once more by the next tick: until then, threads may still write for the former one.
            let at = if number == term.number { now } else { UnixTime::from_millis(0) };
            self.written.set((term.number, at));
        }
    }

    /// The host has dropped the configuration in this thread. Unless another one takes over, nothing is closed any more.
    pub fn on_end(&self, memory: &dyn Memory, meter: &dyn Meter) {
        if self.current.end(memory) {
            self.put(&[], Sums::default(), memory, meter);
        }
    }

    fn write(&self, policy: &Policy, now: UnixTime, memory: &dyn Memory, meter: &dyn Meter) {
        let standings = policy.sources.iter().map(|source| (source.name.as_str(), standing(source, now)));
        let mut raised: Vec<(&str, Standing)> = standings.filter(|(_, at)| *at != Standing::default()).collect();
        raised.sort_unstable_by_key(|(name, _)| *name);
        let sums = raised.iter().map(|(_, standing)| standing).fold(
            Sums { fingerprint: policy.fingerprint, ..Sums::default() },
            |sums, at| Sums {
                closed: sums.closed.saturating_add(u64::from(at.is_closed)),
                expiring: sums.expiring.saturating_add(at.expiring),
                ..sums
            },
        );
        self.put(&raised, sums, memory, meter);
    }

    /// Sets every gauge. `raised`: the sources with a gauge above 0, by name.
    fn put(&self, raised: &[(&str, Standing)], sums: Sums, memory: &dyn Memory, meter: &dyn Meter) {
        let live = self.current.count(sums, memory);
        for (name, value) in [
            (SOURCES_CLOSED, live.sums.closed),
            (SECRETS_EXPIRING, live.sums.expiring),
            (CONFIG_HASH, live.sums.fingerprint),
            (CONFIG_SINCE, live.since.as_millis() / 1000),
        ] {
            self.set(name.to_owned(), value, meter);
        }
        let mut lowered = self.lowered.borrow_mut();
        lowered.extend(self.exchange_raised(raised, memory));
        lowered.retain(|name| raised.binary_search_by_key(&name.as_str(), |(name, _)| name).is_err());
        lowered.sort_unstable();
        lowered.dedup();
        let zero = lowered.iter().map(|name| (name.as_str(), Standing::default()));
        for (name, standing) in zero.chain(raised.iter().copied()) {
            for (name, value) in gauges(name).into_iter().zip([u64::from(standing.is_closed), standing.expiring]) {
                self.set(name, value, meter);
            }
        }
    }

    /// Leaves the names of the sources whose gauges are above 0, and returns the former ones.
    fn exchange_raised(&self, raised: &[(&str, Standing)], memory: &dyn Memory) -> Vec<String> {
        let mut new = raised.iter().map(|(name, _)| *name).collect::<Vec<_>>().join("\n").into_bytes();
        new.push(b'\n');
        let former = memory::update(memory, &self.raised_key, |former| {
            let names = String::from_utf8_lossy(former).lines().map(str::to_owned).collect();
            ((former != new).then(|| new.clone()), names)
        });
        let mut former: Vec<String> = former.unwrap_or_default();
        former.retain(|name| !name.is_empty());
        former
    }

    /// Sets a gauge of the live configuration; nothing if this is not the live one.
    pub fn set_if_live(&self, name: String, value: u64, meter: &dyn Meter) {
        if self.current.is_live() {
            self.set(name, value, meter);
        }
    }

    fn set(&self, name: String, value: u64, meter: &dyn Meter) {
        meter.set(self.known.id(Metric::Gauge, &name, meter), value);
    }
}

/// The names of a source's gauges: whether it is closed, and how many of its secrets expire.
#[must_use]
pub fn gauges(source: &str) -> [String; 2] {
    ["closed", "expiring"].map(|gauge| format!("hookwarden.source.{source}.{gauge}"))
}

/// What the gauges say about a source.
#[must_use]
pub fn standing(source: &Source, now: UnixTime) -> Standing {
    let secrets = source.requirement.iter().flat_map(|requirement| requirement.secrets());
    let expiring = secrets.filter(|secret| secret.validity.not_after.is_some_and(|end| elapsed(now, end) < EXPIRING));
    Standing { is_closed: source.requirement.is_none(), expiring: u64::try_from(expiring.count()).unwrap_or(u64::MAX) }
}
