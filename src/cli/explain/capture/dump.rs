//! Bytes in hexadecimal, as `curl --trace`, `xxd`, `hexdump -C` and Wireshark write them.

use std::collections::BTreeMap;

use hookwarden::verify::bytes::encoding;

/// The bytes of a dump of a request; `None` if the text is none.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    if text.contains("=> Send header") || text.contains("=> Send data") {
        return of_curl(text);
    }
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    // Wireshark indents what the server sent.
    let sent: Vec<Vec<u8>> =
        lines.iter().filter(|line| !line.starts_with([' ', '\t'])).map(|line| row(line)).collect::<Option<_>>()?;
    let is_dump = !sent.is_empty() && lines.iter().all(|line| row(line.trim_start()).is_some());
    is_dump.then(|| sent.concat())
}

/// `curl --trace`: sections with a title, of which those that were sent count. Those of transfers at the same time stand
/// between each other.
fn of_curl(text: &str) -> Option<Vec<u8>> {
    let mut transfers: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut open = None;
    for line in text.lines() {
        // A time may stand in front.
        if line.contains("=> Send header") || line.contains("=> Send data") {
            open = Some(transfers.entry(transfer(line)).or_default());
        } else if line.contains("<= Recv") || line.contains("== Info") || line.contains("=> Send SSL") {
            open = None;
        } else if let Some(sent) = &mut open {
            sent.extend(row(line.trim_start())?);
        }
    }
    let sent: Vec<u8> = transfers.into_values().flatten().collect();
    (!sent.is_empty()).then_some(sent)
}

/// The numbers of transfer and connection in `[1-0]`, which `--trace-ids` puts in front of a title.
fn transfer(title: &str) -> Vec<u8> {
    let id = title.split(' ').find(|word| word.starts_with('[') && word.contains('-')).unwrap_or_default();
    // So many digits that they sort as numbers.
    [vec![b' '; 40_usize.saturating_sub(id.len())], id.as_bytes().to_vec()].concat()
}

/// The bytes of a line: an offset, pairs or groups of digits, and the same as text behind two blanks or a bar.
fn row(line: &str) -> Option<Vec<u8>> {
    let (offset, rest) = line.split_once([' ', ':']).unwrap_or((line, ""));
    let digits = offset.strip_prefix("0x").unwrap_or(offset);
    if digits.len() < 4 || digits.len() > 16 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let rest = rest.trim_start_matches([':', ' ', '\t']);
    if rest.is_empty() {
        // The last line of `hexdump -C` is an offset alone.
        return Some(Vec::new());
    }
    let mut bytes = Vec::new();
    let mut blanks = 0_u8;
    for word in rest.split(' ') {
        if word.is_empty() {
            blanks = blanks.saturating_add(1);
            continue;
        }
        let is_even = word.len() == 2 || word.len() == 4;
        let is_hex = is_even && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        // Eight pairs, two blanks, eight pairs: only behind sixteen bytes can what looks like digits be text.
        if !is_hex || bytes.len() >= 16 || (blanks > 1) {
            break;
        }
        blanks = 0;
        bytes.extend(encoding::decode_hex(word.as_bytes())?);
    }
    (!bytes.is_empty()).then_some(bytes)
}
