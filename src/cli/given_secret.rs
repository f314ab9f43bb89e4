//! Secrets that the command line names: by a variable, which may be in a file of variables, or by a file of their own.
//! Never by the command line itself, which every user of the machine can read.

use std::path::PathBuf;

use super::environment::Environment;
use super::input;
use super::terminal::Failure;

/// A secret or a private key, and where it was. No `Debug`: it is a secret.
pub struct GivenSecret {
    pub text: String,
    pub origin: Origin,
}

/// Where a secret was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the configuration, or in a variable that it names.
    Configuration,
    /// In this variable.
    Variable(String),
    /// In a file.
    File,
}

/// The secrets that the arguments name, in their order: those of variables first.
///
/// # Errors
/// One of them is not there, or empty.
pub fn given(names: &[String], files: &[PathBuf], environment: &Environment) -> Result<Vec<GivenSecret>, Failure> {
    let mut given = Vec::new();
    for name in names {
        let text = environment.value(name).ok_or_else(|| {
            Failure::Message(format!(
                "the environment variable of --secret-env is not set: export it, or put it into a file for --env-file \
                 (the argument is the variable's name, {} characters long, never the secret itself)",
                name.len()
            ))
        })?;
        let text = without_line_break(&text, "the environment variable of --secret-env")?;
        given.push(GivenSecret { text, origin: Origin::Variable(name.clone()) });
    }
    for path in files {
        let text = without_line_break(&input::read_text(path)?, &format!("--secret-file {}", path.display()))?;
        given.push(GivenSecret { text, origin: Origin::File });
    }
    Ok(given)
}

/// A secret without the line break that editors and `echo` add.
fn without_line_break(text: &str, from: &str) -> Result<String, Failure> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(Failure::Message(format!("{from} is empty")));
    }
    Ok(text.to_owned())
}
