//! A bootstrap for a plain Envoy, and a compose file around it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::plan::Plan;
use super::template::fill;
use super::{Address, Arguments, Output, capabilities, clusters, live, pretty};
use crate::cli::runtime_changes::{REQUEST_ID, setting};
use crate::cli::terminal::Failure;

const BOOTSTRAP: &str = include_str!("templates/envoy.yaml");
const COMPOSE: &str = include_str!("templates/compose.yaml");
pub const STATS: &str = include_str!("templates/stats.yaml");

const MODULE: &str = "/etc/envoy/hookwarden.wasm";
pub const REQUEST_ID_COMMENT: &str = "# A sender signs x-request-id, over which Envoy would write its own.";
/// The cluster of the upstream.
const RECEIVER: &str = "receiver";
/// The service of Envoy in a compose file.
const ENVOY: &str = "envoy";
const TLS_FOLDER: &str = "/etc/envoy/tls";
/// As a volume of a compose file.
const SECRET_FILES: &str = "\
- type: bind
  # With the folders sds and secrets: envoy.yaml says what is in them.
  source: ${SECRETS_FOLDER:-./hookwarden}
  target: /etc/hookwarden
  read_only: true
";

/// The bootstrap, and a file for each live secret.
pub fn bootstrap(arguments: &Arguments, plan: &Plan) -> Result<Vec<Output>, Failure> {
    let listen = arguments.listen.as_deref().unwrap_or("127.0.0.1:10000");
    let upstream = arguments.upstream.as_deref().unwrap_or("127.0.0.1:10001");
    with_live_files(vec![make(arguments, plan, listen, upstream)?], plan)
}

/// Adds a file for each live secret. No two may have one name.
fn with_live_files(mut outputs: Vec<Output>, plan: &Plan) -> Result<Vec<Output>, Failure> {
    outputs.extend(live::files(&plan.live_keys));
    let mut names = BTreeSet::new();
    match outputs.iter().find(|output| !names.insert(output.name.as_str())) {
        Some(twice) => Err(Failure::Message(format!(
            "two files would be called {}: rename the variable or the filter_state of one live secret",
            twice.name
        ))),
        None => Ok(outputs),
    }
}

/// The compose file, and the bootstrap of its Envoy.
pub fn compose(arguments: &Arguments, plan: &Plan) -> Result<Vec<Output>, Failure> {
    let listen = arguments.listen.as_deref().unwrap_or("0.0.0.0:10000");
    let upstream = arguments.upstream.as_deref().unwrap_or("receiver:8080");
    let (address, receiver) = (Address::parse(listen)?, Address::parse(upstream)?);
    if [ENVOY].into_iter().chain(plan.stores.iter().map(String::as_str)).any(|name| name == receiver.host) {
        return Err(Failure::Message(format!(
            "--upstream {upstream}: the receiver is a service of the compose file, and another one has this name"
        )));
    }
    if receiver.host.parse::<IpAddr>().is_ok() {
        return Err(Failure::Message(format!(
            "--upstream {upstream}: the receiver is a service of the compose file, so give it a name, such as receiver:8080"
        )));
    }
    let environment = match plan.variables.is_empty() {
        true => String::new(),
        false => lines("environment:", plan.variables.iter().map(|name| format!("  - {}", pretty::scalar(name)))),
    };
    let tls = match folder(arguments, plan) {
        Some(folder) => {
            format!("- type: bind\n  source: ${{TLS_FOLDER:-./tls}}\n  target: {folder}\n  read_only: true\n")
        }
        None => String::new(),
    };
    let port = address.port;
    let published = match address.host.parse::<IpAddr>() {
        Ok(host) if host.is_unspecified() => format!("{port}:{port}"),
        Ok(IpAddr::V6(host)) => format!("[{host}]:{port}:{port}"),
        Ok(host) => format!("{host}:{port}:{port}"),
        Err(_) => {
            return Err(Failure::Message(format!(
                "--listen {listen}: compose publishes the port on an address of the machine, such as 127.0.0.1:{port}"
            )));
        }
    };
    // The address is one of the machine: inside its container Envoy has others.
    let inside = format!("0.0.0.0:{port}");
    let secrets = match plan.reads_secret_files() {
        true => SECRET_FILES,
        false => "",
    };
    let text = fill(
        COMPOSE,
        &[
            ("VARIABLE_COMMENTS", plan.variable_comments()),
            ("ENVIRONMENT", environment),
            ("MODULE", module(arguments).to_owned()),
            ("TLS_VOLUME", tls),
            ("PUBLISHED", published),
            ("SECRET_FILES", secrets.to_owned()),
            ("RECEIVER", receiver.host),
            ("RECEIVER_PORT", receiver.port.to_string()),
            ("STORE_SERVICES", stores(arguments, plan)?),
        ],
    );
    let compose = Output { name: "docker-compose.yaml".to_owned(), text };
    with_live_files(vec![compose, make(arguments, plan, &inside, upstream)?], plan)
}

fn make(arguments: &Arguments, plan: &Plan, listen: &str, upstream: &str) -> Result<Output, Failure> {
    let names = plan.stores.iter().chain(&plan.services);
    let names = names.chain(plan.store_services.iter().map(|(name, _)| name));
    let names = names.chain(plan.confirmations.iter().map(|(name, _)| name));
    let mut names = names.chain(plan.key_clusters.iter().map(|cluster| &cluster.name));
    if names.any(|name| name == RECEIVER) {
        return Err(Failure::Message(format!(
            "a cluster of the configuration is called {RECEIVER:?}, as the manifest calls that of the upstream: rename it"
        )));
    }
    let (address, receiver) = (Address::parse(listen)?, Address::parse(upstream)?);
    let is_loopback = address.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let listen_comment = match is_loopback {
        true => "# Loopback, so that trying it out opens nothing to the network; 0.0.0.0 in production.",
        false => "",
    };
    let environment = match plan.variables.is_empty() {
        true => String::new(),
        false => {
            let names = plan.variables.iter().map(|name| format!("    - {}", pretty::scalar(name)));
            let head = "environment_variables:\n  # Only these reach the filter. One that is not set closes its own source (503).\n  host_env_keys:";
            lines(head, names)
        }
    };
    let request_id = match plan.signs_request_id {
        true => format!("{REQUEST_ID_COMMENT}\n{}", setting(REQUEST_ID.keep.envoy)),
        false => String::new(),
    };
    let text = fill(
        BOOTSTRAP,
        &[
            ("REQUEST_ID", request_id),
            ("LISTEN", listen.to_owned()),
            ("UPSTREAM", upstream.to_owned()),
            ("NEEDS", needs(plan)),
            ("LISTEN_COMMENT", listen_comment.to_owned()),
            ("LISTEN_ADDRESS", pretty::scalar(&address.host)),
            ("LISTEN_PORT", address.port.to_string()),
            ("TRUSTED_HOPS", arguments.trusted_hops.to_string()),
            ("MODULE", module(arguments).to_owned()),
            ("ENVIRONMENT", environment),
            ("CAPABILITIES", capabilities::restriction(plan)),
            ("VM_CONFIGURATION", capabilities::vm_configuration(plan)),
            ("CONFIGURATION", pretty::json(&plan.configuration)),
            ("LIMIT", plan.limit.to_string()),
            ("TLS", tls(arguments, plan)),
            ("UPSTREAM_CLUSTER", clusters::rest(RECEIVER, &receiver)),
            ("CLUSTERS", clusters::all(arguments, plan)?.concat()),
            ("STATS", STATS.to_owned()),
            ("NODE", live::node(plan.reads_secret_files())),
            ("LIVE_SECRETS", live::filter(&plan.live_keys)),
        ],
    );
    Ok(Output { name: "envoy.yaml".to_owned(), text })
}

/// What has to be there before Envoy starts.
fn needs(plan: &Plan) -> String {
    let mut text = String::new();
    if !plan.variables.is_empty() {
        text.push_str("# It needs these variables in its environment, from your secret store:\n");
        text.push_str(&plan.variable_comments());
    }
    if !plan.live_keys.is_empty() {
        text.push_str(live::NEEDS);
    }
    text
}

fn module(arguments: &Arguments) -> &str {
    arguments.module.as_deref().unwrap_or(MODULE)
}

/// The folder with the certificate, if there is to be TLS.
fn folder<'a>(arguments: &'a Arguments, plan: &Plan) -> Option<&'a str> {
    arguments.tls.as_deref().or(plan.wants_tls.then_some(TLS_FOLDER))
}

fn tls(arguments: &Arguments, plan: &Plan) -> String {
    let Some(folder) = folder(arguments, plan) else { return String::new() };
    let mut text = "transport_socket:\n  name: envoy.transport_sockets.tls\n  typed_config:\n    \"@type\": \
         type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext\n"
        .to_owned();
    if plan.wants_client_certificate {
        text.push_str("    # A source wants a client certificate, which is verified by ca.crt.\n    require_client_certificate: true\n");
    }
    text.push_str(&format!(
        "    common_tls_context:\n      alpn_protocols: [h2, http/1.1]\n      tls_certificates:\n        - certificate_chain: \
         {{ filename: {folder}/tls.crt }}\n          private_key: {{ filename: {folder}/tls.key }}\n"
    ));
    if plan.wants_client_certificate {
        text.push_str(&format!("      validation_context:\n        trusted_ca: {{ filename: {folder}/ca.crt }}\n"));
    }
    text
}

/// The services of the stores, unless they are elsewhere.
fn stores(arguments: &Arguments, plan: &Plan) -> Result<String, Failure> {
    if arguments.store.is_some() {
        return Ok(String::new());
    }
    let service = |name: &String| {
        format!(
            "# Remembers events for all proxies, in memory that is gone with it.\n{}:\n  image: \
             ${{WEBDIS_IMAGE:-nicolas/webdis:latest}}\n  expose: [\"7379\"]\n  networks: [inside]\n",
            pretty::scalar(name)
        )
    };
    Ok(plan.stores.iter().map(service).collect())
}

pub fn lines(head: &str, rest: impl Iterator<Item = String>) -> String {
    std::iter::once(head.to_owned()).chain(rest).collect::<Vec<_>>().join("\n")
}
