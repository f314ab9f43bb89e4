//! Keys that senders publish: whether what is fetched is what the sender published. That is up to the cluster's TLS.

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::{Host, Setup};
use super::super::sources::{Published, Source};
use super::Surroundings;
use crate::cli::document::cursor::Cursor;

pub fn check(setup: &Setup<'_>, surroundings: &Surroundings<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    let proxies = surroundings.proxies;
    if setup.host != Host::Envoy || proxies.clusters.is_empty() {
        return;
    }
    for source in sources {
        for Published { cluster: at, name, host, credentials } in source.published() {
            match proxies.cluster_entries.iter().find(|cluster| cluster.text_at("name") == Some(name)) {
                Some(cluster) => {
                    tls(source, cluster, host.as_deref(), findings);
                    adds(source, cluster, &credentials, findings);
                }
                None if proxies.clusters_are_open => {}
                None => {
                    let message =
                        format!("there is no such cluster: the keys of source {:?} cannot be fetched", source.name);
                    let right = format!("there are: {}", proxies.clusters.join(", "));
                    findings.add(&codes::KEY_CLUSTER, &at, message, right);
                }
            }
        }
    }
}

/// The cluster's own filters must add the credentials that the sender wants.
fn adds(source: &Source<'_>, cluster: &Cursor<'_>, credentials: &[String], findings: &mut Findings) {
    const OPTIONS: [&str; 2] =
        ["typed_extension_protocol_options", "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"];
    let filters = cluster.at(&OPTIONS).map(|options| options.list("http_filters")).unwrap_or_default();
    let header = |filter: &Cursor<'_>| {
        let header = filter.at(&["typed_config", "credential", "typed_config", "header"]);
        header.and_then(|header| header.text().map(str::to_ascii_lowercase))
    };
    let added: Vec<_> = filters.iter().filter_map(header).collect();
    let missing: Vec<_> = credentials.iter().filter(|name| !added.contains(&name.to_ascii_lowercase())).collect();
    if !missing.is_empty() {
        let names: Vec<_> = missing.into_iter().map(String::as_str).collect();
        let message = format!(
            "the sender of source {:?} hands out its keys only to calls with {}, which this cluster does not add",
            source.name,
            names.join(" and ")
        );
        let right = "give the cluster a credential_injector for each: see envoy/live-keys/plaid.yaml";
        findings.add(&codes::KEY_CREDENTIAL, cluster, message, right);
    }
}

/// Without TLS that checks the server's name, whoever answers in its place can sign any event.
fn tls(source: &Source<'_>, cluster: &Cursor<'_>, host: Option<&str>, findings: &mut Findings) {
    let name = source.name;
    let shown = host.unwrap_or("the sender's host");
    let mut add = |at: &Cursor<'_>, message: String, right: String| findings.add(&codes::KEY_TLS, at, message, right);
    let tls = cluster.at(&["transport_socket", "typed_config"]);
    let Some(tls) = tls.filter(|tls| tls.text_at("@type").is_some_and(|name| name.contains("UpstreamTlsContext")))
    else {
        let message = format!(
            "the keys of source {name:?} are fetched without TLS: whoever answers in place of {shown} can sign any event"
        );
        add(cluster, message, "give the cluster a transport_socket: see envoy/envoy-live-keys.yaml".to_owned());
        return;
    };
    let context = tls.get("common_tls_context");
    let validation = context.as_ref().and_then(|context| {
        let combined = context.at(&["combined_validation_context", "default_validation_context"]);
        context.get("validation_context").or(combined)
    });
    let by_sds = context.as_ref().is_some_and(|context| context.get("validation_context_sds_secret_config").is_some());
    let trusts = |validation: &Cursor<'_>| {
        ["trusted_ca", "system_root_certs", "ca_certificate_provider_instance"]
            .iter()
            .any(|of| validation.get(of).is_some())
    };
    if !by_sds && !validation.as_ref().is_some_and(trusts) {
        let message =
            format!("the keys of source {name:?} are fetched from a server whose certificate is not verified");
        add(&tls, message, "set common_tls_context.validation_context.trusted_ca".to_owned());
    }
    let checks_name =
        validation.as_ref().is_some_and(|validation| !validation.list("match_typed_subject_alt_names").is_empty())
            || tls.is_true_at("auto_sni_san_validation");
    if !by_sds && !checks_name {
        let message = format!(
            "the keys of source {name:?} are fetched from any server with a valid certificate, not only from {shown}"
        );
        let right =
            format!("set validation_context.match_typed_subject_alt_names to san_type DNS, matcher exact {shown}");
        add(&tls, message, right);
    }
    match (tls.get("sni"), host) {
        (Some(sni), Some(host)) if sni.text() != Some(host) => {
            let message = format!("the keys of source {name:?} are those of {host}, and this names another host");
            add(&sni, message, format!("say sni: {host}"));
        }
        (None, _) if !tls.is_true_at("auto_host_sni") => {
            let message = format!("the keys of source {name:?} are fetched without a server name (SNI)");
            add(&tls, message, format!("say sni: {shown}"));
        }
        _ => {}
    }
}
