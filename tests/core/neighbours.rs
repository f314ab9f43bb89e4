//! Neighbours of a valid vector that can be made without a key: another secret or public key, a changed or missing body,
//! the proof missing, repeated, changed or truncated, a signed header missing, a time just outside of the tolerance. Every
//! provider refuses all of them.
//!
//! `BLESS=1 PROVIDER=name` adds the missing ones to the file, each with its verdict; review them before you commit. A
//! new file therefore needs only one valid vector, preferably a recorded delivery.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;

use hookwarden::verify::scheme::SchemeKind;
use serde_json::{Value, json};

use crate::delivery::{Delivery, deliver};
use crate::providers::{flaws_of_the_file, flaws_of_the_window};
use crate::support;
use crate::vector::{Form, MEMBERS, Provider, Vector, all_providers, providers};

/// The upper bound, in seconds, of the search for the end of a tolerance.
const LONGEST_TOLERANCE: u64 = 8 * 86_400;

/// A vector that differs from a valid one in one way, and its expected verdict.
struct Neighbour {
    vector: Value,
    must: Must,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Must {
    Pass,
    Fail,
}

#[test]
fn every_provider_refuses_the_neighbours_of_its_valid_vectors() {
    let mut wrong = Vec::new();
    for provider in providers() {
        let Some((raw, valid)) = seed(&provider) else { continue };
        let mut lacking = Vec::new();
        for Neighbour { mut vector, must } in neighbours(&provider, &raw, &valid) {
            let read = Vector::read(&vector).unwrap_or_else(|problem| panic!("{}: {problem}", provider.name));
            let verdict = verdict(&provider, &read);
            if (verdict == "verified") != (must == Must::Pass) {
                wrong.push(format!("{}: {}: {verdict}", provider.name, vector["case"]));
            }
            vector["expect"] = json!(verdict);
            lacking.push(vector);
        }
        lacking.retain(|vector| !has_alike(&provider, vector) && !has_named(&provider, &vector["case"]));
        if std::env::var_os("BLESS").is_some() && std::env::var_os("PROVIDER").is_some() && !lacking.is_empty() {
            append(&provider, &lacking);
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_worked_example_in_the_documentation_verifies() {
    let page = include_str!("../../docs/adding-a-sender.md");
    let (_, behind) = page.split_once("```json provider").expect("the example");
    let (text, _) = behind.split_once("```").expect("its end");
    let file: Value = serde_json::from_str(text).expect("it is JSON");
    let provider = Provider::of("acme", file.as_object().expect("a file"), &BTreeMap::new()).expect("a provider");
    assert_eq!([flaws_of_the_file(&provider), flaws_of_the_window(&provider)].concat(), Vec::<String>::new());
    let (raw, valid) = seed(&provider).expect("a valid vector");
    assert_eq!(verdict(&provider, &valid), "verified");
    assert!(neighbours(&provider, &raw, &valid).len() > 10);
}

/// The first valid vector with one secret, as written and as read.
fn seed(provider: &Provider) -> Option<(Value, Vector)> {
    let raw = provider.file["vectors"].as_array()?.iter();
    let read = raw.map(|raw| (raw.clone(), Vector::read(raw).expect("it was read before")));
    read.into_iter().find(|(_, vector)| vector.is_valid() && vector.secrets.len() == 1)
}

fn verdict(provider: &Provider, vector: &Vector) -> &'static str {
    let policy = support::policy(&provider.config(vector, Form::WrittenOut));
    deliver(&policy, &vector.sent, &Delivery::whole()).code
}

fn neighbours(provider: &Provider, raw: &Value, valid: &Vector) -> Vec<Neighbour> {
    let mut neighbours = Vec::new();
    let mut add = |must: Must, case: &str, change: &dyn Fn(&mut Value)| {
        let mut vector = raw.clone();
        vector["case"] = json!(case);
        vector["origin"] = json!("generated");
        vector.as_object_mut().expect("a vector is an object").remove("source");
        change(&mut vector);
        neighbours.push(Neighbour { vector, must });
    };
    if valid.are_public_keys {
        let right = valid.secrets[0].clone();
        if let Some(other) = other_public_key(provider, valid) {
            add(Must::Fail, "denies another key", &|vector| vector["keys"] = json!([other]));
            add(Must::Pass, "accepts the first of several keys", &|vector| vector["keys"] = json!([right, other]));
            add(Must::Pass, "accepts the last of several keys", &|vector| vector["keys"] = json!([other, right]));
        }
    } else {
        let right = valid.secrets[0].clone();
        let other = other_secret(provider, &right);
        add(Must::Fail, "denies another secret", &|vector| vector["secrets"] = json!([other]));
        add(Must::Pass, "accepts the first of several secrets", &|vector| vector["secrets"] = json!([right, other]));
        add(Must::Pass, "accepts the last of several secrets", &|vector| vector["secrets"] = json!([other, right]));
    }
    if provider.signs_whole_body() && valid.sent.body.len() > 1 && raw.get("body").is_some() {
        let body = raw["body"].as_str().unwrap_or_default().to_owned();
        let changed = changed(&body);
        add(Must::Fail, "denies a changed body", &|vector| vector["body"] = json!(changed));
        add(Must::Fail, "denies a body with a line feed behind it", &|vector| {
            vector["body"] = json!(format!("{body}\n"))
        });
        add(Must::Fail, "denies when the body is missing", &|vector| vector["body"] = json!(""));
    }
    for name in proof_headers(provider, valid) {
        let value = header(raw, &name);
        add(Must::Fail, &format!("denies when {name} is missing"), &|vector| edit(vector, &name, &[]));
        add(Must::Fail, &format!("denies when {name} comes twice"), &|vector| edit(vector, &name, &[&value, &value]));
        add(Must::Fail, &format!("denies when {name} is empty"), &|vector| edit(vector, &name, &[""]));
        // The header may have other entries besides the proof, or another proof.
        let matters = |at: &usize| {
            let mut vector = raw.clone();
            edit(&mut vector, &name, &[&changed_at(&value, *at)]);
            verdict(provider, &Vector::read(&vector).expect("only a letter is another")) != "verified"
        };
        let at = (0..value.len()).rev().filter(|at| value.as_bytes()[*at].is_ascii_alphanumeric()).find(matters);
        let other = changed_at(&value, at.unwrap_or_default());
        add(Must::Fail, &format!("denies when a letter of {name} is another"), &|vector| {
            edit(vector, &name, &[&other])
        });
        // Less than half, since it may hold two proofs.
        let part = value.get(..value.len() / 3).unwrap_or_default().to_owned();
        add(Must::Fail, &format!("denies when {name} is cut short"), &|vector| edit(vector, &name, &[&part]));
    }
    for name in signed_headers(provider, valid) {
        add(Must::Fail, &format!("denies when {name}, which is signed, is missing"), &|vector| {
            edit(vector, &name, &[])
        });
    }
    if let (Some(now), true) = (raw.get("now").and_then(Value::as_u64), has_timestamp(provider)) {
        let passes = |now: u64| {
            let mut vector = raw.clone();
            vector["now"] = json!(now);
            verdict(provider, &Vector::read(&vector).expect("only its time is another")) == "verified"
        };
        let (last, first) = (edge(|by| passes(now + by)), edge(|by| passes(now - by)));
        if let (Some(last), Some(first)) = (last, first) {
            let at = |now: u64| move |vector: &mut Value| vector["now"] = json!(now);
            add(Must::Pass, "accepts a request in the last second of its tolerance", &at(now + last));
            add(Must::Fail, "denies a request a second past its tolerance", &at(now + last + 1));
            add(Must::Pass, "accepts a request as far ahead as the tolerance", &at(now - first));
            add(Must::Fail, "denies a request a second further ahead than the tolerance", &at(now - first - 1));
        }
    }
    neighbours
}

/// The largest number for which the condition holds, if it fails for some number.
fn edge(holds: impl Fn(u64) -> bool) -> Option<u64> {
    let (mut good, mut bad) = (0, LONGEST_TOLERANCE);
    if !holds(good) || holds(bad) {
        return None;
    }
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if holds(middle) { good = middle } else { bad = middle }
    }
    Some(good)
}

fn has_timestamp(provider: &Provider) -> bool {
    provider.dialects().iter().all(|dialect| dialect.get("timestamp").is_some())
}

/// The headers that hold the proof, if there is one dialect, and occur once in the vector.
fn proof_headers(provider: &Provider, vector: &Vector) -> Vec<String> {
    let dialects = provider.dialects();
    let [only] = dialects.as_slice() else { return Vec::new() };
    let kind = SchemeKind::of(|key| only.get(key).is_some());
    let names = match kind {
        SchemeKind::Signature | SchemeKind::Credential | SchemeKind::HttpSignature => {
            only[kind.key()]["header"].as_str().into_iter().collect()
        }
        SchemeKind::Jwt => {
            only[kind.key()]["at"].as_str().and_then(|at| at.strip_prefix("header:")).into_iter().collect()
        }
        SchemeKind::MessageSignature => vec!["Signature", "Signature-Input"],
    };
    names.into_iter().filter(|name| occurs_once(vector, name)).map(str::to_owned).collect()
}

/// The headers that the only template of the only dialect names outside of `[[…]]`, whose content may be missing.
fn signed_headers(provider: &Provider, vector: &Vector) -> Vec<String> {
    let dialects = provider.dialects();
    let [only] = dialects.as_slice() else { return Vec::new() };
    let signed = only.get("signed").and_then(Value::as_str).unwrap_or_default();
    let always = signed.split("[[").map(|part| part.split_once("]]").map_or(part, |(_, behind)| behind));
    let values = always.flat_map(|part| part.split("{header:").skip(1));
    let names = values.filter_map(|value| value.split(['}', '|']).next());
    let names: BTreeSet<_> = names.filter(|name| occurs_once(vector, name)).collect();
    names.into_iter().map(str::to_owned).collect()
}

fn occurs_once(vector: &Vector, name: &str) -> bool {
    vector.sent.headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name)).count() == 1
}

/// A public key of another sender that this scheme takes.
fn other_public_key(provider: &Provider, valid: &Vector) -> Option<String> {
    let vectors = all_providers().into_iter().flat_map(|provider| provider.vectors);
    let keys = vectors.filter(|vector| vector.are_public_keys).flat_map(|vector| vector.secrets);
    keys.into_iter().find(|key| {
        let mut check = provider.check(valid, Form::WrittenOut);
        check["keys"] = json!([{ "value": key }]);
        let config = support::sources(&[support::source("tested", &valid.path, check)]);
        let policy = support::try_load(config.to_string().as_bytes()).ok();
        policy.is_some_and(|loaded| {
            deliver(&Rc::new(loaded.policy), &valid.sent, &Delivery::whole()).code == "signature_mismatch"
        })
    })
}

fn header(vector: &Value, name: &str) -> String {
    let pairs = vector["headers"].as_array().into_iter().flatten();
    let mut named = pairs.filter(|pair| pair[0].as_str().is_some_and(|own| own.eq_ignore_ascii_case(name)));
    named.next().and_then(|pair| pair[1].as_str()).unwrap_or_default().to_owned()
}

/// Replaces a header with one header for each value.
fn edit(vector: &mut Value, name: &str, values: &[&str]) {
    let headers = vector["headers"].as_array_mut().expect("a list of pairs");
    headers.retain(|pair| !pair[0].as_str().is_some_and(|own| own.eq_ignore_ascii_case(name)));
    headers.extend(values.iter().map(|value| json!([name, value])));
}

/// A secret of the same form with one changed character.
fn other_secret(provider: &Provider, secret: &str) -> String {
    let prefix = provider.file.get("secret").and_then(|secret| secret.get("prefix")).and_then(Value::as_str);
    match prefix.and_then(|prefix| secret.strip_prefix(prefix).map(|rest| (prefix, rest))) {
        Some((prefix, rest)) => format!("{prefix}{}", changed(rest)),
        None => changed(secret),
    }
}

/// The text with the letter or digit in its middle exchanged for the next of its kind.
fn changed(text: &str) -> String {
    let middle = text.len() / 2;
    let letters: Vec<_> = text.char_indices().filter(|(_, char)| char.is_ascii_alphanumeric()).collect();
    match letters.iter().min_by_key(|(at, _)| at.abs_diff(middle)) {
        Some((at, _)) => changed_at(text, *at),
        None => format!("{text}x"),
    }
}

/// The text with the ASCII letter or digit at `at` exchanged for the next of its kind.
fn changed_at(text: &str, at: usize) -> String {
    let next = match text.as_bytes()[at] {
        b'9' => b'0',
        b'f' => b'a',
        b'z' => b'y',
        b'F' => b'A',
        b'Z' => b'Y',
        other => other + 1,
    };
    format!("{}{}{}", &text[..at], char::from(next), &text[at + 1..])
}

/// Whether the file has a vector that differs from this one in nothing but its name.
fn has_alike(provider: &Provider, vector: &Value) -> bool {
    let bare = |vector: &Value| {
        let mut bare = vector.clone();
        for member in ["case", "origin", "source"] {
            bare.as_object_mut().expect("an object").remove(member);
        }
        bare
    };
    provider.file["vectors"].as_array().into_iter().flatten().any(|own| bare(own) == bare(vector))
}

fn has_named(provider: &Provider, case: &Value) -> bool {
    provider.file["vectors"].as_array().into_iter().flatten().any(|own| own["case"] == *case)
}

/// Appends vectors to the file in its style: one header per line, everything else on one line.
fn append(provider: &Provider, vectors: &[Value]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("providers/{}.json", provider.name));
    let text = std::fs::read_to_string(&path).expect("the file is there");
    let start = text.find("\n  \"vectors\": [").expect("the vectors are a member");
    let end = text[start..].find("\n  ]").expect("they end") + start;
    let (before, behind) = (&text[..end], &text[end + "\n  ]".len()..]);
    let written: Vec<_> = vectors.iter().map(written).collect();
    std::fs::write(&path, format!("{before},\n{}\n  ]{behind}", written.join(",\n"))).expect("it can be written");
}

fn written(vector: &Value) -> String {
    let lines: Vec<_> = MEMBERS
        .iter()
        .filter_map(|name| vector.get(name).map(|value| (name, value)))
        .map(|(name, value)| match (*name, value.as_array().filter(|list| !list.is_empty())) {
            ("headers", Some(pairs)) => {
                let pairs: Vec<_> = pairs.iter().map(|pair| format!("        [{}, {}]", pair[0], pair[1])).collect();
                format!("      \"headers\": [\n{}\n      ]", pairs.join(",\n"))
            }
            (name, _) => format!("      \"{name}\": {value}"),
        })
        .collect();
    format!("    {{\n{}\n    }}", lines.join(",\n"))
}
