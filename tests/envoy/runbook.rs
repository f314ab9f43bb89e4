//! What `docs/runbook.md` tells an operator to push, and what it says is seen then, on a real Envoy.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::client::{Connection, Protocol, TIMEOUT};
use crate::harness::launch::Setup;
use crate::harness::senders::GITHUB;
use crate::harness::xds::{self, Pushed};
use crate::harness::{Proxy, assert_denial, honest, wait_for};

const VARIABLE: &str = "GITHUB_WEBHOOK_SECRET";
/// How long Envoy drains what was replaced, in seconds.
const DRAIN: u32 = 4;

/// The first configuration that a section of the runbook shows.
fn shown(section: &str) -> Value {
    let text = include_str!("../../docs/runbook.md");
    let (_, rest) = text.split_once(&format!("\n## {section}\n")).expect("the section is there");
    let (_, rest) = rest.split_once("```json\n").expect("it shows a configuration");
    let (block, _) = rest.split_once("```").expect("the block ends");
    serde_json::from_str(block).expect("JSON")
}

/// An Envoy that takes pushes, with the configuration of the section before anything happened to it.
fn setup(before: Value) -> Setup {
    let mut setup = Setup::new(before).workers(2);
    setup.environment.push((VARIABLE.to_owned(), GITHUB.secret.to_owned()));
    setup.drain_seconds = Some(DRAIN);
    xds::with_dynamic_listeners(setup)
}

fn enforced(disabled: &Value) -> Value {
    let mut enforced = disabled.clone();
    let mode = enforced["sources"][0].as_object_mut().expect("a source").remove("mode");
    assert_eq!(mode, Some(json!("disabled")), "the runbook disables the source");
    enforced
}

/// Asserts that an event with a valid signature is refused because its source is disabled, and does not reach the upstream.
#[track_caller]
fn stopped(proxy: &Proxy) {
    const COUNTER: &str = "source.github.denials.source_disabled";

    let mark = proxy.upstream.mark();
    let counted = proxy.metric(COUNTER);
    let reply = honest().send(proxy.address, Protocol::Http1);
    assert_denial(&reply, "source_disabled", &Vec::new);
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("30")));
    proxy.upstream.assert_nothing_since(mark);
    assert_eq!(proxy.metric(COUNTER), counted + 1);
}

/// A number of the admin port, by the runbook's command.
fn stat(proxy: &Proxy, filter: &str) -> u64 {
    let text = proxy.admin(&format!("/stats?filter={filter}")).text();
    let values = text.lines().filter_map(|line| line.rsplit_once(": ")?.1.parse::<u64>().ok());
    let values: Vec<u64> = values.collect();
    assert_eq!(values.len(), 1, "{filter}: {text}");
    values[0]
}

/// Waits until the running configuration is another than this.
fn taken_over(proxy: &Proxy, before: u64) -> u64 {
    let now = || Some(stat(proxy, "hookwarden.config_hash")).filter(|hash| *hash != before);
    wait_for(TIMEOUT, now).expect("the new configuration takes over")
}

#[test]
fn a_leaked_secret_lets_nothing_pass_once_its_source_is_disabled() {
    let disabled = shown("A secret leaked");
    let Some(proxy) = Proxy::start(&setup(enforced(&disabled))) else { return };
    let before = stat(&proxy, "hookwarden.config_hash");
    proxy.passes(Protocol::Http1, &honest());
    // A forger's connection from before the push.
    let mut old = Connection::open(proxy.address);
    assert_eq!(old.round_trip(&honest()).status, 200);

    assert_eq!(xds::push(&proxy, &disabled), Pushed::Accepted);
    let pushed = Instant::now();
    taken_over(&proxy, before);
    stopped(&proxy);

    // It keeps the former configuration, as the runbook warns, and no longer than Envoy drains.
    let mut served = Vec::new();
    loop {
        old.send(&honest().wire());
        let Some(reply) = old.try_reply() else { break };
        served.push(reply.status);
        assert!(pushed.elapsed() < Duration::from_secs(u64::from(DRAIN)) + TIMEOUT, "the connection is still open");
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("the old connection served {} requests in {:?} after the push", served.len(), pushed.elapsed());
    assert!(served.iter().all(|status| *status == 200), "{served:?}");
    (0..20).for_each(|_| stopped(&proxy));

    assert_eq!(xds::push(&proxy, &enforced(&disabled)), Pushed::Accepted);
    let over = wait_for(TIMEOUT, || (honest().send(proxy.address, Protocol::Http1).status == 200).then_some(()));
    assert!(over.is_some(), "the source is not enabled again");
}

#[test]
fn a_refused_push_leaves_the_former_configuration_and_says_why() {
    let good = enforced(&shown("A secret leaked"));
    let Some(proxy) = Proxy::start(&setup(good.clone())) else { return };
    let before = stat(&proxy, "hookwarden.config_hash");
    let mut bad = good.clone();
    bad["sources"][0]["mode"] = json!("disable");

    assert_eq!(xds::push(&proxy, &bad), Pushed::Rejected);
    assert_eq!(stat(&proxy, "lds.update_rejected"), 1);
    proxy.wait_for_log(&["configuration refused: ", "$.sources[0].mode"]);
    let dump = proxy.admin("/config_dump?resource=dynamic_listeners").text();
    assert!(dump.contains("error_state"), "Envoy keeps why: {dump}");
    assert_eq!(stat(&proxy, "hookwarden.config_hash"), before);
    proxy.passes(Protocol::Http1, &honest());
    proxy.denies(Protocol::Http1, &GITHUB.forged(b"{}"), "github", "signature_mismatch");

    // Corrected and pushed again: another configuration runs.
    bad["sources"][0]["mode"] = json!("disabled");
    assert_eq!(xds::push(&proxy, &bad), Pushed::Accepted);
    taken_over(&proxy, before);
    stopped(&proxy);
}
