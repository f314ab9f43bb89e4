//! `replay.keep_on`: the answers of the upstream that keep a claim.

use crate::config::problem::{Findings, Kind};
use crate::config::reader::Node;
use crate::guard::keep_on::{KeepOn, Statuses};

pub(super) fn read(node: &Node<'_>, findings: &mut Findings) -> Option<KeepOn> {
    let mut all: Vec<Statuses> = Vec::new();
    let mut is_right = true;
    for word in node.list(findings)? {
        let Some(text) = word.text(findings) else {
            is_right = false;
            continue;
        };
        match Statuses::parse(text) {
            Some(statuses) if all.contains(&statuses) => {
                findings.problem(&word.path, ("is a duplicate", "keep one"));
                is_right = false;
            }
            Some(statuses) => all.push(statuses),
            None => {
                findings.problem(&word.path, "must be a class from \"2xx\" to \"5xx\" or a status such as \"410\"");
                is_right = false;
            }
        }
    }
    if !is_right {
        return None;
    }
    let within = |statuses: &&Statuses| all.iter().any(|other| other != *statuses && other.includes_all(**statuses));
    if all.iter().any(|statuses| within(&statuses)) {
        return findings.refuse(&node.path, ("lists a status whose class is listed too", "remove the status"));
    }
    match KeepOn::new(all) {
        Some(keep_on) => Some(keep_on),
        None => findings.refuse_of(
            Kind::MissingKey,
            &node.path,
            ("lacks \"2xx\": events that the upstream accepted would be processed again", "add it"),
        ),
    }
}
