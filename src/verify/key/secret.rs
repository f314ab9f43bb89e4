//! Secrets: prepared for the algorithm that uses them, and valid for a time.

use std::rc::Rc;

use crate::verify::key::algorithm::{JwtAlgorithm, SignatureAlgorithm};
use crate::verify::key::key_form::{KeyError, KeyForm, MIN_RSA_BITS};
use crate::verify::primitives::mac::{HashAlgorithm, MacKey};
use crate::verify::primitives::public_key::{PublicAlgorithm, PublicKey};
use crate::verify::primitives::timestamp::UnixTime;
use crate::verify::primitives::token::TokenDigest;

/// A secret in the form in which its scheme uses it. The text it was pasted as is gone.
///
/// No `Clone`; `Debug` shows no bytes of it.
#[derive(Debug)]
pub enum Key {
    /// Prepared for a message authentication code.
    Mac(MacKey),
    /// A token's digest.
    Token(TokenDigest),
    /// Unchanged, for schemes that hash it together with the content.
    Text(SecretText),
    /// A sender's public key.
    Public(PublicKey),
    /// One key for each algorithm that a token may name, used with no other algorithm.
    Jwt(Vec<(JwtAlgorithm, Key)>),
}

impl Key {
    /// The key that a pasted text is for an algorithm.
    ///
    /// # Errors
    /// [`KeyError`], which contains no part of the text.
    pub fn parse(
        text: &str,
        algorithm: SignatureAlgorithm,
        form: &KeyForm,
        min_rsa_bits: usize,
    ) -> Result<Self, KeyError> {
        match algorithm {
            SignatureAlgorithm::Public(algorithm) => Self::parse_public(text, algorithm, min_rsa_bits),
            _ => Self::of_bytes(&form.bytes(text)?, algorithm).ok_or(KeyError::Empty),
        }
    }

    /// The key that these bytes are for an algorithm; `None` if its keys are public.
    #[must_use]
    pub fn of_bytes(bytes: &[u8], algorithm: SignatureAlgorithm) -> Option<Self> {
        match algorithm {
            SignatureAlgorithm::Hmac(hash) => MacKey::new(hash, bytes).map(Key::Mac),
            SignatureAlgorithm::Hash(_) => Some(Key::Text(SecretText::new(bytes))),
            SignatureAlgorithm::Public(_) => None,
        }
    }

    /// The keys that a pasted text is for the algorithms that a token may name: one for each that can use it.
    ///
    /// # Errors
    /// [`KeyError`], if none can.
    pub fn parse_jwt(text: &str, algorithms: &[JwtAlgorithm], form: &KeyForm) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        let mut error = KeyError::Empty;
        for algorithm in algorithms {
            let key = match (algorithm.hmac(), algorithm.public()) {
                (Some(hash), _) => Self::parse_mac(text, hash, form),
                (None, Some(public)) => Self::parse_public(text, public, MIN_RSA_BITS),
                (None, None) => Err(KeyError::Empty),
            };
            match key {
                Ok(key) => keys.push((*algorithm, key)),
                Err(other) => error = other,
            }
        }
        if keys.is_empty() { Err(error) } else { Ok(Key::Jwt(keys)) }
    }

    /// What tells whether two keys make the same MACs: one for each hash that it is used with. Empty for a key that makes none.
    #[must_use]
    pub fn marks(&self) -> Vec<KeyMark> {
        match self {
            Key::Mac(key) => vec![KeyMark(key.begin().tag())],
            Key::Jwt(keys) => keys.iter().flat_map(|(_, key)| key.marks()).collect(),
            Key::Token(_) | Key::Text(_) | Key::Public(_) => Vec::new(),
        }
    }

    fn parse_mac(text: &str, hash: HashAlgorithm, form: &KeyForm) -> Result<Self, KeyError> {
        MacKey::new(hash, &form.bytes(text)?).map(Key::Mac).ok_or(KeyError::Empty)
    }

    fn parse_public(text: &str, algorithm: PublicAlgorithm, min_rsa_bits: usize) -> Result<Self, KeyError> {
        PublicKey::parse(text, algorithm, min_rsa_bits).map(Key::Public).map_err(KeyError::Public)
    }
}

/// What tells whether two keys make the same MACs. Only compared: it is neither shown nor kept.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyMark(Vec<u8>);

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
    pub(in crate::verify) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, only for the hash that answers a handshake.
    #[must_use]
    pub(crate) fn hashed(&self) -> &[u8] {
        &self.0
    }

    /// A copy, only for the header that authenticates the filter to one of the operator's own services.
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
    /// The list under whose name its events are remembered, where several lists of a check hold it: which of them a
    /// request names is not signed.
    pub events_of: Option<Rc<str>>,
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
