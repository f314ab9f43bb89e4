//! Live secrets through the adapter: filter state, calls on ticks, and their answers.

use serde_json::{Value, json};

use crate::host::{Action, Level, Vm, on_a_fresh_vm};
use crate::{SECRET, config, signed, source};

const DOCUMENT: &str = r#"{"data":{"current":"a-secret-of-sixteen-or-more"}}"#;

fn live(secret: &Value) -> Value {
    config(&[source("github", json!({ "provider": "github", "secrets": [secret] }))])
}

fn fetched(max_body_bytes: u32) -> Value {
    let http =
        json!({ "cluster": "vault", "path": "/v1", "pointer": "/data/current", "refresh": "1m", "max_age": "10m" });
    let mut configuration = live(&json!({ "id": "current", "http": http }));
    configuration["sources"][0]["max_body_bytes"] = json!(max_body_bytes);
    configuration
}

/// The status of the answer to a signed request; `None` if it is forwarded.
fn send(vm: &Vm) -> Option<u32> {
    let request = signed(vm, b"body");
    if request.headers(false) == Action::Pause && request.answer().is_none() {
        request.body(b"body", true);
    }
    let status = request.answer().map(|answer| answer.status);
    assert_eq!(status.is_some(), request.upstream().is_nothing());
    status
}

#[test]
fn a_secret_is_read_out_of_filter_state() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&live(&json!({ "filter_state": "hw.github" }))));
        assert_eq!(send(vm), Some(503));
        vm.set_filter_state("hw.github", SECRET);
        assert_eq!(send(vm), None);
        vm.set_filter_state("hw.github", "another-secret-of-length");
        assert_eq!(send(vm), Some(401));
        vm.refuse("proxy_get_property");
        assert_eq!(send(vm), Some(503));
        assert!(!vm.everything_said().contains(SECRET));
    });
}

#[test]
fn a_tick_fetches_and_the_answer_opens_the_source() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&fetched(1000)));
        assert_eq!(send(vm), Some(503));
        assert!(vm.calls().is_empty(), "a request fetches nothing");
        vm.tick();
        let [call] = vm.calls().try_into().expect("one call");
        assert_eq!((call.cluster.as_str(), call.timeout), ("vault", 5000));
        assert!(call.headers.contains(&(":path".to_owned(), "/v1".to_owned())));
        vm.tick();
        assert_eq!(vm.calls().len(), 1, "it is under way");
        vm.answer_call(1, Some((200, DOCUMENT)));
        assert_eq!(send(vm), None);
        vm.pass_time(10);
        vm.tick();
        assert_eq!(vm.metric("hookwarden.source.github.live_age_seconds.current"), Some(10));
        assert!(!vm.everything_said().contains(SECRET));
    });
}

#[test]
fn an_answer_belongs_to_the_configuration_that_asked() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&fetched(1000)));
        vm.tick();
        assert!(vm.configure(&fetched(2000)));
        vm.tick();
        assert_eq!(vm.calls().len(), 1, "the call of the former configuration is under way");
        vm.answer_call(1, Some((200, DOCUMENT)));
        assert_eq!(send(vm), Some(503), "this one learns of it with its next tick");
        vm.tick();
        assert_eq!(send(vm), None);
    });
}

#[test]
fn every_failure_is_counted_and_the_first_one_logged() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&fetched(1000)));
        vm.tick();
        vm.answer_call(1, None);
        for answer in [Some((500, DOCUMENT)), Some((200, "")), Some((200, "{}")), None] {
            vm.pass_time(61);
            vm.tick();
            vm.answer_call(vm.calls().len(), answer);
            assert_eq!(send(vm), Some(503));
        }
        assert_eq!(vm.metric("hookwarden.source.github.live_failures.current"), Some(5));
        let warnings = vm.log(Level::Warn);
        assert_eq!(warnings.iter().filter(|line| line.contains("fetching current from the cluster vault")).count(), 1);
        assert_eq!(vm.log(Level::Error).iter().filter(|line| line.contains("is not there or too old")).count(), 1);
        vm.pass_time(61);
        vm.tick();
        vm.answer_call(vm.calls().len(), Some((200, DOCUMENT)));
        assert_eq!(send(vm), None);
    });
}

#[test]
fn a_cluster_that_is_missing_is_a_failure_like_any_other() {
    on_a_fresh_vm(|vm| {
        vm.take_cluster_away();
        assert!(vm.configure(&fetched(1000)));
        vm.tick();
        vm.pass_time(1);
        vm.tick();
        assert_eq!(vm.metric("hookwarden.source.github.live_failures.current"), Some(2));
        assert_eq!(send(vm), Some(503));
    });
}
