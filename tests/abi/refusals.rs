//! A host that refuses calls: whatever it refuses, nothing is forwarded that was not verified and edited.
//!
//! The pinned SDK stops the VM on nearly every refusal, which ends the process here: so each case runs in its own
//! process, which prints what the upstream had received before it ends. `Exchange::on_refusal` decides what the adapter
//! does if the SDK returns the error; `core` tests that.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::host::{Action, Request, Vm, on_a_fresh_vm};
use crate::{SECRET, check, config, signed, source};

/// The variable that names the case for the process that runs it.
const CASE: &str = "HOOKWARDEN_TEST_REFUSAL";

/// A refused ABI call and the request that makes it: each of these calls decides what is forwarded.
const DECIDING: [(&str, &str); 15] = [
    ("proxy_get_header_map_pairs", "held"),
    ("proxy_get_header_map_pairs", "chain"),
    ("proxy_get_header_map_pairs", "unmatched"),
    ("proxy_get_header_map_pairs", "observed"),
    ("proxy_get_header_map_pairs", "trailers"),
    ("proxy_remove_header_map_value", "held"),
    ("proxy_remove_header_map_value", "chain"),
    ("proxy_remove_header_map_value", "unmatched"),
    ("proxy_remove_header_map_value", "observed"),
    ("proxy_remove_header_map_value", "trailers"),
    ("proxy_replace_header_map_value", "held"),
    ("proxy_replace_header_map_value", "chain"),
    ("proxy_get_buffer_bytes", "held"),
    ("proxy_get_current_time_nanoseconds", "held"),
    ("proxy_set_shared_data", "held"),
];

/// Calls that only report a decision: to a metric, the log, filter state, the caller.
const REPORTING: [(&str, &str); 6] = [
    ("proxy_define_metric", "held"),
    ("proxy_increment_metric", "held"),
    ("proxy_set_property", "held"),
    ("proxy_set_property", "unmatched"),
    ("proxy_log", "denied"),
    ("proxy_send_local_response", "denied"),
];

/// How a case ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The SDK stopped the VM.
    Stopped,
    /// The case finished, and its assertions held.
    Done,
}

/// Runs a case in its own process. A call must have been refused, and the upstream must have received nothing by then.
fn run(case: &str) -> End {
    let this = std::env::current_exe().expect("this binary has a path");
    let output = Command::new(this)
        .args(["--exact", "refusals::a_case", "--nocapture"])
        .env(CASE, case)
        .stderr(Stdio::piped())
        .output()
        .expect("it runs");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let refusals: Vec<_> = said.lines().filter(|line| line.contains("refused proxy_")).collect();
    assert!(!refusals.is_empty(), "{case}: nothing was refused\n{said}\n{errors}");
    for refusal in refusals {
        assert!(refusal.ends_with("has nothing"), "{case}: {refusal}");
    }
    if output.status.success() {
        return End::Done;
    }
    // The SDK panics across the C boundary, which aborts the process as it would stop a VM. A failing test does not.
    assert_eq!(output.status.code(), None, "{case} failed\n{said}\n{errors}");
    End::Stopped
}

/// Runs the case itself, in its own process.
#[test]
fn a_case() {
    let Ok(case) = std::env::var(CASE) else { return };
    on_a_fresh_vm(move |vm| {
        let (call, kind) = case.split_once(' ').expect("a call and a request");
        let mut github = source("github", check("github"));
        github["remove_credentials"] = json!(true);
        github["replay"] = json!({ "window": "1h" });
        let mut observed = source("observed", check("github"));
        observed["mode"] = json!("observe");
        let hold = if kind == "chain" { "chain" } else { "filter" };
        let sources = [github, observed];
        assert!(vm.configure(&json!({ "unmatched": "allow", "body_hold": hold, "sources": sources })));
        let request = send(vm, call, kind);
        if DECIDING.contains(&(call, kind)) {
            let answer = request.answer().expect("it is answered");
            assert!(answer.status >= 400, "{answer:?}");
            assert!(request.upstream().is_nothing(), "{:?}", request.upstream());
        }
        if kind == "denied" {
            assert!(request.upstream().is_nothing(), "{:?}", request.upstream());
        }
        assert!(request.upstream().headers.iter().flatten().all(|(_, value)| value != b"forged"));
        assert!(!vm.everything_said().contains(SECRET));
    });
}

fn send<'a>(vm: &'a Vm, call: &str, kind: &str) -> Request<'a> {
    let tag = crate::github(if kind == "denied" { b"another body" } else { b"body" });
    let headers: [(&str, &[u8]); 2] = [("x-hub-signature-256", tag.as_bytes()), ("x-hookwarden-source", b"forged")];
    let path = match kind {
        "unmatched" => "/elsewhere",
        "observed" => "/observed",
        _ => "/github",
    };
    let request = vm.request(path, &headers);
    if kind != "trailers" {
        vm.refuse(call);
    }
    request.headers(false);
    if request.answer().is_none() {
        request.body(b"body", kind != "trailers");
    }
    if kind == "trailers" {
        vm.refuse(call);
        request.trailers(&[("x-hookwarden-source", "forged")]);
    }
    request
}

#[test]
fn a_refused_call_that_decides_forwards_nothing() {
    for (call, kind) in DECIDING {
        println!("{call} {kind}: {:?}", run(&format!("{call} {kind}")));
    }
}

#[test]
fn a_refused_call_that_only_reports_forwards_nothing_unverified() {
    for (call, kind) in REPORTING {
        println!("{call} {kind}: {:?}", run(&format!("{call} {kind}")));
    }
}

#[test]
fn the_same_requests_pass_if_no_call_is_refused() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&config(&[source("github", check("github"))])));
        let request = signed(vm, b"body");
        assert_eq!(request.headers(false), Action::Pause);
        assert_eq!(request.body(b"body", true), Action::Continue);
        assert!(!request.upstream().is_nothing());
    });
}
