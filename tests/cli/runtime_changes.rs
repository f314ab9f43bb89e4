//! What `check` says of changes that a runtime makes, for every provider: it names those whose signature covers what is
//! changed, and nobody else.
//!
//! Who signs what is read from the text of the schemes, independently of the code under test.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::explain::vector_line;
use crate::support::hookwarden;

/// A provider, as a source, and what it signs of what runtimes change.
struct Sender {
    name: &'static str,
    source: Value,
    signs: BTreeSet<&'static str>,
}

fn senders() -> Vec<Sender> {
    hookwarden::config::providers::names().map(sender).collect()
}

fn sender(name: &'static str) -> Sender {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("providers/{name}.json"));
    let file: Value = serde_json::from_slice(&fs::read(&path).expect("it can be read")).expect("it is JSON");
    let vectors = file["vectors"].as_array().expect("it has vectors");
    let vector = vectors.iter().find(|vector| vector["expect"] == "verified").expect("one is right");
    let mut source = vector_line::of(name, vector)["configuration"]["sources"][0].clone();
    source["name"] = json!(name);
    source["match"] = json!({ "path": format!("/hooks/{name}") });
    let scheme = file["scheme"].to_string();
    let has = |texts: &[&str]| texts.iter().any(|text| scheme.contains(text));
    let mut signs = BTreeSet::new();
    let in_template = ["{url", "{path", "{target", "{plivo_v3", "{contentful_path", "{qsh"];
    if has(&in_template) || has(&["\"@path\"", "\"@target-uri\"", "\"http_signature\""]) {
        signs.insert("path");
    }
    if has(&["\"@authority\"", "\"http_signature\""]) {
        signs.insert("host");
    }
    if has(&["header:x-request-id"]) {
        signs.insert("x-request-id");
    }
    // Where a header is named: by a key, or in a template.
    let mut names = scheme.split("\"header\":\"").chain(scheme.split("{header:")).skip(1);
    if names.any(|text| text.split(['"', '}', '|']).next().is_some_and(|name| name.len() < 64 && name.contains('_'))) {
        signs.insert("underscores");
    }
    Sender { name, source, signs }
}

/// An Envoy that changes all it can.
fn envoy(sources: &[Value]) -> Value {
    json!({ "static_resources": { "listeners": [{ "filter_chains": [{ "filters": [{
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "use_remote_address": true,
            "normalize_path": true,
            "merge_slashes": true,
            "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
            "strip_any_host_port": true,
            "strip_trailing_host_dot": true,
            "common_http_protocol_options": { "headers_with_underscores_action": "REJECT_REQUEST" },
            "tracing": {},
            "http_filters": [{
                "name": "hookwarden",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                    "config": {
                        "name": "hookwarden",
                        "configuration": {
                            "@type": "type.googleapis.com/google.protobuf.StringValue",
                            "value": json!({ "sources": sources }).to_string(),
                        },
                    },
                },
            }],
        },
    }] }] }] } })
}

/// A gateway of Istio.
fn istio(sources: &[Value]) -> Value {
    json!({
        "apiVersion": "extensions.istio.io/v1alpha1",
        "kind": "TrafficExtension",
        "metadata": { "name": "hookwarden", "namespace": "hooks" },
        "spec": {
            "selector": { "matchLabels": { "istio": "ingressgateway" } },
            "phase": "AUTHN",
            "wasm": { "url": "oci://registry.example.com/hookwarden:1", "pluginConfig": { "sources": sources } },
        },
    })
}

fn envoy_gateway(sources: &[Value]) -> Value {
    json!({
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "EnvoyExtensionPolicy",
        "metadata": { "name": "hookwarden", "namespace": "hooks" },
        "spec": { "wasm": [{ "name": "hookwarden", "config": { "sources": sources } }] },
    })
}

/// The codes of the findings that name a source for a part that it signs.
fn found(set_up: &Value) -> Vec<String> {
    let ran = hookwarden(&["check", "--format", "json", "-"], &set_up.to_string());
    let said: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    let findings = said["findings"].as_array().expect("a list").iter();
    let about = ["path-normalized", "path-tidied", "request-id-replaced", "signed-header-lost", "signed-host-changed"];
    let is_about_a_source = |finding: &&Value| {
        about.iter().any(|code| finding["code"] == *code)
            && finding["message"].as_str().is_some_and(|message| message.contains("source \""))
    };
    findings.filter(is_about_a_source).map(|finding| finding["code"].as_str().expect("text").to_owned()).collect()
}

#[test]
fn nobody_is_named_for_what_the_signature_does_not_cover() {
    let sources: Vec<_> =
        senders().into_iter().filter(|sender| sender.signs.is_empty()).map(|sender| sender.source).collect();
    assert!(sources.len() > 400, "{} sources only", sources.len());
    for set_up in [envoy(&sources), istio(&sources), envoy_gateway(&sources)] {
        assert_eq!(found(&set_up), Vec::<String>::new());
    }
}

#[test]
fn whoever_signs_a_part_is_named_where_it_is_changed() {
    let senders: Vec<_> = senders().into_iter().filter(|sender| !sender.signs.is_empty()).collect();
    assert!(senders.len() > 20, "{} senders only", senders.len());
    for Sender { name, source, signs } in senders {
        let sources = [source];
        let expected = |path: &[&'static str], host: &[&'static str], id: &[&'static str], header: &[&'static str]| {
            let parts = [("path", path), ("host", host), ("x-request-id", id), ("underscores", header)];
            let mut codes: Vec<_> =
                parts.iter().filter(|(part, _)| signs.contains(part)).flat_map(|(_, codes)| codes.to_vec()).collect();
            codes.sort_unstable();
            codes
        };
        let (id, header) = ("request-id-replaced", &["signed-header-lost"][..]);
        for (set_up, expected) in [
            // normalize_path, merge_slashes and escaped slashes; the port and the dot; its own id and that of tracing.
            (envoy(&sources), expected(&["path-normalized"; 3], &["signed-host-changed"; 2], &[id, id], header)),
            (istio(&sources), expected(&["path-tidied"], &[], &[id], &[])),
            (envoy_gateway(&sources), expected(&["path-normalized"], &[], &[id], header)),
        ] {
            let mut found = found(&set_up);
            found.sort_unstable();
            assert_eq!(found, expected, "{name}");
        }
    }
}
