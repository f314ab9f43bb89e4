//! What the module may do and what Envoy may ask of it, where that is restricted, against what the configuration needs.

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::Setup;
use crate::cli::capabilities::{Capabilities, Loss, Needed};
use crate::cli::document::cursor::Cursor;

/// Where Envoy reads the list: since 1.40 also with the VM.
const LISTS: [&[&str]; 2] = [
    &["capability_restriction_config", "allowed_capabilities"],
    &["vm_config", "capability_restriction_config", "allowed_capabilities"],
];

pub fn check(setup: &Setup<'_>, findings: &mut Findings) {
    let policy = setup.configuration.as_ref().and_then(|configuration| configuration.policy.as_ref());
    let needed = Capabilities::of(policy).functions();
    for at in LISTS.iter().filter_map(|names| setup.plugin.at(names)) {
        compare(&at, &needed, findings);
    }
}

/// One finding for all that is missing with the same effect.
fn compare(at: &Cursor<'_>, needed: &[Needed], findings: &mut Findings) {
    let allowed: Vec<_> = at.members().into_iter().map(|(name, _)| name).collect();
    // An empty list restricts nothing.
    if allowed.is_empty() {
        return;
    }
    let mut effects: Vec<(Loss, Vec<&str>)> = Vec::new();
    for Needed { name, loss } in needed.iter().filter(|function| !allowed.contains(&function.name)) {
        match effects.iter_mut().find(|(other, _)| other == loss) {
            Some((_, names)) => names.push(name),
            None => effects.push((*loss, vec![name])),
        }
    }
    for (loss, names) in effects {
        let Some(clause) = loss.clause() else { continue };
        let message = format!("lacks {}, so that {clause}", names.join(", "));
        let right = "add what is missing: `hookwarden manifest envoy` writes the list for a configuration, and docs/hosts.md \
                     has the whole one";
        findings.add(&codes::CAPABILITY_MISSING, at, message, right);
    }
}
