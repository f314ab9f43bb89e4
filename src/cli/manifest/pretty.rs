//! A configuration as JSON or YAML that people like to read: short objects on one line.

use crate::cli::document::value::{Kind, Member, Value, quoted};

/// How wide a line may become.
const WIDTH: usize = 96;

/// As JSON over several lines.
pub fn json(value: &Value) -> String {
    let mut text = String::new();
    write_json(value, 0, &mut text);
    text.push('\n');
    text
}

fn write_json(value: &Value, depth: usize, text: &mut String) {
    let line = json_line(value);
    let is_top = depth == 0;
    if !is_top && fits(&line, text) && !is_large(value) {
        text.push_str(&line);
        return;
    }
    let indent = "  ".repeat(depth + 1);
    match &value.kind {
        Kind::Map(members) if !members.is_empty() => {
            text.push('{');
            for (position, Member { key, value, .. }) in members.iter().enumerate() {
                text.push_str(if position > 0 { ",\n" } else { "\n" });
                text.push_str(&indent);
                text.push_str(&quoted(key));
                text.push_str(": ");
                write_json(value, depth + 1, text);
            }
            text.push_str(&format!("\n{}}}", "  ".repeat(depth)));
        }
        Kind::List(list) if !list.is_empty() => {
            text.push('[');
            for (position, value) in list.iter().enumerate() {
                text.push_str(if position > 0 { ",\n" } else { "\n" });
                text.push_str(&indent);
                write_json(value, depth + 1, text);
            }
            text.push_str(&format!("\n{}]", "  ".repeat(depth)));
        }
        _ => text.push_str(&line),
    }
}

fn json_line(value: &Value) -> String {
    match &value.kind {
        Kind::Map(members) if !members.is_empty() => {
            let member = |member: &Member| format!("{}: {}", quoted(&member.key), json_line(&member.value));
            format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        Kind::List(list) => format!("[{}]", list.iter().map(json_line).collect::<Vec<_>>().join(", ")),
        _ => value.to_json(),
    }
}

/// As the members of a block mapping of YAML.
pub fn yaml(value: &Value) -> String {
    let mut text = String::new();
    for member in value.members() {
        write_member(member, 0, &mut text);
    }
    text
}

fn write_member(member: &Member, depth: usize, text: &mut String) {
    let Member { key, value, .. } = member;
    text.push_str(&"  ".repeat(depth));
    text.push_str(&scalar(key));
    text.push(':');
    write_value(value, depth, text);
}

/// Writes what follows a key or a hyphen.
fn write_value(value: &Value, depth: usize, text: &mut String) {
    let line = yaml_line(value);
    match &value.kind {
        Kind::Map(members) if !members.is_empty() && (is_large(value) || !fits(&line, text)) => {
            text.push('\n');
            for member in members {
                write_member(member, depth + 1, text);
            }
        }
        Kind::List(list) if !list.is_empty() && (is_large(value) || !fits(&line, text)) => {
            text.push('\n');
            for element in list {
                text.push_str(&format!("{}- ", "  ".repeat(depth + 1)));
                write_element(element, depth + 2, text);
            }
        }
        _ => text.push_str(&format!(" {line}\n")),
    }
}

/// Writes what follows a hyphen: a map begins on its line.
fn write_element(value: &Value, depth: usize, text: &mut String) {
    let line = yaml_line(value);
    match &value.kind {
        Kind::Map(members) if !members.is_empty() && (is_large(value) || !fits(&line, text)) => {
            let mut block = String::new();
            for member in members {
                write_member(member, depth, &mut block);
            }
            text.push_str(block.trim_start());
        }
        _ => text.push_str(&format!("{line}\n")),
    }
}

fn yaml_line(value: &Value) -> String {
    match &value.kind {
        Kind::Map(members) if !members.is_empty() => {
            let member = |member: &Member| format!("{}: {}", scalar(&member.key), yaml_line(&member.value));
            format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        Kind::List(list) => format!("[{}]", list.iter().map(yaml_line).collect::<Vec<_>>().join(", ")),
        Kind::Text(text) => scalar(text),
        _ => value.to_json(),
    }
}

/// A text as a scalar: without quotes where every reader takes it for text.
pub fn scalar(text: &str) -> String {
    let first = text.chars().next().is_some_and(|first| first.is_ascii_alphabetic() || first == '/');
    let plain = text.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '/' | '_' | '-' | '.' | '*'));
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    if first && plain && !words.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    quoted(text)
}

/// Whether a line has room for this.
fn fits(line: &str, text: &str) -> bool {
    let used = text.len() - text.rfind('\n').map_or(0, |at| at + 1);
    used + line.len() < WIDTH
}

/// Whether a value is worth lines of its own however short it is: a source, or a list of sources.
fn is_large(value: &Value) -> bool {
    value.get("match").is_some() || value.elements().iter().any(|element| element.get("match").is_some())
}
