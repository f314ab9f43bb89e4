//! The proxy: its sources, its store, and listeners that Envoy reads from a file.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::harness::bootstrap::{self, at};
use crate::harness::launch::Setup;
use crate::harness::listeners::manager;
use crate::harness::xds;

pub const GITHUB: &str = "github-secret-of-the-soak-3d7a61";
pub const STRIPE: &str = "whsec_stripe_secret_of_the_soak_used_as_text";
pub const BASIC: &str = "soak:pass:with:colons-5f1c8a";
pub const JWT: &str = "jwt-secret-of-the-soak-with-32-bytes-91";
/// Configured as base64.
pub const RFC9421: &[u8] = b"rfc9421-secret-of-the-soak-77e0d2";
pub const LEVER: &str = "lever-secret-of-the-soak-0b94ce";

/// How many events each source remembers. Retries come long before an event is dropped, and memory is full early, so that
/// growth is visible.
const ENTRIES: u32 = 5_000;

/// The configuration of the `number`th push. It alternates in a setting that decides nothing.
pub fn plugin(number: u64) -> Value {
    let replay = json!({"window": "24h", "entries": ENTRIES, "when_full": "drop_oldest", "duplicate": 409});
    let store = json!({"cluster": "replay-store", "timeout": "2s", "unavailable": "refuse"});
    let stored = json!({"window": "24h", "entries": ENTRIES, "duplicate": 409, "store": store});
    let github = json!({"provider": "github", "secrets": [{"id": "key", "value": GITHUB}]});
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, RFC9421);
    let source = |name: &str, verify: Value, members: Value| {
        let mut source = json!({"name": name, "match": {"path": format!("/hooks/{name}")}, "verify": verify});
        for (key, value) in members.as_object().expect("an object") {
            source[key] = value.clone();
        }
        source
    };
    json!({
        "body_hold": "filter",
        "stall_timeout": if number.is_multiple_of(2) { "10s" } else { "11s" },
        "sources": [
            source("github", github.clone(), json!({"replay": replay})),
            source("stripe", json!({"provider": "stripe", "secrets": [{"value": STRIPE}]}), json!({"replay": replay})),
            source("basic", json!({"provider": "basic", "secrets": [{"value": BASIC}]}), json!({})),
            source("jwt", json!({"secrets": [{"value": JWT}], "scheme": {
                "jwt": {"at": "header:Authorization", "prefix": "Bearer ", "algorithms": ["HS256"],
                    "claims": {"payload_hash": {"equals": "{body|sha256|hex}", "when": "body"}}},
                "event_id": {"claim": "jti"},
            }}), json!({"replay": replay})),
            source("rfc9421", json!({"provider": "http-message-signatures-hmac", "secrets": [{"value": base64}]}),
                json!({"replay": replay})),
            source("lever", json!({"provider": "lever", "secrets": [{"value": LEVER}]}), json!({"replay": replay})),
            source("stored", github.clone(), json!({"replay": stored})),
            source("limited", github.clone(), json!({"replay": replay,
                "rate_limit": {"requests": 20, "per": "1s", "burst": 40}})),
            source("flooded", github.clone(), json!({"flood_limit": {"failures": 5, "per": "1s"}})),
            source("small", github, json!({"max_body_bytes": 4096})),
        ],
    })
}

pub fn envoy(store: SocketAddr) -> Setup {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/envoy/fleet/cluster.yaml");
    let mut cluster = bootstrap::read(path);
    bootstrap::set_endpoint(&mut cluster, store);
    let setup = Setup::new(plugin(0)).workers(2).edit(move |bootstrap, _| {
        let clusters = at(bootstrap, "/static_resources/clusters").as_array_mut();
        clusters.expect("a list of clusters").push(cluster.clone());
        let manager = manager(at(bootstrap, "/static_resources/listeners/0"));
        manager["access_log"] = json!([]);
        // A loaded machine is slow, which is not a failure of the upstream.
        *at(manager, "/route_config/virtual_hosts/0/routes/0/route/timeout") = json!("60s");
    });
    xds::with_dynamic_listeners(setup)
}
