//! The adapter over a fake host: on native targets the SDK's imports are plain C symbols, so this binary defines
//! them, and calls what the module exports. The real SDK and the real `src/abi.rs` run in between.
//!
//! Where a new test goes: below, if the adapter does something with the host that no other layer can see. What is
//! decided belongs into `core`, what Envoy does into `envoy`.

#![allow(unreachable_pub, reason = "nothing here is a library")]

#[allow(unsafe_code, reason = "the host's side of a C interface")]
#[path = "abi/host.rs"]
mod host;
#[path = "abi/once.rs"]
mod once;

// Nothing of them is named, only called: both are linked because of these two lines.
use {hookwarden as _, proxy_wasm as _};

use host::{Action, Level, Reads, Vm, on_a_fresh_vm};
use serde_json::{Value, json};

const SECRET: &str = "a-secret-of-sixteen-or-more";

fn source(name: &str, verify: Value) -> Value {
    json!({ "name": name, "match": { "path": format!("/{name}") }, "verify": verify })
}

fn check(provider: &str) -> Value {
    json!({ "provider": provider, "secrets": [{ "id": "2026-11", "value": SECRET }] })
}

fn config(sources: &[Value]) -> Value {
    json!({ "sources": sources })
}

fn github(body: &[u8]) -> String {
    use hmac::{KeyInit as _, Mac as _};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// A request that GitHub signed.
fn signed<'a>(vm: &'a Vm, body: &[u8]) -> host::Request<'a> {
    vm.request("/github", &[("x-hub-signature-256", github(body).as_bytes()), ("x-request-id", b"4711-abc")])
}

#[test]
fn a_denied_request_is_answered_and_nothing_of_it_goes_on() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&config(&[source("github", check("github"))])));
        let request = signed(vm, b"another body");
        assert_eq!(request.headers(false), Action::Pause);
        assert_eq!(request.body(b"body", true), Action::Pause);
        let answer = request.answer().expect("it is answered");
        assert_eq!((answer.status, answer.body.as_slice()), (401, &b"request denied\n"[..]));
        assert_eq!(answer.headers, [("content-type".to_owned(), "text/plain".to_owned())]);
        assert!(request.upstream().is_nothing());
        let line = r#"{"event":"denied","source":"github","code":"signature_mismatch","status":401,"client":"192.0.2.7:4711","request_id":"4711-abc"}"#;
        assert_eq!(vm.log(Level::Warn).last().map(String::as_str), Some(line));
        assert_eq!(request.filter_state().as_deref(), Some("source=github outcome=denied code=signature_mismatch"));
        assert_eq!(vm.metric("hookwarden.source.github.requests.denied"), Some(1));
        assert_eq!(vm.metric("hookwarden.source.github.denials.signature_mismatch"), Some(1));
        // What follows an answer stays where it is.
        assert_eq!(request.body(b"more", true), Action::Pause);
        assert_eq!(request.trailers(&[("x", "y")]), Action::Pause);
        assert!(request.upstream().is_nothing());
    });
}

#[test]
fn a_proved_request_goes_on_unchanged_but_for_who_it_is_from() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&config(&[source("github", check("github"))])));
        let body = b"a body in three pieces";
        let request = vm.request(
            "/github",
            &[
                ("x-hub-signature-256", github(body).as_bytes()),
                ("x-hookwarden-source", b"forged"),
                ("X-Hookwarden-Key-Id", b"forged"),
                ("x_hookwarden_event_id", b"forged"),
                ("x-other", b"kept"),
            ],
        );
        assert_eq!(request.headers(false), Action::Pause);
        assert_eq!(request.body(&body[..6], false), Action::Pause);
        assert_eq!(request.body(&body[6..7], false), Action::Pause);
        assert!(request.upstream().is_nothing(), "nothing goes on before the proof");
        assert_eq!(request.body(&body[7..], true), Action::Continue);
        let upstream = request.upstream();
        assert_eq!(upstream.body, body);
        assert_eq!(upstream.header("x-hookwarden-source"), [b"github"]);
        assert_eq!(upstream.header("x-hookwarden-key-id"), [b"2026-11"]);
        assert_eq!(upstream.header("x_hookwarden_event_id"), [b""; 0]);
        assert_eq!(upstream.header("x-other"), [b"kept"]);
        assert_eq!(request.answer(), None);
        assert_eq!(request.filter_state().as_deref(), Some("source=github outcome=passed key_id=2026-11"));
        assert_eq!(vm.metric("hookwarden.source.github.matches.2026-11"), Some(1));
        vm.tick();
        assert_eq!(vm.metric("hookwarden.bytes_hashed"), Some(body.len() as u64), "counted on the tick");
        assert!(vm.log(Level::Warn).iter().all(|line| !line.contains("\"event\"")), "a pass is no warning");
    });
}

#[test]
fn forged_identity_in_trailers_does_not_go_on() {
    on_a_fresh_vm(|vm| {
        let config = config(&[source("github", check("github"))]);
        assert!(vm.configure(&json!({ "unmatched": "allow", "sources": config["sources"] })));
        let forged = [("x-hookwarden-source", "forged"), ("X_Hookwarden_Key_Id", "forged"), ("x-checksum", "kept")];
        let proved = signed(vm, b"body");
        assert_eq!(proved.headers(false), Action::Pause);
        assert_eq!(proved.body(b"body", false), Action::Pause);
        assert_eq!(proved.trailers(&forged), Action::Continue);
        let unmatched = vm.request("/elsewhere", &[]);
        assert_eq!(unmatched.headers(false), Action::Continue);
        assert_eq!(unmatched.body(b"body", false), Action::Continue);
        assert_eq!(unmatched.trailers(&forged), Action::Continue);
        for request in [proved, unmatched] {
            assert_eq!(request.upstream().trailers, Some(vec![("x-checksum".to_owned(), b"kept".to_vec())]));
            assert_eq!(request.upstream().body, b"body");
        }
    });
}

#[test]
fn a_wrong_configuration_is_refused_with_every_path_and_no_value() {
    on_a_fresh_vm(|vm| {
        let wrong = json!({ "body_hold": "planted", "sources": [
            { "name": "github", "match": { "path": "planted" }, "verify": { "provider": "github", "secrets": [{ "value": "planted" }] } } ] });
        assert!(!vm.configure(&wrong));
        let log = vm.log(Level::Error);
        for path in ["$.body_hold: ", "$.sources[0].match.path: ", "$.sources[0].verify.secrets[0].value: "] {
            assert!(log.iter().any(|line| line.contains(path)), "{path} is not in {log:#?}");
        }
        assert!(!log.join("\n").contains("planted"), "{log:#?}");
        assert!(!vm.configure_with(b"{"), "what is no JSON is refused too");
    });
}

#[test]
fn a_request_without_a_configuration_is_refused() {
    on_a_fresh_vm(|vm| {
        let request = vm.request("/github", &[]);
        assert_eq!(request.headers(true), Action::Pause);
        let answer = request.answer().expect("it is answered");
        assert_eq!(answer.status, 503);
        assert!(answer.headers.contains(&("retry-after".to_owned(), "30".to_owned())));
        assert!(request.upstream().is_nothing());
    });
}

#[test]
fn a_new_configuration_is_for_new_requests_and_a_refused_one_for_none() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&config(&[source("github", check("github"))])));
        let old = signed(vm, b"body");
        assert_eq!(old.headers(false), Action::Pause);
        let disabled =
            json!({ "name": "github", "match": { "path": "/github" }, "mode": "disabled", "verify": check("github") });
        assert!(vm.configure(&config(&[disabled])));
        assert_eq!(old.body(b"body", true), Action::Continue, "what began under the old one ends under it");
        assert!(!vm.configure_with(b"{}"));
        let new = signed(vm, b"body");
        assert_eq!(new.headers(false), Action::Pause);
        assert_eq!(new.answer().map(|answer| answer.status), Some(503), "disabled stays");
    });
}

#[test]
fn header_values_that_are_no_text_stop_nothing_but_their_request() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&config(&[source("github", check("github")), source("bearer", check("bearer"))])));
        for value in [&b"\xff\xfe"[..], b"sha256=\xc3\x28", b"\x80", &[0xff; 5000]] {
            let in_proof = vm.request("/github", &[("x-hub-signature-256", value), ("x-request-id", value)]);
            assert_eq!(in_proof.headers(true), Action::Pause);
            assert_eq!(in_proof.answer().map(|answer| answer.status), Some(401));
            let elsewhere =
                vm.request("/bearer", &[("authorization", format!("Bearer {SECRET}").as_bytes()), ("x-other", value)]);
            assert_eq!(elsewhere.headers(true), Action::Continue);
            assert_eq!(elsewhere.upstream().header("x-other"), [value], "what is nobody's proof goes on as it is");
        }
        assert!(vm.log(Level::Warn).iter().all(|line| line.is_ascii()));
    });
}

#[test]
fn a_host_that_holds_headers_and_delivers_no_body_is_told_which_flag_is_missing() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&config(&[source("github", check("github"))])));
        assert!(vm.tick_period().is_some(), "the guard needs a clock");
        let request = signed(vm, b"body");
        assert_eq!(request.headers(false), Action::Pause);
        vm.pass_time(9);
        vm.tick();
        assert_eq!(request.answer(), None, "it is too early to give up");
        vm.pass_time(1);
        vm.tick();
        let answer = request.answer().expect("it is answered");
        assert_eq!(answer.status, 503);
        assert!(answer.headers.contains(&("retry-after".to_owned(), "30".to_owned())));
        let line = vm.log(Level::Warn).pop().expect("it is logged");
        assert!(
            line.contains("\"code\":\"hold_unsupported\"") && line.contains("allow_on_headers_stop_iteration"),
            "{line}"
        );
        assert_eq!(vm.metric("hookwarden.source.github.denials.hold_unsupported"), Some(1));
        assert_eq!(request.filter_state().as_deref(), Some("source=github outcome=denied code=hold_unsupported"));
        vm.pass_time(60);
        vm.tick();
        assert_eq!(request.answers(), 1, "once");
        assert_eq!(request.body(b"body", true), Action::Pause, "a body that comes after all stays where it is");
        assert_eq!(request.trailers(&[]), Action::Pause);
        assert!(request.upstream().is_nothing());
    });
}

#[test]
fn a_sender_who_is_slow_is_told_so_where_the_host_is_known_to_deliver_bodies() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&config(&[source("github", check("github"))])));
        let first = signed(vm, b"body");
        first.headers(false);
        assert_eq!(first.body(b"body", true), Action::Continue);
        let (slow, gone) = (signed(vm, b"body"), signed(vm, b"body"));
        slow.headers(false);
        gone.headers(false);
        gone.ends();
        vm.pass_time(59);
        vm.tick();
        assert_eq!(slow.answer(), None);
        vm.pass_time(1);
        vm.tick();
        assert_eq!(slow.answer().map(|answer| answer.status), Some(408));
        assert_eq!(gone.answers(), 0, "a request that is over is not answered");
    });
}

#[test]
fn metrics_are_defined_once_however_many_requests_come() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&config(&[source("github", check("github"))])));
        for round in 0..20 {
            let request = if round % 2 == 0 { signed(vm, b"body") } else { vm.request("/github", &[]) };
            request.headers(false);
            request.body(b"body", true);
            request.ends();
        }
        let mut names = vm.definitions();
        let defined = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), defined, "{names:?}");
        assert!(defined < 10, "{names:?}");
        assert_eq!(vm.metric("hookwarden.source.github.requests.passed"), Some(10));
        assert_eq!(vm.metric("hookwarden.source.github.denials.signature_missing"), Some(10));
    });
}

#[test]
fn a_flood_of_forgeries_is_no_flood_of_log_lines() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&config(&[source("github", check("github"))])));
        let forge = || {
            let request = vm.request("/github", &[]);
            request.headers(true);
            assert_eq!(request.answer().map(|answer| answer.status), Some(401), "every one is answered");
            request.ends();
        };
        let lines = || vm.log(Level::Warn).into_iter().filter(|line| line.contains("\"event\"")).collect::<Vec<_>>();
        (0..1_000).for_each(|_| forge());
        assert_eq!(lines().len(), 50);
        assert_eq!(vm.metric("hookwarden.source.github.requests.denied"), Some(1_000), "all are counted");
        vm.pass_time(1);
        forge();
        let line = lines().pop().expect("there is a line again");
        assert!(line.contains("\"suppressed\":950"), "{line}");
        (0..1_000).for_each(|_| forge());
        assert_eq!(lines().len(), 60, "ten a second");
    });
}

#[test]
fn a_host_that_gives_less_of_the_body_than_it_announced_is_no_proof() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&config(&[source("github", check("github"))])));
        for reads in [Reads::Nothing, Reads::Half, Reads::Empty] {
            let request = signed(vm, b"body");
            request.headers(false);
            vm.read_bodies(reads);
            assert_eq!(request.body(b"body", true), Action::Pause, "{reads:?}");
            vm.read_bodies(Reads::All);
            let answer = request.answer().expect("it is answered");
            assert_eq!(answer.status, 503, "{reads:?}");
            assert!(request.upstream().is_nothing(), "{reads:?}");
        }
        assert_eq!(vm.metric("hookwarden.source.github.denials.host_failure"), Some(3));
    });
}

#[test]
fn a_variable_that_is_missing_closes_its_own_source_and_says_so() {
    on_a_fresh_vm(|vm| {
        let missing = json!({ "provider": "github", "secrets": [{ "env": "HOOKWARDEN_TEST_THAT_NOBODY_SETS" }] });
        assert!(vm.configure(&config(&[source("closed", missing), source("github", check("github"))])));
        assert_eq!(vm.metric("hookwarden.sources_closed"), Some(1));
        let said = [vm.log(Level::Warn), vm.log(Level::Error)].concat().join("\n");
        assert!(
            said.contains("$.sources[0].verify.secrets[0].env") && said.contains("source closed is closed"),
            "{said}"
        );
        let closed = vm.request("/closed", &[("x-hub-signature-256", github(b"").as_bytes())]);
        assert_eq!(closed.headers(true), Action::Pause);
        assert_eq!(closed.answer().map(|answer| answer.status), Some(503));
        let open = signed(vm, b"body");
        open.headers(false);
        assert_eq!(open.body(b"body", true), Action::Continue);
    });
}

#[test]
fn secrets_that_end_within_a_week_are_counted_and_counted_again() {
    on_a_fresh_vm(|vm| {
        // The host's clock begins at 2023-11-14T22:13:20Z.
        let secrets = json!([{ "id": "soon", "value": SECRET, "not_after": "2023-11-20T00:00:00Z" },
            { "id": "later", "value": "another-secret-of-sixteen", "not_after": "2023-11-22T00:00:00Z" },
            { "id": "never", "value": "a-third-secret-of-sixteen" }]);
        assert!(vm.configure(&config(&[source("github", json!({ "provider": "github", "secrets": secrets }))])));
        assert_eq!(vm.metric("hookwarden.secrets_expiring"), Some(1));
        vm.pass_time(86_400);
        vm.tick();
        assert_eq!(vm.metric("hookwarden.secrets_expiring"), Some(2));
    });
}

#[test]
fn where_the_chain_holds_headers_go_on_and_the_body_waits() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&json!({ "body_hold": "chain", "sources": [source("github", check("github"))] })));
        for (body, goes_on) in [(b"body", true), (b"evil", false)] {
            let request = signed(vm, b"body");
            assert_eq!(request.headers(false), Action::Continue);
            assert_eq!(request.upstream().header("x-hookwarden-source"), [b"github"]);
            assert_eq!(request.body(&body[..2], false), Action::Pause);
            assert_eq!(request.upstream().body, b"", "the body waits for its proof");
            assert_eq!(request.body(&body[2..], true) == Action::Continue, goes_on);
            assert_eq!(request.upstream().body, if goes_on { &body[..] } else { b"" });
            assert_eq!(request.answer().is_some(), !goes_on);
            vm.pass_time(600);
            vm.tick();
            assert_eq!(request.answers(), usize::from(!goes_on), "the guard is for held headers only");
        }
    });
}

#[test]
fn more_header_lines_than_the_sdk_reads_are_refused_before_they_are_read() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&json!({ "unmatched": "allow", "sources": [source("github", check("github"))] })));
        let many: Vec<_> = (0..2_000).map(|at| format!("x-{at}")).collect();
        let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &b"v"[..])).collect();
        let request = vm.request("/elsewhere", &many);
        assert_eq!(request.headers(true), Action::Pause);
        assert_eq!(request.answer().map(|answer| answer.status), Some(431));
        let request = vm.request("/elsewhere", &many[..900]);
        assert_eq!(request.headers(true), Action::Continue);
    });
}

#[test]
fn basic_credentials_are_asked_for_and_never_written_down() {
    on_a_fresh_vm(|vm| {
        let basic = json!({ "provider": "basic", "secrets": [{ "value": "user:a-password-of-length" }] });
        let removes =
            json!({ "name": "basic", "match": { "path": "/basic" }, "remove_credentials": true, "verify": basic });
        assert!(vm.configure(&config(&[removes])));
        let wrong = vm.request("/basic", &[("authorization", b"Basic dXNlcjphLXdyb25nLXBhc3N3b3Jk")]);
        assert_eq!(wrong.headers(false), Action::Pause);
        let answer = wrong.answer().expect("it is answered");
        assert_eq!(answer.status, 401);
        assert!(answer.headers.contains(&("www-authenticate".to_owned(), "Basic realm=\"hookwarden\"".to_owned())));
        let right = vm.request("/basic", &[("authorization", b"Basic dXNlcjphLXBhc3N3b3JkLW9mLWxlbmd0aA==")]);
        assert_eq!(right.headers(false), Action::Continue);
        assert_eq!(right.upstream().header("authorization"), [b""; 0]);
        let said = vm.everything_said();
        assert!(!said.contains("password") && !said.contains("dXNlc"), "{said}");
    });
}
