//! What browsers copy: `fetch` calls and the command of PowerShell. (Their `curl` is in `curl`, their HAR in `har`.)

use hookwarden::verify::bytes::json::Json;

use super::entries::Requests;
use super::value::Members as _;
use super::{Captured, body, headers, literal, powershell};

/// A call of `fetch`, with an `await` or a declaration in front.
pub fn fetch(text: &str) -> Option<Requests> {
    let (before, call) = text.split_once("fetch(")?;
    let is_start = before.len() < 80 && !before.contains(['{', ':', '"', '\'', '`']) && before.lines().count() < 4;
    is_start.then(|| vec![read_fetch(call)])
}

fn read_fetch(call: &str) -> Result<Captured, String> {
    let unread = || {
        "the fetch call is not one that a browser copies: it has variables or functions in it; copy as cURL (bash) instead, or write out what they stand for".to_owned()
    };
    let (url, rest) = literal::parse(call).ok_or_else(unread)?;
    let options = match rest.trim_start().strip_prefix(',') {
        Some(rest) if !rest.trim_start().starts_with(')') => literal::parse(rest).ok_or_else(unread)?.0,
        _ => Json::Null,
    };
    let mut captured = Captured::default();
    if let Some(lines) = options.member("headers") {
        headers::add(&mut captured, lines)?;
    }
    captured.add_url(url.text().ok_or_else(unread)?)?;
    match options.member("body") {
        None => {}
        Some(form @ Json::Object(_)) if form.text_at("type") != Some("Buffer") => {
            captured.body = body::form(form).ok_or_else(unread)?;
        }
        Some(found) => body::take(&mut captured, found, false)?,
    }
    let usual = if options.has("body") { "POST" } else { "GET" };
    captured.method = options.text_at("method").unwrap_or(usual).to_ascii_uppercase();
    Ok(captured)
}

/// `Invoke-WebRequest` or `Invoke-RestMethod`, with what is assigned in front.
pub fn powershell(text: &str) -> Option<Requests> {
    let lower = text.to_ascii_lowercase();
    let has_command = ["invoke-webrequest", "invoke-restmethod"].iter().any(|name| lower.contains(name))
        || ["iwr ", "irm "].iter().any(|name| lower.starts_with(name));
    let is_start = has_command && !lower.starts_with('{') && !lower.starts_with('<') && !lower.starts_with("post ");
    is_start.then(|| vec![read_powershell(text)])
}

fn read_powershell(text: &str) -> Result<Captured, String> {
    let call = powershell::read(text)?;
    let mut captured = Captured::default();
    for (name, value) in &call.headers {
        captured.add_header(name, value.as_bytes());
    }
    for (name, header) in [("contenttype", "Content-Type"), ("useragent", "User-Agent")] {
        if let Some(value) = call.parameter(name)
            && captured.header(header).is_none()
        {
            captured.add_header(header, value.as_bytes());
        }
    }
    let url = call.parameter("uri").ok_or("the PowerShell command has no -Uri")?;
    captured.add_url(url)?;
    if call.parameter("infile").is_some() {
        return Err("-InFile of the PowerShell command names a file as body: give that with --body".to_owned());
    }
    captured.body = call.parameter("body").unwrap_or_default().as_bytes().to_vec();
    captured.method = call.parameter("method").or(call.parameter("custommethod")).unwrap_or("GET").to_ascii_uppercase();
    Ok(captured)
}
