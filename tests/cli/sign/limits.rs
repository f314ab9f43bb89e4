//! What a source refuses beside a wrong proof: the last word is that of the whole decision, and the same as in the filter.

use serde_json::{Value, json};

use super::filter::Made;
use crate::scratch::Scratch;
use crate::support::{Ran, hookwarden_with};

const SECRET: &str = "a-secret-of-sixteen";
const ENVIRONMENT: [(&str, &str); 2] = [("SECRET", SECRET), ("OTHER", "another-secret-of-it")];

fn configuration(settings: &Value) -> Value {
    let mut source = json!({
        "name": "limited",
        "match": { "path": "/hooks" },
        "verify": { "provider": "slack", "secrets": [{ "value": SECRET }] },
    });
    for (name, value) in settings.as_object().expect("an object") {
        source[name] = value.clone();
    }
    json!({ "sources": [source] })
}

fn sign(configuration: &Value, arguments: &[&str]) -> Ran {
    let scratch = Scratch::new();
    let config = scratch.config(configuration);
    hookwarden_with(&[&["sign", "--config", &config, "--as", "json"], arguments].concat(), "", &ENVIRONMENT)
}

fn json_of(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"))
}

#[test]
fn a_request_that_the_source_refuses_is_made_with_the_reason_and_the_setting() {
    let cases: &[(Value, &[&str], &str, &str)] = &[
        (json!({ "max_body_bytes": 10 }), &[], "body_too_large (413)", "\"max_body_bytes\""),
        (json!({ "methods": ["POST"] }), &["--method", "PUT"], "method_not_allowed (405)", "\"methods\""),
        (json!({ "query": "deny" }), &["--url", "https://a.example/hooks?x=1"], "query_not_allowed (400)", "\"query\""),
        (json!({}), &["--header", "Content-Encoding: gzip"], "content_encoding (415)", "\"content_encodings\""),
        (
            json!({ "allow_from": ["192.0.2.0/24"] }),
            &["--client-address", "10.0.0.1"],
            "address_denied (403)",
            "\"allow_from\"",
        ),
        (json!({ "transport": { "https": true } }), &["--tls", "none"], "transport_insecure (403)", "https://"),
        (json!({ "transport": { "min_tls": "1.3" } }), &["--tls", "1.2"], "tls_version (403)", "\"min_tls\""),
        (json!({ "mode": "disabled" }), &[], "source_disabled (503)", "\"mode\""),
        (json!({ "mode": "observe", "max_body_bytes": 10 }), &[], "body_too_large", "its mode is observe"),
        (json!({}), &["--url", "https://a.example/elsewhere"], "does not match the source limited", "--url"),
        (json!({}), &["--secret-env", "OTHER"], "signature_mismatch (401)", "not in the configuration"),
    ];
    for (settings, arguments, code, hint) in cases {
        let configuration = configuration(settings);
        let ran = sign(&configuration, arguments);
        let name = format!("{settings} {arguments:?}: {ran:?}");
        assert_eq!(ran.code, 1, "{name}");
        assert!(ran.err.contains("error: ") && ran.err.contains(code) && ran.err.contains(hint), "{name}");
        assert!(!ran.err.contains(SECRET), "{name}");
        let json = json_of(&ran);
        assert_ne!(json["expect"], "verified", "{name}");
        // The client's address and TLS are not in a request.
        if !arguments.iter().any(|argument| ["--client-address", "--tls"].contains(argument))
            && settings["mode"] != "observe"
        {
            assert_eq!(json["expect"], Made::read(&json).verdict_of(&configuration), "{name}");
        }
    }
}

#[test]
fn what_the_source_takes_is_verified() {
    let settings = json!({
        "max_body_bytes": 100_000, "methods": ["POST"], "query": "deny", "allow_from": ["192.0.2.0/24"],
        "transport": { "https": true },
    });
    let ran = sign(&configuration(&settings), &["--client-address", "192.0.2.1", "--tls", "1.3", "--method", "post"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    assert_eq!((json_of(&ran)["expect"].as_str(), json_of(&ran)["method"].as_str()), (Some("verified"), Some("POST")));
    // Who calls is not known, which is said.
    let ran = sign(&configuration(&settings), &[]);
    assert!(ran.code == 0 && ran.err.contains("--tls") && ran.err.contains("--client-address"), "{ran:?}");
}

#[test]
fn secrets_that_are_not_here_are_taken_to_be_those_that_were_given() {
    for secret in [json!({ "env": "UNSET_VARIABLE" }), json!({ "filter_state": "secret" })] {
        let verify = json!({ "verify": { "provider": "slack", "secrets": [secret] } });
        let ran = sign(&configuration(&verify), &["--secret-env", "OTHER"]);
        assert_eq!((ran.code, json_of(&ran)["expect"].as_str()), (0, Some("verified")), "{ran:?}");
        let mut limited = verify.clone();
        limited["max_body_bytes"] = json!(10);
        let ran = sign(&configuration(&limited), &["--secret-env", "OTHER"]);
        assert!(ran.code == 1 && ran.err.contains("body_too_large"), "{ran:?}");
    }
}

#[test]
fn an_old_signature_is_refused_when_it_arrives_now() {
    let at = ["--at", "-10m"];
    let ran = sign(&configuration(&json!({})), &at);
    assert!(ran.code == 1 && ran.err.contains("timestamp_stale (401)") && ran.err.contains("\"tolerance\""), "{ran:?}");
    // The request is right at the time that is beside it.
    assert_eq!(json_of(&ran)["expect"], "verified");
    let wide = json!({ "provider": "slack", "tolerance": "1h", "secrets": [{ "value": SECRET }] });
    let ran = sign(&configuration(&json!({ "verify": wide })), &at);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    // Without a configuration nobody has said what receives it.
    let arguments = ["sign", "--provider", "slack", "--secret-env", "SECRET", "--at", "-10m"];
    let ran = hookwarden_with(&arguments, "", &ENVIRONMENT);
    assert!(ran.code == 0 && ran.err.contains("note: ") && ran.err.contains("timestamp_stale"), "{ran:?}");
}

#[test]
fn a_mistake_that_the_source_does_not_come_to_is_no_test_of_it() {
    let ran = sign(&configuration(&json!({ "max_body_bytes": 10 })), &["--tamper", "signature"]);
    assert!(ran.code == 1 && ran.err.contains("body_too_large") && !ran.err.contains("tampered"), "{ran:?}");
    let ran = sign(&configuration(&json!({})), &["--tamper", "SIGNATURE"]);
    assert!(ran.code == 0 && ran.err.contains("expected to be denied as signature_mismatch"), "{ran:?}");
}

#[test]
fn a_provider_alone_refuses_what_any_source_with_it_refuses() {
    let arguments = ["sign", "--provider", "slack", "--secret-env", "SECRET", "--header", "Content-Encoding: br"];
    let ran = hookwarden_with(&arguments, "", &ENVIRONMENT);
    assert!(ran.code == 1 && ran.err.contains("content_encoding (415)"), "{ran:?}");
    let arguments = ["sign", "--provider", "slack", "--secret-env", "SECRET", "--tls", "1.2"];
    let ran = hookwarden_with(&arguments, "", &ENVIRONMENT);
    assert!(ran.code == 2 && ran.err.contains("--config") && ran.out.is_empty(), "{ran:?}");
}

#[test]
fn a_given_secret_is_valid_only_when_one_of_the_configurations_is() {
    let cases: &[(Value, Option<&str>)] = &[
        (json!([{ "env": "UNSET", "not_after": "2020-01-01T00:00:00Z" }]), Some("secret_inactive (401)")),
        (json!([{ "env": "UNSET", "not_before": "2090-01-01T00:00:00Z" }]), Some("secret_inactive (401)")),
        (
            json!([{ "env": "UNSET", "not_after": "2020-01-01T00:00:00Z" }, { "env": "UNSET_TOO", "not_before": "2020-01-01T00:00:00Z" }]),
            None,
        ),
        (json!([{ "env": "UNSET" }]), None),
    ];
    for (secrets, refused) in cases {
        let mut configuration = configuration(&json!({}));
        configuration["sources"][0]["verify"]["secrets"] = secrets.clone();
        let ran = sign(&configuration, &["--secret-env", "SECRET"]);
        assert_eq!(ran.code, i32::from(refused.is_some()), "{secrets}: {ran:?}");
        assert!(ran.err.contains(refused.unwrap_or_default()), "{secrets}: {ran:?}");
    }
}
