//! Plivo, version 3: the URL with its query sorted, and the form's fields sorted behind it.
//!
//! Source: plivo/plivo-python, `plivo/utils/signature_v3.py`; plivo/plivo-node, `lib/utils/v3Security.js`.

use crate::verify::bytes::percent::{self, Pair};

/// The signed content without its tail, a dot and the nonce. `url` is the full public URL with its query, `form` the
/// decoded fields of the body.
///
/// The query's parameters are decoded, sorted by name and value, and written as `name=value` with `&` between them. For
/// `GET`, that is all, and the fields of a form are sorted among the parameters. For any other method, a dot and the
/// form's fields follow, sorted, each name concatenated with its value. An absent query becomes a bare `?`; without a
/// form nothing is added.
///
/// The sender decodes before it signs and puts nothing between names and values, so `a=bc` and `ab=c` are signed
/// alike: only fields that the receiver knows by name can be trusted.
///
/// Bytes beyond ASCII are signed as they decode. The senders' own libraries disagree about those in a query.
#[must_use]
pub fn plivo_v3(method: &[u8], url: &[u8], form: &[Pair]) -> Vec<u8> {
    let (base, query) = percent::split_target(url);
    let mut parameters: Vec<_> = percent::pairs(query.unwrap_or_default()).collect();
    let mut fields = form.to_vec();
    if method == b"GET" {
        parameters.append(&mut fields);
    }
    parameters.sort();
    fields.sort();

    let mut content = base.to_vec();
    if !parameters.is_empty() || !fields.is_empty() {
        content.push(b'?');
    }
    for (position, (name, value)) in parameters.iter().enumerate() {
        if position > 0 {
            content.push(b'&');
        }
        content.extend_from_slice(name);
        content.push(b'=');
        content.extend_from_slice(value);
    }
    if !parameters.is_empty() && !fields.is_empty() {
        content.push(b'.');
    }
    for (name, value) in &fields {
        content.extend_from_slice(name);
        content.extend_from_slice(value);
    }
    content
}
