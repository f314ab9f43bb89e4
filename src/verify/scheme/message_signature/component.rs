//! The parts of a request that a signature can cover, and their values (RFC 9421, section 2).

use std::collections::BTreeMap;

use crate::verify::bytes::percent;
use crate::verify::request::{Request, is_header_name};
use crate::verify::scheme::http::HttpSignatureError as Error;

/// What the request line and the operator say about the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestFacts<'a> {
    /// The method, as sent.
    pub method: &'a [u8],
    /// Path and query, as sent.
    pub target: &'a [u8],
    /// Host and port, as sent.
    pub authority: &'a [u8],
    /// `https` or `http`, as the sender calls it, which may differ from what the proxy sees.
    pub scheme: &'a str,
    /// What precedes the target in the URL that the sender calls, if it is configured; otherwise the scheme and the
    /// authority.
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

    pub(super) fn new(name: &str, parameter: Option<&str>) -> Option<Self> {
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
    pub(super) fn value(
        &self,
        request: Request<'_>,
        facts: RequestFacts<'_>,
        parameters: &QueryParams,
    ) -> Result<Vec<u8>, Error> {
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

/// RFC 9421, section 2.2.3: in lower case, without the scheme's own port.
fn authority(facts: RequestFacts<'_>) -> Vec<u8> {
    let authority = facts.authority.to_ascii_lowercase();
    let port: &[u8] = if facts.scheme == "http" { b":80" } else { b":443" };
    authority.strip_suffix(port).map(<[u8]>::to_vec).unwrap_or(authority)
}

/// The parameters of the query, decoded and re-encoded canonically (RFC 9421, section 2.2.8). Repeated
/// names have no value.
///
/// Parsed once for all components of a signature: a caller who is not verified yet chooses how many of them name a
/// parameter.
#[derive(Default)]
pub struct QueryParams(BTreeMap<Vec<u8>, Option<Vec<u8>>>);

impl QueryParams {
    pub fn parse(target: &[u8]) -> Result<Self, Error> {
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
pub fn field_value(request: Request<'_>, facts: RequestFacts<'_>, name: &str) -> Result<Vec<u8>, Error> {
    let mut lines = request.headers().iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).peekable();
    if lines.peek().is_none() {
        return if name == "host" { Ok(facts.authority.to_vec()) } else { Err(Error::FieldMissing) };
    }
    let values: Vec<&[u8]> = lines.map(|(_, value)| value.trim_ascii()).collect();
    Ok(values.join(b", ".as_slice()))
}

fn is_lower_case_field_name(name: &str) -> bool {
    is_header_name(name) && !name.bytes().any(|byte| byte.is_ascii_uppercase())
}
