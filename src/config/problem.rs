//! What is wrong with a configuration: where, and what would be right.

use std::fmt;

/// A place in a configuration, written as `$.sources[1].verify.secrets[0]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(String);

impl Path {
    /// The configuration itself.
    #[must_use]
    pub fn root() -> Self {
        Self("$".to_owned())
    }

    /// The member `name`.
    #[must_use]
    pub fn member(&self, name: &str) -> Self {
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            Self(format!("{}.{name}", self.0))
        } else {
            Self(format!("{}[{name:?}]", self.0))
        }
    }

    /// The element at `position`.
    #[must_use]
    pub fn element(&self, position: usize) -> Self {
        Self(format!("{}[{position}]", self.0))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something wrong, or worth a look. The message never holds a configured value: any of them may be a secret in
/// the wrong place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub path: Path,
    /// What, and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// The problems and warnings that a run collects, so that all of them are told at once.
#[derive(Debug, Default)]
pub struct Findings {
    /// Reasons to refuse the configuration.
    pub problems: Vec<Problem>,
    /// What should be changed, or was perhaps not meant.
    pub warnings: Vec<Problem>,
}

impl Findings {
    /// Notes a reason to refuse the configuration.
    pub fn problem(&mut self, path: &Path, message: impl Into<String>) {
        self.problems.push(Problem { path: path.clone(), message: message.into() });
    }

    /// Notes a reason to refuse the configuration, where there is nothing else to give back.
    pub fn refuse<T>(&mut self, path: &Path, message: impl Into<String>) -> Option<T> {
        self.problem(path, message);
        None
    }

    /// Notes something that works and should be changed.
    pub fn warning(&mut self, path: &Path, message: impl Into<String>) {
        self.warnings.push(Problem { path: path.clone(), message: message.into() });
    }
}
