//! The module under Envoy's restriction of capabilities: the list in docs/hosts.md is enough, and so are the shorter ones that
//! `manifest` writes; and if a function is taken from the list, nothing passes unverified.

use std::path::Path;

use serde_json::{Value, json};

use crate::fleet;
use crate::harness::capabilities::{config, written};
use crate::harness::client::{BOTH, Connection, Protocol, Request, TIMEOUT};
use crate::harness::launch::Setup;
use crate::harness::senders::{self, BASIC, GITHUB};
use crate::harness::setups::{guarded, guards};
use crate::harness::store::FakeStore;
use crate::harness::upstream::BEHAVIOUR;
use crate::harness::xds::{self, Pushed};
use crate::harness::{Proxy, honest, wait_for};

/// The restriction in the document.
fn documented() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/hosts.md");
    let text = std::fs::read_to_string(path).expect("the document is there");
    let block = text.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    let block: Value = serde_yaml_ng::from_str(block).expect("YAML");
    block["capability_restriction_config"].clone()
}

/// A source with a replay memory.
fn once() -> Value {
    guarded("once", json!({"replay": {"window": "1h", "duplicate": 409}}))
}

/// An event that nothing remembers yet.
fn event() -> Request {
    honest().at("/hooks/once")
}

/// A source with a replay memory, restricted to the document's list, without `missing`.
fn setup(missing: Option<&'static str>) -> Setup {
    guards([once()]).edit(move |bootstrap, _| {
        let mut restriction = documented();
        let list = restriction["allowed_capabilities"].as_object_mut().expect("a list");
        if let Some(missing) = missing {
            assert!(list.remove(missing).is_some(), "{missing} is in the list");
        }
        config(bootstrap)["capability_restriction_config"] = restriction;
    })
}

/// The statuses of an event that the upstream refuses with a 500, and of its retry.
fn statuses_of_a_retry(proxy: &Proxy, event: &Request) -> [u16; 2] {
    let refused = event.clone().with(BEHAVIOUR, "500");
    [&refused, event].map(|request| request.send(proxy.address, Protocol::Http1).status)
}

#[test]
fn documented_capabilities_are_enough() {
    let Some(proxy) = Proxy::start(&setup(None)) else { return };
    for protocol in BOTH {
        let received = proxy.passes(protocol, &honest());
        assert_eq!(received.header_text("x-hookwarden-source"), Some("github"));
        proxy.denies(protocol, &GITHUB.forged(b"{}"), "github", "signature_mismatch");
    }
    let event = event();
    assert_eq!(statuses_of_a_retry(&proxy, &event), [500, 200]);
    proxy.denies(Protocol::Http1, &event, "once", "duplicate");
    proxy.assert_output_is_clean();
}

#[test]
fn without_replay_the_list_of_the_manifest_is_enough() {
    let basic = json!({
        "name": "basic", "match": {"path": "/hooks/basic"}, "remove_credentials": true,
        "verify": {"provider": "basic", "secrets": [{"id": "1", "value": BASIC.secret}]},
    });
    let setup = guards([basic]);
    let list = written(setup.plugin.as_ref().expect("a configuration"));
    let unneeded =
        |name: &&&str| name.starts_with("proxy_on_response") || ["proxy_on_log", "proxy_http_call"].contains(*name);
    assert_eq!(list.names().iter().find(unneeded), None);
    let Some(proxy) = Proxy::start(&setup.restricted_to(list)) else { return };
    for protocol in BOTH {
        for request in [honest(), honest().in_chunks(3)] {
            let received = proxy.passes(protocol, &request);
            assert_eq!(received.header_text("x-hookwarden-source"), Some("github"));
        }
        proxy.denies(protocol, &GITHUB.forged(b"{}"), "github", "signature_mismatch");
        proxy.denies(protocol, &GITHUB.forged(b"{}").in_chunks(1), "github", "signature_mismatch");
        let received = proxy.passes(protocol, &BASIC.valid(b"{}").with("x-hookwarden-source", "forged"));
        assert_eq!(received.header_text("x-hookwarden-source"), Some("basic"));
        assert_eq!(received.header("authorization"), None);
        proxy.denies(protocol, &BASIC.forged(b"{}"), "basic", "credential_mismatch");
    }
    proxy.passes(Protocol::Http2, &honest().with_trailer("x-checksum", "abc"));
    proxy.denies(Protocol::Http2, &GITHUB.forged(b"{}").with_trailer("x", "y"), "github", "signature_mismatch");
    assert_eq!(proxy.metric("source.basic.requests.passed"), 2);
    assert_eq!(proxy.metric("source.basic.requests.denied"), 2);
    proxy.assert_output_is_clean();
}

#[test]
fn with_a_memory_the_list_of_the_manifest_is_enough() {
    let Some(proxy) = Proxy::start(&guards([once()]).restricted()) else { return };
    for protocol in BOTH {
        let request = event();
        proxy.passes(protocol, &request);
        proxy.denies(protocol, &request, "once", "duplicate");
        proxy.denies(protocol, &GITHUB.forged(b"{}").at("/hooks/once"), "once", "signature_mismatch");
    }
    let refused = event();
    assert_eq!(statuses_of_a_retry(&proxy, &refused), [500, 200]);
    proxy.denies(Protocol::Http1, &refused, "once", "duplicate");
    assert_eq!(proxy.metric("source.once.replay.given_back"), 1);
    proxy.assert_output_is_clean();
}

#[test]
fn with_a_store_the_list_of_the_manifest_is_enough() {
    let store = FakeStore::start(|call| {
        call.webdis(if call.target().starts_with("/SET") { "{\"SET\":[true,\"OK\"]}" } else { "{\"DEL\":1}" })
    });
    let replay = json!({"window": "1h", "duplicate": 409, "store": {"cluster": fleet::CLUSTER, "timeout": "10s"}});
    let plugin = guards([guarded("once", json!({ "replay": replay }))]).plugin.expect("a configuration");
    let Some(proxy) = Proxy::start(&fleet::with_store(plugin, store.address).restricted()) else { return };
    for protocol in BOTH {
        let request = event();
        proxy.passes(protocol, &request);
        proxy.denies(protocol, &request, "once", "duplicate");
    }
    assert_eq!(statuses_of_a_retry(&proxy, &event()), [500, 200]);
    let given_back = store.take_calls().iter().filter(|call| call.target().starts_with("/DEL")).count();
    assert_eq!(given_back, 1);
    proxy.assert_output_is_clean();
}

#[test]
fn with_acknowledgements_and_a_limit_on_failures_the_list_of_the_manifest_is_enough() {
    let own = json!({
        "name": "own", "match": {"path": "/hooks/own"}, "acknowledge": true,
        "verify": {
            "scheme": {
                "signature": {"header": "X-Webhook-Signature", "encoding": "hex"},
                "algorithm": "hmac-sha256",
                "signed": "{body}",
            },
            "acknowledgement": {"content_type": "text/plain", "body": "Hello API Event Received"},
            "secrets": [{"value": senders::GENERIC.secret}],
        },
    });
    let limited = guarded("limited", json!({"flood_limit": {"failures": 1, "per": "1h"}}));
    let Some(proxy) = Proxy::start(&guards([own, limited]).restricted()) else { return };
    let tag = senders::hex(&senders::hmac_sha256(senders::GENERIC.secret.as_bytes(), &[b"{}"]));
    let signed = Request::post("/hooks/own", b"{}").with("X-Webhook-Signature", tag);
    for protocol in BOTH {
        let reply = signed.send(proxy.address, protocol);
        assert_eq!((reply.status, reply.text().as_str()), (200, "Hello API Event Received"));
    }
    let forged = GITHUB.forged(b"{}").at("/hooks/limited");
    proxy.denies(Protocol::Http1, &forged, "limited", "signature_mismatch");
    proxy.denies(Protocol::Http1, &forged, "limited", "flood_limited");
    proxy.assert_output_is_clean();
}

/// A fact about Envoy, for the document: without this callback the module does not learn what the upstream answered.
#[test]
fn without_responses_an_event_that_the_upstream_refused_is_lost() {
    let Some(proxy) = Proxy::start(&setup(Some("proxy_on_response_headers"))) else { return };
    assert_eq!(statuses_of_a_retry(&proxy, &event()), [500, 409], "Envoy asks nonetheless: mend the document");
}

/// Before 1.40, Envoy would run the new configuration in the VM of the former one, with its list, if the manifest did not tell
/// the two apart.
#[test]
fn a_longer_list_counts_from_the_push_on_and_what_is_remembered_stays() {
    let (plain, replay) = (guards([]), guards([once()]).plugin.expect("a configuration"));
    let Some(proxy) = Proxy::start(&xds::with_dynamic_listeners(plain.restricted())) else { return };
    proxy.passes(Protocol::Http1, &honest());
    let push = |plugin: &Value| {
        let pushed = xds::push_changed(&proxy, |config| {
            config["configuration"]["value"] = json!(plugin.to_string());
            written(plugin).write(config);
        });
        assert_eq!(pushed, Pushed::Accepted);
    };
    let settles = |request: &dyn Fn() -> Request| {
        let passes = || (request().send(proxy.address, Protocol::Http1).status == 200).then_some(());
        assert!(wait_for(TIMEOUT, passes).is_some(), "the workers take the configuration over");
    };
    push(&replay);
    settles(&event);
    let remembered = event();
    assert_eq!(statuses_of_a_retry(&proxy, &remembered), [500, 200]);

    let limited = guarded("limited", json!({"flood_limit": {"failures": 20, "per": "1m"}}));
    let longer = guards([once(), limited]).plugin.expect("a configuration");
    assert_ne!(written(&replay).vm_configuration, written(&longer).vm_configuration);
    push(&longer);
    settles(&|| honest().at("/hooks/limited"));
    proxy.denies(Protocol::Http1, &remembered, "once", "duplicate");
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
        "proxy_on_context_create",
        "proxy_set_property",
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
