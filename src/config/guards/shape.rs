//! `methods`, `content_encodings`, `query`: what a request must look like.

use super::optional;
use crate::config::problem::Findings;
use crate::config::reader::{Members, Node};
use crate::guard::shape::ShapeRule;
use crate::verify::request::is_header_name as is_token;

/// The standard methods, which are upper-case (RFC 9110, section 9; RFC 5789).
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// The members of a source that say what a request must look like.
pub(super) struct Written<'a> {
    methods: Option<Node<'a>>,
    content_encodings: Option<Node<'a>>,
    query: Option<Node<'a>>,
}

impl<'a> Written<'a> {
    pub(super) fn take(members: &mut Members<'a>) -> Self {
        Self {
            methods: members.take("methods"),
            content_encodings: members.take("content_encodings"),
            query: members.take("query"),
        }
    }

    pub(super) fn read(&self, findings: &mut Findings) -> Option<ShapeRule> {
        let methods = optional(self.methods.as_ref(), |node| read_each(node, read_method, findings));
        let encodings = optional(self.content_encodings.as_ref(), |node| read_each(node, read_encoding, findings));
        let refuses_query =
            optional(self.query.as_ref(), |node| node.keyword(&[("allow", false), ("deny", true)], findings));
        Some(ShapeRule {
            methods: methods?,
            content_encodings: encodings?.unwrap_or_default(),
            refuses_query: refuses_query?.unwrap_or(false),
        })
    }
}

fn read_each(
    node: &Node<'_>,
    read: impl Fn(&Node<'_>, &mut Findings) -> Option<String>,
    findings: &mut Findings,
) -> Option<Vec<String>> {
    let words: Vec<_> = node.list(findings)?.iter().map(|node| read(node, findings)).collect();
    words.into_iter().collect()
}

fn read_method(node: &Node<'_>, findings: &mut Findings) -> Option<String> {
    let method = node.text(findings)?;
    let right = method.to_ascii_uppercase();
    if !is_token(method) {
        findings.problem(&node.path, "must be a method, such as \"POST\"");
    } else if method != right && METHODS.contains(&right.as_str()) {
        findings.problem(&node.path, format!("must be in capitals, \"{right}\": methods differ by their case"));
    } else {
        return Some(method.to_owned());
    }
    None
}

fn read_encoding(node: &Node<'_>, findings: &mut Findings) -> Option<String> {
    let encoding = node.text(findings)?;
    if !is_token(encoding) {
        return findings.refuse(&node.path, "must be a content encoding, such as \"gzip\"");
    }
    Some(encoding.to_ascii_lowercase())
}
