//! The values, templates, headers and keys of all kinds of schemes.

use super::Context;
use crate::config::nearest;
use crate::config::problem::{Diagnosis, Findings, Kind, Path};
use crate::config::reader::Node;
use crate::verify::bytes::json::{Json, JsonPath};
use crate::verify::expression::message::{Message, TemplateError};
use crate::verify::expression::{Expression, ExpressionError};
use crate::verify::key::key_form::{KeyEncoding, KeyForm};
use crate::verify::primitives::mac::HashAlgorithm;
use crate::verify::request::is_header_name;

pub(super) const KEY_ENCODINGS: &[(&str, KeyEncoding)] = &[
    ("text", KeyEncoding::Text),
    ("text-nfkd", KeyEncoding::TextNfkd),
    ("base64", KeyEncoding::Base64),
    ("base64-or-text", KeyEncoding::Base64OrText),
    ("hex", KeyEncoding::Hex),
    ("sha1", KeyEncoding::Sha1),
    ("sha256", KeyEncoding::Sha256),
];

/// The hashes that can be named by themselves.
pub(in crate::config) const HASHES: &[(&str, HashAlgorithm)] = &[
    ("sha256", HashAlgorithm::Sha256),
    ("sha1", HashAlgorithm::Sha1),
    ("sha512", HashAlgorithm::Sha512),
    ("md5", HashAlgorithm::Md5),
];

pub(super) fn read_header(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<String> {
    let name = read_literal(node, context, findings)?;
    if is_header_name(&name) {
        return Some(name.to_ascii_lowercase());
    }
    findings.problem(&node.path, "must be the name of a header, such as \"X-Signature\"");
    None
}

/// Text that may contain only configured values.
pub(in crate::config) fn read_literal(
    node: &Node<'_>,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<String> {
    let text = node.text(findings)?;
    if !text.contains(['{', '}']) {
        return Some(text.to_owned());
    }
    let literal = parse_message(text, node, context, findings)?.literal().and_then(|text| String::from_utf8(text).ok());
    if literal.is_none() {
        findings.problem(&node.path, "must be plain text, with {with:name} at most");
    }
    literal
}

pub(in crate::config) fn read_expression(
    node: &Node<'_>,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<Expression> {
    match Expression::parse(node.text(findings)?, &|name| context.with.value(name)) {
        Ok(expression) => Some(expression),
        Err(error) => {
            expression_problem(&error, &node.path, findings);
            None
        }
    }
}

pub(super) fn read_messages(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Vec<Message>> {
    match node.json {
        Json::List(_) => {
            let messages: Vec<_> =
                node.list(findings)?.iter().map(|node| read_message(node, context, findings)).collect();
            messages.into_iter().collect()
        }
        _ => read_message(node, context, findings).map(|message| vec![message]),
    }
}

pub(in crate::config) fn read_message(
    node: &Node<'_>,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<Message> {
    let text = node.text(findings)?;
    parse_message(text, node, context, findings)
}

pub(super) fn parse_message(
    text: &str,
    node: &Node<'_>,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<Message> {
    match Message::parse(text, &|name| context.with.value(name)) {
        Ok(message) => Some(message),
        Err(error) => {
            match error {
                TemplateError::Unbalanced => {
                    findings.problem(&node.path, ("has an unmatched brace", "write {{ or }} for a literal brace"))
                }
                TemplateError::Expression(error) => expression_problem(&error, &node.path, findings),
                TemplateError::Empty => findings.problem(&node.path, ("signs nothing", "most senders sign \"{body}\"")),
            }
            None
        }
    }
}

/// What other tools and languages call a value, and what it is called here.
const ALIASES: &[(&[&str], &str)] = &[
    (&["ts", "t", "time", "date", "epoch", "now", "created", "iat"], "timestamp"),
    (&["payload", "data", "content", "raw", "rawbody", "requestbody", "message"], "body"),
    (&["uri", "requesturi", "pathandquery"], "target"),
    (&["verb", "httpmethod"], "method"),
    (&["key", "token"], "secret"),
    (&["headers", "hdr", "httpheader"], "header:Name"),
    (&["param", "params", "args", "arg", "queryparam"], "query:name"),
    (&["field", "post"], "form:name"),
    (&["jsonpath", "member"], "json:path"),
];

/// The value that was most likely meant by `name`.
fn meant(name: &str) -> Option<&'static str> {
    const KNOWN: [&str; 13] = [
        "body",
        "timestamp",
        "secret",
        "method",
        "target",
        "path",
        "url",
        "header:Name",
        "query:name",
        "form:name",
        "json:path",
        "entry:prefix",
        "with:name",
    ];
    let plain = nearest::plain(name);
    let alias = ALIASES.iter().find(|(names, _)| names.contains(&plain.as_str())).map(|(_, known)| *known);
    let roots = || KNOWN.iter().map(|known| (known.split(':').next().unwrap_or(known), *known));
    // With a name behind it, such as {body:id}, it is a value of the content.
    let exact =
        roots().find(|(root, _)| *root == name).map(|(root, known)| if root == "body" { "json:path" } else { known });
    alias.or(exact).or_else(|| nearest::all_nearest(name, roots()).into_iter().next())
}

pub(in crate::config) fn expression_problem(error: &ExpressionError, path: &Path, findings: &mut Findings) {
    let diagnosis = match error {
        ExpressionError::UnknownRoot(name) => {
            let known = "known are body, timestamp, secret, method, target, path, url, header:Name, query:name, form:name, \
                         json:path, entry:prefix, with:name, query, form, and the built-ins of docs/schemes.md";
            match meant(name) {
                Some(meant) => {
                    Diagnosis::from(("names an unknown value", format!("did you mean {{{meant}}}? {known}")))
                }
                None => Diagnosis::from(("names an unknown value", known)),
            }
        }
        ExpressionError::UnknownFilter => {
            Diagnosis::from(("names an unknown filter after \"|\"", "see docs/schemes.md"))
        }
        ExpressionError::BadName => Diagnosis::from("has no valid name after the colon"),
        ExpressionError::MissingValue(name) => {
            let message = format!("needs a configured value: add \"with\": {{ \"{name}\": … }} to the check");
            return findings.problem_of(Kind::SchemeValueMissing { name: name.clone() }, path, message);
        }
    };
    findings.problem(path, diagnosis);
}

pub(super) fn read_key(node: Option<Node<'_>>, findings: &mut Findings) -> Option<KeyForm> {
    let Some(node) = node else { return Some(KeyForm::text()) };
    let mut members = node.object(findings)?;
    let encoding = members.require("encoding", findings).and_then(|node| node.keyword(KEY_ENCODINGS, findings));
    let optional_prefix = match members.take("optional_prefix") {
        Some(node) => node.text(findings),
        None => Some(""),
    };
    let path = members.path.clone();
    members.finish(findings);
    if encoding == Some(KeyEncoding::Base64OrText) && optional_prefix == Some("") {
        findings.problem(&path, "needs \"optional_prefix\", which distinguishes base64 from text");
        return None;
    }
    Some(KeyForm { optional_prefix: optional_prefix?.to_owned(), encoding: encoding? })
}

pub(super) fn read_pair(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<(Message, Message)> {
    match node.list(findings)?.as_slice() {
        [left, right] => {
            let (left, right) = (read_message(left, context, findings), read_message(right, context, findings));
            Some((left?, right?))
        }
        _ => node.expected("a pair of templates", findings),
    }
}

/// A value, by `header` or `at`.
pub(super) fn read_place(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Expression> {
    let mut members = node.object(findings)?;
    let place = match (members.take("header"), members.take("at")) {
        (Some(node), None) => read_header(&node, context, findings).map(|name| Expression::header(&name)),
        (None, Some(node)) => read_expression(&node, context, findings),
        _ => {
            findings.problem_of(Kind::MissingKey, &members.path, "needs exactly one of \"header\" and \"at\"");
            None
        }
    };
    members.finish(findings);
    place
}

pub(super) fn read_json_path(node: &Node<'_>, findings: &mut Findings) -> Option<JsonPath> {
    let path = JsonPath::parse(node.text(findings)?);
    if path.is_none() {
        findings.problem(&node.path, "must be a path into JSON, such as \"data.items\"");
    }
    path
}
