//! `jwt`: a JSON Web Token and the claims that it must have.

use std::time::Duration;

use super::value::{read_expression, read_json_path, read_key, read_literal, read_message, read_messages};
use super::{Context, TOLERANCES};
use crate::config::problem::Findings;
use crate::config::reader::Node;
use crate::verify::bytes::json::{Json, JsonPath};
use crate::verify::key::algorithm::JwtAlgorithm;
use crate::verify::scheme::jwt::{ClaimRule, JwtScheme};

/// How far a sender's clock may be off by default: a small leeway, no more than a few minutes (RFC 7519, section
/// 4.1.4).
const LEEWAY: Duration = Duration::from_secs(60);

pub(super) fn read_claim_name(node: &Node<'_>, findings: &mut Findings) -> Option<JsonPath> {
    let mut members = node.object(findings)?;
    let path = members.require("claim", findings).and_then(|node| read_json_path(&node, findings));
    members.finish(findings);
    path
}

pub(super) fn read_jwt(
    node: &Node<'_>,
    event_id: Option<JsonPath>,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<JwtScheme> {
    let mut members = node.object(findings)?;
    let token = members.require("at", findings).and_then(|node| read_expression(&node, context, findings));
    let prefix = match members.take("prefix") {
        Some(node) => read_literal(&node, context, findings),
        None => Some(String::new()),
    };
    let optional_prefix = members.take("optional_prefix").map_or(Some(false), |node| node.bool(findings));
    let algorithms = members.require("algorithms", findings).and_then(|node| {
        let list = node.list(findings)?;
        let algorithms: Vec<_> = list.iter().map(|node| node.keyword(JwtAlgorithm::NAMES, findings)).collect();
        algorithms.into_iter().collect::<Option<Vec<_>>>()
    });
    let key = read_key(members.take("key"), findings);
    let claims = match members.take("claims") {
        Some(node) => read_claims(&node, context, findings),
        None => Some(Vec::new()),
    };
    let max_age = match members.take("max_age") {
        Some(node) => node.duration(TOLERANCES.0, TOLERANCES.1, findings).map(Some),
        None => Some(None),
    };
    let timeless = members.take("timeless").map_or(Some(false), |node| node.bool(findings));
    let leeway = match members.take("leeway") {
        Some(node) => node.duration(Duration::ZERO, Duration::from_secs(600), findings),
        None => Some(LEEWAY),
    };
    let path = members.path.clone();
    members.finish(findings);
    let (token, algorithms) = (token?, algorithms?);
    let symmetric = algorithms.iter().filter(|algorithm| algorithm.hmac().is_some()).count();
    if symmetric != 0 && symmetric != algorithms.len() {
        findings.problem(&path, ("mixes algorithms of secrets and of public keys", "make two dialects"));
        return None;
    }
    Some(JwtScheme {
        token: (!token.is_raw_body()).then_some(token),
        prefix: prefix?,
        optional_prefix: optional_prefix?,
        algorithms,
        key: key?,
        claims: claims?,
        max_age: max_age?,
        timeless: timeless?,
        leeway: leeway?,
        event_id,
    })
}

pub(super) fn read_claims(
    node: &Node<'_>,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<Vec<(JsonPath, ClaimRule)>> {
    let mut members = node.object(findings)?;
    let rules: Vec<_> = members
        .rest()
        .into_iter()
        .map(|(name, node)| {
            let path = JsonPath::parse(name).or_else(|| {
                findings.problem(&node.path, "has a name that is not a valid path to a claim");
                None
            });
            let rule = read_claim_rule(&node, context, findings);
            Some((path?, rule?))
        })
        .collect();
    rules.into_iter().collect()
}

pub(super) fn read_claim_rule(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<ClaimRule> {
    match node.json {
        Json::Text(_) => read_message(node, context, findings).map(ClaimRule::Equals),
        Json::Bool(true) => Some(ClaimRule::Present),
        _ => {
            let mut members = node.object(findings)?;
            let one_of = members.take("one_of");
            let equals = members.take("equals");
            let when = members.take("when").map(|node| node.keyword(&[("body", ())], findings));
            members.finish(findings);
            match (one_of, equals, when) {
                (Some(list), None, None) => read_messages(&list, context, findings).map(ClaimRule::OneOf),
                (None, Some(node), None) => read_message(&node, context, findings).map(ClaimRule::Equals),
                (None, Some(node), Some(when)) => {
                    when?;
                    read_message(&node, context, findings).map(ClaimRule::EqualsWhenBody)
                }
                _ => node.expected("a template, true, or an object with \"equals\" or \"one_of\"", findings),
            }
        }
    }
}
