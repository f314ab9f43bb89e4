//! What the text of a secret must be like, wherever it comes from.

/// Shorter secrets can be guessed. They are refused unless that is allowed.
pub const MIN_BYTES: usize = 8;

/// What the text of one secret must be like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextRule {
    /// Whether it may be shorter than [`MIN_BYTES`].
    pub allows_short: bool,
    /// The prefixes of the sender's other keys, which people paste by mistake.
    pub not: Vec<String>,
    /// Whether it is a public key, whose own form decides.
    pub is_public: bool,
}

/// Why a text cannot be a secret. Contains no part of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextFault {
    /// It is empty.
    Empty,
    /// It begins or ends with white space, or has a line break.
    WhiteSpace,
    /// It has the quotation marks of a shell or a word processor.
    Quoted,
    /// It stands for a secret that was not filled in.
    Placeholder,
    /// It has the dots or stars that a page shows in place of a secret's letters.
    Masked,
    /// It is shorter than [`MIN_BYTES`].
    Short,
    /// It begins with this prefix of another kind of key.
    OtherKind(String),
}

impl TextRule {
    /// Whether a text can be the secret.
    ///
    /// # Errors
    /// [`TextFault`].
    pub fn check(&self, text: &str) -> Result<(), TextFault> {
        if self.is_public {
            return Ok(());
        }
        let password = text.rsplit_once(':').map(|(_, password)| password);
        if text.is_empty() {
            Err(TextFault::Empty)
        } else if text.trim() != text || text.contains(['\n', '\r']) {
            Err(TextFault::WhiteSpace)
        } else if is_quoted(text) {
            Err(TextFault::Quoted)
        } else if is_placeholder(text) || password.is_some_and(is_placeholder) {
            Err(TextFault::Placeholder)
        } else if is_masked(text) {
            Err(TextFault::Masked)
        } else if text.len() < MIN_BYTES && !self.allows_short {
            Err(TextFault::Short)
        } else if let Some(prefix) = self.not.iter().find(|prefix| text.starts_with(*prefix)) {
            Err(TextFault::OtherKind(prefix.clone()))
        } else {
            Ok(())
        }
    }
}

impl TextFault {
    /// What is wrong, with the text as the subject.
    #[must_use]
    pub fn wrong(&self) -> String {
        let wrong = match self {
            TextFault::Empty => "is empty",
            TextFault::WhiteSpace => "begins or ends with white space, or contains a line break",
            TextFault::Quoted => "is enclosed in quotation marks, or begins or ends with one",
            TextFault::Placeholder => "looks like a placeholder or an unexpanded reference",
            TextFault::Masked => "is masked: it has dots or stars where the secret has letters",
            TextFault::Short => "is shorter than 8 bytes and can be guessed",
            TextFault::OtherKind(prefix) => {
                return format!("begins with \"{prefix}\" and is another kind of key of this sender");
            }
        };
        wrong.to_owned()
    }

    /// What would be right.
    #[must_use]
    pub fn right(&self) -> &'static str {
        match self {
            TextFault::Empty => "an empty secret protects nothing",
            TextFault::WhiteSpace => "paste it again without",
            TextFault::Quoted => "paste it again without them",
            TextFault::Placeholder => "use \"env\" to read an environment variable",
            TextFault::Masked => "have the sender's page show the secret before you copy it",
            TextFault::Short => "use a longer one, or set \"insecure_short_secret\": true",
            TextFault::OtherKind(_) => "use its webhook secret",
        }
    }
}

/// Whether quotation marks of a shell or a word processor were pasted too.
fn is_quoted(text: &str) -> bool {
    let curly = ['\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}'];
    let within = |mark: char| text.len() > 1 && text.starts_with(mark) && text.ends_with(mark);
    text.starts_with(curly) || text.ends_with(curly) || within('"') || within('\'')
}

/// Whether a page showed dots or stars in place of the letters.
fn is_masked(text: &str) -> bool {
    ["****", "\u{2022}\u{2022}", "\u{25cf}\u{25cf}"].iter().any(|mask| text.contains(mask))
}

/// Whether a text stands for a value that was not filled in.
#[must_use]
pub fn is_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let placeholders = ["changeme", "change-me", "change_me", "none", "null", "nil", "undefined"];
    text.is_empty()
        || placeholders.contains(&lower.as_str())
        || text.strip_prefix("env:").is_some_and(is_variable_name)
        || text.strip_prefix('$').is_some_and(is_variable_name)
        || (text.starts_with("${") && text.ends_with('}'))
        || (text.starts_with("{{") && text.ends_with("}}"))
        || (text.starts_with('<') && text.ends_with('>'))
}

/// Whether a text can be the name of an environment variable.
#[must_use]
pub fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|char: char| char.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
