//! `hookwarden senders`: the files in `providers/`, for people.

use std::collections::BTreeSet;
use std::fs;

use hookwarden::config;
use serde_json::Value;

use crate::support::hookwarden;

/// All senders, as programs read them.
pub fn senders() -> Vec<Value> {
    let ran = hookwarden(&["senders", "--format", "json"], "");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let Ok(Value::Array(list)) = serde_json::from_str(&ran.out) else { panic!("no list: {}", ran.out) };
    list
}

pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The names of the files in `providers/`.
fn files() -> BTreeSet<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/providers");
    let files = fs::read_dir(folder).expect("providers/ is there").map(|file| file.expect("a file").path());
    files.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
}

#[test]
fn every_file_is_listed_in_order_with_its_contents() {
    let senders = senders();
    let names: Vec<_> = senders.iter().map(|sender| text(sender, "/provider").to_owned()).collect();
    assert_eq!(names, files().into_iter().collect::<Vec<_>>());
    for sender in &senders {
        let name = text(sender, "/provider");
        let path = format!("{}/providers/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let file: Value = serde_json::from_slice(&fs::read(path).expect("the file is there")).expect("it is JSON");
        for member in ["title", "sender", "documentation", "evidence", "unprotected", "notes"] {
            assert_eq!(sender[member], file[member], "{name}: {member}");
        }
        for member in ["hint", "made_by", "prefix", "longest"] {
            assert_eq!(sender["secret"][member], file["secret"][member], "{name}: {member}");
        }
        assert!(sender["scheme"].is_object(), "{name}: an alias has the scheme of its target");
        assert_eq!(sender["networks"], file["networks"], "{name}");
    }
}

#[test]
fn every_example_source_is_valid_and_causes_no_guard_warning() {
    for sender in senders() {
        let name = text(&sender, "/provider");
        let configuration = format!(r#"{{ "sources": [{}] }}"#, sender["source"]);
        let loaded = config::load(configuration.as_bytes(), &|_| None);
        let loaded = loaded.unwrap_or_else(|problems| panic!("{name}: {problems:?}\n{configuration}"));
        for warning in loaded.warnings {
            let place = warning.path.to_string();
            // With several dialects, a request could be sent once in each of them, and no id is signed in all.
            let is_known = place == "$.sources[0].replay" && sender["scheme"].get("dialects").is_some();
            assert!(is_known || place.starts_with("$.sources[0].verify"), "{name}: {warning}");
        }
        assert_eq!(sender["source"]["verify"]["provider"], name);
        let list = if sender["public_keys"] == true { "keys" } else { "secrets" };
        assert_eq!(sender["source"]["verify"][list][0]["env"], sender["variable"], "{name}");
    }
}

#[test]
fn a_page_shows_everything_about_a_sender() {
    let ran = hookwarden(&["senders", "stripe"], "");
    assert_eq!(ran.code, 0);
    for part in [
        "Stripe (stripe)",
        "the header Stripe-Signature",
        "HMAC-SHA-256",
        "{timestamp}.{body}",
        "at most 5m from now",
        "begins with whsec_",
        "the sender's own code: ",
        "https://docs.stripe.com/webhooks/signature",
        r#""provider": "stripe""#,
        "STRIPE_WEBHOOK_SECRET",
        "host_env_keys",
        "v0 is a decoy",
    ] {
        assert!(ran.out.contains(part), "lacks {part:?}:\n{}", ran.out);
    }
}

#[test]
fn a_page_shows_the_origin_of_the_tolerance_the_retries_and_what_must_stay_unchanged() {
    for (sender, parts) in [
        (
            "linear",
            &["our default, because the sender names none", "for up to 7h 1m, with the time of the first attempt"][..],
        ),
        ("stripe", &["the sender's own", "for up to 3days, each attempt signed anew"]),
        ("mercadopago", &["query, x-request-id: the signature covers it", "preserve_external_request_id"]),
        ("square", &["host, path, query: the signature covers it"]),
    ] {
        let page = hookwarden(&["senders", sender], "").out;
        let words = page.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in parts {
            assert!(words.contains(part), "{sender} lacks {part:?}:\n{page}");
        }
    }
    let all = senders();
    let of = |name: &str| all.iter().find(|sender| text(sender, "/provider") == name).expect("it is shipped");
    assert_eq!(text(of("linear"), "/retries/time"), "kept");
    assert_eq!(text(of("linear"), "/tolerance_by"), "us");
    assert_eq!(of("mercadopago")["signed_of_head"], serde_json::json!(["query", "x-request-id"]));
    assert_eq!(of("github")["tolerance_by"], Value::Null);
}

#[test]
fn every_page_has_a_source_and_what_is_not_protected() {
    for sender in senders() {
        let name = text(&sender, "/provider");
        let page = hookwarden(&["senders", name], "");
        assert_eq!((page.code, page.err.as_str()), (0, ""), "{name}");
        let (_, rest) = page.out.split_once("A source to copy\n").unwrap_or_else(|| panic!("{name}: {}", page.out));
        let (source, _) = rest.split_once("\n\n").expect("something follows");
        assert_eq!(serde_json::from_str::<Value>(source).ok().as_ref(), Some(&sender["source"]), "{name}: {source}");
        assert!(page.out.contains(text(&sender, "/documentation")), "{name}");
        let open = sender["unprotected"].as_array().map_or(0, Vec::len);
        let (_, rest) = page.out.split_once("Not protected").expect("it is said");
        assert_eq!(rest.trim_start().starts_with("nothing"), open == 0, "{name}");
        for label in ["Proof", "Secret", "Evidence"] {
            assert!(page.out.contains(&format!("\n{label} ")), "{name} lacks {label}: {}", page.out);
        }
        let too_long = page.out.lines().find(|line| line.chars().count() > 100 && line.contains(". "));
        assert_eq!(too_long, None, "{name}");
    }
}

#[test]
fn words_find_names_in_any_case_and_with_or_without_hyphens() {
    let found = |words: &[&str]| {
        let ran = hookwarden(&[&["senders", "--format", "json"], words].concat(), "");
        let list: Vec<Value> = serde_json::from_str(&ran.out).unwrap_or_default();
        list.iter().map(|sender| text(sender, "/provider").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found(&["STRIPE"]), ["stripe"]);
    assert_eq!(found(&["git", "hub"]), ["github"]);
    assert_eq!(found(&["standard_webhooks"]), ["standard-webhooks"]);
    assert_eq!(found(&["simple notification"]), Vec::<String>::new());
    assert!(found(&["amazon"]).len() > 3);
    // Both words, in any position; the best match first.
    assert_eq!(found(&["signature", "sns"]), ["amazon-sns-v1"]);
    assert_eq!(found(&["gitlab-"]).first().map(String::as_str), Some("gitlab"));
    let shop = found(&["shop"]);
    assert_eq!(shop.first().map(String::as_str), Some("shopify"), "{shop:?}");
}

#[test]
fn several_matches_are_a_table_and_one_is_a_page() {
    let table = hookwarden(&["senders", "twi"], "").out;
    assert!(table.starts_with("PROVIDER"), "{table}");
    for name in ["twilio", "twilio-json", "twitch"] {
        assert!(table.lines().any(|line| line.split_whitespace().next() == Some(name)), "{table}");
    }
    let page = hookwarden(&["senders", "bitbucket", "server"], "").out;
    assert!(page.contains("(bitbucket-server)") && page.contains("A source to copy"), "{page}");
}

#[test]
fn a_misspelt_sender_gets_a_suggestion() {
    for (typed, meant) in [
        ("stirpe", "stripe"),
        ("gihtub", "github"),
        ("mailgn", "mailgun"),
        ("slakc", "slack"),
        ("shopfy", "shopify"),
        ("twillio", "twilio"),
        ("sendgird", "sendgrid"),
    ] {
        let ran = hookwarden(&["senders", typed], "");
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{typed}");
        assert!(ran.err.contains("did you mean") && ran.err.contains(meant), "{typed}: {}", ran.err);
    }
    let ran = hookwarden(&["senders", "qqqqqqqq"], "");
    assert!(ran.code == 1 && ran.err.contains("docs/schemes.md") && !ran.err.contains("did you mean"), "{ran:?}");
}

#[test]
fn the_senders_that_check_an_endpoint_are_listed_with_what_a_source_needs() {
    let named: BTreeSet<_> = config::providers::names()
        .filter(|name| config::providers::find(name).is_some_and(|provider| provider.handshake.is_some()))
        .collect();
    let ran = hookwarden(&["senders", "--handshakes", "--format", "json"], "");
    let Ok(Value::Array(list)) = serde_json::from_str(&ran.out) else { panic!("no list: {}", ran.out) };
    assert!(list.iter().all(|sender| sender["handshake"].is_object() || sender["handshake"].is_array()));
    assert_eq!(list.iter().map(|sender| text(sender, "/provider")).collect::<BTreeSet<_>>(), named);
    let table = hookwarden(&["senders", "--handshakes"], "").out;
    let lines =
        |name: &str| table.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap_or_default();
    for (name, parts) in [
        ("meta", ["GET, not signed, answered with its token", r#""handshake": { "verify_token": { "env": … } }"#]),
        ("slack", ["POST, signed like an event", r#""handshake": true"#]),
        ("zoho-mail", ["hands over a secret", r#""handshake": "forward""#]),
        ("amazon-sns", ["confirmed by a call", r#""topics": [ … ], "cluster": …"#]),
    ] {
        assert!(parts.iter().all(|part| lines(name).contains(part)), "{name}: {}", lines(name));
    }
    let page = hookwarden(&["senders", "meta"], "").out;
    let words = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("Handshake GET, not signed, answered with its token"), "{page}");
    let none = hookwarden(&["senders", "github", "--handshakes"], "");
    assert_eq!((none.code, none.out.as_str()), (1, ""));
    assert!(none.err.contains("none of these senders makes a handshake"), "{}", none.err);
}

#[test]
fn the_networks_of_a_sender_are_printed_for_a_firewall() {
    let ran = hookwarden(&["senders", "stripe", "--networks"], "");
    let file = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/providers/stripe.json")).expect("the file is there");
    let file: Value = serde_json::from_slice(&file).expect("it is JSON");
    let list: Vec<_> = file["networks"]["list"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert!(list.len() > 3, "{list:?}");
    assert_eq!(ran.out.lines().collect::<Vec<_>>(), list);
    assert!(ran.err.contains("stripe: read on 20") && ran.err.contains("https://stripe.com/"), "{}", ran.err);
    let several = hookwarden(&["senders", "git", "--networks"], "").out;
    assert!(several.lines().any(|line| line.split_whitespace().eq(["gitlab", "34.74.90.64/28"])), "{several}");
    assert!(several.lines().any(|line| line.split_whitespace().eq(["github", "192.30.252.0/22"])), "{several}");
    let none = hookwarden(&["senders", "shopify", "--networks"], "");
    assert_eq!((none.code, none.out.as_str()), (1, ""));
    assert!(none.err.contains("publishes its networks"), "{}", none.err);
}
