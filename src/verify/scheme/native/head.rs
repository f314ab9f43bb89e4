//! The parts of a request's head that a scheme signs and a proxy could change.

use crate::verify::expression::Expression;
use crate::verify::expression::message::Message;
use crate::verify::expression::native::UrlParts;

/// A signed part of the head that could change in transit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeadPart {
    /// The host that the sender called.
    Host,
    /// The path, byte by byte.
    Path,
    /// The query, byte by byte or by its fields.
    Query,
    /// The method.
    Method,
    /// `x-request-id`, which Envoy replaces at the edge unless configured to keep it.
    RequestId,
}

impl HeadPart {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            HeadPart::Host => "host",
            HeadPart::Path => "path",
            HeadPart::Query => "query",
            HeadPart::Method => "method",
            HeadPart::RequestId => "x-request-id",
        }
    }
}

/// The parts of the head that a scheme signs.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadParts {
    /// Of the URL.
    pub url: UrlParts,
    /// Whether the method is signed.
    pub method: bool,
    /// Whether `x-request-id` is.
    pub request_id: bool,
}

impl HeadParts {
    /// The parts of the head that templates sign.
    pub fn of<'a>(messages: impl Iterator<Item = &'a Message> + Clone) -> Self {
        let any = |is: &dyn Fn(&Expression) -> bool| messages.clone().flat_map(Message::values).any(is);
        Self {
            url: url_parts(messages.clone()),
            method: any(&Expression::covers_method),
            request_id: any(&|value: &Expression| value.reads_header("x-request-id")),
        }
    }

    /// The parts, sorted.
    #[must_use]
    pub fn list(self) -> Vec<HeadPart> {
        let parts = [
            (self.url.host, HeadPart::Host),
            (self.url.path, HeadPart::Path),
            (self.url.query || self.url.parameters, HeadPart::Query),
            (self.method, HeadPart::Method),
            (self.request_id, HeadPart::RequestId),
        ];
        parts.into_iter().filter_map(|(signs, part)| signs.then_some(part)).collect()
    }

    /// Whether some of the URL is signed, but not all of it.
    #[must_use]
    pub fn leaves_some_of_url(self) -> bool {
        !self.url.is_empty() && !self.url.is_whole()
    }
}

/// The parts of the URL in templates.
pub fn url_parts<'a>(messages: impl Iterator<Item = &'a Message>) -> UrlParts {
    messages.flat_map(Message::values).map(Expression::url_parts).fold(UrlParts::default(), UrlParts::and)
}

/// Whether a template signs the whole content of the body.
pub fn covers_content(message: &Message) -> bool {
    message.values().any(Expression::covers_content)
}
