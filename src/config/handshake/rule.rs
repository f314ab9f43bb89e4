//! The handshake language: JSON to a valid [`Handshake`]. `docs/schemes.md` is its reference.

use super::option::HandshakeOption;
use super::template::{self, Holds};
use crate::config::problem::Findings;
use crate::config::reader::{Members, Node};
use crate::config::scheme::{Context, HASHES, read_encoding, read_expression, read_message};
use crate::handshake::{
    Action, Alphabet, AnswerRule, Computation, Condition, Configured, ContentType, Function, Handshake, MAX_TOKEN,
    ProofRule, Response, Template, TokenRule,
};
use crate::verify::bytes::json::Json;
use crate::verify::primitives::token::TokenDigest;
use crate::verify::request::is_header_name;
use crate::verify::{Dialects, Group, Requirement};

/// The methods that a handshake may have.
const METHODS: [&str; 4] = ["GET", "HEAD", "OPTIONS", "POST"];
/// The headers that say what the body is, how it is sent and whether it is stored. An answer cannot choose them.
const FIXED_HEADERS: [&str; 9] = [
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "trailer",
    "upgrade",
    "x-content-type-options",
    "cache-control",
];
/// The default greatest length of a token, in bytes.
const USUAL_TOKEN: u64 = 256;

/// Makes the check of a scheme under a key that everybody knows.
pub(in crate::config) type WithKey<'a> = &'a dyn Fn(&Node<'_>, &mut Findings) -> Option<Dialects>;

/// Reads the handshakes of a sender, as a source with `option` takes part in them.
pub(in crate::config) fn read(
    node: &Node<'_>,
    context: Context<'_>,
    option: &HandshakeOption<'_>,
    with_key: WithKey<'_>,
    findings: &mut Findings,
) -> Option<Vec<Handshake>> {
    option.note_use();
    let list = match node.json {
        Json::List(_) => node.list(findings)?,
        _ => vec![Node { path: node.path.clone(), json: node.json }],
    };
    let rules: Vec<_> = list.iter().map(|node| read_one(node, context, option, with_key, findings)).collect();
    rules.into_iter().collect()
}

/// Reads the response that a sender wants to every event.
pub(in crate::config) fn read_acknowledgement(
    node: &Node<'_>,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<Response> {
    let answer = read_answer(node, context, &HandshakeOption::plain(&node.path), findings)?;
    let is_fixed = answer.headers.iter().map(|(_, value)| value).chain([&answer.body]).all(Template::is_fixed);
    if !is_fixed {
        return findings.refuse(&node.path, "must be fixed text, with {with:name} at most");
    }
    Some(answer.fixed())
}

fn read_one(
    node: &Node<'_>,
    context: Context<'_>,
    option: &HandshakeOption<'_>,
    with_key: WithKey<'_>,
    findings: &mut Findings,
) -> Option<Handshake> {
    let mut members = node.object(findings)?;
    let methods = members.require("method", findings).and_then(|node| read_methods(&node, findings));
    let proof = members.require("proof", findings).and_then(|node| read_proof(&node, with_key, findings));
    let when = read_all(members.take("when"), findings, |node, findings| read_condition(node, context, findings));
    let only = match members.take("only") {
        Some(node) => read_names(&node, findings).map(Some),
        None => Some(None),
    };
    let token = match members.take("token") {
        Some(node) => read_token(&node, context, findings).map(Some),
        None => Some(None),
    };
    let mut is_closed = false;
    let require = read_all(members.take("require"), findings, |node, findings| {
        read_configured(node, context, option, findings).map(|(configured, closed)| {
            is_closed |= closed;
            configured
        })
    });
    let refusal = match members.take("refusal") {
        Some(node) => node.whole(400, 599, findings).and_then(|status| u16::try_from(status).ok()).map(Some),
        None => Some(None),
    };
    let computation = read_computation(&mut members, context, option, &mut is_closed, findings);
    let answer = match members.take("answer") {
        Some(node) => read_answer(&node, context, option, findings).map(Some),
        None => Some(None),
    };
    let confirm = members.take("confirm");
    let path = members.path.clone();
    members.finish(findings);
    let (token, computation, proof) = (token?, computation?, proof?);
    // A key that everybody knows proves nothing: such a request never goes to the upstream.
    let forwards = option.forwards && !matches!(proof, ProofRule::PublicKey(_));
    let action = match (confirm, answer?) {
        _ if is_closed => Action::Closed,
        _ if forwards => Action::Forward,
        (Some(node), None) => {
            node.keyword(&[("sns", ())], findings)?;
            Action::Confirm(option.confirmation(findings)?)
        }
        (None, Some(answer)) => Action::Answer(answer),
        (None, None) => {
            return findings.refuse(
                &path,
                (
                    "hands over a secret, which nobody here can store",
                    "write \"handshake\": \"forward\", and let your \
                 application answer it",
                ),
            );
        }
        (Some(node), Some(_)) => return findings.refuse(&node.path, "cannot be combined with \"answer\""),
    };
    let require = require?;
    let has_requirement = !require.is_empty();
    let handshake = Handshake {
        methods: methods?,
        proof,
        when: when?,
        only: only?,
        token,
        // The upstream checks what is not configured here.
        require: require.into_iter().flatten().collect(),
        refusal: refusal?,
        computation,
        action,
        check: (0, 0),
    };
    if handshake.is_whole_method() && !has_requirement && handshake.methods.iter().any(|method| method == "POST") {
        return findings.refuse(
            &path,
            (
                "takes every POST request for a handshake, so that no event arrives",
                "add \"when\", \"only\" or \"token\"",
            ),
        );
    }
    let makes_mac = matches!(&handshake.computation, Some(Computation { function: Function::Mac, .. }));
    if makes_mac && handshake.challenge_form().is_none() {
        return findings.refuse(
            &path,
            (
                "makes a MAC of what could be an event",
                "make it \"of\" text and one {token} at its end, whose alphabet is \"digits\", \"hex\" or \"token68\"",
            ),
        );
    }
    Some(handshake)
}

fn read_all<T>(
    node: Option<Node<'_>>,
    findings: &mut Findings,
    mut read: impl FnMut(&Node<'_>, &mut Findings) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(node) = node else { return Some(Vec::new()) };
    let all: Vec<_> = node.list(findings)?.iter().map(|node| read(node, findings)).collect();
    all.into_iter().collect()
}

fn read_methods(node: &Node<'_>, findings: &mut Findings) -> Option<Vec<String>> {
    let known = METHODS.map(|method| (method, method));
    let methods = match node.json {
        Json::List(_) => node.list(findings)?.iter().map(|node| node.keyword(&known, findings)).collect(),
        _ => vec![node.keyword(&known, findings)],
    };
    methods.into_iter().map(|method| method.map(str::to_owned)).collect()
}

fn read_proof(node: &Node<'_>, with_key: WithKey<'_>, findings: &mut Findings) -> Option<ProofRule> {
    if let Json::Object(_) = node.json {
        let mut members = node.object(findings)?;
        let key = members.require("key", findings);
        members.finish(findings);
        let group = Group { any: vec![with_key(&key?, findings)?] };
        return Requirement::new(vec![group]).map(|requirement| ProofRule::PublicKey(Box::new(requirement)));
    }
    let is_signed = node.keyword(&[("none", false), ("first", true)], findings)?;
    Some(if is_signed { ProofRule::Signed } else { ProofRule::Unsigned })
}

fn read_names(node: &Node<'_>, findings: &mut Findings) -> Option<Vec<String>> {
    let names: Vec<_> = node.list(findings)?.iter().map(|node| node.text(findings).map(str::to_owned)).collect();
    names.into_iter().collect()
}

fn read_condition(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Condition> {
    let list = node.list(findings)?;
    let Some((value, texts)) = list.split_first().filter(|(_, texts)| !texts.is_empty()) else {
        return node.expected("a template and what it may be", findings);
    };
    let value = read_message(value, context, findings)?;
    let texts: Vec<_> = texts
        .iter()
        .map(|node| {
            let text = read_message(node, context, findings)?.literal();
            text.or_else(|| findings.refuse(&node.path, "must be plain text, with {with:name} at most"))
        })
        .collect();
    Some(Condition { value, texts: texts.into_iter().collect::<Option<_>>()? })
}

/// A pair whose right side is `{with:name}`, and whether a value of it is missing in the environment. `None` inside if the
/// value is known to the upstream alone.
fn read_configured(
    node: &Node<'_>,
    context: Context<'_>,
    option: &HandshakeOption<'_>,
    findings: &mut Findings,
) -> Option<(Option<Configured>, bool)> {
    let list = node.list(findings)?;
    let [value, right] = list.as_slice() else { return node.expected("a pair of templates", findings) };
    let value = read_message(value, context, findings)?;
    let name = right.text(findings)?.strip_prefix("{with:").and_then(|name| name.strip_suffix('}'));
    let Some(name) = name else {
        return findings.refuse(&right.path, "must be a configured value, such as \"{with:verify_token}\"");
    };
    let texts = match option.value(name) {
        Some(texts) => texts.to_vec(),
        None => match context.with.value(name) {
            Some(text) => vec![Some(text)],
            None if option.forwards => return Some((None, false)),
            None => {
                option.missing(name, findings);
                return None;
            }
        },
    };
    let is_closed = texts.iter().any(Option::is_none);
    let accepted = texts.iter().flatten().map(|text| TokenDigest::new(text.as_bytes())).collect();
    Some((Some(Configured { value, accepted }), is_closed))
}

fn read_token(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<TokenRule> {
    let most = u64::try_from(MAX_TOKEN).ok()?;
    let mut members = node.object(findings)?;
    let at = members.require("at", findings).and_then(|node| read_expression(&node, context, findings));
    let alphabet = members.require("alphabet", findings).and_then(|node| node.keyword(Alphabet::NAMES, findings));
    let mut length = |name, usual, findings: &mut Findings| match members.take(name) {
        Some(node) => node.whole(1, most, findings),
        None => Some(usual),
    };
    let (min, max) = (length("min", 1, findings), length("max", USUAL_TOKEN, findings));
    members.finish(findings);
    let (min, max) = (usize::try_from(min?).ok()?, usize::try_from(max?).ok()?);
    if min > max {
        return findings.refuse(&node.path, "has \"min\" above \"max\"");
    }
    Some(TokenRule { at: at?, alphabet: alphabet?, min, max })
}

fn read_computation(
    members: &mut Members<'_>,
    context: Context<'_>,
    option: &HandshakeOption<'_>,
    is_closed: &mut bool,
    findings: &mut Findings,
) -> Option<Option<Computation>> {
    let (mac, digest) = (members.take("mac"), members.take("digest"));
    let (node, is_mac) = match (mac, digest) {
        (None, None) => return Some(None),
        (Some(node), None) => (node, true),
        (None, Some(node)) => (node, false),
        (Some(node), Some(_)) => return findings.refuse(&node.path, "cannot be combined with \"digest\""),
    };
    let mut members = node.object(findings)?;
    let function = if is_mac {
        Some(Function::Mac)
    } else {
        members.require("algorithm", findings).and_then(|node| node.keyword(HASHES, findings)).map(Function::Hash)
    };
    let holds = if is_mac { Holds::TokenOnly } else { Holds::Values };
    let of = members.require("of", findings);
    let encoding = members.require("encoding", findings).and_then(|node| read_encoding(&node, findings));
    members.finish(findings);
    if option.forwards {
        of?.text(findings)?;
        return Some(None);
    }
    let of = template::read(&of?, holds, context, option, findings)?;
    *is_closed |= of.is_closed;
    Some(Some(Computation { function: function?, of: of.template, encoding: encoding? }))
}

fn read_answer(
    node: &Node<'_>,
    context: Context<'_>,
    option: &HandshakeOption<'_>,
    findings: &mut Findings,
) -> Option<AnswerRule> {
    let mut members = node.object(findings)?;
    let status = match members.take("status") {
        Some(node) => node.whole(200, 299, findings),
        None => Some(200),
    };
    let content_type = match members.take("content_type") {
        Some(node) => node.keyword(ContentType::NAMES, findings).map(Some),
        None => Some(None),
    };
    let read_template = |node: &Node<'_>, findings: &mut Findings| {
        if option.forwards {
            return node.text(findings).map(|_| Template::default());
        }
        template::read(node, Holds::Results, context, option, findings).map(|read| read.template)
    };
    let body = match members.take("body") {
        Some(node) => read_template(&node, findings),
        None => Some(Template::default()),
    };
    let mut headers = Vec::new();
    if let Some(node) = members.take("headers") {
        for (name, node) in node.object(findings)?.rest() {
            if !is_header_name(name) || name.starts_with(':') {
                return findings.refuse(&node.path, "must be the name of a header, such as \"X-Hook-Response\"");
            }
            if FIXED_HEADERS.iter().any(|fixed| fixed.eq_ignore_ascii_case(name)) {
                return findings.refuse(
                    &node.path,
                    (
                        "is a header that an answer cannot choose",
                        "use \"content_type\" for its type, and remove the rest",
                    ),
                );
            }
            let value = read_template(&node, findings)?;
            if !value.is_field_value() {
                return findings.refuse(&node.path, "must be printable ASCII: a header has no line breaks");
            }
            headers.push((name.to_ascii_lowercase(), value));
        }
    }
    members.finish(findings);
    Some(AnswerRule { status: u16::try_from(status?).ok()?, content_type: content_type?, headers, body: body? })
}
