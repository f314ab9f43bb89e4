//! The scheme language: JSON to a valid [`Scheme`]. A provider file's `scheme` and one in a configuration are the
//! same, and read here. `docs/schemes.md` is its reference.

use std::time::Duration;

use super::problem::{Findings, Path};
use super::reader::{Members, Node};
use super::with::With;
use crate::verify::check::Condition;
use crate::verify::encoding::Encoding;
use crate::verify::expression::{Expression, ExpressionError};
use crate::verify::http_scheme::{HttpSignatureScheme, MessageSignatureScheme};
use crate::verify::http_signature::HttpSignatureRule;
use crate::verify::json::{Json, JsonPath};
use crate::verify::jwt::{ClaimRule, JwtAlgorithm, JwtScheme};
use crate::verify::mac::HashAlgorithm;
use crate::verify::message::{Message, TemplateError};
use crate::verify::message_signature::{Component, MessageSignatureRule};
use crate::verify::public_key::PublicAlgorithm;
use crate::verify::request::is_header_name;
use crate::verify::scheme::{
    CredentialForm, CredentialPlace, CredentialScheme, KeyEncoding, KeyForm, MIN_RSA_BITS, Scheme, SignatureAlgorithm,
    SignatureScheme, TimestampRule,
};
use crate::verify::signature::{Location, Place};
use crate::verify::timestamp::Unit;

/// The window of a scheme that does not state one, and of most senders.
const DEFAULT_TOLERANCE: Duration = Duration::from_secs(300);
/// The narrowest and the widest window. A wider one than a week is a replay window, not a tolerance.
pub(super) const TOLERANCES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(7 * 86_400));

const ALGORITHMS: &[(&str, SignatureAlgorithm)] = &[
    ("hmac-sha256", SignatureAlgorithm::Hmac(HashAlgorithm::Sha256)),
    ("hmac-sha1", SignatureAlgorithm::Hmac(HashAlgorithm::Sha1)),
    ("hmac-sha384", SignatureAlgorithm::Hmac(HashAlgorithm::Sha384)),
    ("hmac-sha512", SignatureAlgorithm::Hmac(HashAlgorithm::Sha512)),
    ("hmac-md5", SignatureAlgorithm::Hmac(HashAlgorithm::Md5)),
    ("sha256", SignatureAlgorithm::Hash(HashAlgorithm::Sha256)),
    ("sha1", SignatureAlgorithm::Hash(HashAlgorithm::Sha1)),
    ("sha512", SignatureAlgorithm::Hash(HashAlgorithm::Sha512)),
    ("md5", SignatureAlgorithm::Hash(HashAlgorithm::Md5)),
    ("ed25519", SignatureAlgorithm::Public(PublicAlgorithm::Ed25519)),
    ("ecdsa-p256-sha256", SignatureAlgorithm::Public(PublicAlgorithm::EcdsaP256Sha256Der)),
    ("ecdsa-p256-sha256-raw", SignatureAlgorithm::Public(PublicAlgorithm::EcdsaP256Sha256Raw)),
    ("ecdsa-p256-sha1", SignatureAlgorithm::Public(PublicAlgorithm::EcdsaP256Sha1Der)),
    ("rsa-sha1", SignatureAlgorithm::Public(PublicAlgorithm::RsaPkcs1Sha1)),
    ("rsa-sha256", SignatureAlgorithm::Public(PublicAlgorithm::RsaPkcs1Sha256)),
    ("rsa-sha512", SignatureAlgorithm::Public(PublicAlgorithm::RsaPkcs1Sha512)),
    ("rsa-pss-sha256", SignatureAlgorithm::Public(PublicAlgorithm::RsaPssSha256)),
    ("rsa-pss-sha512", SignatureAlgorithm::Public(PublicAlgorithm::RsaPssSha512)),
];

const ENCODINGS: &[(&str, Encoding)] = &[
    ("hex", Encoding::Hex),
    ("hex-lower", Encoding::HexLower),
    ("hex-upper", Encoding::HexUpper),
    ("base64", Encoding::Base64),
    ("base64url", Encoding::Base64Url),
    ("percent-base64", Encoding::PercentBase64),
];

const KEY_ENCODINGS: &[(&str, KeyEncoding)] = &[
    ("text", KeyEncoding::Text),
    ("text-nfkd", KeyEncoding::TextNfkd),
    ("base64", KeyEncoding::Base64),
    ("hex", KeyEncoding::Hex),
    ("sha1", KeyEncoding::Sha1),
    ("sha256", KeyEncoding::Sha256),
];

const UNITS: &[(&str, Unit)] = &[
    ("s", Unit::Seconds),
    ("ms", Unit::Milliseconds),
    ("s-or-ms", Unit::SecondsOrMilliseconds),
    ("float-s", Unit::Fraction),
    ("iso8601", Unit::Iso8601),
];

/// A scheme, and when it speaks if its header does not tell.
pub(super) type Dialect = (Scheme, Option<Condition>);

/// What a scheme is read with.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// Configured values.
    pub(super) with: &'a With<'a>,
    /// Overrides the scheme's own window.
    pub(super) tolerance: Option<Duration>,
    /// Which dialects count: those of public keys, or those of secrets.
    pub(super) public_keys: bool,
}

/// Reads a scheme: its dialects, of which most have one.
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
        findings.problem(&node.path, format!("is proved with \"{right}\", not with \"{wrong}\""));
        return None;
    }
    Some(fitting)
}

fn read_one(mut members: Members<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Dialect> {
    let when = match members.take("when") {
        Some(node) => read_condition(&node, context, findings).map(Some),
        None => Some(None),
    };
    let scheme = if let Some(node) = members.take("credential") {
        members.finish(findings);
        read_credential(&node, context, findings).map(Scheme::Credential)
    } else if let Some(node) = members.take("jwt") {
        let event_id = match members.take("event_id") {
            Some(node) => read_claim_name(&node, findings).map(Some),
            None => Some(None),
        };
        members.finish(findings);
        read_jwt(&node, event_id?, context, findings).map(|scheme| Scheme::Jwt(Box::new(scheme)))
    } else if let Some(node) = members.take("message_signature") {
        members.finish(findings);
        read_message_signature(&node, context, findings).map(|scheme| Scheme::MessageSignature(Box::new(scheme)))
    } else if let Some(node) = members.take("http_signature") {
        members.finish(findings);
        read_http_signature(&node, context, findings).map(|scheme| Scheme::HttpSignature(Box::new(scheme)))
    } else {
        read_signature(members, context, findings).map(|scheme| Scheme::Signature(Box::new(scheme)))
    };
    let mut scheme = scheme?;
    if let (Some(own), Some(tolerance)) = (scheme.tolerance_mut(), context.tolerance) {
        *own = tolerance;
    }
    Some((scheme, when?))
}

fn read_signature(mut members: Members<'_>, context: Context<'_>, findings: &mut Findings) -> Option<SignatureScheme> {
    let algorithm = members.require("algorithm", findings).and_then(|node| node.word(ALGORITHMS, findings));
    let signature = members.require("signature", findings).and_then(|node| read_location(&node, context, findings));
    let messages = members.require("signed", findings).and_then(|node| read_messages(&node, context, findings));
    let key = read_key(members.take("key"), findings);
    let timestamp = match members.take("timestamp") {
        Some(node) => read_timestamp(&node, context, findings).map(Some),
        None => Some(None),
    };
    let require = match members.take("require") {
        Some(node) => read_require(&node, context, findings),
        None => Some(Vec::new()),
    };
    let event_id = match members.take("event_id") {
        Some(node) => read_place(&node, context, findings).map(Some),
        None => Some(None),
    };
    let each = match members.take("each") {
        Some(node) => read_json_path(&node, findings).map(Some),
        None => Some(None),
    };
    let min_key_bits = match members.take("insecure_min_key_bits") {
        Some(node) => node.whole(1024, 2048, findings).and_then(|bits| usize::try_from(bits).ok()),
        None => Some(MIN_RSA_BITS),
    };
    let path = members.path.clone();
    members.finish(findings);
    let scheme = SignatureScheme {
        algorithm: algorithm?,
        key: key?,
        signature: signature?,
        messages: messages?,
        timestamp: timestamp?,
        require: require?,
        event_id: event_id?,
        each: each?,
        min_key_bits: min_key_bits?,
    };
    check_signature(&scheme, &path, findings).then_some(scheme)
}

/// What only the members together tell.
fn check_signature(scheme: &SignatureScheme, path: &Path, findings: &mut Findings) -> bool {
    let signs = |message: &Message| match &scheme.timestamp {
        Some(rule) => message.covers_timestamp() || message.covers(&rule.at) || message.lists_headers(),
        None => !message.covers_timestamp(),
    };
    let holds_secret = scheme.messages.iter().any(Message::needs_secret);
    let problem = if !scheme.messages.iter().all(signs) {
        "a timestamp is signed and read, or neither: either \"timestamp\" is missing, or \"signed\" does not cover it"
    } else if holds_secret != matches!(scheme.algorithm, SignatureAlgorithm::Hash(_)) {
        "a plain hash needs {secret} in what it hashes, and no other algorithm may have it there"
    } else {
        return true;
    };
    findings.problem(path, problem);
    false
}

fn read_location(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Location> {
    let mut members = node.object(findings)?;
    let place = match (members.take("header"), members.take("at")) {
        (Some(node), None) => read_headers(&node, context, findings),
        (None, Some(node)) => read_expression(&node, context, findings).map(Place::Value),
        _ => {
            findings.problem(&members.path, "needs exactly one of \"header\" and \"at\"");
            None
        }
    };
    let separator = read_separator(members.take("separator"), findings);
    let sets = read_separator(members.take("sets"), findings);
    let prefix = match members.take("prefix") {
        Some(node) => read_literal(&node, context, findings),
        None => Some(String::new()),
    };
    let optional_prefix = match members.take("optional_prefix") {
        Some(node) => node.bool(findings),
        None => Some(false),
    };
    let after_first = match members.take("position") {
        Some(node) => node.word(&[("all", false), ("rest", true)], findings),
        None => Some(false),
    };
    let encoding = members.require("encoding", findings).and_then(|node| node.word(ENCODINGS, findings));
    members.finish(findings);
    Some(Location {
        place: place?,
        sets: sets?,
        separator: separator?,
        prefix: prefix?,
        optional_prefix: optional_prefix?,
        after_first: after_first?,
        encoding: encoding?,
    })
}

fn read_headers(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Place> {
    let Json::Text(text) = node.json else {
        if !matches!(node.json, Json::List(_)) {
            return node.expected("text or a list", findings);
        }
        let names: Vec<_> = node.list(findings)?.iter().map(|node| read_header(node, context, findings)).collect();
        return names.into_iter().collect::<Option<_>>().map(Place::Headers);
    };
    match text.strip_suffix('*') {
        Some(family) if is_header_name(family) => Some(Place::Family(family.to_ascii_lowercase())),
        _ => read_header(node, context, findings).map(|name| Place::Headers(vec![name])),
    }
}

fn read_separator(node: Option<Node<'_>>, findings: &mut Findings) -> Option<Option<char>> {
    let Some(node) = node else { return Some(None) };
    let text = node.text(findings)?;
    match (text.chars().next(), text.len()) {
        (Some(char), 1) if !char.is_ascii_alphanumeric() => Some(Some(char)),
        _ => {
            findings.problem(&node.path, "must be one ASCII character that is no letter or digit, such as \",\"");
            None
        }
    }
}

fn read_header(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<String> {
    let name = read_literal(node, context, findings)?;
    if is_header_name(&name) {
        return Some(name.to_ascii_lowercase());
    }
    findings.problem(&node.path, "must be the name of a header, such as \"X-Signature\"");
    None
}

/// Text in which only configured values may be named.
fn read_literal(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<String> {
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

fn read_expression(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Expression> {
    match Expression::parse(node.text(findings)?, &|name| context.with.value(name)) {
        Ok(expression) => Some(expression),
        Err(error) => {
            findings.problem(&node.path, expression_problem(&error));
            None
        }
    }
}

fn read_messages(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Vec<Message>> {
    match node.json {
        Json::List(_) => {
            let messages: Vec<_> =
                node.list(findings)?.iter().map(|node| read_message(node, context, findings)).collect();
            messages.into_iter().collect()
        }
        _ => read_message(node, context, findings).map(|message| vec![message]),
    }
}

fn read_message(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Message> {
    let text = node.text(findings)?;
    parse_message(text, node, context, findings)
}

fn parse_message(text: &str, node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Message> {
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

fn expression_problem(error: &ExpressionError) -> String {
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

fn read_key(node: Option<Node<'_>>, findings: &mut Findings) -> Option<KeyForm> {
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

fn read_timestamp(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<TimestampRule> {
    let mut members = node.object(findings)?;
    let at = match (members.take("header"), members.take("entry"), members.take("at")) {
        (Some(node), None, None) => read_header(&node, context, findings).map(|name| Expression::header(&name)),
        (None, Some(node), None) => node.text(findings).map(Expression::entry),
        (None, None, Some(node)) => read_expression(&node, context, findings),
        _ => {
            findings.problem(&members.path, "needs exactly one of \"header\", \"entry\" and \"at\"");
            None
        }
    };
    let unit = members.require("unit", findings).and_then(|node| node.word(UNITS, findings));
    let tolerance = match members.take("tolerance") {
        Some(node) => node.duration(TOLERANCES.0, TOLERANCES.1, findings),
        None => Some(DEFAULT_TOLERANCE),
    };
    members.finish(findings);
    Some(TimestampRule { at: at?, unit: unit?, tolerance: tolerance? })
}

fn read_require(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Vec<(Message, Message)>> {
    let pairs: Vec<_> = node.list(findings)?.iter().map(|node| read_pair(node, context, findings)).collect();
    pairs.into_iter().collect()
}

fn read_pair(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<(Message, Message)> {
    match node.list(findings)?.as_slice() {
        [left, right] => {
            let (left, right) = (read_message(left, context, findings), read_message(right, context, findings));
            Some((left?, right?))
        }
        _ => node.expected("a pair of templates", findings),
    }
}

/// A value, by `header` or `at`.
fn read_place(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Expression> {
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

fn read_json_path(node: &Node<'_>, findings: &mut Findings) -> Option<JsonPath> {
    let path = JsonPath::parse(node.text(findings)?);
    if path.is_none() {
        findings.problem(&node.path, "must be a path into JSON, such as \"data.items\"");
    }
    path
}

fn read_condition(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Condition> {
    let mut members = node.object(findings)?;
    let condition = match (members.take("present"), members.take("equal")) {
        (Some(node), None) => read_expression(&node, context, findings).map(Condition::Present),
        (None, Some(node)) => read_pair(&node, context, findings).map(|(left, right)| Condition::Equal(left, right)),
        _ => {
            findings.problem(&members.path, "needs exactly one of \"present\" and \"equal\"");
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
        findings.problem(&path, "must be decided by the head; the body is not there yet");
        return None;
    }
    condition
}

fn read_credential(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<CredentialScheme> {
    let mut members = node.object(findings)?;
    let place = match (members.take("header"), members.take("at")) {
        (Some(node), None) => read_header(&node, context, findings).map(CredentialPlace::Header),
        (None, Some(node)) => read_expression(&node, context, findings).map(|value| match value.as_json() {
            Some(path) if path.is_manifold() => CredentialPlace::Every(path.clone()),
            _ => CredentialPlace::Value(value),
        }),
        _ => {
            findings.problem(&members.path, "needs exactly one of \"header\" and \"at\"");
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
            findings.problem(&path, "has both \"auth_scheme\" and \"prefix\"; keep one");
            None
        }
    };
    members.finish(findings);
    Some(CredentialScheme { place: place?, form: form? })
}

fn read_claim_name(node: &Node<'_>, findings: &mut Findings) -> Option<JsonPath> {
    let mut members = node.object(findings)?;
    let path = members.require("claim", findings).and_then(|node| read_json_path(&node, findings));
    members.finish(findings);
    path
}

fn read_jwt(
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
        let algorithms: Vec<_> = list.iter().map(|node| node.word(JwtAlgorithm::NAMES, findings)).collect();
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
        None => Some(Duration::ZERO),
    };
    let path = members.path.clone();
    members.finish(findings);
    let (token, algorithms) = (token?, algorithms?);
    let symmetric = algorithms.iter().filter(|algorithm| algorithm.hmac().is_some()).count();
    if symmetric != 0 && symmetric != algorithms.len() {
        findings.problem(&path, "mixes algorithms of secrets and of public keys; make two dialects");
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

fn read_claims(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Vec<(JsonPath, ClaimRule)>> {
    let mut members = node.object(findings)?;
    let rules: Vec<_> = members
        .rest()
        .into_iter()
        .map(|(name, node)| {
            let path = JsonPath::parse(name).or_else(|| {
                findings.problem(&node.path, "has a name that is no path to a claim");
                None
            });
            let rule = read_claim_rule(&node, context, findings);
            Some((path?, rule?))
        })
        .collect();
    rules.into_iter().collect()
}

fn read_claim_rule(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<ClaimRule> {
    match node.json {
        Json::Text(_) => read_message(node, context, findings).map(ClaimRule::Equals),
        Json::Bool(true) => Some(ClaimRule::Present),
        _ => {
            let mut members = node.object(findings)?;
            let one_of = members.take("one_of");
            let equals = members.take("equals");
            let when = members.take("when").map(|node| node.word(&[("body", ())], findings));
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

/// The algorithms of RFC 9421, section 6.2.2, that are taken.
const MESSAGE_ALGORITHMS: &[(&str, SignatureAlgorithm)] = &[
    ("hmac-sha256", SignatureAlgorithm::Hmac(HashAlgorithm::Sha256)),
    ("ed25519", SignatureAlgorithm::Public(PublicAlgorithm::Ed25519)),
    ("ecdsa-p256-sha256", SignatureAlgorithm::Public(PublicAlgorithm::EcdsaP256Sha256Raw)),
    ("rsa-v1_5-sha256", SignatureAlgorithm::Public(PublicAlgorithm::RsaPkcs1Sha256)),
    ("rsa-pss-sha512", SignatureAlgorithm::Public(PublicAlgorithm::RsaPssSha512)),
];

fn read_message_signature(
    node: &Node<'_>,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<MessageSignatureScheme> {
    let mut members = node.object(findings)?;
    let algorithm_node = members.require("algorithm", findings);
    let algorithm = algorithm_node.as_ref().and_then(|node| node.word(MESSAGE_ALGORITHMS, findings));
    let label = members.take("label").map(|node| read_literal(&node, context, findings));
    let tag = members.take("tag").map(|node| read_literal(&node, context, findings));
    let components = members.require("components", findings).and_then(|node| {
        let list = node.list(findings)?;
        let components: Vec<_> = list.iter().map(|node| read_component(node, findings)).collect();
        components.into_iter().collect::<Option<Vec<_>>>()
    });
    let key = read_key(members.take("key"), findings);
    let max_age = match members.take("max_age") {
        Some(node) => node.duration(TOLERANCES.0, TOLERANCES.1, findings),
        None => Some(DEFAULT_TOLERANCE),
    };
    let insecure_body_unsigned = members.take("insecure_body_unsigned").map_or(Some(false), |node| node.bool(findings));
    members.finish(findings);
    let components = components?;
    let needs_url = components
        .iter()
        .any(|component| matches!(component, Component::TargetUri | Component::Scheme | Component::Authority));
    Some(MessageSignatureScheme {
        rule: MessageSignatureRule {
            label: label.map_or(Some(None), |label| label.map(Some))?,
            tag: tag.map_or(Some(None), |tag| tag.map(Some))?,
            algorithm: algorithm_node?.text(findings)?.to_owned(),
            components,
            insecure_body_unsigned: insecure_body_unsigned?,
        },
        algorithm: algorithm?,
        key: key?,
        public_url: if needs_url { context.with.value("public_url") } else { None },
        max_age: Some(max_age?),
    })
}

fn read_component(node: &Node<'_>, findings: &mut Findings) -> Option<Component> {
    let component = Component::parse(node.text(findings)?);
    if component.is_none() {
        findings.problem(&node.path, "must be a component of RFC 9421, such as \"@method\" or \"content-digest\"");
    }
    component
}

fn read_http_signature(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<HttpSignatureScheme> {
    let algorithms: &[(&str, SignatureAlgorithm)] = &[
        ("ed25519", SignatureAlgorithm::Public(PublicAlgorithm::Ed25519)),
        ("rsa-sha256", SignatureAlgorithm::Public(PublicAlgorithm::RsaPkcs1Sha256)),
        ("hmac-sha256", SignatureAlgorithm::Hmac(HashAlgorithm::Sha256)),
    ];
    let mut members = node.object(findings)?;
    let header = members.require("header", findings).and_then(|node| read_header(&node, context, findings));
    let algorithm_node = members.require("algorithm", findings);
    let algorithm = algorithm_node.as_ref().and_then(|node| node.word(algorithms, findings));
    let key = read_key(members.take("key"), findings);
    let max_age = match members.take("max_age") {
        Some(node) => node.duration(TOLERANCES.0, TOLERANCES.1, findings),
        None => Some(DEFAULT_TOLERANCE),
    };
    members.finish(findings);
    Some(HttpSignatureScheme {
        rule: HttpSignatureRule { header: header?, algorithm: algorithm_node?.text(findings)?.to_owned() },
        algorithm: algorithm?,
        key: key?,
        max_age: max_age?,
    })
}
