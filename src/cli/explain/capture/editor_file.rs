//! Files of requests for editors (`.http`, `.rest`): what stands around the request itself.

use super::{framing, variables};

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
    let known: Vec<_> = text.lines().filter_map(definition).take(variables::MOST).collect();
    if known.is_empty() {
        return None;
    }
    let mut text = text.to_owned();
    // One may be made of another.
    for _ in 0..4 {
        for (name, value) in &known {
            for place in [format!("{{{{{name}}}}}"), format!("{{{{ {name} }}}}")] {
                text = variables::put_in(&text, &place, value)?;
            }
        }
    }
    Some(text)
}

/// The body, and the scripts, answers and other requests that editors write behind it.
pub fn split(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let marks: [&[u8]; 5] = [b"\n###", b"\n> {%", b"\n<> ", b"\n> ./", b"\n>> "];
    let is_mark = |at: &usize| text.get(*at..).is_some_and(|rest| marks.iter().any(|mark| rest.starts_with(mark)));
    let (body, behind) = text.split_at_checked((0..text.len()).find(is_mark)?)?;
    Some((framing::trim_line_ends(body), behind))
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
