//! HTTP Message Signatures (RFC 9421) of requests, and the digest of their content (RFC 9530).
//!
//! [`begin`] takes from the head what the signature says that it covers, checks that it covers what it has to, and
//! gives the bytes that are signed. Whoever calls it checks the signature over them, then [`Signed::within`] and,
//! once the body was hashed, [`Signed::check_digest`]. Nothing in a [`Signed`] is true before all three held.
//!
//! Only what a request can be signed with, and what reads the same on both sides of a proxy, is understood: a
//! component with a parameter other than the `name` of `@query-param`, and `@request-target`, which differs between
//! HTTP/1.1 and HTTP/2, are refused.

use std::collections::BTreeMap;
use std::time::Duration;

use super::structured_field::{BareItem, Dictionary, FieldError, Item, Member, Parameters, Value};
use super::timestamp::UnixTime;
use super::{Occurrence, Request, percent};

type Error = MessageSignatureError;

/// What the operator wants of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageSignatureRule {
    /// The label of the signature, where the sender always uses the same.
    pub label: Option<String>,
    /// The `tag` that the signature has to have, where the sender sets one.
    pub tag: Option<String>,
    /// The registered name of the algorithm (RFC 9421, section 6.2.2). An `alg` parameter has to be the same.
    pub algorithm: String,
    /// What the signature has to cover. It may cover more.
    pub components: Vec<Component>,
    /// Lets a request with a body in whose signature does not cover `content-digest`: anybody can change that body.
    pub insecure_body_unsigned: bool,
}

/// What the request line and the operator say about the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The method, as sent.
    pub method: &'a [u8],
    /// Path and query, as sent.
    pub target: &'a [u8],
    /// Host and port, as sent.
    pub authority: &'a [u8],
    /// `https` or `http`: what the sender calls, which the proxy may see as the other.
    pub scheme: &'a str,
    /// What stands in front of the target in the URL that the sender calls, where it is configured. Else it is the
    /// scheme and the authority.
    pub public_url: Option<&'a str>,
    /// Whether the request has a body, or may have one.
    pub has_body: bool,
}

/// A part of a request that a signature covers (RFC 9421, section 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Component {
    /// `@method`
    Method,
    /// `@target-uri`
    TargetUri,
    /// `@authority`
    Authority,
    /// `@scheme`
    Scheme,
    /// `@path`
    Path,
    /// `@query`
    Query,
    /// `@query-param` with the percent-encoded name of a parameter
    QueryParam(String),
    /// A header, by its lower-case name.
    Field(String),
}

/// What a request says that it signed. Not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
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
    /// Different for every signature, where the sender sets one.
    pub nonce: Option<String>,
    /// The signature's purpose; it is the rule's, where the rule has one.
    pub tag: Option<String>,
    /// What the body has to hash to.
    pub digests: Digests,
}

/// The digests of the body that a signature covers (RFC 9530, section 2). None of them where it covers none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// `sha-256`
    pub sha256: Option<[u8; 32]>,
    /// `sha-512`
    pub sha512: Option<[u8; 64]>,
}

/// Why a signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageSignatureError {
    /// `Signature-Input` or `Signature` is missing, or has no member of the wanted label and tag.
    Missing,
    /// `Signature-Input` or `Signature` stands more than once.
    Duplicated,
    /// `Signature-Input` or `Signature` cannot be read.
    Malformed,
    /// More signatures than one could be meant, or a field or the query is larger than is read.
    Excess,
    /// The `alg` parameter names another algorithm than the rule.
    AlgorithmMismatch,
    /// A component is of a kind that is not understood.
    ComponentUnsupported,
    /// A component is covered twice.
    ComponentDuplicated,
    /// Something that has to be covered is not.
    CoverageMissing,
    /// A covered header is missing.
    FieldMissing,
    /// A covered part of the request has bytes that would let signed lines move.
    FieldMalformed,
    /// A covered parameter of the query is missing.
    QueryParamMissing,
    /// A covered parameter of the query stands more than once.
    QueryParamDuplicated,
    /// `created` is missing, and the rule has a maximum age.
    TimestampMissing,
    /// `created` or `expires` is not a whole number of seconds since the epoch.
    TimestampMalformed,
    /// The signature is older than it may be, or expired.
    TimestampStale,
    /// The signature is from the future.
    TimestampFuture,
    /// The digest cannot be read, or has no algorithm that is still safe.
    DigestMalformed,
    /// The body is not the one whose digest is covered.
    DigestMismatch,
}

/// Takes from the head what the signature covers.
///
/// # Errors
/// [`MessageSignatureError`].
pub fn begin(request: Request<'_>, facts: Facts<'_>, rule: &MessageSignatureRule) -> Result<Signed, Error> {
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
    Ok(Signed {
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

impl Signed {
    /// Whether the signature is recent at `now`: made within `max_age` of it, in both directions, limits included,
    /// and not expired. Without a `max_age` only `expires` counts, where there is one.
    ///
    /// # Errors
    /// [`MessageSignatureError::TimestampMissing`], [`MessageSignatureError::TimestampStale`] or
    /// [`MessageSignatureError::TimestampFuture`].
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
    /// The digests are no secrets, and neither is how much of them is right.
    ///
    /// # Errors
    /// [`MessageSignatureError::DigestMismatch`].
    pub fn check_digest(&self, sha256: &[u8; 32], sha512: &[u8; 64]) -> Result<(), Error> {
        let is_right = self.digests.sha256.is_none_or(|digest| digest == *sha256)
            && self.digests.sha512.is_none_or(|digest| digest == *sha512);
        if is_right { Ok(()) } else { Err(Error::DigestMismatch) }
    }
}

impl Digests {
    /// Reads the value of a `Content-Digest` field. Algorithms other than SHA-256 and SHA-512 are passed over, since
    /// RFC 9530, section 5, knows no other that is safe; one of the two has to be there.
    ///
    /// # Errors
    /// [`MessageSignatureError::DigestMalformed`].
    pub fn parse(field: &[u8]) -> Result<Self, Error> {
        let dictionary = Dictionary::parse(field).map_err(|_| Error::DigestMalformed)?;
        let mut digests = Self::default();
        for member in dictionary.members() {
            match (member.key, &member.value) {
                ("sha-256", Value::Item(BareItem::Bytes(bytes))) => {
                    digests.sha256 = Some(bytes.as_slice().try_into().map_err(|_| Error::DigestMalformed)?);
                }
                ("sha-512", Value::Item(BareItem::Bytes(bytes))) => {
                    digests.sha512 = Some(bytes.as_slice().try_into().map_err(|_| Error::DigestMalformed)?);
                }
                ("sha-256" | "sha-512", _) => return Err(Error::DigestMalformed),
                _ => {}
            }
        }
        if digests == Self::default() { Err(Error::DigestMalformed) } else { Ok(digests) }
    }
}

impl Component {
    /// Reads a component as the configuration names it: `@method`, `content-type`, `@query-param;name="id"`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parameter = |text: &str| {
            let name = text.strip_prefix("@query-param;name=\"")?.strip_suffix('"')?;
            (!name.contains(['"', '\\'])).then(|| name.to_owned())
        };
        match parameter(text) {
            Some(name) => Self::new("@query-param", Some(&name)),
            None => Self::new(text, None),
        }
    }

    fn new(name: &str, parameter: Option<&str>) -> Option<Self> {
        let component = match (name, parameter) {
            ("@query-param", Some(parameter)) => return Some(Self::QueryParam(parameter.to_owned())),
            (_, Some(_)) => return None,
            ("@method", None) => Self::Method,
            ("@target-uri", None) => Self::TargetUri,
            ("@authority", None) => Self::Authority,
            ("@scheme", None) => Self::Scheme,
            ("@path", None) => Self::Path,
            ("@query", None) => Self::Query,
            (field, None) if is_lower_case_field_name(field) => Self::Field(field.to_owned()),
            _ => return None,
        };
        Some(component)
    }

    /// The component's value (RFC 9421, sections 2.1 and 2.2).
    fn value(&self, request: Request<'_>, facts: Facts<'_>, parameters: &QueryParams) -> Result<Vec<u8>, Error> {
        let (path, query) = percent::split_target(facts.target);
        Ok(match self {
            Self::Method => facts.method.to_vec(),
            Self::Scheme => facts.scheme.as_bytes().to_vec(),
            Self::Authority => authority(facts),
            Self::TargetUri => match facts.public_url {
                Some(url) => [url.trim_end_matches('/').as_bytes(), facts.target].concat(),
                None => [facts.scheme.as_bytes(), b"://", &authority(facts), facts.target].concat(),
            },
            Self::Path if path.is_empty() => b"/".to_vec(),
            Self::Path => path.to_vec(),
            Self::Query => [b"?".as_slice(), query.unwrap_or_default()].concat(),
            Self::QueryParam(name) => parameters.value(name)?,
            Self::Field(name) => field_value(request, facts, name)?,
        })
    }
}

impl From<FieldError> for Error {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::TooLarge => Self::Excess,
            FieldError::Malformed => Self::Malformed,
        }
    }
}

fn once<'a>(request: Request<'a>, name: &str) -> Result<&'a [u8], Error> {
    match request.header(name) {
        Occurrence::Once(value) => Ok(value),
        Occurrence::Missing => Err(Error::Missing),
        Occurrence::Repeated => Err(Error::Duplicated),
    }
}

/// The one signature that the rule can mean.
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

fn check_coverage(covered: &[Component], facts: Facts<'_>, rule: &MessageSignatureRule) -> Result<(), Error> {
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

/// RFC 9421, section 2.5. The identifiers and the parameters stand in it as they were received.
fn base(
    items: &[Item<'_>],
    covered: &[Component],
    parameters: &str,
    request: Request<'_>,
    facts: Facts<'_>,
) -> Result<Vec<u8>, Error> {
    let covers_parameter = covered.iter().any(|component| matches!(component, Component::QueryParam(_)));
    let query_params = if covers_parameter { QueryParams::parse(facts.target)? } else { QueryParams::default() };
    let mut base = Vec::new();
    for (item, component) in items.iter().zip(covered) {
        let value = component.value(request, facts, &query_params)?;
        // A line end would end the line, and the base is ASCII.
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

/// RFC 9421, section 2.2.3: in lower case, without the scheme's own port.
fn authority(facts: Facts<'_>) -> Vec<u8> {
    let authority = facts.authority.to_ascii_lowercase();
    let port: &[u8] = if facts.scheme == "http" { b":80" } else { b":443" };
    authority.strip_suffix(port).map(<[u8]>::to_vec).unwrap_or(authority)
}

/// The parameters of the query, decoded, and encoded anew in one way (RFC 9421, section 2.2.8). Names that stand
/// more than once have no value.
///
/// Made once for all the components of a signature: how many of them name a parameter is up to the caller, who has
/// proved nothing yet.
#[derive(Default)]
struct QueryParams(BTreeMap<Vec<u8>, Option<Vec<u8>>>);

impl QueryParams {
    fn parse(target: &[u8]) -> Result<Self, Error> {
        let keep: fn(u8) -> bool = |byte| byte.is_ascii_alphanumeric() || b"*-._".contains(&byte);
        let (_, query) = percent::split_target(target);
        let mut parameters = BTreeMap::new();
        for (position, (name, value)) in percent::pairs(query.unwrap_or_default()).enumerate() {
            if position >= percent::MAX_PAIRS {
                return Err(Error::Excess);
            }
            parameters
                .entry(percent::encode(&name, keep))
                .and_modify(|value| *value = None)
                .or_insert_with(|| Some(percent::encode(&value, keep)));
        }
        Ok(Self(parameters))
    }

    /// `name` is encoded in the one way.
    fn value(&self, name: &str) -> Result<Vec<u8>, Error> {
        match self.0.get(name.as_bytes()) {
            Some(Some(value)) => Ok(value.clone()),
            Some(None) => Err(Error::QueryParamDuplicated),
            None => Err(Error::QueryParamMissing),
        }
    }
}

/// RFC 9421, section 2.1: every line's value without the blanks around it, in order, with a comma and a blank
/// between them.
///
/// Hosts keep `Host` as the authority, and then have no header of that name.
fn field_value(request: Request<'_>, facts: Facts<'_>, name: &str) -> Result<Vec<u8>, Error> {
    let mut lines = request.headers().iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).peekable();
    if lines.peek().is_none() {
        return if name == "host" { Ok(facts.authority.to_vec()) } else { Err(Error::FieldMissing) };
    }
    let values: Vec<&[u8]> = lines.map(|(_, value)| value.trim_ascii()).collect();
    Ok(values.join(b", ".as_slice()))
}

fn is_lower_case_field_name(name: &str) -> bool {
    super::request::is_header_name(name) && !name.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// A parameter that is text, where it is there.
fn text(parameters: &Parameters<'_>, key: &str) -> Result<Option<String>, Error> {
    match parameters.value(key) {
        None => Ok(None),
        Some(BareItem::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Error::Malformed),
    }
}

/// A parameter that is a time, where it is there.
fn time(parameters: &Parameters<'_>, key: &str) -> Result<Option<u64>, Error> {
    match parameters.value(key) {
        None => Ok(None),
        Some(BareItem::Integer(seconds)) => u64::try_from(*seconds).map(Some).map_err(|_| Error::TimestampMalformed),
        Some(_) => Err(Error::TimestampMalformed),
    }
}

/// Whether `made` lies within `max_age` of `now`, both in seconds since the epoch, in both directions.
pub(super) fn check_age(made: u64, max_age: Duration, now: u64) -> Result<(), Error> {
    if now.saturating_sub(made) > max_age.as_secs() {
        Err(Error::TimestampStale)
    } else if made.saturating_sub(now) > max_age.as_secs() {
        Err(Error::TimestampFuture)
    } else {
        Ok(())
    }
}
