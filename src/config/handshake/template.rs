//! Templates of answers: text, `{token}`, `{mac}`, `{digest}` and `{with:name}`.

use super::option::HandshakeOption;
use crate::config::problem::Findings;
use crate::config::reader::Node;
use crate::config::scheme::Context;
use crate::handshake::{Piece, Template};
use crate::verify::key::secret::SecretText;

/// What a template may hold beside text and the token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Nothing: a MAC is made of it.
    TokenOnly,
    /// Configured values, which may be secrets: it is hashed.
    Values,
    /// What was computed, and values of the check that are not secrets, since it is sent.
    Results,
}

/// A template, and whether a value of it is missing in the environment.
pub(super) struct Read {
    pub(super) template: Template,
    pub(super) is_closed: bool,
}

/// Reads a template.
pub(super) fn read(
    node: &Node<'_>,
    holds: Holds,
    context: Context<'_>,
    option: &HandshakeOption<'_>,
    findings: &mut Findings,
) -> Option<Read> {
    let mut rest = node.text(findings)?;
    let (mut pieces, mut literal, mut is_closed) = (Vec::new(), String::new(), false);
    while let Some(char) = rest.chars().next() {
        let tail = rest.get(char.len_utf8()..).unwrap_or_default();
        rest = match char {
            '{' | '}' if tail.starts_with(char) => {
                literal.push(char);
                tail.get(1..).unwrap_or_default()
            }
            '{' => {
                let Some((name, behind)) = tail.split_once('}') else { return unbalanced(node, findings) };
                let piece = match (name, name.strip_prefix("with:"), holds) {
                    ("token", ..) => Piece::Token,
                    ("mac" | "digest", _, Holds::Results) => Piece::Computed,
                    (_, Some(name), Holds::Values) => match configured(name, context, option, findings)? {
                        Some(text) => Piece::Configured(SecretText::new(text.as_bytes())),
                        None => {
                            is_closed = true;
                            Piece::Text(Vec::new())
                        }
                    },
                    (_, Some(name), Holds::Results) => match context.with.value(name) {
                        Some(text) => Piece::Text(text.into_bytes()),
                        None => {
                            return findings.refuse(&node.path, format!("needs \"{name}\" in \"with\" of the check"));
                        }
                    },
                    _ => {
                        return findings.refuse(
                            &node.path,
                            (
                                "names an unknown value",
                                "known are {token}, {mac}, {digest} and {with:name}, and a MAC is \
                             made of {token} and text only",
                            ),
                        );
                    }
                };
                flush(&mut literal, &mut pieces);
                pieces.push(piece);
                behind
            }
            '}' => return unbalanced(node, findings),
            other => {
                literal.push(other);
                tail
            }
        };
    }
    flush(&mut literal, &mut pieces);
    Some(Read { template: Template(pieces), is_closed })
}

/// A configured value of which there is one; `None` inside if its variable is not set.
fn configured(
    name: &str,
    context: Context<'_>,
    option: &HandshakeOption<'_>,
    findings: &mut Findings,
) -> Option<Option<String>> {
    match option.value(name) {
        Some([text]) => Some(text.clone()),
        Some(_) => {
            option.missing(name, findings);
            None
        }
        None => match context.with.value(name) {
            Some(text) => Some(Some(text)),
            None => {
                option.missing(name, findings);
                None
            }
        },
    }
}

fn flush(literal: &mut String, pieces: &mut Vec<Piece>) {
    if !literal.is_empty() {
        pieces.push(Piece::Text(std::mem::take(literal).into_bytes()));
    }
}

fn unbalanced<T>(node: &Node<'_>, findings: &mut Findings) -> Option<T> {
    findings.refuse(&node.path, ("has an unmatched brace", "write {{ or }} for a literal brace"))
}
