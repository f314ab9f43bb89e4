//! A bootstrap for a plain Envoy, and a compose file around it.

use std::net::IpAddr;

use super::plan::{KeyCluster, Plan};
use super::template::fill;
use super::{Address, Arguments, Output, live, pretty};
use crate::cli::terminal::Failure;

const BOOTSTRAP: &str = include_str!("templates/envoy.yaml");
const COMPOSE: &str = include_str!("templates/compose.yaml");
pub const STATS: &str = include_str!("templates/stats.yaml");

const MODULE: &str = "/etc/envoy/hookwarden.wasm";
const TLS_FOLDER: &str = "/etc/envoy/tls";

/// The bootstrap, and a file for each live secret.
pub fn bootstrap(arguments: &Arguments, plan: &Plan) -> Result<Vec<Output>, Failure> {
    let listen = arguments.listen.as_deref().unwrap_or("127.0.0.1:10000");
    let upstream = arguments.upstream.as_deref().unwrap_or("127.0.0.1:10001");
    let mut outputs = vec![make(arguments, plan, listen, upstream)?];
    outputs.extend(live::files(&plan.live_keys));
    Ok(outputs)
}

/// The compose file, and the bootstrap of its Envoy.
pub fn compose(arguments: &Arguments, plan: &Plan) -> Result<Vec<Output>, Failure> {
    let listen = arguments.listen.as_deref().unwrap_or("0.0.0.0:10000");
    let upstream = arguments.upstream.as_deref().unwrap_or("receiver:8080");
    let (address, receiver) = (Address::parse(listen)?, Address::parse(upstream)?);
    let environment = match plan.variables.is_empty() {
        true => String::new(),
        false => lines("environment:", plan.variables.iter().map(|name| format!("  - {name}"))),
    };
    let tls = match folder(arguments, plan) {
        Some(folder) => {
            format!("- type: bind\n  source: ${{TLS_FOLDER:-./tls}}\n  target: {folder}\n  read_only: true\n")
        }
        None => String::new(),
    };
    let text = fill(
        COMPOSE,
        &[
            ("VARIABLE_COMMENTS", plan.variable_comments()),
            ("ENVIRONMENT", environment),
            ("MODULE", module(arguments).to_owned()),
            ("TLS_VOLUME", tls),
            ("LISTEN_PORT", address.port.to_string()),
            ("RECEIVER", receiver.host),
            ("RECEIVER_PORT", receiver.port.to_string()),
            ("STORE_SERVICES", stores(arguments, plan)?),
        ],
    );
    Ok(vec![Output { name: "docker-compose.yaml".to_owned(), text }, make(arguments, plan, listen, upstream)?])
}

fn make(arguments: &Arguments, plan: &Plan, listen: &str, upstream: &str) -> Result<Output, Failure> {
    let (address, receiver) = (Address::parse(listen)?, Address::parse(upstream)?);
    let is_loopback = address.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let listen_comment = match is_loopback {
        true => "# Loopback, so that trying it out opens nothing to the network; 0.0.0.0 in production.",
        false => "",
    };
    let environment = match plan.variables.is_empty() {
        true => String::new(),
        false => {
            let names = plan.variables.iter().map(|name| format!("    - {name}"));
            let head = "environment_variables:\n  # Only these reach the filter. One that is not set closes its own source (503).\n  host_env_keys:";
            lines(head, names)
        }
    };
    let request_id = match plan.signs_request_id {
        true => {
            "# A sender signs x-request-id, over which Envoy would write its own.\npreserve_external_request_id: true"
        }
        false => "",
    };
    let text = fill(
        BOOTSTRAP,
        &[
            ("REQUEST_ID", request_id.to_owned()),
            ("LISTEN", listen.to_owned()),
            ("UPSTREAM", upstream.to_owned()),
            ("VARIABLE_COMMENTS", plan.variable_comments()),
            ("LISTEN_COMMENT", listen_comment.to_owned()),
            ("LISTEN_ADDRESS", pretty::scalar(&address.host)),
            ("LISTEN_PORT", address.port.to_string()),
            ("TRUSTED_HOPS", arguments.trusted_hops.to_string()),
            ("MODULE", module(arguments).to_owned()),
            ("ENVIRONMENT", environment),
            ("CONFIGURATION", pretty::json(&plan.configuration)),
            ("LIMIT", plan.limit.to_string()),
            ("TLS", tls(arguments, plan)),
            ("UPSTREAM_CLUSTER", cluster("receiver", &receiver)),
            ("STORE_CLUSTERS", store_clusters(arguments, plan)?),
            ("STATS", STATS.to_owned()),
            ("NODE", live::node(plan.reads_secret_files())),
            ("LIVE_SECRETS", live::filter(&plan.live_keys)),
            ("SERVICE_CLUSTERS", service_clusters(plan) + &key_clusters(plan)),
        ],
    );
    Ok(Output { name: "envoy.yaml".to_owned(), text })
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

/// The rest of a cluster behind its name.
fn cluster(name: &str, address: &Address) -> String {
    let kind = match address.host.parse::<IpAddr>() {
        Ok(_) => "type: STATIC",
        Err(_) => "type: STRICT_DNS\ndns_lookup_family: V4_PREFERRED",
    };
    let Address { host, port } = address;
    let host = pretty::scalar(host);
    format!(
        "{kind}\nconnect_timeout: 2s\nload_assignment:\n  cluster_name: {name}\n  endpoints:\n    - lb_endpoints:\n        - \
         endpoint:\n            address:\n              socket_address: {{ address: {host}, port_value: {port} }}\n"
    )
}

fn store_address(arguments: &Arguments, name: &str) -> Result<Address, Failure> {
    match &arguments.store {
        Some(text) => Address::parse(text),
        None => Ok(Address { host: name.to_owned(), port: 7379 }),
    }
}

fn store_clusters(arguments: &Arguments, plan: &Plan) -> Result<String, Failure> {
    let mut text = String::new();
    for name in &plan.stores {
        text.push_str("# Remembers events for all proxies: Webdis in front of a Redis that only the proxies reach.\n");
        text.push_str(&format!("- name: {}\n", pretty::scalar(name)));
        for line in cluster(name, &store_address(arguments, name)?).lines() {
            text.push_str(&format!("  {line}\n"));
        }
    }
    Ok(text)
}

/// The clusters that live secrets are fetched from.
fn service_clusters(plan: &Plan) -> String {
    let mut text = String::new();
    for name in &plan.services {
        text.push_str(
            "# Holds live secrets. Put its address and its name here, and its token (credential_injector):\n",
        );
        text.push_str("# docs/live-secrets.md.\n");
        text.push_str(&format!("- name: {}\n", pretty::scalar(name)));
        for line in cluster(name, &Address { host: name.clone(), port: 8200 }).lines() {
            text.push_str(&format!("  {line}\n"));
        }
        text.push_str(&upstream_tls(name));
    }
    text
}

/// The clusters that senders' keys are fetched from: their TLS is what verifies requests in the end.
fn key_clusters(plan: &Plan) -> String {
    let mut text = String::new();
    for KeyCluster { name, host, credentials } in &plan.key_clusters {
        text.push_str("# Publishes a sender's keys: docs/live-keys.md.\n");
        text.push_str(&format!("- name: {}\n", pretty::scalar(name)));
        for line in cluster(name, &Address { host: host.clone(), port: 443 }).lines() {
            text.push_str(&format!("  {line}\n"));
        }
        text.push_str(&upstream_tls(host));
        text.push_str(&credential_injectors(credentials));
    }
    text
}

/// TLS of a cluster that verifies the name of its server.
fn upstream_tls(host: &str) -> String {
    let shown = pretty::scalar(host);
    format!(
        "  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config:
      \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
      sni: {shown}
      common_tls_context:
        validation_context:
          trusted_ca: {{ filename: /etc/ssl/certs/ca-certificates.crt }}
          match_typed_subject_alt_names:
            - san_type: DNS
              matcher: {{ exact: {shown} }}
"
    )
}

/// The filters of a cluster that add credentials, each out of an SDS file.
fn credential_injectors(headers: &[String]) -> String {
    if headers.is_empty() {
        return String::new();
    }
    let mut text = "  # Adds the credentials: docs/live-keys.md says what is in these files.
  typed_extension_protocol_options:
    envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
      \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
      explicit_http_config: { http_protocol_options: {} }
      http_filters:
"
    .to_owned();
    for header in headers {
        let name = header.to_ascii_lowercase();
        text.push_str(&format!(
            "        - name: {name}
          typed_config:
            \"@type\": type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector
            overwrite: true
            credential:
              name: envoy.http.injected_credentials.generic
              typed_config:
                \"@type\": type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic
                header: {header}
                credential:
                  name: {name}
                  sds_config:
                    resource_api_version: V3
                    path_config_source: {{ path: /etc/hookwarden/sds/{name}.yaml }}
"
        ));
    }
    text.push_str(
        "        - name: envoy.filters.http.upstream_codec
          typed_config:
            \"@type\": type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec
",
    );
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
