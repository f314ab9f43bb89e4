//! Requests inside of other values: of lists, of texts that a log holds, of members with the usual names.

use hookwarden::verify::bytes::json::Json;

use super::entries::Requests;
use super::value::Members as _;
use super::{Captured, Reading, forms, json, literal};

/// What an object may have its request in.
const INSIDE: &[&str] = &[
    "request",
    "req",
    "event",
    "message",
    "@message",
    "textPayload",
    "jsonPayload",
    "httpRequest",
    "http_request",
    "log",
    "json",
    "trigger",
    "webhook",
    "input",
    "attributes",
    "entry",
    "Data",
    "steps",
    "events",
    "logEvents",
    "requests",
    "items",
    "results",
    "data",
    "value",
];

/// The requests in a value: in one of the forms, an object, a list of either, or inside of another object.
pub fn find(value: &Json, reading: Reading<'_>, depth: u8) -> Option<Requests> {
    if depth > 6 {
        return None;
    }
    if let Some(found) = forms::read_json(value) {
        return Some(found);
    }
    match value {
        Json::List(items) => {
            let found: Requests =
                items.iter().filter_map(|item| find(item, reading, depth.saturating_add(1))).flatten().collect();
            (!found.is_empty()).then_some(found)
        }
        Json::Text(text) => {
            let text = text.trim_start();
            let inside = text.get(text.find('{')?..)?;
            let parsed = Json::parse_file(inside.as_bytes()).ok().or_else(|| Some(literal::parse(inside)?.0))?;
            find(&parsed, reading, depth.saturating_add(1))
        }
        Json::Object(_) => {
            let deeper = Reading { depth: reading.depth.saturating_add(1), ..reading };
            let inner = || {
                let mut found = INSIDE.iter().filter_map(|name| match (*name, value.member(name)?) {
                    ("request", Json::Text(text)) => Some(vec![Captured::read(text.as_bytes(), deeper)]),
                    (_, inner) => find(inner, reading, depth.saturating_add(1)),
                });
                let elsewhere = || {
                    let others = value.entries().unwrap_or_default().iter();
                    // The usual names were looked into, and looking twice at each depth adds up.
                    let others = others.filter(|(name, _)| {
                        !matches!(name.as_str(), "response" | "res") && !INSIDE.contains(&name.as_str())
                    });
                    let nested = others.filter(|(_, inner)| matches!(inner, Json::Object(_) | Json::List(_)));
                    nested.into_iter().find_map(|(_, inner)| find(inner, reading, depth.saturating_add(1)))
                };
                let mut found = found.next().or_else(elsewhere)?;
                let time = json::stated_time(value);
                for captured in found.iter_mut().filter_map(|one| one.as_mut().ok()) {
                    if let Some(url) = json::whole_url(value).filter(|_| captured.target.is_empty()) {
                        captured.add_url(url).ok()?;
                    }
                    captured.time = json::stated_time(value)
                        .filter(|_| json::has_time(value))
                        .or(captured.time.take())
                        .or(time.clone());
                }
                Some(found)
            };
            if json::is_request(value) { Some(vec![json::read(value)]) } else { inner() }
        }
        _ => None,
    }
}
