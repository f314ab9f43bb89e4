//! Whether the listener has the TLS that a source wants.

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::Setup;
use super::super::sources::Source;
use crate::cli::document::cursor::Cursor;

pub fn check(setup: &Setup<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    let Some(chain) = setup.manager.as_ref().and_then(|manager| manager.filter_chain.clone()) else { return };
    let tls = chain.at(&["transport_socket", "typed_config"]);
    for source in sources {
        let Some(rule) = source.at.get("transport") else { continue };
        match &tls {
            None => without(&rule, source, findings),
            Some(tls) => with(tls, &rule, source, findings),
        }
    }
}

fn without(rule: &Cursor<'_>, source: &Source<'_>, findings: &mut Findings) {
    let trusted = rule.get("insecure_trust_forwarded_proto").is_some();
    let of_this_hop = ["min_tls", "client_certificate"].iter().find_map(|name| rule.get(name));
    let wanted = of_this_hop.or_else(|| rule.get("https").filter(|https| https.value.is_true() && !trusted));
    if let Some(at) = wanted {
        let message =
            format!("source {:?} wants TLS, and its listener has none: it refuses every request", source.name);
        let right = "give the filter chain a transport_socket with TLS; or, behind a proxy that ends TLS, name it in \
                     insecure_trust_forwarded_proto";
        findings.add(&codes::TLS_MISSING, &at, message, right);
    }
}

fn with(tls: &Cursor<'_>, rule: &Cursor<'_>, source: &Source<'_>, findings: &mut Findings) {
    let Some(certificate) = rule.get("client_certificate").filter(|at| at.value.is_true()) else { return };
    // Envoy asks for one where it has something to verify it by.
    let common = tls.get("common_tls_context");
    let names = ["validation_context", "validation_context_sds_secret_config", "combined_validation_context"];
    let asks = tls.is_true_at("require_client_certificate")
        || common.is_some_and(|common| names.iter().any(|name| common.get(name).is_some()));
    if !asks {
        let message = format!(
            "source {:?} wants a client certificate, and the listener asks for none: it refuses every request",
            source.name
        );
        let right =
            "give common_tls_context a validation_context with trusted_ca, and say require_client_certificate: true";
        findings.add(&codes::TLS_MISSING, &certificate, message, right);
    }
}
