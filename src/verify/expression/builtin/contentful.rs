//! Contentful: the request target, percent-encoded once more.
//!
//! Source: contentful/node-apps-toolkit, `src/requests/utils.ts`.

use crate::verify::bytes::percent;

/// The target as Contentful signs it: the path as JavaScript's `encodeURI` leaves it, and the query first as
/// `querystring.escape` writes it and then through `encodeURI` as well, so that its escapes are escaped twice. An
/// empty query loses its `?`.
///
/// The sender's library drops what follows a second `?`. Here it is part of the query: a request with two of them is
/// refused, instead of being accepted with a part that is not signed.
#[must_use]
pub fn contentful_path(target: &[u8]) -> Vec<u8> {
    let (path, query) = percent::split_target(target);
    let mut content = percent::encode(path, encode_uri_keeps);
    let query = percent::encode(query.unwrap_or_default(), escape_keeps);
    if !query.is_empty() {
        content.push(b'?');
        percent::encode_into(&mut content, &query, encode_uri_keeps);
    }
    content
}

/// What Node.js' `querystring.escape` leaves alone; it is the set of `encodeURIComponent` (ECMA-262, section 19.2.6.5).
fn escape_keeps(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte)
}

/// What `encodeURI` leaves alone (ECMA-262, section 19.2.6.4).
fn encode_uri_keeps(byte: u8) -> bool {
    escape_keeps(byte) || b";/?:@&=+$,#".contains(&byte)
}
