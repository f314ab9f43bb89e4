//! Resources for a gateway or a sidecar of Istio.

use std::net::IpAddr;

use super::backend::Backend;
use super::envoy::lines;
use super::plan::{Hold, Plan};
use super::template::fill;
use super::{Address, Arguments, Output, Target, capabilities, clusters, kubernetes, pretty};
use crate::cli::runtime_changes::{REQUEST_ID, setting};
use crate::cli::terminal::Failure;

const GATEWAY_HEAD: &str = include_str!("templates/istio/gateway-head.yaml");
const SIDECAR_HEAD: &str = include_str!("templates/istio/sidecar-head.yaml");
const TRAFFIC_EXTENSION: &str = include_str!("templates/istio/traffic-extension.yaml");
const WASM_PLUGIN: &str = include_str!("templates/istio/wasm-plugin.yaml");
const ENVOY_FILTER: &str = include_str!("templates/istio/envoy-filter.yaml");
const BUFFER: &str = include_str!("templates/istio/buffer.yaml");
const METRICS: &str = include_str!("templates/istio/metrics.yaml");
const REQUEST_ID_FILTER: &str = include_str!("templates/istio/request-id.yaml");
const CLUSTERS: &str = include_str!("templates/istio/clusters.yaml");
const GATEWAY: &str = include_str!("templates/istio/gateway.yaml");
const GATEWAY_API: &str = include_str!("templates/istio/gateway-api.yaml");
const SIDECAR: &str = include_str!("templates/istio/sidecar.yaml");

/// Where an image volume with the module is mounted, and the module's name in the image of `make oci`.
const MOUNT: &str = "/etc/hookwarden";
const IN_IMAGE: &str = "plugin.wasm";

/// The label that Istio gives the pods of a Gateway of the Gateway API.
const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";

/// The resources as one file.
pub fn resources(arguments: &Arguments, plan: &Plan, hold: Hold) -> Result<Output, Failure> {
    let is_gateway = arguments.target == Target::IstioGateway;
    refuse_what_does_not_go_together(arguments, hold)?;
    let usual = if is_gateway { "receiver.default.svc.cluster.local:8080" } else { "receiver:8080" };
    let mut values = kubernetes::common(arguments, plan, usual)?;
    let port = port_of(&values);
    let selector = selector(arguments)?;
    let module = match hold {
        Hold::Chain => None,
        Hold::Filter => Some(Module::of(arguments)?),
    };
    let names =
        plan.variables.iter().map(|name| format!("    - {{ name: {}, valueFrom: HOST }}", pretty::scalar(name)));
    let clusters = clusters::all(arguments, plan)?;
    let backend = Backend::of(Address::parse(arguments.upstream.as_deref().unwrap_or(usual))?, arguments);
    if arguments.gateway_api && matches!(backend, Backend::Outside { .. }) {
        return Err(Failure::Message(
            "--upstream must be a Service with --gateway-api, such as receiver.hooks.svc.cluster.local:8080".to_owned(),
        ));
    }
    values.extend([
        ("MODULE", kubernetes::module(arguments, "oci://registry.example.com/hookwarden")),
        ("HOLD_COMMENT", hold_comment(arguments, hold, module.as_ref())),
        ("SIGNED_COMMENT", signed_comment(plan, is_gateway)),
        ("KEEP_REQUEST_ID", setting(REQUEST_ID.keep.envoy).to_owned()),
        ("CLUSTER_COMMENT", kubernetes::store_comment(plan, "outbound|7379||webdis.hooks.svc.cluster.local")),
        ("SELECTOR", selector.clone()),
        ("TARGET", target(arguments, &selector)),
        ("TRAFFIC", if is_gateway { String::new() } else { inbound(&port) }),
        ("LOG_MODE", if is_gateway { "" } else { "match: { mode: SERVER }\n      " }.to_owned()),
        ("CONTEXT", if is_gateway { "GATEWAY" } else { "SIDECAR_INBOUND" }.to_owned()),
        ("FOR_PORT", if is_gateway { "" } else { ", for this port only" }.to_owned()),
        ("DESTINATION_PORT", if is_gateway { String::new() } else { format!("destinationPort: {port}") }),
        ("PULL_SECRET", option(arguments.pull_secret.as_deref(), |name| format!("imagePullSecret: {name}"))),
        ("PLUGIN_ENVIRONMENT", kubernetes::block(plan, lines("vmConfig:\n  env:", names))),
        ("CAPABILITIES", capabilities::restriction(plan)),
        ("VM_CONFIGURATION", capabilities::vm_configuration(plan)),
        ("VM_ENVIRONMENT", kubernetes::block(plan, vm_environment(plan))),
        ("CONFIGURATION_JSON", pretty::json(&plan.configuration)),
        ("CODE", option(module.as_ref(), Module::code)),
        ("MOUNT", option(module.as_ref(), Module::mount)),
        ("VOLUME", option(module.as_ref(), Module::volume)),
        ("VOLUME_MOUNTS", list("volumeMounts:", &option(module.as_ref(), Module::mount))),
        ("VOLUMES", list("volumes:", &option(module.as_ref(), Module::volume))),
        ("POD_PULL_SECRETS", pod_pull_secrets(arguments, module.as_ref())),
        ("CLUSTER_PATCHES", clusters.iter().map(|cluster| patch(is_gateway, cluster)).collect()),
        ("HOSTS", kubernetes::hosts(plan).join(", ")),
        ("TLS_MODE", if plan.wants_client_certificate { "MUTUAL" } else { "SIMPLE" }.to_owned()),
        ("WITH_CA", if plan.wants_client_certificate { ", and ca.crt" } else { "" }.to_owned()),
        ("HOSTNAMES", kubernetes::hostnames(plan)),
        ("BACKEND", backend.reference(arguments)),
        (
            "TLS_OPTIONS",
            match plan.wants_client_certificate {
                true => "options: { gateway.istio.io/tls-terminate-mode: MUTUAL }".to_owned(),
                false => String::new(),
            },
        ),
    ]);
    let mut template = if is_gateway { GATEWAY_HEAD } else { SIDECAR_HEAD }.to_owned();
    match hold {
        Hold::Chain => {
            template.push_str(if arguments.wasm_plugin { WASM_PLUGIN } else { TRAFFIC_EXTENSION });
            template.push_str(BUFFER);
        }
        Hold::Filter => template.push_str(ENVOY_FILTER),
    }
    template.push_str(METRICS);
    if plan.signs_request_id {
        template.push_str(REQUEST_ID_FILTER);
    }
    if !clusters.is_empty() {
        template.push_str(CLUSTERS);
    }
    template.push_str(match (is_gateway, arguments.gateway_api) {
        (true, true) => GATEWAY_API,
        (true, false) => GATEWAY,
        (false, _) => SIDECAR,
    });
    let mut text = fill(&template, &values);
    if arguments.gateway_api {
        text.push_str(&backend.resource(arguments));
    }
    Ok(Output { name: "hookwarden.yaml".to_owned(), text })
}

fn refuse_what_does_not_go_together(arguments: &Arguments, hold: Hold) -> Result<(), Failure> {
    let refused = |text: &str| Err(Failure::Message(text.to_owned()));
    if arguments.wasm_plugin && hold == Hold::Filter {
        return refused(
            "--wasm-plugin: with --hold filter an EnvoyFilter puts the filter in, in every version of Istio",
        );
    }
    if arguments.gateway_api && !arguments.selector.is_empty() {
        return refused("--gateway-api: Istio labels the gateway's pods itself, after --name; leave --selector out");
    }
    match &arguments.upstream {
        Some(upstream) if arguments.target == Target::IstioSidecar && !is_workload(upstream, arguments)? => {
            refused(&format!(
                "--upstream {upstream}: a sidecar forwards to its own workload, of which only the port can be chosen; name the \
                 workload by --name, --namespace or --selector, and write --upstream 127.0.0.1:PORT"
            ))
        }
        _ => Ok(()),
    }
}

/// Whether an upstream is the workload that the manifest is for: its loopback address, or its own name, alone or in its
/// namespace.
fn is_workload(upstream: &str, arguments: &Arguments) -> Result<bool, Failure> {
    let Address { host, .. } = Address::parse(upstream)?;
    if host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()) {
        return Ok(true);
    }
    let mut parts = host.split('.');
    let (name, namespace) = (parts.next().unwrap_or_default(), parts.next());
    let mut labels = arguments.selector.iter().filter_map(|label| label.split_once('='));
    let is_named = name == arguments.name() || labels.any(|(_, value)| value == name);
    Ok(is_named && namespace.is_none_or(|namespace| namespace == arguments.namespace()))
}

fn option<T: Copy>(value: Option<T>, text: impl Fn(T) -> String) -> String {
    value.map(text).unwrap_or_default()
}

fn port_of(values: &[(&'static str, String)]) -> String {
    values.iter().find(|(name, _)| *name == "UPSTREAM_PORT").map(|(_, port)| port.clone()).unwrap_or_default()
}

fn inbound(port: &str) -> String {
    format!(
        "# Inbound only: what the workload itself calls is not a webhook.\nmatch:\n  - mode: SERVER\n    ports: [{{ number: \
         {port} }}]"
    )
}

/// What a resource is for: labels, or a Gateway.
fn target(arguments: &Arguments, selector: &str) -> String {
    match arguments.gateway_api {
        true => {
            format!(
                "targetRefs:\n  - {{ group: gateway.networking.k8s.io, kind: Gateway, name: {} }}",
                arguments.name()
            )
        }
        false => format!("selector:\n  matchLabels: {{ {selector} }}"),
    }
}

fn hold_comment(arguments: &Arguments, hold: Hold, module: Option<&Module>) -> String {
    let seen = match arguments.target {
        Target::IstioSidecar => "the application",
        _ => "the receiver",
    };
    let kind = if arguments.wasm_plugin { "WasmPlugin" } else { "TrafficExtension" };
    let since = if arguments.wasm_plugin { "" } else { " (Istio 1.30 or newer)" };
    match (hold, module) {
        (Hold::Filter, Some(module)) => format!(
            "# The EnvoyFilter sets allow_on_headers_stop_iteration, so hookwarden itself holds requests: {seen} gets the key id\n\
             # and the event id, too. {}",
            module.comment()
        ),
        _ => format!(
            "# A {kind}{since} cannot set allow_on_headers_stop_iteration, so the chain holds:\n# APPLY ALL OF IT, for \
             without the first EnvoyFilter {seen} sees the headers of requests that are refused later."
        ),
    }
}

/// What these resources cannot set, where a sender signs what it changes.
fn signed_comment(plan: &Plan, is_gateway: bool) -> String {
    let mut text = String::new();
    if plan.signs_path {
        text.push_str(
            "# A sender signs the path, and Istio normalises paths first: have it call a plain path. The mesh's setting is\n\
             # meshConfig.pathNormalization.normalization.\n",
        );
    }
    if plan.signs_request_id && !is_gateway {
        text.push_str(&format!(
            "# A sender signs x-request-id: the gateway in front must keep it, too ({}).\n",
            setting(REQUEST_ID.keep.envoy)
        ));
    }
    text
}

fn vm_environment(plan: &Plan) -> String {
    let names = plan.variables.iter().map(|name| format!("    - {}", pretty::scalar(name)));
    let head = "environment_variables:\n  # Only these reach the filter. One that is not set closes its own source (503).\n  host_env_keys:";
    lines(head, names)
}

/// A cluster as a patch that adds it.
fn patch(is_gateway: bool, cluster: &str) -> String {
    let context = if is_gateway { "GATEWAY" } else { "SIDECAR_OUTBOUND" };
    let (comments, body): (Vec<_>, Vec<_>) = cluster.lines().partition(|line| line.starts_with('#'));
    let mut text: String = comments.iter().map(|line| format!("{line}\n")).collect();
    text.push_str(&format!(
        "- applyTo: CLUSTER\n  match: {{ context: {context} }}\n  patch:\n    operation: ADD\n    value:\n"
    ));
    for line in body {
        let line = line.strip_prefix("- ").or(line.strip_prefix("  ")).unwrap_or(line);
        text.push_str(&format!("      {line}\n"));
    }
    text
}

fn pod_pull_secrets(arguments: &Arguments, module: Option<&Module>) -> String {
    match (&arguments.pull_secret, module) {
        (Some(name), Some(Module::Image(_))) => format!("imagePullSecrets: [{{ name: {name} }}]"),
        _ => String::new(),
    }
}

/// Where an EnvoyFilter takes the module from.
enum Module {
    /// An image that the pod mounts.
    Image(String),
    /// A file that is there already.
    File(String),
    /// A Service that answers with the module.
    Service { url: String, cluster: String, sha256: String },
}

impl Module {
    fn of(arguments: &Arguments) -> Result<Self, Failure> {
        let module = arguments.module.clone();
        let module = module.unwrap_or_else(|| format!("registry.example.com/hookwarden:{}", env!("CARGO_PKG_VERSION")));
        let refused = |why: &str| Failure::Message(format!("--module {module}: {why}"));
        if let Some(path) = module.strip_prefix("file://").or(module.starts_with('/').then_some(&*module)) {
            return Ok(Self::File(path.to_owned()));
        }
        if module.starts_with("https://") {
            return Err(refused("the proxy fetches it through a cluster without TLS: http://, or an image"));
        }
        if let Some(rest) = module.strip_prefix("http://") {
            let authority = rest.split('/').next().unwrap_or_default();
            let address = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
            let Address { host, port } = Address::parse(&address)?;
            if !host.contains(".svc.") {
                return Err(refused("must be a Service by its full name, such as modules.hooks.svc.cluster.local"));
            }
            let Some(sha256) = arguments.sha256.clone() else {
                return Err(refused("Envoy wants the sum of a module that it fetches: --sha256, from `sha256sum`"));
            };
            return Ok(Self::Service { cluster: format!("outbound|{port}||{host}"), url: module, sha256 });
        }
        let image = module.strip_prefix("oci://").unwrap_or(&module);
        Ok(Self::Image(match &arguments.sha256 {
            Some(digest) if !image.contains('@') => format!("{image}@sha256:{digest}"),
            _ => image.to_owned(),
        }))
    }

    fn comment(&self) -> &'static str {
        match self {
            Self::Image(_) => {
                "The module is mounted from its image, which needs Kubernetes 1.35 or\n# newer (from 1.31 with the feature gate ImageVolume)."
            }
            Self::File(_) => "The module must be in the container already.",
            Self::Service { .. } => {
                "Envoy fetches the module from a Service and compares its sum;\n# until it is there, nothing passes."
            }
        }
    }

    fn code(&self) -> String {
        match self {
            Self::Image(_) => format!("local:\n  filename: {MOUNT}/{IN_IMAGE}"),
            Self::File(path) => format!("local:\n  filename: {}", pretty::scalar(path)),
            Self::Service { url, cluster, sha256 } => format!(
                "remote:\n  http_uri:\n    uri: {}\n    cluster: {}\n    timeout: 10s\n  sha256: {}\n  # The Service may come up \
                 later than the proxy.\n  retry_policy:\n    num_retries: 60\n    retry_back_off: {{ base_interval: 1s, max_interval: 5s }}",
                pretty::scalar(url),
                pretty::scalar(cluster),
                pretty::scalar(sha256)
            ),
        }
    }

    /// As an element of `volumeMounts`, if there is something to mount.
    fn mount(&self) -> String {
        match self {
            Self::Image(_) => format!("- {{ name: hookwarden, mountPath: {MOUNT}, readOnly: true }}\n"),
            _ => String::new(),
        }
    }

    /// As an element of `volumes`, if there is something to mount.
    fn volume(&self) -> String {
        match self {
            Self::Image(image) => format!(
                "# The image of `make oci`, in your registry. Pin it by its digest: name@sha256:...\n- name: hookwarden\n  \
                 image: {{ reference: {}, pullPolicy: IfNotPresent }}\n",
                pretty::scalar(image)
            ),
            _ => String::new(),
        }
    }
}

/// A list below its name; nothing if it has no elements.
fn list(name: &str, elements: &str) -> String {
    match elements {
        "" => String::new(),
        elements => lines(name, elements.lines().map(|line| format!("  {line}"))),
    }
}

/// The labels of the workload, as members of a flow mapping.
fn selector(arguments: &Arguments) -> Result<String, Failure> {
    let usual = match arguments.target {
        Target::IstioGateway if arguments.gateway_api => format!("{GATEWAY_NAME}={}", arguments.name()),
        Target::IstioGateway => format!("istio={}", arguments.name()),
        _ => format!("app={}", arguments.name()),
    };
    let given = if arguments.selector.is_empty() { std::slice::from_ref(&usual) } else { &arguments.selector };
    let label = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok(format!("{}: {}", pretty::scalar(name), pretty::scalar(value))),
        _ => Err(Failure::Message(format!("--selector {text}: must be NAME=VALUE, such as app=receiver"))),
    };
    Ok(given.iter().map(label).collect::<Result<Vec<_>, _>>()?.join(", "))
}
