//! `sign --handshake`: every handshake of every sender, which the filter recognises.

use serde_json::{Map, Value, json};

use super::filter::Made;
use super::senders::{Sender, for_every_sender, parsed};
use crate::scratch::Scratch;
use crate::support::{Ran, hookwarden, hookwarden_with};

impl Sender {
    /// How many handshakes it makes.
    fn handshakes(&self) -> usize {
        match &self.file["handshake"] {
            Value::Null => 0,
            Value::Array(list) => list.len(),
            _ => 1,
        }
    }

    /// A vector of a handshake that is answered or forwarded. Zoho Mail's has none, because its form is not known.
    fn handshake_vector(&self) -> Value {
        let vectors = self.file["handshake_vectors"].as_array().expect("vectors of handshakes");
        let mut answered =
            vectors.iter().filter(|vector| vector["expect"].is_object() || vector["expect"] == "forwarded");
        answered.next().cloned().unwrap_or_else(|| json!({ "handshake": "forward" }))
    }

    /// The values of the scheme, and those of the handshake.
    fn values(&self) -> Map<String, Value> {
        let mut values = Map::new();
        let vector = self.handshake_vector();
        for object in [&self.vector["with"], &vector["with"], &vector["handshake"]] {
            for (name, value) in object.as_object().into_iter().flatten() {
                let text = value.as_str().or_else(|| value[0].as_str());
                if let Some(text) = text.filter(|_| !["topics", "cluster", "forward"].contains(&name.as_str())) {
                    values.insert(name.clone(), json!(text));
                }
            }
        }
        values
    }

    fn sign_handshake(&self, number: usize, arguments: &[&str]) -> Ran {
        let with: Vec<_> = self
            .values()
            .iter()
            .map(|(name, value)| format!("--with={name}={}", value.as_str().expect("text")))
            .collect();
        let number = format!("--handshake={number}");
        let mut all = vec!["sign", "--provider", &self.name, &number, "--as", "json"];
        all.extend(with.iter().map(String::as_str));
        all.extend(arguments);
        hookwarden_with(&all, "", &[("SIGNING_SECRET", &self.secret())])
    }

    /// A source that takes part in the handshakes.
    fn receiver(&self, made: &Made, json: &Value) -> Value {
        let vector = self.handshake_vector();
        let mut check = json!({ "provider": self.name });
        let mut with = self.vector["with"].as_object().cloned().unwrap_or_default();
        with.extend(vector["with"].as_object().cloned().unwrap_or_default());
        if !with.is_empty() {
            check["with"] = json!(with);
        }
        match (self.public_algorithm(), json["public_keys"].get(0)) {
            (Some(_), Some(key)) => check["keys"] = json!([{ "value": key }]),
            (Some(_), None) => check["keys"] = json!([{ "value": self.vector["keys"][0] }]),
            (None, _) => check["secrets"] = json!([{ "value": self.secret(), "insecure_short_secret": true }]),
        }
        let handshake = vector.get("handshake").cloned().unwrap_or(json!(true));
        json!({ "sources": [{
            "name": "tested", "match": { "path": made.path() }, "verify": check, "handshake": handshake,
        }] })
    }
}

#[test]
fn the_filter_recognises_every_handshake_of_every_sender() {
    for_every_sender(|sender| {
        let mut wrong = Vec::new();
        for number in 1..=sender.handshakes() {
            let ran = sender.sign_handshake(number, &["--secret-env", "SIGNING_SECRET"]);
            let json = match parsed(&ran) {
                Ok(json) => json,
                Err(problem) => {
                    wrong.push(format!("{number}: {problem}"));
                    continue;
                }
            };
            let made = Made::read(&json);
            let verdict = made.verdict_of(&sender.receiver(&made, &json));
            if (ran.code, verdict, &json["expect"]) != (0, "handshake", &json!("handshake")) {
                wrong.push(format!("{number}: {verdict}: {json:#}"));
            }
        }
        wrong
    });
}

#[test]
fn a_handshake_that_is_not_signed_needs_no_secret() {
    for_every_sender(|sender| {
        let rules = match &sender.file["handshake"] {
            Value::Array(list) => list.clone(),
            Value::Null => Vec::new(),
            one => vec![one.clone()],
        };
        let mut wrong = Vec::new();
        for (rule, number) in rules.iter().zip(1..) {
            let ran = sender.sign_handshake(number, &[]);
            let is_signed = rule["proof"] == "first";
            if ran.code != (if is_signed { 2 } else { 0 }) || is_signed && !ran.err.contains("--secret-") {
                wrong.push(format!("{number}: exit {}: {}", ran.code, ran.err));
            }
        }
        wrong
    });
}

#[test]
fn two_handshakes_have_different_tokens() {
    for name in ["dropbox", "meta", "slack", "x-twitter"] {
        let sender = Sender::all().into_iter().find(|sender| sender.name == name).expect("a sender");
        let [one, other] = [(); 2].map(|()| sender.sign_handshake(1, &["--secret-env", "SIGNING_SECRET"]).out);
        assert_ne!(one, other, "{name}");
    }
}

#[test]
fn a_source_is_asked_for_its_own_values() {
    let scratch = Scratch::new();
    let source = |handshake: Value| {
        json!({ "sources": [{
            "name": "meta",
            "match": { "path": "/hooks/meta" },
            "verify": { "provider": "meta", "secrets": [{ "env": "META_APP_SECRET" }] },
            "handshake": handshake,
        }] })
    };
    let configured = source(json!({ "verify_token": ["first-token", { "env": "META_VERIFY_TOKEN" }] }));
    let path = scratch.config(&configured);
    let environment = [("META_APP_SECRET", "an-app-secret-of-meta"), ("META_VERIFY_TOKEN", "second-token")];
    let ran = hookwarden_with(&["sign", "--config", &path, "--handshake", "--as", "json"], "", &environment);
    let json: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    assert!(
        json["url"].as_str().is_some_and(|url| url.contains("/hooks/meta?") && url.contains("first-token")),
        "{json:#}"
    );
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    // A source that takes no part.
    let path = scratch.config(&source(json!(false)));
    let arguments = ["sign", "--config", &path, "--handshake"];
    let ran = hookwarden_with(&arguments, "", &environment);
    assert!(ran.code == 2 && ran.err.contains("verify_token"), "{ran:?}");
}

#[test]
fn every_mistake_is_reported() {
    for (arguments, expected) in [
        (&["--provider", "github", "--handshake"][..], "makes no handshake; `hookwarden senders --handshakes`"),
        (&["--provider", "meta", "--handshake"], "add --with verify_token="),
        (&["--provider", "meta", "--handshake=2", "--with", "verify_token=x"], "--handshake goes from 1 to 1"),
        (&["--provider", "meta", "--handshake", "--tamper", "body"], "cannot be used with"),
        (&["--provider", "slack", "--handshake"], "--secret-env"),
    ] {
        let ran = hookwarden(&[&["sign"], arguments].concat(), "");
        assert!(ran.code == 2 && ran.err.contains(expected) && ran.out.is_empty(), "{arguments:?}: {ran:?}");
    }
}
