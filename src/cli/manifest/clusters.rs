//! Clusters of the proxy that a configuration names: replay stores, services with live secrets, senders' keys.

use std::net::IpAddr;

use super::plan::{KeyCluster, Plan};
use super::{Address, Arguments, pretty};
use crate::cli::terminal::Failure;

/// How Istio names the clusters that it makes of Services, such as `outbound|7379||webdis.hooks.svc.cluster.local`.
const OF_ISTIO: [&str; 2] = ["outbound|", "inbound|"];

/// Where a Webdis listens.
const WEBDIS: u16 = 7379;

/// Every cluster that a proxy must have for the configuration, each as an element of a list in YAML.
pub fn all(arguments: &Arguments, plan: &Plan) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for name in plan.stores.iter().filter(|name| is_own(name)) {
        found.push(store(name, &store_address(arguments, name, WEBDIS)?));
    }
    for (name, Address { host, port }) in plan.store_services.iter().filter(|(name, _)| is_own(name)) {
        found.push(store_service(name, host, &store_address(arguments, host, *port)?));
    }
    found.extend(plan.services.iter().filter(|name| is_own(name)).map(|name| service(name)));
    found.extend(
        plan.confirmations.iter().filter(|(name, _)| is_own(name)).map(|(name, host)| confirmation(name, host)),
    );
    found.extend(plan.key_clusters.iter().filter(|cluster| is_own(&cluster.name)).map(keys));
    Ok(found)
}

/// Whether nobody but us writes the cluster.
fn is_own(name: &str) -> bool {
    !OF_ISTIO.iter().any(|prefix| name.starts_with(prefix))
}

/// The rest of a cluster behind its name.
pub fn rest(name: &str, address: &Address) -> String {
    let kind = match address.host.parse::<IpAddr>() {
        Ok(_) => "type: STATIC",
        Err(_) => "type: STRICT_DNS\ndns_lookup_family: V4_PREFERRED",
    };
    let Address { host, port } = address;
    let (name, host) = (pretty::scalar(name), pretty::scalar(host));
    format!(
        "{kind}\n{CONNECT}\nload_assignment:\n  cluster_name: {name}\n  endpoints:\n    - lb_endpoints:\n        - \
         endpoint:\n            address:\n              socket_address: {{ address: {host}, port_value: {port} }}\n"
    )
}

fn element(comment: &str, name: &str, address: &Address) -> String {
    let mut text = format!("{comment}- name: {}\n", pretty::scalar(name));
    for line in rest(name, address).lines() {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

fn store_address(arguments: &Arguments, host: &str, port: u16) -> Result<Address, Failure> {
    match &arguments.store {
        Some(text) => Address::parse(text),
        None => Ok(Address { host: host.to_owned(), port }),
    }
}

fn store(name: &str, address: &Address) -> String {
    let comment = "# Remembers events for all proxies: Webdis in front of a Redis that only the proxies reach.\n";
    // docs/fleet.md says why each of these.
    element(comment, name, address).replace(CONNECT, "connect_timeout: 0.1s") + STORE_BOUNDS
}

/// A service that answers each call by itself (docs/fleet.md), so that its connections may be kept.
fn store_service(name: &str, host: &str, address: &Address) -> String {
    let comment = "# Remembers events for all proxies: docs/fleet.md.\n";
    element(comment, name, address)
        + &STORE_BOUNDS.replace("        max_requests_per_connection: 10\n", "")
        + &tls(host)
}

/// How long Envoy tries to connect; a store has less, for that is a part of `store.timeout`.
const CONNECT: &str = "connect_timeout: 2s";
const STORE_BOUNDS: &str = "  # No retries: a claim that is sent twice conflicts with itself.
  circuit_breakers:
    thresholds:
      - max_connections: 128
        max_pending_requests: 512
        max_retries: 0
  outlier_detection:
    consecutive_5xx: 5
    base_ejection_time: 5s
    max_ejection_percent: 50
  typed_extension_protocol_options:
    envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
      \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
      common_http_protocol_options:
        idle_timeout: 60s
        max_requests_per_connection: 10
      explicit_http_config:
        http_protocol_options: {}
";

fn service(name: &str) -> String {
    let comment = "# Holds live secrets. Put its address and its name here, and its token (credential_injector):\n\
                   # docs/live-secrets.md.\n";
    element(comment, name, &Address { host: name.to_owned(), port: 8200 }) + &tls(name)
}

fn confirmation(name: &str, host: &str) -> String {
    let comment = "# Confirms subscriptions: docs/handshakes.md.\n";
    element(comment, name, &Address { host: host.to_owned(), port: 443 }) + &tls(host)
}

/// The TLS of this cluster is what verifies requests in the end.
fn keys(KeyCluster { name, host, credentials }: &KeyCluster) -> String {
    let comment = "# Publishes a sender's keys: docs/live-keys.md.\n";
    let cluster = element(comment, name, &Address { host: host.to_owned(), port: 443 });
    cluster + &tls(host) + &credential_injectors(credentials)
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
        let file = header.to_ascii_lowercase();
        let (name, header) = (pretty::scalar(&file), pretty::scalar(header));
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
                    path_config_source: {{ path: /etc/hookwarden/sds/{file}.yaml }}
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

/// TLS to a host whose name is checked.
fn tls(host: &str) -> String {
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
