//! Live secrets: what puts them into filter state, and what prints them.

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::{Filter, Host, Setup};
use super::super::sources::Source;
use super::Surroundings;
use super::clusters::Clusters;
use super::tls::{self, Fetched};
use crate::cli::document::cursor::Cursor;

pub fn check(setup: &Setup<'_>, surroundings: &Surroundings<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    let clusters = Clusters::of(setup, surroundings);
    for source in sources {
        let mut seen = Vec::new();
        for secret in secrets(source) {
            if let Some(key) = secret.get("filter_state") {
                puts(setup, source, &key, findings);
                prints(setup, &key, findings);
            }
            let Some(http) = secret.get("http") else { continue };
            let Some(name) = http.text_at("cluster") else { continue };
            let entry = clusters.entries.iter().find(|entry| entry.text_at("name") == Some(name));
            // Several secrets may come from one service, which is at fault once.
            if let Some(entry) = entry.filter(|entry| !tls::is_local(entry))
                && !seen.contains(&name.to_owned())
            {
                seen.push(name.to_owned());
                verifies(source, &http, entry, findings);
            }
        }
    }
}

/// The cluster of a service elsewhere must verify who answers.
fn verifies(source: &Source<'_>, http: &Cursor<'_>, cluster: &Cursor<'_>, findings: &mut Findings) {
    let authority = http.text_at("authority").map(|text| text.split(':').next().unwrap_or(text));
    let fetched = Fetched {
        what: format!("the live secrets of source {:?}", source.name),
        host: authority,
        server: "the service",
        example: "docs/live-secrets.md#vault",
        code: &codes::LIVE_TLS,
    };
    fetched.check(cluster, findings);
}

/// The secrets of a source, where they stand.
pub fn secrets<'a>(source: &Source<'a>) -> Vec<Cursor<'a>> {
    let entries = source.entry.lists().flat_map(|(_, list)| &list.secrets);
    entries.filter_map(|secret| source.at.find(&secret.path)).collect()
}

/// A filter in front of ours must put the secret into filter state.
fn puts(setup: &Setup<'_>, source: &Source<'_>, at: &Cursor<'_>, findings: &mut Findings) {
    let Some(key) = at.text().filter(|_| setup.host != Host::Unknown && setup.chain.is_known) else { return };
    let puts = |filter: &&Filter<'_>| {
        let entries = filter.config.as_ref().map(|config| config.list("on_request_headers")).unwrap_or_default();
        entries.iter().any(|entry| entry.text_at("object_key") == Some(key))
    };
    let before: Vec<_> = setup.chain.before("set_filter_state").filter(puts).collect();
    if before.iter().any(|filter| filter.off.is_none()) {
        return;
    }
    let closed = format!("source {:?} answers 503", source.name);
    if let Some(off) = before.iter().find_map(|filter| filter.off.as_ref()) {
        let message = format!("set_filter_state is switched off, or for some requests only: without {key} {closed}");
        findings.add(&codes::LIVE_SECRET_UNSET, off, message, "switch it on wherever the plugin is on");
    } else if let Some(filter) = setup.chain.after("set_filter_state").find(puts) {
        let message = format!("set_filter_state stands behind hookwarden, which looks for {key} first: {closed}");
        let right = match setup.host {
            Host::Istio => "put it before the plugin: INSERT_FIRST",
            _ => "put it before the plugin",
        };
        findings.add(&codes::LIVE_SECRET_UNSET, &filter.at, message, right);
    } else {
        let no_way = match setup.host {
            Host::Istio => ", and Istio's own resources cannot hand a Secret to a plugin",
            Host::EnvoyGateway => ", and Envoy Gateway's own resources cannot hand a Secret to a plugin",
            Host::Envoy | Host::Unknown => "",
        };
        let message = format!("no filter before the plugin puts {key} into filter state{no_way}: {closed}");
        let right = match setup.host {
            Host::Istio => {
                "insert envoy.filters.http.set_filter_state with this object_key by an EnvoyFilter for the same \
                 workloads, INSERT_FIRST (Envoy 1.38 or newer): see envoy/envoy-live-secrets.yaml"
            }
            Host::EnvoyGateway => {
                "insert envoy.filters.http.set_filter_state with this object_key by an EnvoyPatchPolicy, as the first \
                 filter (Envoy 1.38 or newer): see envoy/envoy-live-secrets.yaml"
            }
            Host::Envoy | Host::Unknown => {
                "put envoy.filters.http.set_filter_state with this object_key before the plugin (Envoy 1.38 or \
                 newer): see envoy/envoy-live-secrets.yaml"
            }
        };
        findings.add(&codes::LIVE_SECRET_UNSET, at, message, right);
    }
}

/// A log format that prints the secret.
fn prints(setup: &Setup<'_>, at: &Cursor<'_>, findings: &mut Findings) {
    let (Some(key), Some(manager)) = (at.text(), &setup.manager) else { return };
    let operator = format!("FILTER_STATE({key}");
    let shows = |text: &str| {
        let rests = text.match_indices(&operator).filter_map(|(at, found)| text.get(at.saturating_add(found.len())..));
        rests.into_iter().any(|rest| rest.starts_with([')', ':']))
    };
    for log in manager.at.list("access_log").into_iter().filter(|log| shows(&log.value.to_json())) {
        let message = format!("the log prints {key}, which is a secret");
        findings.add(&codes::LIVE_SECRET_LOGGED, &log, message, "take it out of the log's format");
    }
}
