//! Header names with which a stranger could forge the identity of a request.

use hookwarden::step::is_reserved;
use serde_json::json;

use crate::delivery::{Delivery, Ending, deliver};
use crate::support::{Sent, policy, provider, source, sources, with};

const SECRET: &str = "a-secret-of-sixteen-or-more";

/// The characters that may separate words in a header name (RFC 9110, section 5.6.2).
const SEPARATORS: &str = "-_.!~+*'|^`#$%&";

/// Names that some server, gateway or framework passes on as one of ours.
fn names() -> Vec<String> {
    let mut names: Vec<_> =
        SEPARATORS.chars().map(|separator| ["X", "Hookwarden", "Source"].join(&separator.to_string())).collect();
    for name in [
        "x-hookwarden-source",
        "X-HOOKWARDEN-KEY-ID",
        "x-hookwarden.event_id",
        "x.hookwarden-duplicate",
        "x--hookwarden--source",
        "-x-hookwarden-source",
        "x-hookwarden-source.",
        "x-hookwarden-",
        "x_hookwarden_anything.at.all",
        "xhookwardensource",
        "xhookwarden-source",
        "x-hook-warden-source",
        "x-hookwardenkeyid",
        "X-HookwardenEvent-Id",
    ] {
        names.push(name.to_owned());
    }
    names
}

#[test]
fn every_name_that_a_server_can_mistake_for_ours_is_reserved() {
    for name in names() {
        assert!(is_reserved(&name), "{name}");
        assert!(is_reserved(&name.to_ascii_lowercase()), "{name}");
    }
}

#[test]
fn other_names_are_not_reserved() {
    for name in [
        "x-hookwardenish",
        "x-hookwarden",
        "x-hookwarden2-source",
        "hookwarden-source",
        "http-x-hookwarden-source",
        "xhookwardensources",
        "xhookwardenanything",
        "x-hub-signature-256",
        "x",
        "-",
        "",
        ":path",
        "content-type",
        "connection",
    ] {
        assert!(!is_reserved(name), "{name}");
    }
}

/// In every mode, whether the request is verified, only observed, or unmatched.
#[test]
fn no_name_that_can_be_mistaken_for_ours_is_forwarded() {
    let observed = with(source("observed", "/observed", provider("github", &[SECRET])), "mode", json!("observe"));
    let list = [source("hook", "/hook", provider("github", &[SECRET])), observed];
    for hold in ["filter", "chain"] {
        let config = with(with(sources(&list), "unmatched", json!("allow")), "body_hold", json!(hold));
        let policy = policy(&config);
        for (target, secret) in [("/hook", SECRET), ("/observed", SECRET), ("/observed", "wrong"), ("/page", "wrong")] {
            let other = Sent::github(target, secret, b"body").header("x-other", "kept");
            let sent = names().iter().fold(other, |sent, name| sent.header(name, "forged"));
            for ending in [Ending::LastPiece, Ending::Trailers] {
                let verdict = deliver(&policy, &sent, &Delivery::whole().ending(ending));
                let removed = verdict.edits.expect("it is forwarded").remove;
                for name in names() {
                    assert!(removed.contains(&name), "{name} of a request for {target} if the {hold} holds");
                }
                assert!(!removed.contains(&"x-other".to_owned()));
            }
        }
    }
}

/// A proxy behind this one removes the headers that a connection header names.
#[test]
fn a_connection_header_that_names_ours_is_not_forwarded() {
    let policy = policy(&sources(&[source("hook", "/hook", provider("github", &[SECRET]))]));
    let removed = |name: &str, value: &str| {
        let sent = Sent::github("/hook", SECRET, b"body").header(name, value);
        deliver(&policy, &sent, &Delivery::whole()).edits.expect("it passes").remove
    };
    for value in ["x-hookwarden-source", "close, X-Hookwarden-Key-Id", "x.hookwarden.source,te"] {
        for name in ["Connection", "connection", "Proxy-Connection"] {
            assert_eq!(removed(name, value), [name], "{value}");
        }
        // It removes nothing, whatever it lists.
        assert_eq!(removed("Access-Control-Request-Headers", value), [""; 0], "{value}");
    }
    for value in ["close", "keep-alive, x-other", "", "x-hookwardenish"] {
        assert_eq!(removed("Connection", value), [""; 0], "{value}");
    }
}
