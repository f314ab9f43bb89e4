//! Form fields and query parameters. The only file that names `percent-encoding`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

use crate::verify::bytes::percent::MAX_PAIRS;
pub use crate::verify::bytes::percent::Pair;

/// What `application/x-www-form-urlencoded` leaves as it is, beside letters and digits.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A form, in either encoding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Names and values, in order, repeated ones included.
    pub fields: Vec<Pair>,
    /// The names of the fields that are files, in order, repeated ones included.
    pub files: Vec<Vec<u8>>,
}

impl Form {
    /// The value of the one field `name`.
    ///
    /// # Errors
    /// How many fields or files have that name, if it is not one field: zero, or more than one.
    pub fn unique(&self, name: &str) -> Result<&[u8], usize> {
        let files = self.files.iter().filter(|file| *file == name.as_bytes()).count();
        match unique(&self.fields, name) {
            Ok(value) if files == 0 => Ok(value),
            Ok(_) => Err(files.saturating_add(1)),
            // A file is not a value, so a file alone counts as a missing field.
            Err(0) if files <= 1 => Err(0),
            Err(fields) => Err(fields.saturating_add(files)),
        }
    }
}

/// Reads `a=b&c=d` (URL Standard, section 5.1): `+` is a blank, escapes are bytes, empty pieces are skipped.
///
/// Bytes stay bytes. Invalid escapes are refused rather than kept: readers disagree on them.
#[must_use]
pub fn pairs(text: &[u8]) -> Option<Vec<Pair>> {
    let pieces: Vec<_> = text.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()).collect();
    if pieces.len() > MAX_PAIRS {
        return None;
    }
    pieces
        .into_iter()
        .map(|piece| {
            let mut halves = piece.splitn(2, |byte| *byte == b'=');
            let name = halves.next().unwrap_or_default();
            Some((decode(name, true)?, decode(halves.next().unwrap_or_default(), true)?))
        })
        .collect()
}

/// Resolves escapes; `None` if one is invalid. `plus`: a `+` is a blank.
#[must_use]
pub fn decode(text: &[u8], plus: bool) -> Option<Vec<u8>> {
    let valid = text.iter().enumerate().filter(|(_, byte)| **byte == b'%').all(|(position, _)| {
        text.get(position.saturating_add(1)..position.saturating_add(3))
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    let blanks: Vec<u8> = text.iter().map(|byte| if plus && *byte == b'+' { b' ' } else { *byte }).collect();
    valid.then(|| percent_decode(&blanks).collect())
}

/// The value of the one field `name`.
///
/// # Errors
/// How many there are, if not one: zero or more than one.
pub fn unique<'a>(pairs: &'a [Pair], name: &str) -> Result<&'a [u8], usize> {
    let found: Vec<_> = pairs.iter().filter(|(key, _)| key == name.as_bytes()).collect();
    match found.as_slice() {
        [(_, value)] => Ok(value),
        other => Err(other.len()),
    }
}

/// Every name and value concatenated, sorted by name and then value, without exact repetitions (Twilio's rule).
#[must_use]
pub fn sorted_and_concatenated(pairs: &[Pair]) -> Vec<u8> {
    let mut sorted = pairs.to_vec();
    sorted.sort();
    sorted.dedup();
    sorted.into_iter().flat_map(|(name, value)| [name, value].concat()).collect()
}

/// Every name and value, sorted by name, written as a query again; `None` if one is not UTF-8.
#[must_use]
pub fn sorted_query(pairs: &[Pair]) -> Option<Vec<u8>> {
    let mut sorted = pairs.to_vec();
    sorted.sort();
    let encode = |bytes: &[u8]| -> Option<String> {
        let text = std::str::from_utf8(bytes).ok()?;
        Some(utf8_percent_encode(text, PLAIN).to_string().replace("%20", "+"))
    };
    let written: Option<Vec<_>> =
        sorted.iter().map(|(name, value)| Some(format!("{}={}", encode(name)?, encode(value)?))).collect();
    Some(written?.join("&").into_bytes())
}
