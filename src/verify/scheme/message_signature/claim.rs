//! HTTP Message Signatures (RFC 9421) of requests, and the digest of their content (RFC 9530).
//!
//! [`begin`] reads from the head what the signature claims to cover, checks that it covers everything required, and
//! returns the bytes that are signed. The caller verifies the signature over them, then checks
//! [`ClaimedSignature::within`] and, once the body was hashed, [`ClaimedSignature::check_digest`]. Trust nothing in a
//! [`ClaimedSignature`] before all three succeeded.
//!
//! Only components of requests that read the same on both sides of a proxy are supported. A component with a parameter
//! other than the `name` of `@query-param` is refused, and so is `@request-target`, which differs between HTTP/1.1 and
//! HTTP/2.

use std::time::Duration;

use crate::verify::bytes::structured_field::{BareItem, Dictionary, Item, Member, Parameters, Value};
use crate::verify::primitives::timestamp::UnixTime;
use crate::verify::request::{Occurrence, Request};
use crate::verify::scheme::http::{HttpSignatureError, check_age};
use crate::verify::scheme::message_signature::component::{Component, QueryParams, RequestFacts, field_value};
use crate::verify::scheme::message_signature::digests::Digests;

type Error = HttpSignatureError;

/// What the operator wants of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageSignatureRule {
    /// The label of the signature, if the sender always uses the same.
    pub label: Option<String>,
    /// The `tag` that the signature has to have, if the sender sets one.
    pub tag: Option<String>,
    /// The registered name of the algorithm (RFC 9421, section 6.2.2). An `alg` parameter has to be the same.
    pub algorithm: String,
    /// What the signature has to cover. It may cover more.
    pub components: Vec<Component>,
    /// Accepts a request with a body although its signature does not cover `content-digest`: anybody can change that
    /// body.
    pub insecure_body_unsigned: bool,
}

/// What a request says that it signed. Not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedSignature {
    /// The bytes that are signed (RFC 9421, section 2.5).
    pub base: Vec<u8>,
    /// The signature. ECDSA is `r` and `s`, not DER (RFC 9421, section 3.3.4).
    pub signature: Vec<u8>,
    /// When it was made, in seconds since the epoch.
    pub created: Option<u64>,
    /// Until when it holds, in seconds since the epoch.
    pub expires: Option<u64>,
    /// The sender's name of the key.
    pub key_id: Option<String>,
    /// The algorithm's name; it is the rule's.
    pub algorithm: Option<String>,
    /// Unique to every signature, if the sender sets one.
    pub nonce: Option<String>,
    /// The signature's purpose; it is the rule's, if the rule has one.
    pub tag: Option<String>,
    /// The digests that the body must have.
    pub digests: Digests,
}

/// Reads from the head what the signature covers.
///
/// # Errors
/// [`HttpSignatureError`].
pub fn begin(
    request: Request<'_>,
    facts: RequestFacts<'_>,
    rule: &MessageSignatureRule,
) -> Result<ClaimedSignature, Error> {
    let inputs = Dictionary::parse(once(request, "signature-input")?)?;
    let signatures = Dictionary::parse(once(request, "signature")?)?;
    let input = select(&inputs, rule)?;
    let signature = match signatures.member(input.key).map(|member| &member.value) {
        Some(Value::Item(BareItem::Bytes(bytes))) => bytes.clone(),
        Some(_) => return Err(Error::Malformed),
        None => return Err(Error::Missing),
    };
    let Value::InnerList(items) = &input.value else { return Err(Error::Malformed) };
    let covered = components(items)?;
    check_coverage(&covered, facts, rule)?;

    let parameters = &input.parameters;
    let algorithm = text(parameters, "alg")?;
    if algorithm.as_ref().is_some_and(|name| *name != rule.algorithm) {
        return Err(Error::AlgorithmMismatch);
    }
    let digests = if covers_content_digest(&covered) {
        Digests::parse(&field_value(request, facts, "content-digest")?)?
    } else {
        Digests::default()
    };
    Ok(ClaimedSignature {
        base: base(items, &covered, input.text, request, facts)?,
        signature,
        created: time(parameters, "created")?,
        expires: time(parameters, "expires")?,
        key_id: text(parameters, "keyid")?,
        algorithm,
        nonce: text(parameters, "nonce")?,
        tag: text(parameters, "tag")?,
        digests,
    })
}

impl ClaimedSignature {
    /// Whether the signature covers the body, by a digest of it.
    #[must_use]
    pub fn covers_body(&self) -> bool {
        self.digests != Digests::default()
    }

    /// The value of a covered header, out of the bytes that are signed: its lines joined, without the blanks around them.
    #[must_use]
    pub fn covered_field(&self, name: &str) -> Option<&[u8]> {
        let start = format!("\"{name}\": ");
        self.base.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(start.as_bytes()))
    }

    /// Whether the signature is recent at `now`: made within `max_age` of it, in both directions, limits included,
    /// and not expired. Without a `max_age` only `expires` counts, if there is one.
    ///
    /// # Errors
    /// [`HttpSignatureError::TimestampMissing`], [`HttpSignatureError::TimestampStale`] or
    /// [`HttpSignatureError::TimestampFuture`].
    pub fn within(&self, max_age: Option<Duration>, now: UnixTime) -> Result<(), Error> {
        let now = now.as_millis().checked_div(1000).unwrap_or_default();
        if let Some(max_age) = max_age {
            check_age(self.created.ok_or(Error::TimestampMissing)?, max_age, now)?;
        }
        match self.expires {
            Some(expires) if expires < now => Err(Error::TimestampStale),
            _ => Ok(()),
        }
    }

    /// Whether the body is the one whose digest is covered. Every covered digest has to be right; without one there
    /// is nothing to check, and [`begin`] has refused that unless there is no body.
    ///
    /// Not constant-time: the digests are not secret.
    ///
    /// # Errors
    /// [`HttpSignatureError::DigestMismatch`].
    pub fn check_digest(&self, sha256: &[u8; 32], sha512: &[u8; 64]) -> Result<(), Error> {
        let is_right = self.digests.sha256.is_none_or(|digest| digest == *sha256)
            && self.digests.sha512.is_none_or(|digest| digest == *sha512);
        if is_right { Ok(()) } else { Err(Error::DigestMismatch) }
    }
}

fn once<'a>(request: Request<'a>, name: &str) -> Result<&'a [u8], Error> {
    match request.header(name) {
        Occurrence::Once(value) => Ok(value),
        Occurrence::Missing => Err(Error::Missing),
        Occurrence::Repeated => Err(Error::Duplicated),
    }
}

/// The one signature that the rule selects.
fn select<'d, 'a>(inputs: &'d Dictionary<'a>, rule: &MessageSignatureRule) -> Result<&'d Member<'a>, Error> {
    let has_label = |member: &&Member<'_>| rule.label.as_deref().is_none_or(|label| member.key == label);
    let has_tag = |member: &&Member<'_>| match (&rule.tag, member.parameters.value("tag")) {
        (Some(wanted), Some(BareItem::String(tag))) => wanted == tag,
        (Some(_), _) => false,
        (None, _) => true,
    };
    let mut wanted = inputs.members().iter().filter(has_label).filter(has_tag);
    match (wanted.next(), wanted.next()) {
        (Some(member), None) => Ok(member),
        (None, _) => Err(Error::Missing),
        (Some(_), Some(_)) => Err(Error::Excess),
    }
}

/// The covered components, in order, each once.
fn components(items: &[Item<'_>]) -> Result<Vec<Component>, Error> {
    let mut covered = Vec::with_capacity(items.len());
    for item in items {
        let BareItem::String(name) = &item.value else { return Err(Error::Malformed) };
        let component = match item.parameters.all() {
            [] => Component::new(name, None),
            [("name", BareItem::String(parameter))] => Component::new(name, Some(parameter)),
            _ => None,
        }
        .ok_or(Error::ComponentUnsupported)?;
        if covered.contains(&component) {
            return Err(Error::ComponentDuplicated);
        }
        covered.push(component);
    }
    Ok(covered)
}

fn check_coverage(covered: &[Component], facts: RequestFacts<'_>, rule: &MessageSignatureRule) -> Result<(), Error> {
    // The target URI is scheme, authority, path and query in one (RFC 9421, section 2.2.2).
    let in_target_uri = |component: &Component| {
        let within = matches!(component, Component::Authority | Component::Scheme | Component::Path | Component::Query);
        within && covered.contains(&Component::TargetUri)
    };
    let covers = |component: &Component| covered.contains(component) || in_target_uri(component);
    let covers_all = rule.components.iter().all(covers);
    let leaves_body = facts.has_body && !rule.insecure_body_unsigned && !covers_content_digest(covered);
    if covers_all && !leaves_body { Ok(()) } else { Err(Error::CoverageMissing) }
}

fn covers_content_digest(covered: &[Component]) -> bool {
    covered.iter().any(|component| matches!(component, Component::Field(name) if name == "content-digest"))
}

/// RFC 9421, section 2.5. The identifiers and the parameters are part of it as they were received.
fn base(
    items: &[Item<'_>],
    covered: &[Component],
    parameters: &str,
    request: Request<'_>,
    facts: RequestFacts<'_>,
) -> Result<Vec<u8>, Error> {
    let covers_parameter = covered.iter().any(|component| matches!(component, Component::QueryParam(_)));
    let query_params = if covers_parameter { QueryParams::parse(facts.target)? } else { QueryParams::default() };
    let mut base = Vec::new();
    for (item, component) in items.iter().zip(covered) {
        let value = component.value(request, facts, &query_params)?;
        // A line break would start another line, and the base is ASCII.
        if !value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
            return Err(Error::FieldMalformed);
        }
        base.extend_from_slice(item.text.as_bytes());
        base.extend_from_slice(b": ");
        base.extend_from_slice(&value);
        base.push(b'\n');
    }
    base.extend_from_slice(b"\"@signature-params\": ");
    base.extend_from_slice(parameters.as_bytes());
    Ok(base)
}

/// A parameter that is text, if it is there.
fn text(parameters: &Parameters<'_>, key: &str) -> Result<Option<String>, Error> {
    match parameters.value(key) {
        None => Ok(None),
        Some(BareItem::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Error::Malformed),
    }
}

/// A parameter that is a time, if it is there.
fn time(parameters: &Parameters<'_>, key: &str) -> Result<Option<u64>, Error> {
    match parameters.value(key) {
        None => Ok(None),
        Some(BareItem::Integer(seconds)) => u64::try_from(*seconds).map(Some).map_err(|_| Error::TimestampMalformed),
        Some(_) => Err(Error::TimestampMalformed),
    }
}
