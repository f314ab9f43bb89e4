//! The Envoys that tests share, and the plugin configurations that they run.

use serde_json::{Value, json};

use crate::bootstrap::Hold;
use crate::harness::Shared;
use crate::launch::Setup;
use crate::senders::{self, Sender};

/// The filter holds, one worker: where most tests are.
pub static FILTER_HOLDS: Shared = Shared::new(|| main(Hold::Filter, 1));
pub static FILTER_HOLDS_TWO_WORKERS: Shared = Shared::new(|| main(Hold::Filter, 2));
pub static CHAIN_HOLDS: Shared = Shared::new(|| main(Hold::Chain, 1));
pub static CHAIN_HOLDS_TWO_WORKERS: Shared = Shared::new(|| main(Hold::Chain, 2));
/// As the first, but what no source matches goes on unproved.
pub static UNMATCHED_ALLOWED: Shared = Shared::new(|| {
    let mut plugin = plugin(Hold::Filter);
    plugin["unmatched"] = json!("allow");
    with_plugin(plugin, Hold::Filter, 1)
});

/// Between the limits of the sources `github` and `large`, so that either can be met first.
pub const BUFFER_LIMIT: u32 = 2_097_152;

pub const GITHUB_VARIABLE: &str = "HOOKWARDEN_TEST_GITHUB";
pub const ABSENT_VARIABLE: &str = "HOOKWARDEN_TEST_ABSENT";

pub const NEW_SECRET: &str = "rotated-secret-of-the-test-new-e2";
pub const OLD_SECRET: &str = "rotated-secret-of-the-test-old-9b";
pub const TENANT_SECRET: &str = "tenant-secret-of-the-test-acme-51";

/// Every sender, and one source for each thing that a source can be.
pub fn main(hold: Hold, workers: u32) -> Setup {
    with_plugin(plugin(hold), hold, workers)
}

pub fn with_plugin(plugin: Value, hold: Hold, workers: u32) -> Setup {
    let mut setup = Setup::new(plugin).hold(hold).workers(workers);
    setup.buffer_limit = Some(BUFFER_LIMIT);
    setup.environment = vec![(GITHUB_VARIABLE.to_owned(), senders::GITHUB.secret.to_owned())];
    setup.absent = vec![ABSENT_VARIABLE.to_owned()];
    setup
}

pub fn plugin(hold: Hold) -> Value {
    let mut sources: Vec<Value> = senders::ALL.iter().map(source).collect();
    let github = |secret: &str| json!({"provider": "github", "secrets": [{"value": secret}]});
    let by_github = github(senders::GITHUB.secret);
    sources.extend([
        json!({"name": "rotated", "match": {"path": "/hooks/rotated"}, "verify": {
            "provider": "github",
            "secrets": [{"id": "new", "value": NEW_SECRET}, {"id": "old", "value": OLD_SECRET}],
        }}),
        json!({"name": "expired", "match": {"path": "/hooks/expired"}, "verify": {
            "provider": "github",
            "secrets": [{"value": OLD_SECRET, "not_after": "2020-01-01T00:00:00Z"}],
        }}),
        json!({"name": "tenants", "match": {"path": "/hooks/tenants/*"}, "verify": {
            "provider": "github",
            "secrets_by": {"path_segment": 2, "secrets": {"acme": [{"value": TENANT_SECRET}]}},
        }}),
        json!({"name": "small", "match": {"path": "/hooks/small"}, "max_body_bytes": 1000, "verify": by_github}),
        json!({"name": "large", "match": {"path": "/hooks/large"}, "max_body_bytes": 16_777_216, "verify": by_github}),
        json!({"name": "stern", "match": {"path": "/hooks/stern"}, "deny": {"status": 400}, "verify": by_github}),
        json!({"name": "observed", "match": {"path": "/hooks/observed"}, "mode": "observe", "verify": by_github}),
        json!({"name": "observed-large", "match": {"path": "/hooks/observed-large"}, "mode": "observe",
            "max_body_bytes": 16_777_216, "verify": by_github}),
        json!({"name": "disabled", "match": {"path": "/hooks/disabled"}, "mode": "disabled", "verify": by_github}),
        json!({"name": "closed", "match": {"path": "/hooks/closed"}, "verify": {
            "provider": "github", "secrets": [{"env": ABSENT_VARIABLE}],
        }}),
        json!({"name": "both", "match": {"path": "/hooks/both"}, "verify": [
            {"provider": "basic", "secrets": [{"value": senders::BASIC.secret}]},
            by_github,
        ]}),
        json!({"name": "either", "match": {"path": "/hooks/either"}, "verify": {"any": [
            {"provider": "bearer", "secrets": [{"value": senders::BEARER.secret}]},
            by_github,
        ]}}),
        json!({"name": "discreet", "match": {"path": "/hooks/discreet"}, "remove_credentials": true, "verify": {
            "provider": "basic", "secrets": [{"value": senders::BASIC.secret}],
        }}),
        json!({"name": "wildcard-host", "match": {"hosts": ["*.wild.example"], "path": "/hooks/hosted"}, "verify": by_github}),
        json!({"name": "in-house", "match": {"path": "/hooks/in-house"}, "verify": {
            "scheme": {
                "signature": {"header": "X-Webhook-Signature", "encoding": "hex"},
                "algorithm": "hmac-sha256",
                "signed": "{body}",
            },
            "secrets": [{"value": senders::GENERIC.secret}],
        }}),
    ]);
    let holder = if hold == Hold::Chain { "chain" } else { "filter" };
    json!({"body_hold": holder, "unmatched": "deny", "sources": sources})
}

/// Sources with guards, and `github` without, which the harness asks for honest requests.
pub fn guards(sources: impl IntoIterator<Item = Value>) -> Setup {
    let all: Vec<Value> = std::iter::once(guarded("github", json!({}))).chain(sources).collect();
    Setup::new(json!({ "sources": all }))
}

/// A source at `/hooks/<name>` that takes what `senders::GITHUB` signs, and whatever else it says.
pub fn guarded(name: &str, guards: Value) -> Value {
    let mut source = json!({
        "name": name,
        "match": {"path": format!("/hooks/{name}")},
        "verify": {"provider": "github", "secrets": [{"id": "key", "value": senders::GITHUB.secret}]},
    });
    for (key, value) in guards.as_object().expect("an object") {
        source[key] = value.clone();
    }
    source
}

fn source(sender: &Sender) -> Value {
    let secrets = json!([{"value": sender.secret}]);
    let verify = match sender.source {
        "github" => json!({"provider": "github", "secrets": [{"id": "2026-11", "env": GITHUB_VARIABLE}]}),
        "header-token" => json!({"provider": "header-token", "with": {"header": "X-Token"}, "secrets": secrets}),
        "generic" => json!({"provider": "generic-hmac", "secrets": secrets}),
        "servicestack" => json!({"provider": "servicestack", "secrets_by": {
            "header": "X-Webhook-Event",
            "secrets": {senders::SERVICESTACK_EVENT: secrets},
        }}),
        provider => json!({"provider": provider, "secrets": secrets}),
    };
    json!({"name": sender.source, "match": {"path": sender.path()}, "verify": verify})
}
