//! `x-request-id`, which Mercado Pago signs: Envoy replaces that of an external request unless
//! `preserve_external_request_id` is set.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::Proxy;
use crate::harness::bootstrap::{Hold, at};
use crate::harness::client::{BOTH, Request};
use crate::harness::launch::Setup;
use crate::harness::senders::{hmac_sha256, now};
use crate::harness::setups;

const SECRET: &str = "mercadopago-secret-of-the-test-7c1d";

fn setup() -> Setup {
    let mut plugin = setups::plugin(Hold::Filter);
    plugin["sources"].as_array_mut().expect("a list").push(json!({
        "name": "mercadopago",
        "match": { "path": "/hooks/mercadopago" },
        "verify": { "provider": "mercadopago", "secrets": [{ "value": SECRET }] },
    }));
    setups::with_plugin(plugin, Hold::Filter, 1)
}

fn signed() -> Request {
    signed_with("a-request-of-the-sender")
}

fn signed_with(id: &str) -> Request {
    let time = now().to_string();
    let content = format!("id:ORD01JQ4S4KY8;request-id:{id};ts:{time};");
    let tag: String =
        hmac_sha256(SECRET.as_bytes(), &[content.as_bytes()]).iter().map(|byte| format!("{byte:02x}")).collect();
    Request::post("/hooks/mercadopago?data.id=ORD01JQ4S4KY8&type=order", "{\"action\":\"order.updated\"}")
        .with("x-request-id", id)
        .with("x-signature", format!("ts={time},v1={tag}"))
}

#[test]
fn passes_a_signed_request_id_that_envoy_preserves() {
    let setup = setup().edit(|bootstrap: &mut Value, _: &Path| {
        let manager = at(bootstrap, "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config");
        manager["preserve_external_request_id"] = json!(true);
    });
    let Some(proxy) = Proxy::start(&setup) else { return };
    for protocol in BOTH {
        let seen = proxy.passes(protocol, &signed());
        assert_eq!(seen.header_text("x-request-id"), Some("a-request-of-the-sender"));
        proxy.denies(protocol, &signed().replacing("x-request-id", "another"), "mercadopago", "signature_mismatch");
    }
}

/// The reason why `check` requires the setting.
#[test]
fn denies_a_signed_request_id_that_envoy_replaced() {
    let Some(proxy) = Proxy::start(&setup()) else { return };
    for protocol in BOTH {
        proxy.denies(protocol, &signed(), "mercadopago", "signature_mismatch");
    }
}

/// Tracing changes a digit of an id that Envoy preserves, unless `pack_trace_reason` is false.
#[test]
fn denies_a_signed_request_id_in_which_envoy_notes_that_it_traces() {
    for packs in [true, false] {
        let setup = setup().edit(move |bootstrap: &mut Value, _: &Path| {
            let cluster = at(bootstrap, "/static_resources/clusters/0/name").clone();
            let manager = at(bootstrap, "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config");
            manager["preserve_external_request_id"] = json!(true);
            manager["tracing"] = json!({ "provider": {
                "name": "envoy.tracers.zipkin",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.config.trace.v3.ZipkinConfig",
                    "collector_cluster": cluster,
                    "collector_endpoint": "/spans",
                    "collector_endpoint_version": "HTTP_JSON",
                },
            } });
            manager["request_id_extension"] = json!({ "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig",
                "pack_trace_reason": packs,
            } });
        });
        let Some(proxy) = Proxy::start(&setup) else { return };
        let request = signed_with("7f2c1f4e-3d8a-4b6e-9c7d-0a1b2c3d4e5f");
        for protocol in BOTH {
            if packs {
                proxy.denies(protocol, &request, "mercadopago", "signature_mismatch");
            } else {
                proxy.passes(protocol, &request);
            }
        }
    }
}
