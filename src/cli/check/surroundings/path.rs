//! What Envoy makes of paths before the plugin sees them.

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::{Host, Setup};
use super::super::sources::Source;
use super::Surroundings;
use crate::cli::document::cursor::Cursor;

pub fn check(setup: &Setup<'_>, surroundings: &Surroundings<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    let signed = sources.iter().find(|source| source.signs_url());
    match setup.host {
        Host::Envoy => {
            if let Some(manager) = &setup.manager {
                of_envoy(setup, &manager.at, signed, findings);
            }
        }
        Host::Istio => {
            if let Some(source) = signed.filter(|_| !istio_keeps(surroundings)) {
                let at = source.at.get("verify").unwrap_or_else(|| source.at.clone());
                let message = format!(
                    "source {:?} verifies the URL, and Istio normalises paths before the plugin sees them: a path that \
                     needs it will not match",
                    source.name
                );
                let right = "have the sender call a plain path; meshConfig.pathNormalization.normalization: NONE keeps \
                             paths as they came, and weakens policies that name paths";
                findings.add(&codes::PATH_TIDIED, &at, message, right);
            }
        }
        Host::EnvoyGateway => of_gateway(setup, surroundings, signed, findings),
        Host::Unknown => {}
    }
}

fn of_envoy(setup: &Setup<'_>, manager: &Cursor<'_>, signed: Option<&Source<'_>>, findings: &mut Findings) {
    let escaped = manager.get("path_with_escaped_slashes_action");
    let action = escaped.as_ref().and_then(|action| action.text()).unwrap_or("IMPLEMENTATION_SPECIFIC_DEFAULT");
    let keeps = matches!(action, "KEEP_UNCHANGED" | "IMPLEMENTATION_SPECIFIC_DEFAULT");
    let on = |name| manager.get(name).filter(|value| value.value.is_true());
    let why = match signed {
        Some(source) => format!(
            "source {:?} verifies the URL as the sender wrote it, so that signatures over such paths will not match",
            source.name
        ),
        None => "what two readers could read differently is tidied up and passes, where hookwarden would refuse it"
            .to_owned(),
    };
    for (name, what) in [("normalize_path", "dot segments and escapes"), ("merge_slashes", "repeated slashes")] {
        if let Some(at) = on(name) {
            let message = format!("{name} changes paths ({what}) before hookwarden sees them: {why}");
            findings.add(&codes::PATH_NORMALIZED, &at, message, format!("set {name}: false"));
        }
    }
    if let Some(at) = escaped.filter(|_| !keeps) {
        let message = format!("{action} acts on escaped slashes before hookwarden sees the path: {why}");
        findings.add(&codes::PATH_NORMALIZED, &at, message, "set KEEP_UNCHANGED: hookwarden refuses such paths itself");
    }
    let root = setup.configuration.as_ref().map(|configuration| configuration.root());
    let lets_on = root.and_then(|root| root.get("unmatched").filter(|word| word.text() == Some("allow")).map(|_| ()));
    match manager.get("normalize_path") {
        Some(at) if lets_on.is_some() && !at.value.is_true() => {
            let message = "path normalisation is off, and with \"unmatched\": \"allow\" requests that no source matches go \
                           on with their path as it came: routes and the upstream must read /../, // and %2f as Envoy does";
            let right = "deny what no source matches, or give webhooks a listener of their own";
            findings.add(&codes::PATH_RAW, &at, message, right);
        }
        None => {
            let message = "normalize_path is not set: whether paths are changed is up to the runtime and the build";
            let right = "set normalize_path: false, merge_slashes: false and path_with_escaped_slashes_action: \
                         KEEP_UNCHANGED, so that hookwarden sees what the sender wrote";
            findings.add(&codes::PATH_UNSET, manager, message, right);
        }
        Some(_) => {}
    }
}

/// Whether Istio's mesh configuration is among the files and leaves paths alone.
fn istio_keeps(surroundings: &Surroundings<'_>) -> bool {
    let keeps =
        |at: &Cursor<'_>| at.at(&["pathNormalization", "normalization"]).and_then(|word| word.text()) == Some("NONE");
    surroundings.objects.iter().any(|object| {
        let operator = object.spec.at(&["meshConfig"]).or_else(|| object.spec.at(&["values", "meshConfig"]));
        operator.is_some_and(|mesh| keeps(&mesh))
    })
}

fn of_gateway(
    setup: &Setup<'_>,
    surroundings: &Surroundings<'_>,
    signed: Option<&Source<'_>>,
    findings: &mut Findings,
) {
    let Some(source) = signed else { return };
    let policies: Vec<_> = surroundings.objects.iter().filter(|object| object.kind == "ClientTrafficPolicy").collect();
    let paths = policies.iter().find_map(|policy| policy.spec.get("path"));
    let keeps = paths.as_ref().is_some_and(|paths| {
        paths.is_true_at("disableMergeSlashes") && paths.text_at("escapedSlashesAction") == Some("KeepUnchanged")
    });
    let at = source.at.get("verify").unwrap_or_else(|| source.at.clone());
    if keeps {
        let message = format!(
            "source {:?} verifies the URL, and Envoy Gateway always resolves dot segments: a path with any will not match",
            source.name
        );
        findings.add(&codes::PATH_TIDIED, &at, message, "have the sender call a plain path");
    } else {
        let at = paths.unwrap_or_else(|| setup.plugin.clone());
        let message = format!(
            "source {:?} verifies the URL, and Envoy Gateway merges slashes and redirects escaped ones before the plugin \
             sees the path",
            source.name
        );
        let right =
            "add a ClientTrafficPolicy with path: { disableMergeSlashes: true, escapedSlashesAction: KeepUnchanged }";
        findings.add(&codes::PATH_NORMALIZED, &at, message, right);
    }
}
