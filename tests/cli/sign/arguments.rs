//! Arguments, their mistakes, and what must never be shown.

use serde_json::{Value, json};

use super::filter::Made;
use crate::support::{Ran, hookwarden, hookwarden_with};

const SECRET: &str = "whsec_a-secret-that-nobody-may-see";

fn sign(arguments: &[&str], input: &str) -> Ran {
    let mut all = vec!["sign"];
    all.extend(arguments);
    hookwarden_with(&all, input, &[("S", SECRET), ("BASE64", "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=")])
}

fn made(arguments: &[&str], input: &str) -> Made {
    let ran = sign(&[arguments, &["--as", "json"]].concat(), input);
    let json: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{arguments:?}: {ran:?}"));
    Made::read(&json)
}

#[test]
fn every_mistake_is_reported_with_what_to_do() {
    let cases: &[(&[&str], &str)] = &[
        (&["--provider", "strip", "--secret-env", "S"], "did you mean stripe"),
        (&["--provider", "stripe"], "--secret-env"),
        (&["--provider", "stripe", "--secret-env", "UNSET_VARIABLE"], "not set"),
        (&["--provider", "stripe", "--secret-file", "/nowhere/secret"], "/nowhere/secret"),
        (&["--provider", "discord", "--secret-env", "S"], "is not a private key"),
        (&["--provider", "discord"], "private key"),
        (&["--provider", "svix", "--secret-env", "S"], "not base64"),
        (&["--provider", "amazon-sns", "--secret-env", "S"], "--with topic_arn="),
        (&["--provider", "stripe", "--secret-env", "S", "--with", "page=1"], "--with page"),
        (&["--provider", "stripe", "--secret-env", "S", "--with", "page"], "NAME=VALUE"),
        (&["--provider", "stripe", "--secret-env", "S", "--at", "yesterday"], "--at"),
        (&["--provider", "stripe", "--secret-env", "S", "--url", "hooks.example.com"], "https://"),
        (&["--provider", "stripe", "--secret-env", "S", "--url", "ftp://hooks.example.com/"], "neither https nor http"),
        (&["--provider", "stripe", "--secret-env", "S", "--url", "https://a:b@hooks.example.com/"], "no user"),
        (&["--provider", "stripe", "--secret-env", "S", "--header", "no colon"], "NAME: VALUE"),
        (&["--provider", "stripe", "--secret-env", "S", "--header", "X-A: a\nX-B: b"], "control character"),
        (&["--provider", "stripe", "--secret-env", "S", "--method", "GET IT"], "is no method such as POST"),
        (&["--provider", "stripe", "--secret-env", "S", "--dialect", "2"], "from 1 to 1"),
        (&["--provider", "stripe", "--secret-env", "S", "--event-id", "x"], "no event id"),
        (&["--provider", "stripe", "--secret-env", "S", "--secret-env", "S"], "more secrets"),
        (&["--provider", "stripe", "--secret-env", "S", "--body", "/nowhere/body"], "/nowhere/body"),
        (&["--provider", "stripe", "--secret-file", "-", "--body", "-"], "standard input"),
        (&["--provider", "mailgun", "--secret-env", "S", "--body", "-"], "not JSON"),
        (&["--provider", "github", "--secret-env", "S", "--tamper", "timestamp"], "be accepted"),
        (&["--provider", "telegram", "--secret-env", "S", "--tamper", "body"], "be accepted"),
        (&["--provider", "basic", "--secret-env", "S"], "user:password"),
        (&["--config", "/nowhere/config"], "/nowhere/config"),
        (
            &["--provider", "stripe", "--secret-env", "S", "--send", "http://127.0.0.1:9", "--as", "curl"],
            "--as is json",
        ),
    ];
    for (arguments, hint) in cases {
        let ran = sign(arguments, "no JSON");
        assert_eq!(ran.code, 2, "{arguments:?}: {ran:?}");
        assert!(ran.err.contains(hint), "{arguments:?} should say {hint:?}: {ran:?}");
        assert!(ran.out.is_empty() && !ran.err.contains("a-secret-that"), "{arguments:?}: {ran:?}");
    }
}

#[test]
fn a_secret_given_in_place_of_its_variable_is_not_printed() {
    let ran = hookwarden(&["sign", "--provider", "stripe", "--secret-env", SECRET], "");
    assert!(ran.code == 2 && !ran.err.contains("a-secret-that"), "{ran:?}");
}

#[test]
fn a_secret_is_shown_only_if_it_is_the_proof() {
    for provider in ["stripe", "github", "slack", "hubspot-v1", "cloudinary"] {
        for form in ["curl", "http", "json", "har"] {
            let ran = sign(&["--provider", provider, "--secret-env", "S", "--as", form], "");
            assert_eq!(ran.code, 0, "{provider}: {ran:?}");
            assert!(!format!("{ran:?}").contains("a-secret-that"), "{provider}, {form}: {ran:?}");
        }
    }
    let ran = sign(&["--provider", "bearer", "--secret-env", "S", "--as", "http"], "");
    assert!(ran.out.contains(&format!("Authorization: Bearer {SECRET}\r\n")), "{ran:?}");
}

#[test]
fn secrets_and_bodies_come_from_standard_input_too() {
    let check = json!({ "provider": "github", "secrets": [{ "value": "from-standard-input" }] });
    for text in ["from-standard-input", "from-standard-input\n", "from-standard-input\r\n"] {
        let request = made(&["--provider", "github", "--secret-file", "-"], text);
        assert_eq!(request.verdict(&check), "verified", "{text:?}");
    }
    let check = json!({ "provider": "github", "secrets": [{ "value": SECRET }] });
    let request = made(&["--provider", "github", "--secret-env", "S", "--body", "-"], "the body\n");
    assert_eq!((request.body.as_slice(), request.verdict(&check)), (&b"the body\n"[..], "verified"));
}

#[test]
fn times_are_accepted_in_every_form() {
    let at = |time: &str| made(&["--provider", "stripe", "--secret-env", "S", "--at", time], "").now;
    assert_eq!(at("2023-11-14T22:13:20Z"), 1_700_000_000);
    assert_eq!(at("2023-11-15T00:13:20+02:00"), 1_700_000_000);
    assert_eq!(at("1700000000"), 1_700_000_000);
    assert_eq!(at("1700000000123"), 1_700_000_000);
    let now = at("now");
    let (past, future) = (now - at("-10m"), at("+2h") - now);
    assert!((540..=600).contains(&past) && (7200..=7260).contains(&future), "{past} {future}");
}

#[test]
fn ids_are_new_every_time_and_keep_their_form() {
    let id = |provider: &str, header: &str, more: &[&str]| {
        let secret = ["--provider", provider, "--secret-env", "BASE64"];
        made(&[&secret[..], more].concat(), "").header(header).expect("an id").to_owned()
    };
    let (one, other) = (id("svix", "svix-id", &[]), id("svix", "svix-id", &[]));
    assert!(one.starts_with("msg_") && one != other && one.len() == other.len(), "{one} {other}");
    assert_eq!(id("svix", "svix-id", &["--event-id", "msg_1"]), "msg_1");
    assert_eq!(id("twitch", "Twitch-Eventsub-Message-Id", &[]).len(), 36);
}

#[test]
fn an_id_in_a_given_body_is_kept() {
    let body = r#"{"signature":{"token":"mine-0123456789","timestamp":"1"},"event-data":{"n":1.50}}"#;
    let request = made(&["--provider", "mailgun", "--secret-env", "S", "--body", "-"], body);
    let text = String::from_utf8(request.body.clone()).expect("text");
    assert!(text.contains(r#""token":"mine-0123456789""#) && text.contains("1.50"), "{text}");
    let check = json!({ "provider": "mailgun", "secrets": [{ "value": SECRET }] });
    assert_eq!(request.verdict(&check), "verified");
}

#[test]
fn the_dialect_of_a_sender_can_be_chosen() {
    let arguments = |n: &'static str| ["--provider", "svix", "--secret-env", "BASE64", "--dialect", n];
    assert!(made(&arguments("1"), "").header("svix-signature").is_some());
    let second = made(&arguments("2"), "");
    assert!(second.header("webhook-signature").is_some() && second.header("svix-signature").is_none(), "{second:?}");
}

#[test]
fn fields_of_multipart_forms_are_signed() {
    let body = "--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\na-token\r\n--b\r\n\
                Content-Disposition: form-data; name=\"file\"; filename=\"x.bin\"\r\n\r\n\u{1}--b\r\n--b--\r\n";
    let header = "Content-Type: multipart/form-data; boundary=\"b\"";
    let arguments = ["--provider", "mailgun-form", "--secret-env", "S", "--body", "-", "--header", header];
    let request = made(&arguments, body);
    let text = String::from_utf8(request.body.clone()).expect("text");
    assert!(text.contains("a-token") && text.contains("name=\"signature\"") && text.ends_with("--b--\r\n"), "{text}");
    let check = json!({ "provider": "mailgun-form", "secrets": [{ "value": SECRET }] });
    assert_eq!(request.verdict(&check), "verified", "{text}");
}

#[test]
fn a_method_and_the_words_of_options_are_read_in_any_case() {
    let ran = sign(&["--provider", "github", "--secret-env", "S", "--method", "put", "--as", "JSON"], "");
    let json: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    assert_eq!((ran.code, &json["method"]), (0, &json!("PUT")), "{ran:?}");
}
