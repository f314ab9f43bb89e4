//! What pages of inspectors show of a request, copied as text: titles of sections, and the lines below them.

use hookwarden::verify::bytes::json::Json;

use super::entries::Requests;
use super::lost::Lost;
use super::{Captured, body, headers, http};

/// Titles above the headers of the request.
const HEADERS: &[&str] = &["headers", "request headers", "http headers"];
/// Titles above its body.
const BODY: &[&str] = &["request content", "request body", "raw content", "raw body", "body", "payload", "post data"];
/// Titles of everything else.
const OTHERS: &[&str] = &[
    "query strings",
    "query parameters",
    "query params",
    "form values",
    "files",
    "response headers",
    "response body",
    "response",
    "custom action output",
    "network",
    "cookies",
];

/// A page of webhook.site, Beeceptor and the like, or the console of Postman: method and URL in front, then sections.
pub fn read(text: &str) -> Option<Requests> {
    let text = text.replace("\r\n", "\n");
    let lines: Vec<&str> = text.lines().collect();
    let title = |line: &str| line.trim().trim_end_matches(':').to_ascii_lowercase();
    let is_of = |titles: &[&str], line: &&str| titles.contains(&title(line).as_str());
    let headers_at = lines.iter().position(|line| is_of(HEADERS, line))?;
    let called = lines.iter().take(headers_at).enumerate().find_map(|(at, line)| called(line, lines.get(at + 1)));
    let (method, url) = called.filter(|_| headers_at < 40)?;
    let mut captured = Captured { method, ..Captured::default() };
    let end_of = |from: usize| {
        let ends = |line: &&str| is_of(HEADERS, line) || is_of(BODY, line) || is_of(OTHERS, line);
        lines.iter().skip(from).position(ends).map_or(lines.len(), |at| at.saturating_add(from))
    };
    let from = headers_at.saturating_add(1);
    let shown = lines.get(from..end_of(from)).unwrap_or_default();
    let read = add_headers(&mut captured, shown).and_then(|()| {
        if url.starts_with('/') {
            url.clone_into(&mut captured.target)
        } else {
            captured.add_url(&url)?
        }
        let body_at = lines.iter().position(|line| is_of(BODY, line));
        let (content, is_certain) = body_at.map_or_else(Default::default, |at| {
            let from = at.saturating_add(1);
            let is_first = at < headers_at;
            let ends = |line: &&str| {
                is_of(&["response headers", "response body", "response"], line)
                    || (is_first && (is_of(HEADERS, line) || is_of(&["[no cookies]", "cookie data"], line)))
            };
            content(lines.get(from..).unwrap_or_default(), ends, captured.declared_length())
        });
        take_content(&mut captured, &content, is_certain);
        Ok(())
    });
    Some(vec![read.map(|()| captured)])
}

/// The lines of a body up to the title behind it, and whether it is certain that this is one: the body may have such a
/// line itself.
fn content(lines: &[&str], ends: impl Fn(&&str) -> bool, declared: Option<usize>) -> (String, bool) {
    const MOST_ENDS: usize = 50;
    let titles: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| ends(line)).map(|(at, _)| at).take(MOST_ENDS).collect();
    let shown = |end: usize| lines.get(..end).unwrap_or_default().join("\n").trim_matches('\n').to_owned();
    let all = titles.iter().copied().chain([lines.len()]);
    if let Some(whole) = declared.and_then(|declared| all.map(shown).find(|text| text.len() == declared)) {
        return (whole, true);
    }
    let text = shown(titles.first().copied().unwrap_or(lines.len()));
    let is_certain = titles.is_empty() || text.is_empty() || Json::parse_file(text.as_bytes()).is_ok();
    (text, is_certain)
}

/// Whether a text whose first line looks like a request line is a page: a title stands among its first lines.
pub fn begins(text: &str) -> bool {
    let is_title = |line: &str| HEADERS.contains(&line.trim().trim_end_matches(':').to_ascii_lowercase().as_str());
    !text.lines().next().unwrap_or_default().contains(" HTTP/") && text.lines().take(12).any(is_title)
}

/// `POST https://…` with a blank or tab between, or in two lines.
fn called(line: &str, next: Option<&&str>) -> Option<(String, String)> {
    let mut words = line.split_whitespace();
    let method = words.next()?;
    let url = words.next().or_else(|| next.map(|line| line.trim()))?;
    let is_method = method.len() > 2 && method.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_url = url.starts_with('/') || url.starts_with("https://") || url.starts_with("http://");
    (is_method && is_url).then(|| (method.to_owned(), url.trim_end_matches(':').to_owned()))
}

fn add_headers(captured: &mut Captured, lines: &[&str]) -> Result<(), String> {
    let text = lines.join("\n");
    if text.trim_start().starts_with('{') {
        return headers::add(captured, &Json::Text(text));
    }
    let mut lines = lines.iter().filter(|line| !line.trim().is_empty()).peekable();
    while let Some(line) = lines.next() {
        let is_name = |text: &str| hookwarden::verify::request::is_header_name(text);
        match line.split_once('\t').or_else(|| line.split_once(": ")) {
            Some((name, value)) if is_name(name.trim()) => {
                let value = value.trim();
                let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
                captured.add_header(name.trim(), bare.as_bytes());
            }
            // The value may be in the line below.
            _ if is_name(line.trim()) => {
                let value = lines.next().map(|line| line.trim()).unwrap_or_default();
                captured.add_header(line.trim(), value.as_bytes());
            }
            _ => {}
        }
    }
    Ok(())
}

/// A page shows JSON in lines of its own, whatever they were.
fn take_content(captured: &mut Captured, content: &str, is_certain: bool) {
    if content.is_empty() {
        captured.lost.push(captured.declared_length().map_or_else(
            || {
                Lost::new(
                    "capture_without_body",
                    "The capture has no body: the page was copied without it.",
                    "Copy the raw content, too, or save the body in a file of its own and give it with --body.",
                )
            },
            Lost::body,
        ));
        return;
    }
    captured.body = content.as_bytes().to_vec();
    let is_whole = captured.declared_length().is_none_or(|declared| declared == content.len());
    match Json::parse_file(content.as_bytes()) {
        Ok(parsed) if !is_whole => body::take_parsed(captured, &parsed),
        _ => http::take_body(captured),
    }
    if !is_certain && captured.lost.is_empty() {
        captured.lost.push(Lost {
            sentence:
                "The capture may hold only the beginning of the body: a line that reads like a title ends it here, \
                       and may be a part of it."
                    .to_owned(),
            advice: "Give the whole body with --body.".to_owned(),
            ..Lost::cut()
        });
    }
}
