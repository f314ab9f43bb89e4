//! The plugin's configuration in Envoy: the shipped bootstraps work unchanged, and an invalid one keeps Envoy from
//! starting.

use serde_json::{Value, json};

use crate::harness::bootstrap::Hold;
use crate::harness::client::{BOTH, Protocol, Request};
use crate::harness::launch::Setup;
use crate::harness::senders;
use crate::harness::{Proxy, refuses_to_start};
use crate::hold::pattern;

const SECRET: &str = "literal-secret-of-a-wrong-configuration";

#[test]
fn the_shipped_bootstrap_works_as_it_is() {
    let setup = Setup::shipped(Hold::Filter);
    let Some(proxy) = Proxy::start(&setup) else { return };
    each_shipped_source(&proxy, &setup);
    // The limits in the file are consistent: the largest body that GitHub sends is held.
    let body = pattern(25 * 1024 * 1024);
    let secret = setup.variable("GITHUB_WEBHOOK_SECRET");
    proxy.passes(Protocol::Http1, &senders::github("/hooks/github", secret, &body));
}

#[test]
fn the_shipped_bootstrap_for_the_chain_works_as_it_is() {
    let setup = Setup::shipped(Hold::Chain);
    let Some(proxy) = Proxy::start(&setup) else { return };
    each_shipped_source(&proxy, &setup);
}

/// The sources that both bootstraps have.
fn each_shipped_source(proxy: &Proxy, setup: &Setup) {
    let github = setup.variable("GITHUB_WEBHOOK_SECRET");
    let stripe = setup.variable("STRIPE_WEBHOOK_SECRET");
    let anymail = setup.variable("ANYMAIL_WEBHOOK_SECRET");
    let body = b"{\"shipped\":true}";
    let now = senders::now();
    for protocol in BOTH {
        for valid in [
            senders::github("/hooks/github", github, body),
            senders::stripe("/hooks/stripe", stripe, body),
            senders::basic("/anymail/sendgrid/tracking", anymail, body),
        ] {
            let seen = proxy.passes(protocol, &valid);
            assert!(seen.header("x-hookwarden-source").is_some());
            let forged = match valid.headers.iter().any(|(name, _)| name == "Authorization") {
                true => senders::basic("/anymail/sendgrid/tracking", "anymail:guessed-guessed", body),
                false => valid.with_body("{\"shipped\":false}"),
            };
            let mark = proxy.upstream.mark();
            assert_eq!(forged.send(proxy.address, protocol).status, 401);
            proxy.upstream.assert_nothing_since(mark);
        }
        let stale = senders::stripe_at(&(now - 3600).to_string(), "/hooks/stripe", stripe, body);
        assert_eq!(stale.send(proxy.address, protocol).status, 401);
        assert_eq!(Request::post("/", body).send(proxy.address, protocol).status, 404);
    }
}

#[test]
fn all_problems_of_a_configuration_are_logged_at_once_with_paths_and_without_secrets() {
    let plugin = json!({
        "body_hold": "invalid",
        "sources": [
            {"name": "a", "match": {"path": "hooks/a"}, "verify": {"provider": "github", "secrets": [{"value": SECRET}]}},
            {"name": "b", "match": {"path": "/b"}, "verify": {"provider": "gitsub", "secrets": [{"value": SECRET}]}},
            {"name": "c", "match": {"path": "/c"}, "verify": {"provider": "github", "secrets": [{"value": "hidden7"}]}},
            {"name": "d", "match": {"path": "/d"}, "verify": {"provider": "github", "secrets": [{"value": "${SECRET_OF_D}"}]}},
            {"name": "e", "match": {"path": "/e"}, "mode": "sometimes", "verify": {"provider": "github", "secrets": []}},
            {"name": "e", "match": {"path": "/f"}, "verify": {"provider": "github", "secrets": [{"value": SECRET}]}},
        ],
    });
    let Some(log) = refuses_to_start(&Setup::new(plugin)) else { return };
    let log = module_lines(&log);
    for path in [
        "$.body_hold",
        "$.sources[0].match.path",
        "$.sources[1].verify.provider",
        "$.sources[2].verify.secrets[0]",
        "$.sources[3].verify.secrets[0]",
        "$.sources[4].mode",
        "$.sources[4].verify.secrets",
        "$.sources[5].name",
    ] {
        assert!(log.contains(path), "the log does not name {path}:\n{log}");
    }
    for value in ["hidden7", "SECRET_OF_D"] {
        assert!(!log.contains(value), "the log contains the value of a secret:\n{log}");
    }
}

#[test]
fn refuses_invalid_configurations() {
    let verify = json!({"provider": "github", "secrets": [{"value": SECRET}]});
    let source = |change: Value| {
        let mut source = json!({"name": "a", "match": {"path": "/a"}, "verify": verify});
        for (name, value) in change.as_object().expect("an object") {
            source[name] = value.clone();
        }
        json!({"sources": [source]})
    };
    for (plugin, path) in [
        (json!({"sources": []}), "$.sources"),
        (source(json!({"verfy": 1})), "verfy"),
        (source(json!({"verify": []})), "$.sources[0].verify"),
        (source(json!({"verify": {"any": []}})), "$.sources[0].verify"),
        (source(json!({"verify": {"provider": "github", "secrets": [{"value": ""}]}})), "secrets[0]"),
        (source(json!({"deny": {"status": 200}})), "$.sources[0].deny.status"),
    ] {
        let Some(log) = refuses_to_start(&Setup::new(plugin.clone())) else { return };
        let log = module_lines(&log);
        assert!(log.contains(path), "{plugin}: the log does not name {path}:\n{log}");
    }
}

#[test]
fn refuses_a_configuration_that_is_not_an_object() {
    let Some(log) = refuses_to_start(&Setup::new(json!("sources"))) else { return };
    let log = module_lines(&log);
    assert!(log.contains("configuration refused: $"), "{log}");
}

fn module_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("wasm log hookwarden")).collect();
    lines.join("\n")
}
