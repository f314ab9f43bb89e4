//! Reads the plugin's JSON into a valid [`Policy`].
//!
//! What is written and what is valid are two types. All problems are reported in one run, each with its JSON path and a
//! correction, and never with a configured value. A secret that is missing from the environment, or unusable there, is no
//! problem of the configuration: it closes its source only, so that one bad variable does not take down every source.

mod challenges;
mod check;
#[cfg(not(target_family = "wasm"))]
pub mod dialects;
mod fingerprint;
mod guards;
mod handshake;
mod header_value;
mod live;
mod named_keys;
pub mod nearest;
pub mod policy;
pub mod problem;
pub mod providers;
mod published;
mod reader;
mod scheme;
mod secret;
mod secret_text;
mod service;
mod source;
mod weakness;
mod with;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::guard::route::{Routes, Taken};
use crate::live::place::Places;
use crate::verify::bytes::json::Json;
use live::Live;
pub use policy::{BodyHold, Mode, Policy, Source, Unmatched};
use problem::{Diagnosis, Findings, Kind, Path, Problem};
use reader::Node;
pub use secret_text::{Environment, UNSEEN};

/// How long headers may be held without a body, by default.
const DEFAULT_STALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The shortest and the longest such time.
const STALL_TIMEOUTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// How much may be held for requests that are not verified yet, by default: half of it holds 30,000 requests of one
/// source, a kilobyte each.
const DEFAULT_MAX_HELD_BYTES: u64 = 64 << 20;
/// The smallest and the largest such limit. Several of the longest heads must fit, and Envoy stops a VM that needs more
/// than 1 GiB, half of which is left for everything else.
const MAX_HELD_BYTES: (u64, u64) = (1 << 20, 1 << 29);

/// What some editors write at the beginning of a text in UTF-8, and JSON does not have (RFC 8259, section 8.1).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A valid configuration, and its warnings.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub policy: Policy,
    /// Everything that works but should be changed, and every source that is closed.
    pub warnings: Vec<Problem>,
}

/// Reads a configuration. `environment` gives the value of a variable.
///
/// # Errors
/// All problems, in the order of the text.
pub fn load(text: &[u8], environment: Environment<'_>) -> Result<Loaded, Vec<Problem>> {
    let (policy, findings) = inspect(text, environment);
    match policy {
        Some(policy) => Ok(Loaded { policy, warnings: findings.warnings }),
        None => Err(findings.problems),
    }
}

/// Reads a configuration as [`load`] does, for someone who is about to use its secrets: one in the environment that is
/// unusable is a problem too. One that is missing still closes its source only.
///
/// # Errors
/// All problems of the configuration; if there is none, all unusable secrets.
#[cfg(not(target_family = "wasm"))]
pub fn load_with_usable_secrets(text: &[u8], environment: Environment<'_>) -> Result<Loaded, Vec<Problem>> {
    let loaded = load(text, environment)?;
    let is_unusable = |warning: &&Problem| matches!(warning.kind, Kind::SecretUnusable | Kind::SecretForm);
    let unusable: Vec<_> = loaded.warnings.iter().filter(is_unusable).cloned().collect();
    if unusable.is_empty() { Ok(loaded) } else { Err(unusable) }
}

/// Reads a configuration as [`load`] does, and returns the warnings even if it is refused.
#[must_use]
pub fn inspect(text: &[u8], environment: Environment<'_>) -> (Option<Policy>, Findings) {
    let mut findings = Findings::default();
    let json = match Json::parse(text) {
        Ok(json) => json,
        Err(error) => {
            let message = if text.starts_with(BYTE_ORDER_MARK) {
                "not JSON: begins with a byte order mark; save it as UTF-8 without one".to_owned()
            } else {
                format!("not JSON: line {}, column {}: {}", error.line, error.column, error.message)
            };
            findings.problem_of(Kind::NotJson, &Path::root(), message);
            return (None, findings);
        }
    };
    let policy = read(&Node { path: Path::root(), json: &json }, environment, &mut findings);
    (policy.filter(|_| findings.problems.is_empty()), findings)
}

fn read(node: &Node<'_>, environment: Environment<'_>, findings: &mut Findings) -> Option<Policy> {
    let holds = [("filter", BodyHold::Filter), ("chain", BodyHold::Chain)];
    let unmatched_words = [("deny", Unmatched::Deny), ("allow", Unmatched::Allow)];
    let mut members = node.object(findings)?;
    let body_hold = match members.take("body_hold") {
        Some(node) => node.keyword(&holds, findings),
        None => Some(BodyHold::Filter),
    };
    let unmatched = match members.take("unmatched") {
        Some(node) => node.keyword(&unmatched_words, findings),
        None => Some(Unmatched::Deny),
    };
    let stall_timeout = match members.take("stall_timeout") {
        Some(node) => node.duration(STALL_TIMEOUTS.0, STALL_TIMEOUTS.1, findings),
        None => Some(DEFAULT_STALL_TIMEOUT),
    };
    let max_held_bytes = match members.take("max_held_bytes") {
        Some(node) => node.whole(MAX_HELD_BYTES.0, MAX_HELD_BYTES.1, findings),
        None => Some(DEFAULT_MAX_HELD_BYTES),
    };
    let log_paths = match members.take("log_paths") {
        Some(node) => node.bool(findings),
        None => Some(true),
    };
    let host_cryptography = match members.take("host_cryptography") {
        Some(node) => node.bool(findings),
        None => Some(true),
    };
    let hold = body_hold.unwrap_or(BodyHold::Filter);
    let (places, publications) = (RefCell::new(Places::default()), RefCell::default());
    let live = Live { places: &places, publications: &publications };
    let sources =
        members.require("sources", findings).and_then(|node| read_sources(&node, hold, environment, live, findings));
    members.finish(findings);
    let (routes, sources) = sources?;
    Some(Policy {
        body_hold: body_hold?,
        unmatched: unmatched?,
        stall_timeout: stall_timeout?,
        max_held_bytes: usize::try_from(max_held_bytes?).ok()?,
        log_paths: log_paths?,
        host_cryptography: host_cryptography?,
        routes,
        sources,
        publications: publications.into_inner(),
        fingerprint: fingerprint::fingerprint(node.json),
        places: places.into_inner(),
    })
}

fn read_sources(
    node: &Node<'_>,
    body_hold: BodyHold,
    environment: Environment<'_>,
    live: Live<'_>,
    findings: &mut Findings,
) -> Option<(Routes, Vec<Rc<Source>>)> {
    let list = node.list(findings)?;
    let mut routes = Routes::default();
    let (mut sources, mut paths) = (Vec::new(), Vec::new());
    let mut names = std::collections::HashSet::new();
    let mut complete = true;
    for node in &list {
        if let Some(name) = written_name(node)
            && !names.insert(name)
        {
            findings.problem_of(
                Kind::NameTaken,
                &node.path.member("name"),
                ("is the name of an earlier source", "each needs its own"),
            );
        }
        let Some((pattern, source)) = source::read(node, body_hold, environment, live, findings) else {
            complete = false;
            continue;
        };
        let problem = match routes.add(&pattern, sources.len()) {
            Ok(()) => None,
            Err(Taken::Same(_)) => Some(Diagnosis::from((
                "is the host and path of an earlier source",
                "only one of the two could get requests",
            ))),
            Err(Taken::Alike(_)) => Some(Diagnosis::from(
                "differs from an earlier source's path only in case or a trailing slash, which routers may ignore",
            )),
        };
        if let Some(problem) = problem {
            findings.problem_of(Kind::SourceTaken, &node.path.member("match"), problem);
        }
        sources.push(Rc::new(source));
        paths.push(node.path.clone());
    }
    challenges::check(&paths.into_iter().zip(sources.iter().cloned()).collect::<Vec<_>>(), findings);
    complete.then_some((routes, sources))
}

/// The name of a source, even if the source has other problems.
fn written_name<'a>(node: &Node<'a>) -> Option<&'a str> {
    let Json::Object(members) = node.json else { return None };
    members.iter().find_map(|(key, value)| match value {
        Json::Text(name) if key == "name" => Some(name.as_str()),
        _ => None,
    })
}
