//! `signature`, `signed` and related members: a signature over content that a template describes.

use super::value::{
    read_expression, read_header, read_json_path, read_key, read_literal, read_messages, read_pair, read_place,
};
use super::{Context, DEFAULT_TOLERANCE, TOLERANCES};
use crate::config::problem::{Diagnosis, Findings, Kind, Path};
use crate::config::reader::{Members, Node};
use crate::verify::bytes::encoding::Encoding;
use crate::verify::bytes::json::Json;
use crate::verify::expression::Expression;
use crate::verify::expression::message::Message;
use crate::verify::key::algorithm::SignatureAlgorithm;
use crate::verify::key::key_form::MIN_RSA_BITS;
use crate::verify::primitives::mac::HashAlgorithm;
use crate::verify::primitives::public_key::PublicAlgorithm;
use crate::verify::primitives::timestamp::Unit;
use crate::verify::request::is_header_name;
use crate::verify::scheme::signature::{Location, Place};
use crate::verify::scheme::signature::{SignatureScheme, TimestampRule};

pub(super) const ALGORITHMS: &[(&str, SignatureAlgorithm)] = &[
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

pub(super) const ENCODINGS: &[(&str, Encoding)] = &[
    ("hex", Encoding::Hex),
    ("hex-lower", Encoding::HexLower),
    ("hex-upper", Encoding::HexUpper),
    ("base64", Encoding::Base64),
    ("base64url", Encoding::Base64Url),
    ("base64url-padding-optional", Encoding::Base64UrlPaddingOptional),
    ("percent-base64", Encoding::PercentBase64),
];

/// How something is encoded.
pub(in crate::config) fn read_encoding(node: &Node<'_>, findings: &mut Findings) -> Option<Encoding> {
    node.keyword(ENCODINGS, findings)
}

pub(super) const UNITS: &[(&str, Unit)] = &[
    ("s", Unit::Seconds),
    ("ms", Unit::Milliseconds),
    ("s-or-ms", Unit::SecondsOrMilliseconds),
    ("float-s", Unit::Fraction),
    ("iso8601", Unit::Iso8601),
    ("http-date", Unit::HttpDate),
];

pub(super) fn read_signature(
    mut members: Members<'_>,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<SignatureScheme> {
    let algorithm = members.require("algorithm", findings).and_then(|node| node.keyword(ALGORITHMS, findings));
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
    let is_signed_decoded = match members.take("content_encoding") {
        Some(node) => node.keyword(&[("signed-decoded", true)], findings),
        None => Some(false),
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
        is_signed_decoded: is_signed_decoded?,
        key_name: None,
    };
    check_signature(&scheme, &path, findings).then_some(scheme)
}

/// Checks that need several members.
pub(super) fn check_signature(scheme: &SignatureScheme, path: &Path, findings: &mut Findings) -> bool {
    let signs = |message: &Message| match &scheme.timestamp {
        Some(rule) => message.covers_timestamp() || message.always_covers(&rule.at) || message.lists_headers(),
        None => !message.covers_timestamp(),
    };
    let hashes_secret = matches!(scheme.algorithm, SignatureAlgorithm::Hash(_));
    let held = |message: &Message| {
        if hashes_secret { message.always_holds_secret() } else { !message.needs_secret() }
    };
    let problem = if !scheme.messages.iter().all(signs) {
        Diagnosis::from(
            "a timestamp must be both signed and read: either \"timestamp\" is missing, or \"signed\" does not cover it",
        )
    } else if !scheme.messages.iter().all(held) {
        Diagnosis::from((
            "a plain hash must include {secret}, unmodified and outside of [[ ]]",
            "no other algorithm may include it",
        ))
    } else if scheme.is_signed_decoded && !scheme.streams() {
        Diagnosis::from("signs the body before it is compressed, so it can use only {body} of it")
    } else {
        return true;
    };
    findings.problem(path, problem);
    false
}

pub(super) fn read_location(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Location> {
    let mut members = node.object(findings)?;
    let place = match (members.take("header"), members.take("at")) {
        (Some(node), None) => read_headers(&node, context, findings),
        (None, Some(node)) => read_expression(&node, context, findings).map(Place::Value),
        _ => {
            findings.problem_of(Kind::MissingKey, &members.path, "needs exactly one of \"header\" and \"at\"");
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
        Some(node) => node.keyword(&[("all", false), ("rest", true)], findings),
        None => Some(false),
    };
    let encoding = members.require("encoding", findings).and_then(|node| node.keyword(ENCODINGS, findings));
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

pub(super) fn read_headers(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<Place> {
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

pub(super) fn read_separator(node: Option<Node<'_>>, findings: &mut Findings) -> Option<Option<char>> {
    let Some(node) = node else { return Some(None) };
    let text = node.text(findings)?;
    match (text.chars().next(), text.len()) {
        (Some(char), 1) if !char.is_ascii_alphanumeric() => Some(Some(char)),
        _ => {
            findings.problem(&node.path, "must be one ASCII character other than a letter or digit, such as \",\"");
            None
        }
    }
}

pub(super) fn read_timestamp(node: &Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<TimestampRule> {
    let mut members = node.object(findings)?;
    let at = match (members.take("header"), members.take("entry"), members.take("at")) {
        (Some(node), None, None) => read_header(&node, context, findings).map(|name| Expression::header(&name)),
        (None, Some(node), None) => node.text(findings).map(Expression::entry),
        (None, None, Some(node)) => read_expression(&node, context, findings),
        _ => {
            findings.problem_of(
                Kind::MissingKey,
                &members.path,
                "needs exactly one of \"header\", \"entry\" and \"at\"",
            );
            None
        }
    };
    let unit = members.require("unit", findings).and_then(|node| node.keyword(UNITS, findings));
    let tolerance = match members.take("tolerance") {
        Some(node) => node.duration(TOLERANCES.0, TOLERANCES.1, findings),
        None => Some(DEFAULT_TOLERANCE),
    };
    members.finish(findings);
    Some(TimestampRule { at: at?, unit: unit?, tolerance: tolerance? })
}

pub(super) fn read_require(
    node: &Node<'_>,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<Vec<(Message, Message)>> {
    let pairs: Vec<_> = node.list(findings)?.iter().map(|node| read_pair(node, context, findings)).collect();
    pairs.into_iter().collect()
}
