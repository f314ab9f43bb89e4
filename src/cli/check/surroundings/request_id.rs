//! Whether `x-request-id` comes through as the sender wrote it, where it is signed.

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::{Host, Setup};
use super::super::sources::Source;
use super::Surroundings;
use crate::cli::document::cursor::Cursor;

pub fn check(setup: &Setup<'_>, surroundings: &Surroundings<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    let Some(source) = sources.iter().find(|source| source.signs_request_id()) else { return };
    let message = format!(
        "source {:?} verifies x-request-id, and Envoy writes its own over it at the edge: every genuine request is \
         refused",
        source.name
    );
    match (setup.host, &setup.manager) {
        (Host::Envoy, Some(manager)) => {
            if let Some(at) = replaced_by(&manager.at) {
                findings.add(&codes::REQUEST_ID_REPLACED, &at, message, "set preserve_external_request_id: true");
            }
        }
        (Host::EnvoyGateway, _) => {
            let policies = surroundings.objects.iter().filter(|object| object.kind == "ClientTrafficPolicy");
            let keeps = |headers: &Cursor<'_>| {
                headers.is_true_at("preserveXRequestID")
                    || matches!(headers.text_at("requestID"), Some("Preserve" | "PreserveOrGenerate"))
            };
            if !policies.filter_map(|policy| policy.spec.get("headers")).any(|headers| keeps(&headers)) {
                let right = "add a ClientTrafficPolicy with headers: { requestID: PreserveOrGenerate }";
                findings.add(&codes::REQUEST_ID_REPLACED, &setup.plugin, message, right);
            }
        }
        _ => {}
    }
}

/// What of a connection manager lets Envoy write an id of its own over that of an external request.
fn replaced_by<'a>(manager: &Cursor<'a>) -> Option<Cursor<'a>> {
    let is_edge = manager.is_true_at("use_remote_address");
    let makes_none = manager.get("generate_request_id").is_some_and(|word| word.value.plain() == Some("false"));
    let keeps = manager.get("preserve_external_request_id");
    if !is_edge || makes_none || keeps.as_ref().is_some_and(|keeps| keeps.value.is_true()) {
        return None;
    }
    Some(keeps.unwrap_or_else(|| manager.clone()))
}
