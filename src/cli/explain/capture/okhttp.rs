//! OkHttp's logging interceptor: `--> POST https://…`, header lines, the body, `--> END POST (79-byte body)`.

use super::entries::Requests;
use super::lost::Lost;
use super::{Captured, client_logs, framing, http};

const MIXED: &str = "lines of several requests are mixed in the log, or it ends within one: log one request at a time, or with \
                     the thread in front of each line";

/// Every request of a log.
pub fn read(text: &str) -> Option<Requests> {
    let at = text.find("--> ")?;
    // Android's log has a tag in front of each line.
    let before = text.get(..at).and_then(|before| before.rsplit('\n').next()).unwrap_or_default();
    let is_tag = |word: &&str| word.len() < MOST_OF_A_TAG && word.ends_with(':');
    let tag = before.rsplit(' ').find(|word| !word.is_empty()).filter(is_tag);
    let found: Requests = of_threads(text, before, tag).iter().flat_map(|lines| of_thread(lines)).collect();
    (!found.is_empty()).then_some(found)
}

/// The lines of each thread without what is in front of them.
fn of_threads<'a>(text: &'a str, before: &str, tag: Option<&str>) -> Vec<Vec<&'a str>> {
    let mut threads: Vec<(String, Vec<&str>)> = Vec::new();
    let mut at = 0;
    for line in text.lines() {
        let tagged = tag.and_then(|tag| line.split_once(tag));
        let line = match tagged {
            Some((stamp, rest)) => {
                // Numbers alone are those of process and thread.
                let is_number = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
                let thread = stamp.split(' ').filter(is_number).collect::<Vec<_>>().join(" ");
                at = threads.iter().take(MOST_THREADS).position(|(name, _)| *name == thread).unwrap_or(threads.len());
                if at == threads.len() {
                    threads.push((thread, Vec::new()));
                }
                rest.strip_prefix(' ').unwrap_or(rest)
            }
            // Where each line has its thread, this is a line of something else.
            None if threads.last().is_some_and(|(name, _)| !name.is_empty()) => continue,
            None => line.strip_prefix(before).unwrap_or(line),
        };
        if threads.is_empty() {
            threads.push((String::new(), Vec::new()));
        }
        if let Some((_, lines)) = threads.get_mut(at) {
            lines.push(line);
        }
    }
    threads.into_iter().map(|(_, lines)| lines).collect()
}

/// How long a tag is at most, in bytes: each line is searched for it.
const MOST_OF_A_TAG: usize = 100;
/// How many threads are told apart.
const MOST_THREADS: usize = 200;

/// The requests among the lines of one thread.
fn of_thread(lines: &[&str]) -> Requests {
    let starts: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| called(line).is_some()).map(|(at, _)| at).collect();
    let mut found = Vec::new();
    let mut was_mixed = false;
    for (number, start) in starts.iter().enumerate() {
        let next = starts.get(number.saturating_add(1)).copied().unwrap_or(lines.len());
        let part = lines.get(*start..next).unwrap_or_default();
        let has_end = part.iter().any(|line| line.starts_with(END));
        let is_mixed = was_mixed || !has_end;
        found.push(if is_mixed { Err(MIXED.to_owned()) } else { read_one(part) });
        was_mixed = !has_end;
    }
    found
}

const END: &str = "--> END ";

/// Method and URL of `--> POST https://… http/1.1`.
fn called(line: &str) -> Option<String> {
    let words: Vec<&str> = line.strip_prefix("--> ")?.split(' ').take(2).collect();
    let called = words.join(" ");
    http::request_line(called.as_bytes())?;
    Some(called)
}

/// The request in lines that begin with it, up to the next.
fn read_one(lines: &[&str]) -> Result<Captured, String> {
    let first = lines.first().and_then(|line| called(line)).unwrap_or_default();
    let from = lines.iter().position(|line| line.is_empty() || line.starts_with(END)).unwrap_or(lines.len());
    let head = lines.get(1..from).unwrap_or_default();
    let mut captured = http::read_head(format!("{first} HTTP/1.1\n{}", head.join("\n")).as_bytes())?;
    let content = lines.get(from..).unwrap_or_default();
    let is_bare = content.first().is_some_and(|line| line.starts_with(END));
    let content = content.get(usize::from(!is_bare)..).unwrap_or_default();
    let (count, is_certain) = end(content, captured.declared_length());
    let (said, own) = (content.get(count).copied().unwrap_or_default(), content.get(..count).unwrap_or_default());
    let length = length(said);
    if said.contains("omitted") {
        captured.lost.push(length.map_or_else(
            || {
                Lost::new(
                    "capture_without_body",
                    "The capture has no body: OkHttp's log leaves out what is compressed or can be read only once.",
                    "Save the body in a file of its own and give it with --body.",
                )
            },
            Lost::body,
        ));
        return Ok(captured);
    }
    captured.body = own.join("\n").into_bytes();
    client_logs::finish(&mut captured);
    framing::reconcile_length(&mut captured, length);
    let is_short = length.is_some_and(|length| captured.body.len() < length);
    if (is_short || !is_certain) && captured.lost.is_empty() {
        captured.lost.push(Lost::cut());
    }
    Ok(captured)
}

/// How many lines are in front of the end, and whether it is certain that none of them or behind them is the end: a body
/// may have such lines itself.
fn end(lines: &[&str], declared: Option<usize>) -> (usize, bool) {
    let mut bytes = 0_usize;
    let mut first = None;
    let mut fitting = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with(END) {
            first = first.or(Some(at));
            let shown = bytes.saturating_sub(1);
            let fits = length(line) == Some(shown) && declared.is_none_or(|declared| declared == shown);
            if fits && !line.contains("omitted") {
                fitting.push(at);
            }
        }
        bytes = bytes.saturating_add(line.len()).saturating_add(1);
    }
    match (fitting.as_slice(), first) {
        ([only], _) => (*only, true),
        ([.., last], _) => (*last, false),
        ([], Some(first)) => (first, true),
        ([], None) => (lines.len(), false),
    }
}

/// The number in `--> END POST (79-byte body)`, and in `(binary 79-byte body omitted)`.
fn length(line: &str) -> Option<usize> {
    let (before, _) = line.split_once("-byte")?;
    before.rsplit(['(', ' ']).next()?.parse().ok()
}
