//! The token of a handshake: the text that is echoed, or of which a MAC or a hash is sent back.

use crate::verify::Denial;
use crate::verify::expression::{Expression, Facts};

/// The longest token, in bytes, that a rule may admit. Those of senders have 6 to some 300.
pub const MAX_TOKEN: usize = 1024;

/// Where the token is, and what it may consist of.
#[derive(Clone, Debug)]
pub struct TokenRule {
    /// The value that it is.
    pub at: Expression,
    /// Of which characters it is made.
    pub alphabet: Alphabet,
    /// The least length, in bytes.
    pub min: usize,
    /// The greatest length, in bytes; at most [`MAX_TOKEN`].
    pub max: usize,
}

/// A closed set of characters. None has quotation marks, braces, `<`, `>`, `&`, `\`, `%` or control characters: a token of
/// it can be in a JSON string, in a header and in plain text without being escaped.
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
    /// Letters, digits, blanks and `-._~+/=:;,@|()!*`. Some events could be written in it, so no MAC is made of it.
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

    /// Whether a MAC may be made of a token in it: no event of any sender can be written in it, since a JSON document needs
    /// a brace or a bracket, and a form needs a `=` that something follows.
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

impl TokenRule {
    /// The token of a request; `None` if it has none, so that it is not a handshake.
    pub(super) fn read(&self, facts: &Facts<'_>) -> Option<Result<Vec<u8>, Denial>> {
        match self.at.value(facts) {
            Ok(token) => {
                let fits = (self.min..=self.max.min(MAX_TOKEN)).contains(&token.len()) && self.alphabet.admits(&token);
                Some(if fits { Ok(token) } else { Err(Denial::HandshakeMalformed) })
            }
            Err(Denial::HeaderDuplicated | Denial::FieldDuplicated) => Some(Err(Denial::HandshakeMalformed)),
            Err(_) => None,
        }
    }
}
