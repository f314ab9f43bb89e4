//! The response to a handshake, made of its token.

use crate::verify::key::secret::SecretText;

/// How a handshake is answered.
#[derive(Debug)]
pub struct AnswerRule {
    /// The status.
    pub status: u16,
    /// The type of the body; `None` if there is no body.
    pub content_type: Option<ContentType>,
    /// Further headers: lower-case names and values.
    pub headers: Vec<(String, Template)>,
    /// The body.
    pub body: Template,
}

/// The types that a body may have. HTML is none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// `text/plain`.
    Text,
    /// `application/json`.
    Json,
}

impl ContentType {
    /// Every type and its name.
    pub const NAMES: &'static [(&'static str, ContentType)] =
        &[("text/plain", ContentType::Text), ("application/json", ContentType::Json)];

    fn name(self) -> &'static str {
        match self {
            ContentType::Text => "text/plain",
            ContentType::Json => "application/json",
        }
    }
}

/// Text with values of the handshake in it.
#[derive(Debug, Default)]
pub struct Template(pub Vec<Piece>);

/// A piece of a template.
#[derive(Debug)]
pub enum Piece {
    /// Text of the rule, or a configured value that is not a secret.
    Text(Vec<u8>),
    /// The token of the request.
    Token,
    /// The MAC or the hash of the token, encoded.
    Computed,
    /// A configured value that may be a secret. Only a hash may hold it.
    Configured(SecretText),
}

impl Template {
    /// The text for a token and what was computed from it.
    pub(super) fn render(&self, token: &[u8], computed: &[u8]) -> Vec<u8> {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_slice(),
            Piece::Token => token,
            Piece::Computed => computed,
            Piece::Configured(value) => value.hashed(),
        });
        pieces.collect::<Vec<_>>().concat()
    }

    /// The text before the token; `None` unless the token is there once, and last.
    #[must_use]
    pub fn before_token(&self) -> Option<Vec<u8>> {
        match self.0.as_slice() {
            [Piece::Token] => Some(Vec::new()),
            [Piece::Text(text), Piece::Token] => Some(text.clone()),
            _ => None,
        }
    }

    /// Whether its text can stand in a header (RFC 9110, section 5.5). Tokens and what is computed always can.
    #[must_use]
    pub fn is_field_value(&self) -> bool {
        let is_printable = |byte: &u8| (b' '..=b'~').contains(byte);
        self.0.iter().all(|piece| !matches!(piece, Piece::Text(text) if !text.iter().all(is_printable)))
    }

    /// Whether no request changes it.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.0.iter().all(|piece| matches!(piece, Piece::Text(_)))
    }
}

/// A response to a handshake. Its text comes from the rule, from the token's closed alphabet, or is a MAC or a hash.
///
/// `Debug` shows no value, since one may be a MAC.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers, without the status.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Response({}, ..)", self.status)
    }
}

impl AnswerRule {
    /// The response, if it [is fixed](Template::is_fixed).
    #[must_use]
    pub fn fixed(&self) -> Response {
        self.response(b"", b"")
    }

    /// The response for a token and what was computed from it.
    pub(super) fn response(&self, token: &[u8], computed: &[u8]) -> Response {
        let fixed = self.content_type.map(|kind| ("content-type".to_owned(), kind.name().as_bytes().to_vec()));
        let safety = [("x-content-type-options", "nosniff"), ("cache-control", "no-store")];
        let safety = safety.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        let own = self.headers.iter().map(|(name, value)| (name.clone(), value.render(token, computed)));
        let headers = fixed.into_iter().chain(safety).chain(own).collect();
        Response { status: self.status, headers, body: self.body.render(token, computed) }
    }
}
