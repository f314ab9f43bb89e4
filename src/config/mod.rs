//! The plugin's JSON, made into a valid [`Policy`].
//!
//! What is written and what is valid are two types. Every problem is told in one run, with its JSON path and what
//! would be right, never with a value. One thing is no problem but closes a source: a secret that the environment
//! does not have, so that one missing variable does not take every source down.

pub mod check;
#[cfg(not(target_family = "wasm"))]
pub mod dialects;
mod guards;
pub mod policy;
pub mod problem;
pub mod providers;
mod reader;
mod scheme;
mod secret;
mod source;
mod weakness;
mod with;

use std::time::Duration;

use crate::guard::route::{Routes, Taken};
use crate::verify::json::Json;
pub use policy::{BodyHold, Mode, Policy, Source, Unmatched};
use problem::{Findings, Path, Problem};
use reader::Node;
pub use secret::Environment;
#[cfg(not(target_family = "wasm"))]
pub use secret::UNSEEN;

/// How long headers may be held without a body, unless configured.
const DEFAULT_STALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The shortest and the longest such time.
const STALL_TIMEOUTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// A valid configuration, and what should be changed about it.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub policy: Policy,
    /// What works and should be changed; and every source that is closed.
    pub warnings: Vec<Problem>,
}

/// Reads a configuration. `environment` gives the value of a variable.
///
/// # Errors
/// Every problem, in the order in which they stand in the text.
pub fn load(text: &[u8], environment: Environment<'_>) -> Result<Loaded, Vec<Problem>> {
    let (policy, findings) = inspect(text, environment);
    match policy {
        Some(policy) => Ok(Loaded { policy, warnings: findings.warnings }),
        None => Err(findings.problems),
    }
}

/// Reads a configuration as [`load`] does, and tells what should be changed about it even if it is refused.
#[must_use]
pub fn inspect(text: &[u8], environment: Environment<'_>) -> (Option<Policy>, Findings) {
    let mut findings = Findings::default();
    let json = match Json::parse(text) {
        Ok(json) => json,
        Err(error) => {
            let message = format!("not JSON: line {}, column {}: {}", error.line, error.column, error.message);
            findings.problem(&Path::root(), message);
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
        Some(node) => node.word(&holds, findings),
        None => Some(BodyHold::Filter),
    };
    let unmatched = match members.take("unmatched") {
        Some(node) => node.word(&unmatched_words, findings),
        None => Some(Unmatched::Deny),
    };
    let stall_timeout = match members.take("stall_timeout") {
        Some(node) => node.duration(STALL_TIMEOUTS.0, STALL_TIMEOUTS.1, findings),
        None => Some(DEFAULT_STALL_TIMEOUT),
    };
    let hold = body_hold.unwrap_or(BodyHold::Filter);
    let sources =
        members.require("sources", findings).and_then(|node| read_sources(&node, hold, environment, findings));
    members.finish(findings);
    let (routes, sources) = sources?;
    Some(Policy { body_hold: body_hold?, unmatched: unmatched?, stall_timeout: stall_timeout?, routes, sources })
}

fn read_sources(
    node: &Node<'_>,
    body_hold: BodyHold,
    environment: Environment<'_>,
    findings: &mut Findings,
) -> Option<(Routes, Vec<Source>)> {
    let list = node.list(findings)?;
    let mut routes = Routes::default();
    let mut sources: Vec<Source> = Vec::new();
    let mut names = std::collections::HashSet::new();
    let mut complete = true;
    for node in &list {
        if let Some(name) = written_name(node)
            && !names.insert(name)
        {
            findings.problem(&node.path.member("name"), "is the name of an earlier source; each needs its own");
        }
        let Some((pattern, source)) = source::read(node, body_hold, environment, findings) else {
            complete = false;
            continue;
        };
        let problem = match routes.add(&pattern, sources.len()) {
            Ok(()) => None,
            Err(Taken::Same(_)) => Some("is the host and path of an earlier source; requests could reach one only"),
            Err(Taken::Alike(_)) => Some(
                "differs from an earlier source's path in case or a slash at the end only, which routers may ignore",
            ),
        };
        if let Some(problem) = problem {
            findings.problem(&node.path.member("match"), problem);
        }
        sources.push(source);
    }
    complete.then_some((routes, sources))
}

/// The name of a source that may be wrong in other ways.
fn written_name<'a>(node: &Node<'a>) -> Option<&'a str> {
    let Json::Object(members) = node.json else { return None };
    members.iter().find_map(|(key, value)| match value {
        Json::Text(name) if key == "name" => Some(name.as_str()),
        _ => None,
    })
}
