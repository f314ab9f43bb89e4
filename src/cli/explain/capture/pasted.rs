//! What mails, issues and old editors make of a text that is pasted into them.

use std::borrow::Cow;

/// The text without the marks of a quotation, without the indentation that all its lines have, and with line feeds where an
/// editor left carriage returns alone.
pub fn bare(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'\n') && text.contains(&b'\r') {
        return Cow::Owned(text.iter().map(|byte| if *byte == b'\r' { b'\n' } else { *byte }).collect());
    }
    if let Some(text) = std::str::from_utf8(text)
        .ok()
        .and_then(|text| unquoted(text).or_else(|| unprefixed(text)).or_else(|| dedented(text)))
    {
        return Cow::Owned(text.into_bytes());
    }
    Cow::Borrowed(text)
}

/// A quotation: every line begins with `>`, and there is a body behind the empty line. What `curl -v` prints has none.
fn unquoted(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let empty = lines.iter().position(|line| line.trim_end() == ">")?;
    let is_quotation = lines.iter().all(|line| line.starts_with('>')) && lines.len() > empty.saturating_add(1);
    let bare = |line: &str| line.strip_prefix("> ").or(line.strip_prefix('>')).unwrap_or(line).to_owned();
    is_quotation.then(|| text.lines().map(bare).collect::<Vec<_>>().join("\n"))
}

/// The log of a container: the same name and a bar in front of every line.
fn unprefixed(text: &str) -> Option<String> {
    let end = text.find("| ").filter(|at| (1..60).contains(at))?;
    let prefix = text.get(..end.saturating_add(1)).filter(|prefix| !prefix.contains(['\n', '"', '{', '\'']))?;
    let all = text.lines().all(|line| line.is_empty() || line.starts_with(prefix));
    let bare = |line: &str| {
        let line = line.strip_prefix(prefix).unwrap_or(line);
        line.strip_prefix(' ').unwrap_or(line).to_owned()
    };
    (all && text.lines().count() > 1).then(|| text.lines().map(bare).collect::<Vec<_>>().join("\n"))
}

/// A block of code: every line is indented by as many blanks, or a tab.
fn dedented(text: &str) -> Option<String> {
    let first = text.lines().find(|line| !line.trim().is_empty())?;
    let indentation = first.get(..first.len().saturating_sub(first.trim_start().len()))?;
    let is_block = indentation == "\t" || (2..=12).contains(&indentation.len());
    let all = || text.lines().all(|line| line.trim().is_empty() || line.starts_with(indentation));
    let bare = |line: &str| line.strip_prefix(indentation).unwrap_or(line).to_owned();
    (is_block && all()).then(|| text.lines().map(bare).collect::<Vec<_>>().join("\n"))
}
