//! Whether the client's address can be believed where a rule goes by it.

use std::time::Duration;

use hookwarden::verify::primitives::timestamp::{UnixTime, parse_rfc3339};

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::{Host, Setup};
use super::super::sources::Source;
use super::Surroundings;
use crate::cli::document::cursor::Cursor;
use crate::cli::document::value::Value;
use crate::cli::registry;

/// How old a list of a sender's networks may be.
const FRESH: Duration = Duration::from_secs(183 * 24 * 60 * 60);

pub fn check(setup: &Setup<'_>, surroundings: &Surroundings<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    let rule = sources.iter().find_map(|source| Some((source, source.address_rule()?)));
    for source in sources {
        shared(source, findings);
        outdated(source, surroundings.now, findings);
    }
    match setup.host {
        Host::Envoy => {
            if let Some(manager) = &setup.manager {
                of_envoy(&manager.at, rule, findings);
                forwarded(&manager.at, sources, findings);
                internal(&manager.at, findings);
            }
        }
        Host::Istio => {
            let inbound = setup.workloads.as_ref().is_some_and(|workloads| workloads.are_behind_sidecars);
            if let (true, Some((source, at))) = (inbound, rule) {
                let message = format!(
                    "source {:?} goes by the client's address, and a sidecar takes what X-Forwarded-For says: whoever \
                     reaches the pod can write it",
                    source.name
                );
                let right = "put rules on addresses into the gateway's plugin, where the peer's address is known";
                findings.add(&codes::ADDRESS_FORGEABLE, &at, message, right);
            }
        }
        Host::EnvoyGateway => {
            let policies = surroundings.objects.iter().filter(|object| object.kind == "ClientTrafficPolicy");
            let header = policies.filter_map(|policy| policy.spec.at(&["clientIPDetection", "customHeader"])).next();
            if let (Some(header), Some((source, _))) = (header, rule) {
                let message = format!(
                    "source {:?} goes by the client's address, which is taken from a header: anybody who reaches this \
                     gateway directly can write it",
                    source.name
                );
                findings.add(
                    &codes::ADDRESS_UNTRUSTED,
                    &header,
                    message,
                    "see that only the proxy in front can reach the gateway",
                );
            }
        }
        Host::Unknown => {}
    }
}

fn of_envoy(manager: &Cursor<'_>, rule: Option<(&Source<'_>, Cursor<'_>)>, findings: &mut Findings) {
    let detected = manager.get("original_ip_detection_extensions").is_some_and(|list| !list.elements().is_empty());
    let used = manager.get("use_remote_address");
    if detected || used.as_ref().is_some_and(|used| used.value.is_true()) {
        return;
    }
    let at = used.unwrap_or_else(|| manager.clone());
    match rule {
        Some((source, rule)) => {
            let message = format!(
                "use_remote_address is off, so that the client's address is what X-Forwarded-For says, which any client \
                 can set; source {:?} goes by it (line {})",
                source.name,
                rule.place().line
            );
            let right = "set use_remote_address: true, and xff_num_trusted_hops for the proxies in front";
            findings.add(&codes::ADDRESS_FORGEABLE, &at, message, right);
        }
        None => {
            let message = "use_remote_address is off: the client's address in log lines is what X-Forwarded-For says, \
                           which any client can set";
            let right = "set use_remote_address: true, and xff_num_trusted_hops for the proxies in front";
            findings.add(&codes::ADDRESS_UNTRUSTED, &at, message, right);
        }
    }
}

/// A source that believes a proxy's word on the scheme finds the proxy in X-Forwarded-For, where Envoy writes the peer
/// under `use_remote_address` only.
fn forwarded(manager: &Cursor<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    let name = "insecure_trust_forwarded_proto";
    let Some(rule) = sources.iter().find_map(|source| source.at.at(&["transport", name])) else { return };
    let appends =
        manager.is_true_at("use_remote_address") && !manager.value.get("skip_xff_append").is_some_and(Value::is_true);
    if !appends {
        let message =
            format!("{name} finds the proxy in X-Forwarded-For, to which this listener does not append its peer");
        let right = "set use_remote_address: true, and leave skip_xff_append out";
        findings.add(&codes::ADDRESS_FORGEABLE, &rule, message, right);
    }
}

/// Where a source allows the networks that its senders publish.
fn published<'a>(source: &Source<'a>) -> Option<Cursor<'a>> {
    let list = source.at.get("allow_from")?;
    let elements = if list.elements().is_empty() { vec![list] } else { list.elements() };
    elements.into_iter().find(|network| network.text() == Some("provider"))
}

/// Networks that were read long ago.
fn outdated(source: &Source<'_>, now: UnixTime, findings: &mut Findings) {
    let Some(at) = published(source) else { return };
    for (_, check) in source.checks() {
        let provider = check.provider.as_deref().and_then(registry::find);
        let Some((provider, networks)) = provider.and_then(|provider| Some((provider.name, provider.networks?))) else {
            continue;
        };
        let read = parse_rfc3339(&format!("{}T00:00:00Z", networks.read));
        let age = read.map(|read| Duration::from_millis(now.as_millis().saturating_sub(read.as_millis())));
        if age.is_some_and(|age| age > FRESH) {
            let message = format!(
                "the networks of {provider:?} were read on {}: requests from newer ones are refused as address_denied",
                networks.read
            );
            let right = if networks.source.is_empty() {
                "update hookwarden, or list the networks that the sender publishes today".to_owned()
            } else {
                format!("update hookwarden, or list those of {}", networks.source)
            };
            findings.add(&codes::NETWORKS_OLD, &at, message, right);
        }
    }
}

/// A limit by address on addresses that are rented to others, too.
fn shared(source: &Source<'_>, findings: &mut Findings) {
    if let (Some(_), Some(at)) = (published(source), source.at.get("flood_limit")) {
        let message = format!(
            "the networks that the sender of source {:?} publishes are often those of a cloud, which rents the same \
             addresses to others: a stranger's failed proofs can count against the sender",
            source.name
        );
        let right = "leave flood_limit out here, or choose it so large that only a flood meets it";
        findings.add(&codes::FLOOD_SHARED, &at, message, right);
    }
}

/// Callers whose `x-envoy-*` headers Envoy obeys: they set time-outs and retries of their own requests.
fn internal(manager: &Cursor<'_>, findings: &mut Findings) {
    let Some(at) = manager.get("internal_address_config") else { return };
    let takes_away = manager
        .get("early_header_mutation_extensions")
        .is_some_and(|mutations| mutations.value.to_json().contains("x-envoy-retry-on"));
    if takes_away {
        return;
    }
    let whom = match at.list("cidr_ranges").is_empty() {
        true => "without ranges it counts every caller with a private address as internal",
        false => "it counts callers as internal",
    };
    let message = format!(
        "{whom}, and their x-envoy-* headers set time-outs and retries: one signed event can reach the upstream more than \
         once, or be given up while the upstream takes it"
    );
    let right = "leave it out, or take those headers away before they count, with early_header_mutation_extensions";
    findings.add(&codes::INTERNAL_CALLERS, &at, message, right);
}
