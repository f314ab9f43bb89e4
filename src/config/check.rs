//! One check as it is configured: a provider or a scheme, and its secrets.

use std::borrow::Cow;

use super::problem::Findings;
use super::providers::{self, Refusal};
use super::reader::{Members, Node};
use super::scheme::{self, Context, Dialect};
use super::secret::{self, Environment, Found, Kind, Written};
use super::weakness;
use super::with::With;
use crate::verify::Dialects;
use crate::verify::check::Check;
use crate::verify::keyring::{Keyring, Secrets, Selector};
use crate::verify::request::is_header_name;
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
pub(super) fn read(node: &Node<'_>, environment: Environment<'_>, findings: &mut Findings) -> Option<(Read, Refusal)> {
    let mut members = node.object(findings)?;
    let tolerance_node = members.take("tolerance");
    let tolerance = match &tolerance_node {
        Some(node) => node.duration(scheme::TOLERANCES.0, scheme::TOLERANCES.1, findings).map(Some),
        None => Some(None),
    };
    let with_node = members.take("with");
    let with = With::read(with_node.as_ref(), findings);
    let (secrets, keys) = (members.take("secrets"), members.take("keys"));
    let by = members.take("secrets_by");
    let context = Context { with: &with, tolerance: tolerance.flatten(), public_keys: keys.is_some() };
    let provider = read_provider(&mut members, context, findings);
    let path = members.path.clone();
    members.finish(findings);
    let shape = provider.as_ref().and_then(|provider| provider.shape.as_ref());
    let keyring = match (secrets, keys, by) {
        (Some(node), None, None) => read_list(&node, Kind::Secret(shape), environment, findings),
        (None, Some(node), None) => read_list(&node, Kind::PublicKey, environment, findings),
        (None, None, Some(node)) => read_chosen(&node, shape, environment, findings),
        _ => {
            findings.problem(&path, "needs exactly one of \"secrets\", \"secrets_by\" and \"keys\"");
            None
        }
    };
    let (provider, keyring) = (provider?, keyring?);
    with.finish(with_node.as_ref(), findings);
    let schemes = provider.dialects;
    if let Some(node) = tolerance_node
        && !schemes.iter().any(|(scheme, _)| scheme.tolerance().is_some())
    {
        findings.problem(&node.path, "has no effect: this sender signs no timestamp");
    }
    tolerance?;
    weakness::warn(schemes.iter().map(|(scheme, _)| scheme), &path, findings);
    Some((prepare(schemes, &keyring, findings)?, provider.refusal))
}

/// A sender: how it proves itself, and what its secrets look like.
struct Provider {
    dialects: Vec<Dialect>,
    shape: Option<providers::Shape>,
    refusal: Refusal,
}

fn read_provider(members: &mut Members<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Provider> {
    match (members.take("provider"), members.take("scheme")) {
        (Some(node), None) => {
            let name = node.text(findings)?;
            let Some(file) = providers::find(name) else {
                findings.problem(&node.path, unknown_provider(name));
                return None;
            };
            let scheme = Node { path: node.path.clone(), json: &file.scheme };
            let dialects = scheme::read(&scheme, context, findings)?;
            Some(Provider { dialects, shape: Some(file.shape), refusal: file.refusal })
        }
        (None, Some(node)) => {
            let dialects = scheme::read(&node, context, findings)?;
            Some(Provider { dialects, shape: None, refusal: Refusal::default() })
        }
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
        None => "is not a provider we ship; see docs/senders.md, or describe it as \"scheme\"".into(),
    }
}

fn read_list(
    node: &Node<'_>,
    kind: Kind<'_>,
    environment: Environment<'_>,
    findings: &mut Findings,
) -> Option<WrittenKeyring> {
    let found = secret::read_list(node, kind, environment, findings)?;
    Some(written(found).map_or(WrittenKeyring::Closed, WrittenKeyring::One))
}

fn read_chosen(
    node: &Node<'_>,
    shape: Option<&providers::Shape>,
    environment: Environment<'_>,
    findings: &mut Findings,
) -> Option<WrittenKeyring> {
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
            .map(|(name, node)| {
                Some((name.to_owned(), secret::read_list(&node, Kind::Secret(shape), environment, findings)?))
            })
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

fn prepare(schemes: Vec<Dialect>, keyring: &WrittenKeyring, findings: &mut Findings) -> Option<Read> {
    let mut checks = Vec::new();
    for (scheme, when) in schemes {
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
        checks.push(Check::new(scheme, when, keyring));
    }
    Some(Read::Dialects(Dialects { checks }))
}

fn prepare_list(list: &[Written], scheme: &Scheme, findings: &mut Findings) -> Option<Secrets> {
    let secrets: Vec<_> = list.iter().map(|written| written.prepare(scheme, findings)).collect();
    secrets.into_iter().collect::<Option<Vec<_>>>().map(Secrets::new)
}
