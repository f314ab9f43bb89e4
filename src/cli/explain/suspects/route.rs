//! Suspects of the way: a request that no source wants, or the wrong one.

use hookwarden::guard::path;
use hookwarden::verify::primitives::timestamp::UnixTime;

use super::{Finding, Mistake};
use crate::cli::config_file::SourceEntry;
use crate::cli::explain::capture::Captured;
use crate::cli::explain::configuration::Configuration;
use crate::cli::explain::trial::Verifier;

/// What of a request a source does not match.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Unmatched {
    host: bool,
    path: bool,
}

fn unmatched(source: &SourceEntry, captured: &Captured) -> Unmatched {
    let host = host(captured);
    let wants_host = source.hosts.is_empty()
        || source.hosts.iter().any(|wanted| match wanted.strip_prefix("*.") {
            Some(domain) => host.ends_with(&format!(".{}", domain.to_ascii_lowercase())),
            None => wanted.eq_ignore_ascii_case(&host),
        });
    let wants_path = match source.pattern.strip_suffix('*') {
        Some(prefix) => captured.path().starts_with(prefix),
        None => captured.path() == source.pattern,
    };
    Unmatched { host: !wants_host, path: !wants_path }
}

/// Why a source does not want a request; `None` if it does.
pub fn reason(source: &SourceEntry, captured: &Captured) -> Option<String> {
    let unmatched = unmatched(source, captured);
    let host = unmatched.host.then(|| format!("the host {}", source.hosts.join(" or ")));
    let path = unmatched.path.then(|| format!("the path {}", source.pattern));
    let wanted: Vec<_> = host.into_iter().chain(path).collect();
    (!wanted.is_empty()).then(|| format!("wants {}", wanted.join(" and ")))
}

/// What keeps a request from the source that it is probably for.
pub fn nearest(configuration: &Configuration, captured: &Captured) -> Vec<Finding> {
    let host = host(captured);
    let here = captured.path();
    let mut findings = Vec::new();
    for (position, source) in configuration.sources.iter().enumerate() {
        let mut add = |mistake| {
            let (mistakes, source) = (vec![mistake], Some(position));
            findings.push(Finding { mistakes, secret: None, is_certain: false, source });
        };
        let name = &source.name;
        let bare = source.pattern.trim_end_matches('*');
        let folded = |path: &str| path::fold(path.as_bytes());
        let is_near = folded(here) == folded(bare) && here != source.pattern;
        let is_readable = path::readings(here.as_bytes()).is_some_and(|readings| readings.contains(&folded(bare)));
        let ends = |long: &str, short: &str| short.len() > 1 && long.ends_with(short.trim_end_matches('/'));
        if unmatched(source, captured) == (Unmatched { host: true, path: false }) {
            add(Mistake::new(
                "host_mismatch",
                format!(
                    "The path is that of the source \"{name}\", and the host {host} is none of its hosts ({}).",
                    source.hosts.join(", ")
                ),
                "Add the host to match.hosts, or look at the proxy in front: it may change Host.",
            ));
        } else if is_near && here.eq_ignore_ascii_case(&source.pattern) {
            add(Mistake::new(
                "path_case",
                format!(
                    "The path differs from that of the source \"{name}\" ({}) in upper and lower case only.",
                    source.pattern
                ),
                "Have the sender call the path exactly as it is configured.",
            ));
        } else if is_near {
            add(Mistake::new(
                "path_slash",
                format!(
                    "The path differs from that of the source \"{name}\" ({}) only in a trailing slash.",
                    source.pattern
                ),
                "Have the sender call the path exactly as it is configured.",
            ));
        } else if is_readable && here != source.pattern {
            add(Mistake::new(
                "path_readings",
                format!(
                    "Some servers would read the path as that of the source \"{name}\" ({}): it has escapes, dots, doubled slashes or the like.",
                    source.pattern
                ),
                "Have the sender call the path exactly as it is configured, and let Envoy normalise paths.",
            ));
        } else if ends(here, bare) || ends(bare, here) {
            add(Mistake::new(
                "path_prefix",
                format!(
                    "The path has more, or less, in front of it than that of the source \"{name}\" ({}): something rewrites it.",
                    source.pattern
                ),
                "Compare match.path with what arrives at this hop, after every rewrite.",
            ));
        }
    }
    findings
}

/// Puts what is wrong with the way to a source in place of the finding that the request is for that source: where its
/// proof holds there, that is certain.
pub fn join(near: &mut Vec<Finding>, astray: Vec<Finding>) {
    let mut certain = Vec::new();
    for finding in astray {
        match near.iter().position(|one| one.source == finding.source) {
            Some(at) => {
                let specific = near.remove(at);
                certain.push(Finding { secret: finding.secret, is_certain: true, ..specific });
            }
            None => certain.push(finding),
        }
    }
    near.splice(0..0, certain);
}

/// The sources under which a request verifies, whichever it was sent to.
pub fn astray(configuration: &Configuration, but: Option<usize>, captured: &Captured, now: UnixTime) -> Vec<Finding> {
    let head = captured.head();
    let mut findings = Vec::new();
    for (position, source) in configuration.sources.iter().enumerate() {
        if Some(position) == but || source.groups.is_empty() {
            continue;
        }
        let mut ids = Vec::new();
        let holds = source.groups.iter().all(|group| {
            group.iter().any(|check| {
                let id = Verifier::as_configured(check)
                    .and_then(|verifier| verifier.matching(&head, &captured.body, now).ok());
                ids.extend(id.clone());
                id.is_some()
            })
        });
        if holds {
            let mistake = Mistake::new(
                "path_of_another_source",
                format!("The request verifies for the source \"{}\", whose path is {}.", source.name, source.pattern),
                "The sender calls the wrong URL: let it call the path of that source.",
            );
            findings.push(Finding {
                mistakes: vec![mistake],
                secret: ids.first().map(|id| format!("\"{id}\"")),
                is_certain: true,
                source: Some(position),
            });
        }
    }
    findings
}

/// The host that was called, without its port.
fn host(captured: &Captured) -> String {
    let authority = captured.authority.to_ascii_lowercase();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host.to_owned(),
        _ => authority,
    }
}
