//! Environment files, as every command with `--env-file` reads them.
//!
//! The conventions are those of dotenv and of Docker Compose: `NAME=value` lines, `export` in front of a name, comments
//! in lines of their own or behind a blank and `#`, values in single quotes (as they are) or double quotes (with
//! escapes), both of which may go on over several lines, such as a key in PEM. References such as `$NAME` are not
//! expanded, unlike in the crates for this format: a secret may hold a dollar sign.

use std::collections::BTreeMap;

use super::input;
use super::terminal::Failure;

/// Variables by name. Of two lines with one name the later one counts.
pub type Variables = BTreeMap<String, String>;

/// Reads an environment file; `-` is standard input.
///
/// # Errors
/// The file cannot be read, or a line of it is not an assignment. No value is in the message.
pub fn read(name: &str) -> Result<Variables, Failure> {
    parse(&input::read_text(name)?).map_err(|Unreadable { line, is_cut }| {
        let error = if is_cut {
            "only the first line of a key in PEM; a value of several lines is in quotes, or in a file of its own (sign and \
             explain take that with --secret-file key.pem)"
        } else {
            "not an assignment; a line is NAME=value, NAME=\"value\", a comment or empty, and a value of several lines is \
             in quotes"
        };
        Failure::Message(format!("{name}:{line}: {error}"))
    })
}

/// The first line that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Unreadable {
    line: usize,
    /// Whether it begins a key in PEM that goes on in the next lines.
    is_cut: bool,
}

/// The variables of a text, or the first line that cannot be read.
fn parse(text: &str) -> Result<Variables, Unreadable> {
    let mut variables = Variables::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut number = 1;
    while !rest.is_empty() {
        let before = rest;
        let (line, after) = before.split_once('\n').unwrap_or((before, ""));
        rest = after;
        let entry = line.trim();
        if !entry.is_empty() && !entry.starts_with('#') {
            let wrong = Unreadable { line: number, is_cut: false };
            let (name, value) = line.split_once('=').ok_or(wrong)?;
            let value = match value.trim_start_matches([' ', '\t']).chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    let (_, quoted) = before.split_once(quote).ok_or(wrong)?;
                    let (value, behind) = unquote(quoted, quote).ok_or(wrong)?;
                    rest = behind;
                    value
                }
                _ if value.contains("-----BEGIN ") && !value.contains("-----END ") => {
                    return Err(Unreadable { is_cut: true, ..wrong });
                }
                _ => without_comment(value).trim().to_owned(),
            };
            variables.insert(variable_name(name).ok_or(wrong)?.to_owned(), value);
        }
        let consumed = before.strip_suffix(rest).unwrap_or(before);
        number += consumed.matches('\n').count();
    }
    Ok(variables)
}

/// The name in front of `=`, if it can be one.
fn variable_name(text: &str) -> Option<&str> {
    let text = text.trim();
    let name = text.strip_prefix("export").filter(|name| name.starts_with([' ', '\t'])).unwrap_or(text).trim_start();
    let is_name = !name.is_empty()
        && !name.starts_with(|char: char| char.is_ascii_digit())
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_');
    is_name.then_some(name)
}

/// A value without quotes ends where a comment begins: at `#` behind a blank.
fn without_comment(value: &str) -> &str {
    let comment = [" #", "\t#"].iter().filter_map(|mark| value.find(mark)).min();
    comment.and_then(|comment| value.get(..comment)).unwrap_or(value)
}

/// The value before the closing quote, and the lines behind it.
fn unquote(text: &str, quote: char) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' if quote == '"' => match chars.next()? {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                escaped @ ('"' | '\\' | '$' | '`') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            _ if char == quote => {
                let (line, rest) = chars.as_str().split_once('\n').unwrap_or((chars.as_str(), ""));
                let line = line.trim();
                return (line.is_empty() || line.starts_with('#')).then_some((value, rest));
            }
            _ => value.push(char),
        }
    }
    None
}
