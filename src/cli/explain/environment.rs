//! The variables that secrets are read from: a file, or the process's own.

use std::collections::BTreeMap;

/// Variables of a file and no others, or where there is no file, the process's. No `Debug`: they
/// are secrets.
#[derive(Default)]
pub struct Environment {
    file: Option<BTreeMap<String, String>>,
}

impl Environment {
    /// The process's own variables.
    pub fn of_process() -> Self {
        Self::default()
    }

    /// The variables of a file: `NAME=value` lines, `export` in front, `#` comments, values in quotes.
    ///
    /// # Errors
    /// The line that is none of these.
    pub fn of_file(text: &str) -> Result<Self, String> {
        let mut variables = BTreeMap::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) =
                line.split_once('=').ok_or(format!("line {} is not NAME=value", at.saturating_add(1)))?;
            variables.insert(name.trim_end().to_owned(), unquoted(value.trim_start()).to_owned());
        }
        Ok(Self { file: Some(variables) })
    }

    /// Some variables, and no others.
    pub fn of(variables: BTreeMap<String, String>) -> Self {
        Self { file: Some(variables) }
    }

    /// The value of a variable.
    pub fn value(&self, name: &str) -> Option<String> {
        match &self.file {
            Some(file) => file.get(name).cloned(),
            None => std::env::var(name).ok(),
        }
    }
}

/// A value without the quotes around it.
fn unquoted(value: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote).filter(|inner| !inner.contains(quote)))
        .unwrap_or(value)
}
