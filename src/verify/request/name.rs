//! Names of headers.

/// Whether `name` is a header name (RFC 9110, section 5.1: a token).
#[must_use]
pub fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Whether `header` is one of a family of numbered headers.
pub fn is_numbered(header: &str, family: &str) -> bool {
    header
        .split_at_checked(family.len())
        .is_some_and(|(name, number)| name.eq_ignore_ascii_case(family) && is_number(number))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit())
}
