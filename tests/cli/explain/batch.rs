//! Batches of many requests.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::vector_line;
use crate::scratch::Scratch;
use crate::support::{Ran, hookwarden, hookwarden_with};

fn verdicts(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
}

/// Every vector of `providers/` as a line, with the provider, the case and the expected code as its id.
fn lines_of_all_vectors() -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("providers");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("providers/ is there")
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    paths.sort();
    let mut lines = String::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "json")) {
        let file: Value = serde_json::from_slice(&fs::read(path).expect("it can be read")).expect("it is JSON");
        let provider = path.file_stem().and_then(|stem| stem.to_str()).expect("its name is text");
        for vector in file["vectors"].as_array().expect("it has vectors") {
            let mut line = vector_line::of(provider, vector);
            line["time"] = vector.get("now").cloned().unwrap_or(json!(1_700_000_000));
            line["id"] = json!([provider, vector["case"], vector["expect"]]);
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
    }
    lines
}

#[test]
fn every_vector_gets_its_expected_verdict() {
    let lines = lines_of_all_vectors();
    // A file, because input and output are larger than a pipe's buffer.
    let scratch = Scratch::new();
    let ran = hookwarden(&["explain", "--batch", &scratch.file("lines", &lines)], "");
    let verdicts = verdicts(&ran);
    assert_eq!((ran.code, verdicts.len()), (1, lines.lines().count()), "{}", ran.err);
    assert!(verdicts.len() > 6000);
    let wrong: Vec<_> = verdicts.iter().filter(|verdict| verdict["code"] != verdict["id"][2]).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for (number, verdict) in verdicts.iter().enumerate() {
        assert_eq!(verdict["line"], number + 1);
        let is_verified = verdict["code"] == "verified";
        assert_eq!(verdict["outcome"] == "passed", is_verified, "{verdict}");
        assert_eq!(verdict["finding"].is_null(), is_verified, "{verdict}");
        assert_eq!(verdict["secrets"].as_array().is_some_and(|ids| !ids.is_empty()), is_verified, "{verdict}");
    }
    // No line contains the proof of a request.
    let inputs: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    for (input, line) in inputs.iter().zip(ran.out.lines()) {
        for secret in input["request"]["secrets"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let name = input["id"].to_string();
            assert!(secret.len() < 9 || name.contains(secret) || !line.contains(secret), "{line}");
        }
    }
}

fn line(body: &str) -> Value {
    let tag = hex::encode(crate::scratch::hmac_sha256(b"a-github-secret-of-many-letters", b"body"));
    json!({ "request": {
        "method": "POST", "url": "https://hooks.example.com/hooks/github",
        "headers": [["X-Hub-Signature-256", format!("sha256={tag}")]], "body": body,
    } })
}

fn config() -> Value {
    json!({ "sources": [{
        "name": "github", "match": { "path": "/hooks/github" },
        "verify": { "provider": "github", "secrets": [{ "id": "main", "env": "SECRET" }] }
    }] })
}

#[test]
fn a_bad_line_gets_a_verdict_and_does_not_stop_the_batch() {
    let scratch = Scratch::new();
    let with = |member: &str, value: Value| {
        let mut line = line("body");
        line[member] = value;
        line.to_string()
    };
    let lines = [
        "not json".to_owned(),
        "[]".to_owned(),
        json!({ "configuration": config() }).to_string(),
        with("time", json!("yesterday")),
        with("configuration", json!({ "sources": [] })),
        with("configuration", json!("/nowhere.json")),
        with("configuration", json!(7)),
        with("request", json!({ "url": "https://a/b", "body": 7 })),
        String::new(),
        with("environment", json!({})),
        with("environment", json!({ "SECRET": "another-secret-of-many-letters" })),
        line("body").to_string(),
    ];
    let ran = hookwarden_with(
        &["explain", "--config", &scratch.config(&config()), "--batch", "-"],
        &lines.join("\n"),
        &[("SECRET", "a-github-secret-of-many-letters")],
    );
    let verdicts = verdicts(&ran);
    let codes: Vec<_> = verdicts.iter().map(|verdict| verdict["code"].as_str().unwrap_or_default()).collect();
    assert_eq!(
        codes,
        [
            "line_unreadable",
            "request_unreadable",
            "request_unreadable",
            "time_unreadable",
            "configuration_refused",
            "configuration_missing",
            "configuration_missing",
            "request_unreadable",
            "source_closed",
            "signature_mismatch",
            "verified",
        ],
        "{}",
        ran.out
    );
    assert_eq!((&verdicts[10]["line"], ran.code), (&json!(12), 1));
    assert!(ran.err.ends_with("11 requests: 1 verified, 2 not, 8 errors\n"), "{}", ran.err);
}

#[test]
fn the_mistake_is_named_in_a_batch_too() {
    let scratch = Scratch::new();
    let lines = format!("{}\n{}\n", line("body\n"), line("body"));
    let arguments = ["explain", &scratch.config(&config()), "--batch", &scratch.file("lines", lines)];
    let ran = hookwarden_with(&arguments, "", &[("SECRET", "a-github-secret-of-many-letters")]);
    let verdicts = verdicts(&ran);
    assert_eq!(verdicts[0]["finding"], "body_trailing_newline");
    assert_eq!(verdicts[0]["certain"], true);
    assert_eq!((&verdicts[1]["code"], &verdicts[1]["finding"]), (&json!("verified"), &Value::Null));
}

#[test]
fn a_batch_of_verified_requests_exits_with_zero() {
    let scratch = Scratch::new();
    let arguments = ["explain", &scratch.config(&config()), "--batch", "-"];
    let ran = hookwarden_with(&arguments, &line("body").to_string(), &[("SECRET", "a-github-secret-of-many-letters")]);
    assert_eq!(ran.code, 0, "{}", ran.out);
}

/// Every handshake in `providers/`, sent to a source that takes no part in handshakes.
fn lines_of_all_handshakes() -> String {
    let mut lines = String::new();
    for name in hookwarden::config::providers::names() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("providers/{name}.json"));
        let file: Value = serde_json::from_slice(&fs::read(path).expect("it can be read")).expect("it is JSON");
        let vectors = file["handshake_vectors"].as_array().into_iter().flatten();
        for vector in vectors.filter(|vector| vector["expect"].is_object() || vector["expect"] == "forwarded") {
            let url = vector["url"].as_str().expect("a vector has a URL");
            let (_, rest) = url.split_once("://").expect("it is absolute");
            let path = rest.find('/').map_or("/", |at| rest[at..].split('?').next().unwrap_or_default());
            let mut check = json!({ "provider": name });
            match vector.get("keys") {
                Some(keys) => check["keys"] = json!([{ "value": keys[0] }]),
                None => {
                    let secrets = vector["secrets"].as_array().cloned();
                    let secrets = secrets.unwrap_or_else(|| vec![json!("a-secret-that-nobody-guesses")]);
                    let secrets = secrets.iter().map(|text| json!({ "value": text, "insecure_short_secret": true }));
                    check["secrets"] = secrets.collect();
                }
            }
            // Without the values that only the handshake uses.
            let scheme = hookwarden::config::providers::find(name).expect("a provider").scheme.to_string();
            let handshake = hookwarden::config::providers::find(name).and_then(|found| found.handshake);
            let handshake = handshake.expect("a handshake").to_string();
            let is_used = |value: &str| {
                let value = format!("{{with:{value}}}");
                scheme.contains(&value) || !handshake.contains(&value)
            };
            let with = vector["with"].as_object().cloned().unwrap_or_default();
            let with: serde_json::Map<_, _> = with.into_iter().filter(|(value, _)| is_used(value)).collect();
            if !with.is_empty() {
                check["with"] = json!(with);
            }
            let source = json!({ "name": "tested", "match": { "path": path }, "methods": ["POST"], "verify": check });
            let line = json!({
                "configuration": { "sources": [source] },
                "request": vector,
                "time": vector.get("now").cloned().unwrap_or(json!(1_700_000_000)),
                "id": [name, vector["case"]],
            });
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
    }
    lines
}

#[test]
fn a_handshake_of_any_sender_is_named_if_its_source_takes_no_part() {
    let scratch = Scratch::new();
    let lines = lines_of_all_handshakes();
    let ran = hookwarden(&["explain", "--batch", &scratch.file("batch.jsonl", lines)], "");
    let verdicts = verdicts(&ran);
    assert!(verdicts.len() > 60, "{} handshakes: {}", verdicts.len(), ran.err);
    let is_right = |verdict: &Value| match verdict["outcome"].as_str() {
        // A signed one is verified like an event.
        Some("passed") => verdict["code"] == "verified",
        _ => verdict["finding"] == "handshake_off",
    };
    let wrong: Vec<_> = verdicts.iter().filter(|verdict| !is_right(verdict)).map(Value::to_string).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), verdicts.len(), wrong.join("\n"));
}
