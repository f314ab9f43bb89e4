//! Vectors from outside of the project, where they are at hand: `../shared/vectors`.
//!
//! Where we differ on purpose, `divergences.json` says so, with the reason; an entry that no longer differs fails.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookwarden::config::Policy;
use serde_json::{Value, json};

use crate::delivery::{Delivery, deliver};
use crate::support::{self, NOW, Sent, source, sources, with};
use crate::vector::pairs;

/// A file of vectors, the provider that it is for, and the header that the provider has to be told.
const FILES: &[(&str, &str, Option<&str>)] = &[
    ("amazon-ses-basic.json", "basic", None),
    ("anymail-basic-auth.json", "basic", None),
    ("brevo-basic.json", "basic", None),
    ("chargebee.json", "basic", None),
    ("mailjet-basic.json", "basic", None),
    ("mailtrap-basic.json", "basic", None),
    ("postmark-basic.json", "basic", None),
    ("sparkpost-basic.json", "basic", None),
    ("brevo-bearer.json", "bearer", None),
    ("sparkpost-oauth2-bearer.json", "bearer", None),
    ("auth0.json", "header-token", Some("Authorization")),
    ("brevo-custom-header.json", "header-token", Some("X-Webhook-Token")),
    ("buildkite--token.json", "header-token", Some("X-Buildkite-Token")),
    ("docuseal.json", "header-token", Some("X-DocuSeal-Secret")),
    ("flutterwave.json", "header-token", Some("verif-hash")),
    ("gitlab--token.json", "header-token", Some("X-Gitlab-Token")),
    ("okta.json", "header-token", Some("Authorization")),
    ("postmark-custom-header.json", "header-token", Some("X-Webhook-Token")),
    ("revenuecat.json", "header-token", Some("Authorization")),
    ("sparkpost-webhook-token.json", "header-token", Some("X-MessageSystems-Webhook-Token")),
    ("telegram.json", "header-token", Some("X-Telegram-Bot-Api-Secret-Token")),
    ("generic-x-webhook-signature.json", "generic-hmac", None),
    ("github.json", "github", None),
    ("github--legacy-sha1.json", "github-sha1", None),
    ("servicestack-webhooks.json", "servicestack", None),
    ("shopify.json", "shopify", None),
    ("slack.json", "slack", None),
    ("standard-webhooks.json", "standard-webhooks", None),
    ("stripe.json", "stripe", None),
    ("svix.json", "svix", None),
];

#[test]
fn vectors_from_outside_get_the_verdict_that_they_ask_for() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    if !folder.is_dir() {
        eprintln!("SKIPPED: {} is not there; nothing from outside was replayed", folder.display());
        return;
    }
    let mut deliberate = listed("deliberate");
    let mut not_yet_covered = listed("not_yet_covered");
    let mut wrong = Vec::new();
    let mut replayed = 0;
    for (file, provider, header) in FILES {
        let text = fs::read(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let vectors: Vec<Value> = serde_json::from_slice(&text).expect("a file of vectors is a list");
        for vector in &vectors {
            let case = vector["case"].as_str().expect("a vector has a case");
            let name = ((*file).to_owned(), case.to_owned());
            if not_yet_covered.remove(&name) {
                continue;
            }
            let Some(secret) = vector["secret"].as_str() else {
                wrong.push(format!("{file}: {case}: has no secret; cover it, or list it as not yet covered"));
                continue;
            };
            replayed += 1;
            let should_pass = vector["expect"] == "valid";
            let policy = policy_for(provider, *header, secret, vector);
            let passes = match policy {
                Ok(policy) => passes(&Rc::new(policy), &sent(vector)),
                Err(_) if should_pass => false,
                Err(problems) => {
                    wrong.push(format!("{file}: {case}: its configuration is refused:\n{}", problems.join("\n")));
                    continue;
                }
            };
            match (passes == should_pass, deliberate.remove(&name)) {
                (true, false) | (false, true) => {}
                (true, true) => wrong.push(format!("{file}: {case}: is listed as a divergence and no longer is one")),
                (false, false) => wrong.push(format!(
                    "{file}: {case}: is {}, and should not be",
                    if passes { "verified" } else { "denied" }
                )),
            }
        }
    }
    wrong.extend(
        deliberate
            .iter()
            .chain(&not_yet_covered)
            .map(|(file, case)| format!("{file}: {case}: is listed and not there")),
    );
    println!("{replayed} vectors from outside");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The file and the case of every entry of a list in `divergences.json`.
fn listed(list: &str) -> BTreeSet<(String, String)> {
    let file: Value = serde_json::from_str(include_str!("divergences.json")).expect("divergences.json is JSON");
    let entries = file[list].as_array().expect("divergences.json has both lists");
    let text = |entry: &Value, key: &str| {
        entry[key].as_str().filter(|text| !text.is_empty()).expect("an entry has file, case and reason").to_owned()
    };
    entries
        .iter()
        .map(|entry| {
            let _ = text(entry, "reason");
            (text(entry, "file"), text(entry, "case"))
        })
        .collect()
}

fn url(vector: &Value) -> (&str, &str) {
    let url = vector["url"].as_str().and_then(|url| url.split_once("://")).expect("vectors have absolute URLs").1;
    url.split_at(url.find('/').unwrap_or(url.len()))
}

fn policy_for(provider: &str, header: Option<&str>, secret: &str, vector: &Value) -> Result<Policy, Vec<String>> {
    // One accepted credential a line.
    let secrets: Vec<_> = secret.lines().collect();
    let mut check = support::provider(provider, &secrets);
    if let Some(header) = header {
        check = with(check, "with", json!({ "header": header }));
    }
    let path = url(vector).1.split('?').next().unwrap_or_default();
    let config = sources(&[source("outside", path, check)]);
    support::try_load(config.to_string().as_bytes()).map(|loaded| loaded.policy)
}

fn sent(vector: &Value) -> Sent {
    let body = STANDARD.decode(vector["body_base64"].as_str().expect("a vector has a body")).expect("it is base64");
    let (authority, target) = url(vector);
    let mut sent = Sent::new(vector["method"].as_str().expect("a vector has a method"), authority, target);
    for (name, value) in pairs(vector.get("headers")).expect("a vector has headers") {
        sent = sent.header(name, value);
    }
    sent.body(body).at(vector["now_unix"].as_u64().unwrap_or(NOW))
}

fn passes(policy: &Rc<Policy>, sent: &Sent) -> bool {
    let codes: BTreeSet<_> =
        Delivery::all(sent.body.len()).iter().map(|delivery| deliver(policy, sent, delivery).code).collect();
    assert_eq!(codes.len(), 1, "the verdict depends on how {sent:?} comes: {codes:?}");
    codes.contains("verified")
}
