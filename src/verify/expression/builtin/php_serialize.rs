//! Paddle Classic: the form's fields as PHP's `serialize()` writes an array of strings.
//!
//! Source: <https://classic.paddle.com/webhooks/verifying-webhooks/>; the format:
//! <https://www.php.net/manual/en/function.serialize.php>.

use crate::verify::bytes::percent::Pair;

/// The fields without the one named `without`, sorted by name byte by byte, as a serialised PHP array. Names and
/// values are strings; their lengths are counted in bytes. Every text is preceded by its length, so no byte can
/// move from one to the next.
///
/// It differs from PHP as follows. In each case the content is one that Paddle never signs, so the request is refused:
/// a name that PHP reads as an integer (`7`) becomes an integer key there and is sorted as one; a name with brackets
/// (`a[b]`) becomes a nested array; a dot or a blank in a name becomes `_`; of fields with the same name PHP keeps the
/// last, whereas all are written here. Paddle's own names are lower-case letters and `_`.
#[must_use]
pub fn php_serialize(pairs: &[Pair], without: &[u8]) -> Vec<u8> {
    let mut fields: Vec<_> = pairs.iter().filter(|(name, _)| name != without).collect();
    fields.sort();
    let mut content = format!("a:{}:{{", fields.len()).into_bytes();
    for (name, value) in fields {
        push_string(&mut content, name);
        push_string(&mut content, value);
    }
    content.push(b'}');
    content
}

fn push_string(content: &mut Vec<u8>, text: &[u8]) {
    content.extend_from_slice(format!("s:{}:\"", text.len()).as_bytes());
    content.extend_from_slice(text);
    content.extend_from_slice(b"\";");
}
