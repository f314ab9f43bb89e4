//! Whether the headers come through that sources verify.

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::{Host, Setup};
use super::super::sources::Source;
use super::Surroundings;
use super::managers::{client_policies, is_edge, managers};
use crate::cli::document::cursor::Cursor;
use crate::cli::runtime_changes::{Keep, OF_HEADERS, RuntimeChange, UNDERSCORES};

pub fn check(setup: &Setup<'_>, surroundings: &Surroundings<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    if setup.host == Host::Unknown {
        return;
    }
    underscores(setup, surroundings, sources, findings);
    early(setup, surroundings, sources, findings);
    for change in OF_HEADERS {
        let happens = change.fields.is_empty() || is_edge(setup);
        for (source, name) in touched(sources, change).filter(|_| happens) {
            let message = format!(
                "source {:?} verifies the header {name:?}, and Envoy removes or rewrites {}",
                source.name, change.what
            );
            findings.add(&codes::SIGNED_HEADER_LOST, &source.verify(), message, right(setup, &change.keep));
        }
    }
}

/// The sources that read a header which a change touches, and its name.
fn touched<'s, 'a>(
    sources: &'s [Source<'a>],
    change: &'s RuntimeChange,
) -> impl Iterator<Item = (&'s Source<'a>, String)> {
    let name = |source: &Source<'_>| source.headers().into_iter().find(|name| change.touches.header(name));
    sources.iter().filter_map(move |source| Some((source, name(source)?)))
}

fn right(setup: &Setup<'_>, keep: &Keep) -> &'static str {
    match setup.host {
        Host::Istio => keep.istio,
        Host::EnvoyGateway => keep.gateway,
        Host::Envoy | Host::Unknown => keep.envoy,
    }
}

fn underscores(setup: &Setup<'_>, surroundings: &Surroundings<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    let Some((source, name)) = touched(sources, &UNDERSCORES).next() else { return };
    let policies = client_policies(surroundings);
    let named = policies.iter().find_map(|policy| policy.at(&["headers", "withUnderscoresAction"]));
    let at = match (setup.host, named) {
        (Host::EnvoyGateway, Some(action)) if action.text() == Some("Allow") => return,
        (Host::EnvoyGateway, action) => action.unwrap_or_else(|| setup.plugin.clone()),
        _ => {
            let field = |manager: &Cursor<'_>| {
                manager
                    .at(&["common_http_protocol_options", "headers_with_underscores_action"])
                    .is_some_and(|action| matches!(action.text(), Some("REJECT_REQUEST" | "DROP_HEADER")))
            };
            let all = managers(setup, surroundings);
            let Some(manager) = all.iter().find(|manager| field(manager)) else { return };
            let path = ["common_http_protocol_options", "headers_with_underscores_action"];
            manager.at(&path).unwrap_or_else(|| manager.clone())
        }
    };
    let message =
        format!("source {:?} verifies the header {name:?}, and {} do not pass here", source.name, UNDERSCORES.what);
    findings.add(&codes::SIGNED_HEADER_LOST, &at, message, right(setup, &UNDERSCORES.keep));
}

/// Headers that Envoy Gateway changes before any filter sees them.
fn early(setup: &Setup<'_>, surroundings: &Surroundings<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    if setup.host != Host::EnvoyGateway {
        return;
    }
    for policy in client_policies(surroundings) {
        let Some(early) = policy.at(&["headers", "earlyRequestHeaders"]) else { continue };
        let named = |kind| early.list(kind).into_iter().filter_map(|at| Some((at.text_at("name")?, at)));
        let removed = early.list("remove").into_iter().filter_map(|at| Some((at.text()?, at)));
        for (name, at) in named("add").chain(named("set")).chain(removed) {
            let reads = |source: &&Source<'_>| source.headers().iter().any(|own| own.eq_ignore_ascii_case(name));
            if let Some(source) = sources.iter().find(reads) {
                let message =
                    format!("source {:?} verifies the header {name:?}, and this changes it before", source.name);
                findings.add(&codes::SIGNED_HEADER_LOST, &at, message, "leave this header as it is sent");
            }
        }
    }
}
