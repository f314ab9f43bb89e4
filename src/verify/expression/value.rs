//! Values that a scheme names: a root in the request, and filters behind it. `header:X-Time`, `json:data.id`,
//! `body|sha256|hex`.

use crate::verify::bytes::json::JsonPath;
use crate::verify::denial::Denial;
use crate::verify::expression::context::{ExpressionError, Facts, Operand, With};
use crate::verify::expression::filter::Filter;
use crate::verify::expression::root::{Builtin, Root};
use crate::verify::request::Request;

/// A value that a scheme names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    pub(super) root: Root,
    pub(super) optional: bool,
    pub(super) filters: Vec<Filter>,
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

    /// Whether it represents the whole body: a cryptographic digest of it, or another way to write it.
    #[must_use]
    pub fn covers_whole_body(&self) -> bool {
        // .NET's escapes are another way to write the same texts: two bodies give the same bytes only if they say the same.
        let digested = matches!(self.filters.first(), Some(Filter::Hash(_) | Filter::DotnetJson));
        let encodings = [Filter::Hex, Filter::Base64, Filter::Base64Url, Filter::Base64UrlPadded];
        let encoded = matches!(self.filters.as_slice(), [only] if encodings.contains(only));
        (self.root == Root::Body && (digested || encoded)) || matches!(self.root, Root::Builtin(Builtin::Unisender, _))
    }

    /// Whether it is a value other than the body that could contain a separator.
    #[must_use]
    pub fn is_short(&self) -> bool {
        matches!(self.root, Root::Header(_) | Root::Query(_) | Root::Entry(_) | Root::EntryAt(_))
            && self.changes_only_case_and_space()
    }

    /// Whether it is the secret, as it is.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        (self.root == Root::Secret && self.filters.is_empty())
            || matches!(self.root, Root::Builtin(Builtin::Unisender, _))
    }

    /// Whether it is the signed content of Amazon SNS, whose lines separate its values.
    #[must_use]
    pub fn is_sns(&self) -> bool {
        matches!(self.root, Root::Builtin(Builtin::Sns, _))
    }

    /// Whether it cannot contain a separator.
    #[must_use]
    pub fn is_word(&self) -> bool {
        self.filters.last() == Some(&Filter::Word)
    }

    /// Whether its sender chooses its length, so that bytes can move between it and a value right behind it.
    #[must_use]
    pub fn has_open_end(&self) -> bool {
        let chosen = matches!(
            self.root,
            Root::Header(_) | Root::Query(_) | Root::Entry(_) | Root::EntryAt(_) | Root::Form(_) | Root::Json(_)
        );
        chosen && self.changes_only_case_and_space()
    }

    fn changes_only_case_and_space(&self) -> bool {
        self.filters.iter().all(|filter| matches!(filter, Filter::Lower | Filter::Upper | Filter::Trim))
    }

    /// Whether a signature over this value covers `other` too: it is the same value, or part of this one.
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

    pub(super) fn list_separator(&self) -> Option<u8> {
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

    /// The text, if it is the same for every request.
    #[must_use]
    pub fn literal(&self) -> Option<&[u8]> {
        match &self.root {
            Root::Literal(text) if self.filters.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The header that it reads, if that is all it does.
    #[must_use]
    pub fn as_header(&self) -> Option<&str> {
        match &self.root {
            Root::Header(name) if self.filters.is_empty() => Some(name),
            _ => None,
        }
    }

    /// The JSON path that it reads, if that is all it does.
    #[must_use]
    pub fn as_json(&self) -> Option<&JsonPath> {
        match &self.root {
            Root::Json(path) if self.filters.is_empty() => Some(path),
            _ => None,
        }
    }

    /// Whether the request's head has it. A value in the body is not there yet.
    #[must_use]
    pub fn is_present(&self, request: Request<'_>) -> bool {
        let facts = Facts { request: Some(request), ..Facts::default() };
        !self.needs_body() && !matches!(self.value(&facts), Err(Denial::HeaderMissing | Denial::FieldMissing))
    }

    /// The value; empty if it is absent and optional.
    ///
    /// # Errors
    /// A denial if it is absent, repeated, malformed, or not available yet.
    pub fn value(&self, facts: &Facts<'_>) -> Result<Vec<u8>, Denial> {
        let value = match self.root.value(facts) {
            Err(Denial::HeaderMissing | Denial::FieldMissing | Denial::TimestampMissing) if self.optional => {
                return Ok(Vec::new());
            }
            other => other?,
        };
        match self.filters.iter().try_fold(value, |value, filter| filter.apply(value, facts))? {
            Operand::Bytes(bytes) => Ok(bytes),
            Operand::Fields(_) => Err(Denial::BodyMalformed),
        }
    }
}
