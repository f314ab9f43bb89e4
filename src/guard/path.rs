//! Paths, and how parsers can read the same path differently.
//!
//! # The rule
//!
//! An unmatched request may be forwarded unverified, if that is allowed, only if no real server would read its path as
//! that of a source. A reading of a path is the result of any of these steps, in this order:
//!
//! 1. Path parameters are dropped (`;v=1`; Spring, Tomcat), and escapes are decoded: up to three times, and dropped
//!    before, between or behind. `%u002f` is an escape too (IIS), and so are UTF-8's overlong forms (`%c0%af`).
//! 2. It is cut at a control character, `#` or `?` (C strings, URL parsers), or controls are dropped (WHATWG URL).
//! 3. Letters that become ASCII when a router folds case (`ſ`, `K`, `ı`, `İ`), full-width letters, and the slashes and
//!    dots of other scripts are read as the ASCII characters that they resemble. Blanks of every script, zero-width
//!    marks, and bytes that are not UTF-8 are dropped. A backslash is a slash. Empty segments are dropped, dot segments
//!    resolved.
//! 4. Punctuation at the end of a segment is dropped (Windows: dots and blanks; routers that trim), and so is
//!    everything after `::` (NTFS streams).
//! 5. A front controller is left out: `index.php` at the end, and any script before more segments (PHP's path info:
//!    `/index.php/hooks/github`).
//! 6. The last segment's format is dropped: one, two, or all of them (Rails, Spring: `.json`, `.tar.gz`).
//! 7. Case and trailing slashes are ignored.
//!
//! The same is done with the paths of the sources, so that `/hook` is a reading of a source for `/Hook.json`. A
//! script's path (`/hook.php`) stands for everything below it too. The remaining non-ASCII letters may stand for
//! anything: a path is read as a source's if it differs only in them and they are no more than half of their segment.
//!
//! Readings that would refuse legitimate paths, or that no known server has, are not considered: paths below an exact
//! path (`/hooks/github/more` may be another page; a source for `/hooks/github/*` has it), a word behind a colon
//! (`/hooks:list`), `-` and `_` at the end, prefixes that only the upstream knows, four rounds of decoding, whole
//! segments in letters that only a compatibility normalisation (NFKC) brings to ASCII, other than full-width ones.

use std::collections::BTreeSet;

/// How many readings are looked up. A path with more is always ambiguous.
pub const MAX_READINGS: usize = 192;
/// The extensions of scripts that get the rest of the path as their own.
const SCRIPTS: [&[u8]; 14] = [
    b".php", b".php5", b".php7", b".php8", b".phtml", b".cgi", b".fcgi", b".pl", b".py", b".rb", b".asp", b".aspx",
    b".ashx", b".cfm",
];

/// Whether real servers can read `path` in more than one way: dot segments, empty
/// segments, backslashes, path parameters, NUL and other controls, escapes that are invalid, that hide a
/// separator or another escape, or that a normaliser would have written plainly (RFC 3986, section 6.2.2).
#[must_use]
pub fn is_ambiguous(path: &[u8]) -> bool {
    !path.starts_with(b"/")
        || path.iter().any(|byte| matches!(*byte, b'\\' | b';' | b'#') || byte.is_ascii_control() || *byte >= 0x80)
        || path.windows(2).any(|pair| pair == b"//")
        || path.split(|byte| *byte == b'/').any(|segment| segment == b"." || segment == b"..")
        || has_ambiguous_escape(path)
}

fn has_ambiguous_escape(path: &[u8]) -> bool {
    path.iter().enumerate().filter(|(_, byte)| **byte == b'%').any(|(position, _)| {
        match path.get(position.saturating_add(1)..position.saturating_add(3)).and_then(unescape) {
            None => true,
            Some(byte) => {
                byte.is_ascii_alphanumeric()
                    || byte.is_ascii_control()
                    || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/' | b'\\' | b';' | b'%' | b'?' | b'#')
            }
        }
    })
}

/// Whether every router reads `path` in the same way: lower-case words between single slashes, and nothing else.
#[must_use]
pub fn is_plain(path: &[u8]) -> bool {
    let word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(*byte, b'-' | b'_');
    let words = || path.get(1..).unwrap_or_default().split(|byte| *byte == b'/');
    path == b"/" || (path.starts_with(b"/") && words().all(|segment| !segment.is_empty() && segment.iter().all(word)))
}

/// A prefix without its trailing slash.
#[must_use]
pub fn without_slash(path: &[u8]) -> &[u8] {
    path.strip_suffix(b"/").filter(|rest| !rest.is_empty()).unwrap_or(path)
}

/// The form in which a lenient router compares paths: in lower case, without trailing slashes.
#[must_use]
pub fn fold(path: &[u8]) -> Vec<u8> {
    let mut folded = path.to_ascii_lowercase();
    while folded.len() > 1 && folded.last() == Some(&b'/') {
        folded.pop();
    }
    folded
}

/// Every possible reading of `path`, folded, including the path itself. `None` if there are more
/// than [`MAX_READINGS`].
#[must_use]
pub fn readings(path: &[u8]) -> Option<BTreeSet<Vec<u8>>> {
    let undone = [drop_parameters, decode, drop_parameters, decode, drop_parameters, decode];
    let dropped = [trim_segments, cut_streams, drop_scripts, drop_format, drop_format, drop_formats, trim_segments];
    let mut readings = BTreeSet::from([path.to_vec()]);
    for step in undone {
        extend(&mut readings, step)?;
    }
    // Characters that no source's path contains are removed from every reading.
    let tidied = readings.iter().flat_map(|reading| [cut_at_controls(reading), drop_controls(reading)]);
    let mut readings: BTreeSet<_> = tidied.map(|reading| tidy(&reading)).collect();
    for step in dropped {
        extend(&mut readings, step)?;
    }
    let mut readings: BTreeSet<_> = readings.iter().map(|reading| fold(reading)).collect();
    readings.insert(fold(path));
    (readings.len() <= MAX_READINGS).then_some(readings)
}

/// Adds the result of `step` on each reading.
fn extend(readings: &mut BTreeSet<Vec<u8>>, step: fn(&[u8]) -> Vec<u8>) -> Option<()> {
    let further: Vec<_> = readings.iter().map(|reading| step(reading)).collect();
    readings.extend(further);
    (readings.len() <= MAX_READINGS).then_some(())
}

/// Whether a reading differs from `path` only in its non-ASCII letters. Each may stand for nothing, as marks do, or for
/// up to three letters, as ligatures do. If they are most of a segment, it is a different word.
#[must_use]
pub fn resembles(reading: &[u8], path: &[u8]) -> bool {
    let mut of_path = path.split(|byte| *byte == b'/');
    let all = reading
        .split(|byte| *byte == b'/')
        .all(|segment| of_path.next().is_some_and(|word| segment == word || is_word_with_marks(segment, word)));
    all && of_path.next().is_none()
}

/// Whether a reading begins with `path`, which ends in a slash, in the same sense.
#[must_use]
pub fn resembles_below(reading: &[u8], path: &[u8]) -> bool {
    let depth = path.iter().filter(|byte| **byte == b'/').count();
    let slashes = reading.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at.saturating_add(1));
    let end = slashes.take(depth).nth(depth.saturating_sub(1));
    end.and_then(|end| reading.get(..end)).is_some_and(|head| resembles(head, path))
}

fn is_word_with_marks(segment: &[u8], word: &[u8]) -> bool {
    let is_mark = |byte: &u8| *byte >= 0x80;
    // Count the first byte of each UTF-8 letter, and every byte that is not UTF-8.
    let marks = segment.iter().filter(|byte| **byte >= 0xc0).count().max(usize::from(segment.iter().any(is_mark)));
    let plain = segment.iter().filter(|byte| !is_mark(byte)).count();
    if marks == 0 || marks > plain || word.len() > plain.saturating_add(marks.saturating_mul(3)) {
        return false;
    }
    // The pieces between marks must occur in the word in this order, the first at its start and the last at its end.
    let mut pieces: Vec<_> = segment.split(is_mark).collect();
    let last = pieces.pop().unwrap_or_default();
    let mut rest = word;
    for (position, piece) in pieces.into_iter().enumerate() {
        let at = match position {
            0 => rest.starts_with(piece).then_some(0),
            _ => find(rest, piece),
        };
        let Some(at) = at else { return false };
        rest = rest.get(at.saturating_add(piece.len())..).unwrap_or_default();
    }
    rest.ends_with(last)
}

fn find(text: &[u8], piece: &[u8]) -> Option<usize> {
    if piece.is_empty() { Some(0) } else { text.windows(piece.len()).position(|window| window == piece) }
}

/// Whether an exact path also owns the paths below it, as a script does.
#[must_use]
pub fn is_script(path: &[u8]) -> bool {
    let segment = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    SCRIPTS.iter().any(|script| segment.len() > script.len() && segment.to_ascii_lowercase().ends_with(script))
}

fn unescape(digits: &[u8]) -> Option<u8> {
    let digits =
        std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

fn decode(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, tail)) = rest.split_first() {
        let digits = |range: std::ops::Range<usize>| tail.get(range).and_then(unescape);
        let wide =
            || Some([tail.first().filter(|byte| byte.eq_ignore_ascii_case(&b'u')).and(digits(1..3))?, digits(3..5)?]);
        let escaped = *first == b'%';
        if let Some(byte) = digits(0..2).filter(|_| escaped) {
            decoded.push(byte);
            rest = tail.get(2..).unwrap_or_default();
        } else if let Some(letter) = wide().filter(|_| escaped) {
            let letter = char::from_u32(u16::from_be_bytes(letter).into()).unwrap_or(char::REPLACEMENT_CHARACTER);
            decoded.extend(letter.encode_utf8(&mut [0; 4]).bytes());
            rest = tail.get(5..).unwrap_or_default();
        } else {
            decoded.push(*first);
            rest = tail;
        }
    }
    decoded
}

fn cut_at_controls(path: &[u8]) -> Vec<u8> {
    path.split(|byte| byte.is_ascii_control() || matches!(*byte, b'#' | b'?')).next().unwrap_or_default().to_vec()
}

fn drop_controls(path: &[u8]) -> Vec<u8> {
    path.iter().filter(|byte| !byte.is_ascii_control()).copied().collect()
}

/// Removes what no source's path contains: letters that look like ASCII ones, backslashes, blanks, path parameters,
/// empty segments, dot segments.
fn tidy(path: &[u8]) -> Vec<u8> {
    let mut plain = to_ascii(path);
    plain.retain(|byte| *byte != b' ');
    resolve_dots(&drop_empty(&drop_parameters(&plain)))
}

/// Converts to ASCII what case folding, full-width forms and overlong UTF-8 can turn into it, and backslashes and the
/// slashes and dots of other scripts.
fn to_ascii(path: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, tail)) = rest.split_first() {
        let (letter, len) = letter(*first, tail);
        match letter.and_then(look_alike) {
            Some(byte) => plain.push(byte),
            None => plain.extend(rest.iter().take(len)),
        }
        rest = rest.get(len..).unwrap_or_default();
    }
    plain
}

/// The letter that begins with `first`, even in an overlong form, and its length in bytes.
fn letter(first: u8, tail: &[u8]) -> (Option<u32>, usize) {
    let (len, bits) = match first {
        0xc0..=0xdf => (2, first & 0x1f),
        0xe0..=0xef => (3, first & 0x0f),
        0xf0..=0xf7 => (4, first & 0x07),
        // A lone continuation byte: parsers that drop invalid UTF-8 see nothing.
        0x80..=0xbf => return (Some(u32::from(b' ')), 1),
        _ => return (Some(first.into()).filter(|byte| *byte < 0x80), 1),
    };
    let more = tail.get(..usize::saturating_sub(len, 1)).filter(|more| more.iter().all(|byte| byte & 0xc0 == 0x80));
    let Some(more) = more else { return (None, 1) };
    let fold = |letter: u32, byte: &u8| letter.wrapping_shl(6) | u32::from(byte & 0x3f);
    (Some(more.iter().fold(bits.into(), fold)), len)
}

/// The ASCII byte that a letter may be read as.
fn look_alike(letter: u32) -> Option<u8> {
    match letter {
        0x5c | 0x2044 | 0x2215 | 0x29f8 | 0xff3c => Some(b'/'),
        0x00..=0x7f => u8::try_from(letter).ok(),
        0x17f => Some(b's'),
        0x212a => Some(b'k'),
        0x130 | 0x131 => Some(b'i'),
        // Blanks, zero-width marks, and C1 controls.
        0x80..=0xa0
        | 0xad
        | 0x1680
        | 0x180e
        | 0x2000..=0x200f
        | 0x2028..=0x202f
        | 0x205f..=0x2064
        | 0x3000
        | 0xfeff => Some(b' '),
        0x2024 | 0x3002 | 0xfe52 | 0xff61 => Some(b'.'),
        0xff01..=0xff5e => letter.checked_sub(0xfee0).and_then(|letter| u8::try_from(letter).ok()),
        _ => None,
    }
}

fn drop_parameters(path: &[u8]) -> Vec<u8> {
    join(path.split(|byte| *byte == b'/').map(|segment| segment.split(|byte| *byte == b';').next().unwrap_or_default()))
}

fn drop_empty(path: &[u8]) -> Vec<u8> {
    let mut joined = vec![b'/'];
    joined.extend(join(path.split(|byte| *byte == b'/').filter(|segment| !segment.is_empty())));
    joined
}

fn resolve_dots(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"." => {}
            b".." if kept.len() > 1 => {
                kept.pop();
            }
            b".." => {}
            other => kept.push(other),
        }
    }
    join(kept.into_iter())
}

/// Removes punctuation at the end of segments: some file systems drop it, some routers trim it.
fn trim_segments(path: &[u8]) -> Vec<u8> {
    let trim = |segment: &'_ [u8]| {
        let is_dropped = |byte: &u8| byte.is_ascii_punctuation() && !matches!(*byte, b'-' | b'_');
        segment.iter().rposition(|byte| !is_dropped(byte)).map_or(0, |at| at.saturating_add(1))
    };
    join(path.split(|byte| *byte == b'/').map(|segment| segment.get(..trim(segment)).unwrap_or_default()))
}

/// Removes the names of streams: `/a::$DATA` is `/a`.
fn cut_streams(path: &[u8]) -> Vec<u8> {
    let cut = |segment: &'_ [u8]| segment.windows(2).position(|pair| pair == b"::").unwrap_or(segment.len());
    join(path.split(|byte| *byte == b'/').map(|segment| segment.get(..cut(segment)).unwrap_or_default()))
}

/// Removes scripts that get the rest as their path, and the index at the end.
fn drop_scripts(path: &[u8]) -> Vec<u8> {
    let segments: Vec<_> = path.split(|byte| *byte == b'/').collect();
    let last = segments.len().saturating_sub(1);
    let is_index = |segment: &[u8]| {
        let stem = segment.to_ascii_lowercase();
        stem.starts_with(b"index.") || stem.starts_with(b"default.")
    };
    let kept = segments
        .iter()
        .enumerate()
        .filter(|(position, segment)| if *position == last { !is_index(segment) } else { !is_script(segment) });
    let mut joined = join(kept.map(|(_, segment)| *segment));
    if joined.is_empty() {
        joined.push(b'/');
    }
    joined
}

/// Removes the format that some routers strip from the last segment: `/a.json` is `/a`.
fn drop_format(path: &[u8]) -> Vec<u8> {
    let name = name_at(path);
    let point = path.iter().rposition(|byte| *byte == b'.').filter(|point| *point > name);
    path.get(..point.unwrap_or(path.len())).unwrap_or_default().to_vec()
}

/// Removes everything that looks like a format: `/a.tar.gz` is `/a`.
fn drop_formats(path: &[u8]) -> Vec<u8> {
    let name = name_at(path).saturating_add(1);
    let point = path.iter().skip(name).position(|byte| *byte == b'.').map(|point| point.saturating_add(name));
    path.get(..point.unwrap_or(path.len())).unwrap_or_default().to_vec()
}

/// Where the last segment begins. If it is only a format, the segment before it counts, if there is one.
fn name_at(path: &[u8]) -> usize {
    let at = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at.saturating_add(1));
    if at > 1 && path.get(at) == Some(&b'.') { at.saturating_sub(1) } else { at }
}

fn join<'a>(segments: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    segments.collect::<Vec<_>>().join(&b'/')
}
