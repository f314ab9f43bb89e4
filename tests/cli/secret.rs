//! `hookwarden secret`.

use std::collections::BTreeSet;

use hookwarden::config;
use serde_json::{Value, json};

use crate::registry::{senders, text};
use crate::support::hookwarden;

/// A new secret, even if the sender makes its own.
fn made(provider: &str) -> String {
    let ran = hookwarden(&["secret", "new", "--for", provider, "--for-testing", "--format", "json"], "");
    assert_eq!(ran.code, 0, "{provider}: {}", ran.err);
    let object: Value = serde_json::from_str(&ran.out).expect("it is JSON");
    assert!(!ran.err.contains(text(&object, "/secret")), "{provider}: the secret is printed only once");
    text(&object, "/secret").to_owned()
}

#[test]
fn a_new_secret_for_every_sender_is_accepted_without_a_warning() {
    for sender in senders().iter().filter(|sender| sender["public_keys"] == false) {
        let name = text(sender, "/provider");
        let secret = made(name);
        let configuration = json!({ "sources": [sender["source"]] }).to_string();
        let loaded = config::load(configuration.as_bytes(), &|_| Some(secret.clone()));
        let loaded = loaded.unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        let of_secret: Vec<_> =
            loaded.warnings.iter().filter(|warning| warning.path.to_string().contains("secrets")).collect();
        assert!(of_secret.is_empty(), "{name}: {of_secret:?}");
        let longest = sender["secret"]["longest"].as_u64().unwrap_or(u64::MAX);
        assert!(secret.len() as u64 <= longest, "{name}: {} characters", secret.len());
    }
}

#[test]
fn a_secret_has_at_least_256_bits_if_the_sender_allows_it() {
    assert_eq!(made("github").len(), 64);
    assert!(made("github").bytes().all(|byte| byte.is_ascii_hexdigit()));
    let secret = made("standard-webhooks");
    assert_eq!(secret.strip_prefix("whsec_").map(str::len), Some(44), "the base64 of 32 bytes");
    assert_eq!(made("adyen-platform").len(), 64);
    // Lemon Squeezy accepts at most 40 characters.
    assert_eq!(made("lemonsqueezy").len(), 40);
    let secret = made("basic");
    assert_eq!(secret.strip_prefix("hookwarden:").map(str::len), Some(64));
}

#[test]
fn no_two_secrets_are_the_same() {
    let secrets: BTreeSet<_> = (0..16).map(|_| made("github")).collect();
    assert_eq!(secrets.len(), 16);
}

#[test]
fn only_the_secret_goes_to_standard_output() {
    let ran = hookwarden(&["secret", "new", "--for", "github"], "");
    assert_eq!((ran.code, ran.out.trim_end().len(), ran.out.lines().count()), (0, 64, 1));
    assert!(ran.err.contains("GITHUB_WEBHOOK_SECRET"), "{}", ran.err);
    let ran = hookwarden(&["secret", "new", "--for", "postmark", "--user", "postmark", "--format", "env"], "");
    assert!(ran.out.starts_with("POSTMARK_WEBHOOK_SECRET=postmark:"), "{}", ran.out);
}

#[test]
fn no_secret_is_made_for_a_sender_that_makes_its_own() {
    for sender in senders().iter().filter(|sender| text(sender, "/secret/made_by") == "sender") {
        let name = text(sender, "/provider");
        let ran = hookwarden(&["secret", "new", "--for", name], "");
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{name}");
        for part in [text(sender, "/secret/hint"), text(sender, "/documentation"), "--for-testing"] {
            assert!(ran.err.contains(part), "{name}: lacks {part:?}: {}", ran.err);
        }
    }
}

#[test]
fn no_secret_is_made_for_a_sender_with_a_private_key() {
    let ran = hookwarden(&["secret", "new", "--for", "discord", "--for-testing"], "");
    assert!(ran.code == 1 && ran.out.is_empty() && ran.err.contains("\"keys\""), "{ran:?}");
}

#[test]
fn impossible_options_are_refused() {
    let ran = hookwarden(&["secret", "new", "--for", "githb"], "");
    assert!(ran.code == 2 && ran.err.contains("did you mean github"), "{ran:?}");
    let ran = hookwarden(&["secret", "new", "--for", "basic", "--user", "a:b"], "");
    assert!(ran.code == 2 && ran.out.is_empty(), "{ran:?}");
    assert_eq!(hookwarden(&["secret", "new"], "").code, 2);
}
