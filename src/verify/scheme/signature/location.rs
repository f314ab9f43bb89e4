//! Where a request presents its signature, and how the candidates are parsed.

use std::borrow::Cow;

use crate::verify::bytes::encoding::Encoding;
use crate::verify::denial::Denial;
use crate::verify::expression::{Expression, Facts};
use crate::verify::request::{Occurrence, Request, is_numbered};

/// The longest proof that is read, in bytes. Ten Svix entries, the most a known sender writes, take 480.
const MAX_BYTES: usize = 8 * 1024;
/// The most candidates that are tried: an attacker chooses how many. No known sender writes more than ten.
const MAX_CANDIDATES: usize = 16;
/// The same for numbered headers: `DocuSign` signs with each of up to a hundred keys.
const MAX_NUMBERED: usize = 100;

/// Where the signatures are and how they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Where.
    pub place: Place,
    /// The separator of complete sets of entries, each with a timestamp of its own.
    pub sets: Option<char>,
    /// The separator of the entries of a list; `None` if there is a single value.
    pub separator: Option<char>,
    /// The prefix of an entry. In a list, entries with another prefix belong to another version and are ignored; a
    /// single value must have the prefix.
    pub prefix: String,
    /// Whether the prefix may be missing.
    pub optional_prefix: bool,
    /// Whether the first entry is not a candidate, and all others are.
    pub after_first: bool,
    /// How the tag is written.
    pub encoding: Encoding,
}

/// Where signatures are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In any of these headers, each at most once.
    Headers(Vec<String>),
    /// In headers of this name and a number behind it.
    Family(String),
    /// In a value.
    Value(Expression),
}

/// The entries of one set.
pub type Entries<'a> = Vec<&'a [u8]>;

impl Place {
    /// Whether the request's head has anything there. A value in the body is not there yet.
    #[must_use]
    pub fn is_present(&self, request: Request<'_>) -> bool {
        match self {
            Place::Headers(names) => names.iter().any(|name| request.header(name) != Occurrence::Missing),
            Place::Family(name) => request.headers().iter().any(|(header, _)| is_numbered(header, name)),
            Place::Value(value) => value.is_present(request),
        }
    }

    /// Whether it can be read only when the body is complete.
    #[must_use]
    pub fn needs_body(&self) -> bool {
        matches!(self, Place::Value(value) if value.needs_body())
    }

    /// The header that holds the proof, if one does.
    #[must_use]
    pub fn header_names(&self) -> Vec<&str> {
        match self {
            Place::Headers(names) => names.iter().map(String::as_str).collect(),
            Place::Family(_) => Vec::new(),
            Place::Value(value) => value.as_header().into_iter().collect(),
        }
    }

    /// The values there, at least one.
    ///
    /// # Errors
    /// A denial if there is none, one is repeated, or one is too long.
    pub fn values<'a>(&self, facts: &Facts<'a>) -> Result<Vec<Cow<'a, [u8]>>, Denial> {
        let mut values = Vec::new();
        match self {
            Place::Headers(names) => {
                let request = facts.request.ok_or(Denial::HostFailure)?;
                for name in names {
                    match request.header(name) {
                        Occurrence::Once(value) => values.push(Cow::Borrowed(value)),
                        Occurrence::Missing => {}
                        Occurrence::Repeated => return Err(Denial::SignatureDuplicated),
                    }
                }
            }
            Place::Family(name) => {
                let request = facts.request.ok_or(Denial::HostFailure)?;
                for (header, value) in request.headers().iter().filter(|(header, _)| is_numbered(header, name)) {
                    if request.header(header) == Occurrence::Repeated {
                        return Err(Denial::SignatureDuplicated);
                    }
                    values.push(Cow::Borrowed(*value));
                }
            }
            Place::Value(value) => values.push(Cow::Owned(value.value(facts).map_err(Denial::as_signature)?)),
        }
        match values.iter().map(|value| value.len()).max() {
            None => Err(Denial::SignatureMissing),
            Some(longest) if longest > MAX_BYTES => Err(Denial::SignatureExcess),
            Some(_) => Ok(values),
        }
    }
}

impl Location {
    /// Whether a request can present only one candidate.
    #[must_use]
    pub fn is_single(&self) -> bool {
        let one_place = match &self.place {
            Place::Headers(names) => names.len() == 1,
            Place::Family(_) => false,
            Place::Value(_) => true,
        };
        one_place && self.sets.is_none() && self.separator.is_none() && !self.after_first
    }

    /// The sets of entries in `values`, which [`Place::values`] returned.
    #[must_use]
    pub fn sets<'a>(&self, values: &'a [Cow<'_, [u8]>]) -> Vec<Entries<'a>> {
        match (self.sets, self.separator) {
            (Some(outer), separator) => values
                .iter()
                .flat_map(|value| split(value, Some(outer)))
                .filter(|set| !set.is_empty())
                .map(|set| split(set, separator))
                .collect(),
            (None, None) => vec![values.iter().map(AsRef::as_ref).collect()],
            (None, separator) => vec![values.iter().flat_map(|value| split(value, separator)).collect()],
        }
    }

    /// The tags in a set, each exactly `tag_len` bytes if that is known. Malformed entries are dropped, since another
    /// may be valid; at least one is left.
    ///
    /// # Errors
    /// A denial if there is no candidate of that form, or if there are too many.
    pub fn candidates(&self, entries: &[&[u8]], tag_len: Option<usize>) -> Result<Vec<Vec<u8>>, Denial> {
        let mut candidates = Vec::new();
        let limit = if matches!(self.place, Place::Family(_)) { MAX_NUMBERED } else { MAX_CANDIDATES };
        let mut seen: usize = 0;
        for entry in entries.iter().skip(usize::from(self.after_first)) {
            let text = match entry.strip_prefix(self.prefix.as_bytes()) {
                Some(text) => text,
                None if self.optional_prefix => entry,
                None => continue,
            };
            seen = seen.saturating_add(1);
            if seen > limit {
                return Err(Denial::SignatureExcess);
            }
            let fits = |tag: &Vec<u8>| !tag.is_empty() && tag_len.is_none_or(|len| tag.len() == len);
            candidates.extend(self.encoding.decode(text).filter(fits));
        }
        match (candidates.is_empty(), seen, self.separator) {
            (false, ..) => Ok(candidates),
            (true, 0, Some(_)) => Err(Denial::SignatureMissing),
            (true, ..) => Err(Denial::SignatureMalformed),
        }
    }
}

/// The pieces between separators, without the blanks around them.
fn split(value: &[u8], separator: Option<char>) -> Vec<&[u8]> {
    match separator {
        None => vec![value],
        Some(separator) => value.split(|byte| char::from(*byte) == separator).map(<[u8]>::trim_ascii).collect(),
    }
}
