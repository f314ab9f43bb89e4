//! Requests in what programs and libraries print of them: Wget, OkHttp, k6, Spring, ASP.NET.

use super::entries::Requests;
use super::{Captured, http};

/// `wget --debug`.
pub fn wget(text: &str) -> Option<Requests> {
    let (_, rest) = text.split_once("---request begin---\n")?;
    let (head, rest) = rest.split_once("---request end---")?;
    let rest = rest.trim_start_matches(['\r', '\n']);
    let data = rest.strip_prefix("[POST data: ").or_else(|| rest.strip_prefix("[BODY data: "));
    let body = data.and_then(|data| data.split_once("]\n")).map(|(body, _)| body).unwrap_or_default();
    Some(vec![http::read_one(format!("{}\r\n\r\n{body}", head.trim_end()).as_bytes())])
}

/// OkHttp's logging interceptor: `--> POST https://…`, header lines, the body, `--> END POST`.
pub fn okhttp(text: &str) -> Option<Requests> {
    let at = text.find("--> ")?;
    let inside = text.get(at..)?.strip_prefix("--> ")?;
    let (inside, _) = inside.split_once("--> END ")?;
    // Android's log has a tag in front of each line.
    let before = text.get(..at).and_then(|before| before.rsplit('\n').next()).unwrap_or_default();
    let tag = before.rsplit_once(": ").map_or(before, |_| before);
    let mark = tag.rsplit(' ').find(|word| !word.is_empty()).filter(|word| word.len() < 100 && word.ends_with(':'));
    let lines: Vec<&str> = inside.lines().map(|line| without_tag(line, mark)).collect();
    let mut inside = lines.join("\n");
    let end = inside.find('\n').unwrap_or(inside.len());
    let first = inside.get(..end)?.split(' ').take(2).collect::<Vec<_>>().join(" ");
    inside.replace_range(..end, &format!("{first} HTTP/1.1"));
    let body = inside.trim_end_matches('\n').to_owned();
    http::request_line(first.as_bytes())?;
    Some(vec![http::read_one(body.as_bytes())])
}

/// A line of Android's log without its tag, whose time and ids differ.
fn without_tag<'a>(line: &'a str, mark: Option<&str>) -> &'a str {
    match mark.and_then(|mark| line.split_once(mark)) {
        Some((_, rest)) => rest.strip_prefix(' ').unwrap_or(rest),
        None => line,
    }
}

/// k6 with `--http-debug=full`: the raw request in a line of its log.
pub fn k6(text: &str) -> Option<Requests> {
    let (before, rest) = text.split_once("Request:\n")?;
    if !before.starts_with("INFO[") && !before.starts_with("time=") {
        return None;
    }
    let (inside, _) = rest.split_once("group= ").unwrap_or((rest, ""));
    Some(vec![http::read_one(inside.trim_end().as_bytes())])
}

/// Spring's CommonsRequestLoggingFilter: `[POST /path, client=…, headers=[name:"value", …], payload=…]`.
pub fn spring(text: &str) -> Option<Requests> {
    let (_, rest) = text.split_once(" request [")?;
    let (line, rest) = rest.split_once(", headers=[")?;
    let (lines, rest) = rest.split_once("\"]")?;
    let mut captured = Captured::default();
    let (method, target) = http::request_line(line.split(',').next()?.as_bytes())?;
    method.clone_into(&mut captured.method);
    target.clone_into(&mut captured.target);
    for line in lines.split("\", ") {
        if let Some((name, value)) = line.split_once(":\"") {
            captured.add_header(name, value.as_bytes());
        }
    }
    let payload = rest.split_once("payload=").map(|(_, payload)| payload.trim_end()).unwrap_or_default();
    captured.body = payload.strip_suffix(']').unwrap_or(payload).as_bytes().to_vec();
    if captured.declared_length().is_some_and(|declared| declared > captured.body.len()) && !captured.body.is_empty() {
        captured.lost.push(super::lost::Lost {
            advice: "Raise setMaxPayloadLength of the filter, or give the whole body with --body.".to_owned(),
            ..super::lost::Lost::cut()
        });
    }
    Some(vec![Ok(captured)])
}

/// ASP.NET's HTTP logging: `Request:`, lines of its parts and headers, and `RequestBody:`.
pub fn asp_net(text: &str) -> Option<Requests> {
    if !text.contains("HttpLoggingMiddleware") {
        return None;
    }
    let (_, rest) = text.split_once("Request:\n")?;
    let mut captured = Captured::default();
    for line in rest.lines().take_while(|line| line.starts_with([' ', '\t'])) {
        match line.trim().split_once(':').map(|(name, value)| (name, value.trim())) {
            Some(("Method", value)) => value.clone_into(&mut captured.method),
            Some(("Path", value)) => value.clone_into(&mut captured.target),
            Some(("Scheme", value)) => captured.scheme = Some(value.to_owned()),
            Some(("Protocol" | "PathBase", _)) | None => {}
            Some((name, value)) => captured.add_header(name, value.as_bytes()),
        }
    }
    let body = text.split_once("RequestBody: ").map(|(_, body)| body.lines().next().unwrap_or_default());
    captured.body = body.unwrap_or_default().as_bytes().to_vec();
    Some(vec![Ok(captured)])
}
