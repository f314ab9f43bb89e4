//! What the sender is expected to send, in words. Never the tag that would be right.

use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::key::keyring::Selector;
use serde_json::Value;

use crate::cli::config_file::CheckEntry;
use crate::cli::description::{self, Window};

/// What a check expects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// A label and a text each.
    pub lines: Vec<(String, String)>,
    /// The signed content as the scheme writes it.
    pub signed: Vec<String>,
}

/// What a dialect of a check expects.
pub fn expected(check: &CheckEntry, dialect: &Json) -> Expected {
    let dialect: Value = serde_json::from_str(&dialect.to_string()).unwrap_or_default();
    let tolerance = check.tolerance.as_ref().and_then(Json::text);
    let described = description::dialect(&dialect, Window { tolerance, from: "the arrival" });
    let mut lines: Vec<_> =
        described.into_iter().map(|(label, text)| (label.to_lowercase(), filled(&text, check))).collect();
    if let Some(selector) = &check.selector {
        let at = match selector {
            Selector::Header(name) => format!("the header {name}"),
            Selector::PathSegment(position) => format!("segment {position} of the path"),
        };
        let names: Vec<_> = check.lists.iter().filter_map(|list| list.name.as_deref()).collect();
        lines.push(("secret list".to_owned(), format!("chosen by {at}: {}", names.join(", "))));
    }
    let signed = match dialect.get("signed") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        one => one.and_then(Value::as_str).map(str::to_owned).into_iter().collect(),
    };
    Expected { lines, signed }
}

/// A text with the configured values in the places that name them.
fn filled(text: &str, check: &CheckEntry) -> String {
    check.with.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{with:{name}}}"), value))
}
