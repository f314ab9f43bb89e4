//! The module under Envoy's restriction of capabilities: the list in docs/hosts.md is enough, and if a function is taken from
//! it, nothing passes unverified.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::bootstrap::at;
use crate::harness::client::{BOTH, Connection, Protocol};
use crate::harness::launch::Setup;
use crate::harness::listeners::manager;
use crate::harness::senders::GITHUB;
use crate::harness::setups::{guarded, guards};
use crate::harness::{Proxy, honest};

/// The restriction in the document.
fn documented() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/hosts.md");
    let text = std::fs::read_to_string(path).expect("the document is there");
    let block = text.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    let block: Value = serde_yaml_ng::from_str(block).expect("YAML");
    block["capability_restriction_config"].clone()
}

/// A source with a replay memory, restricted to the document's list, without `missing`.
fn setup(missing: Option<&'static str>) -> Setup {
    let once = guarded("once", json!({"replay": {"window": "1h", "duplicate": 409}}));
    guards([once]).edit(move |bootstrap, _| {
        let mut restriction = documented();
        let list = restriction["allowed_capabilities"].as_object_mut().expect("a list");
        if let Some(missing) = missing {
            assert!(list.remove(missing).is_some(), "{missing} is in the list");
        }
        let listener = at(bootstrap, "/static_resources/listeners/0");
        let filters = at(manager(listener), "/http_filters").as_array_mut().expect("a list");
        let plugin = filters.iter_mut().find(|filter| filter["name"] == "envoy.filters.http.wasm").expect("the plugin");
        at(plugin, "/typed_config/config")["capability_restriction_config"] = restriction;
    })
}

#[test]
fn documented_capabilities_are_enough() {
    let Some(proxy) = Proxy::start(&setup(None)) else { return };
    for protocol in BOTH {
        let received = proxy.passes(protocol, &honest());
        assert_eq!(received.header_text("x-hookwarden-source"), Some("github"));
        proxy.denies(protocol, &GITHUB.forged(b"{}"), "github", "signature_mismatch");
    }
    let event = honest().at("/hooks/once");
    proxy.passes(Protocol::Http1, &event);
    proxy.denies(Protocol::Http1, &event, "once", "duplicate");
    proxy.assert_output_is_clean();
}

/// Either Envoy does not start, or what it cannot verify is refused. Not so without the callbacks of a request: Envoy then
/// forwards it and does not ask, which no module can see. The document says so.
#[test]
fn nothing_passes_unverified_where_a_function_is_missing() {
    for missing in [
        "proxy_get_buffer_bytes",
        "proxy_get_header_map_pairs",
        "proxy_get_current_time_nanoseconds",
        "proxy_get_shared_data",
        "proxy_send_local_response",
        "proxy_on_configure",
    ] {
        let Some(started) = Proxy::try_start(&setup(Some(missing))) else { return };
        let Ok(proxy) = started else { continue };
        let mark = proxy.upstream.mark();
        let mut connection = Connection::open(proxy.address);
        connection.send(&GITHUB.forged(b"{\"forged\":true}").wire());
        let reply = connection.try_reply();
        assert!(reply.as_ref().is_none_or(|reply| reply.status >= 400), "without {missing}: {reply:?}");
        proxy.upstream.assert_nothing_since(mark);
        // The SDK may stop the VM, and says so.
        proxy.unread_without_secrets();
    }
}

/// A fact about Envoy, for the warning in the document.
#[test]
fn envoy_forwards_what_the_module_is_not_asked_about() {
    // Without its headers, a body is held for ever: the module does not know what it belongs to.
    for (callback, body) in [("proxy_on_request_headers", ""), ("proxy_on_request_body", "{}")] {
        let Some(proxy) = Proxy::start(&setup(Some(callback))) else { return };
        let reply = GITHUB.forged(body.as_bytes()).send(proxy.address, Protocol::Http1);
        assert_eq!(reply.status, 200, "Envoy holds what it does not ask about: mend the document");
    }
}
