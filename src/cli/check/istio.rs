//! Finds our plugins in Istio's resources: `TrafficExtension`, `WasmPlugin`, and filters that an `EnvoyFilter` inserts.

use super::codes;
use super::configuration::Configuration;
use super::envoy;
use super::findings::Findings;
use super::istio_extension::{Extension, GATEWAY_NAME, extensions, targeted};
use super::objects::{OVERLAY, Object, covers, labels, variables};
use super::setup::{Chain, Filter, Flag, Host, Setup, Variables, Workloads};
use crate::cli::document::cursor::Cursor;
use crate::cli::document::value::Value;

/// A filter that an `EnvoyFilter` puts into chains.
struct Patch<'a> {
    filter: Filter<'a>,
    namespace: &'a str,
    labels: Vec<(&'a str, &'a str)>,
    context: &'a str,
    /// Whether it comes in front of everything.
    first: bool,
    /// Whether it comes directly before the router, behind every plugin.
    last: bool,
    /// Why nothing comes before the router by it, if so.
    idle: Option<&'static str>,
    /// The patch itself.
    at: Cursor<'a>,
}

/// Where a plugin works.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Gateway,
    Sidecar,
    Unknown,
}

/// Our plugins in these objects.
pub fn setups<'a>(objects: &[Object<'a>], findings: &mut Findings) -> Vec<Setup<'a>> {
    let mut patches: Vec<_> = objects.iter().filter(|object| object.kind == "EnvoyFilter").flat_map(patches).collect();
    resolve_discovery(&mut patches, objects);
    let extensions = extensions(objects);
    let mut setups = Vec::new();
    for plugin in extensions.iter().filter(|extension| extension.is_ours) {
        let others: Vec<_> = extensions.iter().filter(|other| !std::ptr::eq(*other, plugin)).collect();
        check_plugin(plugin, objects, findings);
        let from_host = plugin.variables();
        check_deployments(plugin.namespace, &plugin.selector, &from_host, objects, findings);
        setups.push(of_plugin(plugin, objects, &patches, &others, findings));
    }
    for (position, patch) in patches.iter().enumerate().filter(|(_, patch)| patch.filter.is_ours) {
        let near = |other: &&Patch<'a>| other.context == patch.context && covers(&other.labels, &patch.labels);
        let (before, after): (Vec<_>, Vec<_>) = patches
            .iter()
            .enumerate()
            .filter(|(other, patch)| *other != position && patch.idle.is_none() && near(patch))
            .partition(|(other, patch)| patch.first || (*other < position && !patch.last));
        let filters =
            |list: Vec<(usize, &Patch<'a>)>| list.into_iter().map(|(_, patch)| patch.filter.clone()).collect();
        let chain = Chain { before: filters(before), after: filters(after), is_known: true, ..Chain::default() };
        let workloads = Some(Workloads {
            namespace: patch.namespace,
            labels: patch.labels.clone(),
            are_behind_sidecars: patch.context == "SIDECAR_INBOUND",
            are_gateways: patch.context == "GATEWAY",
        });
        let setup = Setup { host: Host::Istio, workloads, ..envoy::setup(&patch.filter, chain, None, findings) };
        check_deployments(patch.namespace, &patch.labels, &setup.variables, objects, findings);
        setups.push(setup);
    }
    if !setups.is_empty() {
        check_bootstraps(objects, findings);
    }
    setups
}

/// Patches of the bootstrap, which no proxy asks for any more.
fn check_bootstraps(objects: &[Object<'_>], findings: &mut Findings) {
    let filters = objects.iter().filter(|object| object.kind == "EnvoyFilter");
    let patches = filters.flat_map(|object| object.spec.list("configPatches"));
    for patch in patches.filter(|patch| patch.text_at("applyTo") == Some("BOOTSTRAP")) {
        let message = "patches the bootstrap, which has done nothing since Istio 1.21: metrics have no labels, and limits are not \
                       set";
        let right = "put it into a ConfigMap that the pods' annotation sidecar.istio.io/bootstrapOverride names: \
                     `hookwarden manifest` writes both";
        findings.add(&codes::BOOTSTRAP_PATCH, &patch, message, right);
    }
}

/// Puts the configurations that EnvoyFilters add by name (ECDS) into the filters that ask for them.
fn resolve_discovery<'a>(patches: &mut [Patch<'a>], objects: &[Object<'a>]) {
    let of_kind = objects.iter().filter(|object| object.kind == "EnvoyFilter");
    let added: Vec<_> = of_kind
        .flat_map(|object| object.spec.list("configPatches"))
        .filter(|at| at.text_at("applyTo") == Some("EXTENSION_CONFIG"))
        .filter_map(|at| at.at(&["patch", "value"]))
        .collect();
    for Patch { filter, .. } in patches.iter_mut().filter(|patch| patch.filter.discovery.is_some()) {
        let name = filter.at.text_at("name");
        let Some(found) = added.iter().find(|value| value.text_at("name") == name) else { continue };
        let found = envoy::filter(found);
        filter.kind = found.kind;
        filter.config = found.config;
        filter.is_ours = found.is_ours;
    }
}

fn patches<'a>(object: &Object<'a>) -> Vec<Patch<'a>> {
    let mut selector = labels(object.spec.at(&["workloadSelector", "labels"]));
    selector.extend(targeted(&object.spec));
    let mut found = Vec::new();
    for at in object.spec.list("configPatches") {
        let of_http = matches!(at.text_at("applyTo"), Some("HTTP_FILTER"));
        let Some(value) = at.at(&["patch", "value"]).filter(|_| of_http) else { continue };
        let operation = at.value.at(&["patch", "operation"]).and_then(Value::text).unwrap_or_default();
        let chain = at.at(&["match", "listener", "filterChain", "filter", "subFilter", "name"]);
        let beside = chain.and_then(|name| name.text()).unwrap_or_default();
        found.push(Patch {
            filter: envoy::filter(&value),
            namespace: object.namespace,
            labels: selector.clone(),
            context: at.value.at(&["match", "context"]).and_then(Value::text).unwrap_or("ANY"),
            first: operation == "INSERT_FIRST" || (operation == "INSERT_BEFORE" && beside.is_empty()),
            last: operation == "INSERT_BEFORE" && beside.ends_with(".router"),
            idle: idle(operation, beside),
            at,
        });
    }
    found
}

/// Why a patch puts nothing before the router: Istio takes a filter without one beside it to the end of the chain.
fn idle(operation: &str, beside: &str) -> Option<&'static str> {
    let at_the_end = beside.is_empty() || beside.ends_with(".router");
    match operation {
        "INSERT_FIRST" | "INSERT_BEFORE" => None,
        "INSERT_AFTER" | "REPLACE" if !at_the_end => None,
        "INSERT_AFTER" | "ADD" => Some("puts the buffer filter after the router, which no request reaches"),
        "REPLACE" => Some("puts the buffer filter in the router's place"),
        "MERGE" | "REMOVE" => Some("inserts no buffer filter: the operation changes or removes one that is there"),
        _ => Some("inserts no buffer filter: Istio knows no such operation"),
    }
}

fn of_plugin<'a>(
    plugin: &Extension<'a>,
    objects: &[Object<'a>],
    patches: &[Patch<'a>],
    others: &[&Extension<'a>],
    findings: &mut Findings,
) -> Setup<'a> {
    let (spec, selector) = (&plugin.spec, plugin.selector.clone());
    let place = place(plugin, &selector, objects);
    let mut chain = Chain { is_known: true, ..Chain::default() };
    let (mut elsewhere, mut idle) = (Vec::new(), Vec::new());
    for patch in patches {
        let namespaces = patch.namespace == plugin.namespace || patch.namespace == "istio-system";
        if !(namespaces && covers(&patch.labels, &selector) && fits(patch.context, place)) {
            elsewhere.push(patch);
        } else if patch.idle.is_some() {
            idle.push(patch);
        } else if patch.first {
            chain.before.push(patch.filter.clone());
        } else {
            chain.after.push(patch.filter.clone());
        }
    }
    let has_buffer = chain.after("buffer").next().is_some() || chain.before("buffer").next().is_some();
    let is_buffer = |patch: &&&Patch<'_>| patch.filter.kind == "buffer" && !has_buffer;
    if let Some((patch, why)) = idle.iter().find(is_buffer).and_then(|patch| Some((patch, patch.idle?))) {
        let message = format!("nothing holds requests until they are verified: this {why}");
        let right = "insert it before the router: INSERT_BEFORE, with subFilter envoy.filters.http.router";
        findings.add(&codes::HOLD_MISSING, &patch.at, message, right);
        // That nothing holds is said, and would be said twice.
        chain.after.push(patch.filter.clone());
    } else if let Some(patch) = elsewhere.iter().find(is_buffer) {
        let what = if fits(patch.context, place) { "labels or namespace" } else { "context" };
        let message = format!("inserts the buffer filter for other workloads than the plugin's: {what} differ");
        let right = "give the EnvoyFilter the plugin's namespace and labels, and context GATEWAY for a gateway or \
                     SIDECAR_INBOUND for a sidecar";
        findings.add(&codes::SELECTOR_DIFFERS, &patch.at, message, right);
        // What it holds is said; that it also holds nothing here would be said twice.
        chain.after.push(patch.filter.clone());
    }
    let of_these = |patch: &&Patch<'_>| patch.namespace == plugin.namespace && patch.labels == selector;
    let of = |context: &str| patches.iter().filter(of_these).find(|patch| patch.context == context);
    if let (Place::Unknown, false, Some(_), Some(patch)) =
        (place, selector.is_empty(), of("GATEWAY"), of("SIDECAR_INBOUND"))
    {
        let message = "is for sidecars, and another patch for the same workloads is for gateways: one of them does \
                       nothing";
        findings.add(&codes::SELECTOR_DIFFERS, &patch.at, message, "set GATEWAY or SIDECAR_INBOUND in both");
    }
    let rank = |spec: &Cursor<'_>| {
        let phase = match spec.text_at("phase") {
            Some("AUTHN") => 0,
            Some("AUTHZ") => 1,
            Some("STATS") => 2,
            _ => 3,
        };
        let priority = spec.value.get("priority").and_then(Value::plain).and_then(|text| text.parse::<i64>().ok());
        (phase, std::cmp::Reverse(priority.unwrap_or_default()))
    };
    for other in others {
        if other.namespace == plugin.namespace && covers(&other.selector, &selector) {
            let filter = Filter {
                kind: other.kind.to_owned(),
                at: other.spec.clone(),
                config: None,
                is_ours: other.is_ours,
                off: None,
                discovery: None,
            };
            let side = if rank(&other.spec) < rank(spec) { &mut chain.before } else { &mut chain.after };
            side.push(filter);
        }
    }
    let wasm = &plugin.wasm;
    Setup {
        host: Host::Istio,
        configuration: configuration(wasm, findings),
        flag: Flag::Impossible,
        chain,
        variables: plugin.variables(),
        fails_open: wasm.get("failStrategy").filter(|strategy| strategy.text() == Some("FAIL_OPEN")),
        unpinned: wasm.get("url").filter(|url| !is_pinned(wasm, url.text().unwrap_or_default())),
        manager: None,
        plugin: spec.clone(),
        filter: None,
        workloads: Some(Workloads {
            namespace: plugin.namespace,
            labels: selector,
            are_behind_sidecars: spec.list("match").iter().any(|traffic| traffic.text_at("mode") == Some("SERVER")),
            are_gateways: place == Place::Gateway,
        }),
    }
}

fn configuration(wasm: &Cursor<'_>, findings: &mut Findings) -> Option<Configuration> {
    let found = wasm.get("pluginConfig");
    if found.is_none() {
        let right = "put the configuration under pluginConfig";
        findings.add(&codes::CONFIGURATION_MISSING, wasm, "has no pluginConfig, so the module does not start", right);
    }
    found.map(|found| Configuration::of_value(found.document, found.value))
}

fn is_pinned(wasm: &Cursor<'_>, url: &str) -> bool {
    wasm.get("sha256").is_some() || url.contains("@sha256:") || url.starts_with("file://")
}

/// What an `istio: …gateway` label, a target, a mode, or the workloads and gateways of the same files say about where a
/// plugin works.
fn place(plugin: &Extension<'_>, selector: &[(&str, &str)], objects: &[Object<'_>]) -> Place {
    let spec = &plugin.spec;
    let targets_gateway = spec.list("targetRefs").iter().any(|target| target.text_at("kind") == Some("Gateway"));
    let labelled = selector.iter().any(|(name, value)| {
        *name == "istio" && (value.contains("gateway") || value.contains("ingress")) || *name == GATEWAY_NAME
    });
    let chosen = |object: &Object<'_>| {
        let pod = |map| labels(object.spec.at(&["template", "metadata", map]));
        let of_gateway = labels(object.spec.get("selector"));
        let injected = [pod("labels"), pod("annotations")].concat().contains(&("inject.istio.io/templates", "gateway"));
        injected && object.namespace == plugin.namespace && covers(selector, &pod("labels"))
            || object.kind == "Gateway" && !of_gateway.is_empty() && covers(&of_gateway, selector)
    };
    if targets_gateway || labelled || (!selector.is_empty() && objects.iter().any(chosen)) {
        Place::Gateway
    } else if spec.list("match").iter().any(|traffic| traffic.text_at("mode") == Some("SERVER")) {
        Place::Sidecar
    } else {
        Place::Unknown
    }
}

fn fits(context: &str, place: Place) -> bool {
    match place {
        Place::Gateway => matches!(context, "GATEWAY" | "ANY"),
        Place::Sidecar => matches!(context, "SIDECAR_INBOUND" | "ANY"),
        Place::Unknown => context != "SIDECAR_OUTBOUND",
    }
}

/// What of an extension is wrong in itself.
fn check_plugin(plugin: &Extension<'_>, objects: &[Object<'_>], findings: &mut Findings) {
    let (spec, wasm, selector) = (&plugin.spec, &plugin.wasm, &plugin.selector);
    if selector.is_empty() && spec.get("targetRefs").is_none() && spec.get("targetRef").is_none() {
        let message = "has no selector, so it applies to every workload of its namespace";
        findings.add(&codes::SELECTOR_MISSING, spec, message, "add selector.matchLabels, or targetRefs");
    }
    if let Some(strategy) = wasm.get("failStrategy") {
        let right = "set FAIL_RELOAD; known are FAIL_CLOSE, FAIL_OPEN and FAIL_RELOAD";
        envoy::check_word(&strategy, &["FAIL_CLOSE", "FAIL_OPEN", "FAIL_RELOAD"], right, findings);
    }
    let modes: Vec<_> = spec.list("match").into_iter().filter_map(|traffic| traffic.get("mode")).collect();
    match place(plugin, selector, objects) {
        Place::Gateway => {
            if let Some(mode) = modes.iter().find(|mode| mode.text() == Some("SERVER")) {
                let message = "mode SERVER leaves a gateway's traffic out: nothing is checked";
                findings.add(&codes::TRAFFIC_MODE, mode, message, "leave match out for a gateway");
            }
        }
        Place::Sidecar | Place::Unknown => {
            if let Some(mode) = modes.iter().find(|mode| mode.text() == Some("CLIENT")) {
                let message = "mode CLIENT takes what the workload itself calls: what comes in is not checked";
                findings.add(&codes::TRAFFIC_MODE, mode, message, "set mode: SERVER for a sidecar");
            }
        }
    }
    if let Some(kind) = wasm.get("type").filter(|kind| kind.text() == Some("NETWORK")) {
        let message = "is loaded as a network filter, but is an HTTP filter";
        findings.add(&codes::FILTER_OFF, &kind, message, "leave type out, or say HTTP");
    }
    if spec.text_at("phase") != Some("AUTHN") {
        let at = spec.get("phase").unwrap_or_else(|| spec.clone());
        let message = "other filters, among them Istio's authentication, see requests before they are verified";
        findings.add(&codes::PHASE, &at, message, "set phase: AUTHN, unless that is meant");
    }
}

/// Whether the containers of the proxy, where they are among the objects, set the variables.
fn check_deployments(
    namespace: &str,
    selector: &[(&str, &str)],
    named: &Variables<'_>,
    objects: &[Object<'_>],
    findings: &mut Findings,
) {
    let from_host: Vec<_> =
        named.passed.iter().filter(|(_, _, value)| value.is_none()).map(|(name, _, _)| *name).collect();
    let is_of_gateway = selector.iter().any(|(name, _)| *name == GATEWAY_NAME);
    for workload in objects.iter().filter(|object| object.is_workload()) {
        let pod = labels(workload.spec.at(&["template", "metadata", "labels"]));
        // What a Gateway's ConfigMap adds to the Deployment that Istio makes of it.
        let chosen = match workload.kind == OVERLAY {
            true => is_of_gateway,
            false => workload.namespace == namespace && covers(selector, &pod),
        };
        if selector.is_empty() || !chosen {
            continue;
        }
        let Some(pod_spec) = workload.spec.at(&["template", "spec"]) else { continue };
        let containers = pod_spec.list("containers").into_iter().chain(pod_spec.list("initContainers"));
        for container in containers.filter(|container| container.text_at("name") == Some("istio-proxy")) {
            let whole = container.get("envFrom").is_some();
            let set = variables(&container);
            for name in from_host.iter().filter(|name| !whole && !set.contains(*name)) {
                let message = format!("the container does not set {name}, which the plugin takes from it");
                let right = "add it to env, with valueFrom.secretKeyRef; without it the source answers 503";
                findings.add(&codes::VARIABLE_UNSET, &container, message, right);
            }
        }
    }
}
