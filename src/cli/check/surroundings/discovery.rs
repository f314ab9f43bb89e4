//! What Envoy does with requests while it does not have the plugin: until its configuration arrives (ECDS), or where it does
//! not know the filter.

use super::super::codes;
use super::super::envoy::names_us;
use super::super::findings::Findings;
use super::super::setup::{Filter, Setup};
use super::Surroundings;
use crate::cli::document::cursor::Cursor;
use crate::cli::document::value::Value;

/// Every filter in a chain that is a plugin of ours, or asks for one.
pub fn check(surroundings: &Surroundings<'_>, setups: &[Setup<'_>], findings: &mut Findings) {
    let of_chains = surroundings.proxies.managers.iter().flat_map(|manager| &manager.filters);
    for filter in of_chains
        .chain(setups.iter().filter_map(|setup| setup.filter.as_ref()))
        .filter(|filter| filter.is_ours || asks_for_us(filter))
    {
        check_filter(filter, findings);
    }
}

/// Whether a filter whose configuration is not in the files is one of ours by its name.
fn asks_for_us(filter: &Filter<'_>) -> bool {
    filter.discovery.is_some() && filter.at.text_at("name").is_some_and(names_us)
}

fn check_filter(filter: &Filter<'_>, findings: &mut Findings) {
    if let Some(at) = filter.at.get("is_optional").filter(|at| at.value.is_true()) {
        let message = "an Envoy that does not know the filter leaves it out, and every request passes unverified";
        findings.add(&codes::FAILS_OPEN, &at, message, "leave is_optional out");
    }
    let Some(discovery) = &filter.discovery else { return };
    if let Some(at) = discovery.get("default_config").filter(|at| !denies(at)) {
        let message = "until the plugin's configuration arrives, or if it never does, every request passes unverified";
        let right = "leave default_config out, so that Envoy waits and then answers 500; or take a default that denies";
        findings.add(&codes::FAILS_OPEN, &at, message, right);
    }
}

/// Whether a configuration lets nothing pass: RBAC with rules that allow nobody, or a plugin of ours that is closed itself.
fn denies(config: &Cursor<'_>) -> bool {
    let kind = config.text_at("@type").unwrap_or_default();
    let struct_kind = config.text_at("type_url").unwrap_or_default();
    let is_of = |name: &str| kind.ends_with(name) || struct_kind.ends_with(name);
    let config = config.get("value").filter(|_| kind.ends_with(".TypedStruct")).unwrap_or_else(|| config.clone());
    if is_of(".rbac.v3.RBAC") {
        let Some(rules) = config.get("rules") else { return false };
        let allows = matches!(rules.value.get("action").and_then(Value::plain), None | Some("ALLOW" | "0"));
        return allows && rules.value.get("policies").is_none_or(|policies| policies.members().is_empty());
    }
    is_of(".wasm.v3.Wasm") && names_us(&config.value.to_json())
}
