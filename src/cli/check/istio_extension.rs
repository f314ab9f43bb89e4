//! `TrafficExtension`, and `WasmPlugin` before it: one kind of resource in two shapes.

use super::envoy;
use super::objects::{Object, labels};
use super::setup::Variables;
use crate::cli::document::cursor::Cursor;

/// The label that Istio gives the pods of a Gateway of the Gateway API.
pub const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";

/// An extension of Istio's proxies.
pub struct Extension<'a> {
    pub namespace: &'a str,
    /// Where it works, and in which order.
    pub spec: Cursor<'a>,
    /// What it runs: `spec.wasm`, or the whole `spec` of a `WasmPlugin`.
    pub wasm: Cursor<'a>,
    /// The labels of its workloads; a Gateway is a label, too.
    pub selector: Vec<(&'a str, &'a str)>,
    /// The filter that it becomes: `wasm` or `lua`.
    pub kind: &'static str,
    pub is_ours: bool,
}

/// The extensions among objects.
pub fn extensions<'a>(objects: &[Object<'a>]) -> Vec<Extension<'a>> {
    objects.iter().filter_map(extension).collect()
}

fn extension<'a>(object: &Object<'a>) -> Option<Extension<'a>> {
    let spec = object.spec.clone();
    let (wasm, kind) = match object.kind {
        "WasmPlugin" => (spec.clone(), "wasm"),
        "TrafficExtension" => match (spec.get("wasm"), spec.get("lua")) {
            (None, Some(lua)) => (lua, "lua"),
            (wasm, _) => (wasm.unwrap_or_else(|| spec.clone()), "wasm"),
        },
        _ => return None,
    };
    let texts = [Some(object.name), wasm.text_at("url"), wasm.text_at("pluginName")];
    let has_sources = |sources: Cursor<'a>| sources.elements().iter().any(|source| source.get("verify").is_some());
    let is_ours = kind == "wasm"
        && (texts.into_iter().flatten().any(envoy::names_us)
            || wasm.at(&["pluginConfig", "sources"]).is_some_and(has_sources));
    let mut selector = labels(spec.at(&["selector", "matchLabels"]));
    selector.extend(targeted(&spec));
    Some(Extension { namespace: object.namespace, spec, wasm, selector, kind, is_ours })
}

/// The Gateways that a resource is for, as the labels of their pods.
pub fn targeted<'a>(spec: &Cursor<'a>) -> Vec<(&'a str, &'a str)> {
    let targets = spec.list("targetRefs").into_iter().chain(spec.get("targetRef"));
    let gateways = targets.filter(|target| target.text_at("kind") == Some("Gateway"));
    gateways.filter_map(|target| Some((GATEWAY_NAME, target.text_at("name")?))).collect()
}

impl<'a> Extension<'a> {
    /// The variables that reach it.
    pub fn variables(&self) -> Variables<'a> {
        let listed = self.wasm.at(&["vmConfig", "env"]).map(|env| env.elements()).unwrap_or_default();
        let variable = |variable: &Cursor<'a>| {
            let inline = variable.text_at("valueFrom") != Some("HOST");
            let value = variable.value.get("value").and_then(|value| value.plain()).unwrap_or_default();
            Some((variable.text_at("name")?, variable.clone(), inline.then_some(value)))
        };
        Variables {
            are_known: true,
            passed: listed.iter().filter_map(variable).collect(),
            named_in: "vmConfig.env, with valueFrom: HOST",
        }
    }
}
