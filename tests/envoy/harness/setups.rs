//! The shared Envoys and their plugin configurations.

use std::net::{SocketAddr, TcpListener};

use serde_json::{Value, json};

use crate::harness::SharedProxy;
use crate::harness::bootstrap::Hold;
use crate::harness::launch::Setup;
use crate::harness::senders::{self, Sender};

/// The filter holds, with one worker: the default for tests.
pub static FILTER_HOLDS: SharedProxy = SharedProxy::new(|| main(Hold::Filter, 1));
pub static FILTER_HOLDS_TWO_WORKERS: SharedProxy = SharedProxy::new(|| main(Hold::Filter, 2));
pub static CHAIN_HOLDS: SharedProxy = SharedProxy::new(|| main(Hold::Chain, 1));
pub static CHAIN_HOLDS_TWO_WORKERS: SharedProxy = SharedProxy::new(|| main(Hold::Chain, 2));
/// As the first, but requests that match no source pass.
pub static UNMATCHED_ALLOWED: SharedProxy = SharedProxy::new(|| {
    let mut plugin = plugin(Hold::Filter);
    plugin["unmatched"] = json!("allow");
    with_plugin(plugin, Hold::Filter, 1)
});

/// Between the limits of the sources `github` and `large`, so that either limit can be reached first.
pub const BUFFER_LIMIT: u32 = 2_097_152;

pub const GITHUB_VARIABLE: &str = "HOOKWARDEN_TEST_GITHUB";
pub const ABSENT_VARIABLE: &str = "HOOKWARDEN_TEST_ABSENT";
pub const UNUSABLE_VARIABLE: &str = "HOOKWARDEN_TEST_UNUSABLE";
/// As a shell leaves it that kept the quotation marks of an env file.
pub const UNUSABLE_SECRET: &str = "'unusable-secret-of-the-test-7d'";

pub const NEW_SECRET: &str = "rotated-secret-of-the-test-new-e2";
pub const OLD_SECRET: &str = "rotated-secret-of-the-test-old-9b";
pub const TENANT_SECRET: &str = "tenant-secret-of-the-test-acme-51";

/// A source for every sender, and one for each option of a source.
pub fn main(hold: Hold, workers: u32) -> Setup {
    with_plugin(plugin(hold), hold, workers)
}

pub fn with_plugin(plugin: Value, hold: Hold, workers: u32) -> Setup {
    let mut setup = Setup::new(plugin).hold(hold).workers(workers);
    setup.buffer_limit = Some(BUFFER_LIMIT);
    setup.environment = [(GITHUB_VARIABLE, senders::GITHUB.secret), (UNUSABLE_VARIABLE, UNUSABLE_SECRET)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
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
        json!({"name": "status-400", "match": {"path": "/hooks/status-400"}, "deny": {"status": 400}, "verify": by_github}),
        json!({"name": "observed", "match": {"path": "/hooks/observed"}, "mode": "observe", "verify": by_github}),
        json!({"name": "observed-large", "match": {"path": "/hooks/observed-large"}, "mode": "observe",
            "max_body_bytes": 16_777_216, "verify": by_github}),
        json!({"name": "disabled", "match": {"path": "/hooks/disabled"}, "mode": "disabled", "verify": by_github}),
        json!({"name": "closed", "match": {"path": "/hooks/closed"}, "verify": {
            "provider": "github", "secrets": [{"env": ABSENT_VARIABLE}],
        }}),
        json!({"name": "closed-too", "match": {"path": "/hooks/closed-too"}, "verify": {
            "provider": "github", "secrets": [{"env": UNUSABLE_VARIABLE}],
        }}),
        json!({"name": "both", "match": {"path": "/hooks/both"}, "verify": [
            {"provider": "basic", "secrets": [{"value": senders::BASIC.secret}]},
            by_github,
        ]}),
        json!({"name": "either", "match": {"path": "/hooks/either"}, "verify": {"any": [
            {"provider": "bearer", "secrets": [{"value": senders::BEARER.secret}]},
            by_github,
        ]}}),
        json!({"name": "removes-credentials", "match": {"path": "/hooks/removes-credentials"}, "remove_credentials": true, "verify": {
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
    json!({"body_hold": hold.body_hold(), "unmatched": "deny", "sources": sources})
}

/// Sources with guards, and `github` without any, which gets the harness's honest requests.
pub fn guards(sources: impl IntoIterator<Item = Value>) -> Setup {
    let all: Vec<Value> = std::iter::once(guarded("github", json!({}))).chain(sources).collect();
    Setup::new(json!({ "sources": all }))
}

/// An address of this machine that nothing listens on.
pub fn unused_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

/// A source at `/hooks/<name>` that verifies what `senders::GITHUB` signs, with these further members.
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
