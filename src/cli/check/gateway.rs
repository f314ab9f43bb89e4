//! Finds our plugins in the resources of Envoy Gateway: `EnvoyExtensionPolicy` and what goes with it.

use super::codes;
use super::configuration::Configuration;
use super::envoy;
use super::findings::Findings;
use super::gateway_proxy;
use super::gateway_target::{chooses_unseen, gateways, targets};
use super::objects::{Object, variables};
use super::setup::{Astray, Chain, Filter, Flag, Host, Setup, Variables};
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
            check_proxies(plugin, policy, objects, findings);
            let is_flagged = patches(policy, objects).of_plugin.iter().any(sets_flag);
            setups.push(setup(plugin, chain, if is_flagged { Flag::Set } else { Flag::Impossible }, findings));
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

fn setup<'a>(plugin: &Cursor<'a>, chain: Chain<'a>, flag: Flag, findings: &mut Findings) -> Setup<'a> {
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
        flag,
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
    let of_plugin = targets(policy, objects);
    let around = gateways(&of_plugin, objects);
    let buffers: Vec<_> = objects.iter().filter(|object| buffers_in(object, policy.namespace)).collect();
    let held: Vec<_> = buffers.iter().flat_map(|traffic| targets(traffic, objects)).collect();
    let open = buffers.iter().any(|traffic| chooses_unseen(traffic, objects));
    let unheld = of_plugin.iter().find(|target| !open && !target.is_within(&held, objects));
    if let (Some(target), Some(traffic)) = (unheld, buffers.first()) {
        let (kind, name) = (target.kind, target.name);
        chain.astray.push(elsewhere(&traffic.spec, kind, name));
    } else if !buffers.is_empty() {
        let behind = gateway_proxy::buffer_behind_wasm(&around, objects);
        let side = if behind { &mut chain.after } else { &mut chain.before };
        side.extend(buffers.iter().filter_map(|traffic| Some(filter("buffer", traffic.spec.get("requestBuffer")?))));
        chain.astray.extend(gateway_proxy::astray(&around, objects));
    }
    let Patches { of_plugin: near, of_others } = patches(policy, objects);
    for patch in near {
        let Some(value) = patch.at(&["operation", "value"]) else { continue };
        let found = envoy::filter(&value);
        let target = patch.at(&["operation", "path"]).and_then(|path| path.text()).unwrap_or_default();
        if found.config.is_some() && !found.kind.is_empty() {
            let side = if target.ends_with("/http_filters/0") { &mut chain.before } else { &mut chain.after };
            side.push(found);
        }
    }
    let is_buffer = |patch: &Cursor<'_>| {
        patch.at(&["operation", "value"]).is_some_and(|value| envoy::filter(&value).kind == "buffer")
    };
    let of_others = of_others.iter().filter(|(_, patches)| buffers.is_empty() && patches.iter().any(is_buffer));
    if let (Some((spec, _)), Some(gateway)) = (of_others.into_iter().next(), around.first()) {
        chain.astray.push(elsewhere(spec, "Gateway", gateway.name));
    }
    chain
}

/// Whether a policy holds requests in a namespace.
fn buffers_in(traffic: &Object<'_>, namespace: &str) -> bool {
    let buffer = traffic.spec.get("requestBuffer").filter(|_| traffic.kind == "BackendTrafficPolicy");
    traffic.namespace == namespace && buffer.is_some_and(|buffer| buffer.text_at("mode") != Some("LimitOnly"))
}

/// A buffer filter that is not where the plugin is.
fn elsewhere<'a>(spec: &Cursor<'a>, kind: &str, name: &str) -> Astray<'a> {
    let members = ["targetRefs", "targetRef", "targetSelectors"];
    Astray {
        code: &codes::SELECTOR_DIFFERS,
        at: members.iter().find_map(|member| spec.get(member)).unwrap_or_else(|| spec.clone()),
        message: format!(
            "the buffer filter is not for {kind} {name:?}, which the plugin is for: there the upstream sees the headers \
             of requests that are refused later"
        ),
        right: format!("name it here: {{ group: gateway.networking.k8s.io, kind: {kind}, name: {name} }}"),
    }
}

/// Patches of what Envoy Gateway makes of Gateways.
#[derive(Default)]
struct Patches<'a> {
    of_plugin: Vec<Cursor<'a>>,
    /// Those of other Gateways, and the policies that have them.
    of_others: Vec<(Cursor<'a>, Vec<Cursor<'a>>)>,
}

/// Those of a plugin's Gateways, and the others. Where the files do not have its Gateways, all are taken for theirs.
fn patches<'a>(plugin: &Object<'a>, objects: &[Object<'a>]) -> Patches<'a> {
    let around = gateways(&targets(plugin, objects), objects);
    let mut patches = Patches::default();
    for policy in objects.iter().filter(|object| object.kind == "EnvoyPatchPolicy") {
        let list = policy.spec.list("jsonPatches");
        let of = targets(policy, objects);
        // A class is that of all Gateways which Envoy Gateway merges.
        let is_of = |gateway: &Object<'_>| {
            of.iter().any(|target| target.is(gateway) || target.kind == "GatewayClass") || of.is_empty()
        };
        if around.iter().all(|gateway| is_of(gateway)) {
            patches.of_plugin.extend(list);
        } else {
            patches.of_others.push((policy.spec.clone(), list));
        }
    }
    patches
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

/// Whether the proxies of the plugin's Gateways set the variables.
fn check_proxies(plugin: &Cursor<'_>, policy: &Object<'_>, objects: &[Object<'_>], findings: &mut Findings) {
    let keys = plugin.at(&["env", "hostKeys"]).map(|keys| keys.elements()).unwrap_or_default();
    for proxy in gateway_proxy::proxies(&gateways(&targets(policy, objects), objects), objects) {
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
