//! The variables of clients and editors (`{{name}}`), in place of which their values are put.

/// How many variables of a file are put in.
pub const MOST: usize = 500;
/// How large a text becomes, in bytes, however its variables are made of each other.
const LARGEST: usize = 16 << 20;

/// The text with `value` in this place, wherever it occurs; `None` if that makes it too large.
pub fn put_in(text: &str, place: &str, value: &str) -> Option<String> {
    let added = text.matches(place).count().saturating_mul(value.len());
    (text.len().saturating_add(added) <= LARGEST).then(|| text.replace(place, value))
}
