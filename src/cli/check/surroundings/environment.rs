//! Whether the variables that secrets name reach the plugin.

use super::super::codes;
use super::super::cursor::Cursor;
use super::super::findings::Findings;
use super::super::setup::{Host, Setup};
use super::super::value::{Kind, Value};

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
            findings.add(&codes::VARIABLE_NOT_PASSED, listed, message, "say valueFrom: HOST");
        }
        if found.is_some() {
            continue;
        }
        let near = passed.iter().map(|(other, _, _)| *other).find(|other| is_near(other, name));
        let message = format!("{name} does not reach the plugin, so that the source is closed and answers 503");
        let mut right = format!("name it in {}", setup.variables.named_in);
        if let Some(near) = near {
            right.push_str(&format!(", where {near} stands"));
        }
        findings.add(&codes::VARIABLE_NOT_PASSED, at, message, right);
    }
    for (name, at, value) in passed {
        let is_named = named.iter().any(|(other, _)| other == name);
        if is_named && value.is_some_and(|value| !value.is_empty()) {
            let message =
                format!("the value of {name} stands in the file: whoever reads it, or /config_dump, has the secret");
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

/// Whether two names are one but for case and a letter or two.
fn is_near(a: &str, b: &str) -> bool {
    let (a, b) = (a.to_ascii_uppercase(), b.to_ascii_uppercase());
    let head = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let tail = a.bytes().rev().zip(b.bytes().rev()).take_while(|(a, b)| a == b).count();
    a == b || (a.len().abs_diff(b.len()) <= 2 && head + tail + 2 >= a.len().max(b.len()))
}
