//! For machines: one object. Members are only ever added.

use super::super::findings::{Finding, count};
use crate::cli::document::value::quoted;

/// What was found, as JSON.
pub fn render(findings: &[Finding], plugins: usize) -> String {
    let [errors, warnings, notes] = count(findings);
    let mut json = format!(
        "{{\n  \"plugins\": {plugins},\n  \"errors\": {errors},\n  \"warnings\": {warnings},\n  \"notes\": {notes},\n  \"findings\": ["
    );
    for (position, finding) in findings.iter().enumerate() {
        json.push_str(if position > 0 { ",\n    { " } else { "\n    { " });
        let texts = [
            ("severity", finding.severity.word()),
            ("code", finding.code.name),
            ("file", &finding.spot.file),
            ("path", &finding.spot.path),
            ("message", &finding.message),
            ("right", &finding.right),
            ("docs", finding.code.docs),
        ];
        for (name, text) in texts {
            json.push_str(&format!("\"{name}\": {}, ", quoted(text)));
        }
        let place = finding.spot.place;
        json.push_str(&format!("\"line\": {}, \"column\": {} }}", place.line, place.column));
    }
    json.push_str(if findings.is_empty() { "]\n}\n" } else { "\n  ]\n}\n" });
    json
}
