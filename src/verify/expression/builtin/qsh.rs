//! Atlassian Connect: the canonical request whose SHA-256 is the claim `qsh`.
//!
//! Source: <https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/> (creating a
//! query string hash).

use std::collections::BTreeMap;

use crate::verify::bytes::percent;

/// The parameter that may carry the token itself, which cannot be part of what the token signs.
const TOKEN_PARAMETER: &[u8] = b"jwt";

/// Method, path and query in their canonical forms, with `&` between them.
///
/// The method is upper-case. The path is as sent, with `&` escaped and without one final `/`; an empty one is `/`.
/// The query's parameters are decoded, percent-encoded as in RFC 3986, sorted by name and value; values of the
/// same name are joined with commas; `jwt` is left out.
///
/// The sender leaves out the path of the app's base URL, so `target` must begin after it. The body is not covered.
#[must_use]
pub fn qsh(method: &[u8], target: &[u8]) -> Vec<u8> {
    let (path, query) = percent::split_target(target);
    let mut parameters: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    for (name, value) in percent::pairs(query.unwrap_or_default()).filter(|(name, _)| name != TOKEN_PARAMETER) {
        let values = parameters.entry(percent::encode(&name, is_unreserved)).or_default();
        values.push(percent::encode(&value, is_unreserved));
    }

    let mut content = method.to_ascii_uppercase();
    content.push(b'&');
    let path = path.strip_suffix(b"/").unwrap_or(path);
    if !path.starts_with(b"/") {
        content.push(b'/');
    }
    percent::encode_into(&mut content, path, |byte| byte != b'&');
    content.push(b'&');
    for (position, (name, mut values)) in parameters.into_iter().enumerate() {
        values.sort();
        if position > 0 {
            content.push(b'&');
        }
        content.extend_from_slice(&name);
        content.push(b'=');
        content.extend_from_slice(&values.join(&b','));
    }
    content
}

/// What RFC 3986, section 2.3, calls unreserved.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}
