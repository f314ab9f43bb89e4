//! One check as it is configured: a provider or a scheme, and its secrets.

use std::borrow::Cow;

use super::json::Json;
use super::problem::Findings;
use super::providers;
use super::reader::{Members, Node};
use super::scheme::{self, With};
use super::secret::{self, Environment, Found, Written};
use crate::verify::Dialects;
use crate::verify::check::Check;
use crate::verify::keyring::{Keyring, Secrets, Selector};
use crate::verify::message::is_header_name;
use crate::verify::scheme::Scheme;

/// What became of a configured check.
pub(super) enum Read {
    /// It can prove requests.
    Dialects(Dialects),
    /// One of its secrets is missing in the environment.
    Closed,
}

/// Secrets as written: one list, or lists by what a request names.
enum WrittenKeyring {
    One(Vec<Written>),
    Chosen(Selector, Vec<(String, Vec<Written>)>),
    Closed,
}

/// Reads one check. `None` if there was a problem.
pub(super) fn read(node: &Node<'_>, environment: Environment<'_>, findings: &mut Findings) -> Option<Read> {
    let mut members = node.object(findings)?;
    let tolerance_node = members.take("tolerance");
    let tolerance = match &tolerance_node {
        Some(node) => node.duration(scheme::TOLERANCES.0, scheme::TOLERANCES.1, findings).map(Some),
        None => Some(None),
    };
    let with_node = members.take("with");
    let with = With::read(with_node.as_ref(), findings);
    let schemes = read_schemes(&mut members, &with, tolerance.flatten(), findings);
    let keyring = read_keyring(&mut members, environment, findings);
    members.finish(findings);
    let (schemes, keyring) = (schemes?, keyring?);
    with.finish(with_node.as_ref(), findings);
    if let Some(node) = tolerance_node
        && !schemes.iter().any(signs_timestamp)
    {
        findings.problem(&node.path, "has no effect: this sender signs no timestamp");
    }
    tolerance?;
    prepare(schemes, &keyring, findings)
}

fn signs_timestamp(scheme: &Scheme) -> bool {
    matches!(scheme, Scheme::Mac(scheme) if scheme.timestamp.is_some())
}

fn read_schemes(
    members: &mut Members<'_>,
    with: &With<'_>,
    tolerance: Option<std::time::Duration>,
    findings: &mut Findings,
) -> Option<Vec<Scheme>> {
    match (members.take("provider"), members.take("scheme")) {
        (Some(node), None) => {
            let name = node.text(findings)?;
            let Some(text) = providers::scheme(name) else {
                findings.problem(&node.path, unknown_provider(name));
                return None;
            };
            let json = Json::parse(text.as_bytes()).ok()?;
            scheme::read(&Node { path: node.path.clone(), json: &json }, with, tolerance, findings)
        }
        (None, Some(node)) => scheme::read(&node, with, tolerance, findings),
        _ => {
            findings.problem(&members.path, "needs exactly one of \"provider\" and \"scheme\"");
            None
        }
    }
}

fn unknown_provider(name: &str) -> Cow<'static, str> {
    let lower = name.to_ascii_lowercase().replace('_', "-");
    let near = |known: &&str| !lower.is_empty() && (known.starts_with(&lower) || lower.starts_with(*known));
    match providers::names().find(near) {
        Some(nearest) => format!("is not a provider we ship; did you mean \"{nearest}\"?").into(),
        None => "is not a provider we ship; see the table of senders in README.md, or describe it as \"scheme\"".into(),
    }
}

fn read_keyring(
    members: &mut Members<'_>,
    environment: Environment<'_>,
    findings: &mut Findings,
) -> Option<WrittenKeyring> {
    match (members.take("secrets"), members.take("secrets_by")) {
        (Some(node), None) => Some(match written(secret::read_list(&node, environment, findings)?) {
            Some(list) => WrittenKeyring::One(list),
            None => WrittenKeyring::Closed,
        }),
        (None, Some(node)) => read_chosen(&node, environment, findings),
        _ => {
            findings.problem(&members.path, "needs exactly one of \"secrets\" and \"secrets_by\"");
            None
        }
    }
}

fn read_chosen(node: &Node<'_>, environment: Environment<'_>, findings: &mut Findings) -> Option<WrittenKeyring> {
    let mut members = node.object(findings)?;
    let selector = match (members.take("header"), members.take("path_segment")) {
        (Some(node), None) => match node.text(findings) {
            Some(name) if is_header_name(name) => Some(Selector::Header(name.to_ascii_lowercase())),
            Some(_) => {
                findings.problem(&node.path, "must be the name of a header, such as \"X-Webhook-Event\"");
                None
            }
            None => None,
        },
        (None, Some(node)) => {
            node.whole(0, 63, findings).and_then(|position| usize::try_from(position).ok()).map(Selector::PathSegment)
        }
        _ => {
            findings.problem(&members.path, "needs exactly one of \"header\" and \"path_segment\"");
            None
        }
    };
    let lists = members.require("secrets", findings).and_then(|node| {
        let mut members = node.object(findings)?;
        let lists: Vec<_> = members
            .rest()
            .into_iter()
            .map(|(name, node)| Some((name.to_owned(), secret::read_list(&node, environment, findings)?)))
            .collect();
        if lists.is_empty() {
            findings.problem(&node.path, "is empty; list the secrets of at least one name");
        }
        lists.into_iter().collect::<Option<Vec<_>>>().filter(|lists| !lists.is_empty())
    });
    members.finish(findings);
    let (selector, lists) = (selector?, lists?);
    let lists: Option<Vec<_>> = lists.into_iter().map(|(name, list)| Some((name, written(list)?))).collect();
    Some(lists.map_or(WrittenKeyring::Closed, |lists| WrittenKeyring::Chosen(selector, lists)))
}

/// The secrets, if the environment has all of them.
fn written(found: Vec<Found>) -> Option<Vec<Written>> {
    found
        .into_iter()
        .map(|found| match found {
            Found::Written(written) => Some(written),
            Found::MissingInEnvironment => None,
        })
        .collect()
}

fn prepare(schemes: Vec<Scheme>, keyring: &WrittenKeyring, findings: &mut Findings) -> Option<Read> {
    let mut checks = Vec::new();
    for scheme in schemes {
        let keyring = match keyring {
            WrittenKeyring::Closed => return Some(Read::Closed),
            WrittenKeyring::One(list) => Keyring::one(prepare_list(list, &scheme, findings)?),
            WrittenKeyring::Chosen(selector, lists) => {
                let lists: Vec<_> = lists
                    .iter()
                    .map(|(name, list)| Some((name.clone(), prepare_list(list, &scheme, findings)?)))
                    .collect();
                Keyring::chosen(selector.clone(), lists.into_iter().collect::<Option<_>>()?)
            }
        };
        checks.push(Check::new(scheme, keyring));
    }
    Some(Read::Dialects(Dialects { checks }))
}

fn prepare_list(list: &[Written], scheme: &Scheme, findings: &mut Findings) -> Option<Secrets> {
    let secrets: Vec<_> = list.iter().map(|written| written.prepare(scheme, findings)).collect();
    secrets.into_iter().collect::<Option<Vec<_>>>().map(Secrets::new)
}
