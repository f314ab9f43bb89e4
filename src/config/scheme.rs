//! The scheme language: JSON to a valid [`Scheme`]. A provider file's `scheme` and one in a configuration are the
//! same, and read here. `docs/schemes.md` is its reference.

mod credential;
mod http;
mod jwt;
mod signature;
mod value;

use std::time::Duration;

use super::problem::{Findings, Kind};
use super::reader::{Members, Node};
use super::with::With;
use crate::verify::check::Condition;
use crate::verify::scheme::{Scheme, SchemeKind};
use credential::read_credential;
use http::{read_http_signature, read_message_signature};
use jwt::{read_claim_name, read_jwt};
pub(super) use signature::read_encoding;
use signature::read_signature;
use value::read_pair;
pub(super) use value::{HASHES, expression_problem, read_expression, read_literal, read_message};

/// The default tolerance, which most senders use.
const DEFAULT_TOLERANCE: Duration = Duration::from_secs(300);
/// The smallest and the largest tolerance. More than a week is a replay window, not a tolerance.
pub(super) const TOLERANCES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(7 * 86_400));

/// A scheme, and when it applies if its header alone does not decide that.
pub(super) type Dialect = (Scheme, Option<Condition>);

/// The context in which a scheme is read.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// Configured values.
    pub(super) with: &'a With<'a>,
    /// Overrides the scheme's own tolerance.
    pub(super) tolerance: Option<Duration>,
    /// Which dialects to read: those that use public keys, or those that use secrets.
    pub(super) public_keys: bool,
}

/// Reads the dialects of a scheme. Most schemes have only one.
pub(super) fn read(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Vec<Dialect>> {
    let mut members = node.object(findings)?;
    let dialects = match members.take("dialects") {
        Some(list) => {
            members.finish(findings);
            let list = list.list(findings)?;
            let dialects: Vec<_> =
                list.iter().map(|node| read_one(node.object(findings)?, context, findings)).collect();
            dialects.into_iter().collect::<Option<Vec<_>>>()?
        }
        None => vec![read_one(members, context, findings)?],
    };
    let fitting: Vec<_> =
        dialects.into_iter().filter(|(scheme, _)| scheme.takes_public_keys() == context.public_keys).collect();
    if fitting.is_empty() {
        let (right, wrong) = if context.public_keys { ("secrets", "keys") } else { ("keys", "secrets") };
        findings.problem(&node.path, format!("is verified with \"{right}\", not with \"{wrong}\""));
        return None;
    }
    Some(fitting)
}

fn read_one(mut members: Members<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Dialect> {
    let when = match members.take("when") {
        Some(node) => read_condition(&node, context, findings).map(Some),
        None => Some(None),
    };
    let kind = SchemeKind::of(|key| members.has(key));
    let scheme = match kind {
        SchemeKind::Credential => {
            let node = members.take(kind.key())?;
            members.finish(findings);
            read_credential(&node, context, findings).map(Scheme::Credential)
        }
        SchemeKind::Jwt => {
            let node = members.take(kind.key())?;
            let event_id = match members.take("event_id") {
                Some(node) => read_claim_name(&node, findings).map(Some),
                None => Some(None),
            };
            members.finish(findings);
            read_jwt(&node, event_id?, context, findings).map(|scheme| Scheme::Jwt(Box::new(scheme)))
        }
        SchemeKind::MessageSignature => {
            let node = members.take(kind.key())?;
            members.finish(findings);
            read_message_signature(&node, context, findings).map(|scheme| Scheme::MessageSignature(Box::new(scheme)))
        }
        SchemeKind::HttpSignature => {
            let node = members.take(kind.key())?;
            members.finish(findings);
            read_http_signature(&node, context, findings).map(|scheme| Scheme::HttpSignature(Box::new(scheme)))
        }
        SchemeKind::Signature => {
            read_signature(members, context, findings).map(|scheme| Scheme::Signature(Box::new(scheme)))
        }
    };
    let mut scheme = scheme?;
    if let (Some(own), Some(tolerance)) = (scheme.tolerance_mut(), context.tolerance) {
        *own = tolerance;
    }
    Some((scheme, when?))
}

fn read_condition(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Condition> {
    let mut members = node.object(findings)?;
    let condition = match (members.take("present"), members.take("equal")) {
        (Some(node), None) => read_expression(&node, context, findings).map(Condition::Present),
        (None, Some(node)) => read_pair(&node, context, findings).map(|(left, right)| Condition::Equal(left, right)),
        _ => {
            findings.problem_of(Kind::MissingKey, &members.path, "needs exactly one of \"present\" and \"equal\"");
            None
        }
    };
    let path = members.path.clone();
    members.finish(findings);
    let waits = match &condition {
        Some(Condition::Present(value)) => value.needs_body(),
        Some(Condition::Equal(left, right)) => left.needs_body() || right.needs_body(),
        None => false,
    };
    if waits {
        findings.problem(&path, ("must be decidable from the headers", "the body has not arrived yet"));
        return None;
    }
    condition
}
