//! Files of requests for editors (`.http`, `.rest`): what stands around the request itself.

use super::framing;
use super::variables::Variables;

/// The text with its variables (`@name = value`) put in; `None` if it sets none or uses none,
/// or if it becomes too large.
pub fn with_variables(text: &str) -> Option<String> {
    if !text.contains("{{") {
        return None;
    }
    let definition = |line: &str| {
        let (name, value) = line.trim_end().strip_prefix('@')?.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    let variables = Variables::new(text.lines().filter_map(definition));
    if variables.is_empty() { None } else { variables.fill(text) }
}

/// The body, and the scripts, answers and other requests that editors write behind it.
pub fn split(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = (0..text.len()).find(|at| begins_with_mark(text.get(*at..).unwrap_or_default()))?;
    let (body, behind) = text.split_at_checked(at)?;
    Some((framing::trim_line_ends(body), behind))
}

/// How many bytes there are from the last of these marks to the end; more than there can be, if there is none.
pub fn from_last_mark(text: &[u8]) -> usize {
    let last = (0..text.len()).rfind(|at| begins_with_mark(text.get(*at..).unwrap_or_default()));
    last.map_or(usize::MAX, |at| text.len().saturating_sub(at))
}

fn begins_with_mark(text: &[u8]) -> bool {
    let marks: [&[u8]; 5] = [b"\n###", b"\n> {%", b"\n<> ", b"\n> ./", b"\n>> "];
    text.first() == Some(&b'\n') && marks.iter().any(|mark| text.starts_with(mark))
}

/// Whether the body is the name of a file (`< ./body.json`).
pub fn names_file(body: &[u8]) -> bool {
    let line = body.trim_ascii();
    (line.starts_with(b"< ") || line.starts_with(b"<@ ")) && !line.contains(&b'\n')
}

/// A file of Hurl as raw HTTP: its body follows the headers without an empty line, and the answer's status ends it.
pub fn of_hurl(text: &str) -> Option<String> {
    let is_status = |line: &&str| {
        let status = line.strip_prefix("HTTP").unwrap_or("-").trim_start_matches(['/', '.', '0', '1', '2', '3']);
        line.starts_with("HTTP") && line.len() < 16 && (status == " *" || status.trim().parse::<u16>().is_ok())
    };
    let end = text.lines().position(|line| is_status(&line.trim_end()))?;
    let mut lines = text.lines().take(end).map(|line| line.trim_end_matches('\r'));
    let first = lines.next().filter(|line| !line.contains(" HTTP/"))?;
    let is_header =
        |line: &&str| line.split_once(':').is_some_and(|(name, _)| hookwarden::verify::request::is_header_name(name));
    let rest: Vec<&str> = lines.collect();
    let headers = rest.iter().take_while(|line| is_header(line)).count();
    let (head, body) = rest.split_at_checked(headers)?;
    let body = body.join("\n");
    let body = body.trim();
    let body = match body.strip_prefix("```") {
        // The line feed in front of the closing fence is part of the body.
        Some(fenced) => fenced.strip_suffix("```")?.split_once('\n').map_or(fenced, |(_, inside)| inside),
        None => body.trim_matches('`'),
    };
    Some(format!("{first}\n{}\n\n{body}", head.join("\n")))
}
