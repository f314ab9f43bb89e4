//! Keys that senders publish: whether what is fetched is what the sender published. That is up to the cluster's TLS.

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::Setup;
use super::super::sources::{Published, Source};
use super::Surroundings;
use super::clusters::Clusters;
use crate::cli::document::cursor::Cursor;

pub fn check(setup: &Setup<'_>, surroundings: &Surroundings<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    let clusters = Clusters::of(setup, surroundings);
    for source in sources {
        for Published { name, host, .. } in source.published() {
            if let Some(cluster) = clusters.entries.iter().find(|cluster| cluster.text_at("name") == Some(name)) {
                tls(source, cluster, host.as_deref(), findings);
            }
        }
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
