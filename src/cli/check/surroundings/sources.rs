//! Sources that get in each other's way, and those that protect less than they seem to.

use super::super::codes;
use super::super::findings::Findings;
use super::super::sources::{Source, host_meets, hosts_meet, path_covers};
use crate::cli::document::cursor::Cursor;

pub fn check(root: &Cursor<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    for (position, source) in sources.iter().enumerate() {
        for other in sources.iter().skip(position + 1) {
            overlap(source, other, findings);
        }
        modes(source, findings);
    }
    if root.text_at("unmatched") == Some("allow") {
        for source in sources.iter().filter(|source| !source.hosts.is_empty() && source.is_enforced()) {
            let at = source.at.at(&["match", "hosts"]).unwrap_or_else(|| source.at.clone());
            let message = format!(
                "with \"unmatched\": \"allow\" the path of source {:?} is open under every other Host, which any client \
                 can set",
                source.name
            );
            let right = "leave \"hosts\" out, or see that no route and no upstream answers for another host";
            findings.add(&codes::UNMATCHED_HOST, &at, message, right);
        }
    }
}

/// Two sources of which one takes what the other one seems to be for. An exact host counts more than a domain and any
/// host least; within a host an exact path counts more than a prefix.
fn overlap(a: &Source<'_>, b: &Source<'_>, findings: &mut Findings) {
    let (Some(path_a), Some(path_b)) = (a.path, b.path) else { return };
    let meet = path_covers(path_a, path_b) || path_covers(path_b, path_a);
    if !meet || !hosts_meet(&a.hosts, &b.hosts) {
        return;
    }
    let same_hosts = a.hosts.is_empty() == b.hosts.is_empty() && a.hosts.iter().all(|host| b.hosts.contains(host));
    if path_a == path_b {
        if same_hosts {
            // The filter refuses that itself.
            return;
        }
        let at = b.at.at(&["match", "path"]).unwrap_or_else(|| b.at.clone());
        let message = format!(
            "is the path of source {:?} too, for other hosts: which of the two verifies a request is decided by Host, which \
             the sender of the request writes",
            a.name
        );
        findings.add(
            &codes::SOURCES_OVERLAP,
            &at,
            message,
            "give each its own path, or let one source have both checks in \"any\"",
        );
        return;
    }
    let (wide, narrow) = if path_covers(path_a, path_b) { (a, b) } else { (b, a) };
    let (wide_path, narrow_path) = (wide.path.unwrap_or_default(), narrow.path.unwrap_or_default());
    if more_specific_hosts(wide, narrow) {
        let at = narrow.at.at(&["match", "path"]).unwrap_or_else(|| narrow.at.clone());
        let message = format!(
            "is hidden by {wide_path} of source {:?} on the hosts that that one names: hosts count before paths",
            wide.name
        );
        let right = "name those hosts here too, or give the two paths that do not overlap";
        findings.add(&codes::SOURCES_OVERLAP, &at, message, right);
    } else {
        let at = wide.at.at(&["match", "path"]).unwrap_or_else(|| wide.at.clone());
        let message = format!(
            "takes in {narrow_path} of source {:?}, which counts as the longer one; every other path below is this \
             source's",
            narrow.name
        );
        findings.add(
            &codes::SOURCES_OVERLAP,
            &at,
            message,
            "give the two paths that do not overlap, unless that is meant",
        );
    }
}

/// Whether `wide` names a host more exactly than `narrow` does.
fn more_specific_hosts(wide: &Source<'_>, narrow: &Source<'_>) -> bool {
    wide.hosts.iter().any(|host| {
        !narrow.hosts.contains(host)
            && (narrow.hosts.is_empty()
                || narrow
                    .hosts
                    .iter()
                    .any(|other| host_meets(host, other) && other.starts_with('*') && host.len() > other.len()))
    })
}

fn modes(source: &Source<'_>, findings: &mut Findings) {
    let Some(mode) = source.at.get("mode") else { return };
    match mode.text() {
        Some("observe") => {
            let message = format!("source {:?} only observes: every request passes, verified or not", source.name);
            findings.add(&codes::OBSERVES, &mode, message, "set \"enforce\" once the sender's requests are verified");
        }
        Some("disabled") => {
            let message = format!("source {:?} is switched off: every request gets 503", source.name);
            findings.add(&codes::DISABLED, &mode, message, "set \"enforce\" when the incident is over");
        }
        _ => {}
    }
}
