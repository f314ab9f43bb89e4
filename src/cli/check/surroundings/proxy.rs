//! The proxy as a whole: the admin port, metrics, logs, time-outs, and ways around the plugin.

use std::net::IpAddr;
use std::rc::Rc;

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::{Manager, Setup};
use super::super::sources::Source;
use super::{Surroundings, routing};
use crate::cli::document::cursor::Cursor;

pub fn check(setup: &Setup<'_>, surroundings: &Surroundings<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    let Some(manager) = &setup.manager else { return };
    logs(&manager.at, sources, findings);
    time_outs(&manager.at, findings);
    ways_around(manager, surroundings, findings);
}

/// A log format with the query, where a secret is in the query.
fn logs(manager: &Cursor<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    let Some(source) = sources.iter().find(|source| source.has_proof_in_query()) else { return };
    for log in manager.list("access_log") {
        let format = log.at(&["typed_config", "log_format"]);
        let with_query = |text: &str| {
            let without = text.replace(":PATH):NQ", "").replace("%PATH(NQ", "");
            without.contains(":PATH") || without.contains("%PATH(") || without.contains("%REQUEST_PATH")
        };
        let found = match &format {
            Some(format) => with_query(&format.value.to_json()),
            // Envoy's own format has the path with its query.
            None => log.get("typed_config").is_some(),
        };
        if found {
            let message =
                format!("the log shows the query, in which the sender of source {:?} puts its secret", source.name);
            findings.add(&codes::QUERY_LOGGED, &format.unwrap_or(log), message, "log the path as %PATH(NQ)%");
        }
    }
}

fn time_outs(manager: &Cursor<'_>, findings: &mut Findings) {
    for name in ["request_timeout", "stream_idle_timeout", "request_headers_timeout"] {
        let off = manager
            .get(name)
            .filter(|at| at.text().is_some_and(|text| text.trim_end_matches('s').parse() == Ok(0.0_f64)));
        // The other two are off unless set; together they leave nothing that ends a slow sender's request.
        if let Some(at) = off.filter(|_| name == "stream_idle_timeout" || manager.get("request_timeout").is_some()) {
            let message = format!("{name} is off: a sender that stalls can hold memory indefinitely");
            findings.add(&codes::TIMEOUT_OFF, &at, message, format!("set {name}: 60s"));
        }
    }
}

/// Other listeners that lead to the same clusters without the plugin.
fn ways_around(manager: &Manager<'_>, surroundings: &Surroundings<'_>, findings: &mut Findings) {
    let guarded: Vec<_> = routing::clusters(&manager.routes).into_iter().map(|(name, _)| name).collect();
    let is_unguarded = |other: &&Rc<Manager<'_>>| !other.filters.iter().any(|filter| filter.is_ours);
    // Two files may be two proxies.
    let is_same_proxy = |other: &&Rc<Manager<'_>>| other.at.document.file == manager.at.document.file;
    for other in surroundings.proxies.managers.iter().filter(is_unguarded).filter(is_same_proxy) {
        for (name, at) in routing::clusters(&other.routes).into_iter().filter(|(name, _)| guarded.contains(name)) {
            let message = format!(
                "this listener leads to cluster {name:?} too, and has no hookwarden: requests to it are not verified"
            );
            findings.add(&codes::WAY_AROUND, &at, message, "give it the plugin too, or another cluster");
        }
    }
}

/// What is said once of each proxy.
pub fn check_all(surroundings: &Surroundings<'_>, findings: &mut Findings) {
    for bootstrap in &surroundings.proxies.bootstraps {
        let address = bootstrap.at(&["admin", "address", "socket_address", "address"]);
        if let Some(at) = address.filter(|at| at.text().is_some_and(is_public)) {
            let message =
                "the admin port shows the whole configuration and can stop the process, and is reachable from outside";
            findings.add(&codes::ADMIN_PUBLIC, &at, message, "let it listen on 127.0.0.1");
        }
        let has_plugin = surroundings.proxies.managers.iter().any(|manager| {
            std::ptr::eq(manager.at.document, bootstrap.document) && manager.filters.iter().any(|filter| filter.is_ours)
        });
        let tags = bootstrap.at(&["stats_config", "stats_tags"]).map(|tags| tags.value.to_json()).unwrap_or_default();
        if has_plugin && !tags.contains("hookwarden") {
            let at = bootstrap.get("stats_config").unwrap_or_else(|| bootstrap.clone());
            let message =
                "there are no stats_tags for hookwarden: source, code and secret appear only in the metrics' names";
            findings.add(&codes::STATS_TAGS, &at, message, "take stats_config from envoy/envoy.yaml");
        }
    }
}

/// Whether an address can be reached from another machine. A private one can be reached by neighbours, which is too
/// many.
fn is_public(address: &str) -> bool {
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => !address.is_loopback(),
        Ok(IpAddr::V6(address)) => !address.is_loopback(),
        Err(_) => address != "localhost",
    }
}
