//! Replays through the adapter: shared data, calls to a store, and the upstream's answer.

use serde_json::{Value, json};

use crate::host::{Action, Call, Request, Vm, on_a_fresh_vm};
use crate::{check, config, signed, source};

fn replayed(replay: Value) -> Value {
    let mut source = source("github", check("github"));
    source["replay"] = replay;
    config(&[source])
}

fn with_store(unavailable: &str) -> Value {
    let store = json!({ "cluster": "events", "timeout": "300ms", "unavailable": unavailable });
    replayed(json!({ "window": "1h", "duplicate": 409, "store": store }))
}

/// Sends a signed body as far as its verdict.
fn send<'a>(vm: &'a Vm, body: &[u8]) -> (Request<'a>, Action) {
    let request = signed(vm, body);
    assert_eq!(request.headers(false), Action::Pause);
    let action = request.body(body, true);
    (request, action)
}

/// Answers a call as Webdis does: wrapped in the function name that the call chose.
fn answer_store(vm: &Vm, number: usize, json: &str) {
    let calls = vm.calls();
    let path = calls[number - 1].headers.iter().find(|(name, _)| name == ":path").map_or("", |(_, value)| value);
    let (_, name) = path.split_once("?jsonp=").expect("the call chooses a name");
    vm.answer_call(number, Some((200, &format!("{name}({json});\n"))));
}

#[test]
fn an_event_passes_once_and_again_after_the_upstream_failed() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&replayed(json!({ "window": "1h" }))));
        let (first, action) = send(vm, b"one");
        assert_eq!(action, Action::Continue);
        assert_eq!(vm.metric("hookwarden.source.github.replay.remembered"), Some(1));
        let (again, action) = send(vm, b"one");
        assert_eq!(action, Action::Pause);
        let answer = again.answer().expect("it is answered");
        let mark = ("x-hookwarden-duplicate".to_owned(), "true".to_owned());
        assert_eq!((answer.status, answer.headers, answer.body), (200, vec![mark], Vec::new()));
        assert!(again.upstream().is_nothing());

        assert_eq!(first.response(503, true), Action::Continue);
        assert_eq!(vm.metric("hookwarden.source.github.replay.remembered"), Some(0));
        assert_eq!(vm.metric("hookwarden.source.github.replay.given_back"), Some(1));
        let (retry, action) = send(vm, b"one");
        assert_eq!(action, Action::Continue);
        assert_eq!(retry.response(404, true), Action::Continue);
        let (retry, action) = send(vm, b"one");
        assert_eq!(action, Action::Continue, "anything but a success gives the claim back");
        assert_eq!(retry.response(202, true), Action::Continue);
        assert_eq!(send(vm, b"one").1, Action::Pause, "a success keeps it");
    });
}

#[test]
fn a_local_reply_gives_the_claim_back() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&replayed(json!({ "window": "1h" }))));
        let (first, _) = send(vm, b"one");
        assert_eq!(first.response(429, false), Action::Continue, "a filter behind ours refused it");
        assert_eq!(send(vm, b"one").1, Action::Continue);
    });
}

#[test]
fn claims_survive_a_new_configuration() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&replayed(json!({ "window": "1h", "entries": 10 }))));
        assert_eq!(send(vm, b"one").1, Action::Continue);
        assert!(vm.configure(&replayed(json!({ "window": "1h", "entries": 100_000 }))));
        assert_eq!(send(vm, b"one").1, Action::Pause);
    });
}

#[test]
fn a_shared_store_decides_and_gets_no_id_in_plain_text() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&with_store("refuse")));
        let (first, action) = send(vm, b"one");
        assert_eq!(action, Action::Pause);
        assert!(first.upstream().is_nothing(), "nothing is forwarded before the store answers");
        let calls = vm.calls();
        let [Call { cluster, headers, timeout, .. }] = calls.as_slice() else { panic!("one call: {calls:?}") };
        assert_eq!((cluster.as_str(), *timeout), ("events", 300));
        let path = headers.iter().find(|(name, _)| name == ":path").map_or("", |(_, value)| value);
        let (command, name) = path.split_once("?jsonp=").expect("the call chooses a name");
        let key = command.strip_prefix("/SET/hookwarden:").and_then(|rest| rest.strip_suffix("/1/NX/EX/3600"));
        assert!(key.is_some_and(|key| key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit())), "{path}");
        assert_eq!(Some(name), key);

        answer_store(vm, 1, r#"{"SET":[true,"OK"]}"#);
        assert_eq!(first.resumed(), (true, false));
        assert_eq!(first.upstream().header("x-hookwarden-source"), [b"github"]);
        assert_eq!(first.upstream().body, b"one");

        let (other, _) = send(vm, b"two");
        answer_store(vm, 2, r#"{"SET":null}"#);
        assert_eq!(other.answer().map(|answer| answer.status), Some(409));
        assert!(other.upstream().is_nothing());
    });
}

#[test]
fn forged_identity_in_trailers_is_not_forwarded_during_a_store_call() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&with_store("refuse")));
        let request = signed(vm, b"one");
        assert_eq!(request.headers(false), Action::Pause);
        assert_eq!(request.body(b"one", false), Action::Pause);
        assert_eq!(request.trailers(&[("x-hookwarden-source", "forged"), ("x-checksum", "kept")]), Action::Pause);
        answer_store(vm, 1, r#"{"SET":[true,"OK"]}"#);
        assert_eq!(request.resumed(), (true, false));
        assert_eq!(request.pending_trailers(), ["x-checksum"]);
    });
}

#[test]
fn the_response_waits_until_the_claim_is_given_back() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&with_store("refuse")));
        let (first, _) = send(vm, b"one");
        answer_store(vm, 1, r#"{"SET":[true,"OK"]}"#);
        assert_eq!(first.response(500, true), Action::Pause);
        assert_eq!(first.response_body(), Action::Pause);
        assert_eq!(vm.calls().len(), 2);
        assert_eq!(first.resumed(), (true, false));
        answer_store(vm, 2, r#"{"DEL":1}"#);
        assert_eq!(first.resumed(), (true, true));
        assert_eq!(vm.metric("hookwarden.source.github.replay.given_back"), Some(1));
        assert_eq!(vm.metric("hookwarden.source.github.replay.stuck"), Some(0));
    });
}

#[test]
fn without_an_answer_of_the_store_the_request_is_refused_or_local_memory_decides() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&with_store("refuse")));
        let (first, _) = send(vm, b"one");
        vm.answer_call(1, None);
        assert_eq!(first.answer().map(|answer| answer.status), Some(503));
        assert!(first.upstream().is_nothing());
        let (retry, _) = send(vm, b"one");
        assert_eq!(vm.calls().len(), 2, "a refused claim is not remembered here");
        vm.answer_call(2, Some((500, "")));
        assert_eq!(retry.answer().map(|answer| answer.status), Some(503));

        assert!(vm.configure(&with_store("local")));
        let (first, _) = send(vm, b"one");
        vm.answer_call(3, None);
        assert_eq!(first.resumed(), (true, false));
        let (again, _) = send(vm, b"one");
        assert_eq!(again.answer().map(|answer| answer.status), Some(409));
        assert_eq!(vm.calls().len(), 3, "an event that this proxy remembers needs no call");
        assert_eq!(vm.metric("hookwarden.source.github.replay.store_failures"), Some(3));
    });
}

#[test]
fn an_answer_to_another_call_does_not_count() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&with_store("refuse")));
        let (first, _) = send(vm, b"one");
        let (second, _) = send(vm, b"two");
        let name = |number: usize| {
            let calls = vm.calls();
            let path =
                calls[number - 1].headers.iter().find(|(name, _)| name == ":path").map(|(_, value)| value.clone());
            path.and_then(|path| Some(path.split_once("?jsonp=")?.1.to_owned())).expect("the call chooses a name")
        };
        for (number, request, other) in [(1, &first, name(2)), (2, &second, name(1))] {
            vm.answer_call(number, Some((200, &format!("{other}({{\"SET\":[true,\"OK\"]}});\n"))));
            assert_eq!(request.answer().map(|answer| answer.status), Some(503));
            assert!(request.upstream().is_nothing());
        }
    });
}

#[test]
fn a_rest_service_is_called_without_a_callback_name() {
    on_a_fresh_vm(|vm| {
        let store = json!({ "kind": "rest", "cluster": "events" });
        assert!(vm.configure(&replayed(json!({ "window": "1h", "duplicate": 409, "store": store }))));
        let (first, _) = send(vm, b"one");
        let calls = vm.calls();
        assert!(calls[0].headers.iter().any(|(name, value)| name == ":path" && value.ends_with("/1/NX/EX/3600")));
        vm.answer_call(1, Some((200, r#"{"result":"OK"}"#)));
        assert_eq!(first.resumed(), (true, false));
        let (other, _) = send(vm, b"two");
        vm.answer_call(2, Some((200, r#"{"result":null}"#)));
        assert_eq!(other.answer().map(|answer| answer.status), Some(409));
    });
}

#[test]
fn a_failed_call_to_the_store_counts_as_no_answer() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&with_store("refuse")));
        vm.take_cluster_away();
        let (request, action) = send(vm, b"one");
        assert_eq!(action, Action::Pause);
        assert_eq!(request.answer().map(|answer| answer.status), Some(503));
    });
}

#[test]
fn a_sender_that_disconnects_during_a_store_call_leaves_no_claim() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&with_store("local")));
        let (gone, _) = send(vm, b"one");
        gone.ends();
        assert_eq!(vm.metric("hookwarden.source.github.replay.remembered"), Some(0));
        let (retry, _) = send(vm, b"one");
        assert_eq!(vm.calls().len(), 2, "the retry causes another call");
        answer_store(vm, 2, r#"{"SET":[true,"OK"]}"#);
        assert_eq!(retry.resumed(), (true, false));
    });
}

#[test]
fn a_response_before_the_stores_answer_waits_for_it() {
    on_a_fresh_vm(|vm| {
        let mut configuration = with_store("refuse");
        configuration["sources"][0]["mode"] = json!("observe");
        assert!(vm.configure(&configuration));
        // An observing source forwards the headers and pieces of the body.
        for (number, status) in [(1, 200), (2, 503)] {
            let request = signed(vm, format!("{number}").as_bytes());
            assert_eq!(request.headers(false), Action::Continue);
            assert_eq!(request.body(format!("{number}").as_bytes(), true), Action::Pause);
            assert_eq!(request.response(status, true), Action::Pause);
            assert_eq!(request.response_body(), Action::Pause);
            answer_store(vm, number, r#"{"SET":[true,"OK"]}"#);
            assert_eq!(request.resumed(), (true, status == 200));
            assert_eq!(vm.metric("hookwarden.source.github.requests.passed"), Some(number as u64));
        }
        assert_eq!(vm.calls().len(), 3, "a failed event is given back");
        let duplicate = signed(vm, b"1");
        duplicate.headers(false);
        assert_eq!(duplicate.body(b"1", true), Action::Continue);
        assert_eq!(vm.metric("hookwarden.source.github.denials.duplicate"), Some(1));
    });
}

#[test]
fn an_upload_aborted_after_verification_leaves_no_claim() {
    on_a_fresh_vm(|vm| {
        let mut bearer = source("bearer", check("bearer"));
        bearer["replay"] = json!({ "window": "1h", "id": "header:x-id", "insecure_unsigned_id": true });
        assert!(vm.configure(&config(&[bearer])));
        let token = format!("Bearer {}", crate::SECRET);
        let send = || vm.request("/bearer", &[("authorization", token.as_bytes()), ("x-id", b"1")]);
        let broken = send();
        assert_eq!(broken.headers(false), Action::Continue, "the headers are the whole proof");
        assert_eq!(broken.body(b"half", false), Action::Continue);
        broken.ends();
        let retry = send();
        assert_eq!(retry.headers(false), Action::Continue);
        assert_eq!(retry.body(b"whole", true), Action::Continue);
        retry.ends();
        assert_eq!(send().headers(false), Action::Pause, "a complete request keeps its claim");
    });
}

#[test]
fn a_local_reply_during_a_store_call_is_not_held_and_nothing_is_forwarded() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&with_store("refuse")));
        let (request, _) = send(vm, b"one");
        assert_eq!(request.response(504, false), Action::Continue);
        answer_store(vm, 1, r#"{"SET":[true,"OK"]}"#);
        assert_eq!(request.resumed(), (false, false));
        assert!(request.upstream().is_nothing());
        assert_eq!(vm.metric("hookwarden.source.github.replay.remembered"), Some(0));
    });
}

#[test]
fn a_claim_that_the_store_may_have_is_counted_if_the_upstream_fails() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&with_store("local")));
        let (request, _) = send(vm, b"one");
        vm.answer_call(1, None);
        assert_eq!(request.resumed(), (true, false));
        assert_eq!(request.response(503, true), Action::Continue);
        assert_eq!(vm.calls().len(), 1, "a claim that may belong to another request is not deleted");
        assert_eq!(vm.metric("hookwarden.source.github.replay.stuck"), Some(1));
    });
}
