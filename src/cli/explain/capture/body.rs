//! Bodies in every way that tools write them: text, base64, numbers, and parsed, which is no longer what was signed.

use hookwarden::verify::bytes::encoding;
use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::bytes::percent;

use super::Captured;
use super::lost::Lost;
use super::value::Members as _;
use super::writing::{self, Writing};

/// A body as a tool holds it.
pub enum Body<'a> {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// The first bytes of it.
    Beginning(Vec<u8>),
    /// What a parser made of it.
    Parsed(&'a Json),
}

/// Reads a body.
///
/// # Errors
/// It is said to be base64 and is not.
pub fn read(value: &Json, is_base64: bool) -> Result<Body<'_>, String> {
    match value {
        Json::Text(text) if is_base64 => decode(text).map(Body::Bytes),
        Json::Text(text) => Ok(Body::Bytes(text.clone().into_bytes())),
        Json::List(items) if !items.is_empty() => Ok(bytes(items).map_or(Body::Parsed(value), Body::Bytes)),
        Json::Object(members) => {
            let is_buffer = value.text_at("type") == Some("Buffer");
            // Azure Logic Apps and Power Automate keep what they do not parse.
            if let Some(content) = value.text_at("$content") {
                return decode(content).map(Body::Bytes);
            }
            let octets = match value.member("data") {
                Some(Json::Text(text)) if is_buffer => Some(decode(text)?),
                Some(Json::List(items)) if is_buffer => bytes(items),
                // A Uint8Array, written as an object.
                _ => numbered(members),
            };
            Ok(match octets {
                Some(octets) if value.is_true("truncated") => Body::Beginning(octets),
                Some(octets) => Body::Bytes(octets),
                None => Body::Parsed(value),
            })
        }
        Json::List(_) => Ok(Body::Parsed(value)),
        Json::Null => Ok(Body::Bytes(Vec::new())),
        Json::Number(_) | Json::Bool(_) => {
            Err("a body is text, base64, a list of bytes, or what a parser made of it".to_owned())
        }
    }
}

/// Takes a body into a request; what it has lost is said.
///
/// # Errors
/// As [`read`].
pub fn take(captured: &mut Captured, value: &Json, is_base64: bool) -> Result<(), String> {
    match read(value, is_base64)? {
        Body::Bytes(bytes) => captured.body = bytes,
        Body::Beginning(bytes) => {
            captured.body = bytes;
            captured.lost.push(Lost::cut());
        }
        Body::Parsed(json) => take_parsed(captured, json),
    }
    Ok(())
}

/// Decodes base64 that nothing says, if the declared length proves it.
pub fn decode_if_declared(captured: &mut Captured) {
    let Some(declared) = captured.declared_length().filter(|declared| *declared != captured.body.len()) else { return };
    if let Some(decoded) = encoding::decode_pasted_base64(&captured.body).filter(|decoded| decoded.len() == declared) {
        captured.body = decoded;
        captured.notes.push("the body is in base64, which Content-Length proves, and was decoded".to_owned());
    }
}

/// Writes a parsed body again, in the way that the declared length tells, or else as most senders do.
pub fn take_parsed(captured: &mut Captured, json: &Json) {
    let declared = captured.declared_length();
    let media_type = captured.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let form = media_type.starts_with(b"application/x-www-form-urlencoded").then(|| form(json)).flatten();
    let (body, how) = match form {
        Some(form) => (form, "as a form"),
        None => {
            let fitting = declared.and_then(|declared| {
                Writing::ALL
                    .iter()
                    .map(|writing| (writing::write(json, *writing), *writing))
                    .find(|(text, _)| text.len() == declared)
            });
            let (text, writing) = fitting.unwrap_or_else(|| (writing::write(json, Writing::Compact), Writing::Compact));
            (text.into_bytes(), writing.words())
        }
    };
    if declared.is_some_and(|declared| declared != body.len()) {
        captured.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
    }
    captured.body = body;
    captured.lost.push(Lost::parsed(how));
}

fn decode(text: &str) -> Result<Vec<u8>, String> {
    encoding::decode_pasted_base64(text.as_bytes())
        .or_else(|| encoding::decode_base64_url(text.trim_end_matches('=').as_bytes()))
        .ok_or_else(|| "the body is not base64, and said to be".to_owned())
}

fn bytes(items: &[Json]) -> Option<Vec<u8>> {
    items.iter().map(|item| matches!(item, Json::Number(_)).then(|| item.text()?.parse().ok())?).collect()
}

/// `{"0": 123, "1": 34, …}`.
fn numbered(members: &[(String, Json)]) -> Option<Vec<u8>> {
    if members.is_empty() || members.iter().enumerate().any(|(at, (name, _))| *name != at.to_string()) {
        return None;
    }
    members.iter().map(|(_, item)| item.text()?.parse().ok()).collect()
}

/// An object of texts as a form.
pub fn form(json: &Json) -> Option<Vec<u8>> {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte);
    let mut form = Vec::new();
    for (name, value) in json.entries()? {
        let values = value.items().map_or_else(|| vec![value], |items| items.iter().collect());
        for value in values {
            if !form.is_empty() {
                form.push(b'&');
            }
            percent::encode_into(&mut form, name.as_bytes(), keep);
            form.push(b'=');
            percent::encode_into(&mut form, value.text()?.as_bytes(), keep);
        }
    }
    // A form has a blank as plus.
    Some(String::from_utf8_lossy(&form).replace("%20", "+").into_bytes())
}
