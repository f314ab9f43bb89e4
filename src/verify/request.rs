//! What a proof may look at: the request's head, borrowed.

/// A header line as the host gives it: the name (any case), the raw value.
pub type HeaderLine = (String, Vec<u8>);

/// The head of a request, borrowed from the host's one header map.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    headers: &'a [HeaderLine],
}

/// How often a header stands in the request. An empty value is not an absent header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occurrence<'a> {
    /// Not at all.
    Missing,
    /// Once, with this value.
    Once(&'a [u8]),
    /// More than once: two readers could pick different ones, so nobody picks.
    Repeated,
}

impl<'a> Request<'a> {
    /// Wraps the host's header map, pseudo headers included.
    #[must_use]
    pub fn new(headers: &'a [HeaderLine]) -> Self {
        Self { headers }
    }

    /// All header lines, in order.
    #[must_use]
    pub fn headers(self) -> &'a [HeaderLine] {
        self.headers
    }

    /// The value of `name`, ignoring ASCII case, if it stands exactly once.
    #[must_use]
    pub fn header(self, name: &str) -> Occurrence<'a> {
        let mut values = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        match (values.next(), values.next()) {
            (None, _) => Occurrence::Missing,
            (Some((_, value)), None) => Occurrence::Once(value),
            (Some(_), Some(_)) => Occurrence::Repeated,
        }
    }

    /// The method as sent; empty if the request has none.
    #[must_use]
    pub fn method(self) -> &'a [u8] {
        self.single(":method")
    }

    /// Path and query as sent; empty if the request has none.
    #[must_use]
    pub fn target(self) -> &'a [u8] {
        self.single(":path")
    }

    fn single(self, name: &str) -> &'a [u8] {
        match self.header(name) {
            Occurrence::Once(value) => value,
            Occurrence::Missing | Occurrence::Repeated => b"",
        }
    }

    /// The path without the query; empty if the request has none.
    #[must_use]
    pub fn path(self) -> &'a [u8] {
        self.target().split(|byte| *byte == b'?').next().unwrap_or_default()
    }

    /// The value of `Content-Type`; empty if the request has none or several.
    #[must_use]
    pub fn media_type(self) -> &'a [u8] {
        self.single("content-type")
    }

    /// The authority (host and port) as sent; empty if the request has none.
    #[must_use]
    pub fn authority(self) -> &'a [u8] {
        self.single(":authority")
    }
}

/// The body while the host holds it: readable again from the start, as often as needed.
pub trait HeldBody {
    /// Feeds the whole body, in order and in pieces, to `sink`.
    ///
    /// # Errors
    /// [`HostFailure`](super::Denial::HostFailure) if the host gives back less than it said it holds.
    fn replay(&self, sink: &mut dyn FnMut(&[u8])) -> Result<(), super::Denial>;
}

/// Bytes in memory are a held body: for requests without one, and for tests.
impl HeldBody for &[u8] {
    fn replay(&self, sink: &mut dyn FnMut(&[u8])) -> Result<(), super::Denial> {
        sink(self);
        Ok(())
    }
}

impl<'a> Occurrence<'a> {
    /// The value, if it stands exactly once.
    #[must_use]
    pub fn once(self) -> Option<&'a [u8]> {
        match self {
            Occurrence::Once(value) => Some(value),
            Occurrence::Missing | Occurrence::Repeated => None,
        }
    }
}

/// Whether `name` is a header name (RFC 9110, section 5.1: a token).
#[must_use]
pub fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
