//! The shipped alert rules and dashboard: promtool tests the rules, and a real Prometheus that scrapes a real Envoy under
//! traffic of every outcome runs every query.

use serde_json::{Value, json};

use crate::fleet::{CLUSTER, with_store};
use crate::harness::client::{Protocol, Request, TIMEOUT};
use crate::harness::prometheus::{self, Prometheus};
use crate::harness::senders::{self, GITHUB};
use crate::harness::setups::{guarded, unused_address};
use crate::harness::upstream::BEHAVIOUR;
use crate::harness::xds::{self, Pushed};
use crate::harness::{Proxy, bootstrap, honest, wait_for};

const ABSENT: &str = "HOOKWARDEN_TEST_ABSENT";
const VERIFY_TOKEN: &str = "verify-token-of-the-test-77e0";

/// The queries of the dashboard that nothing in this test raises above 0: a VM that stopped, and a claim that was lost.
const QUIET: [&str; 2] = ["_vm_reload", "_replay_stuck"];

/// What fires, or is about to, after the traffic.
const RAISED: [&str; 12] = [
    "HookwardenClock",
    "HookwardenConfigurationRefused",
    "HookwardenDisabled",
    "HookwardenDuplicates",
    "HookwardenOnlyObserves",
    "HookwardenReplayFull",
    "HookwardenReplayUnavailable",
    "HookwardenSecretExpires",
    "HookwardenSecretUnavailable",
    "HookwardenSenderRefused",
    "HookwardenSourceClosed",
    "HookwardenStoreFails",
];

#[test]
fn promtool_accepts_the_rules_and_their_unit_tests() {
    let Some(checked) = prometheus::promtool(&["check", "rules", "alerts.yaml"]) else { return };
    assert!(checked.contains("rules found"), "{checked}");
    let tested = prometheus::promtool(&["test", "rules", "alerts.test.yaml"]).expect("it is there");
    assert!(tested.contains("SUCCESS"), "{tested}");
    // Prometheus itself accepts the configuration, and the rules that it names.
    prometheus::promtool(&["check", "config", "prometheus.yaml"]);
    let [rules, tests] = ["alerts.yaml", "alerts.test.yaml"].map(shipped);
    for (name, _) in alerts(&rules) {
        let test = tests["tests"].as_array().into_iter().flatten().find(|test| test["name"] == name.as_str());
        let fires = test.is_some_and(|test| test["alert_rule_test"][1]["exp_alerts"][0].is_object());
        assert!(fires, "no test shows that {name} fires");
    }
}

fn shipped(name: &str) -> Value {
    bootstrap::read(&format!("{}/envoy/monitoring/{name}", env!("CARGO_MANIFEST_DIR")))
}

/// The name and the expression of each alert.
fn alerts(rules: &Value) -> Vec<(String, String)> {
    let rules = rules["groups"][0]["rules"].as_array().expect("a list of rules");
    let text = |rule: &Value, member: &str| rule[member].as_str().expect("text").to_owned();
    rules.iter().map(|rule| (text(rule, "alert"), text(rule, "expr"))).collect()
}

fn plugin() -> Value {
    let replay = |more: Value| {
        let mut replay = json!({"window": "1h", "duplicate": 409});
        more.as_object().into_iter().flatten().for_each(|(key, value)| replay[key] = value.clone());
        json!({ "replay": replay })
    };
    let mut closed = guarded("closed", json!({}));
    closed["verify"]["secrets"] = json!([{"env": ABSENT}]);
    let mut expiring = guarded("expiring", json!({}));
    expiring["verify"]["secrets"][0]["not_after"] = json!("2020-01-01T00:00:00Z");
    let mut live = guarded("live", json!({}));
    live["verify"]["secrets"] = json!([{"id": "live", "filter_state": "nothing.sets.this"}]);
    let mut stripe = guarded("stripe", json!({}));
    stripe["verify"] = json!({"provider": "stripe", "secrets": [{"value": GITHUB.secret}]});
    let mut meta = guarded("meta", json!({"handshake": {"verify_token": VERIFY_TOKEN}}));
    meta["verify"]["provider"] = json!("meta");
    json!({ "sources": [
        guarded("github", json!({})),
        guarded("observed", json!({"mode": "observe"})),
        guarded("disabled", json!({"mode": "disabled"})),
        guarded("limited", json!({"rate_limit": {"requests": 1, "per": "1h"}})),
        guarded("flooded", json!({"flood_limit": {"failures": 1, "per": "1h"}})),
        guarded("elsewhere", json!({"allow_from": ["192.0.2.0/24"]})),
        guarded("secure", json!({"transport": {"https": true}})),
        guarded("once", replay(json!({}))),
        guarded("full", replay(json!({"entries": 1}))),
        guarded("ring", replay(json!({"entries": 1, "when_full": "drop_oldest"}))),
        guarded("marked", replay(json!({"duplicate": "pass"}))),
        guarded("stored", replay(json!({"store": {"kind": "rest", "cluster": CLUSTER}}))),
        closed, expiring, live, stripe, meta,
    ]})
}

/// Requests of every outcome that a test can cause from outside.
fn send_everything(proxy: &Proxy) {
    let send = |request: Request| request.send(proxy.address, Protocol::Http1).status;
    let at = |source: &str| honest().at(&format!("/hooks/{source}"));
    let forged = |source: &str| GITHUB.forged(b"{}").at(&format!("/hooks/{source}"));
    assert_eq!(send(honest()), 200);
    assert_eq!(send(forged("github")), 401);
    assert_eq!(send(forged("github")), 401);
    assert_eq!(send(forged("observed")), 200);
    assert_eq!(send(at("disabled")), 503);
    assert_eq!(send(at("closed")), 503);
    assert_eq!(send(at("expiring")), 401);
    assert_eq!(send(at("live")), 503);
    assert_eq!(send(at("limited")), 200);
    assert_eq!(send(at("limited")), 429);
    let flooded = [send(forged("flooded")), send(forged("flooded"))];
    assert!(flooded.contains(&429) || send(forged("flooded")) == 429, "{flooded:?}");
    assert_eq!(send(at("elsewhere")), 403);
    assert_eq!(send(at("secure")), 403);
    let event = at("once");
    assert_eq!(send(event.clone()), 200);
    for _ in 0..5 {
        assert_eq!(send(event.clone()), 409);
    }
    assert_eq!(send(at("once").with(BEHAVIOUR, "503")), 503);
    assert_eq!([send(at("full")), send(at("full"))], [200, 503]);
    assert_eq!([send(at("ring")), send(at("ring"))], [200, 200]);
    let event = at("marked");
    assert_eq!([send(event.clone()), send(event)], [200, 200]);
    assert_eq!(send(at("stored")), 503);
    let now = senders::now();
    let stripe = |time: u64| senders::stripe_at(&time.to_string(), "/hooks/stripe", GITHUB.secret, b"{}");
    assert_eq!([send(stripe(now - 2)), send(stripe(now - 3600))], [200, 401]);
    let handshake = format!("/hooks/meta?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={VERIFY_TOKEN}");
    assert_eq!(send(Request { method: "GET", ..Request::post(handshake, "") }), 200);
    assert_eq!(send(Request::post("/nowhere", "{}")), 404);
    assert_eq!(send(Request::post("/x/../hooks/github", "{}")), 400);
}

/// More of what histograms measure: only a value after the first scrape is in a rate.
fn send_more(proxy: &Proxy) {
    let stripe = senders::stripe_at(&(senders::now() - 2).to_string(), "/hooks/stripe", GITHUB.secret, b"{}");
    for request in [honest(), stripe, honest().at("/hooks/stored")] {
        request.send(proxy.address, Protocol::Http1);
    }
}

#[test]
fn every_query_of_the_dashboard_and_of_the_rules_has_an_answer_under_traffic() {
    let mut setup = with_store(plugin(), unused_address());
    setup.absent = vec![ABSENT.to_owned()];
    let Some(proxy) = Proxy::start(&xds::with_dynamic_listeners(setup)) else { return };
    // Everything that a rule needs is there before the first request.
    let Some(prometheus) = Prometheus::start(proxy.admin_address()) else { return };
    let rules = shipped("alerts.yaml");
    for (name, expression) in alerts(&rules) {
        for side in sides(&expression) {
            let answered = wait_for(TIMEOUT, || prometheus.try_query(&side).ok().filter(|series| !series.is_empty()));
            // A rate needs two samples; a histogram, observations.
            assert!(answered.is_some(), "{name}: nothing answers {side} before the first request");
        }
    }
    send_everything(&proxy);
    assert_eq!(xds::push(&proxy, &json!({"sources": []})), Pushed::Rejected);

    let dashboard = shipped("dashboard.json");
    let panels = dashboard["panels"].as_array().expect("a list of panels");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let queries: Vec<&str> = targets.filter_map(|target| target["expr"].as_str()).collect();
    assert!(queries.len() > 20, "{queries:?}");
    for query in queries {
        let query = query.replace("$source", ".*").replace("$__rate_interval", "5m");
        assert!(!query.contains('$'), "{query}: an unknown variable");
        let is_quiet = QUIET.iter().any(|metric| query.contains(metric));
        let mut last = Err(String::new());
        let answered = wait_for(TIMEOUT, || {
            last = prometheus.try_query(&query);
            let series = last.as_ref().ok()?;
            let values: Vec<f64> =
                series.iter().filter_map(|series| series["value"][1].as_str()?.parse().ok()).collect();
            let is_good = !values.is_empty() && (is_quiet || values.iter().any(|value| *value > 0.0));
            if !is_good {
                send_more(&proxy);
            }
            is_good.then_some(())
        });
        assert!(answered.is_some(), "{query}: {last:?}");
    }
    let raised = wait_for(TIMEOUT, || (prometheus.alerts() == RAISED).then_some(()));
    assert!(raised.is_some(), "raised are {:?}", prometheus.alerts());
}

/// The vectors that an expression compares or joins, or that it says are absent.
fn sides(expression: &str) -> Vec<String> {
    let text = expression.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.replace(" or vector(0)", "").replace("absent(", "sum(");
    let sides = text.split(" > ").flat_map(|side| side.split(" or ")).map(str::to_owned);
    sides
        .filter(|side| side.parse::<f64>().is_err() && side.contains('('))
        .map(|side| side.replacen("0 or ", "", 1))
        .collect()
}
