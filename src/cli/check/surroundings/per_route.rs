//! Configurations that routes give the plugin: Envoy takes none, only `disabled`.

use super::super::codes;
use super::super::findings::Findings;
use super::Surroundings;
use crate::cli::document::cursor::Cursor;

/// Where the types of wasm filters are.
const WASM: &str = ".filters.http.wasm.v3.Wasm";

pub fn check(surroundings: &Surroundings<'_>, findings: &mut Findings) {
    for document in surroundings.documents {
        walk(&Cursor::root(document), findings);
    }
}

fn walk(cursor: &Cursor<'_>, findings: &mut Findings) {
    for (name, member) in cursor.members() {
        match name {
            "typed_per_filter_config" | "typedPerFilterConfig" => {
                for (filter, config) in member.members() {
                    check_config(filter, &config, findings);
                }
            }
            _ => walk(&member, findings),
        }
    }
    for element in cursor.elements() {
        walk(&element, findings);
    }
}

fn check_config(filter: &str, config: &Cursor<'_>, findings: &mut Findings) {
    let within = config.get("config").filter(|_| is_of(config, ".route.v3.FilterConfig"));
    let inner = within.as_ref().unwrap_or(config);
    if !is_of(inner, WASM) {
        return;
    }
    // Envoy 1.40 takes a wrapper that is optional, and leaves what is in it unread.
    let what = if within.is_some() && config.is_true_at("is_optional") { "ignores" } else { "refuses" };
    let message = format!(
        "a route configures {filter}, and Envoy {what} that: a wasm filter has one configuration for all routes"
    );
    let right = "give the plugin another source with its own path or host; a route may only switch the filter off, with \
                 type.googleapis.com/envoy.config.route.v3.FilterConfig and disabled: true";
    findings.add(&codes::PER_ROUTE, config, message, right);
}

/// Whether a message, or the one in a `TypedStruct`, has a type with this end.
fn is_of(config: &Cursor<'_>, end: &str) -> bool {
    ["@type", "type_url"].iter().any(|name| config.text_at(name).is_some_and(|kind| kind.ends_with(end)))
}
