//! `--env-file`: every command reads the same values from a file.

use serde_json::{Value, json};

use crate::scratch::{Scratch, hmac_sha256};
use crate::support::hookwarden;

/// The text after `GH=` in the file, and the resulting secret.
const VALUES: &[(&str, &str)] = &[
    ("a-secret-of-github", "a-secret-of-github"),
    ("  a-secret-of-github  ", "a-secret-of-github"),
    ("a-secret-of-github # comment", "a-secret-of-github"),
    ("a-secret-of-github\t# comment", "a-secret-of-github"),
    ("a-secret-of-github\r", "a-secret-of-github"),
    ("a-secret#of-github", "a-secret#of-github"),
    ("#a-secret-of-github", "#a-secret-of-github"),
    ("a-secret=of=github==", "a-secret=of=github=="),
    ("a-$secret-${of}-github", "a-$secret-${of}-github"),
    (r"a-secret\nof-github", r"a-secret\nof-github"),
    ("it's-a-secret-of-github", "it's-a-secret-of-github"),
    ("'a-secret # of-github'", "a-secret # of-github"),
    ("'a-secret-of-github' # comment", "a-secret-of-github"),
    (r"'a-\secret\n-of-$github'", r"a-\secret\n-of-$github"),
    ("\"a-secret # of-github\" # comment", "a-secret # of-github"),
    (r#""a-\"secret\"-of-\\github-\$a""#, r#"a-"secret"-of-\github-$a"#),
    ("\"it's-a-secret-of-github\"", "it's-a-secret-of-github"),
];

fn configuration() -> Value {
    json!({ "sources": [{
        "name": "github",
        "match": { "path": "/hooks/github" },
        "verify": { "provider": "github", "secrets": [{ "env": "GH" }] }
    }] })
}

#[test]
fn sign_and_explain_read_the_same_secret_from_a_line() {
    let scratch = Scratch::new();
    let config = scratch.config(&configuration());
    let body = scratch.file("body.json", "{}");
    for (written, secret) in VALUES {
        for front in ["GH=", "export GH=", "  GH =", "# GH=other\n\nGH=other-secret-of-github\nGH="] {
            let file = scratch.file("secrets.env", format!("{front}{written}\nOTHER=other\n"));
            let ran =
                hookwarden(&["sign", "--config", &config, "--body", &body, "--env-file", &file, "--as", "http"], "");
            let tag = hex::encode(hmac_sha256(secret.as_bytes(), b"{}"));
            assert!(ran.out.contains(&format!("sha256={tag}")), "{front}{written}: {ran:?}");
            let ran = hookwarden(&["explain", &config, "-", "--env-file", &file], &ran.out);
            assert!(ran.code == 0 && ran.out.starts_with("verified"), "{front}{written}: {ran:?}");
        }
    }
}

#[test]
fn check_examines_the_secret_without_its_comment() {
    let scratch = Scratch::new();
    let config = scratch.config(&configuration());
    for written in ["short # a comment that is long enough", "\"short\" # a comment", "'short'"] {
        let file = scratch.file("secrets.env", format!("GH={written}\n"));
        let ran = hookwarden(&["check", "--env-file", &file, &config], "");
        assert!(ran.code == 1 && ran.out.contains("error[secret-unusable]"), "{written}: {ran:?}");
    }
    for (written, _) in VALUES {
        let file = scratch.file("secrets.env", format!("GH={written}\n"));
        let ran = hookwarden(&["check", "--env-file", &file, &config], "");
        assert_eq!(ran.code, 0, "{written}: {ran:?}");
    }
}

#[test]
fn a_comment_alone_is_not_a_secret() {
    let scratch = Scratch::new();
    let config = scratch.config(&configuration());
    let file = scratch.file("secrets.env", "GH= # not chosen yet\n");
    let ran = hookwarden(&["sign", "--config", &config, "--env-file", &file], "");
    assert!(ran.code == 2 && ran.err.contains("no secret"), "{ran:?}");
    let ran = hookwarden(&["check", "--env-file", &file, &config], "");
    assert!(ran.out.contains("[variable-unset]"), "{ran:?}");
}

#[test]
fn a_private_key_may_span_several_lines() {
    let scratch = Scratch::new();
    let pem = "-----BEGIN PRIVATE KEY-----\n\
               MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
               -----END PRIVATE KEY-----";
    let signed = |written: &str| {
        let file = scratch.file("secrets.env", format!("KEY={written}\nOTHER=other\n"));
        let arguments = ["sign", "--provider", "discord", "--secret-env", "KEY", "--env-file", &file, "--as", "json"];
        let ran = hookwarden(&arguments, "");
        assert_eq!(ran.code, 0, "{written}: {ran:?}");
        let made: Value = serde_json::from_str(&ran.out).expect("it is JSON");
        made["public_keys"][0].clone()
    };
    let key = signed(&format!("\"{pem}\""));
    assert_eq!(key, signed(&format!("'{pem}'")));
    assert_eq!(key, signed(&format!("\"{}\"", pem.replace('\n', "\\n"))));
}

#[test]
fn every_command_names_an_unreadable_line_without_showing_it() {
    let scratch = Scratch::new();
    let config = scratch.config(&configuration());
    let request = scratch.file("request.http", "POST /hooks/github HTTP/1.1\r\nHost: a\r\n\r\n");
    for broken in ["planted", "1A=planted", "A B=planted", "A=\"planted", "A='planted' planted"] {
        let file = scratch.file("secrets.env", format!("# a file\nA='two\nlines'\n{broken}\n"));
        let commands: [&[&str]; 3] =
            [&["check", &config], &["explain", &config, &request], &["sign", "--config", &config]];
        for command in commands {
            let ran = hookwarden(&[command, &["--env-file", &file]].concat(), "");
            assert_eq!(ran.code, 2, "{command:?} {broken}: {ran:?}");
            assert!(ran.err.contains(&format!("{file}:4: ")), "{command:?} {broken}: {ran:?}");
            assert!(!ran.err.contains("planted"), "{command:?} {broken}: {ran:?}");
        }
    }
}

#[test]
fn a_key_in_pem_without_quotes_is_told_from_other_lines() {
    let scratch = Scratch::new();
    let config = scratch.config(&configuration());
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    let file = scratch.file("secrets.env", format!("OTHER=x\nGH={pem}"));
    for command in [&["sign", "--config", &config][..], &["explain", &config, "-"], &["check", &config]] {
        let ran = hookwarden(&[command, &["--env-file", &file]].concat(), "");
        let is_told = ran.err.contains("secrets.env:2: ") && ran.err.contains("--secret-file key.pem");
        assert!(ran.code == 2 && is_told && !ran.err.contains("MC4C"), "{command:?}: {ran:?}");
    }
    for quoted in [format!("\"{pem}\""), format!("'{pem}'"), pem.trim().replace('\n', "\\n")] {
        let file = scratch.file("secrets.env", format!("GH={quoted}\n"));
        let ran = hookwarden(&["sign", "--provider", "discord", "--secret-env", "GH", "--env-file", &file], "");
        assert_eq!(ran.code, 0, "{ran:?}");
    }
}
