//! The body's JSON or form: parsed strictly, and only once, when a scheme needs it.

use std::cell::OnceCell;

use crate::verify::bytes::form::{self, Form, Pair};
use crate::verify::bytes::json::Json;
use crate::verify::bytes::multipart;
use crate::verify::denial::Denial;

/// A complete body and its declared type.
pub struct Content<'a> {
    body: &'a [u8],
    media_type: &'a [u8],
    json: OnceCell<Result<Json, Denial>>,
    form: OnceCell<Result<Form, Denial>>,
}

impl<'a> Content<'a> {
    /// A body with the value of its `Content-Type`; empty if it has none.
    #[must_use]
    pub fn new(body: &'a [u8], media_type: &'a [u8]) -> Self {
        Self { body, media_type, json: OnceCell::new(), form: OnceCell::new() }
    }

    /// The body, byte by byte.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The body as one JSON document without duplicate keys. The content type is ignored, because some senders send JSON
    /// as `text/plain`.
    ///
    /// # Errors
    /// [`Denial::BodyMalformed`].
    pub fn json(&self) -> Result<&Json, Denial> {
        self.json.get_or_init(|| parse_json(self.body)).as_ref().map_err(|denial| *denial)
    }

    /// All of the body's form fields, by its type: URL-encoded or multipart. No body has no fields.
    ///
    /// A signature over a form covers its fields. A file beside them would not be signed, so a form with files is
    /// refused.
    ///
    /// # Errors
    /// [`Denial::ContentType`] if it is not a form, [`Denial::BodyMalformed`] if it is malformed or has files.
    pub fn fields(&self) -> Result<&[Pair], Denial> {
        let form = self.form()?;
        if form.files.is_empty() { Ok(&form.fields) } else { Err(Denial::BodyMalformed) }
    }

    /// The value of the one form field `name`. There may be files beside it, but none of the same name.
    ///
    /// # Errors
    /// As [`Content::fields`] if the body is not a form; [`Denial::FieldMissing`] or
    /// [`Denial::FieldDuplicated`] if it is not one field.
    pub fn field(&self, name: &str) -> Result<&[u8], Denial> {
        self.form()?.unique(name).map_err(|times| match times {
            0 => Denial::FieldMissing,
            _ => Denial::FieldDuplicated,
        })
    }

    /// The value of the last form field `name`, for a sender whose own fields follow those that its users name.
    /// There may be files beside it, but none of the same name.
    ///
    /// # Errors
    /// As [`Content::field`].
    pub fn last_field(&self, name: &str) -> Result<&[u8], Denial> {
        let form = self.form()?;
        if form.files.iter().any(|file| file == name.as_bytes()) {
            return Err(Denial::FieldDuplicated);
        }
        let last = form.fields.iter().rfind(|(own, _)| own == name.as_bytes());
        last.map(|(_, value)| value.as_slice()).ok_or(Denial::FieldMissing)
    }

    fn form(&self) -> Result<&Form, Denial> {
        self.form.get_or_init(|| self.parse_form()).as_ref().map_err(|denial| *denial)
    }

    fn parse_form(&self) -> Result<Form, Denial> {
        let essence = self.media_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        if essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
            let fields = form::pairs(self.body).ok_or(Denial::BodyMalformed)?;
            Ok(Form { fields, files: Vec::new() })
        } else if essence.eq_ignore_ascii_case(b"multipart/form-data") {
            multipart::form(self.media_type, self.body).map_err(|_| Denial::BodyMalformed)
        } else if self.body.is_empty() {
            Ok(Form::default())
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
