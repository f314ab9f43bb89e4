//! Requests of every provider with their body, secret, signature or time tampered with: the explanation names what was
//! tampered with, and no other scheme under which such a request would pass.
//!
//! They are vectors of `providers/`, judged in one batch.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::vector_line;
use crate::scratch::Scratch;
use crate::support::hookwarden;

/// What is said where the proof alone does not tell what was changed.
const UNKNOWN: &[&str] = &["secret_unknown_here", "url_unknown_here", "key_unknown_here"];

/// A kind of tampering: the cases of `providers/` that have it, and what may be found.
const TAMPERINGS: &[(&str, &[&str], &[&str])] = &[
    (
        "body",
        &["denies when a byte of the body is changed"],
        &[
            "token_claim",
            "digest_mismatch",
            "require_mismatch",
            "secret_unknown_here",
            "url_unknown_here",
            "key_unknown_here",
        ],
    ),
    ("secret", &["denies when the secret is another", "denies when the key is another"], UNKNOWN),
    (
        "signature",
        &["denies when a byte of the tag is changed", "denies when the credential's last letter is changed"],
        UNKNOWN,
    ),
    ("timestamp", &["denies a timestamp one second older than the tolerance"], &["timestamp_stale", "token_expired"]),
];

/// A line for each vector of these cases, with its time of arrival or without, and how many providers there are.
fn lines(cases: &[&str], has_time: bool) -> (String, usize) {
    let mut lines = String::new();
    let mut providers = 0;
    for name in hookwarden::config::providers::names() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("providers/{name}.json"));
        let file: Value = serde_json::from_slice(&fs::read(&path).expect("it can be read")).expect("it is JSON");
        providers += 1;
        let vectors = file["vectors"].as_array().expect("it has vectors").iter();
        for vector in vectors.filter(|vector| cases.contains(&vector["case"].as_str().expect("it has a name"))) {
            let mut line = vector_line::of(name, vector);
            line["id"] = json!([name, vector["case"]]);
            match has_time {
                true => line["time"] = vector.get("now").cloned().unwrap_or(json!(1_700_000_000)),
                // The request would say it otherwise.
                false => line["request"]["now"] = Value::Null,
            }
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
    }
    (lines, providers)
}

/// The lines of the verdicts whose finding is none of the expected ones.
fn unexpected(lines: &str, effort: &[&str], expected: &[&str]) -> String {
    let scratch = Scratch::new();
    let file = scratch.file("lines", lines);
    let ran = hookwarden(&[&["explain", "--batch", &file], effort].concat(), "");
    assert_eq!(ran.out.lines().count(), lines.lines().count(), "{}", ran.err);
    let is_wrong = |line: &&str| {
        let verdict: Value = serde_json::from_str(line).expect("it is JSON");
        !expected.iter().any(|expected| verdict["finding"] == *expected)
    };
    ran.out.lines().filter(is_wrong).map(|line| format!("{line}\n")).collect()
}

#[test]
fn what_was_tampered_with_is_named_for_every_provider_and_nothing_weaker_is_proposed() {
    let mut wrong = String::new();
    for (what, cases, expected) in TAMPERINGS {
        let (lines, providers) = lines(cases, true);
        let count = lines.lines().count();
        assert!(count > providers / 4, "{what}: {count} requests of {providers} providers");
        for effort in [&[][..], &["--thorough"]] {
            wrong.push_str(&unexpected(&lines, effort, expected));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{wrong}", wrong.lines().count());
}

#[test]
fn a_signed_date_is_not_taken_for_the_time_of_arrival() {
    let (lines, _) = lines(&["denies a timestamp one second older than the tolerance"], false);
    let of_date: Vec<_> = lines.lines().filter(|line| line.contains("-hmac-auth\"")).collect();
    assert!(of_date.len() > 1, "{} providers sign Date", of_date.len());
    assert_eq!(unexpected(&of_date.join("\n"), &[], &["timestamp_stale"]), "");
}
