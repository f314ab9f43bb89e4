//! Paddle Classic: the form's fields as PHP's `serialize()` writes an array of strings.
//!
//! Source: <https://classic.paddle.com/webhooks/verifying-webhooks/>; the format:
//! <https://www.php.net/manual/en/function.serialize.php>.

use crate::verify::percent::Pair;

/// The fields without the one named `without`, sorted by name byte by byte, as a serialised PHP array. Names and
/// values are strings; their lengths are counted in bytes. A length stands in front of every text, so no byte can
/// move from one to the next.
///
/// It is not PHP, and these differences give content that Paddle never signs, so such a request is refused:
/// a name that PHP takes for a whole number (`7`) becomes an integer key there and is sorted as one; a name with
/// brackets (`a[b]`) becomes a nested array; a dot or a blank in a name becomes `_`; of fields with the same name
/// PHP keeps the last, and here all are written. Paddle's own names are lower-case letters and `_`.
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
