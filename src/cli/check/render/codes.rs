//! The list of codes.

use super::super::codes::ALL;
use crate::cli::document::value::quoted;

/// Every code, how bad it is, what it is about, and where more is said.
pub fn render(as_json: bool) -> String {
    if as_json {
        let members: Vec<_> = ALL
            .iter()
            .map(|code| {
                let texts = [
                    ("code", code.name),
                    ("severity", code.severity.word()),
                    ("about", code.about),
                    ("docs", code.docs),
                ];
                let members: Vec<_> =
                    texts.iter().map(|(name, text)| format!("\"{name}\": {}", quoted(text))).collect();
                format!("  {{ {} }}", members.join(", "))
            })
            .collect();
        return format!("[\n{}\n]\n", members.join(",\n"));
    }
    let width = ALL.iter().map(|code| code.name.len()).max().unwrap_or_default();
    ALL.iter().map(|code| format!("{:width$}  {:7}  {}\n", code.name, code.severity.word(), code.about)).collect()
}
