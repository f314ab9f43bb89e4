//! Suspects of character sets: UTF-8 that was taken for Latin-1, and the other way around.

use super::{Change, Mistake, Scene};

const ADVICE: &str = "Something in front reads the body as text in the wrong character set and writes it again: make it pass the bytes through, or set its charset to utf-8.";

/// What Windows-1252 has between 0x80 and 0x9f, where Latin-1 has controls.
const WINDOWS: &[(u8, char)] = &[
    (0x80, '€'),
    (0x82, '‚'),
    (0x83, 'ƒ'),
    (0x84, '„'),
    (0x85, '…'),
    (0x86, '†'),
    (0x87, '‡'),
    (0x88, 'ˆ'),
    (0x89, '‰'),
    (0x8a, 'Š'),
    (0x8b, '‹'),
    (0x8c, 'Œ'),
    (0x8e, 'Ž'),
    (0x91, '‘'),
    (0x92, '’'),
    (0x93, '“'),
    (0x94, '”'),
    (0x95, '•'),
    (0x96, '–'),
    (0x97, '—'),
    (0x98, '˜'),
    (0x99, '™'),
    (0x9a, 'š'),
    (0x9b, '›'),
    (0x9c, 'œ'),
    (0x9e, 'ž'),
    (0x9f, 'Ÿ'),
];

/// The changes of this file.
pub fn changes(scene: &Scene<'_>, changes: &mut Vec<Change>) {
    let body = scene.captured.body.as_slice();
    if body.is_ascii() {
        return;
    }
    let mut add = |bytes: Option<Vec<u8>>, sentence: &str| {
        changes.extend(bytes.map(|bytes| Change::of_body(bytes, Mistake::new("body_charset", sentence, ADVICE))));
    };
    match std::str::from_utf8(body) {
        Ok(text) => {
            let twice = "The body was read as Latin-1 and written as UTF-8, so that \"é\" became \"Ã©\" (mojibake).";
            let latin = "The body is UTF-8 here, and was Latin-1 where it was signed.";
            let bytes = single_bytes(text, &[]);
            let is_utf8 =
                |bytes: &Option<Vec<u8>>| bytes.as_ref().is_some_and(|bytes| std::str::from_utf8(bytes).is_ok());
            let sentence = if is_utf8(&bytes) { twice } else { latin };
            add(bytes, sentence);
            let bytes = single_bytes(text, WINDOWS);
            let sentence = if is_utf8(&bytes) { twice } else { latin };
            add(bytes, sentence);
        }
        Err(_) => {
            let windows = |byte: &u8| WINDOWS.iter().find(|(own, _)| own == byte).map(|(_, char)| *char);
            let utf8 = "The body is Latin-1 here, and was UTF-8 where it was signed.";
            add(Some(body.iter().map(|byte| char::from(*byte)).collect::<String>().into_bytes()), utf8);
            let text: String = body.iter().map(|byte| windows(byte).unwrap_or(char::from(*byte))).collect();
            add(Some(text.into_bytes()), utf8);
        }
    }
    if let Ok(text) = std::str::from_utf8(body) {
        let signed = "The sender signed the body with every byte as a character of its own (mojibake): it took UTF-8 for Latin-1.";
        add(Some(text.bytes().map(char::from).collect::<String>().into_bytes()), signed);
        let lossy: String = text.chars().map(|char| if char.is_ascii() { char } else { '?' }).collect();
        let question = "The sender signed the body with \"?\" for every character beyond ASCII.";
        add(Some(lossy.into_bytes()), question);
    }
}

/// One byte for each character; `None` if one has none.
fn single_bytes(text: &str, windows: &[(u8, char)]) -> Option<Vec<u8>> {
    text.chars()
        .map(|char| {
            let special = windows.iter().find(|(_, own)| *own == char).map(|(byte, _)| *byte);
            special.or_else(|| u8::try_from(u32::from(char)).ok())
        })
        .collect()
}
