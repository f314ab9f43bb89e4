//! The gauges are those of the live configuration, whatever was pushed before it and still drains.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::client::{Connection, Protocol, TIMEOUT};
use crate::harness::launch::Setup;
use crate::harness::setups::guarded;
use crate::harness::xds::{self, Pushed};
use crate::harness::{Proxy, honest, wait_for};

const ABSENT: &str = "HOOKWARDEN_TEST_ABSENT";

/// A configuration with these sources closed, and these with a secret that expires soon.
fn plugin(closed: &[&str], expiring: &[&str]) -> Value {
    let source = |name: &&str, verify: Value| json!({"name": name, "match": {"path": format!("/hooks/{name}")}, "verify": verify});
    let absent = json!({"provider": "github", "secrets": [{"env": ABSENT}]});
    let soon = json!({"provider": "github", "secrets": [{"value": "a-secret-that-has-expired-2020", "not_after": "2020-01-01T00:00:00Z"}]});
    let mut sources = vec![guarded("github", json!({}))];
    sources.extend(closed.iter().map(|name| source(name, absent.clone())));
    sources.extend(expiring.iter().map(|name| source(name, soon.clone())));
    json!({ "sources": sources })
}

fn setup(first: Value) -> Setup {
    let mut setup = Setup::new(first).workers(2);
    setup.absent = vec![ABSENT.to_owned()];
    xds::with_dynamic_listeners(setup)
}

/// The gauges: sources closed, secrets expiring, and the same of the sources `a`, `b` and `c`.
fn gauges(proxy: &Proxy) -> ([u64; 2], Vec<String>) {
    let metrics = proxy.metrics();
    let total = ["sources_closed", "secrets_expiring"].map(|name| metrics.get(name).copied().unwrap_or_default());
    let raised = metrics.iter().filter(|(name, value)| {
        name.starts_with("source.") && (name.ends_with(".closed") || name.ends_with(".expiring")) && **value > 0
    });
    (total, raised.map(|(name, value)| format!("{name}={value}")).collect())
}

/// Waits until the gauges have these values, and asserts that they keep them for several ticks of every thread.
#[track_caller]
fn settles(proxy: &Proxy, total: [u64; 2], raised: &[&str]) -> u64 {
    let expected = (total, raised.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
    let reached = wait_for(TIMEOUT, || {
        assert_eq!(honest().send(proxy.address, Protocol::Http1).status, 200);
        (gauges(proxy) == expected).then_some(())
    });
    assert!(reached.is_some(), "the gauges are {:?}, not {expected:?}", gauges(proxy));
    let changed = wait_for(Duration::from_millis(1700), || (gauges(proxy) != expected).then(|| gauges(proxy)));
    assert_eq!(changed, None, "they were {expected:?}");
    proxy.metric("config_hash")
}

/// How many lines of the log contain this.
fn lines(proxy: &Proxy, text: &str) -> usize {
    proxy.log().lines().filter(|line| line.contains(text)).count()
}

#[test]
fn gauges_follow_three_pushes_and_a_roll_back() {
    let (first, second, third) = (plugin(&[], &["a"]), plugin(&["b"], &[]), plugin(&["b", "c"], &["d", "e"]));
    let Some(proxy) = Proxy::start(&setup(first.clone())) else { return };
    let one = settles(&proxy, [0, 1], &["source.a.expiring=1"]);
    // A connection that stays keeps every configuration in Envoy.
    let mut old = Connection::open(proxy.address);
    assert_eq!(old.round_trip(&honest()).status, 200);

    assert_eq!(xds::push(&proxy, &second), Pushed::Accepted);
    let two = settles(&proxy, [1, 0], &["source.b.closed=1"]);
    assert_eq!(xds::push(&proxy, &third), Pushed::Accepted);
    let raised = ["source.b.closed=1", "source.c.closed=1", "source.d.expiring=1", "source.e.expiring=1"];
    let three = settles(&proxy, [2, 2], &raised);
    assert!(one != 0 && one != two && two != three && one != three, "{one} {two} {three}");

    // Once for all threads: the first report of each configuration, which the test's Envoy has read four times.
    let read = lines(&proxy, "configuration accepted: ");
    assert_eq!(read, 3 * 4);
    assert_eq!(lines(&proxy, "source b is closed"), 2);
    assert_eq!(lines(&proxy, "source c is closed"), 1);
    assert_eq!(lines(&proxy, "configuration: $.sources[1].verify.secrets[0].env"), 2);

    // Envoy still has the first one: it returns to it without telling the module.
    assert_eq!(xds::push(&proxy, &first), Pushed::Accepted);
    assert_eq!(settles(&proxy, [0, 1], &["source.a.expiring=1"]), one);
    assert_eq!(xds::push(&proxy, &third), Pushed::Accepted);
    assert_eq!(settles(&proxy, [2, 2], &raised), three);
    // What is refused changes nothing.
    assert_eq!(xds::push(&proxy, &json!({"sources": []})), Pushed::Rejected);
    assert_eq!(settles(&proxy, [2, 2], &raised), three);
    assert_eq!(xds::push(&proxy, &second), Pushed::Accepted);
    assert_eq!(settles(&proxy, [1, 0], &["source.b.closed=1"]), two);
    assert_eq!(lines(&proxy, "configuration accepted: "), read, "Envoy read none of them again");
    assert_eq!(lines(&proxy, "configuration refused: "), 1, "a refusal is reported once, too");

    let since = proxy.metric("config_since");
    let now = crate::harness::senders::now();
    assert!((now - 60..=now).contains(&since), "{since} is not about {now}");
}

#[test]
fn a_connection_that_stays_on_a_draining_configuration_does_not_bring_it_back() {
    let (first, second) = (plugin(&["a"], &[]), plugin(&[], &["b"]));
    let Some(proxy) = Proxy::start(&setup(first)) else { return };
    let mut old: Vec<Connection> = (0..8).map(|_| Connection::open(proxy.address)).collect();
    settles(&proxy, [1, 0], &["source.a.closed=1"]);
    assert_eq!(xds::push(&proxy, &second), Pushed::Accepted);
    settles(&proxy, [0, 1], &["source.b.expiring=1"]);
    let mut served = 0;
    for connection in &mut old {
        let request = honest().at("/hooks/a");
        connection.send(&request.wire());
        served += usize::from(connection.try_reply().is_some_and(|reply| reply.status == 503));
    }
    assert!(served > 0, "the old configuration should have served a request");
    settles(&proxy, [0, 1], &["source.b.expiring=1"]);
}

#[test]
fn after_a_roll_back_without_any_request_the_gauges_follow_when_the_other_configuration_has_drained() {
    let (first, second) = (plugin(&[], &["a"]), plugin(&["b"], &[]));
    let mut setup = setup(first.clone());
    setup.drain_seconds = Some(3);
    let Some(proxy) = Proxy::start(&setup) else { return };
    settles(&proxy, [0, 1], &["source.a.expiring=1"]);
    assert_eq!(xds::push(&proxy, &second), Pushed::Accepted);
    settles(&proxy, [1, 0], &["source.b.closed=1"]);
    assert_eq!(xds::push(&proxy, &first), Pushed::Accepted);
    let expected = ([0, 1], vec!["source.a.expiring=1".to_owned()]);
    let reached = wait_for(TIMEOUT, || (gauges(&proxy) == expected).then_some(()));
    assert!(reached.is_some(), "the gauges are {:?}", gauges(&proxy));
}
