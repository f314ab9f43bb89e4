//! A sample event is a new event each time, also to a filter that remembers events.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::filter::{Made, Remembering};
use super::senders::{for_every_sender, parsed};
use crate::support::hookwarden_with;

/// Senders whose events no filter can tell apart by what is signed: the proof is the secret itself, or covers neither the body
/// nor an id, or any of several contents.
const WITHOUT_IDENTITY: &[&str] = &[
    "adobe-sign",
    "adyen-payments",
    "affinity",
    "aircall",
    "anymail",
    "apisix-hmac-auth",
    "atlassian-connect",
    "auth0",
    "aws-eventbridge",
    "aws-eventbridge-api-key",
    "azure-event-grid",
    "azure-event-grid-entra",
    "azure-event-grid-header",
    "basic",
    "bearer",
    "brevo",
    "brevo-basic",
    "brevo-header",
    "buildkite-token",
    "chargebee",
    "cloudevents",
    "cloudflare",
    "datadog",
    "deepgram",
    "documenso",
    "docuseal-header",
    "fastly",
    "fillout",
    "flutterwave",
    "freshdesk",
    "freshservice",
    "gitlab-token",
    "google-calendar",
    "google-drive",
    "google-pubsub",
    "gemini-dynamic",
    "gumroad",
    "header-token",
    "huggingface",
    "instantly",
    "jotform",
    "kong-hmac-auth",
    "lemlist",
    "mailchimp",
    "mailjet",
    "mailtrap-basic",
    "mercadopago",
    "microsoft-graph",
    "mixpanel",
    "monday",
    "moov",
    "new-relic",
    "okta",
    "pipedrive",
    "plivo-v2",
    "postmark",
    "postmark-header",
    "query-token",
    "revenuecat",
    "ringcentral",
    "salesforce-flow",
    "salesforce-outbound",
    "sendblue",
    "servicenow",
    "sparkpost",
    "sparkpost-bearer",
    "sparkpost-header",
    "strava",
    "streak",
    "telegram",
    "twilio",
    "twilio-json",
    "vapi",
    "videoask",
    "zapier",
    "zoho-desk",
];
/// Senders that sign a time in seconds and no id and no body: two events of one second are one event.
const BY_TIME_ONLY: &[&str] = &["dropbox-sign"];
/// One moment for all, so that no signed time tells two events apart.
const AT: &str = "2026-11-21T10:00:00Z";

#[test]
fn the_same_body_is_called_the_same_event_only_if_it_is() {
    let said = |arguments: &[&str], body: &str| {
        let all = [&["sign", "--secret-env", "S", "--body", "-"], arguments].concat();
        let ran = hookwarden_with(&all, body, &[("S", "a-secret-of-this-test")]);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.err.contains("the same body is the same event")
    };
    let body = r#"{"id":"evt_1"}"#;
    assert!(said(&["--provider", "github"], body));
    // A signed time tells two requests apart, and so does a new id in a header.
    assert!(!said(&["--provider", "stripe"], body));
    assert!(!said(&["--provider", "github", "--tamper", "body"], body));
    // Nobody can remember events of a credential.
    assert!(!said(&["--provider", "header-token", "--with", "header=X-Token"], body));

    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sign-fresh.json");
    let path = path.to_str().expect("text");
    let verify = json!({ "provider": "github", "secrets": [{ "env": "S" }] });
    for (replay, is_same) in [
        (json!(null), false),
        (json!({ "window": "1h" }), true),
        (json!({ "window": "1h", "id": "json:id" }), true),
        (json!({ "window": "1h", "id": "header:X-GitHub-Delivery", "insecure_unsigned_id": true }), false),
    ] {
        let mut source = json!({ "name": "github", "match": { "path": "/hooks/github" }, "verify": verify });
        if !replay.is_null() {
            source["replay"] = replay.clone();
        }
        fs::write(path, json!({ "sources": [source] }).to_string()).expect("it can be written");
        assert_eq!(said(&["--config", path], body), is_same, "{replay}");
    }
    assert!(!said(&["--config", path, "--event-id", "mine"], body));
}

#[test]
fn no_sample_event_is_a_duplicate_of_the_one_before() {
    for_every_sender(|sender| {
        let mut made = Vec::new();
        for _ in 0..2 {
            match parsed(&sender.sign(&["--at", AT])) {
                Ok(json) => made.push(json),
                Err(problem) => return vec![problem],
            }
        }
        let configuration = |made: &Value| {
            json!({ "sources": [{
                "name": "tested",
                "match": { "path": Made::read(made).path() },
                "verify": sender.check(made),
                "replay": { "window": "24h" },
            }] })
        };
        let configuration = configuration(&made[0]);
        if hookwarden::config::load(configuration.to_string().as_bytes(), &|_| None).is_err() {
            return match WITHOUT_IDENTITY.contains(&sender.name.as_str()) {
                true => Vec::new(),
                false => vec!["no identity".into()],
            };
        }
        let memory = Remembering::default();
        let verdicts: Vec<_> = [&made[0], &made[1], &made[1]]
            .iter()
            .map(|made| Made::read(made).verdict_with(&configuration, &memory))
            .collect();
        let is_by_time = BY_TIME_ONLY.contains(&sender.name.as_str());
        let expected = if is_by_time { "duplicate" } else { "verified" };
        if verdicts == ["verified", expected, "duplicate"] {
            Vec::new()
        } else {
            vec![format!("{verdicts:?}: {}", made[1])]
        }
    });
}
