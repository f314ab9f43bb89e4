//! ModSecurity's audit log.

use super::entries::Requests;
use super::server_logs::no_body;
use super::{Captured, http};

/// A transaction of ModSecurity's audit log, between its sections A and Z.
struct Transaction<'a> {
    boundary: &'a str,
    /// The section whose lines follow.
    section: &'a str,
    head: String,
    body: Option<String>,
    has_reduced_body: bool,
}

impl Transaction<'_> {
    fn read(&self) -> Option<Result<Captured, String>> {
        if self.head.is_empty() {
            return None;
        }
        let body = self.body.as_deref().unwrap_or_default();
        // The line end in front of the next section is the log's own.
        let body = body.strip_suffix('\n').unwrap_or(body);
        Some(http::of_parts(&self.head, body.as_bytes()).map(|mut captured| {
            if self.body.is_none() && self.has_reduced_body {
                captured.lost.push(no_body(
                    "Section C of the audit log, the body, is missing.",
                    "Add C to SecAuditLogParts, or give the body with --body.",
                ));
            }
            captured
        }))
    }
}

/// ModSecurity's audit log: section B is the head, C the body.
pub fn modsecurity(text: &str) -> Option<Requests> {
    section(text.lines().next()?).filter(|(_, name)| *name == "A")?;
    let mut transactions: Vec<Transaction<'_>> = Vec::new();
    for line in text.split_inclusive('\n') {
        let last = transactions.last_mut();
        let is_own = |boundary: &str| last.as_ref().is_some_and(|last| last.boundary == boundary);
        // The bodies, of which these sections are, can have such lines, too, but do not know the boundary.
        let is_within = last.as_ref().is_some_and(|last| matches!(last.section, "C" | "E" | "I"));
        match section(line) {
            Some((boundary, "A")) if !is_within => transactions.push(Transaction {
                boundary,
                section: "A",
                head: String::new(),
                body: None,
                has_reduced_body: false,
            }),
            Some((boundary, name)) if is_own(boundary) => {
                if let Some(last) = last {
                    last.section = name;
                    last.has_reduced_body |= name == "I";
                    if name == "C" {
                        last.body = Some(String::new());
                    }
                }
            }
            _ => match last {
                Some(last) if last.section == "B" => last.head.push_str(line),
                Some(Transaction { section: "C", body: Some(body), .. }) => body.push_str(line),
                _ => {}
            },
        }
    }
    let found: Requests = transactions.iter().filter_map(Transaction::read).collect();
    (!found.is_empty()).then_some(found)
}

/// Boundary and letter of `--7a3c1b0f-B--`, with which a section begins.
fn section(line: &str) -> Option<(&str, &str)> {
    let (boundary, name) = line.trim_end().strip_prefix("--")?.strip_suffix("--")?.rsplit_once('-')?;
    (!boundary.is_empty() && name.len() == 1).then_some((boundary, name))
}
