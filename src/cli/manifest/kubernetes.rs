//! What resources for Istio and Envoy Gateway have in common.

use super::envoy::{STATS, lines};
use super::plan::Plan;
use super::{Address, Arguments, Target, pretty};
use crate::cli::terminal::Failure;

/// What both kinds of resources have.
pub fn common(arguments: &Arguments, plan: &Plan, usual: &str) -> Result<Vec<(&'static str, String)>, Failure> {
    let upstream = Address::parse(arguments.upstream.as_deref().unwrap_or(usual))?;
    for (name, value) in
        [("--name", arguments.name()), ("--namespace", arguments.namespace()), ("--secret", arguments.secret())]
            .into_iter()
            .chain(arguments.pull_secret.as_ref().map(|name| ("--pull-secret", name.as_str())))
    {
        let is_label = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
        let is_framed = value.starts_with(|char: char| char.is_ascii_lowercase()) && !value.ends_with('-');
        // In YAML some words are no text.
        let is_word = pretty::scalar(value) == *value;
        if value.len() > 63 || !value.chars().all(is_label) || !is_framed || !is_word {
            return Err(Failure::Message(format!(
                "{name} must be a word of lower-case letters, digits and hyphens that begins with a letter, as Kubernetes names \
                 things, and none that YAML takes for a boolean or null"
            )));
        }
    }
    let secret = arguments.secret();
    let variable = |name: &String| {
        let name = pretty::scalar(name);
        format!("- name: {name}\n  valueFrom:\n    secretKeyRef: {{ name: {secret}, key: {name} }}\n")
    };
    let variables: String = plan.variables.iter().map(variable).collect();
    let environment = lines("env:", variables.lines().map(|line| format!("  {line}")));
    Ok(vec![
        ("VARIABLE_COMMENTS", plan.variable_comments()),
        ("NAME", arguments.name().to_owned()),
        ("NAMESPACE", arguments.namespace().to_owned()),
        ("SECRET", secret.to_owned()),
        ("SHA256", sum(arguments)),
        ("CONFIGURATION", pretty::yaml(&plan.configuration)),
        ("CONTAINER_ENVIRONMENT", block(plan, environment)),
        ("VARIABLES", variables),
        ("LIMIT", plan.limit.to_string()),
        ("STATS", STATS.to_owned()),
        ("REPLICAS", replicas(arguments, plan)),
        ("UPSTREAM_HOST", pretty::scalar(&upstream.host)),
        ("UPSTREAM_PORT", upstream.port.to_string()),
    ])
}

/// What pins the module.
pub fn sum(arguments: &Arguments) -> String {
    match &arguments.sha256 {
        Some(sum) => format!("sha256: {}", pretty::scalar(sum)),
        None => "# sha256: ...".to_owned(),
    }
}

/// A hint on the cluster of a replay store that stands in the cluster.
pub fn store_comment(plan: &Plan, example: &str) -> String {
    let own = plan.stores.iter().any(|name| !name.contains('|'));
    match own {
        true => format!(
            "# The store's cluster is added below and speaks without the mesh's TLS. Where the mesh insists on it, name Istio's\n\
             # own: {example}, for a Service webdis in hooks."
        ),
        false => String::new(),
    }
}

/// How many proxies there are: one, if each would remember events alone.
fn replicas(arguments: &Arguments, plan: &Plan) -> String {
    if plan.forgets_alone {
        return "# A source with \"replay\" and without a store remembers events in each replica alone: with two an event\n\
                # passes twice. --store gives all of them one memory (docs/fleet.md).\nreplicas: 1"
            .to_owned();
    }
    if arguments.target == Target::IstioGateway { "replicas: 2".to_owned() } else { String::new() }
}

/// The hosts of a route of the Gateway API.
pub fn hostnames(plan: &Plan) -> String {
    match plan.hosts.is_empty() {
        true => String::new(),
        false => format!("hostnames: [{}]", hosts(plan).join(", ")),
    }
}

/// Lines about variables, if there are any.
pub fn block(plan: &Plan, text: String) -> String {
    if plan.variables.is_empty() { String::new() } else { text }
}

pub fn module(arguments: &Arguments, usual: &str) -> String {
    arguments.module.clone().unwrap_or_else(|| format!("{usual}:{}", env!("CARGO_PKG_VERSION")))
}

pub fn hosts(plan: &Plan) -> Vec<String> {
    match plan.hosts.as_slice() {
        [] => vec!["\"*\"".to_owned()],
        hosts => hosts.iter().map(|host| pretty::scalar(host)).collect(),
    }
}
