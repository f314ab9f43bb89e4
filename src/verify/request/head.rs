//! The head of a request, borrowed.

use crate::verify::bytes::inflate::Coding;
use crate::verify::denial::Denial;

/// A header line: the name (any case), the raw value.
pub type HeaderLine = (String, Vec<u8>);

/// A borrowed [`HeaderLine`]. Those of a request in a proxy stay in the one piece of memory that the host hands over.
pub type Line<'a> = (&'a str, &'a [u8]);

/// The most lines of a head. Envoy gives maps of up to 1024.
pub const MAX_HEADERS: usize = 1000;

/// The head of a request, borrowed from the host's one header map.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    headers: &'a [Line<'a>],
}

/// How often a header occurs in the request. An empty value is not an absent header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occurrence<'a> {
    /// Not at all.
    Missing,
    /// Once, with this value.
    Once(&'a [u8]),
    /// More than once. Two parsers could pick different ones, so no value is read.
    Repeated,
}

/// A head's lines, borrowed.
#[must_use]
pub fn borrowed(head: &[HeaderLine]) -> Vec<Line<'_>> {
    head.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect()
}

impl<'a> Request<'a> {
    /// Wraps the host's header map, pseudo headers included.
    #[must_use]
    pub fn new(headers: &'a [Line<'a>]) -> Self {
        Self { headers }
    }

    /// All header lines, in order.
    #[must_use]
    pub fn headers(self) -> &'a [Line<'a>] {
        self.headers
    }

    /// The value of `name`, ignoring ASCII case, if it occurs exactly once.
    #[must_use]
    #[inline(never)]
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

    /// How the body is compressed; `None` if it is not.
    ///
    /// # Errors
    /// [`Denial::ContentEncoding`] if it is encoded in another way, or in several.
    pub fn content_coding(self) -> Result<Option<Coding>, Denial> {
        match self.header("content-encoding") {
            Occurrence::Missing => Ok(None),
            Occurrence::Once(name) => match name.trim_ascii().to_ascii_lowercase().as_slice() {
                b"gzip" | b"x-gzip" => Ok(Some(Coding::Gzip)),
                b"deflate" => Ok(Some(Coding::Zlib)),
                b"identity" => Ok(None),
                _ => Err(Denial::ContentEncoding),
            },
            Occurrence::Repeated => Err(Denial::ContentEncoding),
        }
    }

    /// The authority (host and port) as sent; empty if the request has none.
    #[must_use]
    pub fn authority(self) -> &'a [u8] {
        self.single(":authority")
    }
}

impl<'a> Occurrence<'a> {
    /// The value, if it occurs exactly once.
    #[must_use]
    pub fn once(self) -> Option<&'a [u8]> {
        match self {
            Occurrence::Once(value) => Some(value),
            Occurrence::Missing | Occurrence::Repeated => None,
        }
    }
}
