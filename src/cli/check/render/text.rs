//! For people.

use std::fmt::Write as _;
use std::rc::Rc;

use crate::cli::terminal::{BAD, FAINT, GOOD, NOTE, STRONG, Style, WARNING};

use super::super::codes::Severity;
use super::super::findings::{Finding, count};

/// What was found, and how much of it. The styles are for the terminal to take out where they do not belong.
pub fn render(findings: &[Finding], plugins: usize, files: &[Rc<str>]) -> String {
    let mut text = String::new();
    for finding in findings {
        let style = style(finding.severity);
        let (word, code, spot) = (finding.severity.word(), finding.code.name, &finding.spot);
        let _ = writeln!(text, "{style}{word}[{code}]{style:#}{STRONG}: {}{STRONG:#}", finding.message);
        let place = spot.place;
        let _ = writeln!(text, "  {FAINT}-->{FAINT:#} {}:{}:{} {}", spot.file, place.line, place.column, spot.path);
        if !finding.right.is_empty() {
            let _ = writeln!(text, "   {FAINT}={FAINT:#} right: {}", finding.right);
        }
        let _ = writeln!(text, "   {FAINT}={FAINT:#} see:   {}\n", finding.code.docs);
    }
    let [errors, warnings, notes] = count(findings);
    let found: Vec<_> = [(errors, "error"), (warnings, "warning"), (notes, "note")]
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| of(*number, word))
        .collect();
    let worst = findings.iter().map(|finding| finding.severity).min();
    let style = worst.map_or(GOOD, style);
    let found = if found.is_empty() { "no problems found".to_owned() } else { found.join(", ") };
    let _ = writeln!(text, "{style}{found}{style:#} in {} of {}", of(plugins, "plugin"), of(files.len(), "file"));
    text
}

fn of(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

fn style(severity: Severity) -> Style {
    match severity {
        Severity::Error => BAD,
        Severity::Warning => WARNING,
        Severity::Note => NOTE,
    }
}
