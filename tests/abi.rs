//! The adapter over a fake host: on native targets the SDK's imports are plain C symbols, so this binary defines them
//! and calls the module's exports. The real SDK and the real `src/abi` run in between.
//!
//! Where a new test goes: here, if it is about an interaction of the adapter with the host that no other layer can see.
//! Decisions are tested in `core`, the behaviour of Envoy in `envoy`.

#![allow(unreachable_pub, reason = "nothing here is a library")]

#[path = "abi/header_map.rs"]
mod header_map;
#[allow(unsafe_code, reason = "the host's side of a C interface")]
#[path = "abi/host/mod.rs"]
mod host;
#[path = "abi/host_calls.rs"]
mod host_calls;
#[path = "abi/live.rs"]
mod live;
#[path = "abi/once.rs"]
mod once;
#[path = "abi/refusals.rs"]
mod refusals;
#[path = "core/second_opinion.rs"]
mod second_opinion;
#[path = "abi/signatures.rs"]
mod signatures;
#[path = "abi/waiting.rs"]
mod waiting;

// Both are only called through C symbols; these two lines link them.
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
fn a_denied_request_is_answered_and_nothing_of_it_is_forwarded() {
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
        // Data after an answer is not forwarded.
        assert_eq!(request.body(b"more", true), Action::Pause);
        assert_eq!(request.trailers(&[("x", "y")]), Action::Pause);
        assert!(request.upstream().is_nothing());
    });
}

#[test]
fn a_verified_request_is_forwarded_unchanged_except_for_identity_headers() {
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
        assert!(request.upstream().is_nothing(), "nothing is forwarded before it is verified");
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
        assert!(
            vm.log(Level::Warn).iter().all(|line| !line.contains("\"event\"")),
            "accepting a request logs no warning"
        );
    });
}

#[test]
fn forged_identity_in_trailers_is_not_forwarded() {
    on_a_fresh_vm(|vm| {
        let config = config(&[source("github", check("github"))]);
        assert!(vm.configure(&json!({ "unmatched": "allow", "sources": config["sources"] })));
        let forged = [("x-hookwarden-source", "forged"), ("X_Hookwarden_Key_Id", "forged"), ("x-checksum", "kept")];
        let verified = signed(vm, b"body");
        assert_eq!(verified.headers(false), Action::Pause);
        assert_eq!(verified.body(b"body", false), Action::Pause);
        assert_eq!(verified.trailers(&forged), Action::Continue);
        let unmatched = vm.request("/elsewhere", &[]);
        assert_eq!(unmatched.headers(false), Action::Continue);
        assert_eq!(unmatched.body(b"body", false), Action::Continue);
        assert_eq!(unmatched.trailers(&forged), Action::Continue);
        for request in [verified, unmatched] {
            assert_eq!(request.upstream().trailers, Some(vec![("x-checksum".to_owned(), b"kept".to_vec())]));
            assert_eq!(request.upstream().body, b"body");
        }
    });
}

#[test]
fn an_invalid_configuration_is_refused_with_every_path_and_no_value() {
    on_a_fresh_vm(|vm| {
        let wrong = json!({ "body_hold": "planted", "sources": [
            { "name": "github", "match": { "path": "planted" }, "verify": { "provider": "github", "secrets": [{ "value": "planted" }] } } ] });
        assert!(!vm.configure(&wrong));
        let log = vm.log(Level::Error);
        for path in ["$.body_hold: ", "$.sources[0].match.path: ", "$.sources[0].verify.secrets[0].value: "] {
            assert!(log.iter().any(|line| line.contains(path)), "{path} is not in {log:#?}");
        }
        assert!(!log.join("\n").contains("planted"), "{log:#?}");
        assert!(!vm.configure_with(b"{"), "anything but JSON is refused too");
    });
}

#[test]
fn a_refused_configuration_logs_its_warnings_too() {
    on_a_fresh_vm(|vm| {
        let secrets = json!([{ "value": "twelve-bytes" }]);
        let source = source("github", json!({ "provider": "github", "secrets": secrets }));
        let mut wrong = config(&[source]);
        wrong["body_hold"] = json!("nobody");
        assert!(!vm.configure(&wrong));
        let warnings = vm.log(Level::Warn).join("\n");
        assert!(warnings.contains("$.sources[0].verify.secrets[0].value: is shorter than 16 bytes"), "{warnings}");
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
fn a_flood_on_one_source_hides_no_line_of_another() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&config(&[source("github", check("github")), source("other", check("github"))])));
        for _ in 0..1_000 {
            let request = vm.request("/github", &[]);
            request.headers(true);
            request.ends();
        }
        vm.request("/other", &[]).headers(true);
        vm.request("/elsewhere/\"x?token=planted", &[]).headers(true);
        let lines = vm.log(Level::Warn);
        assert!(lines.iter().any(|line| line.contains(r#""source":"other""#)), "{lines:?}");
        let last = lines.last().cloned().unwrap_or_default();
        assert!(last.contains(r#""code":"unmatched""#) && last.contains(r#""path":"/elsewhere/\"x""#), "{last}");
        assert!(!vm.everything_said().contains("planted"));
    });
}

#[test]
fn a_new_configuration_applies_to_new_requests_and_a_refused_one_to_none() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&config(&[source("github", check("github"))])));
        let old = signed(vm, b"body");
        assert_eq!(old.headers(false), Action::Pause);
        let disabled =
            json!({ "name": "github", "match": { "path": "/github" }, "mode": "disabled", "verify": check("github") });
        assert!(vm.configure(&config(&[disabled])));
        assert_eq!(old.body(b"body", true), Action::Continue, "a request that began under the old one ends under it");
        assert!(!vm.configure_with(b"{}"));
        let new = signed(vm, b"body");
        assert_eq!(new.headers(false), Action::Pause);
        assert_eq!(new.answer().map(|answer| answer.status), Some(503), "disabled stays");
    });
}

#[test]
fn header_values_that_are_not_text_affect_only_their_request() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&config(&[source("github", check("github")), source("bearer", check("bearer"))])));
        for value in [&b"\xff\xfe"[..], b"sha256=\xc3\x28", b"\x80", &[0xff; 5000]] {
            let in_proof = vm.request("/github", &[("x-hub-signature-256", value), ("x-request-id", value)]);
            assert_eq!(in_proof.headers(true), Action::Pause);
            assert_eq!(in_proof.answer().map(|answer| answer.status), Some(401));
            let elsewhere =
                vm.request("/bearer", &[("authorization", format!("Bearer {SECRET}").as_bytes()), ("x-other", value)]);
            assert_eq!(elsewhere.headers(true), Action::Continue);
            assert_eq!(elsewhere.upstream().header("x-other"), [value], "other headers are forwarded unchanged");
        }
        assert!(vm.log(Level::Warn).iter().all(|line| line.is_ascii()));
    });
}

#[test]
fn if_the_host_delivers_no_body_the_log_names_the_missing_flag() {
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
        assert_eq!(request.body(b"body", true), Action::Pause, "a late body is not forwarded");
        assert_eq!(request.trailers(&[]), Action::Pause);
        assert!(request.upstream().is_nothing());
    });
}

#[test]
fn a_slow_sender_gets_408_if_the_host_is_known_to_deliver_bodies() {
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
        assert_eq!(gone.answers(), 0, "a finished request is not answered");
    });
}

#[test]
fn metrics_are_defined_once_for_any_number_of_requests() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&config(&[source("github", check("github"))])));
        let at_the_start = vm.definitions().len();
        for round in 0..20 {
            let request = if round % 2 == 0 { signed(vm, b"body") } else { vm.request("/github", &[]) };
            request.headers(false);
            request.body(b"body", true);
            request.ends();
        }
        let mut names = vm.definitions().split_off(at_the_start);
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
fn a_flood_of_forgeries_does_not_flood_the_log() {
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
        let line = lines().pop().expect("lines are logged again");
        assert!(line.contains("\"suppressed\":950"), "{line}");
        (0..1_000).for_each(|_| forge());
        assert_eq!(lines().len(), 60, "ten a second");
    });
}

#[test]
fn a_host_that_returns_less_of_the_body_than_announced_causes_a_denial() {
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
fn a_missing_variable_closes_its_own_source_and_is_logged() {
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
fn what_follows_from_the_configuration_alone_is_reported_once() {
    on_a_fresh_vm(|vm| {
        let missing = json!({ "provider": "github", "secrets": [{ "env": "HOOKWARDEN_TEST_THAT_NOBODY_SETS" }] });
        let (first, second) = (config(&[source("closed", missing)]), config(&[source("github", check("github"))]));
        let said = || vm.log(Level::Warn).len() + vm.log(Level::Error).len();
        assert!(vm.configure(&first));
        let once = said();
        assert!(once >= 2, "a warning and an error");
        let defined = vm.definitions().len();
        assert_eq!(vm.metric("hookwarden.source.closed.requests.denied"), Some(0), "there from the start");
        assert_eq!(vm.metric("hookwarden.source.closed.closed"), Some(1));
        for _ in 0..3 {
            assert!(vm.configure(&first), "another thread");
        }
        assert_eq!((said(), vm.definitions().len()), (once, defined));
        assert!(vm.configure(&second));
        assert_eq!(vm.metric("hookwarden.source.closed.closed"), Some(0));
        assert!(vm.configure(&first), "a roll-back that the host reports");
        assert!(said() >= 2 * once);
        assert_eq!(vm.metric("hookwarden.source.closed.closed"), Some(1));
    });
}

#[test]
fn secrets_that_expire_within_a_week_are_counted_repeatedly() {
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
fn if_the_chain_holds_headers_are_forwarded_and_the_body_waits() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&json!({ "body_hold": "chain", "sources": [source("github", check("github"))] })));
        for (body, goes_on) in [(b"body", true), (b"evil", false)] {
            let request = signed(vm, b"body");
            assert_eq!(request.headers(false), Action::Continue);
            assert_eq!(request.upstream().header("x-hookwarden-source"), [b"github"]);
            assert_eq!(request.body(&body[..2], false), Action::Pause);
            assert_eq!(request.upstream().body, b"", "the body waits for verification");
            assert_eq!(request.body(&body[2..], true) == Action::Continue, goes_on);
            assert_eq!(request.upstream().body, if goes_on { &body[..] } else { b"" });
            assert_eq!(request.answer().is_some(), !goes_on);
            vm.pass_time(600);
            vm.tick();
            assert_eq!(request.answers(), usize::from(!goes_on), "the guard applies to held headers only");
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
fn basic_credentials_are_requested_and_never_printed() {
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

#[test]
fn requests_of_a_draining_configuration_count_against_the_next_one() {
    on_a_fresh_vm(|vm| {
        let config = json!({ "max_held_bytes": 1 << 20, "sources": [source("github", check("github")), source("other", check("github"))] });
        assert!(vm.configure(&config));
        let forged = |path: &str| vm.request(path, &[("x-hub-signature-256", github(b"").as_bytes())]);
        let mut held = Vec::new();
        loop {
            let request = forged("/github");
            assert_eq!(request.headers(false), Action::Pause);
            if let Some(answer) = request.answer() {
                assert_eq!((answer.status, answer.body.as_slice()), (503, &b"request denied\n"[..]));
                assert!(answer.headers.contains(&("retry-after".to_owned(), "30".to_owned())));
                break;
            }
            held.push(request);
        }
        assert!(held.len() > 100, "{}", held.len());
        let line = vm.log(Level::Warn).pop().unwrap_or_default();
        assert!(line.contains(r#""code":"memory_exhausted","status":503"#) && line.contains(r#""hint":"#), "{line}");
        assert_eq!(vm.metric("hookwarden.source.github.denials.memory_exhausted"), Some(1));

        assert!(vm.configure(&config), "a push");
        let again = forged("/github");
        again.headers(false);
        assert_eq!(again.answer().map(|answer| answer.status), Some(503), "the old requests are still held");
        let other = vm.request("/other", &[("x-hub-signature-256", github(b"body").as_bytes())]);
        assert_eq!(other.headers(false), Action::Pause);
        assert_eq!(other.body(b"body", true), Action::Continue, "the other source has the rest");

        held.iter().for_each(host::Request::ends);
        let request = signed(vm, b"body");
        request.headers(false);
        assert_eq!(request.body(b"body", true), Action::Continue, "finished requests free their memory");
    });
}
