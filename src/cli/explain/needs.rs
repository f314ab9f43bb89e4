//! What a scheme reads of a request's head, taken from how it is written.

use hookwarden::verify::json::Json;

use super::configuration::{WrittenCheck, elements, member, text};

/// The headers that a check reads, in lower case and in the order in which the scheme names them.
pub fn headers(check: &WrittenCheck) -> Vec<String> {
    let mut names = Vec::new();
    collect(&check.scheme, check, &mut names);
    let mut kept: Vec<String> = Vec::new();
    for name in names {
        let name = name.to_ascii_lowercase();
        if !kept.contains(&name) {
            kept.push(name);
        }
    }
    kept
}

/// The headers that a dialect reads.
pub fn headers_of(dialect: &Json, check: &WrittenCheck) -> Vec<String> {
    let mut names = Vec::new();
    collect(dialect, check, &mut names);
    names.iter_mut().for_each(|name| name.make_ascii_lowercase());
    names
}

/// The dialects of a scheme as they are written.
pub fn dialects(scheme: &Json) -> Vec<&Json> {
    match member(scheme, "dialects") {
        Some(Json::List(list)) => list.iter().collect(),
        _ => vec![scheme],
    }
}

/// Whether a scheme reads the URL that was called, or parts of it.
pub fn reads_url(scheme: &Json) -> bool {
    mentions(scheme, &["url", "target", "path", "query", "plivo_v3", "contentful_path", "qsh", "@target-uri", "@path"])
        || mentions(scheme, &["@query", "@authority", "@scheme"])
        || member(scheme, "http_signature").is_some()
        || dialects(scheme).iter().any(|dialect| member(dialect, "http_signature").is_some())
}

/// Whether a dialect is proved with public keys.
pub fn takes_public_keys(dialect: &Json) -> bool {
    let inner = ["jwt", "message_signature", "http_signature"].into_iter().find_map(|kind| member(dialect, kind));
    let inner = inner.unwrap_or(dialect);
    let algorithms = elements(member(inner, "algorithms")).filter_map(|one| text(Some(one)));
    let algorithm = text(member(inner, "algorithm")).into_iter().chain(algorithms).next().unwrap_or_default();
    ["ed25519", "ecdsa", "rsa", "RS", "ES", "EdDSA"].iter().any(|prefix| algorithm.starts_with(prefix))
}

/// Whether a scheme reads the method.
pub fn reads_method(scheme: &Json) -> bool {
    mentions(scheme, &["method", "plivo_v3", "qsh", "@method"])
}

/// Whether a scheme reads entries of a list beside the candidates.
pub fn reads_entries(dialect: &Json) -> bool {
    mentions(dialect, &["entry"])
        || member(dialect, "timestamp").is_some_and(|timestamp| member(timestamp, "entry").is_some())
}

/// Whether one of these words begins a value that the scheme names.
fn mentions(json: &Json, words: &[&str]) -> bool {
    match json {
        Json::Text(text) => {
            let begins = |piece: &str| {
                words.iter().any(|word| {
                    piece
                        .strip_prefix(word)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['}', ':', '|', '?']))
                })
            };
            begins(text) || text.split('{').skip(1).any(begins)
        }
        Json::List(list) => list.iter().any(|json| mentions(json, words)),
        Json::Object(members) => members.iter().any(|(_, json)| mentions(json, words)),
        _ => false,
    }
}

/// A text with the configured values in the places that name them.
pub fn filled(template: &str, check: &WrittenCheck) -> String {
    let mut text = template.to_owned();
    for (name, value) in &check.with {
        text = text.replace(&format!("{{with:{name}}}"), value);
    }
    text
}

fn collect(json: &Json, check: &WrittenCheck, names: &mut Vec<String>) {
    let Json::Object(members) = json else {
        match json {
            Json::List(list) => list.iter().for_each(|json| collect(json, check, names)),
            Json::Text(text) => collect_values(text, names),
            _ => {}
        }
        return;
    };
    for (key, value) in members {
        match (key.as_str(), value) {
            ("header", Json::Text(name)) => names.push(filled(name, check)),
            ("header", Json::List(list)) => {
                names.extend(list.iter().filter_map(|name| text(Some(name))).map(|name| filled(&name, check)));
            }
            ("message_signature", rule) => {
                names.extend(["signature".to_owned(), "signature-input".to_owned()]);
                let components = elements(member(rule, "components")).filter_map(|component| text(Some(component)));
                names.extend(components.filter(|name| !name.starts_with('@')));
            }
            ("http_signature", rule) => {
                names.extend(["date".to_owned(), "digest".to_owned()]);
                collect(rule, check, names);
            }
            (_, value) => collect(value, check, names),
        }
    }
}

/// The headers in `header:Name|…`, bare or in braces.
fn collect_values(text: &str, names: &mut Vec<String>) {
    for piece in text.split("header:").skip(1) {
        let end = piece.find(['}', '|', '?']).unwrap_or(piece.len());
        let name = piece.get(..end).unwrap_or_default();
        if hookwarden::verify::request::is_header_name(name) {
            names.push(name.to_owned());
        }
    }
}
