//! Combinations of checks, modes, and what the upstream gets.

use std::rc::Rc;

use hookwarden::config::{self, Policy};
use hookwarden::step::{Outcome, Step};
use hookwarden::verify::request::Rereading;
use hookwarden::verify::{Denial, Proof, Request, Requirement, borrowed};
use serde_json::{Value, json};

use crate::delivery::{Buffer, Delivery, Ending, Verdict, deliver};
use crate::support::{Sent, begin, context, name, policy, provider, source, sources, with};

const TOKEN: &str = "a-token-of-sixteen-or-more";
const SECRET: &str = "a-secret-of-sixteen-or-more";

fn verdict(policy: &Rc<Policy>, sent: &Sent) -> Verdict {
    let whole = deliver(policy, sent, &Delivery::whole());
    for ending in [Ending::EmptyPiece, Ending::Trailers] {
        let other = deliver(policy, sent, &Delivery::whole().ending(ending));
        assert_eq!(other.code, whole.code, "{sent:?} {ending:?}");
    }
    whole
}

fn both(target: &str, token: &str, secret: &str) -> Sent {
    Sent::github(target, secret, "body").header("Authorization", format!("Bearer {token}"))
}

fn one_source(verify: Value) -> Rc<Policy> {
    policy(&sources(&[source("hook", "/hook", verify)]))
}

#[test]
fn all_checks_of_a_list_must_verify() {
    for list in [
        json!([provider("bearer", &[TOKEN]), provider("github", &[SECRET])]),
        json!([provider("github", &[SECRET]), provider("bearer", &[TOKEN])]),
    ] {
        let policy = one_source(list.clone());
        assert_eq!(verdict(&policy, &both("/hook", TOKEN, SECRET)).code, "verified");
        assert_eq!(verdict(&policy, &both("/hook", "wrong", SECRET)).code, "credential_mismatch", "{list}");
        assert_eq!(verdict(&policy, &both("/hook", TOKEN, "wrong")).code, "signature_mismatch", "{list}");
        assert_eq!(verdict(&policy, &Sent::github("/hook", SECRET, "body")).code, "credential_missing", "{list}");
        assert_eq!(verdict(&policy, &Sent::token("/hook", TOKEN)).code, "signature_missing", "{list}");
    }
}

#[test]
fn both_signatures_of_a_list_must_verify() {
    let list = json!([provider("github", &[SECRET]), provider("generic-hmac", &[TOKEN])]);
    let policy = one_source(list);
    let sign = |github: &str, generic: &str| {
        let tag = hex::encode(crate::support::hmac_sha256(generic.as_bytes(), b"body"));
        Sent::github("/hook", github, "body").header("X-Webhook-Signature", tag)
    };
    assert_eq!(verdict(&policy, &sign(SECRET, TOKEN)).code, "verified");
    assert_eq!(verdict(&policy, &sign(TOKEN, SECRET)).code, "signature_mismatch", "each under its own secret");
    assert_eq!(verdict(&policy, &sign(SECRET, SECRET)).code, "signature_mismatch");
    assert_eq!(verdict(&policy, &sign(TOKEN, TOKEN)).code, "signature_mismatch");
}

#[test]
fn one_check_is_enough_in_an_any() {
    for any in [
        json!({ "any": [provider("bearer", &[TOKEN]), provider("github", &[SECRET])] }),
        json!({ "any": [provider("github", &[SECRET]), provider("bearer", &[TOKEN])] }),
        json!([{ "any": [provider("github", &[SECRET]), provider("bearer", &[TOKEN])] }]),
    ] {
        let policy = one_source(any.clone());
        assert_eq!(verdict(&policy, &both("/hook", TOKEN, SECRET)).code, "verified", "{any}");
        assert_eq!(verdict(&policy, &Sent::token("/hook", TOKEN).body("body")).code, "verified", "{any}");
        assert_eq!(verdict(&policy, &Sent::github("/hook", SECRET, "body")).code, "verified", "{any}");
        assert_eq!(verdict(&policy, &both("/hook", "wrong", SECRET)).code, "verified", "{any}");
        assert_eq!(verdict(&policy, &both("/hook", TOKEN, "wrong")).code, "verified", "{any}");
        assert_eq!(verdict(&policy, &both("/hook", "wrong", "wrong")).code, "signature_mismatch", "{any}");
    }
}

#[test]
fn an_any_reports_the_most_specific_reason() {
    let policy = one_source(json!({ "any": [provider("bearer", &[TOKEN]), provider("github", &[SECRET])] }));
    assert_eq!(verdict(&policy, &Sent::post("/hook")).code, "signature_missing");
    assert_eq!(verdict(&policy, &Sent::token("/hook", "wrong")).code, "signature_missing");
    assert_eq!(verdict(&policy, &Sent::github("/hook", "wrong", "body")).code, "signature_mismatch");
}

#[test]
fn a_list_may_contain_alternatives() {
    let alternatives = json!({ "any": [provider("github", &[SECRET]), provider("generic-hmac", &[SECRET])] });
    let policy = one_source(json!([provider("bearer", &[TOKEN]), alternatives]));
    assert_eq!(verdict(&policy, &both("/hook", TOKEN, SECRET)).code, "verified");
    assert_eq!(verdict(&policy, &Sent::token("/hook", TOKEN).body("body")).code, "signature_missing");
    assert_eq!(verdict(&policy, &both("/hook", "wrong", SECRET)).code, "credential_mismatch");
}

#[test]
fn the_upstream_gets_the_source_the_secret_ids_and_the_signed_event_id() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let check = json!({ "provider": "standard-webhooks", "secrets": [{ "id": "2026-11", "value": secret }] });
    let policy = one_source(json!([provider("bearer", &[TOKEN]), check]));
    let sent = Sent::token("/hook", TOKEN)
        .header("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
        .header("webhook-timestamp", "1614265330")
        .header("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        .body(r#"{"test": 2432232314}"#)
        .at(1_614_265_330);
    let edits = verdict(&policy, &sent).edits.expect("it passes");
    let expected: [(&str, &[u8]); 3] = [
        ("x-hookwarden-source", b"hook"),
        ("x-hookwarden-key-id", b"1,2026-11"),
        ("x-hookwarden-event-id", b"msg_p5jXN8AQM9LWM0D4loKWxJek"),
    ];
    assert_eq!(edits.set, expected.map(|(name, value)| (name, value.to_vec())));
}

#[test]
fn an_unsigned_event_id_is_not_passed_on() {
    let scheme = json!({ "signature": { "header": "X-Signature", "encoding": "hex" }, "algorithm": "hmac-sha256",
        "signed": "{body}", "event_id": { "header": "X-Event-Id" } });
    let policy = one_source(json!({ "scheme": scheme, "secrets": [{ "value": SECRET }] }));
    let tag = hex::encode(crate::support::hmac_sha256(SECRET.as_bytes(), b"body"));
    let sent = Sent::post("/hook").header("X-Signature", tag).header("X-Event-Id", "forged").body("body");
    let verdict = verdict(&policy, &sent);
    assert_eq!(verdict.code, "verified");
    let set = verdict.edits.expect("it passes").set;
    assert!(set.iter().all(|(name, _)| *name != "x-hookwarden-event-id"), "{set:?}");
}

#[test]
fn if_the_chain_holds_the_upstream_gets_the_source_and_nothing_that_depends_on_the_body() {
    let config = sources(&[source("hook", "/hook", provider("github", &[SECRET]))]);
    let policy = policy(&with(config, "body_hold", json!("chain")));
    let edits = verdict(&policy, &Sent::github("/hook", SECRET, "body")).edits.expect("headers go on");
    assert_eq!(edits.set, [("x-hookwarden-source", b"hook".to_vec())]);
}

#[test]
fn forged_identity_headers_are_removed_from_every_forwarded_request() {
    let forged = [
        "x-hookwarden-source",
        "X-Hookwarden-Key-Id",
        "X-HOOKWARDEN-EVENT-ID",
        "x_hookwarden_source",
        "x-hookwarden_key-id",
        "X_Hookwarden-Anything-Else",
        "x-hookwarden-",
    ];
    let innocent = ["x-hookwarden", "x-hookwardens-source", "hookwarden-source", "xx-hookwarden-source"];
    let forge = |mut sent: Sent| {
        for name in forged.iter().chain(&innocent) {
            sent = sent.header(name, "forged");
        }
        sent
    };
    let plain = with(sources(&[source("hook", "/hook", provider("github", &[SECRET]))]), "unmatched", json!("allow"));
    let chain = with(plain.clone(), "body_hold", json!("chain"));
    let mut observed = plain.clone();
    observed["sources"][0]["mode"] = json!("observe");
    for config in [plain, chain, observed] {
        let policy = policy(&config);
        let mut requests = vec![Sent::github("/hook", SECRET, "body"), Sent::post("/elsewhere").body("body")];
        if config["sources"][0]["mode"] == "observe" {
            requests.push(Sent::github("/hook", "wrong", "body"));
            requests.push(Sent::post("/hook"));
        }
        for sent in requests {
            for delivery in [Delivery::whole(), Delivery::whole().ending(Ending::Trailers)] {
                let edits = deliver(&policy, &forge(sent.clone()), &delivery).edits.expect("it is forwarded");
                assert_eq!(edits.remove, forged, "{sent:?}\n{config:#}");
            }
        }
    }
}

#[test]
fn credentials_are_removed_from_verified_requests_only_if_the_source_says_so() {
    let verify = json!([provider("bearer", &[TOKEN]), provider("github", &[SECRET])]);
    let keeps = source("keeps", "/keeps", verify.clone());
    let removes = with(source("removes", "/removes", verify), "remove_credentials", json!(true));
    let policy = policy(&sources(&[keeps, removes]));
    let removed = |target: &str| verdict(&policy, &both(target, TOKEN, SECRET)).edits.expect("it passes").remove;
    assert_eq!(removed("/keeps"), [""; 0]);
    assert_eq!(removed("/removes"), ["authorization", "x-hub-signature-256"]);
}

#[test]
fn a_disabled_source_refuses_even_valid_requests() {
    let disabled = with(source("hook", "/hook", provider("github", &[SECRET])), "mode", json!("disabled"));
    let policy = policy(&sources(&[disabled]));
    assert_eq!(verdict(&policy, &Sent::github("/hook", SECRET, "body")).code, "source_disabled");
    assert_eq!(verdict(&policy, &Sent::post("/hook")).code, "source_disabled");
}

#[test]
fn a_source_with_a_missing_secret_refuses_everything_and_other_sources_still_work() {
    let environment = |name: &str| (name == "THERE").then(|| SECRET.to_owned());
    for verify in [
        json!({ "provider": "github", "secrets": [{ "env": "MISSING" }] }),
        // One of several: it may be the one in use.
        json!({ "provider": "github", "secrets": [{ "env": "THERE" }, { "env": "MISSING" }] }),
        json!([{ "provider": "bearer", "secrets": [{ "env": "THERE" }] }, { "provider": "github", "secrets": [{ "env": "MISSING" }] }]),
        json!({ "any": [{ "provider": "github", "secrets": [{ "env": "THERE" }] }, { "provider": "bearer", "secrets": [{ "env": "MISSING" }] }] }),
        json!({ "provider": "github", "secrets_by": { "header": "X-Tenant", "secrets": { "a": [{ "env": "THERE" }], "b": [{ "env": "MISSING" }] } } }),
    ] {
        let open = source("open", "/open", json!({ "provider": "github", "secrets": [{ "env": "THERE" }] }));
        let config = sources(&[source("closed", "/closed", verify), open]);
        let loaded = config::load(config.to_string().as_bytes(), &environment).expect("a missing variable is no error");
        let missing = loaded.warnings.iter().filter(|warning| warning.message().contains("is not set")).count();
        assert_eq!(missing, 1, "{:?}", loaded.warnings);
        let policy = Rc::new(loaded.policy);
        assert_eq!(verdict(&policy, &Sent::github("/closed", SECRET, "body")).code, "source_closed");
        assert_eq!(verdict(&policy, &Sent::github("/closed", "", "body")).code, "source_closed");
        assert_eq!(verdict(&policy, &both("/closed", SECRET, SECRET).header("X-Tenant", "a")).code, "source_closed");
        assert_eq!(verdict(&policy, &Sent::github("/open", SECRET, "body")).code, "verified");
    }
}

#[test]
fn an_empty_variable_counts_as_missing() {
    let config = sources(&[source("hook", "/hook", json!({ "provider": "github", "secrets": [{ "env": "EMPTY" }] }))]);
    let loaded = config::load(config.to_string().as_bytes(), &|_| Some(String::new())).expect("it closes its source");
    let policy = Rc::new(loaded.policy);
    assert_eq!(verdict(&policy, &Sent::github("/hook", "", "body")).code, "source_closed");
}

#[test]
fn unmatched_requests_are_denied_unless_the_configuration_allows_them() {
    let config = sources(&[source("hook", "/hook", provider("github", &[SECRET]))]);
    let denies = policy(&config);
    assert_eq!(verdict(&denies, &Sent::post("/elsewhere").body("body")).code, "unmatched");
    let allows = policy(&with(config, "unmatched", json!("allow")));
    let verdict = verdict(&allows, &Sent::post("/elsewhere").body("body"));
    assert_eq!(verdict.record.outcome, Outcome::Unmatched);
    assert_eq!(verdict.edits.map(|edits| edits.set), Some(Vec::new()), "an unmatched request has no identity");
    assert_eq!(verdict.forwarded, b"body");
}

#[test]
fn events_in_an_order_that_no_host_sends_end_in_a_denial() {
    let policy = one_source(provider("github", &[SECRET]));
    let sent = Sent::github("/hook", SECRET, "body");
    let nothing = Buffer { bytes: &[], len: 0 };
    let code = |step: Step| match step {
        Step::Deny(record) => record.denial().map(Denial::code),
        _ => None,
    };
    let mut exchange = begin(Rc::clone(&policy));
    assert_eq!(
        code(exchange.on_body(&nothing, true, &context(sent.now))),
        Some("host_failure"),
        "a body without headers"
    );
    let mut exchange = begin(Rc::clone(&policy));
    assert_eq!(
        code(exchange.on_trailers(&nothing, &context(sent.now))),
        Some("host_failure"),
        "trailers without headers"
    );
    let mut exchange = begin(Rc::clone(&policy));
    assert_eq!(exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context(sent.now)), Step::Hold);
    assert_eq!(
        code(exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context(sent.now))),
        Some("host_failure"),
        "headers twice"
    );
    assert_eq!(exchange.on_body(&Buffer { bytes: &sent.body, len: 4 }, true, &context(sent.now)), Step::Hold);
}

#[test]
fn an_undecided_request_is_refused_for_good_when_the_host_fails() {
    let policy = one_source(provider("github", &[SECRET]));
    let sent = Sent::github("/hook", SECRET, "body");
    for denial in [Denial::HoldUnsupported, Denial::BodyTimeout] {
        let mut exchange = begin(Rc::clone(&policy));
        assert_eq!(exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context(sent.now)), Step::Hold);
        let Step::Deny(record) = exchange.on_failure(denial) else { panic!("it is not refused") };
        assert_eq!((name(&exchange), record.denial()), (Some("hook"), Some(denial)));
        assert_eq!(exchange.on_body(&Buffer { bytes: &sent.body, len: 4 }, true, &context(sent.now)), Step::Hold);
        assert_eq!(
            exchange.on_trailers(&Buffer { bytes: &sent.body, len: usize::MAX }, &context(sent.now)),
            Step::Hold
        );
        assert_eq!(exchange.on_failure(denial), Step::Hold);
    }
}

#[test]
fn a_proof_of_one_requirement_is_none_of_another() {
    let one = one_source(provider("bearer", &[TOKEN]));
    let two = one_source(json!([provider("bearer", &[TOKEN]), provider("bearer", &[TOKEN])]));
    let sent = Sent::token("/hook", TOKEN);
    let [one, two] = [&one, &two].map(|policy| policy.sources[0].requirement.as_ref().expect("it has a secret"));
    let begin = |requirement: &Requirement| {
        requirement.begin(Request::new(&borrowed(&sent.headers)), sent.now, Rereading::Possible)
    };
    let finish = |proof: Proof, requirement| proof.finish(requirement, &[].as_slice(), sent.now).map(|_| ());
    assert_eq!(finish(begin(one), one), Ok(()));
    assert_eq!(finish(begin(one), two), Err(Denial::HostFailure));
    assert_eq!(finish(begin(two), one), Err(Denial::HostFailure));
}
