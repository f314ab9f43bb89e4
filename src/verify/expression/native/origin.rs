//! Expressions in reverse: where a value is read from, and what must be there for the expression to give that
//! value.

use crate::verify::bytes::json::{Json, JsonPath};
use crate::verify::bytes::{encoding, percent};
use crate::verify::expression::content;
use crate::verify::expression::context::{Facts, Operand};
use crate::verify::expression::filter::Filter;
use crate::verify::expression::root::Root;
use crate::verify::expression::value::Expression;

/// Where a value is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// A header, by its lower-case name.
    Header(&'a str),
    /// A parameter of the query.
    Query(&'a str),
    /// A field of a form.
    Form(&'a str),
    /// A member of a JSON body.
    Json(&'a JsonPath),
    /// An entry of the signature's header, by its prefix.
    Entry(&'a str),
    /// An entry of the signature's header, by its index, from 0.
    EntryAt(usize),
    /// The whole body.
    Body,
    /// Anything else: a property of the request as a whole, or a configured value.
    Other,
}

impl Expression {
    /// Where the value is taken from.
    #[must_use]
    pub fn origin(&self) -> Origin<'_> {
        match &self.root {
            Root::Header(name) => Origin::Header(name),
            Root::Query(name) => Origin::Query(name),
            Root::Form(field) => Origin::Form(&field.name),
            Root::Json(path) => Origin::Json(path),
            Root::Entry(prefix) => Origin::Entry(prefix),
            Root::EntryAt(number) => Origin::EntryAt(*number),
            Root::Body => Origin::Body,
            _ => Origin::Other,
        }
    }

    /// What is at the origin, unfiltered. It must be there.
    #[must_use]
    pub fn unfiltered(&self) -> Self {
        Self { root: self.root.clone(), optional: false, filters: Vec::new() }
    }

    /// What separates the names, if the value is a list of headers that the request names.
    #[must_use]
    pub fn header_list_separator(&self) -> Option<char> {
        self.list_separator().map(char::from)
    }

    /// What must be at the origin for this to give `value`. `present` is what is there now; as much of it as possible
    /// is kept. `None` if that cannot be computed, as for a digest.
    #[must_use]
    pub fn undo(&self, value: &[u8], present: Option<&[u8]>) -> Option<Vec<u8>> {
        undo(&self.filters, value, present)
    }
}

fn undo(filters: &[Filter], value: &[u8], present: Option<&[u8]>) -> Option<Vec<u8>> {
    let Some((first, rest)) = filters.split_first() else { return Some(value.to_vec()) };
    let inner = present.and_then(|present| match first.apply(Operand::Bytes(present.to_vec()), &Facts::default()) {
        Ok(Operand::Bytes(bytes)) => Some(bytes),
        _ => None,
    });
    first.undo(&undo(rest, value, inner.as_deref())?, present)
}

impl Filter {
    fn undo(&self, value: &[u8], present: Option<&[u8]>) -> Option<Vec<u8>> {
        match self {
            Filter::Lower | Filter::Upper | Filter::Trim | Filter::Word => {
                let same = self.apply(Operand::Bytes(value.to_vec()), &Facts::default());
                matches!(same, Ok(Operand::Bytes(same)) if same == value).then(|| value.to_vec())
            }
            Filter::Base64Decode => Some(encoding::encode_base64(value)),
            Filter::Base64UrlDecode | Filter::JoseHeader(_) => Some(encoding::encode_base64_url(value)),
            Filter::BraintreePayload => Some(value.to_vec()),
            Filter::PercentDecode => Some(percent::encode(value, |byte| byte.is_ascii_alphanumeric())),
            Filter::Json(path) => {
                let mut json = match present.filter(|present| !present.is_empty()) {
                    Some(present) => content::parse_json(present).ok()?,
                    None => Json::Null,
                };
                let text = Json::Text(String::from_utf8(value.to_vec()).ok()?);
                json.set(path.steps(), like(json.at(path), text)).then(|| json.to_string().into_bytes())
            }
            _ => None,
        }
    }
}

/// `text` as a value of the type that is there now, if it can be one: other readers distinguish a number from its
/// text.
#[must_use]
pub fn like(present: Option<&Json>, text: Json) -> Json {
    match (present, text) {
        (Some(Json::Number(_)), Json::Text(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Json::Number(text)
        }
        (Some(Json::Bool(_)), Json::Text(text)) if text == "true" || text == "false" => Json::Bool(text == "true"),
        (_, text) => text,
    }
}
