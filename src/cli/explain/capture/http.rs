//! Raw HTTP/1.1 text: a request line, header lines, an empty line, the body. Copies of HTTP/2 heads and what
//! `curl -v` prints are read too.

use super::entries::Requests;
use super::{Captured, OtherBody, chunked, editor_file, framing, printed_headers, stream};

/// The form, in the output.
pub const FORM: &str = "raw HTTP";

/// Reads what went over a connection, or a copy that lost its carriage returns: requests, and answers between them.
pub fn requests(text: &[u8]) -> Requests {
    let mut found = Vec::new();
    let mut rest = stream::behind_answer(text);
    // Searched once: not again behind each request.
    let marked = editor_file::from_last_mark(text);
    loop {
        let message = read(rest, marked);
        let is_error = message.is_err();
        let (captured, behind) = match message {
            Ok((captured, behind)) => (Ok(captured), behind),
            Err(error) => (Err(error), &[][..]),
        };
        // What cannot be read behind a request is no request.
        if !is_error || found.is_empty() {
            found.push(captured);
        }
        rest = stream::next_request(behind);
        if rest.is_empty() {
            return found;
        }
    }
}

/// Reads one request, whatever is behind it.
pub fn read_one(text: &[u8]) -> Result<Captured, String> {
    read(text, editor_file::from_last_mark(text)).map(|(captured, _)| captured)
}

/// A request, and what is behind it.
fn read(text: &[u8], marked: usize) -> Result<(Captured, &[u8]), String> {
    let text = stream::without_comments(text.trim_ascii_start());
    if let Some(timeline) = stream::timeline(text) {
        return read_plain(&timeline, editor_file::from_last_mark(&timeline)).map(|(mut captured, _)| {
            captured.notes.push("this is a timeline, whose lines were put together".to_owned());
            (captured, &[][..])
        });
    }
    read_plain(text, marked)
}

/// One that is no timeline.
fn read_plain(text: &[u8], marked: usize) -> Result<(Captured, &[u8]), String> {
    let (head, body, has_crlf) = split(text);
    let traced = traced(head);
    let head = traced.as_deref().unwrap_or(head);
    let mut captured = Captured { form: FORM, ..Captured::default() };
    let mut lines = lines(head).into_iter();
    let first = lines.next().unwrap_or_default();
    match request_line(&first) {
        Some((method, target)) => {
            captured.method = method.to_owned();
            take_target(&mut captured, target)?;
        }
        None if first.starts_with(b"HTTP/") => {
            return Err("this is a response; the request is what was refused".to_owned());
        }
        None => add_line(&mut captured, &first).map_err(|()| {
            "is neither a request line such as \"POST /hooks/github HTTP/1.1\", nor a curl command, nor JSON; \
             `hookwarden explain --forms` lists what is read"
                .to_owned()
        })?,
    }
    let mut ignored = 0_usize;
    for line in lines {
        if add_line(&mut captured, &line).is_err() {
            if request_line(&line).is_some() && line.windows(6).any(|part| part == b" HTTP/") {
                return Err("has a second request line in the head: lines of several requests are mixed".to_owned());
            }
            ignored = ignored.saturating_add(1);
        }
    }
    if ignored > 0 {
        captured.notes.push("a line of the head is not a header and was ignored".to_owned());
    }
    if traced.is_some() {
        captured.notes.push("this is what curl -v prints, which holds no body; give it with --body".to_owned());
    }
    let body = stream::after_blank_line(stream::after_continue(body), captured.declared_length());
    let (body, behind) = stream::cut(body, captured.declared_length(), captured.is_chunked(), marked);
    if !behind.is_empty() {
        captured.notes.push("what follows the body is the answer or another request, and was cut off".to_owned());
    }
    if editor_file::names_file(body) {
        return Err("names a file as body, which is not in it: give that with --body".to_owned());
    }
    captured.body = body.to_vec();
    if !has_crlf && !head.is_empty() && traced.is_none() {
        captured.notes.push("the head has lost its carriage returns; the body may have, too".to_owned());
    }
    printed_headers::lines_and_literal(&mut captured);
    take_body(&mut captured);
    Ok((captured, behind))
}

/// Reads header lines alone, with or without a request line in front.
pub fn read_head(text: &[u8]) -> Result<Captured, String> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start();
    let (head, _, _) = split(text);
    let mut captured = Captured { form: "files of headers and body", ..Captured::default() };
    for (at, line) in lines(head).iter().enumerate() {
        match (at, request_line(line)) {
            (0, Some((method, target))) => {
                captured.method = method.to_owned();
                take_target(&mut captured, target)?;
            }
            _ => add_line(&mut captured, line)
                .map_err(|()| format!("line {} of the headers is not \"Name: value\"", at.saturating_add(1)))?,
        }
    }
    Ok(captured)
}

/// Reads a head and a body that a program kept apart.
pub fn of_parts(head: &str, body: &[u8]) -> Result<Captured, String> {
    let mut captured = read_head(head.as_bytes())?;
    captured.body = body.to_vec();
    take_body(&mut captured);
    Ok(captured)
}

/// Undoes the transfer coding, and the changes that the declared length shows.
pub fn take_body(captured: &mut Captured) {
    if captured.is_chunked() {
        match chunked::decode(&captured.body) {
            Some(body) => captured.body = body,
            None => captured.notes.push("the body is no longer chunked; it is used as it is".to_owned()),
        }
        return;
    }
    let declared = captured.declared_length();
    framing::reconcile_length(captured, declared);
    if declared.is_none()
        && let Some(body) = chunked::decode(&captured.body)
    {
        captured.other_bodies.push(OtherBody {
            code: "body_chunked",
            sentence: "The body still has its chunk sizes in it (Transfer-Encoding: chunked); the sender signed what they \
                       frame.",
            advice: "Save the body as the application reads it, or keep the header Transfer-Encoding in the capture.",
            bytes: body,
        });
    }
}

/// Head, body, and whether the head's lines end in CR and LF.
fn split(text: &[u8]) -> (&[u8], &[u8], bool) {
    let mut start = 0;
    while let Some(end) = text.get(start..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n')) {
        let end = start.saturating_add(end);
        let behind = end.saturating_add(1);
        let line = text.get(start..end).unwrap_or_default();
        // The console of Postman writes a blank into the empty line.
        if line.trim_ascii().is_empty() && (line.len() < 3 || start > 0) {
            let has_crlf = line == b"\r";
            return (text.get(..start).unwrap_or_default(), text.get(behind..).unwrap_or_default(), has_crlf);
        }
        start = behind;
    }
    (text, b"", text.windows(2).any(|pair| pair == b"\r\n"))
}

/// The lines of a head without their ends; a line that begins with a blank goes on with the one before.
fn lines(head: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in head.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match lines.last_mut() {
            Some(last) if line.starts_with(b" ") || line.starts_with(b"\t") => {
                last.push(b' ');
                last.extend_from_slice(line.trim_ascii());
            }
            _ if line.is_empty() => {}
            _ => lines.push(line.to_vec()),
        }
    }
    lines
}

/// The head in what `curl -v` prints, whose lines begin with `> `.
fn traced(head: &[u8]) -> Option<Vec<u8>> {
    let sent = |line: &&[u8]| line.starts_with(b"> ");
    let lines: Vec<&[u8]> = head.split(|byte| *byte == b'\n').collect();
    let is_trace =
        lines.iter().any(sent) && lines.iter().all(|line| line.first().is_none_or(|byte| b"><*{}".contains(byte)));
    let sent = lines.iter().filter_map(|line| line.strip_prefix(b"> "));
    is_trace.then(|| sent.collect::<Vec<_>>().join(&b'\n'))
}

/// Method and target, if it is the first line of a request.
pub fn request_line(line: &[u8]) -> Option<(&str, &str)> {
    let mut words = std::str::from_utf8(line).ok()?.split(' ').filter(|word| !word.is_empty());
    let (method, target, version) = (words.next()?, words.next()?, words.next());
    let is_method = method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    let is_target = target.starts_with('/') || target.contains("://");
    let is_version = version.is_none_or(|version| version.to_ascii_uppercase().starts_with("HTTP/"));
    (is_method && is_target && is_version && words.next().is_none()).then_some((method, target))
}

fn take_target(captured: &mut Captured, target: &str) -> Result<(), String> {
    if target.starts_with('/') {
        target.clone_into(&mut captured.target);
        Ok(())
    } else {
        captured.add_url(target)
    }
}

/// Adds `Name: value`; pseudo headers of HTTP/2 begin with a colon themselves.
pub fn add_line(captured: &mut Captured, line: &[u8]) -> Result<(), ()> {
    let from = usize::from(line.starts_with(b":"));
    let colon = line.iter().skip(from).position(|byte| *byte == b':').ok_or(())?.saturating_add(from);
    let (name, rest) = line.split_at_checked(colon).ok_or(())?;
    let value = rest.strip_prefix(b":").unwrap_or(rest);
    let name = std::str::from_utf8(name).map_err(|_| ())?.trim_ascii();
    let plain = name.strip_prefix(':').unwrap_or(name);
    if !hookwarden::verify::request::is_header_name(plain) {
        return Err(());
    }
    captured.add_header(name, value.trim_ascii());
    Ok(())
}
