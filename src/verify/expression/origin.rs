//! Values read backwards: where one is written, and what has to stand there. Natively only, for those who make
//! requests.

use super::filter::Filter;
use super::root::Root;
use super::{Expression, Facts, Value};
use crate::verify::json::{Json, JsonPath};
use crate::verify::{content, encoding, percent};

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
    /// An entry of the signature's header, by what it begins with.
    Entry(&'a str),
    /// The first entry of the signature's header.
    FirstEntry,
    /// The whole body.
    Body,
    /// Anything else: what a request is as a whole, or what is configured.
    Other,
}

impl Expression {
    /// Where the value is taken from.
    #[must_use]
    pub fn origin(&self) -> Origin<'_> {
        match &self.root {
            Root::Header(name) => Origin::Header(name),
            Root::Query(name) => Origin::Query(name),
            Root::Form(name) => Origin::Form(name),
            Root::Json(path) => Origin::Json(path),
            Root::Entry(prefix) => Origin::Entry(prefix),
            Root::FirstEntry => Origin::FirstEntry,
            Root::Body => Origin::Body,
            _ => Origin::Other,
        }
    }

    /// What stands at the origin, as it is. It must be there.
    #[must_use]
    pub fn unfiltered(&self) -> Self {
        Self { root: self.root.clone(), optional: false, filters: Vec::new() }
    }

    /// What separates the names, where the value is a list of headers that the request names.
    #[must_use]
    pub fn header_list_separator(&self) -> Option<char> {
        self.list_separator().map(char::from)
    }

    /// What has to stand at the origin for this to be `value`; `present` is what stands there now, of which as much
    /// as possible is kept. `None` if nothing makes it `value`, as with a digest.
    #[must_use]
    pub fn undo(&self, value: &[u8], present: Option<&[u8]>) -> Option<Vec<u8>> {
        undo(&self.filters, value, present)
    }
}

fn undo(filters: &[Filter], value: &[u8], present: Option<&[u8]>) -> Option<Vec<u8>> {
    let Some((first, rest)) = filters.split_first() else { return Some(value.to_vec()) };
    let inner = present.and_then(|present| match first.apply(Value::Bytes(present.to_vec()), &Facts::default()) {
        Ok(Value::Bytes(bytes)) => Some(bytes),
        _ => None,
    });
    first.undo(&undo(rest, value, inner.as_deref())?, present)
}

impl Filter {
    fn undo(&self, value: &[u8], present: Option<&[u8]>) -> Option<Vec<u8>> {
        match self {
            Filter::Lower | Filter::Upper | Filter::Trim | Filter::Word => {
                let same = self.apply(Value::Bytes(value.to_vec()), &Facts::default());
                matches!(same, Ok(Value::Bytes(same)) if same == value).then(|| value.to_vec())
            }
            Filter::Base64Decode => Some(encoding::encode_base64(value)),
            Filter::Base64UrlDecode => Some(encoding::encode_base64_url(value)),
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

/// `text` as a value of the kind that stands there now, if it can be one: readers other than ours tell a number from
/// its text.
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
