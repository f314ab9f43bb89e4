//! The body as something with parts: parsed once, when a scheme asks, and strictly.

use std::cell::OnceCell;

use super::Denial;
use super::form::{self, Pair};
use super::json::Json;
use super::multipart;

/// A complete body and how it says it is written.
pub struct Content<'a> {
    body: &'a [u8],
    media_type: &'a [u8],
    json: OnceCell<Result<Json, Denial>>,
    fields: OnceCell<Result<Vec<Pair>, Denial>>,
}

impl<'a> Content<'a> {
    /// A body with the value of its `Content-Type`; empty if it has none.
    #[must_use]
    pub fn new(body: &'a [u8], media_type: &'a [u8]) -> Self {
        Self { body, media_type, json: OnceCell::new(), fields: OnceCell::new() }
    }

    /// The body, byte by byte.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The body as one JSON document without duplicate keys, whatever its type says: senders send JSON as text.
    ///
    /// # Errors
    /// [`Denial::BodyMalformed`].
    pub fn json(&self) -> Result<&Json, Denial> {
        self.json.get_or_init(|| parse_json(self.body)).as_ref().map_err(|denial| *denial)
    }

    /// The body's form fields, by its type: URL-encoded or multipart. No body has no fields.
    ///
    /// # Errors
    /// [`Denial::ContentType`] if it is no form, [`Denial::BodyMalformed`] if it is a wrong one.
    pub fn fields(&self) -> Result<&[Pair], Denial> {
        self.fields.get_or_init(|| self.parse_fields()).as_ref().map(Vec::as_slice).map_err(|denial| *denial)
    }

    fn parse_fields(&self) -> Result<Vec<Pair>, Denial> {
        let essence = self.media_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        if essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
            form::pairs(self.body).ok_or(Denial::BodyMalformed)
        } else if essence.eq_ignore_ascii_case(b"multipart/form-data") {
            multipart::fields(self.media_type, self.body).map_err(|_| Denial::BodyMalformed)
        } else if self.body.is_empty() {
            Ok(Vec::new())
        } else {
            Err(Denial::ContentType)
        }
    }
}

/// One JSON document without duplicate keys.
///
/// # Errors
/// [`Denial::BodyMalformed`].
pub fn parse_json(text: &[u8]) -> Result<Json, Denial> {
    Json::parse(text).ok().filter(|json| !json.has_duplicate_keys()).ok_or(Denial::BodyMalformed)
}
