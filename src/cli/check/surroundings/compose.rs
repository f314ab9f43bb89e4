//! Docker compose: whether the container of the proxy has the variables.

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::{Host, Setup};
use super::Surroundings;
use crate::cli::document::cursor::Cursor;
use crate::cli::document::value::Kind;

pub fn check(setup: &Setup<'_>, surroundings: &Surroundings<'_>, findings: &mut Findings) {
    if setup.host != Host::Envoy {
        return;
    }
    let bootstrap = setup.plugin.document.file.rsplit('/').next().unwrap_or_default();
    let composes = surroundings.documents.iter().map(Cursor::root).filter_map(|root| root.get("services"));
    for (_, service) in composes.flat_map(|services| services.members()) {
        // The one that reads the file in which the plugin is, or has it in its own.
        let within = setup.plugin.document.file == service.document.file;
        if !within && !service.value.to_json().contains(bootstrap) || service.get("env_file").is_some() {
            continue;
        }
        let Some(set) = environment(&service) else { continue };
        let at = service.get("environment").unwrap_or_else(|| service.clone());
        for (name, _, _) in setup.variables.passed.iter().filter(|(_, _, value)| value.is_none()) {
            if !set.contains(name) {
                let message = format!("the container does not get {name}, which the plugin takes from it");
                let right = "name it under environment; without it the source answers 503";
                findings.add(&codes::VARIABLE_UNSET, &at, message, right);
            }
        }
    }
}

/// The names of a service's variables, if it runs Envoy.
fn environment<'a>(service: &Cursor<'a>) -> Option<Vec<&'a str>> {
    let runs_envoy = ["image", "command", "entrypoint", "build", "container_name"]
        .iter()
        .filter_map(|name| service.get(name))
        .any(|value| value.value.to_json().contains("envoy"));
    let environment = service.get("environment");
    let names = match environment.as_ref().map(|environment| &environment.value.kind) {
        Some(Kind::Map(members)) => members.iter().map(|member| member.key.as_str()).collect(),
        Some(Kind::List(list)) => {
            list.iter().filter_map(|entry| entry.text()).map(|text| text.split('=').next().unwrap_or(text)).collect()
        }
        _ => Vec::new(),
    };
    runs_envoy.then_some(names)
}
