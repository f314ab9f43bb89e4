//! Finds our plugins in the resources of Envoy Gateway: `EnvoyExtensionPolicy` and what goes with it.

use super::codes;
use super::configuration::Configuration;
use super::envoy;
use super::findings::Findings;
use super::objects::{Object, variables};
use super::setup::{Chain, Filter, Flag, Host, Setup, Variables};
use crate::cli::document::cursor::Cursor;

/// Our plugins in these objects.
pub fn setups<'a>(objects: &[Object<'a>], findings: &mut Findings) -> Vec<Setup<'a>> {
    let mut setups = Vec::new();
    for policy in objects.iter().filter(|object| object.kind == "EnvoyExtensionPolicy") {
        let plugins = policy.spec.list("wasm");
        for (position, plugin) in plugins.iter().enumerate().filter(|(_, plugin)| is_ours(plugin)) {
            let mut chain = chain(policy, objects);
            let other = |at: &Cursor<'a>| Filter {
                kind: "wasm".to_owned(),
                at: at.clone(),
                config: None,
                is_ours: is_ours(at),
                off: None,
                discovery: None,
            };
            chain.before.extend(plugins.iter().take(position).map(other));
            chain.after.extend(plugins.iter().skip(position + 1).map(other));
            check_proxies(plugin, objects, findings);
            setups.push(setup(plugin, chain, objects, findings));
        }
    }
    setups
}

fn is_ours(plugin: &Cursor<'_>) -> bool {
    let texts = [plugin.text_at("name"), plugin.text_at("rootID"), url(plugin).and_then(|url| url.text())];
    texts.into_iter().flatten().any(envoy::names_us)
        || plugin
            .at(&["config", "sources"])
            .is_some_and(|sources| sources.elements().iter().any(|source| source.get("verify").is_some()))
}

fn url<'a>(plugin: &Cursor<'a>) -> Option<Cursor<'a>> {
    plugin.at(&["code", "image", "url"]).or_else(|| plugin.at(&["code", "http", "url"]))
}

fn setup<'a>(plugin: &Cursor<'a>, chain: Chain<'a>, objects: &[Object<'a>], findings: &mut Findings) -> Setup<'a> {
    let found = plugin.get("config");
    if found.is_none() {
        let message = "has no config, so the module does not start";
        findings.add(&codes::CONFIGURATION_MISSING, plugin, message, "put the configuration under config");
    }
    let keys = plugin.at(&["env", "hostKeys"]).map(|keys| keys.elements()).unwrap_or_default();
    let image = plugin.at(&["code", "image"]).or_else(|| plugin.at(&["code", "http"]));
    let pinned = image.is_some_and(|image| {
        image.get("sha256").is_some() || image.text_at("url").is_some_and(|url| url.contains("@sha256:"))
    });
    Setup {
        host: Host::EnvoyGateway,
        configuration: found.map(|found| Configuration::of_value(found.document, found.value)),
        flag: if patches(objects).iter().any(sets_flag) { Flag::Set } else { Flag::Impossible },
        chain,
        variables: Variables {
            are_known: true,
            passed: keys.into_iter().filter_map(|key| Some((key.text()?, key, None))).collect(),
            named_in: "env.hostKeys of the plugin",
        },
        fails_open: plugin.get("failOpen").filter(|open| open.value.is_true()),
        unpinned: url(plugin).filter(|_| !pinned),
        manager: None,
        filter: None,
        workloads: None,
        plugin: plugin.clone(),
    }
}

/// What is around the plugins of a policy. Envoy Gateway orders filters itself: lua and external processing come
/// before wasm, and so does the buffer filter unless an `EnvoyProxy` orders it otherwise.
fn chain<'a>(policy: &Object<'a>, objects: &[Object<'a>]) -> Chain<'a> {
    let mut chain = Chain { is_known: true, ..Chain::default() };
    let filter = |kind: &str, at: Cursor<'a>| Filter {
        kind: kind.to_owned(),
        config: Some(at.clone()),
        at,
        is_ours: false,
        off: None,
        discovery: None,
    };
    for (member, kind) in [("lua", "lua"), ("extProc", "ext_proc")] {
        chain.before.extend(policy.spec.list(member).into_iter().map(|at| filter(kind, at)));
    }
    let behind = objects.iter().filter(|object| object.kind == "EnvoyProxy").any(buffers_behind_wasm);
    for traffic in objects.iter().filter(|object| object.kind == "BackendTrafficPolicy") {
        let Some(buffer) = traffic.spec.get("requestBuffer") else { continue };
        let only_limits = buffer.text_at("mode") == Some("LimitOnly");
        if traffic.namespace != policy.namespace || only_limits {
            continue;
        }
        let side = if behind { &mut chain.after } else { &mut chain.before };
        side.push(filter("buffer", buffer));
    }
    for patch in patches(objects) {
        let Some(value) = patch.at(&["operation", "value"]) else { continue };
        let found = envoy::filter(&value);
        let target = patch.at(&["operation", "path"]).and_then(|path| path.text()).unwrap_or_default();
        if found.config.is_some() && !found.kind.is_empty() {
            let side = if target.ends_with("/http_filters/0") { &mut chain.before } else { &mut chain.after };
            side.push(found);
        }
    }
    chain
}

fn buffers_behind_wasm(proxy: &Object<'_>) -> bool {
    proxy.spec.list("filterOrder").iter().any(|position| {
        let says = |name, what| position.text_at(name) == Some(what);
        let (buffer, wasm) = ("envoy.filters.http.buffer", "envoy.filters.http.wasm");
        (says("name", buffer) && says("after", wasm)) || (says("name", wasm) && says("before", buffer))
    })
}

fn patches<'a>(objects: &[Object<'a>]) -> Vec<Cursor<'a>> {
    let policies = objects.iter().filter(|object| object.kind == "EnvoyPatchPolicy");
    policies.flat_map(|policy| policy.spec.list("jsonPatches")).collect()
}

/// Whether a patch sets the flag that lets the filter hold.
fn sets_flag(patch: &Cursor<'_>) -> bool {
    const FLAG: &str = "allow_on_headers_stop_iteration";
    let Some(operation) = patch.get("operation") else { return false };
    let named =
        ["path", "jsonPath"].iter().any(|name| operation.text_at(name).is_some_and(|path| path.ends_with(FLAG)));
    let value = operation.get("value");
    value.is_some_and(|value| (named && value.value.is_true()) || value.is_true_at(FLAG))
}

/// Whether the proxies among the objects set the variables.
fn check_proxies(plugin: &Cursor<'_>, objects: &[Object<'_>], findings: &mut Findings) {
    let keys = plugin.at(&["env", "hostKeys"]).map(|keys| keys.elements()).unwrap_or_default();
    for proxy in objects.iter().filter(|object| object.kind == "EnvoyProxy") {
        let Some(kubernetes) = proxy.spec.at(&["provider", "kubernetes"]) else { continue };
        let workload = kubernetes.get("envoyDeployment").or_else(|| kubernetes.get("envoyDaemonSet"));
        let Some(workload) = workload else { continue };
        let container = workload.get("container").unwrap_or_else(|| workload.clone());
        let set = variables(&container);
        for name in keys.iter().filter_map(|key| key.text()).filter(|name| !set.contains(name)) {
            let message = format!("the proxy's container does not set {name}, which the plugin takes from it");
            let right = "add it to container.env, with valueFrom.secretKeyRef; without it the source answers 503";
            findings.add(&codes::VARIABLE_UNSET, &container, message, right);
        }
    }
}
