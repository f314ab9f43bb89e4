//! Paths, and the ways in which two readers could read one differently.

use std::collections::BTreeSet;

/// Whether `path` can be read in more than one way by the servers that webhooks really reach: dot segments, empty
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

/// Whether every router reads `path` alike: lower-case words between single slashes, and nothing else.
#[must_use]
pub fn is_plain(path: &[u8]) -> bool {
    let word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(*byte, b'-' | b'_');
    let words = || path.get(1..).unwrap_or_default().split(|byte| *byte == b'/');
    path == b"/" || (path.starts_with(b"/") && words().all(|segment| !segment.is_empty() && segment.iter().all(word)))
}

/// How a lenient router compares paths: in lower case, without slashes at the end.
#[must_use]
pub fn fold(path: &[u8]) -> Vec<u8> {
    let mut folded = path.to_ascii_lowercase();
    while folded.len() > 1 && folded.last() == Some(&b'/') {
        folded.pop();
    }
    folded
}

/// Every folded reading of `path` that some reader could arrive at: escapes decoded no, one, or two times, path
/// parameters dropped before, between or after, cut at controls, backslashes as slashes, empty segments dropped, dot
/// segments resolved, blanks and points at the end dropped, and a format such as `.json`, each or not.
#[must_use]
pub fn readings(path: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut readings = BTreeSet::from([path.to_vec()]);
    let decoded = [drop_parameters, decode, drop_parameters, decode];
    let tidied = [cut_at_controls, slash_backslashes, drop_parameters, drop_empty, resolve_dots, trim_end, drop_format];
    for step in decoded.into_iter().chain(tidied) {
        let further: Vec<_> = readings.iter().map(|reading| step(reading)).collect();
        readings.extend(further);
    }
    readings.iter().map(|reading| fold(reading)).collect()
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
        match tail.get(..2).and_then(unescape).filter(|_| *first == b'%') {
            Some(byte) => {
                decoded.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push(*first);
                rest = tail;
            }
        }
    }
    decoded
}

fn cut_at_controls(path: &[u8]) -> Vec<u8> {
    path.split(|byte| byte.is_ascii_control() || matches!(*byte, b'#' | b'?')).next().unwrap_or_default().to_vec()
}

fn slash_backslashes(path: &[u8]) -> Vec<u8> {
    path.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect()
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

/// Without blanks and points at the end, which some file systems and pattern matchers drop.
fn trim_end(path: &[u8]) -> Vec<u8> {
    let end = path.iter().rposition(|byte| !matches!(*byte, b' ' | b'.' | b'+')).map_or(0, |at| at.saturating_add(1));
    path.get(..end).unwrap_or_default().to_vec()
}

/// Without the format that some routers take off the last segment: `/a.json` for `/a`.
fn drop_format(path: &[u8]) -> Vec<u8> {
    let last = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at.saturating_add(2));
    let point = path.iter().rposition(|byte| *byte == b'.').filter(|point| *point >= last);
    path.get(..point.unwrap_or(path.len())).unwrap_or_default().to_vec()
}

fn join<'a>(segments: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    segments.collect::<Vec<_>>().join(&b'/')
}
