//! Whether `x-request-id` comes through as the sender wrote it, where it is signed.

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::{Host, Setup};
use super::super::sources::Source;
use super::Surroundings;
use super::managers::{client_policies, is_edge, managers};
use crate::cli::document::cursor::Cursor;
use crate::cli::runtime_changes::{REQUEST_ID, REQUEST_ID_TRACED};

pub fn check(setup: &Setup<'_>, surroundings: &Surroundings<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    let Some(source) = sources.iter().find(|source| source.signs_request_id()) else { return };
    let replaced = format!(
        "source {:?} verifies x-request-id, and Envoy writes its own over it at the edge: every genuine request is \
         refused",
        source.name
    );
    let managers = managers(setup, surroundings);
    let mut replaced_at =
        |at: &Cursor<'_>, right| findings.add(&codes::REQUEST_ID_REPLACED, at, replaced.clone(), right);
    match setup.host {
        Host::Envoy => {
            if let Some(at) = managers.first().and_then(replaced_by) {
                replaced_at(&at, REQUEST_ID.keep.envoy);
            }
        }
        Host::Istio => {
            let keeps = |manager: &Cursor<'_>| manager.is_true_at("preserve_external_request_id");
            if is_edge(setup) && !managers.iter().any(keeps) {
                replaced_at(&source.verify(), REQUEST_ID.keep.istio);
            }
        }
        Host::EnvoyGateway => {
            let keeps = |headers: &Cursor<'_>| {
                headers.is_true_at("preserveXRequestID")
                    || matches!(headers.text_at("requestID"), Some("Preserve" | "PreserveOrGenerate"))
            };
            let policies = client_policies(surroundings);
            if !policies.iter().filter_map(|policy| policy.get("headers")).any(|headers| keeps(&headers)) {
                replaced_at(&setup.plugin, REQUEST_ID.keep.gateway);
            }
        }
        Host::Unknown => {}
    }
    if let Some((at, right)) = traced_by(setup, surroundings, &managers) {
        let message = format!(
            "source {:?} verifies x-request-id, and Envoy notes in {} whether a request is traced",
            source.name, REQUEST_ID_TRACED.what
        );
        findings.add(&codes::REQUEST_ID_REPLACED, &at, message, right);
    }
}

/// What of a connection manager lets Envoy write an id of its own over that of an external request.
fn replaced_by<'a>(manager: &Cursor<'a>) -> Option<Cursor<'a>> {
    let is_edge = manager.is_true_at("use_remote_address");
    let makes_none = manager.get("generate_request_id").is_some_and(|word| word.value.truth() == Some(false));
    let keeps = manager.get("preserve_external_request_id");
    if !is_edge || makes_none || keeps.as_ref().is_some_and(|keeps| keeps.value.is_true()) {
        return None;
    }
    Some(keeps.unwrap_or_else(|| manager.clone()))
}

/// Where tracing is switched on, and what keeps it from changing the id.
fn traced_by<'a>(
    setup: &Setup<'a>,
    surroundings: &Surroundings<'a>,
    managers: &[Cursor<'a>],
) -> Option<(Cursor<'a>, &'static str)> {
    let keeps = |manager: &Cursor<'_>| {
        let packs = manager.at(&["request_id_extension", "typed_config", "pack_trace_reason"]);
        packs.is_some_and(|packs| packs.value.truth() == Some(false))
    };
    if managers.iter().any(keeps) {
        return None;
    }
    let of_kind = |kind| surroundings.objects.iter().filter(move |object| object.kind == kind);
    let keep = &REQUEST_ID_TRACED.keep;
    match setup.host {
        Host::Envoy => managers.iter().find_map(|manager| manager.get("tracing")).map(|at| (at, keep.envoy)),
        Host::Istio => {
            let namespace = setup.workloads.as_ref().map(|workloads| workloads.namespace);
            let here = of_kind("Telemetry")
                .filter(|object| namespace == Some(object.namespace) || object.namespace == "istio-system");
            let is_on = |at: &Cursor<'_>| !at.is_true_at("disableSpanReporting");
            here.flat_map(|object| object.spec.list("tracing")).find(is_on).map(|at| (at, keep.istio))
        }
        Host::EnvoyGateway => {
            let tracing = of_kind("EnvoyProxy").find_map(|proxy| proxy.spec.at(&["telemetry", "tracing"]));
            tracing.map(|at| (at, keep.gateway))
        }
        Host::Unknown => None,
    }
}
