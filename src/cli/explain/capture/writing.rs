//! JSON written again, in the ways in which senders write it.

use hookwarden::verify::bytes::json::Json;

/// A way to write JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// Without white space: JavaScript, Go, Ruby.
    Compact,
    /// Without white space, letters beyond ASCII as `\u` escapes.
    CompactAscii,
    /// The same with slashes escaped: PHP.
    CompactPhp,
    /// Blanks behind commas and colons, letters beyond ASCII as `\u` escapes: Python.
    SpacedAscii,
    /// Blanks behind commas and colons.
    Spaced,
    /// In lines, indented by two blanks.
    Indented,
}

impl Writing {
    /// The likeliest first.
    pub const ALL: [Self; 6] =
        [Self::Compact, Self::CompactAscii, Self::CompactPhp, Self::SpacedAscii, Self::Spaced, Self::Indented];

    /// How it is, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Compact => "as JSON without white space",
            Self::CompactAscii => "as JSON without white space, with \\u escapes",
            Self::CompactPhp => "as JSON the way PHP writes it",
            Self::SpacedAscii => "as JSON the way Python writes it",
            Self::Spaced => "as JSON with a blank after each comma and colon",
            Self::Indented => "as JSON in indented lines",
        }
    }
}

/// The text of a value.
pub fn write(json: &Json, writing: Writing) -> String {
    let compact = || json.to_string();
    match writing {
        Writing::Compact => compact(),
        Writing::CompactAscii => ascii(&compact()),
        Writing::CompactPhp => ascii(&compact().replace('/', "\\/")),
        Writing::SpacedAscii => ascii(&spaced(json)),
        Writing::Spaced => spaced(json),
        Writing::Indented => {
            let mut text = String::new();
            indented(json, 0, &mut text);
            text
        }
    }
}

/// Letters beyond ASCII stand in strings only.
fn ascii(text: &str) -> String {
    let mut units = [0; 2];
    text.chars()
        .map(|char| match char.is_ascii() {
            true => char.to_string(),
            false => char.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
        })
        .collect()
}

fn spaced(json: &Json) -> String {
    match json {
        Json::List(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Json::Object(members) => {
            let members =
                members.iter().map(|(name, value)| format!("{}: {}", Json::Text(name.clone()), spaced(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        plain => plain.to_string(),
    }
}

fn indented(json: &Json, depth: usize, text: &mut String) {
    let line = |depth: usize| format!("\n{}", "  ".repeat(depth));
    let inner = depth.saturating_add(1);
    match json {
        Json::List(items) if !items.is_empty() => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                text.push_str(if at > 0 { "," } else { "" });
                text.push_str(&line(inner));
                indented(item, inner, text);
            }
            text.push_str(&line(depth));
            text.push(']');
        }
        Json::Object(members) if !members.is_empty() => {
            text.push('{');
            for (at, (name, value)) in members.iter().enumerate() {
                text.push_str(if at > 0 { "," } else { "" });
                text.push_str(&format!("{}{}: ", line(inner), Json::Text(name.clone())));
                indented(value, inner, text);
            }
            text.push_str(&line(depth));
            text.push('}');
        }
        plain => text.push_str(&plain.to_string()),
    }
}
