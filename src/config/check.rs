//! Reads one check: a provider or a scheme, and its secrets.

use std::rc::Rc;
use std::time::Duration;

use super::handshake::{self, HandshakeOption};
use super::live::Outside;
use super::nearest::nearest;
use super::problem::{self, Diagnosis, Findings, Path};
use super::providers::{self, Refusal};
use super::published::{self, Pinned, Published};
use super::reader::{Members, Node};
use super::scheme::{self, Context, Dialect};
use super::secret::{self, Found, Kind, Written};
use super::weakness;
use super::with::With;
use crate::handshake::{Handshake, Response};
use crate::verify::Dialects;
use crate::verify::bytes::json::Json;
use crate::verify::check::Check;
use crate::verify::key::algorithm::SignatureAlgorithm;
use crate::verify::key::keyring::{Keyring, Selector};
use crate::verify::key::secret::{Secret, Validity};
use crate::verify::key::secrets::{Entry, Secrets};
use crate::verify::request::is_header_name;
use crate::verify::scheme::Scheme;

/// The properties of a check's sender.
#[derive(Debug)]
pub(super) struct Sender {
    /// The refusal statuses that it understands.
    pub(super) refusal: Refusal,
    /// The networks that it publishes.
    pub(super) networks: Vec<String>,
    /// Whether one of its secrets is missing from the environment or unusable, so that it cannot verify.
    pub(super) closed: bool,
    /// The tolerance of its timestamp; `None` if it signs none, or one without a limit.
    pub(super) tolerance: Option<Duration>,
    /// The handshakes in which the source takes part.
    pub(super) handshakes: Vec<Handshake>,
    /// The response that it wants to every event.
    pub(super) acknowledgement: Option<Response>,
}

/// Secrets as written: one list, or lists by what a request names.
enum WrittenKeyring {
    One(Vec<Written>),
    Chosen(Selector, Vec<(String, Vec<Written>)>),
    Published(Published),
    Closed,
}

/// The context in which checks are read.
#[derive(Clone, Copy)]
pub(super) struct CheckContext<'a, 'b> {
    /// Where its secrets come from.
    pub(super) outside: Outside<'a>,
    /// Whether the source remembers events.
    pub(super) remembers: bool,
    /// What the source says of its senders' handshakes, if it takes part in them.
    pub(super) handshake: Option<&'a HandshakeOption<'b>>,
    /// Whether the source makes the response that its sender wants to every event.
    pub(super) acknowledges: bool,
}

/// Reads one check. `None` if there was a problem.
pub(super) fn read(
    node: &Node<'_>,
    CheckContext { outside, remembers, handshake, acknowledges }: CheckContext<'_, '_>,
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
    let (by, keys_by) = (members.take("secrets_by"), members.take("keys_by"));
    let public_keys = keys.is_some() || keys_by.is_some();
    let context = Context { with: &with, tolerance: tolerance.flatten(), public_keys };
    let provider = read_provider(&mut members, context, findings);
    let written = provider.as_ref().and_then(|provider| provider.handshake.as_ref());
    let handshakes = match (handshake, written) {
        (Some(option), Some(written)) => written.read(context, option, findings),
        // A mistake in it is one even while it is not used.
        (None, Some(written)) if written.is_own => {
            let option = HandshakeOption::forwarding(&written.path);
            written.read(context, &option, findings).map(|_| Vec::new())
        }
        _ => Some(Vec::new()),
    };
    let is_read = |provider: &&Provider| acknowledges || provider.shape.is_none();
    let written = provider.as_ref().filter(is_read).and_then(|provider| provider.acknowledgement.as_ref());
    let acknowledgement = match written {
        Some(json) => {
            let node = Node { path: members.path.clone(), json };
            let response = handshake::read_acknowledgement(&node, context, findings);
            response.map(|response| acknowledges.then_some(response))
        }
        None => Some(None),
    };
    let path = members.path.clone();
    members.finish(findings);
    let by_path = by.as_ref().map(|node| node.path.clone());
    let shape = provider.as_ref().and_then(|provider| provider.shape.as_ref());
    let keyring = match (secrets, keys, by, keys_by) {
        (Some(node), None, None, None) => read_list(&node, Kind::Secret(shape), outside, findings),
        (None, Some(node), None, None) if published::is_in(&node) => {
            let file = provider.as_ref().and_then(|provider| provider.keys_from.as_ref());
            published::read(&node, Pinned(file), context, outside, findings).map(WrittenKeyring::Published)
        }
        (None, Some(node), None, None) => read_list(&node, Kind::PublicKey, outside, findings),
        (None, None, Some(node), None) => read_chosen(&node, "secrets", Kind::Secret(shape), outside, findings),
        (None, None, None, Some(node)) => read_chosen(&node, "keys", Kind::PublicKey, outside, findings),
        _ => {
            findings.problem_of(
                problem::Kind::MissingKey,
                &path,
                "needs exactly one of \"secrets\", \"secrets_by\", \"keys\" and \"keys_by\"",
            );
            None
        }
    };
    let (provider, keyring, handshakes) = (provider?, keyring?, handshakes?);
    let acknowledgement = acknowledgement?;
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
            "has the same secret in two lists: nothing that is signed distinguishes their events, so two events with \
             the same id count as one",
        );
    }
    weakness::warn(schemes.iter().map(|(scheme, _)| scheme), remembers, &path, findings);
    let challenges: Vec<_> = handshakes.iter().filter_map(Handshake::challenge_form).collect();
    let has_mac = |(scheme, _): &Dialect| matches!(scheme, Scheme::Signature(scheme) if matches!(scheme.algorithm, SignatureAlgorithm::Hmac(_)));
    if !challenges.is_empty() && !schemes.iter().all(has_mac) {
        findings.problem(&path, "has a handshake with a \"mac\", and its scheme has no HMAC");
    }
    let tolerances: Option<Vec<_>> = schemes.iter().map(|(scheme, _)| scheme.tolerance()).collect();
    let mut sender = Sender {
        refusal: provider.refusal,
        networks: provider.networks,
        closed: false,
        tolerance: tolerances.and_then(|tolerances| tolerances.into_iter().max()),
        handshakes,
        acknowledgement,
    };
    let (mut dialects, closed) = prepare(schemes, &keyring, &path, findings)?;
    sender.closed = closed;
    dialects.checks.iter_mut().for_each(|check| check.refuse_challenges(&challenges));
    Some((dialects, sender))
}

/// A sender: its scheme, and what its secrets look like.
pub(super) struct Provider {
    pub(super) dialects: Vec<Dialect>,
    shape: Option<providers::Shape>,
    refusal: Refusal,
    networks: Vec<String>,
    handshake: Option<WrittenHandshake>,
    acknowledgement: Option<Json>,
    keys_from: Option<Json>,
}

/// The handshakes of a sender as its file has them.
struct WrittenHandshake {
    path: Path,
    /// Whether it is in the configuration, and not in a provider's file.
    is_own: bool,
    json: Json,
    scheme: Json,
}

impl WrittenHandshake {
    fn read(
        &self,
        context: Context<'_>,
        option: &HandshakeOption<'_>,
        findings: &mut Findings,
    ) -> Option<Vec<Handshake>> {
        let scheme = Node { path: self.path.clone(), json: &self.scheme };
        let with_key = |node: &Node<'_>, findings: &mut Findings| {
            let text = node.text(findings)?;
            let dialects = scheme::read(&scheme, context, findings)?;
            let checks: Vec<_> = dialects
                .into_iter()
                .map(|(scheme, when)| {
                    let id = Rc::from("public");
                    let key = scheme.key(text).ok()?;
                    let secret = Secret { id, key, validity: Validity::default(), events_of: None };
                    Some(Check::new(scheme, when, Keyring::one(Secrets::new(vec![Rc::new(secret)]))))
                })
                .collect();
            match checks.into_iter().collect() {
                Some(checks) => Some(Dialects { checks }),
                None => findings.refuse(&node.path, "is not a key of this scheme"),
            }
        };
        handshake::read(&Node { path: self.path.clone(), json: &self.json }, context, option, &with_key, findings)
    }
}

/// The warning for a provider without independent evidence.
const UNCONFIRMED: &str =
    "is based on a single unofficial source or on memory: test it with a real delivery before you rely on it";

pub(super) fn read_provider(
    members: &mut Members<'_>,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<Provider> {
    let (handshake, acknowledgement) = (members.take("handshake"), members.take("acknowledgement"));
    match (members.take("provider"), members.take("scheme")) {
        (Some(_), None) if handshake.is_some() || acknowledgement.is_some() => {
            let beside = handshake.or(acknowledgement).map(|node| node.path);
            let path = beside.unwrap_or_else(|| members.path.clone());
            findings.refuse(&path, ("cannot be combined with \"provider\"", "its file says how it checks an endpoint"))
        }
        (Some(node), None) => {
            let name = node.text(findings)?;
            let Some(file) = providers::find(name) else {
                findings.problem_of(problem::Kind::UnknownProvider, &node.path, unknown_provider(name));
                return None;
            };
            if file.is_unconfirmed {
                findings.warning(&node.path, UNCONFIRMED);
            }
            let scheme = Node { path: node.path.clone(), json: &file.scheme };
            let dialects = scheme::read(&scheme, context, findings)?;
            let handshake = file.handshake.map(|json| WrittenHandshake {
                path: node.path.clone(),
                is_own: false,
                json,
                scheme: file.scheme,
            });
            let (refusal, networks) = (file.refusal, file.networks);
            let (acknowledgement, keys_from) = (file.acknowledgement, file.keys_from);
            let shape = Some(file.shape);
            Some(Provider { dialects, shape, refusal, networks, handshake, acknowledgement, keys_from })
        }
        (None, Some(node)) => {
            let handshake = handshake.map(|handshake| WrittenHandshake {
                path: handshake.path,
                is_own: true,
                json: handshake.json.clone(),
                scheme: node.json.clone(),
            });
            let acknowledgement = acknowledgement.map(|node| node.json.clone());
            let dialects = scheme::read(&node, context, findings)?;
            let (refusal, networks) = (Refusal::default(), Vec::new());
            let keys_from = None;
            Some(Provider { dialects, shape: None, refusal, networks, handshake, acknowledgement, keys_from })
        }
        _ => {
            findings.problem_of(
                problem::Kind::MissingKey,
                &members.path,
                "needs exactly one of \"provider\" and \"scheme\"",
            );
            None
        }
    }
}

fn unknown_provider(name: &str) -> Diagnosis {
    match nearest(name, providers::names()) {
        Some(nearest) => ("is not a provider we ship", format!("did you mean \"{nearest}\"?")).into(),
        None => ("is not a provider we ship", "see docs/senders.md, or describe it as \"scheme\"").into(),
    }
}

fn read_list(node: &Node<'_>, kind: Kind<'_>, outside: Outside<'_>, findings: &mut Findings) -> Option<WrittenKeyring> {
    let found = secret::read_list(node, kind, outside, findings)?;
    Some(written(found).map_or(WrittenKeyring::Closed, WrittenKeyring::One))
}

fn read_chosen(
    node: &Node<'_>,
    of: &'static str,
    kind: Kind<'_>,
    outside: Outside<'_>,
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
            findings.problem_of(
                problem::Kind::MissingKey,
                &members.path,
                "needs exactly one of \"header\" and \"path_segment\"",
            );
            None
        }
    };
    let lists = members.require(of, findings).and_then(|node| {
        let mut members = node.object(findings)?;
        let lists: Vec<_> = members
            .rest()
            .into_iter()
            .map(|(name, node)| Some((name.to_owned(), secret::read_list(&node, kind, outside, findings)?)))
            .collect();
        if lists.is_empty() {
            findings.problem(&node.path, ("is empty", format!("list the {of} of at least one name")));
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

/// The secrets, if the environment has all of them, and all are usable.
fn written(found: Vec<Found>) -> Option<Vec<Written>> {
    found
        .into_iter()
        .map(|found| match found {
            Found::Written(written) => Some(written),
            Found::Closed => None,
        })
        .collect()
}

/// The dialects with their keys, and whether a secret is missing or unusable, so that the source is closed.
fn prepare(
    schemes: Vec<Dialect>,
    keyring: &WrittenKeyring,
    path: &Path,
    findings: &mut Findings,
) -> Option<(Dialects, bool)> {
    // There is no list of secrets, but problems that do not depend on them can still be reported.
    let none = || Keyring::chosen(Selector::PathSegment(0), Vec::new());
    let mut closed = matches!(keyring, WrittenKeyring::Closed);
    let mut checks = Vec::new();
    for (mut scheme, when) in schemes {
        let keyring = match keyring {
            WrittenKeyring::Published(Published { number, id, key_name }) => {
                if let Some(name) = key_name
                    && !scheme.set_key_name(name.clone())
                {
                    return findings.refuse(
                        path,
                        ("has \"key_id\", and its kind of proof names the key in its own way", "leave it out"),
                    );
                }
                checks.push(Check::of_published(scheme, when, *number, Rc::clone(id)));
                continue;
            }
            // Another dialect has reported it.
            _ if closed => None,
            WrittenKeyring::Closed => None,
            WrittenKeyring::One(list) => prepare_list(list, &[], &scheme, findings)?
                .map(|entries| Keyring::one(Secrets::of(&entries)).with_entries(0, entries)),
            WrittenKeyring::Chosen(selector, lists) => prepare_chosen(selector, lists, &scheme, findings)?,
        };
        closed |= keyring.is_none();
        checks.push(Check::new(scheme, when, keyring.unwrap_or_else(none)));
    }
    Some((Dialects { checks }, closed))
}

/// `None` inside if one of the secrets is unusable and closes the source.
fn prepare_chosen(
    selector: &Selector,
    lists: &[(String, Vec<Written>)],
    scheme: &Scheme,
    findings: &mut Findings,
) -> Option<Option<Keyring>> {
    let prepared: Vec<_> = lists.iter().map(|(_, list)| prepare_list(list, lists, scheme, findings)).collect();
    let prepared: Vec<Option<Vec<Entry>>> = prepared.into_iter().collect::<Option<_>>()?;
    let Some(prepared) = prepared.into_iter().collect::<Option<Vec<_>>>() else { return Some(None) };
    let names = lists.iter().map(|(name, _)| name.clone());
    let fixed = names.zip(&prepared).map(|(name, entries)| (name, Secrets::of(entries))).collect();
    let keyring = Keyring::chosen(selector.clone(), fixed);
    let with_entries = |keyring: Keyring, (at, entries)| keyring.with_entries(at, entries);
    Some(Some(prepared.into_iter().enumerate().fold(keyring, with_entries)))
}

/// `all`: the lists from which a request chooses. `None` inside if one of the secrets is unusable and closes the source.
fn prepare_list(
    list: &[Written],
    all: &[(String, Vec<Written>)],
    scheme: &Scheme,
    findings: &mut Findings,
) -> Option<Option<Vec<Entry>>> {
    let prepare = |written: &Written| written.prepare(scheme, events_of(written, all, scheme), findings);
    let entries: Vec<_> = list.iter().map(prepare).collect();
    let entries: Vec<Option<Entry>> = entries.into_iter().collect::<Option<_>>()?;
    Some(entries.into_iter().collect())
}

/// If several lists hold this secret, the name that stands for all of them: the alphabetically first, so that their
/// order in the configuration does not matter.
fn events_of(written: &Written, all: &[(String, Vec<Written>)], scheme: &Scheme) -> Option<Rc<str>> {
    let holds = |list: &[Written]| list.iter().any(|other| written.is_same_key(other, scheme));
    let mut names: Vec<_> = all.iter().filter(|(_, list)| holds(list)).map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.first().filter(|_| names.len() > 1).map(|name| Rc::from(*name))
}
