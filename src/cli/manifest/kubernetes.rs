//! Resources for Istio and Envoy Gateway.

use super::envoy::{STATS, lines};
use super::plan::Plan;
use super::template::fill;
use super::{Address, Arguments, Output, Target, pretty};
use crate::cli::terminal::Failure;

const GATEWAY_OF_ISTIO: &str = include_str!("templates/istio-gateway.yaml");
const SIDECAR: &str = include_str!("templates/istio-sidecar.yaml");
const ENVOY_GATEWAY: &str = include_str!("templates/envoy-gateway.yaml");

/// Where Envoy Gateway runs its proxies.
const PROXY_NAMESPACE: &str = "envoy-gateway-system";

/// Resources for a gateway or a sidecar of Istio.
pub fn istio(arguments: &Arguments, plan: &Plan) -> Result<Output, Failure> {
    let is_gateway = arguments.target == Target::IstioGateway;
    let usual = if is_gateway { "receiver.default.svc.cluster.local:8080" } else { "receiver:8080" };
    let names = plan.variables.iter().map(|name| format!("    - {{ name: {name}, valueFrom: HOST }}"));
    let mut values = common(arguments, plan, usual)?;
    values.extend([
        ("MODULE", module(arguments, "oci://registry.example.com/hookwarden")),
        (
            "STORE_COMMENT",
            stores(
                plan,
                "Istio names it outbound|7379||webdis.hooks.svc.cluster.local, for a Service webdis in hooks.",
            ),
        ),
        ("SELECTOR", selector(arguments)?),
        ("PLUGIN_ENVIRONMENT", block(plan, lines("vmConfig:\n  env:", names))),
        ("HOSTS", hosts(plan).join(", ")),
        ("TLS_MODE", if plan.wants_client_certificate { "MUTUAL" } else { "SIMPLE" }.to_owned()),
        ("WITH_CA", if plan.wants_client_certificate { ", and ca.crt" } else { "" }.to_owned()),
    ]);
    let template = if is_gateway { GATEWAY_OF_ISTIO } else { SIDECAR };
    Ok(Output { name: "hookwarden.yaml".to_owned(), text: fill(template, &values) })
}

/// Resources for Envoy Gateway.
pub fn gateway(arguments: &Arguments, plan: &Plan) -> Result<Output, Failure> {
    let names = plan.variables.iter().map(|name| format!("    - {name}"));
    let hostnames = match plan.hosts.is_empty() {
        true => String::new(),
        false => format!("hostnames: [{}]", hosts(plan).join(", ")),
    };
    let hops = arguments.trusted_hops;
    let address = match hops {
        0 => String::new(),
        _ => format!("clientIPDetection:\n  xForwardedFor: {{ numTrustedHops: {hops} }}"),
    };
    let certificate = match plan.wants_client_certificate {
        true => format!(
            "# A source wants a client certificate, which is verified by ca.crt of this ConfigMap.\ntls:\n  \
             clientValidation:\n    caCertificateRefs: [{{ kind: ConfigMap, group: \"\", name: {}-ca }}]",
            arguments.name
        ),
        false => String::new(),
    };
    let mut values = common(arguments, plan, "receiver:8080")?;
    values.extend([
        (
            "STORE_COMMENT",
            stores(
                plan,
                "an EnvoyPatchPolicy adds one, or a route to the store, whose cluster then has the route's name.",
            ),
        ),
        ("PROXY_NAMESPACE", PROXY_NAMESPACE.to_owned()),
        ("MODULE", module(arguments, "registry.example.com/hookwarden")),
        ("PLUGIN_ENVIRONMENT", block(plan, lines("env:\n  hostKeys:", names))),
        ("HOSTNAMES", hostnames),
        ("CLIENT_ADDRESS", address),
        (
            "REQUEST_ID",
            match plan.signs_request_id {
                true => "# A sender signs x-request-id, over which Envoy would write its own.\nheaders: { requestID: PreserveOrGenerate }",
                false => "",
            }
            .to_owned(),
        ),
        ("CLIENT_CERTIFICATE", certificate),
        ("LIMIT_QUANTITY", format!("{}Mi", plan.limit >> 20)),
    ]);
    Ok(Output { name: "hookwarden.yaml".to_owned(), text: fill(ENVOY_GATEWAY, &values) })
}

/// What both kinds of resources have.
fn common(arguments: &Arguments, plan: &Plan, usual: &str) -> Result<Vec<(&'static str, String)>, Failure> {
    let upstream = Address::parse(arguments.upstream.as_deref().unwrap_or(usual))?;
    let sum = match &arguments.sha256 {
        Some(sum) if sum.len() == 64 && sum.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) => {
            format!("sha256: {}", pretty::scalar(sum))
        }
        Some(_) => {
            return Err(Failure::Message(
                "--sha256 must be 64 digits 0-9 and a-f, as sha256sum prints them".to_owned(),
            ));
        }
        None => "# sha256: ...".to_owned(),
    };
    for (name, value) in
        [("--name", &arguments.name), ("--namespace", &arguments.namespace), ("--secret", &arguments.secret)]
    {
        let is_label = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
        if value.is_empty() || value.len() > 63 || !value.chars().all(is_label) || value.starts_with('-') {
            return Err(Failure::Message(format!(
                "{name} must be lower-case letters, digits and hyphens, as Kubernetes names things"
            )));
        }
    }
    let secret = &arguments.secret;
    let variables = plan
        .variables
        .iter()
        .map(|name| format!("  - name: {name}\n    valueFrom:\n      secretKeyRef: {{ name: {secret}, key: {name} }}"));
    Ok(vec![
        ("VARIABLE_COMMENTS", plan.variable_comments()),
        ("NAME", arguments.name.clone()),
        ("NAMESPACE", arguments.namespace.clone()),
        ("SECRET", secret.clone()),
        ("SHA256", sum),
        ("CONFIGURATION", pretty::yaml(&plan.configuration)),
        ("CONTAINER_ENVIRONMENT", block(plan, lines("env:", variables))),
        ("LIMIT", plan.limit.to_string()),
        ("STATS", STATS.to_owned()),
        ("UPSTREAM_HOST", upstream.host),
        ("UPSTREAM_PORT", upstream.port.to_string()),
    ])
}

/// What is to be known of the clusters of replay stores.
fn stores(plan: &Plan, how: &str) -> String {
    match plan.stores.is_empty() {
        true => String::new(),
        false => format!("# The store's cluster must be one that this proxy has:\n# {how}"),
    }
}

/// Lines about variables, if there are any.
fn block(plan: &Plan, text: String) -> String {
    if plan.variables.is_empty() { String::new() } else { text }
}

fn module(arguments: &Arguments, usual: &str) -> String {
    arguments.module.clone().unwrap_or_else(|| format!("{usual}:{}", env!("CARGO_PKG_VERSION")))
}

fn hosts(plan: &Plan) -> Vec<String> {
    match plan.hosts.as_slice() {
        [] => vec!["\"*\"".to_owned()],
        hosts => hosts.iter().map(|host| pretty::scalar(host)).collect(),
    }
}

/// The labels of the workload, as members of a flow mapping.
fn selector(arguments: &Arguments) -> Result<String, Failure> {
    let usual = match arguments.target {
        Target::IstioGateway => format!("istio={}", arguments.name),
        _ => format!("app={}", arguments.name),
    };
    let given = if arguments.selector.is_empty() { std::slice::from_ref(&usual) } else { &arguments.selector };
    let label = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok(format!("{}: {}", pretty::scalar(name), pretty::scalar(value))),
        _ => Err(Failure::Message(format!("--selector {text}: must be NAME=VALUE, such as app=receiver"))),
    };
    Ok(given.iter().map(label).collect::<Result<Vec<_>, _>>()?.join(", "))
}
