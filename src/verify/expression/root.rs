//! Where a value begins: in the head, in the body, in the configuration, or in a canonical form of one sender.

use crate::verify::bytes::form::{self, Pair};
use crate::verify::bytes::json::{Json, JsonPath};
use crate::verify::denial::Denial;
use crate::verify::expression::builtin;
use crate::verify::expression::content::Content;
use crate::verify::expression::context::{ExpressionError, Facts, Operand, With};
use crate::verify::request::is_header_name;
use crate::verify::request::{Occurrence, Request};

/// Where a value begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Root {
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
    Form(Field),
    FormFields,
    Json(JsonPath),
    Entry(String),
    EntryAt(usize),
    Builtin(Builtin, Vec<u8>),
}

/// A field of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    /// Whether the last of that name counts; otherwise there must be only one.
    pub(super) is_last: bool,
}

/// A canonical form that one sender has and a template cannot express.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Builtin {
    Sns,
    PhpSerialize,
    PlivoV3,
    ContentfulPath,
    Qsh,
    Unisender,
}

impl Root {
    pub(super) fn parse(text: &str, with: With<'_>) -> Result<Self, ExpressionError> {
        let value = |name: &str| with(name).ok_or_else(|| ExpressionError::MissingValue(name.to_owned()));
        if let Some((kind, name)) = text.split_once(':') {
            let named = |root: fn(String) -> Root| {
                if name.is_empty() { Err(ExpressionError::BadName) } else { Ok(root(name.to_owned())) }
            };
            return match kind {
                "header" if is_header_name(name) => Ok(Root::Header(name.to_ascii_lowercase())),
                "header" => Err(ExpressionError::BadName),
                "query" => named(Root::Query),
                "form" => named(|name| Root::Form(Field { name, is_last: false })),
                "form_last" => named(|name| Root::Form(Field { name, is_last: true })),
                "entry" if name.starts_with('@') => {
                    entry_number(name).map(Root::EntryAt).ok_or(ExpressionError::BadName)
                }
                "entry" => named(Root::Entry),
                "json" => JsonPath::parse(name).map(Root::Json).ok_or(ExpressionError::BadName),
                "with" => value(name).map(|value| Root::Literal(value.into_bytes())),
                _ => Err(ExpressionError::UnknownRoot(kind.to_owned())),
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
            _ => Err(ExpressionError::UnknownRoot(text.to_owned())),
        }
    }

    pub(super) fn value(&self, facts: &Facts<'_>) -> Result<Operand, Denial> {
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
            Root::QueryFields => return query(facts).map(Operand::Fields),
            Root::Form(Field { name, is_last: true }) => content(facts)?.last_field(name)?.to_vec(),
            Root::Form(Field { name, is_last: false }) => content(facts)?.field(name)?.to_vec(),
            Root::FormFields => return content(facts)?.fields().map(|fields| Operand::Fields(fields.to_vec())),
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
            Root::EntryAt(number) => facts.entries.get(*number).ok_or(Denial::FieldMissing)?.to_vec(),
            Root::Builtin(which, argument) => which.value(argument, facts)?,
        };
        Ok(Operand::Bytes(bytes))
    }
}

/// The number in `@0` to `@9`.
fn entry_number(name: &str) -> Option<usize> {
    match name.as_bytes() {
        [b'@', digit @ b'0'..=b'9'] => Some(usize::from(digit.wrapping_sub(b'0'))),
        _ => None,
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
                let mut names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
                names.sort_unstable();
                if names.windows(2).any(|pair| pair.first() == pair.last()) {
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

pub(super) fn request<'a>(facts: &Facts<'a>) -> Result<Request<'a>, Denial> {
    facts.request.ok_or(Denial::HostFailure)
}

pub(super) fn content<'a>(facts: &Facts<'a>) -> Result<&'a Content<'a>, Denial> {
    facts.content.ok_or(Denial::HostFailure)
}

pub(super) fn target<'a>(facts: &Facts<'a>) -> Result<&'a [u8], Denial> {
    once(request(facts)?, ":path")
}

pub(super) fn query(facts: &Facts<'_>) -> Result<Vec<Pair>, Denial> {
    let query = target(facts)?.splitn(2, |byte| *byte == b'?').nth(1).unwrap_or_default();
    form::pairs(query).ok_or(Denial::FieldMalformed)
}

pub(super) fn unique(pairs: &[Pair], name: &str) -> Result<Vec<u8>, Denial> {
    match form::unique(pairs, name) {
        Ok(value) => Ok(value.to_vec()),
        Err(0) => Err(Denial::FieldMissing),
        Err(_) => Err(Denial::FieldDuplicated),
    }
}

pub(super) fn json_text(json: &Json, path: &JsonPath) -> Result<Vec<u8>, Denial> {
    let found = json.at(path).ok_or(Denial::FieldMissing)?;
    found.text().map(|text| text.as_bytes().to_vec()).ok_or(Denial::FieldMalformed)
}

/// The value of a header that must occur once and not be empty.
pub(super) fn once<'a>(request: Request<'a>, name: &str) -> Result<&'a [u8], Denial> {
    match request.header(name) {
        Occurrence::Once(value) if !value.is_empty() => Ok(value),
        Occurrence::Once(_) | Occurrence::Missing => Err(Denial::HeaderMissing),
        Occurrence::Repeated => Err(Denial::HeaderDuplicated),
    }
}

/// The headers that are named in a list, in its order. The list is part of what is signed, so its names decide
/// nothing that the sender did not sign.
pub(super) fn listed_headers(
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
