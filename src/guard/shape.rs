//! What a request must look like before it is verified.

use crate::verify::{Denial, Request};

/// The methods, encodings and queries that a source accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShapeRule {
    /// The methods; `None` is any.
    pub methods: Option<Vec<String>>,
    /// The content encodings accepted besides `identity`, in lower case.
    pub content_encodings: Vec<String>,
    /// Whether a query is refused.
    pub refuses_query: bool,
}

impl ShapeRule {
    /// Whether the source accepts the request's method and target.
    ///
    /// # Errors
    /// [`Denial::MethodNotAllowed`], [`Denial::QueryNotAllowed`].
    pub fn check_line(&self, request: Request<'_>) -> Result<(), Denial> {
        let method = request.method();
        if self.methods.as_ref().is_some_and(|methods| !methods.iter().any(|known| known.as_bytes() == method)) {
            return Err(Denial::MethodNotAllowed);
        }
        if self.refuses_query && request.target().contains(&b'?') {
            return Err(Denial::QueryNotAllowed);
        }
        Ok(())
    }

    /// Whether the source accepts how the body is encoded.
    ///
    /// # Errors
    /// [`Denial::ContentEncoding`].
    pub fn check_encoding(&self, request: Request<'_>) -> Result<(), Denial> {
        let encodings = request.headers().iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
        let mut codings = encodings.flat_map(|(_, value)| value.split(|byte| *byte == b','));
        if codings.all(|coding| self.takes(coding.trim_ascii())) { Ok(()) } else { Err(Denial::ContentEncoding) }
    }

    /// The methods, as the `Allow` header of a refusal lists them.
    #[must_use]
    pub fn allow(&self) -> String {
        self.methods.as_deref().unwrap_or_default().join(", ")
    }

    /// Whether a body in this coding is accepted: its signature may cover it as sent or before encoding.
    fn takes(&self, coding: &[u8]) -> bool {
        let known = self.content_encodings.iter().map(String::as_bytes);
        coding.eq_ignore_ascii_case(b"identity") || known.into_iter().any(|known| known.eq_ignore_ascii_case(coding))
    }
}
