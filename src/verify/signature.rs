//! Where a request presents its signature, and how the candidates are read out of it.

use std::borrow::Cow;

use super::encoding::Encoding;
use super::expression::{Expression, Facts};
use super::{Denial, Occurrence, Request};

/// The longest proof that is read, in bytes. Ten Svix entries, the most a known sender writes, take 480.
const MAX_BYTES: usize = 8 * 1024;
/// The most candidates that are tried, which a stranger chooses. The most that a known sender writes is ten.
const MAX_CANDIDATES: usize = 16;
/// The same for numbered headers: `DocuSign` signs with each of up to a hundred keys.
const MAX_NUMBERED: usize = 100;

/// Where the signatures are and how they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Where.
    pub place: Place,
    /// What stands between complete sets of entries, each with a timestamp of its own.
    pub sets: Option<char>,
    /// What stands between the entries of a list; `None` where there is a single value.
    pub separator: Option<char>,
    /// What an entry begins with. In a list, entries that begin with something else are another version's, and
    /// are passed over; a single value must begin with it.
    pub prefix: String,
    /// Whether the prefix may be missing.
    pub optional_prefix: bool,
    /// Whether the first entry is something else, and all others are candidates.
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
    /// Whether the request's head has anything there. What is in the body is never there yet.
    #[must_use]
    pub fn is_present(&self, request: Request<'_>) -> bool {
        match self {
            Place::Headers(names) => names.iter().any(|name| request.header(name) != Occurrence::Missing),
            Place::Family(name) => request.headers().iter().any(|(header, _)| is_member(header, name)),
            Place::Value(value) => {
                let facts = Facts { request: Some(request), ..Facts::default() };
                !value.needs_body() && !matches!(value.value(&facts), Err(Denial::HeaderMissing | Denial::FieldMissing))
            }
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
    /// A denial if there is none, one stands more than once, or is longer than anybody writes it.
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
                for (header, value) in request.headers().iter().filter(|(header, _)| is_member(header, name)) {
                    if request.header(header) == Occurrence::Repeated {
                        return Err(Denial::SignatureDuplicated);
                    }
                    values.push(Cow::Borrowed(value.as_slice()));
                }
            }
            Place::Value(value) => values.push(Cow::Owned(value.value(facts).map_err(as_signature)?)),
        }
        match values.iter().map(|value| value.len()).max() {
            None => Err(Denial::SignatureMissing),
            Some(longest) if longest > MAX_BYTES => Err(Denial::SignatureExcess),
            Some(_) => Ok(values),
        }
    }
}

impl Location {
    /// Whether a request can present one candidate only.
    #[must_use]
    pub fn is_single(&self) -> bool {
        let one_place = match &self.place {
            Place::Headers(names) => names.len() == 1,
            Place::Family(_) => false,
            Place::Value(_) => true,
        };
        one_place && self.sets.is_none() && self.separator.is_none() && !self.after_first
    }

    /// The sets of entries in `values`, which [`Place::values`] gave.
    #[must_use]
    pub fn sets<'a>(&self, values: &'a [Cow<'_, [u8]>]) -> Vec<Entries<'a>> {
        match (self.sets, self.separator) {
            (Some(outer), separator) => values
                .iter()
                .flat_map(|value| split(value, Some(outer)))
                .filter(|set| !set.is_empty())
                .map(|set| split(set, separator))
                .collect(),
            (None, separator) => vec![values.iter().flat_map(|value| split(value, separator)).collect()],
        }
    }

    /// The tags in a set, each exactly `tag_len` bytes if that is known. Entries that are not well-formed are
    /// dropped, since another may be right; at least one is left.
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

fn is_member(header: &str, family: &str) -> bool {
    header
        .split_at_checked(family.len())
        .is_some_and(|(name, number)| name.eq_ignore_ascii_case(family) && is_number(number))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What the lack of a value means where the value is the signature.
pub(super) fn as_signature(denial: Denial) -> Denial {
    match denial {
        Denial::HeaderMissing | Denial::FieldMissing => Denial::SignatureMissing,
        Denial::HeaderDuplicated | Denial::FieldDuplicated => Denial::SignatureDuplicated,
        Denial::FieldMalformed => Denial::SignatureMalformed,
        other => other,
    }
}
