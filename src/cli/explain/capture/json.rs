//! A request as JSON: the form of the vectors in `providers/*.json`, and that of serverless events.

use hookwarden::verify::bytes::encoding;
use serde_json::Value;

use super::{Captured, Stated};

/// Members that a request may have beside those that say what was sent. Vectors have them.
const BESIDE: &[&str] = &[
    "case",
    "configuration",
    "expect",
    "expect_response",
    "handshake",
    "id",
    "keys",
    "notes",
    "origin",
    "params",
    "provider",
    "public_key",
    "scheme",
    "secret",
    "secret_kind",
    "secrets",
    "source",
    "with",
];
/// Members that say what was sent.
const KNOWN: &[&str] = &[
    "authority",
    "body",
    "body_base64",
    "headers",
    "host",
    "httpMethod",
    "isBase64Encoded",
    "method",
    "multiValueHeaders",
    "now",
    "now_unix",
    "path",
    "rawPath",
    "rawQueryString",
    "request",
    "target",
    "time",
    "uri",
    "url",
];

/// Reads a request that is an object: `method`, `url` (or `target` and `host`), `headers` as pairs or as an object,
/// `body` or `body_base64`, and `time`.
///
/// # Errors
/// What is missing or of the wrong kind.
pub fn from_value(value: &Value) -> Result<Captured, String> {
    let Some(members) = value.as_object() else { return Err("the request is not a JSON object".to_owned()) };
    if let Some(inner @ (Value::Object(_) | Value::String(_))) = members.get("request") {
        let mut captured = match inner {
            Value::String(text) => Captured::read(text.as_bytes(), super::Reading::default())?,
            _ => from_value(inner)?,
        };
        captured.time = stated_time(value).or(captured.time);
        return Ok(captured);
    }
    if members.contains_key("sources") {
        return Err("this is a configuration; the request comes second".to_owned());
    }
    let text = |names: &[&str]| names.iter().find_map(|name| members.get(*name).and_then(Value::as_str));
    let mut captured = Captured { form: "JSON", ..Captured::default() };
    let nested = value.pointer("/requestContext/http/method").and_then(Value::as_str);
    captured.method = text(&["method", "httpMethod"]).or(nested).unwrap_or("POST").to_owned();
    captured.authority = text(&["authority", "host"]).unwrap_or_default().to_owned();
    read_headers(&mut captured, members.get("headers"), members.get("multiValueHeaders"))?;
    match text(&["url", "uri", "target", "path", "rawPath"]) {
        Some(target) if target.starts_with('/') => captured.target = target.to_owned(),
        Some(url) => captured.add_url(url)?,
        None => return Err("lacks \"url\", or \"target\" and \"host\"".to_owned()),
    }
    if let Some(query) = text(&["rawQueryString"]).filter(|query| !query.is_empty()) {
        captured.target = format!("{}?{query}", captured.target);
    }
    captured.body = read_body(value)?;
    captured.time = stated_time(value);
    for name in members.keys() {
        let is_known = KNOWN.contains(&name.as_str()) || BESIDE.contains(&name.as_str());
        if !is_known && !members.contains_key("requestContext") {
            captured.notes.push("has a member beside those of a request, which was left out".to_owned());
        }
    }
    Ok(captured)
}

/// The time that an object states, as seconds, milliseconds or text.
pub fn stated_time(value: &Value) -> Option<Stated> {
    ["time", "now", "now_unix"].iter().find_map(|name| {
        let text = match value.get(name)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some(Stated { text, place: "the capture's own time" })
    })
}

fn read_headers(captured: &mut Captured, headers: Option<&Value>, several: Option<&Value>) -> Result<(), String> {
    const WRONG: &str = "\"headers\" must be a list of pairs of text, or an object of texts";
    match (headers, several) {
        (_, Some(Value::Object(members))) | (Some(Value::Object(members)), _) => {
            for (name, value) in members {
                match value {
                    Value::Array(values) => {
                        for value in values {
                            captured.add_header(name, value.as_str().ok_or(WRONG)?.as_bytes());
                        }
                    }
                    Value::Null => {}
                    Value::Number(number) => captured.add_header(name, number.to_string().as_bytes()),
                    value => captured.add_header(name, value.as_str().ok_or(WRONG)?.as_bytes()),
                }
            }
        }
        (Some(Value::Array(pairs)), _) => {
            for pair in pairs {
                let (name, value) = match pair {
                    Value::Array(pair) => (pair.first(), pair.get(1)),
                    Value::Object(_) => (pair.get("name"), pair.get("value")),
                    _ => (None, None),
                };
                let name = name.and_then(Value::as_str).ok_or(WRONG)?;
                captured.add_header(name, value.and_then(Value::as_str).ok_or(WRONG)?.as_bytes());
            }
        }
        (None | Some(Value::Null), _) => {}
        _ => return Err(WRONG.to_owned()),
    }
    Ok(())
}

fn read_body(value: &Value) -> Result<Vec<u8>, String> {
    let is_base64 = value.get("isBase64Encoded").and_then(Value::as_bool).unwrap_or(false);
    let decode = |text: &str| {
        encoding::decode_pasted_base64(text.as_bytes())
            .ok_or_else(|| "the body is not base64, and said to be".to_owned())
    };
    match (value.get("body"), value.get("body_base64")) {
        (None | Some(Value::Null), None | Some(Value::Null)) => Ok(Vec::new()),
        (None | Some(Value::Null), Some(Value::String(text))) => decode(text),
        (Some(Value::String(text)), None | Some(Value::Null)) if is_base64 => decode(text),
        (Some(Value::String(text)), None | Some(Value::Null)) => Ok(text.clone().into_bytes()),
        (Some(Value::Object(_) | Value::Array(_)), _) => {
            Err("\"body\" must be the text of the body: as JSON it has lost the bytes that were signed".to_owned())
        }
        _ => Err("needs either \"body\" or \"body_base64\", as text".to_owned()),
    }
}
