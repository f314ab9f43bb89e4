//! HAR: what browsers, proxies and inspectors export.

use hookwarden::verify::bytes::encoding;
use serde_json::Value;

use super::{Captured, OtherBody, Reading, Stated, framing};

/// The entries of a HAR file, or the one that this is; `None` if it is not a HAR file.
pub fn entries(value: &Value) -> Option<Vec<&Value>> {
    match value.pointer("/log/entries").or_else(|| value.get("entries")) {
        Some(Value::Array(entries)) => return Some(entries.iter().collect()),
        Some(_) => return None,
        None => {}
    }
    let has_pairs =
        |request: &Value| request.get("url").is_some() && (request.get("postData").is_some() || named(request));
    if value.get("request").is_some_and(|request| value.get("startedDateTime").is_some() || has_pairs(request)) {
        return Some(vec![value]);
    }
    (value.get("postData").is_some() && value.get("url").is_some()).then(|| vec![value])
}

/// Whether headers are written as HAR writes them.
fn named(request: &Value) -> bool {
    request.pointer("/headers/0/name").is_some()
}

/// Takes the entry that is meant: the one that is asked for, the only one that a source wants, the only one with a body,
/// the only one.
pub fn choose(entries: Vec<&Value>, reading: Reading<'_>) -> Result<Captured, String> {
    let mut all = Vec::new();
    for entry in entries {
        all.push(read(entry));
    }
    if let Some(wanted) = reading.entry {
        let entry = wanted.checked_sub(1).and_then(|at| all.into_iter().nth(at));
        return entry.unwrap_or_else(|| Err(format!("has no entry {wanted}")));
    }
    if all.len() == 1 {
        return all.remove(0);
    }
    let wants = |captured: &Captured| {
        reading.is_wanted.is_some_and(|is_wanted| is_wanted(&captured.authority, &captured.target))
    };
    let has_body = |captured: &Captured| !captured.body.is_empty();
    let tests: [&dyn Fn(&Captured) -> bool; 3] =
        [&|captured| wants(captured) && has_body(captured), &|captured| wants(captured), &has_body];
    for test in tests {
        let mut found = all.iter().enumerate().filter(|(_, entry)| entry.as_ref().is_ok_and(test));
        if let (Some((at, Ok(one))), None) = (found.next(), found.next()) {
            let mut one = one.clone();
            one.notes.push(format!(
                "entry {} of {} of the HAR file was taken; --entry chooses another",
                at.saturating_add(1),
                all.len()
            ));
            return Ok(one);
        }
    }
    let list: Vec<_> = all
        .iter()
        .enumerate()
        .take(20)
        .map(|(at, entry)| match entry {
            Ok(captured) => {
                format!("  {}  {} {}{}", at.saturating_add(1), captured.method, captured.authority, captured.path())
            }
            Err(_) => format!("  {}  cannot be read", at.saturating_add(1)),
        })
        .collect();
    Err(format!("has {} entries; choose one with --entry:\n{}", all.len(), list.join("\n")))
}

fn read(entry: &Value) -> Result<Captured, String> {
    let request = entry.get("request").unwrap_or(entry);
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let mut captured = Captured { form: "a HAR entry", ..Captured::default() };
    text("method").unwrap_or("POST").clone_into(&mut captured.method);
    for header in request.get("headers").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| header.get(name).and_then(Value::as_str);
        if let (Some(name), Some(value)) = (part("name"), part("value"))
            && !name.starts_with(':')
        {
            captured.add_header(name, value.as_bytes());
        }
    }
    captured.add_url(text("url").ok_or("the HAR entry has no URL")?)?;
    if let Some(time) = entry.get("startedDateTime").and_then(Value::as_str) {
        captured.time = Some(Stated { text: time.to_owned(), place: "startedDateTime of the HAR entry" });
    }
    read_body(&mut captured, request)?;
    let declared = captured
        .header("content-length")
        .and_then(|value| std::str::from_utf8(value).ok()?.parse().ok())
        .or_else(|| request.get("bodySize").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok()));
    framing::reconcile_length(&mut captured, declared.filter(|size| *size > 0));
    Ok(captured)
}

fn read_body(captured: &mut Captured, request: &Value) -> Result<(), String> {
    let Some(data) = request.get("postData").or_else(|| request.get("content")) else { return Ok(()) };
    let text = |name: &str| data.get(name).and_then(Value::as_str);
    let is_base64 = ["encoding", "_encoding", "comment"]
        .into_iter()
        .any(|name| text(name).is_some_and(|word| word.eq_ignore_ascii_case("base64")));
    match (text("text"), data.get("params").and_then(Value::as_array)) {
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
        (_, Some(params)) if !params.is_empty() => {
            let pairs: Vec<_> = params
                .iter()
                .map(|param| {
                    let part = |name: &str| param.get(name).and_then(Value::as_str).unwrap_or_default();
                    format!("{}={}", part("name"), part("value"))
                })
                .collect();
            captured.body = pairs.join("&").into_bytes();
            captured.notes.push(
                "the HAR file holds the form's fields and not its bytes, which were put together again; they may differ"
                    .to_owned(),
            );
        }
        _ => {}
    }
    Ok(())
}
