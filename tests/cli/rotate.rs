//! `hookwarden rotate`.

use std::fs;

use hookwarden::config;
use serde_json::{Value, json};

use crate::support::{Ran, hookwarden};

const TWO_SOURCES: &str = r#"{
  "unmatched": "deny",
  "sources": [
    {
      "name": "github",
      "match": { "path": "/hooks/github" },
      "verify": { "provider": "github", "secrets": [{ "id": "2025-11", "env": "GITHUB_SECRET_2025_11" }] }
    },
    {
      "name": "mail",   "match": { "path": "/mail/*" },
      "verify": [
        { "provider": "basic", "secrets": [ { "env": "MAIL_PASSWORD_NEW" },
                                            { "env": "MAIL_PASSWORD_OLD", "not_after": "2026-12-31T00:00:00Z" } ] },
        {
          "provider": "mailgun",
          "secrets": [
            {
              "value": "a-secret-that-is-never-told-0123456789"
            }
          ]
        }
      ]
    }
  ]
}
"#;

fn rotate(configuration: &str, arguments: &[&str]) -> Ran {
    hookwarden(&[&["rotate", "-"], arguments].concat(), configuration)
}

#[test]
fn adds_the_new_secret_and_changes_nothing_else() {
    let ran = rotate(TWO_SOURCES, &["--source", "github", "--new-env", "GITHUB_NEXT", "--new-id", "next"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let old = r#"{ "id": "2025-11", "env": "GITHUB_SECRET_2025_11" }"#;
    let both = format!(r#"{old}, {{ "id": "next", "env": "GITHUB_NEXT" }}"#);
    assert_eq!(ran.out, TWO_SOURCES.replace(old, &both));
}

#[test]
fn leaves_live_secrets_to_where_they_are_kept() {
    let live = TWO_SOURCES.replace("\"env\": \"GITHUB_SECRET_2025_11\"", "\"filter_state\": \"hw.github\"");
    let ran = rotate(&live, &["--source", "github"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
    assert!(ran.err.contains("this secret is live"), "{}", ran.err);
}

#[test]
fn writes_the_new_entry_in_the_style_of_its_neighbours() {
    let new = ["--new-env", "NEXT", "--new-id", "next"];
    let ran = rotate(TWO_SOURCES, &[&["--source", "mail", "--list", "verify[0].secrets"], &new[..]].concat());
    let last = r#"{ "env": "MAIL_PASSWORD_OLD", "not_after": "2026-12-31T00:00:00Z" }"#;
    let entry = r#"{ "id": "next", "env": "NEXT" }"#;
    let blanks = " ".repeat(44);
    assert_eq!(ran.out, TWO_SOURCES.replace(last, &format!("{last},\n{blanks}{entry}")), "{}", ran.err);
    let ran = rotate(TWO_SOURCES, &[&["--source", "mail", "--list", "verify[1].secrets"], &new[..]].concat());
    let last = "              \"value\": \"a-secret-that-is-never-told-0123456789\"\n            }";
    assert_eq!(ran.out, TWO_SOURCES.replace(last, &format!("{last},\n            {entry}")), "{}", ran.err);
    let dense = TWO_SOURCES.replace([' ', '\n'], "");
    let ran = rotate(&dense, &[&["--source", "github"], &new[..]].concat());
    let old = r#"{"id":"2025-11","env":"GITHUB_SECRET_2025_11"}"#;
    assert_eq!(ran.out, dense.replace(old, &format!(r#"{old},{{"id":"next","env":"NEXT"}}"#)), "{}", ran.err);
}

#[test]
fn finishes_with_the_new_secret_alone() {
    let new = r#"{ "id": "next", "env": "GITHUB_NEXT" }"#;
    let begun = rotate(TWO_SOURCES, &["--source", "github", "--new-env", "GITHUB_NEXT", "--new-id", "next"]).out;
    let ran = rotate(&begun, &["--source", "github", "--finish", "--old-id", "2025-11"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.out, TWO_SOURCES.replace(r#"{ "id": "2025-11", "env": "GITHUB_SECRET_2025_11" }"#, new));
    assert!(ran.err.contains("Remove GITHUB_SECRET_2025_11"), "{}", ran.err);
    let back = rotate(&begun, &["--source", "github", "--finish", "--old-id", "next"]);
    assert_eq!(back.out, TWO_SOURCES, "rolling back to the old secret");
}

#[test]
fn gives_the_old_secret_an_end_and_recognises_it_later() {
    let until = "2027-01-01T00:00:00Z";
    let begun = rotate(TWO_SOURCES, &["--source", "github", "--until", until]);
    let old = format!(r#"{{ "id": "2025-11", "env": "GITHUB_SECRET_2025_11", "not_after": "{until}" }}"#);
    assert!(begun.out.contains(&old), "{}{}", begun.out, begun.err);
    let ran = rotate(&begun.out, &["--source", "github", "--finish"]);
    assert!(ran.code == 0 && !ran.out.contains("2025-11"), "{ran:?}");
    let ran = rotate(TWO_SOURCES, &["--source", "mail", "--list", "verify[0].secrets", "--finish"]);
    assert!(!ran.out.contains("MAIL_PASSWORD_OLD") && ran.out.contains("MAIL_PASSWORD_NEW"), "{ran:?}");
}

#[test]
fn does_not_guess_which_secret_is_the_old_one() {
    let begun = rotate(TWO_SOURCES, &["--source", "github", "--new-env", "NEXT", "--new-id", "next"]).out;
    for arguments in [&["--finish"][..], &[]] {
        let ran = rotate(&begun, &[&["--source", "github"], arguments].concat());
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.err.contains("--old-id") && ran.err.contains("2025-11, next"), "{}", ran.err);
    }
    let ran = rotate(TWO_SOURCES, &["--source", "mail"]);
    assert!(ran.code == 2 && ran.err.contains("--list 'verify[1].secrets'"), "{ran:?}");
}

#[test]
fn lists_the_steps_in_the_order_that_loses_no_event() {
    let ran = rotate(TWO_SOURCES, &["--source", "github", "--new-env", "GITHUB_NEXT", "--new-id", "next"]);
    let places: Vec<_> = [
        "hookwarden secret new --for github",
        "Set GITHUB_NEXT",
        "Deploy this configuration",
        "Give the new secret to GitHub",
        r#"hookwarden_matches{source="github",secret_id="2025-11"}"#,
        "--finish",
        "remove",
    ]
    .iter()
    .map(|part| ran.err.replace("\n    ", " ").find(part).unwrap_or_else(|| panic!("lacks {part:?}: {}", ran.err)))
    .collect();
    assert!(places.is_sorted(), "{places:?}: {}", ran.err);
}

#[test]
fn chooses_unused_names_with_a_date() {
    let ran = rotate(TWO_SOURCES, &["--source", "github", "--format", "json"]);
    let first: Value = serde_json::from_str(&ran.out).expect("it is JSON");
    let (id, env) = (first["new"]["id"].as_str().expect("text"), first["new"]["env"].as_str().expect("text"));
    assert_eq!(env, format!("GITHUB_SECRET_{}", id.replace('-', "_")));
    assert_eq!(first["old"], json!({ "id": "2025-11", "env": "GITHUB_SECRET_2025_11" }));
    let again = rotate(first["configuration"].as_str().expect("text"), &["--source", "github", "--old-id", id]);
    assert_eq!(again.code, 0, "{}", again.err);
    let loaded = config::load(again.out.as_bytes(), &|_| None);
    assert!(loaded.is_ok(), "three secrets, three names: {loaded:?}");
}

#[test]
fn refuses_invalid_results() {
    for (arguments, part) in [
        (&["--source", "gitlab"][..], "there are github, mail"),
        (&["--source", "github", "--new-env", "GITHUB_SECRET_2025_11"], "holds an old secret"),
        (&["--source", "github", "--new-id", "2025-11"], "--new-id"),
        (&["--source", "github", "--new-id", "no name"], "$.sources[0].verify.secrets[1].id"),
        (&["--source", "github", "--new-env", "no-name"], "$.sources[0].verify.secrets[1].env"),
        (&["--source", "github", "--until", "soon"], "not_after"),
        (&["--source", "github", "--until", "2020-01-01T00:00:00Z"], "--until is in the past"),
        (&["--source", "github", "--finish"], "only secret"),
        (&["--source", "github", "--old-id", "x"], "it has 2025-11"),
        (&["--source", "mail", "--list", "verify.secrets"], "--list 'verify[0].secrets'"),
    ] {
        let ran = rotate(TWO_SOURCES, arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.err.contains(part), "{arguments:?}: {}", ran.err);
    }
    for configuration in ["", "sources:\n- name: x\n", "{}", "[1"] {
        let ran = rotate(configuration, &["--source", "github"]);
        assert!(ran.code == 2 && ran.out.is_empty() && ran.err.contains("hookwarden check"), "{ran:?}");
    }
    let ran = hookwarden(&["rotate", "no-such-file.json", "--source", "x"], "");
    assert!(ran.code == 2 && ran.err.contains("no-such-file.json"), "{ran:?}");
}

#[test]
fn never_prints_a_secret_of_the_configuration() {
    for arguments in [&[][..], &["--finish"], &["--new-env", "X"], &["--old-id", "x"]] {
        let ran = rotate(TWO_SOURCES, &[&["--source", "mail", "--list", "verify[1].secrets"], arguments].concat());
        assert!(!ran.err.contains("never-told"), "{}", ran.err);
    }
}

#[test]
fn every_list_of_every_accepted_configuration_can_be_rotated() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/core/config");
    let mut rotated = 0;
    for file in fs::read_dir(folder).expect("the fixtures are there") {
        let path = file.expect("a file").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if !name.starts_with("accepts") || !name.ends_with(".json") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("fixtures are text");
        let document: Value = serde_json::from_str(&text).expect("it is JSON");
        for source in document["sources"].as_array().expect("sources") {
            let source = source["name"].as_str().expect("a name");
            for list in lists(&text, source) {
                let arguments = [&["--source", source, "--format", "json"], list.as_slice()].concat();
                let (arguments, ran) = (arguments.clone(), rotate(&text, &arguments));
                let is_elsewhere = ["this secret is live", "there is nothing to rotate"];
                if ran.code == 2
                    && (ran.err.contains("--old-id") || is_elsewhere.iter().any(|why| ran.err.contains(why)))
                {
                    continue;
                }
                assert_eq!(ran.code, 0, "{name} {arguments:?}: {}", ran.err);
                let result: Value = serde_json::from_str(&ran.out).expect("it is JSON");
                let next = result["configuration"].as_str().expect("text");
                assert!(next.len() > text.len(), "{name}: {next}");
                rotated += 1;
            }
        }
    }
    assert!(rotated > 5, "{rotated}");
}

/// `--list …` for every list of a source, or nothing if there is only one.
fn lists(text: &str, source: &str) -> Vec<Vec<&'static str>> {
    let ran = rotate(text, &["--source", source]);
    let Some((_, choice)) = ran.err.split_once("several lists of secrets; say ") else { return vec![Vec::new()] };
    let paths = choice.trim().split(" or ").map(|path| path.trim_start_matches("--list '").trim_end_matches('\''));
    paths.map(|path| vec!["--list", &*path.to_owned().leak()]).collect()
}
