//! The forms that a challenge of a sender may have. What is answered with a MAC must never be signed content of an event.

/// A closed set of characters. None has quotation marks, braces, `<`, `>`, `&`, `\`, `%` or control characters: a token of
/// it can stand in a JSON string, in a header and in plain text without being escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    /// Decimal digits.
    Digits,
    /// Hexadecimal digits of either case.
    Hex,
    /// `token68` of RFC 9110, section 11.2: letters, digits and `-._~+/`, and `=` at the end only.
    Token68,
    /// Letters, digits, `.`, `-` and `:`, as in a host name with a port.
    Host,
    /// Letters, digits, blanks and `-._~+/=:;,@|()!*`. Many events could be written in it, so no MAC is made of it.
    Text,
}

impl Alphabet {
    /// Every alphabet and its name.
    pub const NAMES: &'static [(&'static str, Alphabet)] = &[
        ("digits", Alphabet::Digits),
        ("hex", Alphabet::Hex),
        ("token68", Alphabet::Token68),
        ("host", Alphabet::Host),
        ("text", Alphabet::Text),
    ];

    /// Whether a MAC may be made of a token in it. No event of a sender is written in it: a JSON object or list needs a
    /// brace or a bracket, and a form a `=` that something follows. A number or a single word is, so that what is signed
    /// and [has the form](ChallengeForm) of a challenge is refused.
    #[must_use]
    pub fn is_safe_to_sign(self) -> bool {
        matches!(self, Alphabet::Digits | Alphabet::Hex | Alphabet::Token68)
    }

    /// Whether `token` consists of it.
    #[must_use]
    pub fn admits(self, token: &[u8]) -> bool {
        let all = |is_admitted: fn(&u8) -> bool| token.iter().all(is_admitted);
        match self {
            Alphabet::Digits => all(u8::is_ascii_digit),
            Alphabet::Hex => all(u8::is_ascii_hexdigit),
            Alphabet::Token68 => {
                let end = token.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last.saturating_add(1));
                let is_admitted = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
                end > 0 && token.iter().take(end).all(is_admitted)
            }
            Alphabet::Host => all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(byte)),
            Alphabet::Text => all(|byte| byte.is_ascii_alphanumeric() || b" -._~+/=:;,@|()!*".contains(byte)),
        }
    }
}

/// The form of the texts whose MACs are given to whoever sends a challenge. Under the same secret, none of them verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeForm {
    /// The text before the token.
    pub prefix: Vec<u8>,
    /// What the token consists of.
    pub alphabet: Alphabet,
    /// The least length of the token, in bytes.
    pub min: usize,
    /// The greatest length of the token, in bytes.
    pub max: usize,
}

impl ChallengeForm {
    /// Whether a text has this form.
    #[must_use]
    pub fn admits(&self, text: &[u8]) -> bool {
        let token = text.strip_prefix(self.prefix.as_slice());
        token.is_some_and(|token| (self.min..=self.max).contains(&token.len()) && self.alphabet.admits(token))
    }

    /// The length of the longest text of this form, in bytes.
    #[must_use]
    pub fn max_len(&self) -> usize {
        self.prefix.len().saturating_add(self.max)
    }
}
