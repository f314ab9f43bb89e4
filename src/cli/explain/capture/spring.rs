//! Spring's CommonsRequestLoggingFilter: `[POST /path, client=…, headers=[name:"value", …], payload=…]`.

use std::collections::HashMap;

use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::request::is_header_name;

use super::entries::Requests;
use super::lost::Lost;
use super::{Captured, http};

const BEGIN: &str = " request [";
/// How many ends of a payload are tried.
const MOST_ENDS: usize = 32;

/// Every request of a log.
pub fn read(text: &str) -> Option<Requests> {
    let mut found: Vec<Captured> = Vec::new();
    // What is written before a request is handled has no payload; it is written again behind it.
    let mut open: HashMap<&str, usize> = HashMap::new();
    let mut rest = text;
    while let Some((before, inside)) = rest.split_once(BEGIN) {
        // No line has two of them.
        rest = inside.split_once('\n').map_or("", |(_, behind)| behind);
        let Some((head, payload)) = parted(inside) else { continue };
        let Some(mut captured) = read_head(head) else { continue };
        if let Some(payload) = payload {
            rest = take_payload(&mut captured, payload);
        }
        let known = if before.ends_with("Before") { None } else { open.remove(head) };
        match known.and_then(|at| found.get_mut(at)) {
            Some(known) => *known = captured,
            None => {
                if before.ends_with("Before") {
                    open.insert(head, found.len());
                }
                found.push(captured);
            }
        }
    }
    (!found.is_empty()).then(|| found.into_iter().map(Ok).collect())
}

/// What is in front of the payload, and what begins with it, if there is one.
fn parted(inside: &str) -> Option<(&str, Option<&str>)> {
    let line = inside.lines().next()?;
    let (called, lines) = line.split_once(", headers=[")?;
    let start = called.len().saturating_add(", headers=[".len());
    // A value may hold quotation marks and brackets itself.
    let ends = |at: &usize| {
        let behind = lines.get(at.saturating_add(2)..).unwrap_or_default();
        behind.starts_with(PAYLOAD) || behind.trim_end() == "]"
    };
    let end = match lines.starts_with(']') {
        true => 0,
        false => lines.match_indices("\"]").map(|(at, _)| at).find(ends)?.saturating_add(1),
    };
    let (head, behind) = inside.split_at_checked(start.saturating_add(end))?;
    Some((head, behind.strip_prefix(']')?.strip_prefix(PAYLOAD)))
}

const PAYLOAD: &str = ", payload=";

fn read_head(head: &str) -> Option<Captured> {
    let (called, lines) = head.split_once(", headers=[")?;
    let mut captured = Captured::default();
    // No blank is in a target; a comma may be.
    let (method, target) = http::request_line(called.split(", ").next()?.as_bytes())?;
    method.clone_into(&mut captured.method);
    target.clone_into(&mut captured.target);
    let mut headers: Vec<(&str, String)> = Vec::new();
    for part in lines.strip_suffix('"').unwrap_or(lines).split("\", ") {
        match (part.split_once(":\"").filter(|(name, _)| is_header_name(name)), headers.last_mut()) {
            (Some((name, value)), _) => headers.push((name, value.to_owned())),
            (None, Some((name, _))) if part.starts_with('"') => {
                let name = *name;
                headers.push((name, part.get(1..).unwrap_or_default().to_owned()));
            }
            // A value may hold what ends one.
            (None, Some((_, value))) => {
                value.push_str("\", ");
                value.push_str(part);
            }
            (None, None) => {}
        }
    }
    headers.iter().for_each(|(name, value)| captured.add_header(name, value.as_bytes()));
    Some(captured)
}

/// Takes what is in front of the bracket that ends the payload, and gives what is behind it.
fn take_payload<'a>(captured: &mut Captured, payload: &'a str) -> &'a str {
    let line = payload.find('\n').unwrap_or(payload.len());
    let behind = payload.get(line..).unwrap_or_default();
    // Up to the line with the next request.
    let next = behind.find(BEGIN).and_then(|at| behind.get(..at)?.rfind('\n')).unwrap_or(behind.len());
    let own = payload.get(..line.saturating_add(next)).unwrap_or(payload);
    let declared = captured.declared_length();
    let is_end = |at: &usize| {
        let behind = own.get(at.saturating_add(1)..).unwrap_or_default();
        behind.is_empty() || behind.starts_with(['\n', '\r'])
    };
    let of_length = |length: usize| {
        let (body, behind) = payload.split_at_checked(length)?;
        let behind = behind.strip_prefix(']')?;
        (behind.is_empty() || behind.starts_with(['\n', '\r'])).then_some((body, behind))
    };
    if let Some((body, behind)) = declared.and_then(of_length) {
        captured.body = body.as_bytes().to_vec();
        return behind;
    }
    let ends: Vec<usize> = own.match_indices(']').map(|(at, _)| at).filter(is_end).take(MOST_ENDS).collect();
    let is_json = |at: &&usize| own.get(..**at).is_some_and(|text| Json::parse(text.as_bytes()).is_ok());
    let (end, is_certain) = match (ends.as_slice(), ends.iter().find(is_json)) {
        ([only], _) => (*only, true),
        (_, Some(json)) => (*json, true),
        ([first, ..], None) => (*first, false),
        ([], None) => (own.trim_end().len(), false),
    };
    let (body, behind) = payload.split_at_checked(end).unwrap_or((payload, ""));
    captured.body = body.as_bytes().to_vec();
    if !body.is_empty() && (!is_certain || declared.is_some_and(|declared| declared > body.len())) {
        captured.lost.push(Lost {
            advice: "Raise setMaxPayloadLength of the filter, or give the whole body with --body.".to_owned(),
            ..Lost::cut()
        });
    }
    behind
}
