//! Reads one source.

use std::rc::Rc;

use super::check::{self, CheckContext, Sender};
use super::guards;
use super::handshake::HandshakeOption;
use super::live::{Live, Outside};
use super::policy::{BodyHold, Mode, Source};
use super::problem::Findings;
use super::providers::Refusal;
use super::reader::{Members, Node};
use super::secret;
use super::secret_text::Environment;
use crate::guard::route::{HostPattern, PathPattern, Pattern};
use crate::guard::{host, path};
use crate::handshake::{Handshake, Handshakes};
use crate::verify::bytes::inflate::Coding;
use crate::verify::bytes::json::Json;
use crate::verify::check::Check;
use crate::verify::scheme::Scheme;
use crate::verify::{Dialects, Group, Requirement};

/// The largest `max_body_bytes`: a 32-bit VM can count it, and no webhook comes near it.
const MAX_BODY_BYTES: u64 = 1 << 30;

/// Reads one source and what it matches. `None` if there was a problem.
pub(super) fn read(
    node: &Node<'_>,
    body_hold: BodyHold,
    environment: Environment<'_>,
    live: Live<'_>,
    findings: &mut Findings,
) -> Option<(Pattern, Source)> {
    let modes = [("enforce", Mode::Enforce), ("observe", Mode::Observe), ("disabled", Mode::Disabled)];
    let mut members = node.object(findings)?;
    let name = members.require("name", findings).and_then(|node| secret::read_name(&node, findings));
    let pattern = members.require("match", findings).and_then(|node| read_pattern(&node, findings));
    let verify = members.require("verify", findings);
    let guards = guards::Written::take(&mut members);
    let handshake = HandshakeOption::read(members.take("handshake").as_ref(), environment, findings);
    let handshake_path = members.path.member("handshake");
    let acknowledge = members.take("acknowledge");
    let acknowledges = match &acknowledge {
        Some(node) => node.bool(findings),
        None => Some(false),
    };
    let check_context = CheckContext {
        outside: Outside { environment, live, source: name.unwrap_or_default() },
        remembers: guards.remembers(),
        handshake: handshake.as_ref().and_then(Option::as_ref),
        acknowledges: acknowledges == Some(true),
    };
    let verified = verify.as_ref().and_then(|node| read_verify(node, check_context, findings));
    let senders = verified.as_ref().map(|(_, senders)| senders.as_slice());
    let guards = guards.read(guards::Context { body_hold, environment, senders }, findings);
    let mode = match members.take("mode") {
        Some(node) => node.keyword(&modes, findings),
        None => Some(Mode::Enforce),
    };
    let max_body_bytes = match members.take("max_body_bytes") {
        Some(node) => node.whole(1, MAX_BODY_BYTES, findings).map(Some),
        None => Some(None),
    };
    let deny_status = match members.take("deny") {
        Some(node) => read_deny(&node, findings).map(Some),
        None => Some(None),
    };
    let insecure_early_denial = match members.take("insecure_early_denial") {
        Some(node) => node.bool(findings),
        None => Some(false),
    };
    let remove_credentials = match members.take("remove_credentials") {
        Some(node) => node.bool(findings),
        None => Some(false),
    };
    members.finish(findings);
    let ((mut requirement, mut senders), guards) = (verified?, guards?);
    if let Some(option) = handshake?.as_ref() {
        option.finish(findings);
    }
    let handshakes = place_handshakes(&mut senders);
    let acknowledgement = senders.iter_mut().flatten().find_map(|sender| sender.acknowledgement.take());
    if let (true, None, Some(node)) = (acknowledges?, &acknowledgement, &acknowledge) {
        findings.problem(&node.path, ("has no effect: no sender of this source wants a certain response", "remove it"));
    }
    let senders: Vec<Sender> = senders.into_iter().flatten().collect();
    let mut closed = senders.iter().any(|sender| sender.closed);
    if let Some(replay) = &guards.replay {
        guards::remember(&mut requirement, replay, findings)?;
        closed |= replay.closed;
    }
    let requirement = (!closed).then_some(requirement);
    let refusal = understood_by_all(&senders);
    let schemes = || requirement.iter().flat_map(Requirement::checks).map(Check::scheme);
    let basic_challenge = schemes().any(Scheme::wants_basic_challenge);
    let mut credential_headers = Vec::new();
    if remove_credentials? {
        credential_headers.extend(schemes().flat_map(Scheme::proof_headers).map(str::to_owned));
        credential_headers.sort();
        credential_headers.dedup();
    }
    let mut shape = guards.shape;
    if schemes().any(Scheme::is_signed_decoded) {
        shape.content_encodings.extend(Coding::NAMES.map(str::to_owned));
    }
    let accepts = |method: &String| shape.methods.as_ref().is_some_and(|methods| methods.contains(method));
    if handshakes.0.iter().any(|rule| rule.is_whole_method() && rule.methods.iter().any(accepts)) {
        let wrong = "takes every request of a method that events may have for a handshake";
        findings.warning(&handshake_path, (wrong, "leave that method out of \"methods\": handshakes need it not"));
    }
    let source = Source {
        name: name?.to_owned(),
        mode: mode?,
        max_body_bytes: max_body_bytes?,
        shape,
        transport: guards.transport,
        address: guards.address,
        flood: guards.flood,
        budget: guards.budget,
        replay: guards.replay.map(|replay| replay.rule),
        insecure_early_denial: insecure_early_denial?,
        deny_status: deny_status?.or(refusal.status).unwrap_or(401),
        unavailable_status: refusal.unavailable.unwrap_or(503),
        basic_challenge,
        credential_headers,
        requirement: requirement.map(Rc::new),
        handshakes,
        acknowledgement,
    };
    Some((pattern?, source))
}

/// The handshakes of all senders, each with the place of its check.
fn place_handshakes(senders: &mut [Vec<Sender>]) -> Handshakes {
    let mut all = Vec::new();
    for (group, senders) in senders.iter_mut().enumerate() {
        for (place, sender) in senders.iter_mut().enumerate() {
            let own = std::mem::take(&mut sender.handshakes);
            all.extend(own.into_iter().map(|handshake| Handshake { check: (group, place), ..handshake }));
        }
    }
    Handshakes(all)
}

fn read_deny(node: &Node<'_>, findings: &mut Findings) -> Option<u16> {
    let mut members = node.object(findings)?;
    let status = members.require("status", findings).and_then(|node| node.whole(400, 599, findings));
    members.finish(findings);
    status.and_then(|status| u16::try_from(status).ok())
}

/// The requirement, and the senders of each group. `None` if there was a problem.
fn read_verify(
    node: &Node<'_>,
    check_context: CheckContext<'_, '_>,
    findings: &mut Findings,
) -> Option<(Requirement, Vec<Vec<Sender>>)> {
    let groups = match node.json {
        Json::List(_) => {
            let list = node.list(findings)?;
            list.iter().map(|node| read_group(node, check_context, findings)).collect::<Vec<_>>()
        }
        _ => vec![read_group(node, check_context, findings)],
    };
    let groups: Vec<(Group, Vec<Sender>)> = groups.into_iter().collect::<Option<_>>()?;
    let (groups, senders) = groups.into_iter().unzip();
    Some((Requirement::new(groups)?, senders))
}

/// The statuses that every check's sender understands; if the senders differ, the default ones.
fn understood_by_all(senders: &[Sender]) -> Refusal {
    match senders.split_first() {
        Some((first, others)) if others.iter().all(|other| other.refusal == first.refusal) => first.refusal,
        _ => Refusal::default(),
    }
}

/// One check, or `{"any": [...]}`, and its senders.
fn read_group(
    node: &Node<'_>,
    check_context: CheckContext<'_, '_>,
    findings: &mut Findings,
) -> Option<(Group, Vec<Sender>)> {
    let checks = match any_of(node) {
        None => vec![check::read(node, check_context, findings)],
        Some(()) => {
            let mut members = node.object(findings)?;
            let any = members.require("any", findings);
            members.finish(findings);
            any?.list(findings)?.iter().map(|node| check::read(node, check_context, findings)).collect()
        }
    };
    let checks: Vec<(Dialects, Sender)> = checks.into_iter().collect::<Option<_>>()?;
    let (any, senders) = checks.into_iter().unzip();
    Some((Group { any }, senders))
}

fn any_of(node: &Node<'_>) -> Option<()> {
    match node.json {
        Json::Object(members) => members.iter().any(|(key, _)| key == "any").then_some(()),
        _ => None,
    }
}

fn read_pattern(node: &Node<'_>, findings: &mut Findings) -> Option<Pattern> {
    let mut members = node.object(findings)?;
    let hosts = match members.take("hosts") {
        Some(node) => read_hosts(&node, findings),
        None => Some(Vec::new()),
    };
    let path = read_path(&mut members, findings);
    members.finish(findings);
    Some(Pattern { hosts: hosts?, path: path? })
}

fn read_hosts(node: &Node<'_>, findings: &mut Findings) -> Option<Vec<HostPattern>> {
    let hosts: Vec<_> = node
        .list(findings)?
        .iter()
        .map(|node| {
            let host = node.text(findings)?.to_ascii_lowercase();
            let (host, below) = match host.strip_prefix("*.") {
                Some(domain) => (domain.to_owned(), true),
                None => (host, false),
            };
            let plain =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'[' | b']' | b':');
            let literal = host.starts_with('[') && host.ends_with(']');
            let has_port = !literal && host.contains(':');
            if host.is_empty() || host.ends_with('.') || has_port || !host.bytes().all(plain) {
                findings.problem(&node.path, "must be a host without port, or *. and a domain: \"hooks.example.com\"");
                return None;
            }
            Some(if below { HostPattern::Below(host) } else { HostPattern::Exact(host::canonical(&host)) })
        })
        .collect();
    hosts.into_iter().collect()
}

fn read_path(members: &mut Members<'_>, findings: &mut Findings) -> Option<PathPattern> {
    let node = members.require("path", findings)?;
    let text = node.text(findings)?;
    let (path, below) = match text.strip_suffix("/*") {
        Some(prefix) => (format!("{prefix}/"), true),
        None => (text.to_owned(), false),
    };
    if path.contains(['*', '?']) || path::is_ambiguous(path.as_bytes()) {
        findings.problem(
            &node.path,
            "must be a plain path such as \"/hooks/github\", or end in \"/*\": no query, no \"//\", no dot segments, \
             no escapes that stand for something else",
        );
        return None;
    }
    let path = path.into_bytes();
    Some(if below { PathPattern::Below(path) } else { PathPattern::Exact(path) })
}
