//! What Wireshark and tshark write of a stream that they follow: C arrays, YAML, and hexadecimal digits without offsets.

use hookwarden::verify::bytes::encoding;

use super::value::Members as _;
use super::yaml;

/// The bytes that one side sent, the one that asks; `None` if the text is something else.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    of_arrays(text).or_else(|| of_yaml(text)).or_else(|| of_digits(text))
}

/// `char peer0_0[] = { /* Packet 4 */ 0x50, …};`, an array for each packet.
fn of_arrays(text: &str) -> Option<Vec<u8>> {
    let mut sides: [Vec<u8>; 2] = Default::default();
    for array in text.split("char peer").skip(1) {
        let side = sides.get_mut(usize::from(!array.starts_with('0')))?;
        let (_, inside) = array.split_once('{')?;
        let (inside, _) = inside.split_once('}')?;
        let inside = inside.split_once("*/").map_or(inside, |(_, digits)| digits);
        for number in inside.split(',').map(str::trim).filter(|number| !number.is_empty()) {
            side.push(u8::from_str_radix(number.strip_prefix("0x")?, 16).ok()?);
        }
    }
    asking(sides)
}

/// `peers:` and `packets:`, with the bytes of each packet in base64.
fn of_yaml(text: &str) -> Option<Vec<u8>> {
    if !yaml::begins_with_key(text, &["peers", "packets"]) {
        return None;
    }
    let document = yaml::parse(text)?;
    let mut sides: [Vec<u8>; 2] = Default::default();
    for packet in document.list_at("packets") {
        let data = packet.text_at("data")?;
        let side = sides.get_mut(usize::from(packet.text_at("peer") != Some("0")))?;
        side.extend(decoded(data)?);
    }
    asking(sides)
}

/// A line of digits for each packet; a tab stands in front of what the other side sent. tshark puts a frame around.
fn of_digits(text: &str) -> Option<Vec<u8>> {
    let mut sides: [Vec<u8>; 2] = Default::default();
    let is_frame = |line: &&str| {
        line.starts_with("===")
            || ["Follow:", "Filter:", "Node 0:", "Node 1:"].iter().any(|name| line.starts_with(name))
    };
    for line in text.lines().filter(|line| !line.trim().is_empty() && !is_frame(line)) {
        let side = sides.get_mut(usize::from(line.starts_with('\t')))?;
        side.extend(encoding::decode_hex(line.trim().as_bytes())?);
    }
    asking(sides)
}

/// The side that sent a request: the first, unless it answers.
fn asking([first, second]: [Vec<u8>; 2]) -> Option<Vec<u8>> {
    let side = if first.is_empty() || first.starts_with(b"HTTP/") { second } else { first };
    (!side.is_empty()).then_some(side)
}

/// A whole request in base64, as inspectors keep it.
pub fn of_base64(text: &str) -> Option<Vec<u8>> {
    let is_base64 = |char: char| char.is_ascii_alphanumeric() || "+/=-_\r\n".contains(char);
    if text.len() < 40 || !text.trim().chars().all(is_base64) {
        return None;
    }
    let bytes = decoded(text)?;
    let line = bytes.split(|byte| *byte == b'\n').next()?.trim_ascii_end();
    super::http::request_line(line).map(|_| ())?;
    Some(bytes)
}

/// Base64 in lines.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    encoding::decode_pasted_base64(&text)
}
