//! Requests in what programs print that make them: Wget, k6.

use super::entries::Requests;
use super::lost::Lost;
use super::{Captured, http};

/// `wget --debug`.
pub fn wget(text: &str) -> Option<Requests> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, inside)) = rest.split_once(BEGIN) {
        let Some((head, behind)) = inside.split_once("---request end---") else { break };
        let (request, behind) = with_body(head, behind, posted);
        found.push(request);
        rest = behind;
    }
    (!found.is_empty()).then_some(found)
}

/// In front of each head.
const BEGIN: &str = "---request begin---\n";

/// The data in `[POST data: …]`, and what is behind it.
fn posted(text: &str, declared: Option<usize>) -> (&str, &str) {
    let start = text.trim_start_matches(['\r', '\n']);
    let Some(data) = start.strip_prefix("[POST data: ").or_else(|| start.strip_prefix("[BODY data: ")) else {
        return ("", text);
    };
    let split = |at: usize| data.split_at_checked(at);
    if let Some((body, behind)) = declared.and_then(split).filter(|(_, behind)| behind.starts_with("]\n")) {
        return (body, behind);
    }
    // Wget's own lines between the data and the answer have no such end.
    let end = data.find(BEGIN).unwrap_or(data.len());
    let own = data.get(..end).and_then(|own| own.split("---response begin---").next()).unwrap_or(data);
    let end = own.rfind("]\n").or_else(|| own.rfind(']')).unwrap_or(own.len());
    split(end).unwrap_or((data, ""))
}

/// k6 with `--http-debug=full`: the raw request in lines of its log, and the log's own fields behind it.
pub fn k6(text: &str) -> Option<Requests> {
    let (before, _) = text.split_once(DUMP)?;
    if !is_stamp(before) {
        return None;
    }
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((before, inside)) = rest.split_once(DUMP) {
        rest = inside;
        if !is_stamp(before.rsplit('\n').next().unwrap_or_default()) {
            continue;
        }
        let (head, content) = parted(inside);
        let (request, behind) = with_body(head, content, dumped);
        found.push(request);
        rest = behind;
    }
    Some(found)
}

/// In front of each request, behind the time.
const DUMP: &str = "Request:\n";

fn is_stamp(line: &str) -> bool {
    line.starts_with("INFO[") || line.starts_with("time=")
}

/// The head, and what is behind the empty line.
fn parted(text: &str) -> (&str, &str) {
    let mut start = 0_usize;
    for line in text.split_inclusive('\n') {
        let end = start.saturating_add(line.len());
        if line.trim_end().is_empty() {
            return text.split_at_checked(end).unwrap_or((text, ""));
        }
        start = end;
    }
    (text, "")
}

/// The body of a dump, and what is behind it.
fn dumped(text: &str, declared: Option<usize>) -> (&str, &str) {
    let is_behind = |rest: &str| rest.trim_start().starts_with("group=");
    if let Some((body, behind)) =
        declared.and_then(|length| text.split_at_checked(length)).filter(|(_, behind)| is_behind(behind))
    {
        return (body, behind);
    }
    let mut start = 0_usize;
    for line in text.split_inclusive('\n') {
        if let Some(at) = line.find("group=").filter(|_| line.contains("source=http-debug")) {
            let shown = text.get(..start.saturating_add(at)).unwrap_or_default().trim_end_matches(' ');
            let behind = text.get(start.saturating_add(line.len())..).unwrap_or_default();
            return (shown.strip_suffix('\n').unwrap_or(shown), behind);
        }
        start = start.saturating_add(line.len());
    }
    (text.trim_end(), "")
}

/// The request with this head, whose body `part` finds in what is behind by the length that the head declares, and what is behind
/// that.
fn with_body<'a>(
    head: &str,
    behind: &'a str,
    part: impl FnOnce(&'a str, Option<usize>) -> (&'a str, &'a str),
) -> (Result<Captured, String>, &'a str) {
    match http::read_head(head.as_bytes()) {
        Ok(mut captured) => {
            let (body, behind) = part(behind, captured.declared_length());
            captured.body = body.as_bytes().to_vec();
            finish(&mut captured);
            (Ok(captured), behind)
        }
        Err(error) => (Err(error), behind),
    }
}

/// Undoes the coding of a body that was found, and says so if it is not all of it.
pub fn finish(captured: &mut Captured) {
    http::take_body(captured);
    if captured.declared_length().is_some_and(|declared| declared > captured.body.len()) && !captured.body.is_empty() {
        captured.lost.push(Lost::cut());
    }
}
