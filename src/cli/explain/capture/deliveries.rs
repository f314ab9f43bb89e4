//! What senders show of a delivery: GitHub's page and API, and what a browser's tools show of a request.

use hookwarden::verify::bytes::json::Json;

use super::entries::Requests;
use super::lost::Lost;
use super::value::Members as _;
use super::{Captured, body, headers, http, json};

/// A delivery of GitHub's REST API.
pub fn github_api(value: &Json) -> Option<Requests> {
    let is_one = |value: &&Json| {
        value.has("request.payload") && value.has("request.headers") && (value.has("guid") || value.has("delivered_at"))
    };
    let read = |value: &Json| {
        let mut captured = Captured { method: "POST".to_owned(), ..Captured::default() };
        headers::add(&mut captured, value.within("request.headers").unwrap_or(&Json::Null))?;
        if let Some(url) = value.text_at("url").filter(|url| url.contains("://") && !url.contains("api.github.com/")) {
            captured.add_url(url)?;
        }
        let payload = value.within("request.payload").unwrap_or(&Json::Null);
        body::take(&mut captured, payload, false)?;
        captured.time = value.text_at("delivered_at").and_then(json::tool_time);
        Ok(captured)
    };
    let own = std::slice::from_ref(value);
    let found: Requests = value.items().unwrap_or(own).iter().filter(is_one).map(read).collect();
    (!found.is_empty()).then_some(found)
}

/// `Request URL: …`, header lines, `Payload` and the payload, as a page shows them: GitHub's page of a delivery, and the
/// panels of a browser's tools.
pub fn page(text: &str) -> Option<Requests> {
    let text = text.replace("\r\n", "\n");
    let at = text.find("Request URL:")?;
    (at < 200 && !text.trim_start().starts_with(['{', '[']))
        .then(|| vec![read_page(text.get(at..).unwrap_or_default())])
}

fn read_page(text: &str) -> Result<Captured, String> {
    let mut captured = Captured::default();
    let mut lines = text.lines();
    let mut payload = None;
    while let Some(line) = lines.next() {
        let line = line.trim();
        let lower = line.to_ascii_lowercase();
        if lower.starts_with("response headers") || lower.starts_with("general") {
            // They end where the request's begin.
            if lower.starts_with("response headers") {
                let is_title = |line: &str| line.trim().to_ascii_lowercase().starts_with("request headers");
                match lines.clone().position(is_title) {
                    Some(count) => drop(lines.by_ref().take(count).count()),
                    None => break,
                }
            }
            continue;
        }
        // Headers may begin with the same word.
        if lower.strip_prefix("payload").is_some_and(|rest| !rest.starts_with(['-', '_']))
            || lower.starts_with("request payload")
            || lower == "body"
            || lower.starts_with(['{', '['])
        {
            let mut rest: Vec<&str> = lines.by_ref().collect();
            if lower.starts_with(['{', '[']) {
                rest.insert(0, line);
            }
            payload = Some(rest.join("\n"));
            break;
        }
        if lower.starts_with("request headers") {
            captured.headers.clear();
            continue;
        }
        // Newer tools write the value below the name.
        let below = line.strip_suffix(':').filter(|name| !name.contains(' ') || name.starts_with("Request "));
        let line = match below {
            Some(name) => format!("{name}: {}", lines.next().unwrap_or_default().trim()),
            None => line.to_owned(),
        };
        match line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.trim())) {
            Some((name, value)) if name == "request url" => captured.add_url(value)?,
            Some((name, value)) if name == "request method" => captured.method = value.to_ascii_uppercase(),
            Some((name, _)) if ["status code", "remote address", "referrer policy"].contains(&name.as_str()) => {}
            Some(_) => drop(http::add_line(&mut captured, line.as_bytes())),
            None => {}
        }
    }
    let payload = payload.unwrap_or_default();
    let payload = payload.trim();
    if payload.is_empty() {
        captured.lost.push(captured.declared_length().map_or_else(
            || {
                Lost::new(
                    "capture_without_body",
                    "The capture has no body: it shows the headers only.",
                    "Copy the payload, too, or save the body in a file of its own and give it with --body.",
                )
            },
            Lost::body,
        ));
        return Ok(captured);
    }
    match Json::parse_file(payload.as_bytes()) {
        // A page shows it in lines.
        Ok(parsed) if payload.contains('\n') => body::take_parsed(&mut captured, &parsed),
        _ => captured.body = payload.as_bytes().to_vec(),
    }
    Ok(captured)
}

/// What Burp saves: each request in base64, in XML.
pub fn burp(text: &str) -> Option<Requests> {
    let is_burp = text.contains("<items") && text.contains("burpVersion");
    let read = |item: &str| {
        let (_, rest) = item.split_once("<request").ok_or("the item has no request")?;
        let (attributes, rest) = rest.split_once('>').ok_or("the item has no request")?;
        let (content, _) = rest.split_once("</request>").ok_or("the item has no request")?;
        let content = content.trim().trim_start_matches("<![CDATA[").trim_end_matches("]]>");
        let raw = if attributes.contains("base64=\"true\"") {
            hookwarden::verify::bytes::encoding::decode_pasted_base64(content.as_bytes())
                .ok_or("the request is not base64")?
        } else {
            content.as_bytes().to_vec()
        };
        http::read_one(&raw)
    };
    is_burp.then(|| text.split("<item>").skip(1).map(read).collect())
}
