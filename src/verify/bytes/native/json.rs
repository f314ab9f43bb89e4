//! Writes JSON, for generated requests and configurations.

use std::fmt;

use crate::verify::bytes::json::{Json, JsonError, JsonPath};

/// The longest list that [`Json::set`] creates, so that a step such as `999999999` does no harm.
const MAX_NEW_ELEMENTS: usize = 64;

impl JsonPath {
    /// Its steps.
    #[must_use]
    pub fn steps(&self) -> &[String] {
        &self.0
    }
}

impl Json {
    /// Parses a file of the user's own, of any number of values: a browser saves more of them than a body may have.
    ///
    /// # Errors
    /// As [`Json::parse`].
    pub fn parse_file(text: &[u8]) -> Result<Self, JsonError> {
        Self::parse_bounded(text, u32::MAX)
    }

    /// Sets the value at the path to `value`, and creates missing objects on the way. `false` if a step enters a value
    /// that is no object or list, or goes far beyond the end of a list.
    pub fn set(&mut self, steps: &[String], value: Json) -> bool {
        let Some((step, rest)) = steps.split_first() else {
            *self = value;
            return true;
        };
        if *self == Json::Null {
            *self = Json::Object(Vec::new());
        }
        match self {
            Json::Object(members) => {
                let position = members.iter().position(|(key, _)| key == step).unwrap_or_else(|| {
                    members.push((step.clone(), Json::Null));
                    members.len().saturating_sub(1)
                });
                members.get_mut(position).is_some_and(|(_, member)| member.set(rest, value))
            }
            Json::List(list) => {
                let Ok(position) = step.parse::<usize>() else { return false };
                if position >= list.len().saturating_add(MAX_NEW_ELEMENTS) {
                    return false;
                }
                while list.len() <= position {
                    list.push(Json::Null);
                }
                list.get_mut(position).is_some_and(|element| element.set(rest, value))
            }
            _ => false,
        }
    }
}

/// Without white space, keys in their order, numbers digit by digit.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Null => f.write_str("null"),
            Json::Bool(value) => write!(f, "{value}"),
            Json::Number(text) => f.write_str(text),
            Json::Text(text) => write_text(text, f),
            Json::List(list) => {
                f.write_str("[")?;
                for (position, element) in list.iter().enumerate() {
                    let comma = if position > 0 { "," } else { "" };
                    write!(f, "{comma}{element}")?;
                }
                f.write_str("]")
            }
            Json::Object(members) => {
                f.write_str("{")?;
                for (position, (key, value)) in members.iter().enumerate() {
                    f.write_str(if position > 0 { "," } else { "" })?;
                    write_text(key, f)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

/// RFC 8259, section 7: what must be escaped, and nothing else.
fn write_text(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("\"")?;
    for char in text.chars() {
        match char {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            control if control < ' ' => write!(f, "\\u{:04x}", u32::from(control))?,
            other => write!(f, "{other}")?,
        }
    }
    f.write_str("\"")
}
