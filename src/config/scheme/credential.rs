//! `credential`: the secret itself.

use super::Context;
use super::value::{read_expression, read_header, read_literal};
use crate::config::problem::{Findings, Kind};
use crate::config::reader::Node;
use crate::verify::request::is_header_name;
use crate::verify::scheme::credential::{CredentialForm, CredentialPlace, CredentialScheme};

pub(super) fn read_credential(
    node: &Node<'_>,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<CredentialScheme> {
    let mut members = node.object(findings)?;
    let place = match (members.take("header"), members.take("at")) {
        (Some(node), None) => read_header(&node, context, findings).map(CredentialPlace::Header),
        (None, Some(node)) => read_expression(&node, context, findings).map(|value| match value.as_json() {
            Some(path) if path.has_wildcard() => CredentialPlace::Every(path.clone()),
            _ => CredentialPlace::Value(value),
        }),
        _ => {
            findings.problem_of(Kind::MissingKey, &members.path, "needs exactly one of \"header\" and \"at\"");
            None
        }
    };
    let path = members.path.clone();
    let form = match (members.take("auth_scheme"), members.take("prefix")) {
        (None, None) => Some(CredentialForm::Plain),
        (None, Some(node)) => read_literal(&node, context, findings).map(CredentialForm::Prefixed),
        (Some(node), None) => match node.text(findings) {
            Some(name) if name.eq_ignore_ascii_case("basic") => Some(CredentialForm::Basic),
            Some(name) if is_header_name(name) => Some(CredentialForm::AuthScheme(name.to_owned())),
            Some(_) => {
                findings.problem(&node.path, "must be the name of an authentication scheme, such as \"Bearer\"");
                None
            }
            None => None,
        },
        _ => {
            findings.problem(&path, ("has both \"auth_scheme\" and \"prefix\"", "keep one"));
            None
        }
    };
    members.finish(findings);
    Some(CredentialScheme { place: place?, form: form? })
}
