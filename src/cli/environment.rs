//! The variables that secrets are read from.

use super::env_file::{self, Variables};
use super::terminal::Failure;

/// Variables of an environment file, of the process, or of both. No `Debug`: they are secrets.
#[derive(Clone)]
pub struct Environment {
    file: Variables,
    /// Whether variables that the file does not set are looked up in the process.
    falls_back: bool,
}

impl Environment {
    /// The variables of the process.
    pub fn of_process() -> Self {
        Self { file: Variables::new(), falls_back: true }
    }

    /// These variables and no others.
    pub fn of(file: Variables) -> Self {
        Self { file, falls_back: false }
    }

    /// The variables of a file and no others; without a file, those of the process.
    pub fn of_file_or_process(file: Option<&str>) -> Result<Self, Failure> {
        Ok(match file {
            Some(name) => Self::of(env_file::read(name)?),
            None => Self::of_process(),
        })
    }

    /// The variables of a file first, then those of the process.
    pub fn of_file_and_process(file: Option<&str>) -> Result<Self, Failure> {
        Ok(Self { falls_back: true, ..Self::of_file_or_process(file)? })
    }

    /// The value of a variable.
    pub fn value(&self, name: &str) -> Option<String> {
        let of_process = || std::env::var(name).ok().filter(|_| self.falls_back);
        self.file.get(name).cloned().or_else(of_process)
    }
}
