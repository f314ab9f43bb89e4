//! Whether something holds a request until it is verified, and whether `body_hold` says who.

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::{Filter, Flag, Host, Setup};
use super::super::sources;
use super::routing;
use crate::cli::document::cursor::Cursor;

const FLAG: &str = "allow_on_headers_stop_iteration: true";

pub fn check(setup: &Setup<'_>, findings: &mut Findings) {
    let Some(configuration) = &setup.configuration else { return };
    if setup.host == Host::Unknown || !configuration.needs_hold() {
        return;
    }
    let root = configuration.root();
    let said = root.get("body_hold");
    let by_chain = said.as_ref().and_then(|said| said.text()) == Some("chain");
    let at = said.unwrap_or_else(|| setup.plugin.clone());
    let working: Vec<_> =
        setup.chain.after("buffer").filter(|filter| filter.off.is_none() || enabled(setup, filter)).collect();
    match (by_chain, setup.flag, working.is_empty()) {
        (_, Flag::Unknown, _) => {}
        (false, Flag::Set, true) => {}
        (false, Flag::Set, false) => {
            let message = "the plugin holds requests (the flag is set), and a buffer filter behind it holds them again";
            let right = "leave the buffer filter out, unless another filter needs it";
            let at = working.first().map_or(&setup.plugin, |filter| &filter.at);
            findings.add(&codes::HOLD_TWICE, at, message, right);
        }
        (false, Flag::Missing | Flag::Impossible, false) => {
            let message = "\"body_hold\" is \"filter\", and it is the chain that holds: the flag is missing, so that \
                           requests that wait for their body end in 503";
            findings.add(
                &codes::HOLD_CONTRADICTS,
                &at,
                message,
                "set \"body_hold\": \"chain\" in the plugin's configuration",
            );
        }
        (false, Flag::Missing, true) => {
            let message = "nothing holds requests until they are verified: the plugin lacks \
                           allow_on_headers_stop_iteration, so that requests that wait for their body end in 503";
            let right = format!(
                "set {FLAG} on the plugin (Envoy 1.35 or newer); or say \"body_hold\": \"chain\" and put \
                 envoy.filters.http.buffer after it"
            );
            findings.add(&codes::HOLD_MISSING, &setup.plugin, message, right);
        }
        (false, Flag::Impossible, true) => {
            let message = "nothing holds requests until they are verified: this kind of resource cannot set \
                           allow_on_headers_stop_iteration, so that requests that wait for their body end in 503";
            let right = format!("set \"body_hold\": \"chain\", and {}", behind(setup.host));
            findings.add(&codes::HOLD_MISSING, &at, message, right);
        }
        (true, Flag::Set, false) => {
            let message = "both ways to hold are there; with \"chain\" the upstream gets no key id and no event id";
            let right = "set \"body_hold\": \"filter\" and leave the buffer filter out";
            findings.add(&codes::HOLD_TWICE, &at, message, right);
        }
        (true, _, false) => check_routes(setup, &working, findings),
        (true, flag, true) => nothing_behind(setup, &at, flag, findings),
    }
}

/// `body_hold` is `chain`, and no buffer filter works behind the plugin.
fn nothing_behind(setup: &Setup<'_>, at: &Cursor<'_>, flag: Flag, findings: &mut Findings) {
    let shown = "the upstream sees the headers of requests that are refused later";
    if !setup.chain.astray.is_empty() {
        for astray in &setup.chain.astray {
            findings.add(astray.code, &astray.at, &astray.message, &astray.right);
        }
    } else if let Some(filter) = setup.chain.after("buffer").next() {
        let off = filter.off.as_ref().unwrap_or(&filter.at);
        let message = format!("the buffer filter is switched off, so that nothing holds requests: {shown}");
        findings.add(&codes::BUFFER_OFF, off, message, "switch it on where webhooks go");
    } else if let Some(filter) = setup.chain.before("buffer").next() {
        let message =
            format!("the buffer filter comes before hookwarden, where it does not protect the upstream: {shown}");
        let right = match setup.host {
            Host::EnvoyGateway => {
                "order it after: EnvoyProxy spec.filterOrder: [{ name: envoy.filters.http.buffer, \
                 after: envoy.filters.http.wasm }] (Envoy Gateway 1.6 or newer)"
            }
            Host::Istio => "insert it before the router: INSERT_BEFORE, with subFilter envoy.filters.http.router",
            _ => "move it after hookwarden, directly before the router",
        };
        findings.add(&codes::BUFFER_BEFORE, &filter.at, message, right);
    } else if flag == Flag::Set {
        let message = format!(
            "\"body_hold\" is \"chain\" and no buffer filter comes after the plugin: {shown}; the flag for the \
             other way is set"
        );
        findings.add(&codes::HOLD_CONTRADICTS, at, message, "set \"body_hold\": \"filter\", or leave it out");
    } else if setup.chain.is_known {
        let message = format!(
            "nothing holds requests until they are verified: no buffer filter comes after the plugin, and {shown}"
        );
        findings.add(&codes::HOLD_MISSING, &setup.plugin, message, behind(setup.host));
    } else {
        let message =
            format!("\"body_hold\" is \"chain\", and no chain is in these files; without a buffer filter {shown}");
        findings.add(&codes::HOLD_UNSEEN, at, message, "check the file with the filters around the plugin, too");
    }
}

fn behind(host: Host) -> &'static str {
    match host {
        Host::Istio => {
            "insert envoy.filters.http.buffer before the router with an EnvoyFilter; if it is in another file, check \
             both at once"
        }
        Host::EnvoyGateway => {
            "add a BackendTrafficPolicy with requestBuffer, and order it after wasm with EnvoyProxy \
             spec.filterOrder; if they are in other files, check them at once"
        }
        _ => "put envoy.filters.http.buffer after the plugin, directly before the router",
    }
}

/// A filter that is off by default works where a route gives it a configuration: that has to be so for each source.
fn enabled(setup: &Setup<'_>, filter: &Filter<'_>) -> bool {
    let name = filter.at.text_at("name").unwrap_or_default();
    let mut on = routing::overrides(setup, name);
    on.retain(|over| !over.config.is_true_at("disabled"));
    let root = setup.configuration.as_ref().map(|configuration| configuration.root());
    let sources = root.as_ref().map(sources::sources).unwrap_or_default();
    let is_on = |source: &sources::Source<'_>| on.iter().any(|over| over.serves(source));
    !on.is_empty() && sources.iter().filter(|source| source.is_enforced()).all(is_on)
}

/// Routes for which the buffer filter is switched off.
fn check_routes(setup: &Setup<'_>, working: &[&Filter<'_>], findings: &mut Findings) {
    let Some(configuration) = &setup.configuration else { return };
    let root = configuration.root();
    let sources = sources::sources(&root);
    for filter in working {
        let name = filter.at.text_at("name").unwrap_or_default();
        for over in routing::overrides(setup, name).iter().filter(|over| over.config.is_true_at("disabled")) {
            if let Some(source) = sources.iter().find(|source| source.is_enforced() && over.serves(source)) {
                let message = format!(
                    "the buffer filter is switched off for a route of source {:?}: the upstream sees the headers of \
                     its requests before they are verified",
                    source.name
                );
                findings.add(&codes::BUFFER_OFF, &over.config, message, "switch it on where webhooks go");
            }
        }
    }
}
