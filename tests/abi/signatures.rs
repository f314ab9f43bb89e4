//! Signatures that the host verifies, if it does so rightly.

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};

use crate::host::{Action, Foreign, Level, Vm, on_a_fresh_vm};
use crate::{check, config, source};

const BY_HOST: &str = "hookwarden.signatures_by_host";
const BY_FILTER: &str = "hookwarden.signatures_by_filter";
/// A valid result, and one that says no.
const YES: &[u8] = &[0x08, 1];
const NO: &[u8] = &[0x12, 2, b'n', b'o'];

fn key() -> SigningKey {
    SigningKey::from_slice(&[7; 32]).expect("a key")
}

/// A source whose sender signs its bodies.
fn signed_source() -> Value {
    let scheme = json!({ "signature": { "header": "X-Signature", "encoding": "hex" },
        "algorithm": "ecdsa-p256-sha256-raw", "signed": "{body}" });
    let point = hex::encode(key().verifying_key().to_sec1_point(false).as_bytes());
    source("signed", json!({ "scheme": scheme, "keys": [{ "value": point }] }))
}

fn signed_config() -> Value {
    config(&[signed_source()])
}

/// Whether a request passes whose body is `body`, signed as if it were `signed`.
fn passes(vm: &Vm, body: &[u8], signed: &[u8]) -> bool {
    let signature: Signature = key().sign(signed);
    let request = vm.request("/signed", &[("x-signature", hex::encode(signature.to_bytes()).as_bytes())]);
    request.headers(false);
    let action = request.body(body, true);
    request.ends();
    match action {
        Action::Continue => assert_eq!(request.upstream().body, body),
        Action::Pause => {
            assert!(request.upstream().is_nothing());
            assert_eq!(request.answer().map(|answer| answer.status), Some(401));
        }
    }
    action == Action::Continue
}

fn counts(vm: &Vm) -> (Option<u64>, Option<u64>) {
    vm.tick();
    (vm.metric(BY_HOST), vm.metric(BY_FILTER))
}

#[test]
fn a_host_that_verifies_signatures_is_tested_once_and_then_asked() {
    on_a_fresh_vm(|vm| {
        vm.set_foreign(Foreign::Verifies);
        assert!(vm.configure(&config(&[source("github", check("github"))])));
        assert_eq!(vm.foreign_calls(), 0, "no source needs it");
        assert_eq!(vm.metric(BY_HOST), None);
        assert!(vm.configure(&signed_config()));
        let test = vm.foreign_calls();
        assert!(test > 10, "{test}");
        assert_eq!(counts(vm), (Some(0), Some(0)), "there from the start");
        assert!(vm.log(Level::Info).iter().any(|line| line.ends_with("signatures are verified by the host")));
        assert!(passes(vm, b"body", b"body"));
        assert_eq!((vm.foreign_calls(), counts(vm)), (test + 1, (Some(0), Some(1))), "the first one by both");
        assert!(passes(vm, b"body", b"body"));
        assert!(!passes(vm, b"body", b"other"));
        assert_eq!((vm.foreign_calls(), counts(vm)), (test + 3, (Some(2), Some(1))));
        assert!(vm.configure(&signed_config()));
        assert_eq!(vm.foreign_calls(), test + 3, "one test for each VM");
        assert!(passes(vm, b"body", b"body") && passes(vm, b"body", b"body"));
        assert_eq!(counts(vm), (Some(3), Some(2)), "a new configuration's keys are on probation again");
        assert!(vm.log(Level::Warn).iter().all(|line| !line.contains("not asked again")));
    });
}

#[test]
fn whatever_a_host_answers_otherwise_leaves_the_filter_to_verify_all_itself() {
    let odd = [
        Foreign::Absent,
        Foreign::Fails(2),
        Foreign::Fails(3),
        Foreign::Fails(10),
        Foreign::Says(b""),
        Foreign::Says(YES),
        Foreign::Says(NO),
        Foreign::Says(&[0x08, 0]),
        Foreign::Says(&[0x08, 2]),
        Foreign::Says(&[0x08, 1, 0]),
        Foreign::Says(&[0x08]),
        Foreign::Says(&[0x08, 1, 0x12, 2, b'n', b'o']),
        Foreign::Says(&[0x12, 0]),
        Foreign::Says(&[0x12, 3, b'n', b'o']),
        Foreign::Says(&[0x12, 0x82, 0x80, 0, b'n', b'o']),
        Foreign::Says(&[0xff; 40]),
    ];
    for foreign in odd {
        on_a_fresh_vm(move |vm| {
            vm.set_foreign(foreign.clone());
            assert!(vm.configure(&signed_config()), "{foreign:?}");
            let test = vm.foreign_calls();
            // A host that comes to its senses later is not asked either.
            vm.set_foreign(Foreign::Verifies);
            for _ in 0..2 {
                assert!(passes(vm, b"body", b"body"), "{foreign:?}");
                assert!(!passes(vm, b"body", b"other"), "{foreign:?}");
            }
            assert!(vm.configure(&signed_config()));
            assert!(passes(vm, b"body", b"body"), "{foreign:?}");
            assert_eq!((vm.foreign_calls(), counts(vm)), (test, (Some(0), Some(5))), "{foreign:?}");
            assert!(vm.log(Level::Info).iter().any(|line| line.contains("are verified by the filter")));
        });
    }
}

#[test]
fn a_host_that_fails_later_is_reported_and_not_asked_again() {
    let odd = [Foreign::Absent, Foreign::Fails(2), Foreign::Fails(10), Foreign::Says(b""), Foreign::Says(&[0x08, 2])];
    for foreign in odd {
        on_a_fresh_vm(move |vm| {
            vm.set_foreign(Foreign::Verifies);
            assert!(vm.configure(&signed_config()));
            assert!(passes(vm, b"body", b"body") && passes(vm, b"body", b"body"));
            let asked = vm.foreign_calls();
            vm.set_foreign(foreign.clone());
            assert!(!passes(vm, b"body", b"other"), "{foreign:?}");
            assert!(passes(vm, b"body", b"body"), "{foreign:?}");
            assert_eq!((vm.foreign_calls(), counts(vm)), (asked + 1, (Some(1), Some(3))), "{foreign:?}");
            let warnings: Vec<_> = vm.log(Level::Warn);
            let lost = warnings.iter().filter(|line| line.contains("is not asked again")).count();
            assert_eq!(lost, 1, "{warnings:?}");
        });
    }
}

#[test]
fn a_host_that_contradicts_the_first_signature_of_a_key_is_not_asked_again() {
    for (answer, signed) in [(NO, &b"body"[..]), (YES, b"other")] {
        on_a_fresh_vm(move |vm| {
            vm.set_foreign(Foreign::Verifies);
            assert!(vm.configure(&signed_config()));
            vm.set_foreign(Foreign::Says(answer));
            assert_eq!(passes(vm, b"body", signed), signed == b"body");
            let asked = vm.foreign_calls();
            assert!(passes(vm, b"body", b"body") && !passes(vm, b"body", b"other"));
            assert_eq!(vm.foreign_calls(), asked);
        });
    }
}

#[test]
fn a_host_is_not_asked_where_the_configuration_says_so() {
    on_a_fresh_vm(|vm| {
        vm.set_foreign(Foreign::Verifies);
        let off = json!({ "host_cryptography": false, "sources": [signed_source()] });
        assert!(vm.configure(&off));
        assert!(passes(vm, b"body", b"body") && !passes(vm, b"body", b"other"));
        assert_eq!((vm.foreign_calls(), counts(vm)), (0, (Some(0), Some(2))));
        assert!(vm.configure(&signed_config()));
        assert!(passes(vm, b"body", b"body") && passes(vm, b"body", b"body"));
        assert_eq!(counts(vm), (Some(1), Some(3)));
        let asked = vm.foreign_calls();
        assert!(vm.configure(&off), "a host that was tested before");
        assert!(passes(vm, b"body", b"body") && passes(vm, b"body", b"body"));
        assert_eq!((vm.foreign_calls(), counts(vm)), (asked, (Some(1), Some(5))));
    });
}
