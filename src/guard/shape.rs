//! What a request must look like before anything of it is proved.

use crate::verify::{Denial, Request};

/// What a source takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShapeRule {
    /// The methods; `None` is any.
    pub methods: Option<Vec<String>>,
    /// The content encodings beside `identity`, in lower case.
    pub content_encodings: Vec<String>,
    /// Whether a query is refused.
    pub refuses_query: bool,
}

impl ShapeRule {
    /// Whether the request's head is as the source wants it.
    ///
    /// # Errors
    /// [`Denial::MethodNotAllowed`], [`Denial::QueryNotAllowed`], [`Denial::ContentEncoding`].
    pub fn check(&self, request: Request<'_>) -> Result<(), Denial> {
        let method = request.method();
        if self.methods.as_ref().is_some_and(|methods| !methods.iter().any(|known| known.as_bytes() == method)) {
            return Err(Denial::MethodNotAllowed);
        }
        if self.refuses_query && request.target().contains(&b'?') {
            return Err(Denial::QueryNotAllowed);
        }
        let encodings = request.headers().iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
        let mut codings = encodings.flat_map(|(_, value)| value.split(|byte| *byte == b','));
        if codings.all(|coding| self.takes(coding.trim_ascii())) { Ok(()) } else { Err(Denial::ContentEncoding) }
    }

    /// The methods, as the `Allow` header of a refusal lists them.
    #[must_use]
    pub fn allow(&self) -> String {
        self.methods.as_deref().unwrap_or_default().join(", ")
    }

    /// Whether a body in this coding can be proved: it is signed either as it is sent or as it was before.
    fn takes(&self, coding: &[u8]) -> bool {
        let known = self.content_encodings.iter().map(String::as_bytes);
        coding.eq_ignore_ascii_case(b"identity") || known.into_iter().any(|known| known.eq_ignore_ascii_case(coding))
    }
}
