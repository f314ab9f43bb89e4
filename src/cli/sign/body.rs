//! Values inside of a body: members of JSON, fields of forms.

use hookwarden::verify::bytes::json::{Json, JsonPath};
use hookwarden::verify::bytes::percent;
use hookwarden::verify::expression::content;
use hookwarden::verify::expression::native::like;

use super::error::Error;

/// A JSON body in which `value` is where the steps lead. It is written anew, without white space.
pub fn with_member(body: &[u8], steps: &[String], value: &[u8]) -> Result<Vec<u8>, Error> {
    let mut json = match body.trim_ascii() {
        [] => Json::Null,
        text => content::parse_json(text).map_err(|_| {
            Error::new("the body is not JSON without repeated keys, but this sender's proof is in a JSON body")
        })?,
    };
    let name = steps.join(".");
    let text = String::from_utf8(value.to_vec())
        .map_err(|_| Error::new(format!("the value of {name} is not UTF-8, as JSON requires")))?;
    let present = JsonPath::parse(&name).and_then(|path| json.at(&path).cloned());
    if !json.set(steps, like(present.as_ref(), Json::Text(text))) {
        return Err(Error::new(format!("the body has something else where {name} belongs; give another body")));
    }
    Ok(json.to_string().into_bytes())
}

/// A form in which the field `name` is `value`. All else stays as it is written.
pub fn with_field(body: &[u8], media_type: &[u8], name: &str, value: &[u8]) -> Result<Vec<u8>, Error> {
    let essence = media_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        Ok(with_urlencoded_field(body, name, value))
    } else if essence.eq_ignore_ascii_case(b"multipart/form-data") {
        let boundary = boundary(media_type)
            .ok_or_else(|| Error::new("the Content-Type of the multipart form names no boundary"))?;
        Ok(with_part(body, &boundary, name, value))
    } else {
        Err(Error::new(format!(
            "this sender's proof reads the field {name:?} of a form, and the Content-Type is none; give the form as \
             --body, with --header 'Content-Type: application/x-www-form-urlencoded'"
        )))
    }
}

fn with_urlencoded_field(body: &[u8], name: &str, value: &[u8]) -> Vec<u8> {
    let keep: fn(u8) -> bool = |byte| byte.is_ascii_alphanumeric() || b"*-._".contains(&byte);
    let written = [percent::encode(name.as_bytes(), keep), percent::encode(value, keep)].join(&b'=');
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    let mut is_set = false;
    for piece in body.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()) {
        let key = piece.split(|byte| *byte == b'=').next().unwrap_or_default();
        if percent::decode_form(key) != name.as_bytes() {
            pieces.push(piece.to_vec());
        } else if !std::mem::replace(&mut is_set, true) {
            pieces.push(written.clone());
        }
    }
    if !is_set {
        pieces.push(written);
    }
    pieces.join(&b'&')
}

/// The parameter `boundary` of a media type.
fn boundary(media_type: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(media_type).ok()?;
    text.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (name.trim().eq_ignore_ascii_case("boundary") && !value.is_empty()).then(|| value.to_owned())
    })
}

/// A multipart form in which the part `name` holds `value`.
fn with_part(body: &[u8], boundary: &str, name: &str, value: &[u8]) -> Vec<u8> {
    let disposition = format!("name=\"{name}\"");
    let part = [b"\r\nContent-Disposition: form-data; ", disposition.as_bytes(), b"\r\n\r\n", value, b"\r\n"].concat();
    let delimiter = format!("--{boundary}").into_bytes();
    let mut pieces = split_at_delimiters(body, &delimiter);
    let is_it = |piece: &[u8]| {
        let head = find(piece, b"\r\n\r\n").and_then(|end| piece.get(..end)).unwrap_or_default();
        find(head, disposition.as_bytes()).is_some_and(|at| at == 0 || head.get(at.saturating_sub(1)) == Some(&b' '))
    };
    let found = pieces.iter().position(|piece| is_it(piece));
    // The last piece is what follows the closing delimiter's two hyphens, and those.
    let end = pieces.len().saturating_sub(1);
    if let Some(piece) = found.and_then(|position| pieces.get_mut(position)) {
        let head = find(piece, b"\r\n\r\n").and_then(|end| piece.get(..end.saturating_add(4)));
        *piece = [head.unwrap_or_default(), value, b"\r\n"].concat();
    } else if end == 0 {
        pieces = vec![Vec::new(), part, b"--\r\n".to_vec()];
    } else {
        pieces.insert(end, part);
    }
    pieces.join(delimiter.as_slice())
}

/// What is between delimiters, each of which begins a line.
fn split_at_delimiters(body: &[u8], delimiter: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut rest = body;
    let mut piece: Vec<u8> = Vec::new();
    while let Some(at) = find(rest, delimiter) {
        let (front, behind) = rest.split_at_checked(at).unwrap_or((rest, b""));
        let begins_line = if front.is_empty() { piece.is_empty() } else { front.ends_with(b"\r\n") };
        piece.extend_from_slice(front);
        if begins_line {
            pieces.push(std::mem::take(&mut piece));
        } else {
            piece.extend_from_slice(delimiter);
        }
        rest = behind.get(delimiter.len()..).unwrap_or_default();
    }
    piece.extend_from_slice(rest);
    pieces.push(piece);
    pieces
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len().max(1)).position(|window| window == needle)
}
