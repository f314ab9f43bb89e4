//! The settings of the connection manager in front of a plugin, wherever the files have them.

use super::super::setup::{Host, Setup};
use super::Surroundings;
use crate::cli::document::cursor::Cursor;

/// The connection manager of a plain Envoy, or what `EnvoyFilter`s merge into Istio's.
pub fn managers<'a>(setup: &Setup<'a>, surroundings: &Surroundings<'a>) -> Vec<Cursor<'a>> {
    match setup.host {
        Host::Envoy => setup.manager.iter().map(|manager| manager.at.clone()).collect(),
        Host::Istio => {
            let filters = surroundings.objects.iter().filter(|object| object.kind == "EnvoyFilter");
            let patches = filters.flat_map(|object| object.spec.list("configPatches"));
            let of_manager = patches.filter(|patch| patch.text_at("applyTo") == Some("NETWORK_FILTER"));
            of_manager.filter_map(|patch| patch.at(&["patch", "value", "typed_config"])).collect()
        }
        Host::EnvoyGateway | Host::Unknown => Vec::new(),
    }
}

/// The settings of Envoy Gateway for its clients.
pub fn client_policies<'a>(surroundings: &Surroundings<'a>) -> Vec<Cursor<'a>> {
    let policies = surroundings.objects.iter().filter(|object| object.kind == "ClientTrafficPolicy");
    policies.map(|policy| policy.spec.clone()).collect()
}

/// Whether strangers reach this proxy directly, so that it writes headers of its own over theirs.
pub fn is_edge(setup: &Setup<'_>) -> bool {
    match setup.host {
        Host::Envoy => setup.manager.as_ref().is_some_and(|manager| manager.at.is_true_at("use_remote_address")),
        Host::Istio => setup.workloads.as_ref().is_some_and(|workloads| workloads.are_gateways),
        Host::EnvoyGateway => true,
        Host::Unknown => false,
    }
}
