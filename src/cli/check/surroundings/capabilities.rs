//! What Envoy may ask of the module, where that is restricted.

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::Setup;

/// What Envoy skips in silence: it then forwards the request. `docs/hosts.md` has the whole list.
const ASKED: [&str; 3] = ["proxy_on_request_headers", "proxy_on_request_body", "proxy_on_request_trailers"];

pub fn check(setup: &Setup<'_>, findings: &mut Findings) {
    let Some(at) = setup.plugin.at(&["capability_restriction_config", "allowed_capabilities"]) else { return };
    let allowed: Vec<_> = at.members().into_iter().map(|(name, _)| name).collect();
    // An empty list restricts nothing.
    let missing: Vec<_> = ASKED.into_iter().filter(|name| !allowed.contains(name)).collect();
    if allowed.is_empty() || missing.is_empty() {
        return;
    }
    let message = format!(
        "lacks {}, so that Envoy does not ask the module and forwards requests: forged ones pass",
        missing.join(", ")
    );
    findings.add(&codes::CAPABILITY_MISSING, &at, message, "add what is missing: docs/hosts.md has the whole list");
}
