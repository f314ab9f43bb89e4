//! What a sender signs and how it writes it: the valid form of a scheme, as the interpreter runs it.

use super::encoding::{self, Encoding};
use super::mac::{Algorithm, MacKey};
use super::message::Message;
use super::secret::Key;
use super::signature::Location;
use super::timestamp::Unit;
use super::token::TokenDigest;
use std::time::Duration;

/// How a request proves itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// A message authentication code over a signed content.
    Mac(MacScheme),
    /// A credential that is the secret itself.
    Token(TokenScheme),
}

/// A message authentication code over a signed content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacScheme {
    /// The keyed hash.
    pub algorithm: Algorithm,
    /// How a pasted secret becomes the key.
    pub key: KeyForm,
    /// Where the candidates are.
    pub signature: Location,
    /// The signed content.
    pub message: Message,
    /// The signed timestamp, where the sender signs one.
    pub timestamp: Option<TimestampRule>,
    /// The header that holds the event's id, and whether the signature covers it.
    pub event_id: Option<String>,
}

/// Where the signed timestamp is, and how far it may be off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimestampRule {
    /// Where it is.
    pub place: TimestampPlace,
    /// Its unit.
    pub unit: Unit,
    /// How far it may lie from now, in both directions, limits included.
    pub tolerance: Duration,
}

/// Where a timestamp is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimestampPlace {
    /// In a header of its own.
    Header(String),
    /// In the signature's header, in the entry that begins with this text.
    Entry(String),
}

/// How a pasted secret becomes the key of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyForm {
    /// Text that may stand in front and is not part of the key.
    pub optional_prefix: String,
    /// How the rest is read.
    pub encoding: KeyEncoding,
}

/// How the text of a secret is read. Never guessed from the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyEncoding {
    /// The UTF-8 bytes of the text.
    Text,
    /// Base64 of the standard alphabet, padding optional.
    Base64,
    /// Hexadecimal digits.
    Hex,
}

/// A credential that is the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenScheme {
    /// The header that carries it.
    pub header: String,
    /// How it is written there.
    pub form: TokenForm,
}

/// How a credential is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenForm {
    /// The header's value is the credential.
    Plain,
    /// An authentication scheme's name in any case, one or more blanks, the credential (RFC 9110, section 11.4).
    AuthScheme(String),
    /// `Basic` and the base64 of `user:password` (RFC 7617).
    Basic,
}

/// Why a secret's text cannot be the key of a scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// It is not base64, and the sender's secrets are.
    NotBase64,
    /// It is not hexadecimal, and the sender's secrets are.
    NotHex,
    /// Nothing is left behind the prefix.
    Empty,
    /// It has no colon, and basic authentication needs `user:password`.
    NotUserAndPassword,
}

impl Scheme {
    /// The key that a pasted secret is under this scheme.
    ///
    /// # Errors
    /// [`KeyError`]; it carries nothing of the secret.
    pub fn key(&self, secret: &str) -> Result<Key, KeyError> {
        match self {
            Scheme::Mac(scheme) => {
                let bytes = scheme.key.bytes(secret)?;
                MacKey::new(scheme.algorithm, &bytes).map(Key::Mac).ok_or(KeyError::Empty)
            }
            Scheme::Token(TokenScheme { form: TokenForm::Basic, .. }) if !secret.contains(':') => {
                Err(KeyError::NotUserAndPassword)
            }
            Scheme::Token(_) => Ok(Key::Token(TokenDigest::new(secret.as_bytes()))),
        }
    }

    /// The header that decides whether a request speaks this scheme.
    #[must_use]
    pub fn proof_header(&self) -> &str {
        match self {
            Scheme::Mac(scheme) => &scheme.signature.header,
            Scheme::Token(scheme) => &scheme.header,
        }
    }

    /// Whether a refusal should carry a challenge for basic authentication.
    #[must_use]
    pub fn wants_basic_challenge(&self) -> bool {
        matches!(self, Scheme::Token(TokenScheme { form: TokenForm::Basic, .. }))
    }
}

impl KeyForm {
    fn bytes(&self, secret: &str) -> Result<Vec<u8>, KeyError> {
        let text = secret.strip_prefix(&self.optional_prefix).unwrap_or(secret);
        let bytes = match self.encoding {
            KeyEncoding::Text => text.as_bytes().to_vec(),
            KeyEncoding::Base64 => encoding::decode_pasted_base64(text.as_bytes()).ok_or(KeyError::NotBase64)?,
            KeyEncoding::Hex => encoding::decode_hex(text.as_bytes()).ok_or(KeyError::NotHex)?,
        };
        if bytes.is_empty() { Err(KeyError::Empty) } else { Ok(bytes) }
    }
}

impl TokenForm {
    /// The credential in a header's value, if it is written in this form.
    #[must_use]
    pub fn credential(&self, value: &[u8]) -> Option<Vec<u8>> {
        match self {
            TokenForm::Plain => Some(value.to_vec()),
            TokenForm::AuthScheme(name) => after_auth_scheme(value, name).map(<[u8]>::to_vec),
            TokenForm::Basic => after_auth_scheme(value, "Basic").and_then(|text| Encoding::Base64.decode(text)),
        }
        .filter(|credential| !credential.is_empty())
    }
}

/// What stands behind the name of an authentication scheme and its blanks, if nothing but one word does.
fn after_auth_scheme<'a>(value: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let is_blank = |byte: &u8| matches!(*byte, b' ' | b'\t');
    let (scheme, rest) = value.split_at_checked(name.len())?;
    let credential = rest.trim_ascii_start();
    let separated = credential.len() < rest.len() && !credential.is_empty() && !credential.iter().any(is_blank);
    (scheme.eq_ignore_ascii_case(name.as_bytes()) && separated).then_some(credential)
}
