//! The values, templates, headers and keys that all kinds of schemes have.

use super::Context;
use crate::config::problem::Findings;
use crate::config::reader::Node;
use crate::verify::expression::{Expression, ExpressionError};
use crate::verify::json::{Json, JsonPath};
use crate::verify::message::{Message, TemplateError};
use crate::verify::request::is_header_name;
use crate::verify::scheme::{KeyEncoding, KeyForm};

pub(super) const KEY_ENCODINGS: &[(&str, KeyEncoding)] = &[
    ("text", KeyEncoding::Text),
    ("text-nfkd", KeyEncoding::TextNfkd),
    ("base64", KeyEncoding::Base64),
    ("hex", KeyEncoding::Hex),
    ("sha1", KeyEncoding::Sha1),
    ("sha256", KeyEncoding::Sha256),
];

pub(super) fn read_header(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<String> {
    let name = read_literal(node, context, findings)?;
    if is_header_name(&name) {
        return Some(name.to_ascii_lowercase());
    }
    findings.problem(&node.path, "must be the name of a header, such as \"X-Signature\"");
    None
}

/// Text in which only configured values may be named.
pub(super) fn read_literal(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<String> {
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

pub(super) fn read_expression(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Expression> {
    match Expression::parse(node.text(findings)?, &|name| context.with.value(name)) {
        Ok(expression) => Some(expression),
        Err(error) => {
            findings.problem(&node.path, expression_problem(&error));
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

pub(super) fn read_message(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Message> {
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
            let problem = match error {
                TemplateError::Unbalanced => {
                    "has a brace without its other half; write {{ or }} for a brace itself".to_owned()
                }
                TemplateError::Expression(error) => expression_problem(&error),
                TemplateError::Empty => "signs nothing; most senders sign \"{body}\"".to_owned(),
            };
            findings.problem(&node.path, problem);
            None
        }
    }
}

pub(in crate::config) fn expression_problem(error: &ExpressionError) -> String {
    match error {
        ExpressionError::UnknownRoot => "names an unknown value; known are body, timestamp, secret, method, target, \
             path, url, header:Name, query:name, form:name, json:path, entry:prefix, with:name, query, form, and the \
             built-ins of docs/schemes.md"
            .to_owned(),
        ExpressionError::UnknownFilter => "names an unknown filter behind \"|\"; see docs/schemes.md".to_owned(),
        ExpressionError::BadName => "lacks a name behind the colon, or has one that cannot be".to_owned(),
        ExpressionError::MissingValue(name) => {
            format!("needs a configured value: add \"with\": {{ \"{name}\": … }} to the check")
        }
    }
}

pub(super) fn read_key(node: Option<Node<'_>>, findings: &mut Findings) -> Option<KeyForm> {
    let Some(node) = node else { return Some(KeyForm::text()) };
    let mut members = node.object(findings)?;
    let encoding = members.require("encoding", findings).and_then(|node| node.word(KEY_ENCODINGS, findings));
    let optional_prefix = match members.take("optional_prefix") {
        Some(node) => node.text(findings),
        None => Some(""),
    };
    members.finish(findings);
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
            findings.problem(&members.path, "needs exactly one of \"header\" and \"at\"");
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
