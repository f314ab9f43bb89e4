//! Problems of a configuration: where they are, what is wrong, and what would be right.

use std::borrow::Cow;
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

    /// Whether `other` is this path or one below it.
    #[must_use]
    pub fn is_above(&self, other: &Self) -> bool {
        other.0.strip_prefix(&self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The kind of a problem. Unlike the wording, it does not change between versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The text is not JSON.
    NotJson,
    /// A key is not known.
    UnknownKey,
    /// A key is repeated in its object.
    RepeatedKey,
    /// A key is missing.
    MissingKey,
    /// A value has the wrong type, such as text instead of a number.
    WrongType,
    /// A value is not valid for its key.
    InvalidValue,
    /// There is no built-in provider of this name.
    UnknownProvider,
    /// Two sources have the same host and path, or paths that a router may treat as the same.
    SourceTaken,
    /// Two sources, or two secrets of a list, have the same name.
    NameTaken,
    /// A value in `with` is not used or malformed.
    SchemeValue,
    /// The scheme needs a value in `with` that is missing.
    SchemeValueMissing {
        /// The name of the value.
        name: String,
    },
    /// A secret is empty, a placeholder, too short, or badly pasted.
    SecretUnusable,
    /// A secret does not have its sender's form.
    SecretForm,
    /// An environment variable is not set.
    VariableUnset,
    /// A secret is shorter than it should be.
    SecretShort,
    /// A secret does not have a prefix of its sender's secrets.
    SecretPrefix,
    /// The proof is a password or token.
    WeakCredential,
    /// The sender does not sign the whole body.
    WeakBody,
    /// The sender can sign the body or the query, but the scheme does not require it.
    WeakCoverage,
    /// The algorithm is outdated.
    WeakAlgorithm,
    /// The algorithm is a hash without a key.
    PlainHash,
    /// Bytes can move between two signed values under one signature.
    OpenBoundary,
    /// Neither a signed timestamp nor `replay` prevents replays.
    ReplayMissing,
    /// Only the replay window prevents replays.
    ReplayEnds,
    /// The replay window does not prevent all replays.
    ReplayShort,
    /// An address rule names only private networks.
    PrivateAddresses,
    /// Something else that works and should be changed.
    Advice,
}

impl Kind {
    /// Whether the message is a whole sentence. If not, it is a predicate whose subject is the value at the path.
    #[must_use]
    pub fn is_sentence(&self) -> bool {
        matches!(
            self,
            Kind::NotJson
                | Kind::WeakCredential
                | Kind::WeakBody
                | Kind::WeakCoverage
                | Kind::WeakAlgorithm
                | Kind::PlainHash
                | Kind::OpenBoundary
                | Kind::ReplayMissing
                | Kind::ReplayEnds
        )
    }
}

/// A problem or a warning. No text contains a configured value, since any value may be a misplaced secret; but for whole
/// numbers where a duration belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub path: Path,
    /// What kind it is.
    pub kind: Kind,
    /// What is wrong.
    pub wrong: String,
    /// What would be right; may be empty.
    pub right: String,
}

/// What is wrong with a value, and what would be right. A text alone says what is wrong; of a pair, the second says what
/// would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    wrong: Cow<'static, str>,
    right: Cow<'static, str>,
}

impl From<&'static str> for Diagnosis {
    fn from(wrong: &'static str) -> Self {
        Self::from((wrong, ""))
    }
}

impl From<String> for Diagnosis {
    fn from(wrong: String) -> Self {
        Self::from((wrong, ""))
    }
}

impl<W: Into<Cow<'static, str>>, R: Into<Cow<'static, str>>> From<(W, R)> for Diagnosis {
    fn from((wrong, right): (W, R)) -> Self {
        Self { wrong: wrong.into(), right: right.into() }
    }
}

impl Problem {
    fn new(kind: Kind, path: &Path, Diagnosis { wrong, right }: Diagnosis) -> Self {
        Self { path: path.clone(), kind, wrong: wrong.into_owned(), right: right.into_owned() }
    }

    /// What is wrong, and what would be right.
    #[must_use]
    pub fn message(&self) -> String {
        if self.right.is_empty() { self.wrong.clone() } else { format!("{}; {}", self.wrong, self.right) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message())
    }
}

/// The problems and warnings of a run, so that all of them are reported at once.
#[derive(Debug, Default)]
pub struct Findings {
    /// Reasons to refuse the configuration.
    pub problems: Vec<Problem>,
    /// Things that should be changed or may be a mistake.
    pub warnings: Vec<Problem>,
}

impl Findings {
    /// Notes an invalid value, a reason to refuse the configuration.
    pub fn problem(&mut self, path: &Path, diagnosis: impl Into<Diagnosis>) {
        self.problem_of(Kind::InvalidValue, path, diagnosis);
    }

    /// Notes a reason to refuse the configuration.
    pub fn problem_of(&mut self, kind: Kind, path: &Path, diagnosis: impl Into<Diagnosis>) {
        self.problems.push(Problem::new(kind, path, diagnosis.into()));
    }

    /// Notes an invalid value and returns `None`.
    pub fn refuse<T>(&mut self, path: &Path, diagnosis: impl Into<Diagnosis>) -> Option<T> {
        self.refuse_of(Kind::InvalidValue, path, diagnosis)
    }

    /// Notes a reason to refuse the configuration and returns `None`.
    pub fn refuse_of<T>(&mut self, kind: Kind, path: &Path, diagnosis: impl Into<Diagnosis>) -> Option<T> {
        self.problem_of(kind, path, diagnosis);
        None
    }

    /// Notes something that works and should be changed.
    pub fn warning(&mut self, path: &Path, diagnosis: impl Into<Diagnosis>) {
        self.warning_of(Kind::Advice, path, diagnosis);
    }

    /// Notes something of this kind that works and should be changed.
    pub fn warning_of(&mut self, kind: Kind, path: &Path, diagnosis: impl Into<Diagnosis>) {
        self.warnings.push(Problem::new(kind, path, diagnosis.into()));
    }
}
