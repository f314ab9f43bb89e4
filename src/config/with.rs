//! The values that a check configures beside its secrets: `with`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::problem::Findings;
use super::reader::{Node, shown};

/// Configured values, and which of them the scheme asked for.
#[derive(Debug, Default)]
pub(super) struct With<'a> {
    values: BTreeMap<&'a str, &'a str>,
    used: RefCell<BTreeSet<String>>,
}

impl<'a> With<'a> {
    /// Reads the member `with`, whose values are all text.
    pub(super) fn read(node: Option<&Node<'a>>, findings: &mut Findings) -> Self {
        let mut with = Self::default();
        if let Some(mut members) = node.and_then(|node| node.object(findings)) {
            for (name, value) in members.rest() {
                let Some(text) = value.text(findings) else { continue };
                if name == "public_url" && !is_public_url(text) {
                    findings.problem(
                        &value.path,
                        "must be what stands before the path in the URL that the sender calls, such as \
                         \"https://hooks.example.com\", without a slash at its end",
                    );
                }
                if text.is_empty() {
                    findings
                        .problem(&value.path, "is empty; give it the value that the scheme asks for, or leave it out");
                }
                with.values.insert(name, text);
            }
        }
        with
    }

    /// The value of `name`, which counts as used from now on.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        self.used.borrow_mut().insert(name.to_owned());
        self.values.get(name).map(|value| (*value).to_owned())
    }

    /// Notes every value that the scheme did not ask for.
    pub(super) fn finish(&self, node: Option<&Node<'_>>, findings: &mut Findings) {
        let used = self.used.borrow();
        let Some(node) = node else { return };
        for name in self.values.keys().filter(|name| !used.contains(**name)) {
            findings.problem(&shown(&node.path, name), "is not a value that this scheme uses");
        }
    }
}

fn is_public_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.ends_with('/') && !rest.contains(['?', '#', ' ']))
}
