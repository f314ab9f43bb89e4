//! `with`: the values that a check configures besides its secrets.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::problem::{Findings, Kind};
use super::reader::{Node, shown};

/// Configured values, and which of them the scheme used.
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
                    findings.problem_of(
                        Kind::SchemeValue,
                        &value.path,
                        "must be the URL that the sender calls, up to the path, such as \
                         \"https://hooks.example.com\", without a trailing slash",
                    );
                }
                if text.is_empty() {
                    findings.problem_of(
                        Kind::SchemeValue,
                        &value.path,
                        ("is empty", "give it the value that the scheme asks for, or leave it out"),
                    );
                }
                with.values.insert(name, text);
            }
        }
        with
    }

    /// The value of `name`, which is marked as used.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        self.used.borrow_mut().insert(name.to_owned());
        self.values.get(name).map(|value| (*value).to_owned())
    }

    /// Notes every value that the scheme did not use.
    pub(super) fn finish(&self, node: Option<&Node<'_>>, findings: &mut Findings) {
        let used = self.used.borrow();
        let Some(node) = node else { return };
        for name in self.values.keys().filter(|name| !used.contains(**name)) {
            findings.problem_of(Kind::SchemeValue, &shown(&node.path, name), "is not a value that this scheme uses");
        }
    }
}

fn is_public_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.ends_with('/') && !rest.contains(['?', '#', ' ']))
}
