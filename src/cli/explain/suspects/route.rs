//! Suspects of the way: a request that no source wants, or the wrong one.

use hookwarden::guard::path;
use hookwarden::verify::timestamp::UnixTime;

use super::{Finding, Mistake};
use crate::cli::explain::capture::Captured;
use crate::cli::explain::configuration::{Configuration, WrittenSource};
use crate::cli::explain::trial::Prover;

/// Why a source does not want a request; `None` if it does.
pub fn reason(source: &WrittenSource, captured: &Captured) -> Option<String> {
    let host = host(captured);
    let wants_host = source.hosts.is_empty()
        || source.hosts.iter().any(|wanted| match wanted.strip_prefix("*.") {
            Some(domain) => host.ends_with(&format!(".{}", domain.to_ascii_lowercase())),
            None => wanted.eq_ignore_ascii_case(&host),
        });
    let path = captured.path();
    let wants_path = match source.path.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => path == source.path,
    };
    match (wants_host, wants_path) {
        (true, true) => None,
        (false, true) => Some(format!("wants the host {}", source.hosts.join(" or "))),
        (true, false) => Some(format!("wants the path {}", source.path)),
        (false, false) => Some(format!("wants the host {} and the path {}", source.hosts.join(" or "), source.path)),
    }
}

/// What keeps a request from the source that it is probably for.
pub fn nearest(configuration: &Configuration, captured: &Captured) -> Vec<Finding> {
    let host = host(captured);
    let here = captured.path();
    let mut mistakes = Vec::new();
    for source in &configuration.sources {
        let name = &source.name;
        let bare = source.path.trim_end_matches('*');
        let folded = |path: &str| path::fold(path.as_bytes());
        let is_near = folded(here) == folded(bare) && here != source.path;
        let is_readable = path::readings(here.as_bytes()).contains(&folded(bare));
        let ends = |long: &str, short: &str| short.len() > 1 && long.ends_with(short.trim_end_matches('/'));
        if !source.hosts.is_empty() && reason(source, captured).is_some_and(|why| !why.contains("path")) {
            mistakes.push(Mistake::new(
                "host_mismatch",
                format!(
                    "The path is that of the source \"{name}\", and the host {host} is none of its hosts ({}).",
                    source.hosts.join(", ")
                ),
                "Add the host to match.hosts, or look at the proxy in front: it may change Host.",
            ));
        } else if is_near && here.eq_ignore_ascii_case(&source.path) {
            mistakes.push(Mistake::new(
                "path_case",
                format!(
                    "The path differs from that of the source \"{name}\" ({}) in upper and lower case only.",
                    source.path
                ),
                "Let the sender call the path exactly as it is configured.",
            ));
        } else if is_near {
            mistakes.push(Mistake::new(
                "path_slash",
                format!("The path differs from that of the source \"{name}\" ({}) in a slash at its end.", source.path),
                "Let the sender call the path exactly as it is configured.",
            ));
        } else if is_readable && here != source.path {
            mistakes.push(Mistake::new(
                "path_readings",
                format!("Some servers would read the path as that of the source \"{name}\" ({}): it has escapes, dots, doubled slashes or the like.", source.path),
                "Let the sender call the path exactly as it is configured, and let Envoy normalise paths.",
            ));
        } else if ends(here, bare) || ends(bare, here) {
            mistakes.push(Mistake::new(
                "path_prefix",
                format!("The path has more, or less, in front of it than that of the source \"{name}\" ({}): something rewrites it.", source.path),
                "Compare match.path with what arrives at this hop, behind every rewriting.",
            ));
        }
    }
    mistakes.into_iter().map(|mistake| Finding { mistakes: vec![mistake], secret: None, is_certain: false }).collect()
}

/// Puts what is wrong with the way to a source in place of the finding that the request is for that source: where its
/// proof holds there, that is certain.
pub fn join(configuration: &Configuration, near: &mut Vec<Finding>, astray: Vec<Finding>) {
    let mut certain = Vec::new();
    for finding in astray {
        let says = |finding: &Finding, name: &str| {
            finding.mistakes.iter().any(|one| one.sentence.contains(&format!("the source \"{name}\"")))
        };
        let name = configuration.sources.iter().map(|source| source.name.as_str()).find(|name| says(&finding, name));
        match near.iter().position(|one| name.is_some_and(|name| says(one, name))) {
            Some(at) => {
                let specific = near.remove(at);
                certain.push(Finding { secret: finding.secret, is_certain: true, ..specific });
            }
            None => certain.push(finding),
        }
    }
    near.splice(0..0, certain);
}

/// The sources that a request proves itself to, whoever it was sent to.
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
                let id =
                    Prover::as_configured(check).and_then(|prover| prover.matching(&head, &captured.body, now).ok());
                ids.extend(id.clone());
                id.is_some()
            })
        });
        if holds {
            let mistake = Mistake::new(
                "path_of_another_source",
                format!("The request proves itself to the source \"{}\", whose path is {}.", source.name, source.path),
                "The sender calls the wrong URL: let it call the path of that source.",
            );
            findings.push(Finding {
                mistakes: vec![mistake],
                secret: ids.first().map(|id| format!("\"{id}\"")),
                is_certain: true,
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
