//! The filters around the plugin, and what becomes of a request if the module cannot run.

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::{Filter, Setup};
use super::super::sources::sources;
use crate::cli::document::cursor::Cursor;

/// What a filter does to requests on their way to the filters behind it.
enum Change {
    /// It changes the body, and the headers that speak of it.
    Body(&'static str),
    /// It may: that is up to code or a service that cannot be seen from here.
    Anything(&'static str),
    /// It changes or removes headers.
    Headers(&'static str),
    /// It takes the header `Authorization` away, or sets it.
    Authorization(&'static str),
}

fn change(filter: &Filter<'_>) -> Option<Change> {
    let config = filter.config.as_ref();
    let change = match filter.kind.as_str() {
        "decompressor" if decompresses(filter) => {
            Change::Body("decompresses bodies, and the sender signed them as they were sent")
        }
        "compressor" if config.is_some_and(|config| config.get("request_direction_config").is_some()) => {
            Change::Body("compresses bodies of requests")
        }
        "grpc_json_transcoder" => Change::Body("recodes bodies between JSON and gRPC"),
        "grpc_http1_bridge" | "grpc_http1_reverse_bridge" | "connect_grpc_bridge" | "grpc_web" => {
            Change::Body("recodes bodies of gRPC")
        }
        "lua" => Change::Anything("runs a script that can change headers and body"),
        "golang" => Change::Anything("runs a plugin that can change headers and body"),
        "dynamic_modules" | "dynamic_modules_filter" => {
            Change::Anything("runs a module that can change headers and body")
        }
        "wasm" => Change::Anything("runs another wasm module, which can change headers and body"),
        "ext_proc" => Change::Anything("lets a service change headers and body"),
        "transform" | "proto_message_scrubbing" => Change::Body("changes bodies"),
        "header_mutation" => Change::Headers("changes headers"),
        "ext_authz" => Change::Headers("lets a service add and remove headers"),
        "jwt_authn" => Change::Authorization("takes a valid token out of the request, unless it says forward: true"),
        "oauth2" => Change::Authorization("sets Authorization from its own cookies"),
        "credential_injector" | "gcp_authn" => Change::Authorization("writes credentials of its own into the request"),
        "aws_request_signing" | "aws_lambda" => Change::Headers("signs the request anew"),
        _ => return None,
    };
    Some(change)
}

/// A decompressor works on requests unless they are switched off.
fn decompresses(filter: &Filter<'_>) -> bool {
    let Some(config) = &filter.config else { return true };
    let enabled = config.at(&["request_direction_config", "common_config", "enabled", "default_value"]);
    enabled.is_none_or(|enabled| enabled.value.is_true())
}

pub fn check(setup: &Setup<'_>, findings: &mut Findings) {
    if let Some(open) = &setup.fails_open {
        let message = "if the module cannot run, every request passes unverified";
        let right =
            "set failure_policy: FAIL_RELOAD (Istio: failStrategy: FAIL_RELOAD; Envoy Gateway: failOpen: false)";
        findings.add(&codes::FAILS_OPEN, open, message, right);
    }
    if let Some(at) = &setup.unpinned {
        let message = "the module is not pinned: anyone who can write there can replace it";
        findings.add(
            &codes::MODULE_UNPINNED,
            at,
            message,
            "pin it by its sum: sha256, or @sha256:… in the image's name",
        );
    }
    for filter in setup.chain.before.iter().filter(|filter| filter.off.is_none()) {
        tell(setup, filter, findings);
    }
    if let Some(manager) = &setup.manager {
        let early = manager.at.get("early_header_mutation_extensions").filter(|list| !list.elements().is_empty());
        if let Some(early) = early.filter(|list| !list.elements().iter().all(only_steers)) {
            let message = "headers are changed before any filter sees them; what the sender signed must stay";
            findings.add(&codes::HEADERS_CHANGED, &early, message, "see that it leaves signed headers alone");
        }
    }
}

/// Whether an early mutation only takes away headers that are Envoy's own, which nobody signs.
fn only_steers(mutation: &Cursor<'_>) -> bool {
    let mutations = mutation.at(&["typed_config", "mutations"]).map(|list| list.elements()).unwrap_or_default();
    let takes_away = |mutation: &Cursor<'_>| {
        mutation.text_at("remove").is_some_and(|name| name.to_ascii_lowercase().starts_with("x-envoy-"))
    };
    !mutations.is_empty() && mutations.iter().all(takes_away)
}

fn tell(setup: &Setup<'_>, filter: &Filter<'_>, findings: &mut Findings) {
    if filter.kind == "router" {
        let message = "hookwarden comes after the router, which is the last filter of the chain";
        findings.add(&codes::BEHIND_ROUTER, &setup.plugin, message, "put it before envoy.filters.http.router");
        return;
    }
    if filter.is_ours {
        let message = "another hookwarden plugin precedes this one in the chain: each removes the other's \
                       x-hookwarden-* headers and refuses what its own sources do not match";
        findings.add(&codes::PLUGINS_IN_CHAIN, &setup.plugin, message, "put all sources into one plugin");
        return;
    }
    let behind = "put it behind hookwarden";
    match change(filter) {
        Some(Change::Body(what)) => {
            let message = format!("{} before hookwarden {what}: signatures will not match", filter.kind);
            findings.add(&codes::BODY_CHANGED, &filter.at, message, behind);
        }
        Some(Change::Anything(what)) => {
            let message =
                format!("{} before hookwarden {what}; what the sender signed must arrive as it was sent", filter.kind);
            findings.add(&codes::BODY_CHANGED, &filter.at, message, behind);
        }
        Some(Change::Headers(what)) => {
            let message = format!("{} before hookwarden {what}; signed headers and signatures must stay", filter.kind);
            findings.add(&codes::HEADERS_CHANGED, &filter.at, message, behind);
        }
        Some(Change::Authorization(what)) => {
            let configuration = setup.configuration.as_ref();
            let used = configuration.is_some_and(|configuration| {
                sources(&configuration.root()).iter().any(|source| source.has_proof_in_authorization())
            });
            if used {
                let message =
                    format!("{} before hookwarden {what}, and a source is verified by Authorization", filter.kind);
                findings.add(&codes::HEADERS_CHANGED, &filter.at, message, behind);
            }
        }
        None => {}
    }
}
