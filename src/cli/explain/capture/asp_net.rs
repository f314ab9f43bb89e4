//! ASP.NET's HTTP logging: a message `Request:` with lines of its parts and headers, and one with `RequestBody:`.

use super::Captured;
use super::client_logs;
use super::entries::Requests;
use super::lost::Lost;

/// Every request of a log.
pub fn read(text: &str) -> Option<Requests> {
    if !text.contains("HttpLoggingMiddleware") {
        return None;
    }
    let mut log = Log::default();
    for (lines, padding) in messages(text) {
        let first = lines.first().copied().unwrap_or_default();
        if first.trim_end().ends_with(" Request:") || first.trim() == "Request:" {
            log.open(request(lines.get(1..).unwrap_or_default())?);
        } else if let Some((_, body)) = first.split_once("RequestBody: ") {
            let more = lines.get(1..).unwrap_or_default().iter();
            let more = more.map(|line| line.strip_prefix(padding).unwrap_or(line.trim_start()));
            log.take_body(&std::iter::once(body).chain(more).collect::<Vec<_>>().join("\n"));
        } else if first.trim_start().starts_with("Response:") {
            log.answered();
        }
    }
    (!log.found.is_empty()).then(|| log.found.into_iter().map(Ok).collect())
}

/// The requests so far, and those whose body may follow.
#[derive(Default)]
struct Log {
    found: Vec<Captured>,
    open: Vec<usize>,
}

impl Log {
    fn open(&mut self, captured: Captured) {
        let has_none = matches!(captured.method.as_str(), "GET" | "HEAD") || captured.declared_length() == Some(0);
        if !has_none {
            self.open.push(self.found.len());
        }
        self.found.push(captured);
    }

    /// A message does not say whose body it has.
    fn take_body(&mut self, body: &str) {
        let open = std::mem::take(&mut self.open);
        if let [only] = open.as_slice() {
            if let Some(captured) = self.found.get_mut(*only) {
                take_body(captured, body);
            }
            return;
        }
        for at in open {
            if let Some(captured) = self.found.get_mut(at) {
                captured.lost.push(Lost::new(
                    "capture_without_body",
                    "The capture has no body: several requests were logged at the same time, and nothing says whose a body is.",
                    "Log one request at a time, or with CombineLogs, or give the body with --body.",
                ));
            }
        }
    }

    fn answered(&mut self) {
        if self.open.len() == 1 {
            self.open.clear();
        }
    }
}

/// The lines of each message from the first of its text on, and what is in front of each of them.
fn messages(text: &str) -> Vec<(Vec<&str>, &str)> {
    let mut messages: Vec<(Vec<&str>, &str)> = Vec::new();
    let mut blank = 0_usize;
    for line in text.lines() {
        if line.is_empty() {
            blank = blank.saturating_add(1);
            continue;
        }
        let padding = line
            .split_at_checked(line.len().saturating_sub(line.trim_start().len()))
            .map_or("", |(padding, _)| padding);
        let is_scope = line.trim_start().starts_with("=> ");
        match messages.last_mut() {
            Some((lines, own)) if !padding.is_empty() => {
                // The line in front has the category; scopes follow it.
                let is_new = lines.len() == 1 && lines.iter().all(|line| is_title(line));
                if is_new && !is_scope {
                    lines.clear();
                    *own = padding;
                }
                if !(is_new && is_scope) {
                    // An editor takes the blanks of empty lines off.
                    lines.extend(std::iter::repeat_n("", blank));
                    lines.push(line);
                }
            }
            _ => messages.push((vec![line], padding)),
        }
        blank = 0;
    }
    messages
}

/// `info: Microsoft.AspNetCore.HttpLogging.HttpLoggingMiddleware[1]`.
fn is_title(line: &str) -> bool {
    !line.starts_with([' ', '\t']) && line.trim_end().ends_with(']') && !line.contains("RequestBody: ")
}

/// The properties are in front of the headers, which may have the same names.
fn request(lines: &[&str]) -> Option<Captured> {
    let mut captured = Captured::default();
    let mut properties: Vec<(&str, &str)> = Vec::new();
    for line in lines {
        let Some((name, value)) = line.trim().split_once(':') else { continue };
        let value = value.trim();
        let is_property = ["Protocol", "Method", "Scheme", "PathBase", "Path", "QueryString"].contains(&name);
        if is_property && !properties.iter().any(|(known, _)| *known == name) {
            properties.push((name, value));
        } else {
            captured.add_header(name, value.as_bytes());
        }
    }
    let property = |name: &str| properties.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    property("Method").unwrap_or_default().clone_into(&mut captured.method);
    captured.scheme = property("Scheme").map(str::to_owned);
    let parts = ["PathBase", "Path", "QueryString"].map(|name| property(name).unwrap_or_default());
    captured.state_target(&parts.concat()).ok()?;
    Some(captured)
}

fn take_body(captured: &mut Captured, text: &str) {
    let statuses = ["[Truncated by RequestBodyLogLimit]", "[Only partially consumed by app]"];
    let cut = statuses.iter().find_map(|status| text.strip_suffix(status));
    captured.body = cut.unwrap_or(text).as_bytes().to_vec();
    if cut.is_some() {
        captured.lost.push(Lost::cut());
    } else {
        client_logs::finish(captured);
    }
}
