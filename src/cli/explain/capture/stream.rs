//! Several messages behind each other, as whoever follows a connection saves them: where a body ends, and where the next
//! request begins.

use super::{chunked, editor_file, http};

/// Skips an interim answer (`100 Continue`) between head and body.
pub fn after_continue(body: &[u8]) -> &[u8] {
    if !(body.starts_with(b"HTTP/1.1 100") || body.starts_with(b"HTTP/1.0 100")) {
        return body;
    }
    let end =
        |mark: &[u8]| body.windows(mark.len()).position(|bytes| bytes == mark).map(|at| at.saturating_add(mark.len()));
    let end = end(b"\r\n\r\n").or_else(|| end(b"\n\n")).unwrap_or(body.len());
    body.get(end..).unwrap_or_default()
}

/// Skips a second empty line, which programs print behind a head that ends in one, if the length proves it.
pub fn after_blank_line(body: &[u8], declared: Option<usize>) -> &[u8] {
    let ends_at = |body: &[u8]| {
        declared
            .is_some_and(|length| body.len() == length || body.get(length).is_some_and(|byte| b"\r\n".contains(byte)))
    };
    match body.strip_prefix(b"\r\n").or_else(|| body.strip_prefix(b"\n")) {
        Some(rest) if !ends_at(body) && ends_at(rest) => rest,
        _ => body,
    }
}

/// The body, and the messages behind it. What does not begin as a message belongs to the body.
///
/// No mark of an editor is in fewer bytes than `marked` from the end.
pub fn cut(text: &[u8], declared: Option<usize>, is_chunked: bool, marked: usize) -> (&[u8], &[u8]) {
    if is_chunked {
        let behind = chunked::split(text).map_or(&[][..], |(_, behind)| behind);
        let behind = if is_message(behind.trim_ascii_start()) { behind } else { &[] };
        return text.split_at_checked(text.len().saturating_sub(behind.len())).unwrap_or((text, &[]));
    }
    if let Some((body, behind)) = declared.and_then(|length| text.split_at_checked(length))
        && (behind.is_empty() || is_message(behind.trim_ascii_start()) || is_logged(behind))
    {
        return (body, behind);
    }
    // Files of editors have this between requests.
    if declared.is_none()
        && text.len() >= marked
        && let Some((body, behind)) = editor_file::split(text)
    {
        return (body, behind);
    }
    // The length is that of the bytes before they were copied, or there is none: then a message is a line of its own
    // behind an empty one.
    let mut starts = (0..text.len()).filter(|at| text.get(*at..).is_some_and(is_message));
    let stands_alone = |at: &usize| {
        let before = text.get(..*at).unwrap_or_default();
        *at == 0 || before.ends_with(b"\n\n") || before.ends_with(b"\n\r\n")
    };
    let start = if declared.is_some() { starts.next() } else { starts.find(stands_alone) };
    match start.filter(|_| declared != Some(text.len())) {
        Some(at) => text.split_at_checked(at).unwrap_or((text, &[])),
        None => (text, &[]),
    }
}

/// A text that begins with an answer goes on with the next request, if there is one.
pub fn behind_answer(text: &[u8]) -> &[u8] {
    let next = if is_answer(text.trim_ascii_start()) { next_request(text) } else { &[] };
    if next.is_empty() { text } else { next }
}

/// Where the next request begins, behind answers; empty if there is none.
pub fn next_request(text: &[u8]) -> &[u8] {
    let is_start = |at: &usize| text.get(*at..).is_some_and(is_request);
    (0..text.len()).find(is_start).and_then(|at| text.get(at..)).unwrap_or_default()
}

/// Skips the comments that `.http` files of editors have in front of a request.
pub fn without_comments(text: &[u8]) -> &[u8] {
    let mut rest = text;
    // ZAP numbers the messages that it saves, between equals signs.
    let marks: [&[u8]; 4] = [b"#", b"// ", b"@", b"==== "];
    while marks.iter().any(|mark| rest.starts_with(mark)) {
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at.saturating_add(1));
        rest = rest.get(end..).unwrap_or_default().trim_ascii_start();
    }
    rest
}

/// The request in what Insomnia shows as timeline: `> ` and lines of the head, `| ` and those of the body.
pub fn timeline(text: &[u8]) -> Option<Vec<u8>> {
    if !(text.starts_with(b"* ") || text.starts_with(b"> ")) {
        return None;
    }
    let of = |mark: &[u8]| -> Vec<Vec<u8>> {
        text.split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .filter_map(|line| line.strip_prefix(mark).map(<[u8]>::to_vec))
            .collect()
    };
    let (head, body) = (of(b"> "), of(b"| "));
    (!head.is_empty() && !body.is_empty())
        .then(|| [head.join(&b"\r\n"[..]), body.join(&b"\n"[..])].join(&b"\r\n\r\n"[..]))
}

/// A line of the program's log, of an access log above all.
fn is_logged(text: &[u8]) -> bool {
    let line = text.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default();
    text.starts_with(b"\n") && line.windows(7).any(|part| part == b" HTTP/1") && line.contains(&b'"')
}

fn is_message(text: &[u8]) -> bool {
    is_answer(text) || is_request(text)
}

/// `HTTP/1.1 401 Unauthorized`.
fn is_answer(text: &[u8]) -> bool {
    let Some(rest) = text.strip_prefix(b"HTTP/") else { return false };
    // The version has three characters at most.
    let Some(blank) = rest.iter().take(4).position(|byte| *byte == b' ') else { return false };
    let status = rest.get(blank.saturating_add(1)..blank.saturating_add(4));
    rest.first().is_some_and(u8::is_ascii_digit) && status.is_some_and(|status| status.iter().all(u8::is_ascii_digit))
}

/// A whole request line, with the version at its end.
fn is_request(text: &[u8]) -> bool {
    let starts = [&b"POST "[..], b"GET ", b"PUT ", b"PATCH ", b"DELETE ", b"HEAD ", b"OPTIONS "];
    if !starts.iter().any(|start| text.starts_with(start)) {
        return false;
    }
    // Most are told by their second word, and a whole line is read only of what has all three.
    let mut words = text.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).skip(1);
    let is_target =
        words.next().is_some_and(|word| word.starts_with(b"/") || word.windows(3).any(|part| part == b"://"));
    if !is_target || !words.next().is_some_and(|word| word.starts_with(b"HTTP/")) {
        return false;
    }
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
    let has_version = line.rsplit(|byte| *byte == b' ').next().is_some_and(|word| word.starts_with(b"HTTP/"));
    has_version && http::request_line(line).is_some()
}
