//! Requests in what servers and proxies write when they debug: Envoy, NGINX, Apache, ModSecurity.

use super::entries::Requests;
use super::lost::Lost;
use super::{Captured, http};

/// Envoy's log at the level debug: the head of each request, and no body.
pub fn envoy(text: &str) -> Option<Requests> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if !line.contains("request headers complete (end_stream=") {
            continue;
        }
        let has_body = line.contains("end_stream=false");
        let mut captured = Captured::default();
        for line in lines.by_ref() {
            // A container's name and a bar may stand in front.
            let line = line.split_once("| '").map_or(line, |(_, rest)| rest).trim().trim_start_matches('\'');
            let Some((name, value)) = line.split_once("', '") else { break };
            captured.add_header(name, value.trim_end_matches('\'').as_bytes());
        }
        if has_body {
            captured.lost.push(no_body(
                "Envoy's log has the head of a request and never its body.",
                "Capture the request with Envoy's tap filter, or save the body in a file of its own and give it with --body.",
            ));
        }
        found.push(Ok(captured));
    }
    (!found.is_empty()).then_some(found)
}

/// NGINX's log at the level debug.
pub fn nginx(text: &str) -> Option<Requests> {
    if !text.contains("[debug]") {
        return None;
    }
    let mut captured = Captured::default();
    for line in text.lines() {
        if let Some((_, line)) = line.split_once(" http header: \"") {
            let _ = http::add_line(&mut captured, line.trim_end_matches('"').as_bytes());
        } else if let Some((_, line)) = line.split_once(" http request line: \"")
            && let Some((method, target)) = http::request_line(line.trim_end_matches('"').as_bytes())
        {
            method.clone_into(&mut captured.method);
            target.clone_into(&mut captured.target);
        }
    }
    captured.lost.push(no_body(
        "NGINX's log has the head of a request and never its body.",
        "Log $request_body, capture the request in front of NGINX, or give the body with --body.",
    ));
    (!captured.headers.is_empty()).then(|| vec![Ok(captured)])
}

/// Apache's mod_dumpio: the bytes line by line, with escapes.
pub fn apache(text: &str) -> Option<Requests> {
    let mut raw = Vec::new();
    for line in text.lines() {
        let Some((_, data)) = line.split_once("mod_dumpio:  dumpio_in (data-HEAP): ") else { continue };
        // A line before the data says how many bytes they are.
        if data.trim_end().strip_suffix(" bytes").is_some_and(|count| count.bytes().all(|byte| byte.is_ascii_digit())) {
            continue;
        }
        raw.extend(unescaped(data));
    }
    (!raw.is_empty()).then(|| http::requests(&raw))
}

/// Undoes the escapes of Apache's log.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(rest.get(..at).unwrap_or_default().as_bytes());
        let escape = rest.get(at.saturating_add(1)..).unwrap_or_default();
        let hex = || u8::from_str_radix(escape.strip_prefix('x')?.get(..2)?, 16).ok();
        let (byte, length) = match (escape.bytes().next(), hex()) {
            (Some(b'x'), Some(byte)) => (byte, 3),
            (Some(b'r'), _) => (b'\r', 1),
            (Some(b'n'), _) => (b'\n', 1),
            (Some(b't'), _) => (b'\t', 1),
            (Some(byte @ (b'\\' | b'"')), _) => (byte, 1),
            _ => (b'\\', 0),
        };
        bytes.push(byte);
        rest = escape.get(length..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// ModSecurity's audit log: section B is the head, C the body.
pub fn modsecurity(text: &str) -> Option<Requests> {
    let first = text.lines().next()?;
    let boundary = first.trim_end().strip_prefix("--")?.strip_suffix("-A--").filter(|name| !name.is_empty())?;
    let section = |name: &str| {
        let (_, rest) = text.split_once(&format!("--{boundary}-{name}--\n"))?;
        rest.split_once(&format!("\n--{boundary}-")).map(|(inside, _)| inside)
    };
    let head = section("B")?;
    let read = http::read_one(format!("{}\n\n{}", head.trim_end(), section("C").unwrap_or_default()).as_bytes());
    Some(vec![read.map(|mut captured| {
        if section("C").is_none() && captured.lost.is_empty() && section("I").is_some() {
            captured.lost.push(no_body(
                "Section C of the audit log, the body, is missing.",
                "Add C to SecAuditLogParts, or give the body with --body.",
            ));
        }
        captured
    })])
}

fn no_body(sentence: &str, advice: &str) -> Lost {
    Lost::new("capture_without_body", format!("The capture has no body: {sentence}"), advice)
}
