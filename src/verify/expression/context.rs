//! What an expression is evaluated in.

use crate::verify::bytes::form::Pair;
use crate::verify::bytes::json::Json;
use crate::verify::expression::content::Content;
use crate::verify::request::Request;

/// What a value is read from. Anything that is not available yet is `None`.
#[derive(Clone, Copy, Default)]
pub struct Facts<'a> {
    /// The head.
    pub request: Option<Request<'a>>,
    /// The body, parsed on demand.
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

/// Why an expression cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpressionError {
    /// The root of this name is unknown.
    UnknownRoot(String),
    /// A filter is unknown.
    UnknownFilter,
    /// A name or a path behind the colon is missing or malformed.
    BadName,
    /// The scheme needs this configured value.
    MissingValue(String),
}

/// The input or output of a filter.
pub(super) enum Operand {
    Bytes(Vec<u8>),
    Fields(Vec<Pair>),
}
