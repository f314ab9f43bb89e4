//! The fields of what a file is as a whole: a bootstrap, or the `DiscoveryResponse` of a file that Envoy watches. Envoy does
//! not start with a bootstrap that has others, and of such a response it takes nothing.

use super::super::findings::Findings;
use super::super::setup::Host;
use super::fields::{Fields, Message};
use crate::cli::document::Document;
use crate::cli::document::cursor::Cursor;

// envoy/service/discovery/v3/discovery.proto
const RESPONSE: Message = Message {
    name: "the DiscoveryResponse",
    fields: &["version_info", "resources", "canary", "type_url", "nonce", "control_plane", "resource_errors"],
    grows: false,
};
// envoy/config/bootstrap/v3/bootstrap.proto
const BOOTSTRAP: Message = Message {
    name: "the bootstrap",
    fields: &[
        "node",
        "node_context_params",
        "static_resources",
        "dynamic_resources",
        "cluster_manager",
        "hds_config",
        "flags_path",
        "stats_sinks",
        "deferred_stat_options",
        "stats_config",
        "stats_flush_interval",
        "stats_flush_on_admin",
        "stats_eviction_interval",
        "watchdog",
        "watchdogs",
        "tracing",
        "layered_runtime",
        "admin",
        "overload_manager",
        "enable_dispatcher_stats",
        "header_prefix",
        "stats_server_version_override",
        "use_tcp_for_dns_lookups",
        "dns_resolution_config",
        "typed_dns_resolver_config",
        "bootstrap_extensions",
        "fatal_actions",
        "config_sources",
        "default_config_source",
        "default_socket_interface",
        "certificate_provider_instances",
        "inline_headers",
        "perf_tracing_file_path",
        "default_regex_engine",
        "xds_delegate_extension",
        "xds_config_tracker_extension",
        "listener_manager",
        "application_log_config",
        "grpc_async_client_manager_config",
        "memory_allocator_manager",
    ],
    grows: true,
};
const STATIC: Message =
    Message { name: "static_resources", fields: &["listeners", "clusters", "secrets"], grows: false };
const DYNAMIC: Message = Message {
    name: "dynamic_resources",
    fields: &["lds_config", "lds_resources_locator", "cds_config", "cds_resources_locator", "ads_config"],
    grows: false,
};

pub fn check(document: &Document, findings: &mut Findings) {
    let root = Cursor::root(document);
    if ["apiVersion", "services"].iter().any(|name| root.get(name).is_some()) {
        return;
    }
    let mut fields = Fields { host: Host::Envoy, findings };
    if is_bootstrap(&root) {
        fields.of(&root, &BOOTSTRAP);
        for (name, message) in [("static_resources", &STATIC), ("dynamic_resources", &DYNAMIC)] {
            if let Some(at) = root.get(name) {
                fields.of(&at, message);
            }
        }
    } else if is_response(&root) {
        fields.of(&root, &RESPONSE);
    }
}

/// Whether this is a bootstrap, also if the member with its listeners and clusters is misspelt.
fn is_bootstrap(root: &Cursor<'_>) -> bool {
    let own = ["static_resources", "dynamic_resources", "layered_runtime", "overload_manager", "stats_config"];
    let has_resources =
        |member: &Cursor<'_>| !(member.list("listeners").is_empty() && member.list("clusters").is_empty());
    own.iter().any(|name| root.get(name).is_some()) || root.members().iter().any(|(_, member)| has_resources(member))
}

/// Whether this has resources with their types, whatever the list is called. Those of a dump of Envoy's state are no
/// resources.
fn is_response(root: &Cursor<'_>) -> bool {
    let is_resource = |element: &Cursor<'_>| {
        element.text_at("@type").is_some_and(|kind| kind.contains("/envoy.") && !kind.contains("/envoy.admin."))
    };
    let is_typed =
        root.get("@type").is_some_and(|kind| !kind.text().is_some_and(|kind| kind.ends_with(".DiscoveryResponse")));
    !is_typed && root.members().iter().any(|(_, member)| member.elements().iter().any(is_resource))
}
