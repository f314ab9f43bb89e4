//! Header lines in every way that tools write them: an object, a list of pairs, of objects or of lines, and text.

use hookwarden::verify::bytes::encoding;
use hookwarden::verify::bytes::json::Json;

use super::value::Members as _;
use super::{Captured, body, http};

const WRONG: &str = "\"headers\" must be a list of pairs of text, or an object of texts";

/// Adds header lines.
///
/// # Errors
/// They are written in no known way.
pub fn add(captured: &mut Captured, headers: &Json) -> Result<(), String> {
    match headers {
        Json::Null => Ok(()),
        Json::Object(members) => members.iter().try_for_each(|(name, value)| add_values(captured, name, value)),
        Json::List(items) => match flat(items) {
            Some(pairs) => {
                pairs.into_iter().for_each(|(name, value)| captured.add_header(name, value.as_bytes()));
                Ok(())
            }
            None => items.iter().try_for_each(|item| add_item(captured, item)),
        },
        Json::Text(text) if text.trim_start().starts_with(['{', '[']) => {
            add(captured, &Json::parse_file(text.as_bytes()).map_err(|_| WRONG)?)
        }
        Json::Text(lines) => lines
            .lines()
            .filter(|line| !line.trim().is_empty())
            .try_for_each(|line| http::add_line(captured, line.as_bytes()).map_err(|()| WRONG.to_owned())),
        _ => Err(WRONG.to_owned()),
    }
}

/// Names and values in turn, as Node's `rawHeaders` has them.
fn flat(items: &[Json]) -> Option<Vec<(&str, &str)>> {
    let texts: Vec<&str> =
        items.iter().map(|item| matches!(item, Json::Text(_)).then(|| item.text())?).collect::<Option<_>>()?;
    let is_name = |text: &str| hookwarden::verify::request::is_header_name(text.strip_prefix(':').unwrap_or(text));
    let pairs = texts.chunks(2).map(|pair| match pair {
        [name, value] if is_name(name) => Some((*name, *value)),
        _ => None,
    });
    pairs.collect()
}

/// One or several values under a name.
fn add_values(captured: &mut Captured, name: &str, value: &Json) -> Result<(), String> {
    match value {
        Json::Null => Ok(()),
        Json::List(values) => values.iter().try_for_each(|value| add_values(captured, name, value)),
        // CloudFront repeats the name inside; others have the value alone.
        Json::Object(_) => {
            let name = value.first_text(&["key", "name"]).unwrap_or(name).to_owned();
            add_values(captured, &name, value.first(&["value", "values"]).ok_or(WRONG)?)
        }
        value => {
            captured.add_header(&of_variable(name), value.text().ok_or(WRONG)?.as_bytes());
            Ok(())
        }
    }
}

/// The header that a variable of CGI stands for, such as `HTTP_X_SIGNATURE`.
pub fn of_variable(name: &str) -> String {
    match name.strip_prefix("HTTP_").or_else(|| name.strip_prefix("http_")) {
        Some(plain) => plain.replace('_', "-").to_ascii_lowercase(),
        None if name == "CONTENT_TYPE" || name == "CONTENT_LENGTH" => name.replace('_', "-").to_ascii_lowercase(),
        None => name.to_owned(),
    }
}

/// A text, also as bytes, in which ASGI has names and values.
fn text_of(value: &Json) -> Option<String> {
    match (value, body::read(value, false)) {
        (Json::Text(text), _) => Some(text.clone()),
        (Json::Object(_), Ok(body::Body::Bytes(bytes))) => String::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// An element of a list: a pair, an object, or a line.
fn add_item(captured: &mut Captured, item: &Json) -> Result<(), String> {
    if item.is_true("disabled") || item.within("enabled") == Some(&Json::Bool(false)) {
        return Ok(());
    }
    match item {
        Json::Text(line) => http::add_line(captured, line.as_bytes()).map_err(|()| WRONG.to_owned()),
        Json::List(pair) => match pair.as_slice() {
            [name, value] => match (text_of(name), text_of(value)) {
                (Some(name), Some(value)) => add_values(captured, &name, &Json::Text(value)),
                (Some(name), None) => add_values(captured, &name, value),
                (None, _) => Err(WRONG.to_owned()),
            },
            _ => Err(WRONG.to_owned()),
        },
        Json::Object(members) => {
            let Some(name) = item.first_text(&["name", "key", "Name", "Key", "n"]) else {
                return match members.as_slice() {
                    [(name, value)] => add_values(captured, name, value),
                    _ => Err(WRONG.to_owned()),
                };
            };
            if let Some(raw) = item.first_text(&["raw_value", "rawValue"]).filter(|raw| !raw.is_empty()) {
                captured.add_header(name, &encoding::decode_pasted_base64(raw.as_bytes()).ok_or(WRONG)?);
                return Ok(());
            }
            add_values(captured, name, item.first(&["value", "values", "Value", "v"]).unwrap_or(&Json::Null))
        }
        _ => Err(WRONG.to_owned()),
    }
}
