//! The token of a handshake: the text that is echoed, or of which a MAC or a hash is sent back.

use crate::verify::Denial;
use crate::verify::bytes::challenge::Alphabet;
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
