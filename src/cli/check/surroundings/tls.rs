//! TLS of the clusters that keys and secrets are fetched from: it verifies who answers.

use std::net::IpAddr;

use super::super::codes::Code;
use super::super::findings::Findings;
use crate::cli::document::cursor::Cursor;

/// What is fetched through a cluster.
pub struct Fetched<'a> {
    /// What it is: `the keys of source "pubsub"`.
    pub what: String,
    /// The server's host, as far as it is known.
    pub host: Option<&'a str>,
    /// What to call that host if it is not known.
    pub server: &'a str,
    /// Where a complete cluster can be seen.
    pub example: &'a str,
    pub code: &'static Code,
}

impl Fetched<'_> {
    /// Without TLS that checks the server's name, whoever answers in its place can sign any event.
    pub fn check(&self, cluster: &Cursor<'_>, findings: &mut Findings) {
        let Self { what, host, server, example, code } = self;
        let shown = host.unwrap_or(server);
        let mut add = |at: &Cursor<'_>, message: String, right: String| findings.add(code, at, message, right);
        let tls = cluster.at(&["transport_socket", "typed_config"]);
        let Some(tls) = tls.filter(|tls| tls.text_at("@type").is_some_and(|name| name.contains("UpstreamTlsContext")))
        else {
            let message =
                format!("{what} are fetched without TLS: whoever answers in place of {shown} can sign any event");
            add(cluster, message, format!("give the cluster a transport_socket: see {example}"));
            return;
        };
        let context = tls.get("common_tls_context");
        let validation = context.as_ref().and_then(|context| {
            let combined = context.at(&["combined_validation_context", "default_validation_context"]);
            context.get("validation_context").or(combined)
        });
        let by_sds =
            context.as_ref().is_some_and(|context| context.get("validation_context_sds_secret_config").is_some());
        let trusts = |validation: &Cursor<'_>| {
            ["trusted_ca", "system_root_certs", "ca_certificate_provider_instance"]
                .iter()
                .any(|of| validation.get(of).is_some())
        };
        if !by_sds && !validation.as_ref().is_some_and(trusts) {
            let message = format!("{what} are fetched from a server whose certificate is not verified");
            add(&tls, message, "set common_tls_context.validation_context.trusted_ca".to_owned());
        }
        let checks_name =
            validation.as_ref().is_some_and(|validation| !validation.list("match_typed_subject_alt_names").is_empty())
                || tls.is_true_at("auto_sni_san_validation");
        if !by_sds && !checks_name {
            let message = format!("{what} are fetched from any server with a valid certificate, not only from {shown}");
            let right =
                format!("set validation_context.match_typed_subject_alt_names to san_type DNS, matcher exact {shown}");
            add(&tls, message, right);
        }
        match (tls.get("sni"), host) {
            (Some(sni), Some(host)) if sni.text() != Some(host) => {
                let message = format!("{what} are those of {host}, and this names another host");
                add(&sni, message, format!("say sni: {host}"));
            }
            (None, _) if !tls.is_true_at("auto_host_sni") => {
                let message = format!("{what} are fetched without a server name (SNI)");
                add(&tls, message, format!("say sni: {shown}"));
            }
            _ => {}
        }
    }
}

/// Whether a cluster reaches nothing but this host: loopback addresses and Unix sockets.
pub fn is_local(cluster: &Cursor<'_>) -> bool {
    let groups = cluster.get("load_assignment").map(|assignment| assignment.list("endpoints")).unwrap_or_default();
    let endpoints: Vec<_> = groups.iter().flat_map(|group| group.list("lb_endpoints")).collect();
    let is_local = |endpoint: &Cursor<'_>| {
        let Some(address) = endpoint.at(&["endpoint", "address"]) else { return false };
        let host = address.at(&["socket_address", "address"]);
        let is_loopback = |host: &str| host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        address.get("pipe").is_some() || host.and_then(|host| host.text().map(is_loopback)).unwrap_or(false)
    };
    !endpoints.is_empty() && endpoints.iter().all(is_local)
}
