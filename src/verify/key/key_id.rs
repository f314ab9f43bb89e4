//! The ids by which requests name keys.

/// The longest id of a key, in bytes. Known ones have 64 or fewer.
pub const MAX_KEY_ID: usize = 256;
/// The longest id that a sender is asked for, in bytes. Known ones have 32 to 80.
const MAX_ASKED_ID: usize = 128;

/// The form of an id that a sender is asked for. It has no character with a meaning in a path or in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdForm {
    /// Hexadecimal digits in lower case.
    Hex,
    /// Letters, digits, `-` and `_`.
    Word,
}

impl IdForm {
    /// Whether an id has this form.
    #[must_use]
    pub fn admits(self, id: &[u8]) -> bool {
        let admits = |byte: &u8| match self {
            IdForm::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            IdForm::Word => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
        };
        (1..=MAX_ASKED_ID).contains(&id.len()) && id.iter().all(admits)
    }
}
