//! One check as it is configured: a provider or a scheme, and its secrets.

use std::borrow::Cow;
use std::time::Duration;

use super::problem::Findings;
#[cfg(not(target_family = "wasm"))]
use super::problem::{Path, Problem};
use super::providers::{self, Refusal};
use super::reader::{Members, Node};
use super::scheme::{self, Context, Dialect};
use super::secret::{self, Environment, Found, Kind, Written};
use super::weakness;
use super::with::With;
use crate::verify::Dialects;
use crate::verify::check::Check;
#[cfg(not(target_family = "wasm"))]
use crate::verify::check::Condition;
#[cfg(not(target_family = "wasm"))]
use crate::verify::json::Json;
use crate::verify::keyring::{Keyring, Secrets, Selector};
use crate::verify::request::is_header_name;
use crate::verify::scheme::Scheme;

/// What is known of a check's sender.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    /// What it understands when it is refused.
    pub(super) refusal: Refusal,
    /// The networks that it publishes.
    pub(super) networks: Vec<String>,
    /// Whether one of its secrets is missing in the environment, so that it proves nothing.
    pub(super) closed: bool,
    /// How far its time may be off; `None` if it signs none, or none that we bound.
    pub(super) tolerance: Option<Duration>,
}

/// Secrets as written: one list, or lists by what a request names.
enum WrittenKeyring {
    One(Vec<Written>),
    Chosen(Selector, Vec<(String, Vec<Written>)>),
    Closed,
}

/// What checks are read with.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// The variables of the VM.
    pub(super) environment: Environment<'a>,
    /// Whether the source remembers events.
    pub(super) remembers: bool,
}

/// Reads one check. `None` if there was a problem.
pub(super) fn read(
    node: &Node<'_>,
    Surroundings { environment, remembers }: Surroundings<'_>,
    findings: &mut Findings,
) -> Option<(Dialects, Sender)> {
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
    let by_path = by.as_ref().map(|node| node.path.clone());
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
    if let (true, WrittenKeyring::Chosen(_, lists), Some(path)) = (remembers, &keyring, by_path)
        && share_a_secret(lists)
    {
        findings.warning(
            &path,
            "has one secret in two lists: an event that came under one name can come again under the other",
        );
    }
    weakness::warn(schemes.iter().map(|(scheme, _)| scheme), remembers, &path, findings);
    let tolerances: Option<Vec<_>> = schemes.iter().map(|(scheme, _)| scheme.tolerance()).collect();
    let sender = Sender {
        refusal: provider.refusal,
        networks: provider.networks,
        closed: matches!(keyring, WrittenKeyring::Closed),
        tolerance: tolerances.and_then(|tolerances| tolerances.into_iter().max()),
    };
    Some((prepare(schemes, &keyring, findings)?, sender))
}

/// The schemes of a check, whatever its secrets are: those who sign have their own. A check with `keys` is one of
/// public keys, one with `secrets` or `secrets_by` is not; one with none of them is what its scheme says.
///
/// # Errors
/// Every problem with the scheme, and with what it is given in `with` and `tolerance`.
#[cfg(not(target_family = "wasm"))]
pub fn schemes(check: &Json) -> Result<Vec<(Scheme, Option<Condition>)>, Vec<Problem>> {
    let has = |name: &str| matches!(check, Json::Object(members) if members.iter().any(|(key, _)| key == name));
    let kinds: &[bool] = match (has("keys"), has("secrets") || has("secrets_by")) {
        (true, _) => &[true],
        (false, true) => &[false],
        (false, false) => &[false, true],
    };
    let mut fewest: Option<Vec<Problem>> = None;
    for public_keys in kinds {
        match schemes_for(check, *public_keys) {
            (Some(dialects), problems) if problems.is_empty() => return Ok(dialects),
            // The right kind, and something else is wrong.
            (Some(_), problems) => return Err(problems),
            (None, problems) if fewest.as_ref().is_none_or(|fewest| problems.len() < fewest.len()) => {
                fewest = Some(problems);
            }
            (None, _) => {}
        }
    }
    Err(fewest.unwrap_or_default())
}

#[cfg(not(target_family = "wasm"))]
fn schemes_for(check: &Json, public_keys: bool) -> (Option<Vec<Dialect>>, Vec<Problem>) {
    let mut findings = Findings::default();
    let dialects = Node { path: Path::root(), json: check }.object(&mut findings).and_then(|mut members| {
        let tolerance = members.take("tolerance").and_then(|node| {
            let (shortest, longest) = scheme::TOLERANCES;
            node.duration(shortest, longest, &mut findings)
        });
        let with_node = members.take("with");
        let with = With::read(with_node.as_ref(), &mut findings);
        let context = Context { with: &with, tolerance, public_keys };
        let provider = read_provider(&mut members, context, &mut findings)?;
        with.finish(with_node.as_ref(), &mut findings);
        Some(provider.dialects)
    });
    (dialects, findings.problems)
}

/// A sender: how it proves itself, and what its secrets look like.
struct Provider {
    dialects: Vec<Dialect>,
    shape: Option<providers::Shape>,
    refusal: Refusal,
    networks: Vec<String>,
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
            Some(Provider { dialects, shape: Some(file.shape), refusal: file.refusal, networks: file.networks })
        }
        (None, Some(node)) => {
            let dialects = scheme::read(&node, context, findings)?;
            Some(Provider { dialects, shape: None, refusal: Refusal::default(), networks: Vec::new() })
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

fn share_a_secret(lists: &[(String, Vec<Written>)]) -> bool {
    lists.iter().enumerate().any(|(position, (_, list))| {
        let later = || lists.iter().skip(position.saturating_add(1)).flat_map(|(_, list)| list);
        list.iter().any(|secret| later().any(|other| secret.is_alike(other)))
    })
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

fn prepare(schemes: Vec<Dialect>, keyring: &WrittenKeyring, findings: &mut Findings) -> Option<Dialects> {
    let mut checks = Vec::new();
    for (scheme, when) in schemes {
        let keyring = match keyring {
            // No request names a list of it. What does not depend on the secrets can be told all the same.
            WrittenKeyring::Closed => Keyring::chosen(Selector::PathSegment(0), Vec::new()),
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
    Some(Dialects { checks })
}

fn prepare_list(list: &[Written], scheme: &Scheme, findings: &mut Findings) -> Option<Secrets> {
    let secrets: Vec<_> = list.iter().map(|written| written.prepare(scheme, findings)).collect();
    secrets.into_iter().collect::<Option<Vec<_>>>().map(Secrets::new)
}
