//! Where secrets are from: the environment, files, a file of variables. Never the command line, which every user of the
//! machine can read.

use std::path::PathBuf;

use super::key::Key;
use crate::cli::environment::Environment;
use crate::cli::input;
use crate::cli::terminal::Failure;

/// The keys that the arguments name, in their order: those of variables first.
pub fn given(names: &[String], files: &[PathBuf], environment: &Environment) -> Result<Vec<Key>, Failure> {
    let mut keys = Vec::new();
    for name in names {
        let text = environment.value(name).ok_or_else(|| {
            Failure::Message(format!(
                "the environment variable of --secret-env is not set: export it, or put it into a file for --env-file \
                 (the argument is the variable's name, {} signs long, never the secret itself)",
                name.len()
            ))
        })?;
        keys.push(key(&text, "the environment variable of --secret-env")?);
    }
    for path in files {
        let name = path.display();
        let text = input::read_text(path)?;
        keys.push(key(&text, &format!("--secret-file {name}"))?);
    }
    Ok(keys)
}

/// A secret without the line break that editors and `echo` add.
fn key(text: &str, from: &str) -> Result<Key, Failure> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(Failure::Message(format!("{from} is empty")));
    }
    Ok(Key::new(text.to_owned()))
}
