//! HAR: what browsers, proxies and inspectors export.

use hookwarden::verify::bytes::encoding;
use hookwarden::verify::bytes::json::Json;

use super::entries::Requests;
use super::lost::Lost;
use super::value::Members as _;
use super::{Captured, OtherBody, Stated, body, framing, headers};

/// The entries of a HAR file, or the one that this is; `None` if it is not a HAR file.
pub fn requests(value: &Json) -> Option<Requests> {
    match value.within("log.entries").or_else(|| value.member("entries")) {
        Some(Json::List(entries)) => return Some(entries.iter().map(read).collect()),
        Some(_) => return None,
        None => {}
    }
    let named = |request: &Json| request.has("headers.0.name");
    let has_pairs =
        |request: &Json| request.has("url") && (request.has("postData") || (named(request) && !request.has("body")));
    let is_entry = value.member("request").is_some_and(|request| value.has("startedDateTime") || has_pairs(request))
        || (value.member("postData").is_some_and(|data| data.has("text") || data.has("params")) && value.has("url"));
    is_entry.then(|| vec![read(value)])
}

fn read(entry: &Json) -> Result<Captured, String> {
    let request = entry.member("request").unwrap_or(entry);
    let method = request.text_at("method").unwrap_or("POST").to_owned();
    let mut captured = Captured { method, ..Captured::default() };
    if let Some(lines) = request.member("headers") {
        headers::add(&mut captured, lines)?;
    }
    captured.add_url(request.text_at("url").ok_or("the HAR entry has no URL")?)?;
    if let Some(time) = entry.text_at("startedDateTime") {
        captured.time = Some(Stated { text: time.to_owned(), place: "startedDateTime of the HAR entry" });
    }
    read_body(&mut captured, request)?;
    let size = request.text_at("bodySize").and_then(|size| size.parse().ok()).filter(|size: &usize| *size > 0);
    let declared = captured.declared_length().or(size);
    framing::reconcile_length(&mut captured, declared);
    if captured.body.is_empty()
        && let Some(size) = size
    {
        captured.lost.push(Lost::body(size));
    }
    Ok(captured)
}

fn read_body(captured: &mut Captured, request: &Json) -> Result<(), String> {
    // HAR has no place for bytes that are not text; HTTP Toolkit makes one.
    let beside = request.member("_content").filter(|content| content.has("text"));
    let Some(data) = beside.or_else(|| request.first(&["postData", "content"])) else { return Ok(()) };
    let is_base64 = ["encoding", "_encoding", "comment"]
        .into_iter()
        .any(|name| data.text_at(name).is_some_and(|word| word.eq_ignore_ascii_case("base64")));
    match (data.text_at("text"), data.list_at("params")) {
        (Some(body), _) if is_base64 => {
            captured.body =
                encoding::decode_pasted_base64(body.as_bytes()).ok_or("the HAR entry's body is not base64")?;
        }
        (Some(body), _) if !body.is_empty() => {
            captured.body = body.as_bytes().to_vec();
            if body.chars().all(|char| u32::from(char) < 256) && !body.is_ascii() {
                let latin: Vec<u8> = body.chars().filter_map(|char| u8::try_from(u32::from(char)).ok()).collect();
                captured.other_bodies.push(OtherBody {
                    code: "capture_charset",
                    sentence: "The HAR file holds each byte of the body as a character of its own (Latin-1).",
                    advice: "Export the body as base64, or save it as a file.",
                    bytes: latin,
                });
            }
        }
        (_, params) if !params.is_empty() => {
            let part = |param: &Json, name: &str| param.text_at(name).unwrap_or_default().to_owned();
            let pairs: Vec<_> =
                params.iter().map(|param| format!("{}={}", part(param, "name"), part(param, "value"))).collect();
            captured.body = pairs.join("&").into_bytes();
            // Some programs write the fields as they were sent, others decode them.
            let is_sent = |byte: &u8| byte.is_ascii_graphic() && !b"/:@?,;\"<>[]{}|\\^`#".contains(byte);
            let is_form = !pairs.iter().all(|pair| pair.bytes().all(|byte| is_sent(&byte)));
            let fields = params.iter().map(|param| (part(param, "name"), Json::Text(part(param, "value"))));
            if let Some(form) = body::form(&Json::Object(fields.collect())).filter(|_| is_form) {
                captured.body = form;
            }
            captured.lost.push(Lost::parsed("as a form"));
        }
        _ => {}
    }
    Ok(())
}
