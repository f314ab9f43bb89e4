//! What becomes of a plugin whose VM stopped, and of an Envoy whose memory runs out.

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::{Host, Setup};
use super::Surroundings;
use crate::cli::document::cursor::Cursor;

const HEAP: &str = "envoy.resource_monitors.fixed_heap";
/// What an Envoy whose heap is nearly full has to do, in this order.
const ACTIONS: [&str; 2] = ["envoy.overload_actions.shrink_heap", "envoy.overload_actions.stop_accepting_requests"];

/// Whether a VM that stopped is started again.
pub fn check(setup: &Setup<'_>, findings: &mut Findings) {
    let (name, word) = match setup.host {
        Host::Envoy => ("failure_policy", "FAIL_RELOAD"),
        Host::Istio if setup.filter.is_some() => ("failure_policy", "FAIL_RELOAD"),
        Host::Istio => ("failStrategy", "FAIL_RELOAD"),
        // The policy of the one knows open and closed only, and of the other nothing is seen.
        Host::EnvoyGateway | Host::Unknown => return,
    };
    // In a TrafficExtension it is below `wasm`.
    let policy = setup.plugin.get(name).or_else(|| setup.plugin.at(&["wasm", name]));
    // A word that is not known, and one that opens, have findings of their own.
    let stays = match policy.as_ref().and_then(|policy| policy.value.plain()) {
        Some(policy) => matches!(policy, "FAIL_CLOSED" | "FAIL_CLOSE" | "UNSPECIFIED" | "0" | "2"),
        None => true,
    };
    if stays && setup.fails_open.is_none() {
        let message = "a VM that stopped, for want of memory or by a fault, stays stopped: every source answers 503 until \
                       Envoy starts again";
        let right =
            format!("set {name}: {word} (Envoy 1.33 or newer), which starts a new VM and lets nothing pass meanwhile");
        findings.add(&codes::STAYS_STOPPED, policy.as_ref().unwrap_or(&setup.plugin), message, right);
    }
}

/// Whether an Envoy refuses requests before its memory runs out.
pub fn check_heaps(surroundings: &Surroundings<'_>, findings: &mut Findings) {
    for bootstrap in &surroundings.proxies.bootstraps {
        let has_plugin = surroundings.proxies.managers.iter().any(|manager| {
            std::ptr::eq(manager.at.document, bootstrap.document) && manager.filters.iter().any(|filter| filter.is_ours)
        });
        if !has_plugin {
            continue;
        }
        let overload = bootstrap.get("overload_manager");
        let lacks = overload.as_ref().map_or(Some(HEAP), lacking);
        if let Some(lacks) = lacks {
            let message = format!(
                "overload_manager has no {lacks} for the heap: held bodies can take all memory, and the kernel then ends \
                 Envoy with every request in it"
            );
            let right = "take overload_manager from envoy/envoy.yaml, with a limit below that of the container";
            findings.add(&codes::HEAP_UNBOUNDED, overload.as_ref().unwrap_or(bootstrap), message, right);
        }
    }
}

/// The first part that is missing.
fn lacking(overload: &Cursor<'_>) -> Option<&'static str> {
    let is_named = |name: &'static str| move |part: &Cursor<'_>| part.text_at("name") == Some(name);
    if !overload.list("resource_monitors").iter().any(is_named(HEAP)) {
        return Some(HEAP);
    }
    let actions = overload.list("actions");
    ACTIONS.into_iter().find(|action| {
        let found = actions.iter().find(|part| is_named(action)(part));
        !found.is_some_and(|action| action.list("triggers").iter().any(is_named(HEAP)))
    })
}
