//! The variables of clients and editors (`{{name}}`), in place of which their values are put.

use std::cell::Cell;
use std::collections::BTreeMap;

/// How large texts become in all, in bytes, however variables are made of each other.
pub const LARGEST: usize = 16 << 20;
/// How often values are put in: one variable may be made of another.
const DEEPEST: usize = 4;
/// The longest name.
const LONGEST: usize = 200;

/// Variables, and how many bytes they may still become.
pub struct Variables {
    values: BTreeMap<String, String>,
    left: Cell<usize>,
}

impl Variables {
    /// Variables by their names, of which the first of a name counts.
    pub fn new(pairs: impl Iterator<Item = (String, String)>) -> Self {
        let mut values = BTreeMap::new();
        for (name, value) in pairs {
            values.entry(name).or_insert(value);
        }
        Self { values, left: Cell::new(LARGEST) }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The text with their values put in; `None` if it becomes too large.
    pub fn fill(&self, text: &str) -> Option<String> {
        let mut text = text.to_owned();
        for _ in 0..DEEPEST {
            match self.once(&text)? {
                Some(filled) => text = filled,
                None => break,
            }
        }
        Some(text)
    }

    /// Puts in what the text itself names, in one pass; nothing, if that changes nothing.
    fn once(&self, text: &str) -> Option<Option<String>> {
        let mut filled = String::new();
        let mut is_changed = false;
        let mut rest = text;
        while let Some(at) = rest.find("{{") {
            let (before, marked) = rest.split_at(at);
            filled.push_str(before);
            let value = marked.strip_prefix("{{").and_then(named).and_then(|(name, behind)| {
                let name = name.trim();
                // Insomnia writes a name so.
                let value = self.values.get(name).or_else(|| self.values.get(name.strip_prefix("_.")?))?;
                Some((value, behind))
            });
            match value {
                Some((value, behind)) => {
                    self.left.set(self.left.get().checked_sub(value.len())?);
                    filled.push_str(value);
                    is_changed = true;
                    rest = behind;
                }
                None => {
                    filled.push('{');
                    rest = marked.get(1..).unwrap_or_default();
                }
            }
        }
        filled.push_str(rest);
        Some(is_changed.then_some(filled))
    }
}

/// The name in front of `}}`, and what is behind that.
fn named(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().take(LONGEST).position(|byte| matches!(byte, b'{' | b'}' | b'\n'))?;
    let (name, rest) = text.split_at_checked(end)?;
    Some((name, rest.strip_prefix("}}")?))
}
