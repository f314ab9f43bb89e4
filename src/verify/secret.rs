//! What we hold of a sender's secret: prepared for its scheme, and valid for a time.

use std::rc::Rc;

use super::jwt::JwtAlgorithm;
use super::mac::MacKey;
use super::public_key::PublicKey;
use super::timestamp::UnixTime;
use super::token::TokenDigest;

/// A secret in the form in which its scheme uses it. The text it was pasted as is gone.
///
/// No `Clone`; `Debug` shows no bytes of it.
#[derive(Debug)]
pub enum Key {
    /// Prepared for a message authentication code.
    Mac(MacKey),
    /// The digest of a token.
    Token(TokenDigest),
    /// As it is, for schemes that hash it together with the content.
    Text(SecretText),
    /// A sender's public key.
    Public(PublicKey),
    /// For each algorithm that a token may name, the key that goes with it and no other.
    Jwt(Vec<(JwtAlgorithm, Key)>),
}

/// The text of a secret. `Debug` shows nothing of it.
pub struct SecretText(Vec<u8>);

impl SecretText {
    /// Keeps a secret.
    #[must_use]
    pub fn new(text: &[u8]) -> Self {
        Self(text.to_vec())
    }

    /// The bytes, for a hash and nothing else.
    #[must_use]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// A copy, for the header by which we prove ourselves to a service of the operator's. It goes nowhere else.
    #[must_use]
    pub(crate) fn header_value(&self) -> Vec<u8> {
        self.0.clone()
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// A secret, its name, and when it is valid.
#[derive(Debug)]
pub struct Secret {
    /// The operator's name for it; shown in logs, metrics and to the upstream. Never derived from the secret.
    pub id: Rc<str>,
    /// The secret itself.
    pub key: Key,
    /// When it may be used.
    pub validity: Validity,
}

/// From when and until when a secret may be used. Both ends are included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Validity {
    /// Not before this time.
    pub not_before: Option<UnixTime>,
    /// Not after this time.
    pub not_after: Option<UnixTime>,
}

impl Validity {
    /// Whether the secret may be used at `now`.
    #[must_use]
    pub fn contains(self, now: UnixTime) -> bool {
        self.not_before.is_none_or(|start| start <= now) && self.not_after.is_none_or(|end| now <= end)
    }
}
