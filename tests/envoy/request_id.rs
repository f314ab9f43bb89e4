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
    let time = now().to_string();
    let content = format!("id:ORD01JQ4S4KY8;request-id:a-request-of-the-sender;ts:{time};");
    let tag: String =
        hmac_sha256(SECRET.as_bytes(), &[content.as_bytes()]).iter().map(|byte| format!("{byte:02x}")).collect();
    Request::post("/hooks/mercadopago?data.id=ORD01JQ4S4KY8&type=order", "{\"action\":\"order.updated\"}")
        .with("x-request-id", "a-request-of-the-sender")
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
