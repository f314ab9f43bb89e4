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
    lost(scene, changes);
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
            let bytes = bytes_of(text, &[]);
            let is_utf8 =
                |bytes: &Option<Vec<u8>>| bytes.as_ref().is_some_and(|bytes| std::str::from_utf8(bytes).is_ok());
            let sentence = if is_utf8(&bytes) { twice } else { latin };
            add(bytes, sentence);
            let bytes = bytes_of(text, WINDOWS);
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

/// Bodies with a letter in the place of `?` or U+FFFD, which programs write for what a character set lacks. Which letter
/// it was cannot be told, so the usual ones are tried: at one place, at two, or the same at all places.
fn lost(scene: &Scene<'_>, changes: &mut Vec<Change>) {
    let Ok(text) = std::str::from_utf8(&scene.captured.body) else { return };
    let mark = if text.contains('\u{fffd}') { '\u{fffd}' } else { '?' };
    let runs = runs(text, mark);
    let most = scene.most_bodies() / 2;
    let sentence = format!(
        "The body has {} where a letter was signed: a program wrote it in a character set that lacks the letter.",
        if mark == '?' { "\"?\"" } else { "U+FFFD" }
    );
    let add = |bytes: Vec<u8>, changes: &mut Vec<Change>| {
        changes.push(Change::of_body(bytes, Mistake::new("body_charset", sentence.clone(), ADVICE)));
    };
    if runs.is_empty() || runs.len() > 24 {
        return;
    }
    let letters: Vec<Vec<u8>> = LOST.chars().map(|char| char.to_string().into_bytes()).collect();
    let latin: Vec<Vec<u8>> = if mark == '?' { Vec::new() } else { (0x80..=0xff).map(|byte: u8| vec![byte]).collect() };
    let mut made = 0_usize;
    let all: Vec<&Run> = runs.iter().collect();
    let singles = runs.iter().map(|run| vec![run]).filter(|_| runs.len() > 1);
    for chosen in std::iter::once(all).chain(singles) {
        for letter in letters.iter().chain(&latin) {
            let edits: Vec<_> = chosen.iter().map(|run| (*run, letter.as_slice())).collect();
            add(replaced(text, &edits), changes);
            made = made.saturating_add(1);
            if made > most {
                return;
            }
        }
    }
    if let [first, second] = runs.as_slice() {
        for one in &letters {
            for other in &letters {
                add(replaced(text, &[(first, one), (second, other)]), changes);
                made = made.saturating_add(1);
                if made > most {
                    return;
                }
            }
        }
    }
}

/// Where a letter may have been lost: the offset, and how many bytes.
type Run = (usize, usize);

/// The places of a mark, neighbours taken for one: a letter of several bytes may leave several.
fn runs(text: &str, mark: char) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (at, found) in text.match_indices(mark) {
        match runs.last_mut() {
            Some((start, len)) if start.saturating_add(*len) == at => *len = len.saturating_add(found.len()),
            _ => runs.push((at, found.len())),
        }
    }
    runs
}

fn replaced(text: &str, edits: &[(&Run, &[u8])]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut done = 0;
    for ((at, len), letter) in edits {
        out.extend(text.as_bytes().get(done..*at).unwrap_or_default());
        out.extend(*letter);
        done = at.saturating_add(*len);
    }
    out.extend(text.as_bytes().get(done..).unwrap_or_default());
    out
}

/// The letters and marks beyond ASCII that texts have most.
const LOST: &str = "éèàùâêîôûçëïüöäßñáíóúãõåøæœÉÈÀÊÇÜÖÄÑÁÍÓÚÅØ’‘“”–—…•€£©®™°§«»¿¡łąęśżźćńčšžřůěőűğışİ\u{a0}×½²";

/// The text in Windows-1252, of which Latin-1 is most; `None` if a character has no byte there.
pub fn single_bytes(text: &str) -> Option<Vec<u8>> {
    bytes_of(text, WINDOWS)
}

/// One byte for each character; `None` if one has none.
fn bytes_of(text: &str, windows: &[(u8, char)]) -> Option<Vec<u8>> {
    text.chars()
        .map(|char| {
            let special = windows.iter().find(|(_, own)| *own == char).map(|(byte, _)| *byte);
            special.or_else(|| u8::try_from(u32::from(char)).ok())
        })
        .collect()
}
