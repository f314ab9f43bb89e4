//! Metrics, and how many host calls they cost.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use hookwarden::config::Policy;
use hookwarden::filter::Exchange;
use hookwarden::guard::pool::Pool;
use hookwarden::report::{self, Gauges, HashedBytes, Meter, Metric, SourceCounters};
use hookwarden::step::{Record, Step, Tally};
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::{Request, borrowed};
use serde_json::{Value, json};

use crate::delivery::Buffer;
use crate::guards::memory::Shared;
use crate::support::{NOW, Sent, active, context, policy, provider, source, sources};

const SECRET: &str = "a-secret-of-sixteen-or-more";

/// A host that counts.
#[derive(Default)]
struct Host {
    /// In the order of their definition: number 1 is the first.
    defined: RefCell<Vec<(Metric, String)>>,
    values: RefCell<BTreeMap<String, i64>>,
}

impl Host {
    fn value(&self, name: &str) -> Option<i64> {
        self.values.borrow().get(name).copied()
    }

    fn definitions(&self) -> usize {
        self.defined.borrow().len()
    }
}

impl Meter for Host {
    fn define(&self, metric: Metric, name: &str) -> u32 {
        self.defined.borrow_mut().push((metric, name.to_owned()));
        u32::try_from(self.definitions()).expect("few metrics")
    }

    fn add(&self, id: u32, by: i64) {
        let defined = self.defined.borrow();
        let (_, name) = &defined[usize::try_from(id).expect("an index") - 1];
        *self.values.borrow_mut().entry(name.clone()).or_default() += by;
    }

    fn set(&self, id: u32, value: u64) {
        let defined = self.defined.borrow();
        let (_, name) = &defined[usize::try_from(id).expect("an index") - 1];
        self.values.borrow_mut().insert(name.clone(), i64::try_from(value).expect("few"));
    }
}

/// Sends these requests to two sources of one proxy, and counts each as the adapter does.
fn count(requests: &[Sent], host: &Host) -> Vec<Record> {
    let policy = active(
        policy(&sources(&[
            source("one", "/one", provider("github", &[SECRET])),
            source("two", "/two", provider("github", &[SECRET])),
        ])),
        &Shared::default(),
    );
    let count = |sent: &Sent| {
        let mut exchange = Exchange::new(Rc::clone(&policy), Pool::default());
        let mut step = exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context(sent.now));
        if step == Step::Hold {
            let body = Buffer { bytes: &sent.body, len: sent.body.len() };
            step = exchange.on_body(&body, true, &context(sent.now));
        }
        let record = match step {
            Step::Deny(record) => record,
            Step::Continue(passage) => passage.into_parts().1.expect("a verdict"),
            other => panic!("{other:?}"),
        };
        exchange.counters().count_record(&record, host);
        record
    };
    requests.iter().map(count).collect()
}

#[test]
fn a_metric_is_defined_only_once() {
    let host = Host::default();
    let requests = [("/one", SECRET), ("/one", "another secret"), ("/two", SECRET), ("/elsewhere", SECRET)];
    let requests = requests.map(|(path, secret)| Sent::github(path, secret, "body"));
    count(&requests.iter().cycle().take(20).cloned().collect::<Vec<_>>(), &host);
    for name in [
        "source.one.requests.passed",
        "source.one.matches.1",
        "source.one.requests.denied",
        "source.one.denials.signature_mismatch",
        "source.two.requests.passed",
        "source.two.matches.1",
        "source._none.requests.denied",
        "source._none.denials.unmatched",
    ] {
        assert_eq!(host.value(&format!("hookwarden.{name}")), Some(5), "{name}");
    }
    assert_eq!(host.definitions(), 8);
}

#[test]
fn hashed_bytes_are_counted_periodically_and_once() {
    let (host, hashed) = (Host::default(), HashedBytes::default());
    hashed.count(&host);
    assert_eq!(host.definitions(), 0, "nothing was hashed");
    for record in count(&["four", "seven.."].map(|body| Sent::github("/one", SECRET, body)), &host) {
        hashed.add(record.hashed);
    }
    assert_eq!(host.value(report::BYTES_HASHED), None);
    hashed.count(&host);
    hashed.count(&host);
    assert_eq!(host.value(report::BYTES_HASHED), Some(11));
}

#[test]
fn memory_is_a_gauge_and_the_rest_are_counters() {
    let policy = policy(&sources(&[source("two", "/two", provider("github", &[SECRET]))]));
    let (host, counters) = (Host::default(), SourceCounters::of(Rc::clone(&policy.sources[0])));
    let claimed = Tally { remembered: 1, dropped: 2, ..Tally::default() };
    let given_back = Tally { remembered: -1, given_back: 1, ..Tally::default() };
    for tally in [&claimed, &claimed, &given_back] {
        counters.count_tally(tally, &host);
    }
    let expected =
        [("remembered", Metric::Gauge, 1), ("dropped", Metric::Counter, 4), ("given_back", Metric::Counter, 1)];
    for (name, metric, value) in expected {
        let name = format!("hookwarden.source.two.replay.{name}");
        assert_eq!(host.value(&name), Some(value), "{name}");
        assert!(host.defined.borrow().contains(&(metric, name.clone())), "{name}");
    }
    assert_eq!(host.definitions(), 3);
}

#[test]
fn a_secret_counts_as_expiring_in_its_last_week() {
    let secrets = json!([
        { "value": SECRET },
        { "value": "a-second-secret-of-sixteen", "not_after": "2023-11-21T22:13:20Z" },
    ]);
    let policy = policy(&sources(&[source("one", "/one", json!({ "provider": "github", "secrets": secrets }))]));
    let week = 7 * 86_400;
    let end = NOW + week;
    for (now, expected) in [(end - week, 0), (end - week + 1, 1), (end, 1), (end + week, 1)] {
        let standing = report::standing(&policy.sources[0], UnixTime::from_secs(now));
        assert_eq!((standing.expiring, standing.is_closed), (expected, false), "{now}");
    }
}

/// A configuration with a source that is closed and one with a secret that has expired.
fn troubled(closed: &str, expiring: &str) -> Value {
    let absent = json!({ "provider": "github", "secrets": [{ "env": "NOBODY_SETS_THIS" }] });
    let expired =
        json!({ "provider": "github", "secrets": [{ "value": SECRET, "not_after": "2020-01-01T00:00:00Z" }] });
    sources(&[source(closed, &format!("/{closed}"), absent), source(expiring, &format!("/{expiring}"), expired)])
}

#[test]
fn the_gauges_are_those_of_the_live_configuration() {
    let (memory, host) = (Shared::default(), Host::default());
    let open = |config: &Value| {
        let gauges = Gauges::open("hooks.plugin", config.to_string().as_bytes(), &memory);
        (policy(config), gauges)
    };
    let tick = |(policy, gauges): &(Rc<Policy>, Gauges), seconds: u64| {
        gauges.on_tick(policy, UnixTime::from_secs(NOW + seconds), &memory, &host);
    };
    let raised = || {
        let values = host.values.borrow();
        let above = values.iter().filter(|(name, value)| name.contains(".source.") && **value > 0);
        above.map(|(name, _)| name.trim_start_matches("hookwarden.source.").to_owned()).collect::<Vec<_>>()
    };
    let first = open(&troubled("a", "b"));
    first.1.current().take_over(UnixTime::from_secs(NOW), &memory);
    tick(&first, 0);
    assert_eq!(raised(), ["a.closed", "b.expiring"]);
    assert_eq!(host.value("hookwarden.sources_closed"), Some(1));
    assert_eq!(host.value("hookwarden.secrets_expiring"), Some(1));
    assert_eq!(host.value("hookwarden.config_since"), Some(NOW.cast_signed()));
    let hash = host.value("hookwarden.config_hash").expect("there is one");
    assert_eq!(hash, first.0.fingerprint.cast_signed());

    let second = open(&sources(&[source("a", "/a", provider("github", &[SECRET]))]));
    second.1.current().take_over(UnixTime::from_secs(NOW + 5), &memory);
    tick(&second, 5);
    assert_eq!(raised(), [""; 0]);
    // The first one drains: it has lost its turn, and its minutes pass without a word.
    for seconds in [6, 70, 140] {
        tick(&first, seconds);
        assert_eq!(raised(), [""; 0]);
    }
    assert_eq!(host.value("hookwarden.sources_closed"), Some(0));
    assert_eq!(host.value("hookwarden.secrets_expiring"), Some(0));
    assert_eq!(host.value("hookwarden.config_since"), Some((NOW + 5).cast_signed()));
    assert_ne!(host.value("hookwarden.config_hash"), Some(hash));

    // A thread that was writing for the first one while the second took over is corrected by the next tick.
    let third = open(&troubled("c", "d"));
    third.1.current().take_over(UnixTime::from_secs(NOW + 200), &memory);
    tick(&third, 200);
    second.1.current().take_over(UnixTime::from_secs(NOW + 201), &memory);
    tick(&second, 201);
    host.values.borrow_mut().insert("hookwarden.source.c.closed".to_owned(), 1);
    tick(&second, 202);
    assert_eq!(raised(), [""; 0]);
}

#[test]
fn a_plugin_that_is_removed_leaves_no_gauge_raised() {
    let (memory, host) = (Shared::default(), Host::default());
    let config = troubled("a", "b");
    let gauges = Gauges::open("plugin", config.to_string().as_bytes(), &memory);
    let (policy, now) = (policy(&config), UnixTime::from_secs(NOW));
    gauges.current().take_over(now, &memory);
    gauges.on_tick(&policy, now, &memory, &host);
    let names = ["hookwarden.sources_closed", "hookwarden.source.a.closed", "hookwarden.source.b.expiring"];
    assert_eq!(names.map(|name| host.value(name)), [Some(1); 3]);
    gauges.on_end(&memory, &host);
    gauges.on_tick(&policy, UnixTime::from_secs(NOW + 100), &memory, &host);
    assert_eq!(names.map(|name| host.value(name)), [Some(0); 3]);
}

#[test]
fn the_fingerprint_tells_configurations_apart_but_not_secrets() {
    let one =
        |secret: &str, name: &str| policy(&sources(&[source(name, "/a", provider("github", &[secret]))])).fingerprint;
    let first = one(SECRET, "a");
    assert_ne!(first, one(SECRET, "b"));
    assert_eq!(first, one("another-secret-of-sixteen", "a"), "nobody can try secrets against a metric");
    assert!(first < 1 << 48);
}

#[test]
fn what_rules_name_is_there_from_the_start() {
    let guards = json!({
        "name": "one", "match": { "path": "/one" },
        "verify": { "provider": "github", "secrets": [{ "id": "new", "value": SECRET }, { "id": "old", "value": "another-secret-of-sixteen" }] },
        "replay": { "window": "1h" },
        "flood_limit": { "failures": 5, "per": "1m" },
    });
    let policy = policy(&sources(&[guards]));
    let host = Host::default();
    report::initial::define(&policy, &host);
    let mut names: Vec<String> = host.defined.borrow().iter().map(|(_, name)| name.clone()).collect();
    names.sort();
    let of = |prefix: &str| {
        let names = names.iter().filter_map(|name| name.strip_prefix(prefix));
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        of("hookwarden.source.one."),
        "closed denials.address_missing denials.duplicate denials.flood_limited denials.hold_unsupported \
         denials.host_failure denials.memory_exhausted denials.replay_full denials.replay_unavailable \
         denials.source_closed denials.timestamp_future denials.timestamp_stale expiring matches.new matches.old \
         replay.dropped replay.given_back replay.remembered replay.stuck requests.denied requests.passed"
    );
    assert_eq!(of("hookwarden.source._none."), "denials.ambiguous_path denials.unmatched requests.denied");
}

#[test]
fn what_is_there_from_the_start_is_bounded() {
    let many = (0..1100)
        .map(|number| source(&format!("source-{number}"), &format!("/{number}"), provider("github", &[SECRET])));
    let policy = policy(&sources(&many.collect::<Vec<_>>()));
    let host = Host::default();
    report::initial::define(&policy, &host);
    assert_eq!(host.definitions(), 1 + 2 + 3 + 11 * 1000);
}
