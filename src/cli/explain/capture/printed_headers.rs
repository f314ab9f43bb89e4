//! Headers as a program prints them, and the body printed behind them: a value of JavaScript, Python, PHP or Go, or header
//! lines in front of a literal.

use hookwarden::verify::bytes::json::Json;

use super::entries::Requests;
use super::lost::Lost;
use super::value::Members as _;
use super::{Captured, body, cgi, headers, literal, php};

/// Headers that nearly every request has.
const USUAL: &[&str] = &["host", "content-type", "user-agent", "content-length", "accept"];

/// The headers at the beginning of a text, and a body behind them.
pub fn read(text: &str) -> Option<Requests> {
    let text = unlabelled(text);
    let (value, rest) = go_map(text)
        .or_else(|| java(text))
        .or_else(|| php::parse(text))
        .or_else(|| literal::parse(text).filter(|_| !text.starts_with(['"', '\'', 'b'])))
        .map(|(value, rest)| (of_pairs(value), rest))
        .filter(|(value, _)| is_headers(value))?;
    let mut captured = Captured::default();
    let read = headers::add(&mut captured, &value);
    let name = |name: &str| value.text_at(name).map(str::to_owned);
    captured.method = name("REQUEST_METHOD").unwrap_or_default();
    let read = read.and_then(|()| cgi::add_target(&mut captured, &value));
    if value.has("REQUEST_METHOD") {
        captured.headers.retain(|(name, _)| !name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'));
    }
    Some(vec![read.and_then(|()| take_body(&mut captured, rest)).map(|()| captured)])
}

/// A list of pairs of texts as an object.
fn of_pairs(value: Json) -> Json {
    let pair = |item: &Json| match item.items()? {
        [name, Json::Text(line)] => Some((name.text()?.to_owned(), Json::Text(line.clone()))),
        _ => None,
    };
    match value.items().map(|items| items.iter().map(pair).collect::<Option<Vec<_>>>()) {
        Some(Some(pairs)) if !pairs.is_empty() => Json::Object(pairs),
        _ => value,
    }
}

/// The literal behind header lines, as `print(request.data)` shows it.
pub fn literal_body(body: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let is_literal = ["b'", "b\"", "<Buffer "].iter().any(|sign| text.starts_with(sign));
    let (value, rest) = is_literal.then(|| literal::parse(text))??;
    match (rest.trim(), body::read(&value, false)) {
        ("", Ok(body::Body::Bytes(bytes))) => Some(bytes),
        _ => None,
    }
}

fn is_headers(value: &Json) -> bool {
    let is_text = |value: &Json| matches!(value, Json::Text(_) | Json::Number(_));
    let is_line = |value: &Json| match value {
        Json::List(items) => !items.is_empty() && items.iter().all(is_text),
        value => is_text(value) || *value == Json::Null,
    };
    let members = value.entries().unwrap_or_default();
    let names = members.iter().map(|(name, _)| headers::of_variable(name).to_ascii_lowercase());
    let usual = names.filter(|name| USUAL.contains(&name.as_str())).count();
    usual > 1
        && members.iter().all(|(_, value)| is_line(value))
        && !["body", "url", "method", "path", "raw_body", "rawBody"].iter().any(|name| value.has(name))
}

fn take_body(captured: &mut Captured, rest: &str) -> Result<(), String> {
    // A class or a call may be closed behind the value.
    let rest = unlabelled(rest.trim_start_matches([')', ';', ',']).trim());
    if rest.is_empty() {
        captured.lost.push(Lost::new(
            "capture_without_body",
            "The capture has no body: it shows the headers only.",
            "Print the raw body, too, or save it in a file of its own and give it with --body.",
        ));
        return Ok(());
    }
    if let Some(bytes) = literal_body(rest.as_bytes()) {
        captured.body = bytes;
        return Ok(());
    }
    if let Some((value, _)) = php::dumped_text(rest) {
        return body::take(captured, &value, false);
    }
    if let Some(length) = captured.declared_length().filter(|length| is_line_end(rest, *length)) {
        captured.body = rest.get(..length).unwrap_or_default().as_bytes().to_vec();
        return Ok(());
    }
    if let Some((Json::Text(text), "")) =
        literal::parse(rest).filter(|_| rest.starts_with(['"', '\''])).map(|(value, behind)| (value, behind.trim()))
    {
        captured.body = text.into_bytes();
        return Ok(());
    }
    if Json::parse(rest.as_bytes()).is_ok() {
        captured.body = rest.as_bytes().to_vec();
        return Ok(());
    }
    match literal::parse(rest).or_else(|| php::parse(rest)) {
        Some((value, behind)) if behind.trim().is_empty() || matches!(value, Json::Object(_) | Json::List(_)) => {
            body::take(captured, &value, false)?;
            if rest.contains("[Object]") || rest.contains("[Array]") {
                captured.lost.insert(0, Lost::nested());
            }
            // Lines of JSON are one body.
            if behind.trim_start().starts_with(['{', '[']) {
                captured.lost.insert(0, Lost::cut());
            }
        }
        // What is printed behind it cannot be told from it.
        _ => captured.body = rest.as_bytes().to_vec(),
    }
    Ok(())
}

/// Whether a line of a text, or the text, ends at a place.
fn is_line_end(text: &str, at: usize) -> bool {
    text.get(at..).is_some_and(|behind| behind.is_empty() || behind.starts_with(['\n', '\r']))
}

/// The text behind a label such as `headers:` or `req.body =`.
fn unlabelled(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|char: char| !(char.is_alphanumeric() || "._ $".contains(char))).unwrap_or(0);
    let (label, rest) = text.split_at_checked(end).unwrap_or(("", text));
    let names = ["headers", "header", "body", "data", "payload", "rawbody", "raw body", "raw_body", "content"];
    let lower = label.trim().to_ascii_lowercase();
    let is_label = names.iter().any(|name| lower.ends_with(name));
    match rest.strip_prefix([':', '=']) {
        Some(behind) if is_label => behind.trim_start_matches('>').trim_start(),
        _ if is_label && label.ends_with(' ') => rest,
        // What Python shows of a class: `Headers({…})`.
        _ if is_label && rest.starts_with('(') => rest.get(1..).unwrap_or(rest),
        _ => text,
    }
}

/// `{host=…, accept=…}`, as Java prints a map, and `[host:"…", accept:"…"]`, as Spring prints `HttpHeaders`.
fn java(text: &str) -> Option<(Json, &str)> {
    let line = text.lines().next()?;
    let behind = text.get(line.len()..)?;
    let is_map = line.starts_with('{') && !line.contains("\":");
    let (inside, mark) = match is_map {
        true => (line.strip_prefix('{')?.trim_end().strip_suffix('}')?, '='),
        false => (line.strip_prefix('[')?.trim_end().strip_suffix(']')?, ':'),
    };
    let named = |part: &str| {
        let (name, value) = part.split_once(mark)?;
        hookwarden::verify::request::is_header_name(name).then(|| (name.to_owned(), value.to_owned()))
    };
    let mut members: Vec<(String, String)> = Vec::new();
    for part in inside.split(", ") {
        match (named(part), members.last_mut()) {
            (Some(member), _) => members.push(member),
            // A value may have commas itself.
            (None, Some((_, value))) => {
                value.push_str(", ");
                value.push_str(part);
            }
            (None, None) => return None,
        }
    }
    let bare = |value: String| {
        let value = value.strip_prefix('[').and_then(|value| value.strip_suffix(']')).unwrap_or(&value);
        Json::Text(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value).to_owned())
    };
    Some((Json::Object(members.into_iter().map(|(name, value)| (name, bare(value))).collect()), behind))
}

/// `map[Accept:[*/*] Host:[…]]`, as Go prints `http.Header`.
fn go_map(text: &str) -> Option<(Json, &str)> {
    let mut rest = text.strip_prefix("map[")?;
    let mut members = Vec::new();
    loop {
        rest = rest.trim_start_matches(' ');
        if let Some(behind) = rest.strip_prefix(']') {
            return Some((Json::Object(members), behind));
        }
        let (name, behind) = rest.split_once(":[")?;
        // A value may hold brackets itself: it ends where the next name or the map's end follows.
        let ends = |at: &usize| {
            let behind = behind.get(at.saturating_add(1)..).unwrap_or_default();
            let next = behind.strip_prefix(' ').and_then(|behind| {
                // No name has one of these, and nothing is searched twice.
                let (name, rest) = behind.split_at_checked(behind.find([':', ' ', ']', '\n'])?)?;
                rest.starts_with(":[").then_some(name)
            });
            behind.starts_with(']') || next.is_some_and(hookwarden::verify::request::is_header_name)
        };
        let end = behind.match_indices(']').map(|(at, _)| at).find(ends)?;
        members.push((name.to_owned(), Json::Text(behind.get(..end)?.to_owned())));
        rest = behind.get(end.saturating_add(1)..)?;
    }
}

/// Puts the bytes in place of a body that is printed as a literal behind header lines.
pub fn lines_and_literal(captured: &mut Captured) {
    if let Some(bytes) = literal_body(&captured.body) {
        captured.body = bytes;
        captured.notes.push("the body is printed as a literal, and was read as its bytes".to_owned());
    }
}
