//! The values of environment variables: from an environment file, from the set-up itself, or not known.

use std::collections::BTreeMap;

use hookwarden::config;

use super::setup::Variables;
use crate::cli::terminal::Failure;

/// What is known of the values.
#[derive(Debug, Default)]
pub struct Values {
    /// Those of the environment files; `None` if there are none.
    given: Option<BTreeMap<String, String>>,
}

impl Values {
    /// Reads environment files; of two values the later one counts.
    pub fn read(files: &[String]) -> Result<Self, Failure> {
        let mut given = BTreeMap::new();
        for name in files {
            let text = std::fs::read_to_string(name).map_err(|error| Failure::Told(format!("{name}: {error}")))?;
            let pairs = parse(&text).map_err(|line| {
                let right = "a line of an environment file is NAME=value, NAME=\"value\", a comment or empty";
                Failure::Told(format!("{name}:{line}: {right}"))
            })?;
            given.extend(pairs);
        }
        Ok(Self { given: (!files.is_empty()).then_some(given) })
    }

    /// What the plugin would find under `name`. Without an environment file every variable is taken to be set, to
    /// what nobody can see from here.
    pub fn of_plugin(&self, variables: &Variables<'_>, name: &str) -> Option<String> {
        let written = variables.passed.iter().find(|(other, _, _)| *other == name).and_then(|(_, _, value)| *value);
        match (written, &self.given) {
            // Named and left empty is a mistake of its own, which the set-up is told of.
            (Some(value), _) => Some(if value.is_empty() { config::UNSEEN } else { value }.to_owned()),
            (None, Some(given)) => given.get(name).cloned(),
            (None, None) => Some(config::UNSEEN.to_owned()),
        }
    }
}

/// The lines of an environment file: `NAME=value`, with `export`, quotes and comments; a quoted value may go on over
/// lines. References to other variables stay as they are. The error is the number of a line.
fn parse(text: &str) -> Result<Vec<(String, String)>, usize> {
    let mut pairs = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let number = text[..text.len() - rest.len()].matches('\n').count() + 1;
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let entry = line.trim_start();
        if entry.is_empty() || entry.starts_with('#') {
            rest = after;
            continue;
        }
        let (name, value) = entry.strip_prefix("export ").unwrap_or(entry).split_once('=').ok_or(number)?;
        let name = name.trim();
        if !is_name(name) {
            return Err(number);
        }
        let value = value.trim_start_matches([' ', '\t']);
        let value = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let begin = line.len() - value.len() + 1;
                let (value, behind) = quoted(&rest[begin..], quote).ok_or(number)?;
                rest = behind;
                value
            }
            _ => {
                let comment = [" #", "\t#"].iter().filter_map(|mark| value.find(mark)).min();
                rest = after;
                value[..comment.unwrap_or(value.len())].trim_end().to_owned()
            }
        };
        pairs.push((name.to_owned(), value));
    }
    Ok(pairs)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|char: char| char.is_ascii_digit())
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
}

/// The value before the closing quote, and the lines behind it.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' if quote == '"' => match chars.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                escaped @ ('"' | '\\' | '$' | '`') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            _ if char == quote => {
                let behind = &text[at + 1..];
                let (line, rest) = behind.split_once('\n').unwrap_or((behind, ""));
                let line = line.trim();
                return (line.is_empty() || line.starts_with('#')).then_some((value, rest));
            }
            _ => value.push(char),
        }
    }
    None
}
