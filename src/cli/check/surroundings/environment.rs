//! Whether the variables that secrets name reach the plugin.

use hookwarden::config::nearest::nearest;

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::{Host, Setup};
use crate::cli::document::cursor::Cursor;
use crate::cli::document::value::{Kind, Value};

pub fn check(setup: &Setup<'_>, findings: &mut Findings) {
    let Some(configuration) = setup.configuration.as_ref().filter(|_| setup.variables.are_known) else { return };
    let root = configuration.root();
    let mut named = Vec::new();
    collect(&root, &mut named);
    let passed = &setup.variables.passed;
    for (name, at) in &named {
        let found = passed.iter().find(|(other, _, _)| other == name);
        if let Some((_, listed, Some(""))) = found
            && setup.host == Host::Istio
        {
            let message =
                format!("{name} has neither a value nor valueFrom: HOST, so that it reaches the plugin empty");
            findings.add(&codes::VARIABLE_NOT_PASSED, listed, message, "set valueFrom: HOST");
        }
        if found.is_some() {
            continue;
        }
        let near = nearest(name, passed.iter().map(|(other, _, _)| *other));
        let message = format!("{name} does not reach the plugin, so the source is closed and answers 503");
        let mut right = format!("name it in {}", setup.variables.named_in);
        if let Some(near) = near {
            right.push_str(&format!(", where {near} is"));
        }
        findings.add(&codes::VARIABLE_NOT_PASSED, at, message, right);
    }
    for (name, at, value) in passed {
        let is_named = named.iter().any(|(other, _)| other == name);
        if is_named && value.is_some_and(|value| !value.is_empty()) {
            let message = format!(
                "the value of {name} is written in the file: anyone who reads it, or /config_dump, has the secret"
            );
            findings.add(&codes::SECRET_IN_FILE, at, message, "take it from the proxy's own environment");
        } else if !is_named {
            let message = format!("{name} reaches the plugin, and no secret names it");
            findings.add(&codes::VARIABLE_UNUSED, at, message, "leave it out");
        }
    }
}

/// The variables that a configuration names, and where.
pub fn collect<'a>(cursor: &Cursor<'a>, named: &mut Vec<(&'a str, Cursor<'a>)>) {
    for (name, member) in cursor.members() {
        match &member.value {
            Value { kind: Kind::Text(variable), .. } if name == "env" => named.push((variable, member)),
            _ => collect(&member, named),
        }
    }
    for element in cursor.elements() {
        collect(&element, named);
    }
}
