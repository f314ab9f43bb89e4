//! Where a request presents its signature, and how the candidates are read out of it.

use super::encoding::Encoding;
use super::{Denial, Occurrence, Request};

/// The longest proof header that is read, in bytes. Ten Svix entries, the most a known sender writes, take 480.
const MAX_HEADER_BYTES: usize = 8 * 1024;
/// The most candidates that are tried. Every one costs a comparison, and a stranger chooses how many there are.
const MAX_CANDIDATES: usize = 16;

/// A header that carries one signature or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The header's name.
    pub header: String,
    /// What stands between the entries of a list; `None` where the header is a single value.
    pub separator: Option<char>,
    /// What an entry begins with. In a list, entries that begin with something else are another version's, and
    /// are passed over; a single value must begin with it.
    pub prefix: String,
    /// How the tag is written.
    pub encoding: Encoding,
}

impl Location {
    /// Whether the request has the header at all.
    #[must_use]
    pub fn is_present(&self, request: Request<'_>) -> bool {
        request.header(&self.header) != Occurrence::Missing
    }

    /// The header's entries.
    ///
    /// # Errors
    /// A denial if the header is missing, repeated, or longer than anybody writes it.
    pub fn entries<'a>(&self, request: Request<'a>) -> Result<Entries<'a>, Denial> {
        match request.header(&self.header) {
            Occurrence::Missing => Err(Denial::SignatureMissing),
            Occurrence::Repeated => Err(Denial::SignatureDuplicated),
            Occurrence::Once(value) if value.len() > MAX_HEADER_BYTES => Err(Denial::SignatureExcess),
            Occurrence::Once(value) => Ok(Entries { rest: Some(value), separator: self.separator }),
        }
    }

    /// The tags that the request presents, each exactly `tag_len` bytes. Entries that are not well-formed are
    /// dropped, since another may be right; at least one is left.
    ///
    /// # Errors
    /// A denial if there is no candidate of that form, or if there are too many.
    pub fn candidates(&self, request: Request<'_>, tag_len: usize) -> Result<Vec<Vec<u8>>, Denial> {
        let mut candidates = Vec::new();
        let mut seen: usize = 0;
        for entry in self.entries(request)? {
            let Some(text) = entry.strip_prefix(self.prefix.as_bytes()) else { continue };
            seen = seen.saturating_add(1);
            if seen > MAX_CANDIDATES {
                return Err(Denial::SignatureExcess);
            }
            candidates.extend(self.encoding.decode(text).filter(|tag| tag.len() == tag_len));
        }
        match (candidates.is_empty(), seen, self.separator) {
            (false, ..) => Ok(candidates),
            (true, 0, Some(_)) => Err(Denial::SignatureMissing),
            (true, ..) => Err(Denial::SignatureMalformed),
        }
    }
}

/// The entries of a proof header, in order, without the blanks around them.
pub struct Entries<'a> {
    rest: Option<&'a [u8]>,
    separator: Option<char>,
}

impl<'a> Iterator for Entries<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.take()?;
        let Some(separator) = self.separator else { return Some(rest) };
        let mut halves = rest.splitn(2, |byte| char::from(*byte) == separator);
        let entry = halves.next()?;
        self.rest = halves.next();
        Some(entry.trim_ascii())
    }
}
