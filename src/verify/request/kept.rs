//! The headers that are kept until the body is complete: those that a scheme reads, and no others.

use crate::verify::denial::Denial;
use crate::verify::request::head::{HeaderLine, Line, Request, borrowed};
use crate::verify::request::name::is_numbered;

/// The most that is kept of one head, in bytes: more than Envoy accepts for a whole head, which is 60 KiB by default.
pub const MAX_KEPT: usize = 64 * 1024;

/// The headers that a scheme reads when the body is complete.
#[derive(Debug, Default)]
pub struct HeadersRead {
    /// In lower case, each once.
    names: Vec<String>,
    /// Headers of this name and a number behind it.
    numbered: Option<String>,
}

/// The headers that were kept of one request.
pub struct KeptHeaders(Vec<HeaderLine>);

impl HeadersRead {
    /// Adds a header.
    pub fn add(&mut self, name: &str) {
        let name = name.to_ascii_lowercase();
        if !self.names.contains(&name) {
            self.names.push(name);
        }
    }

    /// Adds all headers of this name and a number behind it.
    pub fn add_numbered(&mut self, name: &str) {
        self.numbered = Some(name.to_owned());
    }

    /// Keeps these headers of `request`, and those that the request itself `lists`, by their lower-case names. A
    /// repeated header is kept as two lines, which are enough to see that it is repeated.
    ///
    /// # Errors
    /// [`Denial::TooManyHeaders`] if they are over the limit.
    pub fn keep(&self, lists: Vec<String>, request: Request<'_>) -> Result<KeptHeaders, Denial> {
        let mut listed = Vec::new();
        for name in lists {
            if !self.names.contains(&name) && !listed.contains(&name) {
                listed.push(name);
            }
        }
        let names = || self.names.iter().chain(&listed);
        let is_named = |header: &str| names().any(|name| name.eq_ignore_ascii_case(header));
        let numbered = self.numbered.as_deref();
        let is_numbered = |header: &str| numbered.is_some_and(|name| is_numbered(header, name)) && !is_named(header);
        let named = names().flat_map(|name| {
            request.headers().iter().filter(move |(header, _)| header.eq_ignore_ascii_case(name)).take(2)
        });
        let numbered = request.headers().iter().filter(|(header, _)| is_numbered(header));
        let lines: Vec<&Line<'_>> = named.chain(numbered).collect();
        let len =
            lines.iter().fold(0usize, |sum, (name, value)| sum.saturating_add(name.len()).saturating_add(value.len()));
        if len > MAX_KEPT {
            return Err(Denial::TooManyHeaders);
        }
        Ok(KeptHeaders(lines.into_iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect()))
    }
}

impl KeptHeaders {
    /// The headers' lines, for a [`Request`].
    pub fn lines(&self) -> Vec<Line<'_>> {
        borrowed(&self.0)
    }

    /// How much memory they take, in bytes.
    pub fn held_bytes(&self) -> usize {
        let lines = self.0.iter().map(|(name, value)| name.capacity().saturating_add(value.capacity()));
        lines.fold(self.0.capacity().saturating_mul(size_of::<HeaderLine>()), usize::saturating_add)
    }
}
