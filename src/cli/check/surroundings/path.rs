//! What Envoy makes of paths before the plugin sees them.

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::{Host, Setup};
use super::super::sources::Source;
use super::Surroundings;
use super::managers::{client_policies, managers};
use crate::cli::document::cursor::Cursor;
use crate::cli::runtime_changes::{ESCAPED_SLASHES, RuntimeChange, SLASHES, SWITCHES, Touches};

pub fn check(setup: &Setup<'_>, surroundings: &Surroundings<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    let signed = sources.iter().find(|source| source.signs_path());
    match setup.host {
        Host::Envoy => {
            if let Some(manager) = &setup.manager {
                of_envoy(setup, &manager.at, signed, findings);
            }
        }
        Host::Istio => {
            if let Some(source) = signed {
                of_istio(setup, surroundings, source, findings);
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
    for change in SWITCHES.into_iter().filter(|change| change.touches == Touches::Path) {
        for (name, at) in change.fields.iter().filter_map(|name| Some((name, on(name)?))) {
            let message = format!("{name} changes paths ({}) before hookwarden sees them: {why}", change.what);
            findings.add(&codes::PATH_NORMALIZED, &at, message, change.keep.envoy);
        }
    }
    if let Some(at) = escaped.filter(|_| !keeps) {
        let message = format!("{action} acts on {} before hookwarden sees the path: {why}", ESCAPED_SLASHES.what);
        let right = format!("{}, for hookwarden refuses such paths itself", ESCAPED_SLASHES.keep.envoy);
        findings.add(&codes::PATH_NORMALIZED, &at, message, right);
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

fn of_istio(setup: &Setup<'_>, surroundings: &Surroundings<'_>, source: &Source<'_>, findings: &mut Findings) {
    let is_off =
        |manager: &Cursor<'_>| manager.get("normalize_path").is_some_and(|word| word.value.truth() == Some(false));
    if managers(setup, surroundings).iter().any(is_off) {
        return;
    }
    let mesh = surroundings.objects.iter().find_map(|object| {
        let mesh = object.spec.get("meshConfig").or_else(|| object.spec.at(&["values", "meshConfig"]));
        mesh?.at(&["pathNormalization", "normalization"])
    });
    let more: &[&RuntimeChange] = match mesh.as_ref().and_then(|mesh| mesh.text()) {
        Some("NONE") => return,
        Some("MERGE_SLASHES") => &[&SLASHES],
        Some("DECODE_AND_MERGE_SLASHES") => &[&SLASHES, &ESCAPED_SLASHES],
        // What Istio does unless told otherwise is BASE.
        _ => &[],
    };
    match mesh.filter(|_| !more.is_empty()) {
        Some(at) => {
            let what: Vec<_> = more.iter().map(|change| change.what).collect();
            let message = format!(
                "source {:?} verifies the URL as the sender wrote it, and {} changes paths ({}) before hookwarden sees them",
                source.name,
                at.text().unwrap_or_default(),
                what.join(", ")
            );
            let right = format!("have the sender call a plain path, or {}", SLASHES.keep.istio);
            findings.add(&codes::PATH_NORMALIZED, &at, message, right);
        }
        None => {
            let message = format!(
                "source {:?} verifies the URL, and Istio normalises paths before the plugin sees them: a path that \
                 needs it will not match",
                source.name
            );
            let right = "have the sender call a plain path; meshConfig.pathNormalization.normalization: NONE keeps \
                         paths as they came, and weakens policies that name paths";
            findings.add(&codes::PATH_TIDIED, &source.verify(), message, right);
        }
    }
}

fn of_gateway(
    setup: &Setup<'_>,
    surroundings: &Surroundings<'_>,
    signed: Option<&Source<'_>>,
    findings: &mut Findings,
) {
    let Some(source) = signed else { return };
    let paths = client_policies(surroundings).iter().find_map(|policy| policy.get("path"));
    let keeps = paths.as_ref().is_some_and(|paths| {
        paths.is_true_at("disableMergeSlashes") && paths.text_at("escapedSlashesAction") == Some("KeepUnchanged")
    });
    if keeps {
        let message = format!(
            "source {:?} verifies the URL, and Envoy Gateway always resolves dot segments: a path with any will not match",
            source.name
        );
        findings.add(&codes::PATH_TIDIED, &source.verify(), message, "have the sender call a plain path");
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
