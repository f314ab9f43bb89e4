//! Workflow commands of GitHub Actions, which it shows beside the lines that they are about.

use super::super::codes::Severity;
use super::super::findings::Finding;

/// What was found, a command each.
pub fn render(findings: &[Finding]) -> String {
    findings.iter().map(command).collect()
}

fn command(finding: &Finding) -> String {
    let kind = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let spot = &finding.spot;
    let place = match &*spot.file {
        "<stdin>" => String::new(),
        file => format!("file={},line={},col={},", property(file), spot.place.line, spot.place.column),
    };
    let right = if finding.right.is_empty() { String::new() } else { format!("\nright: {}", finding.right) };
    let text = format!("{}: {}{right}\nsee {}", spot.path, finding.message, finding.code.docs);
    format!("::{kind} {place}title=hookwarden {}::{}\n", finding.code.name, data(&text))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
