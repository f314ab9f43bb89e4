//! Where secrets are from: the environment, files, a file of variables. Never the command line, which every user of the
//! machine can read.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use super::key::Key;
use crate::cli::terminal::Failure;

/// The variables of a file, and those of the process.
#[derive(Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Reads a file of lines `NAME=value`, with `#` before remarks, as docker compose does. What is in quotes is
    /// taken out of them.
    pub fn read(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = fs::read_to_string(path).map_err(|error| Failure::Told(format!("{}: {error}", path.display())))?;
        let mut variables = BTreeMap::new();
        for (line, number) in text.lines().zip(1_usize..) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let line = line.strip_prefix("export ").unwrap_or(line);
            let Some((name, value)) = line.split_once('=') else {
                return Err(Failure::Told(format!("{}, line {number}: is no NAME=value", path.display())));
            };
            variables.insert(name.trim().to_owned(), unquoted(value.trim()).to_owned());
        }
        Ok(Self(variables))
    }

    /// The value of a variable; the file's comes first.
    pub fn value(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned().or_else(|| env::var(name).ok())
    }
}

fn unquoted(value: &str) -> &str {
    ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(value)
}

/// The keys that the arguments name, in their order: those of variables first.
pub fn given(names: &[String], files: &[PathBuf], variables: &Variables) -> Result<Vec<Key>, Failure> {
    let mut keys = Vec::new();
    for name in names {
        let text = variables.value(name).ok_or_else(|| {
            Failure::Told(format!(
                "the environment variable of --secret-env is not set: export it, or put it into a file for --env-file \
                 (the argument is the variable's name, {} signs long, never the secret itself)",
                name.len()
            ))
        })?;
        keys.push(key(&text, "the environment variable of --secret-env")?);
    }
    for path in files {
        let name = path.display();
        let text = match path.to_str() {
            Some("-") => {
                let mut text = String::new();
                io::stdin().read_to_string(&mut text).map(|_| text)
            }
            _ => fs::read_to_string(path),
        };
        let text = text.map_err(|error| Failure::Told(format!("--secret-file {name}: {error}")))?;
        keys.push(key(&text, &format!("--secret-file {name}"))?);
    }
    Ok(keys)
}

/// A secret without the line break that editors and `echo` add.
fn key(text: &str, from: &str) -> Result<Key, Failure> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(Failure::Told(format!("{from} is empty")));
    }
    Ok(Key::new(text.to_owned()))
}
