//! Percent-encoding and urlencoded pairs, as bytes (RFC 3986, section 2.1; WHATWG URL, section 5.1).

/// The most pairs of one text that are read. Bounds time and memory; no known sender writes more than a few dozen.
pub const MAX_PAIRS: usize = 1000;

/// A name and a value, decoded.
pub type Pair = (Vec<u8>, Vec<u8>);

/// The pairs of an urlencoded text, decoded, in order. Empty pairs (`a&&b`) are left out; a pair without `=` has an
/// empty value.
pub fn pairs(text: &[u8]) -> impl Iterator<Item = Pair> + '_ {
    text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = halves.next().unwrap_or_default();
        (decode_form(name), decode_form(halves.next().unwrap_or_default()))
    })
}

/// Decodes a name or a value of an urlencoded text: `+` is a blank, `%` and two hexadecimal digits are a byte, and
/// any other `%` is literal.
#[must_use]
pub fn decode_form(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        bytes.push(match (first, behind) {
            (b'+', _) => b' ',
            (b'%', [high, low, behind @ ..]) => match hex_pair(*high, *low) {
                Some(byte) => {
                    rest = behind;
                    byte
                }
                None => b'%',
            },
            (other, _) => other,
        });
    }
    bytes
}

/// Appends `bytes` to `out`; those for which `keep` is false become `%` and two upper-case hexadecimal digits.
pub fn encode_into(out: &mut Vec<u8>, bytes: &[u8], keep: fn(u8) -> bool) {
    for &byte in bytes {
        if keep(byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', upper_hex(byte >> 4), upper_hex(byte & 0xf)]);
        }
    }
}

/// Like [`encode_into`], into a text of its own.
#[must_use]
pub fn encode(bytes: &[u8], keep: fn(u8) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    encode_into(&mut out, bytes, keep);
    out
}

/// The path and the query of a request target: the query is what follows the first `?`, if there is one.
#[must_use]
pub fn split_target(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut halves = target.splitn(2, |byte| *byte == b'?');
    (halves.next().unwrap_or_default(), halves.next())
}

/// The digit of a number below 16.
fn upper_hex(number: u8) -> u8 {
    match number.checked_sub(10) {
        Some(above_nine) => b'A'.saturating_add(above_nine),
        None => b'0'.saturating_add(number),
    }
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let high = char::from(high).to_digit(16)?;
    let low = char::from(low).to_digit(16)?;
    u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()
}
