//! Values that a scheme names: a root in the request, and filters behind it. `header:X-Time`, `json:data.id`,
//! `body|sha256|hex`.

use super::builtin;
use super::content::{self, Content};
use super::encoding;
use super::form::{self, Pair};
use super::json::{Json, JsonPath};
use super::mac::HashAlgorithm;
use super::request::is_header_name;
use super::{Denial, Occurrence, Request};

/// A value that a scheme names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    root: Root,
    optional: bool,
    filters: Vec<Filter>,
}

/// Where a value begins.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Root {
    Literal(Vec<u8>),
    Body,
    Timestamp,
    Secret,
    Method,
    Target,
    Path,
    Url(Vec<u8>),
    Header(String),
    Query(String),
    QueryFields,
    Form(String),
    FormFields,
    Json(JsonPath),
    Entry(String),
    FirstEntry,
    Builtin(Builtin, Vec<u8>),
}

/// A canonical form that one sender has and a template cannot express.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Builtin {
    Sns,
    PhpSerialize,
    PlivoV3,
    ContentfulPath,
    Qsh,
    Unisender,
}

/// What is done to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Filter {
    Lower,
    Upper,
    Trim,
    Hash(HashAlgorithm),
    Crc32,
    Hex,
    Base64,
    Base64Decode,
    Base64UrlDecode,
    PercentDecode,
    Json(JsonPath),
    Sorted,
    SortedQuery,
    WithoutQuery,
    WithPort,
    WithoutPort,
    HeaderValues,
    HeaderPairs,
    HubspotDecode,
}

/// What a value is read from. What is not there yet is `None`.
#[derive(Clone, Copy, Default)]
pub struct Facts<'a> {
    /// The head.
    pub request: Option<Request<'a>>,
    /// The body, parsed when asked.
    pub content: Option<&'a Content<'a>>,
    /// The element of a list to which `json:` paths are relative.
    pub element: Option<&'a Json>,
    /// The entries of the signature's header.
    pub entries: &'a [&'a [u8]],
    /// The timestamp's text.
    pub timestamp: Option<&'a [u8]>,
    /// The secret, for schemes that hash it with the content.
    pub secret: Option<&'a [u8]>,
}

/// Configured values for `with:name` and `url`.
pub type With<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A text that names no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpressionError {
    /// The root is not one of the language.
    UnknownRoot,
    /// A filter is not one of the language.
    UnknownFilter,
    /// A name or a path behind the colon is missing or malformed.
    BadName,
    /// The scheme needs this configured value.
    MissingValue(String),
}

enum Value {
    Bytes(Vec<u8>),
    Fields(Vec<Pair>),
}

impl Expression {
    /// Reads `root(?)|filter|filter`.
    ///
    /// # Errors
    /// [`ExpressionError`].
    pub fn parse(text: &str, with: With<'_>) -> Result<Self, ExpressionError> {
        let mut pieces = text.split('|');
        let root = pieces.next().unwrap_or_default();
        let (root, optional) = match root.strip_suffix('?') {
            Some(root) => (root, true),
            None => (root, false),
        };
        let filters = pieces.map(Filter::parse).collect::<Result<_, _>>()?;
        Ok(Self { root: Root::parse(root, with)?, optional, filters })
    }

    /// The value of the header `name`.
    #[must_use]
    pub fn header(name: &str) -> Self {
        Self { root: Root::Header(name.to_owned()), optional: false, filters: Vec::new() }
    }

    /// The entry of the signature's header that begins with `prefix`.
    #[must_use]
    pub fn entry(prefix: &str) -> Self {
        Self { root: Root::Entry(prefix.to_owned()), optional: false, filters: Vec::new() }
    }

    /// Whether it is the body as it was sent.
    #[must_use]
    pub fn is_raw_body(&self) -> bool {
        self.root == Root::Body && self.filters.is_empty()
    }

    /// Whether it is the timestamp's text.
    #[must_use]
    pub fn is_timestamp(&self) -> bool {
        self.root == Root::Timestamp
    }

    /// Whether it stands for every byte of the body: a cryptographic digest of it.
    #[must_use]
    pub fn covers_whole_body(&self) -> bool {
        let digested = matches!(self.filters.first(), Some(Filter::Hash(_)));
        (self.root == Root::Body && digested) || matches!(self.root, Root::Builtin(Builtin::Unisender, _))
    }

    /// Whether it is a value beside the body, in which a separator could hide.
    #[must_use]
    pub fn is_short(&self) -> bool {
        matches!(self.root, Root::Header(_) | Root::Query(_) | Root::Entry(_)) && self.filters.is_empty()
    }

    /// Whether a signature over this value covers `other` too: it is the same, or `other` is taken out of it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let same_root = self.root == other.root && (self.filters.is_empty() || self.filters == other.filters);
        let in_body = self.is_raw_body() && other.needs_body();
        let in_sns = match (&self.root, other.as_json()) {
            (Root::Builtin(Builtin::Sns, _), Some(path)) => {
                let signed = ["Message", "MessageId", "Timestamp", "TopicArn", "Type"];
                signed.into_iter().any(|name| JsonPath::parse(name).as_ref() == Some(path))
            }
            _ => false,
        };
        same_root || in_body || in_sns
    }

    /// Whether it is a list of headers that the request names.
    #[must_use]
    pub fn lists_headers(&self) -> bool {
        self.list_separator().is_some()
    }

    fn list_separator(&self) -> Option<u8> {
        self.filters.iter().find_map(|filter| match filter {
            Filter::HeaderValues => Some(b' '),
            Filter::HeaderPairs => Some(b','),
            _ => None,
        })
    }

    /// Whether the header that `other` reads is among those that this list names.
    #[must_use]
    pub fn lists(&self, other: &Self, facts: &Facts<'_>) -> bool {
        let (Some(separator), Some(name)) = (self.list_separator(), other.as_header()) else { return false };
        let names = Self { root: self.root.clone(), optional: false, filters: Vec::new() }.value(facts);
        names.is_ok_and(|names| {
            names.split(|byte| *byte == separator).any(|listed| listed.eq_ignore_ascii_case(name.as_bytes()))
        })
    }

    /// Whether it can be read only when the body is complete.
    #[must_use]
    pub fn needs_body(&self) -> bool {
        matches!(self.root, Root::Body | Root::Form(_) | Root::FormFields | Root::Json(_))
            || matches!(
                self.root,
                Root::Builtin(Builtin::Sns | Builtin::PhpSerialize | Builtin::PlivoV3 | Builtin::Unisender, _)
            )
    }

    /// Whether it holds the secret, so that the content differs by secret.
    #[must_use]
    pub fn needs_secret(&self) -> bool {
        matches!(self.root, Root::Secret | Root::Builtin(Builtin::Unisender, _))
    }

    /// The text, if it is one that no request changes.
    #[must_use]
    pub fn literal(&self) -> Option<&[u8]> {
        match &self.root {
            Root::Literal(text) if self.filters.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The header that it reads, where that is all it does.
    #[must_use]
    pub fn as_header(&self) -> Option<&str> {
        match &self.root {
            Root::Header(name) if self.filters.is_empty() => Some(name),
            _ => None,
        }
    }

    /// The JSON path that it reads, where that is all it does.
    #[must_use]
    pub fn as_json(&self) -> Option<&JsonPath> {
        match &self.root {
            Root::Json(path) if self.filters.is_empty() => Some(path),
            _ => None,
        }
    }

    /// The value; empty if it is absent and optional.
    ///
    /// # Errors
    /// A denial if it is absent, repeated or malformed, or not there yet.
    pub fn value(&self, facts: &Facts<'_>) -> Result<Vec<u8>, Denial> {
        let value = match self.root.value(facts) {
            Err(Denial::HeaderMissing | Denial::FieldMissing | Denial::TimestampMissing) if self.optional => {
                return Ok(Vec::new());
            }
            other => other?,
        };
        match self.filters.iter().try_fold(value, |value, filter| filter.apply(value, facts))? {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Fields(_) => Err(Denial::BodyMalformed),
        }
    }
}

impl Root {
    fn parse(text: &str, with: With<'_>) -> Result<Self, ExpressionError> {
        let value = |name: &str| with(name).ok_or_else(|| ExpressionError::MissingValue(name.to_owned()));
        if let Some((kind, name)) = text.split_once(':') {
            let named = |root: fn(String) -> Root| {
                if name.is_empty() { Err(ExpressionError::BadName) } else { Ok(root(name.to_owned())) }
            };
            return match kind {
                "header" if is_header_name(name) => Ok(Root::Header(name.to_ascii_lowercase())),
                "header" => Err(ExpressionError::BadName),
                "query" => named(Root::Query),
                "form" => named(Root::Form),
                "entry" if name == "@0" => Ok(Root::FirstEntry),
                "entry" => named(Root::Entry),
                "json" => JsonPath::parse(name).map(Root::Json).ok_or(ExpressionError::BadName),
                "with" => value(name).map(|value| Root::Literal(value.into_bytes())),
                _ => Err(ExpressionError::UnknownRoot),
            };
        }
        let builtin = |builtin| Ok(Root::Builtin(builtin, Vec::new()));
        match text {
            "body" => Ok(Root::Body),
            "timestamp" => Ok(Root::Timestamp),
            "secret" => Ok(Root::Secret),
            "method" => Ok(Root::Method),
            "target" => Ok(Root::Target),
            "path" => Ok(Root::Path),
            "url" => value("public_url").map(|url| Root::Url(url.into_bytes())),
            "query" => Ok(Root::QueryFields),
            "form" => Ok(Root::FormFields),
            "sns" => builtin(Builtin::Sns),
            "php_serialize" => builtin(Builtin::PhpSerialize),
            "plivo_v3" => value("public_url").map(|url| Root::Builtin(Builtin::PlivoV3, url.into_bytes())),
            "contentful_path" => builtin(Builtin::ContentfulPath),
            "qsh" => builtin(Builtin::Qsh),
            "unisender" => builtin(Builtin::Unisender),
            _ => Err(ExpressionError::UnknownRoot),
        }
    }

    fn value(&self, facts: &Facts<'_>) -> Result<Value, Denial> {
        let bytes = match self {
            Root::Literal(text) => text.clone(),
            Root::Body => content(facts)?.body().to_vec(),
            Root::Timestamp => facts.timestamp.ok_or(Denial::TimestampMissing)?.to_vec(),
            Root::Secret => facts.secret.ok_or(Denial::HostFailure)?.to_vec(),
            Root::Method => once(request(facts)?, ":method")?.to_vec(),
            Root::Target => target(facts)?.to_vec(),
            Root::Path => request(facts)?.path().to_vec(),
            Root::Url(base) => [base.as_slice(), target(facts)?].concat(),
            Root::Header(name) => once(request(facts)?, name)?.to_vec(),
            Root::Query(name) => unique(&query(facts)?, name)?,
            Root::QueryFields => return query(facts).map(Value::Fields),
            Root::Form(name) => unique(content(facts)?.fields()?, name)?,
            Root::FormFields => return content(facts)?.fields().map(|fields| Value::Fields(fields.to_vec())),
            Root::Json(path) => {
                let root = facts.element.map_or_else(|| content(facts)?.json(), Ok)?;
                json_text(root, path)?
            }
            Root::Entry(prefix) => {
                let mut found = facts.entries.iter().filter_map(|entry| entry.strip_prefix(prefix.as_bytes()));
                match (found.next(), found.next()) {
                    (Some(entry), None) => entry.to_vec(),
                    (None, _) => return Err(Denial::FieldMissing),
                    (Some(_), Some(_)) => return Err(Denial::FieldDuplicated),
                }
            }
            Root::FirstEntry => facts.entries.first().ok_or(Denial::FieldMissing)?.to_vec(),
            Root::Builtin(which, argument) => which.value(argument, facts)?,
        };
        Ok(Value::Bytes(bytes))
    }
}

impl Builtin {
    fn value(self, argument: &[u8], facts: &Facts<'_>) -> Result<Vec<u8>, Denial> {
        match self {
            Builtin::Sns => {
                let json = content(facts)?.json()?;
                let member = |name: &str| {
                    let path = JsonPath::parse(name)?;
                    match json.at(&path) {
                        Some(Json::Text(text)) => Some(text.clone()),
                        _ => None,
                    }
                };
                builtin::sns(&member).ok_or(Denial::FieldMissing)
            }
            Builtin::PhpSerialize => {
                let fields = content(facts)?.fields()?;
                if fields.iter().any(|(name, _)| fields.iter().filter(|(other, _)| other == name).count() > 1) {
                    return Err(Denial::FieldDuplicated);
                }
                Ok(builtin::php_serialize(fields, b"p_signature"))
            }
            Builtin::PlivoV3 => {
                let request = request(facts)?;
                let url = [argument, target(facts)?].concat();
                Ok(builtin::plivo_v3(once(request, ":method")?, &url, content(facts)?.fields()?))
            }
            Builtin::ContentfulPath => Ok(builtin::contentful_path(target(facts)?)),
            Builtin::Qsh => Ok(builtin::qsh(once(request(facts)?, ":method")?, target(facts)?)),
            Builtin::Unisender => {
                let content = content(facts)?;
                content.json()?;
                let secret = facts.secret.ok_or(Denial::HostFailure)?;
                builtin::unisender(content.body(), secret).ok_or(Denial::BodyMalformed)
            }
        }
    }
}

impl Filter {
    fn parse(text: &str) -> Result<Self, ExpressionError> {
        if let Some(path) = text.strip_prefix("json:") {
            return JsonPath::parse(path).map(Filter::Json).ok_or(ExpressionError::BadName);
        }
        Ok(match text {
            "lower" => Filter::Lower,
            "upper" => Filter::Upper,
            "trim" => Filter::Trim,
            "md5" => Filter::Hash(HashAlgorithm::Md5),
            "sha1" => Filter::Hash(HashAlgorithm::Sha1),
            "sha256" => Filter::Hash(HashAlgorithm::Sha256),
            "sha512" => Filter::Hash(HashAlgorithm::Sha512),
            "crc32" => Filter::Crc32,
            "hex" => Filter::Hex,
            "base64" => Filter::Base64,
            "base64_decode" => Filter::Base64Decode,
            "base64url_decode" => Filter::Base64UrlDecode,
            "percent_decode" => Filter::PercentDecode,
            "sorted" => Filter::Sorted,
            "sorted_query" => Filter::SortedQuery,
            "without_query" => Filter::WithoutQuery,
            "with_port" => Filter::WithPort,
            "without_port" => Filter::WithoutPort,
            "header_values" => Filter::HeaderValues,
            "header_pairs" => Filter::HeaderPairs,
            "hubspot_decode" => Filter::HubspotDecode,
            _ => return Err(ExpressionError::UnknownFilter),
        })
    }

    fn apply(&self, value: Value, facts: &Facts<'_>) -> Result<Value, Denial> {
        let bytes = match (self, value) {
            (Filter::Sorted, Value::Fields(fields)) => return Ok(Value::Bytes(form::sorted_and_glued(&fields))),
            (Filter::SortedQuery, Value::Fields(fields)) => {
                return form::sorted_query(&fields).map(Value::Bytes).ok_or(Denial::BodyMalformed);
            }
            (_, Value::Fields(_)) => return Err(Denial::BodyMalformed),
            (_, Value::Bytes(bytes)) => bytes,
        };
        Ok(Value::Bytes(match self {
            Filter::Lower => bytes.to_ascii_lowercase(),
            Filter::Upper => bytes.to_ascii_uppercase(),
            Filter::Trim => bytes.trim_ascii().to_vec(),
            Filter::Hash(algorithm) => algorithm.digest(&bytes),
            Filter::Crc32 => crc32fast::hash(&bytes).to_string().into_bytes(),
            Filter::Hex => encoding::encode_hex(&bytes),
            Filter::Base64 => encoding::encode_base64(&bytes),
            Filter::Base64Decode => encoding::decode_base64(&bytes).ok_or(Denial::FieldMalformed)?,
            Filter::Base64UrlDecode => encoding::decode_base64_url(&bytes).ok_or(Denial::FieldMalformed)?,
            Filter::PercentDecode => form::decode(&bytes, false).ok_or(Denial::FieldMalformed)?,
            Filter::Json(path) => json_text(&content::parse_json(&bytes)?, path)?,
            Filter::WithoutQuery => bytes.split(|byte| *byte == b'?').next().unwrap_or_default().to_vec(),
            Filter::WithPort => with_port(&bytes),
            Filter::WithoutPort => without_port(&bytes),
            Filter::HeaderValues => listed_headers(&bytes, b' ', facts, |_, value| value.to_vec())?.join(&b'.'),
            Filter::HeaderPairs => {
                listed_headers(&bytes, b',', facts, |name, value| [name, b":", value].concat())?.join(&b';')
            }
            Filter::HubspotDecode => hubspot_decode(&bytes),
            Filter::Sorted | Filter::SortedQuery => return Err(Denial::BodyMalformed),
        }))
    }
}

fn request<'a>(facts: &Facts<'a>) -> Result<Request<'a>, Denial> {
    facts.request.ok_or(Denial::HostFailure)
}

fn content<'a>(facts: &Facts<'a>) -> Result<&'a Content<'a>, Denial> {
    facts.content.ok_or(Denial::HostFailure)
}

fn target<'a>(facts: &Facts<'a>) -> Result<&'a [u8], Denial> {
    once(request(facts)?, ":path")
}

fn query(facts: &Facts<'_>) -> Result<Vec<Pair>, Denial> {
    let query = target(facts)?.splitn(2, |byte| *byte == b'?').nth(1).unwrap_or_default();
    form::pairs(query).ok_or(Denial::FieldMalformed)
}

fn unique(pairs: &[Pair], name: &str) -> Result<Vec<u8>, Denial> {
    match form::unique(pairs, name) {
        Ok(value) => Ok(value.to_vec()),
        Err(0) => Err(Denial::FieldMissing),
        Err(_) => Err(Denial::FieldDuplicated),
    }
}

fn json_text(json: &Json, path: &JsonPath) -> Result<Vec<u8>, Denial> {
    let found = json.at(path).ok_or(Denial::FieldMissing)?;
    found.text().map(|text| text.as_bytes().to_vec()).ok_or(Denial::FieldMalformed)
}

/// The value of a header that must stand once and say something.
pub(super) fn once<'a>(request: Request<'a>, name: &str) -> Result<&'a [u8], Denial> {
    match request.header(name) {
        Occurrence::Once(value) if !value.is_empty() => Ok(value),
        Occurrence::Once(_) | Occurrence::Missing => Err(Denial::HeaderMissing),
        Occurrence::Repeated => Err(Denial::HeaderDuplicated),
    }
}

/// The headers that a list of names names, in its order. The list is part of what is signed, so its names decide
/// nothing that the sender did not sign.
fn listed_headers(
    names: &[u8],
    separator: u8,
    facts: &Facts<'_>,
    write: fn(&[u8], &[u8]) -> Vec<u8>,
) -> Result<Vec<Vec<u8>>, Denial> {
    let names: Vec<_> = names.split(|byte| *byte == separator).filter(|name| !name.is_empty()).collect();
    if names.len() > 64 {
        return Err(Denial::FieldMalformed);
    }
    names
        .into_iter()
        .map(|name| {
            let name = std::str::from_utf8(name).map_err(|_| Denial::FieldMalformed)?.to_ascii_lowercase();
            Ok(write(name.as_bytes(), once(request(facts)?, &name)?))
        })
        .collect()
}

/// Resolves the escapes that HubSpot resolves before it signs a URL, and no others.
fn hubspot_decode(url: &[u8]) -> Vec<u8> {
    const RESOLVED: &[(&[u8], u8)] = &[
        (b"3A", b':'),
        (b"2F", b'/'),
        (b"3F", b'?'),
        (b"40", b'@'),
        (b"21", b'!'),
        (b"24", b'$'),
        (b"27", b'\''),
        (b"28", b'('),
        (b"29", b')'),
        (b"2A", b'*'),
        (b"2C", b','),
        (b"3B", b';'),
    ];
    let mut resolved = Vec::with_capacity(url.len());
    let mut rest = url;
    while let Some((first, tail)) = rest.split_first() {
        let escape = tail.split_at_checked(2).filter(|_| *first == b'%');
        let found = escape.and_then(|(digits, behind)| {
            let (_, byte) = RESOLVED.iter().find(|(code, _)| digits.eq_ignore_ascii_case(code))?;
            Some((*byte, behind))
        });
        let (byte, behind) = found.unwrap_or((*first, tail));
        resolved.push(byte);
        rest = behind;
    }
    resolved
}

/// The scheme and authority of a URL, and the rest.
fn split_url(url: &[u8]) -> Option<(&[u8], &[u8])> {
    let scheme = url.windows(3).position(|window| window == b"://")?.checked_add(3)?;
    let path =
        url.iter().skip(scheme).position(|byte| matches!(*byte, b'/' | b'?')).map(|at| at.saturating_add(scheme));
    url.split_at_checked(path.unwrap_or(url.len()))
}

fn has_port(origin: &[u8]) -> bool {
    let host = origin.rsplit(|byte| matches!(*byte, b'/' | b'@')).next().unwrap_or_default();
    host.rsplit(|byte| *byte == b']').next().unwrap_or_default().contains(&b':')
}

/// A URL with the standard port of its scheme, if it has none.
fn with_port(url: &[u8]) -> Vec<u8> {
    match split_url(url) {
        Some((origin, rest)) if !has_port(origin) => {
            let port: &[u8] = if origin.starts_with(b"https:") { b":443" } else { b":80" };
            [origin, port, rest].concat()
        }
        _ => url.to_vec(),
    }
}

/// A URL without its port.
fn without_port(url: &[u8]) -> Vec<u8> {
    match split_url(url) {
        Some((origin, rest)) if has_port(origin) => {
            let end = origin.iter().rposition(|byte| *byte == b':').unwrap_or(origin.len());
            [origin.get(..end).unwrap_or(origin), rest].concat()
        }
        _ => url.to_vec(),
    }
}
