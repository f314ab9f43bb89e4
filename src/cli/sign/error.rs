//! Why a request cannot be made.

use hookwarden::verify::Denial;

use crate::cli::terminal::Failure;

/// Why a request, or one way to make it, is impossible: what is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What the scheme lacks, in words.
    pub fn denied(denial: Denial, what: &str) -> Self {
        let meaning = denial.meaning().trim_end_matches('.');
        Self(format!("{what} ({}): {}", denial.code(), meaning.trim_start()))
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Message(error.0)
    }
}
