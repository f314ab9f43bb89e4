//! `replay`: accepts each event once.

use std::time::Duration;

use super::{Context, keep_on, store};
use crate::config::check::Sender;
use crate::config::policy::BodyHold;
use crate::config::problem::{Findings, Kind, Path};
use crate::config::reader::Node;
use crate::config::scheme::expression_problem;
use crate::guard::keep_on::KeepOn;
use crate::guard::replay::{OnDuplicate, ReplayRule, WhenFull};
use crate::verify::bytes::json::Json;
use crate::verify::expression::Expression;
use crate::verify::{Requirement, Unidentified};

/// The shortest and the longest window.
const WINDOWS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(31 * 86_400));
/// How many events are remembered by default.
const DEFAULT_ENTRIES: u32 = 100_000;
/// The most events that can be remembered.
const MAX_ENTRIES: u64 = 10_000_000;
/// The statuses for duplicates. A success is the default, since the sender did nothing wrong.
const DUPLICATE_STATUSES: [u16; 3] = [200, 204, 409];
/// The roots of values that can be an event's id.
const NAMING_ROOTS: [&str; 4] = ["header:", "json:", "form:", "query:"];

/// The configuration of `replay`.
pub(in crate::config) struct Replay {
    /// Its path in the configuration.
    path: Path,
    /// The path of its id.
    id_path: Path,
    /// The guard's rule.
    pub(in crate::config) rule: ReplayRule,
    /// The event's id, which the signature must cover.
    id: Option<Expression>,
    /// Whether the store's credential is missing from the environment.
    pub(in crate::config) closed: bool,
}

/// Makes the requirement identify events, by the configured id if there is one.
pub(in crate::config) fn remember(
    requirement: &mut Requirement,
    replay: &Replay,
    findings: &mut Findings,
) -> Option<()> {
    if replay.rule.unsigned_id.is_some() {
        return Some(());
    }
    match requirement.remember(replay.id.as_ref()) {
        Ok(several_ways) => {
            if several_ways && replay.id.is_none() {
                findings.warning_of(
                    Kind::ReplayShort,
                    &replay.path,
                    (
                        "can count one event as two, since any of several proofs is enough",
                        "set an \"id\" that all of \
                     them sign",
                    ),
                );
            }
            Some(())
        }
        Err(Unidentified::NothingSigned) => findings.refuse(
            &replay.path,
            "cannot tell events apart, since neither an id nor the body is signed: set \"id\" to a header with \
             \"insecure_unsigned_id\": true, or remove \"replay\"",
        ),
        Err(Unidentified::IdNotCovered) => findings.refuse(
            &replay.id_path,
            (
                "is not signed, so an event could be replayed under another id",
                "use a value that is signed, remove it, or \
             set \"insecure_unsigned_id\": true",
            ),
        ),
    }
}

/// Whether it sets `insecure_unsigned_id`, even if its other members have problems.
pub(super) fn trusts_an_unsigned_id(node: &Node<'_>) -> bool {
    let Json::Object(members) = node.json else { return false };
    members.iter().any(|(key, value)| key == "insecure_unsigned_id" && matches!(value, Json::Bool(true)))
}

pub(super) fn read(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Replay> {
    let full_words = [("refuse", WhenFull::Refuse), ("drop_oldest", WhenFull::DropOldest)];
    let mut members = node.object(findings)?;
    let window_node = members.require("window", findings);
    let window = window_node.as_ref().and_then(|node| node.duration(WINDOWS.0, WINDOWS.1, findings));
    let id_node = members.take("id");
    let unsigned = members.take("insecure_unsigned_id").map_or(Some(false), |node| node.bool(findings));
    let id = super::optional(id_node.as_ref(), |node| read_id(node, findings));
    let entries = members.take("entries").map_or(Some(DEFAULT_ENTRIES), |node| {
        node.whole(1, MAX_ENTRIES, findings).and_then(|entries| u32::try_from(entries).ok())
    });
    let full_node = members.take("when_full");
    let when_full = full_node.as_ref().map_or(Some(WhenFull::Refuse), |node| node.keyword(&full_words, findings));
    let duplicate = members
        .take("duplicate")
        .map_or(Some(OnDuplicate::Answer(200)), |node| read_duplicate(&node, context.body_hold, findings));
    let keep_on =
        members.take("keep_on").map_or_else(|| Some(KeepOn::default()), |node| keep_on::read(&node, findings));
    members.replaced(
        "give_back_from",
        (
            "is \"keep_on\" now, which lists the answers that keep a claim, such as [\"2xx\", \"410\"]",
            "every other gives \
         it back",
        ),
        findings,
    );
    let store_node = members.take("store");
    let store = super::optional(store_node.as_ref(), |node| store::read(node, context.environment, findings));
    if let (Some(node), Some(_)) = (full_node, store_node) {
        findings.problem(
            &node.path,
            ("has no effect with \"store\", which remembers what this proxy forgets", "remove it"),
        );
    }
    let path = members.path.clone();
    members.finish(findings);

    let (id, unsigned) = (id?, unsigned?);
    let unsigned_id = match (&id, unsigned) {
        (_, false) => None,
        (Some(id), true) => match id.as_header() {
            Some(name) => Some(name.to_ascii_lowercase()),
            None => {
                return findings.refuse(
                    &id_node.map_or(path, |node| node.path),
                    "must be a header where \"insecure_unsigned_id\" is set, such as \"header:X-Event-Id\"",
                );
            }
        },
        (None, true) => {
            return findings.refuse_of(
                Kind::MissingKey,
                &path,
                "lacks \"id\", the header that \"insecure_unsigned_id\" refers to",
            );
        }
    };
    if let (None, Some(node), Some(window)) = (&unsigned_id, window_node, window)
        && context.senders.and_then(fresh_for).is_some_and(|fresh| window < fresh)
    {
        findings.warning_of(
            Kind::ReplayShort,
            &node.path,
            "is shorter than twice the tolerance: an event could be replayed after it is forgotten, while its \
             timestamp is still accepted",
        );
    }
    let store = store?;
    let closed = matches!(store, Some(None));
    let rule = ReplayRule {
        window: window?,
        entries: entries?,
        when_full: when_full?,
        duplicate: duplicate?,
        keep_on: keep_on?,
        unsigned_id: unsigned_id.clone(),
        store: store.flatten(),
    };
    Some(Replay { id_path: path.member("id"), path, rule, id: id.filter(|_| unsigned_id.is_none()), closed })
}

fn read_id(node: &Node<'_>, findings: &mut Findings) -> Option<Expression> {
    let text = node.text(findings)?;
    let root = text.split('|').next().unwrap_or_default();
    if !NAMING_ROOTS.iter().any(|prefix| root.strip_prefix(prefix).is_some_and(|name| !name.is_empty())) {
        return findings.refuse(
            &node.path,
            "must be a value by which the sender names events, such as \"header:X-Event-Id\" or \"json:data.id\"",
        );
    }
    if root.ends_with('?') {
        return findings
            .refuse(&node.path, ("cannot be optional: all events without it would count as the same", "remove \"?\""));
    }
    match Expression::parse(text, &|_| None) {
        Ok(id) => Some(id),
        Err(error) => {
            expression_problem(&error, &node.path, findings);
            None
        }
    }
}

fn read_duplicate(node: &Node<'_>, body_hold: BodyHold, findings: &mut Findings) -> Option<OnDuplicate> {
    let pass = matches!(node.json, Json::Text(text) if text == "pass");
    if pass && body_hold == BodyHold::Chain {
        return findings.refuse(
            &node.path,
            (
                "cannot be \"pass\" with \"body_hold\": \"chain\", where a request can no longer be marked once it is \
             verified",
                "answer with 200, 204 or 409",
            ),
        );
    }
    let status = DUPLICATE_STATUSES.into_iter().find(|status| node.number() == Some(u64::from(*status)));
    match status {
        _ if pass => Some(OnDuplicate::Pass),
        Some(status) => Some(OnDuplicate::Answer(status)),
        None => findings.refuse(&node.path, "must be 200, 204, 409 or \"pass\""),
    }
}

/// For how long a request is fresh, from the earliest time to the latest; `None` if nothing limits it. All groups must
/// verify, so the narrowest decides; any check of a group is enough, so within a group the widest does.
fn fresh_for(groups: &[Vec<Sender>]) -> Option<Duration> {
    let of_group = |group: &Vec<Sender>| {
        let tolerances: Option<Vec<Duration>> = group.iter().map(|sender| sender.tolerance).collect();
        tolerances.and_then(|tolerances| tolerances.into_iter().max())
    };
    groups.iter().filter_map(of_group).min().map(|tolerance| tolerance.saturating_mul(2))
}
