//! Options besides the request.

use serde_json::{Value, json};

use crate::scratch::{Scratch, hmac_sha256};
use crate::support::{Ran, hookwarden, hookwarden_with};

const SECRET: &str = "a-stripe-secret-of-many-letters";

fn config(more: Value) -> Value {
    let mut source = json!({
        "name": "stripe", "match": { "path": "/hooks/stripe" },
        "verify": { "provider": "stripe", "secrets": [{ "id": "main", "env": "STRIPE_SECRET" }] }
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        source[name] = value.clone();
    }
    json!({ "sources": [source] })
}

fn request() -> String {
    let tag = hex::encode(hmac_sha256(SECRET.as_bytes(), b"1700000000.{}"));
    format!("POST /hooks/stripe HTTP/1.1\r\nHost: a\r\nStripe-Signature: t=1700000000,v1={tag}\r\n\r\n{{}}")
}

fn explain(config: &Value, more: &[&str]) -> (Ran, Value) {
    let scratch = Scratch::new();
    let (config, request) = (scratch.config(config), scratch.file("request", request()));
    let environment = scratch.file("secrets.env", format!("# of Stripe\nexport STRIPE_SECRET=\"{SECRET}\"\n"));
    let mut arguments = vec!["explain", &config, &request, "--env-file", &environment, "--format", "json"];
    arguments.extend(more);
    let ran = hookwarden(&arguments, "");
    let said = serde_json::from_str(&ran.out).unwrap_or_default();
    (ran, said)
}

fn result(said: &Value, step: &str) -> String {
    let steps = said["steps"].as_array().expect("there are steps");
    steps.iter().find(|one| one["step"] == step).expect("the step is there")["result"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn the_time_of_arrival_decides_about_freshness() {
    for at in ["1700000000", "1700000000000", "1700000300", "2023-11-14T22:13:20Z", "2023-11-14T23:13:20+01:00"] {
        let (ran, said) = explain(&config(json!({})), &["--at", at]);
        assert_eq!((ran.code, &said["code"]), (0, &json!("verified")), "{at}: {}", ran.err);
    }
    let (ran, said) = explain(&config(json!({})), &["--at", "1700000301"]);
    assert_eq!((ran.code, &said["code"], &said["finding"]), (1, &json!("timestamp_stale"), &json!("timestamp_stale")));
    assert_eq!((result(&said, "proof"), result(&said, "freshness")), ("held".to_owned(), "refused".to_owned()));
    let (ran, _) = explain(&config(json!({})), &["--at", "noon"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("--at: must be a time such as"), "{}", ran.err);
}

#[test]
fn without_a_time_the_current_time_is_used_and_reported() {
    let (ran, said) = explain(&config(json!({})), &[]);
    assert_eq!((ran.code, &said["code"]), (1, &json!("timestamp_stale")));
    assert!(said["notes"].to_string().contains("set --at"), "{said}");
}

#[test]
fn the_connection_is_judged_if_it_is_given() {
    let guarded = config(json!({ "transport": { "https": true, "min_tls": "1.2" }, "allow_from": ["192.0.2.0/24"] }));
    let at = ["--at", "1700000000"];
    let (ran, said) = explain(&guarded, &at);
    assert_eq!(
        (ran.code, result(&said, "transport"), result(&said, "address")),
        (0, "not_judged".to_owned(), "not_judged".to_owned())
    );
    let (ran, said) = explain(&guarded, &[&at[..], &["--tls", "1.3", "--client-address", "192.0.2.7"]].concat());
    assert_eq!(
        (ran.code, result(&said, "transport"), result(&said, "address")),
        (0, "held".to_owned(), "held".to_owned())
    );
    for (more, code) in [
        (["--tls", "1.1", "--client-address", "192.0.2.7"], "tls_version"),
        (["--tls", "none", "--client-address", "192.0.2.7"], "transport_insecure"),
        (["--tls", "1.2", "--client-address", "203.0.113.9"], "address_denied"),
    ] {
        let (ran, said) = explain(&guarded, &[&at[..], &more].concat());
        assert_eq!((ran.code, &said["code"], &said["finding"]), (1, &json!(code), &json!(code)));
    }
}

#[test]
fn each_step_can_be_the_one_that_refuses() {
    for (more, code, step) in [
        (json!({ "mode": "disabled" }), "source_disabled", "switch"),
        (json!({ "methods": ["PUT"] }), "method_not_allowed", "shape"),
        (json!({ "max_body_bytes": 1 }), "body_too_large", "shape"),
        (json!({ "mode": "observe", "methods": ["PUT"] }), "method_not_allowed", "shape"),
    ] {
        let (ran, said) = explain(&config(more.clone()), &["--at", "1700000000"]);
        assert_eq!((ran.code, &said["code"]), (1, &json!(code)), "{more}: {}", ran.err);
        assert_eq!(result(&said, step), "refused", "{more}");
        assert_eq!(said["outcome"], if more["mode"] == "observe" { "observed" } else { "denied" });
    }
}

#[test]
fn a_refused_configuration_explains_nothing() {
    let (ran, _) = explain(&json!({ "sources": [{ "name": "a b" }] }), &[]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("$.sources[0].name: must be"), "{}", ran.err);
}

#[test]
fn secret_material_is_shown_only_on_terminals() {
    let (ran, _) = explain(&config(json!({})), &["--show-secret-material"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("--show-secret-material works on a terminal"), "{}", ran.err);
}

#[test]
fn help_has_examples() {
    let ran = hookwarden_with(&["explain", "--help"], "", &[]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("Examples:") && ran.out.contains("hookwarden explain --batch"), "{}", ran.out);
}

#[test]
fn live_secrets_are_given_on_the_side_and_asked_for_if_they_are_not() {
    let http = json!({"cluster": "vault", "path": "/v1/secret/data/stripe", "pointer": "/data/data/previous"});
    let secrets = json!([{ "id": "new", "filter_state": "hw.stripe" }, { "id": "previous", "http": http }]);
    let live = config(json!({ "verify": { "provider": "stripe", "secrets": secrets } }));
    let scratch = Scratch::new();
    let (right, wrong) =
        (scratch.file("right", format!("{SECRET}\n")), scratch.file("wrong", "another-secret-of-length"));
    let at = ["--at", "1700000000"];
    let (ran, said) = explain(&live, &at);
    assert_eq!(
        (ran.code, &said["code"], &said["finding"]),
        (1, &json!("secret_unavailable"), &json!("secret_not_given"))
    );
    assert!(ran.out.contains("--secret-env"), "{}", ran.out);
    for (more, code) in [
        (vec!["--secret-env", "STRIPE_SECRET"], 0),
        (vec!["--secret-file", &right], 0),
        (vec!["--secret-file", &wrong, "--secret-file", &right], 0),
        (vec!["--secret-file", &wrong], 1),
        (vec!["--secret-file", &right, "--secret-file", &right, "--secret-file", &right], 2),
        (vec!["--secret-env", "NO_SUCH_VARIABLE"], 2),
    ] {
        let (ran, _) = explain(&live, &[&at[..], &more].concat());
        assert_eq!(ran.code, code, "{more:?}: {}{}", ran.out, ran.err);
        assert!(!ran.out.contains(SECRET) && !ran.err.contains(SECRET));
    }
    // There is nothing that it could be.
    let (ran, _) = explain(&config(json!({})), &[&at[..], &["--secret-file", &right]].concat());
    assert_eq!(ran.code, 2, "{}", ran.err);

    let config = scratch.config(&live);
    let sign = |more: &[&str]| hookwarden(&[&["sign", "--config", &config, "--source", "stripe"], more].concat(), "");
    let ran = sign(&[]);
    assert!(ran.code != 0 && ran.err.contains("--secret-file"), "{}", ran.err);
    assert_eq!(sign(&["--secret-file", &right]).code, 0);
}

#[test]
fn a_wrong_option_value_is_no_verdict_on_the_request() {
    let guarded = config(json!({ "allow_from": ["192.0.2.0/24"] }));
    for (more, expected) in [
        (["--client-address", "not-an-address"], "'not-an-address' for '--client-address <ADDRESS>': is no address"),
        (["--client-address", "192.0.2.7, 10.0.0.1"], "of a list such as X-Forwarded-For give the one"),
        (["--client-address", "2001:db8::7%eth0"], "leave out the zone"),
        (["--client-address", "192.0.2.007"], "is no address"),
        (["--client-address", "192.0.2.0/24"], "that is a network"),
        (["--method", "PO ST"], "is no method such as POST"),
        (["--url", "/hooks/stripe"], "has no host"),
        (["--url", "ftp://a/b"], "neither https:// nor http://"),
        (["--entry", "0"], "is no number from 1"),
        (["--entry", "2"], "has no entry 2: one request is all that it has"),
        (["--at", "yesterday"], "--at: must be a time such as"),
    ] {
        let (ran, _) = explain(&guarded, &more);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{more:?}");
        assert!(ran.err.contains(expected), "{more:?}: {}", ran.err);
    }
    for address in ["192.0.2.7", "192.0.2.7:4711", "2001:db8::7", "[2001:db8::7]:4711"] {
        let (ran, _) = explain(&config(json!({})), &["--at", "1700000000", "--client-address", address]);
        assert_eq!(ran.code, 0, "{address}: {}", ran.err);
    }
    // In a batch it is one error, not a verdict on each line.
    let scratch = Scratch::new();
    let lines = scratch.file("lines", format!("{}\n", json!({ "request": request() })));
    let (configuration, path) = (scratch.config(&config(json!({}))), "--config");
    let ran = hookwarden(&["explain", "--batch", &lines, path, &configuration, "--at", "yesterday"], "");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
    let missing = scratch.file("lines", "");
    let ran = hookwarden(&["explain", "--batch", &missing, path, "no-such-file.json"], "");
    assert!(ran.code == 2 && ran.err.contains("no-such-file.json"), "{ran:?}");
    let line = json!({ "request": request(), "client_address": "nowhere" });
    let lines = scratch.file("lines", format!("{line}\n"));
    let ran = hookwarden(&["explain", "--batch", &lines, path, &configuration], "");
    assert!(
        ran.out.contains("\"client_address\\\" is no address") && ran.out.contains("line_unreadable"),
        "{}",
        ran.out
    );
}

#[test]
fn files_of_windows_are_read_or_named() {
    let utf_16 = |text: &str| -> Vec<u8> {
        [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    };
    let scratch = Scratch::new();
    let configuration = config(json!({}));
    let plain = scratch.config(&configuration);
    let captured = scratch.file("request", request());
    let environment = format!("STRIPE_SECRET={SECRET}\r\n");
    let marked = format!("\u{feff}{environment}");
    for (name, content) in [("utf-16.env", utf_16(&environment)), ("marked.env", marked.into_bytes())] {
        let environment = scratch.file(name, content);
        let ran = hookwarden(&["explain", &plain, &captured, "--env-file", &environment, "--at", "1700000000"], "");
        assert_eq!(ran.code, 0, "{name}: {}{}", ran.out, ran.err);
    }
    let line = json!({ "request": request(), "environment": { "STRIPE_SECRET": SECRET } });
    let lines = scratch.file("marked.jsonl", format!("\u{feff}{line}\r\n"));
    let ran = hookwarden(&["explain", "--batch", &lines, "--config", &plain, "--at", "1700000000"], "");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let text = configuration.to_string();
    for (content, expected) in
        [(utf_16(&text), "is in UTF-16"), (format!("\u{feff}{text}").into_bytes(), "begins with a byte order mark")]
    {
        let wrong = scratch.file("wrong.json", content);
        for arguments in [
            vec!["explain", &wrong, &captured],
            vec!["check", &wrong],
            vec!["sign", "--config", &wrong],
            vec!["rotate", &wrong, "--source", "stripe"],
        ] {
            let ran = hookwarden(&arguments, "");
            let said = format!("{}{}", ran.out, ran.err);
            assert!(ran.code > 0 && said.contains(expected), "{arguments:?}: {said}");
            assert!(said.contains("save it as UTF-8 without a byte order mark"), "{arguments:?}: {said}");
        }
    }
}
