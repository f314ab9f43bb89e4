//! What a sender signs and how it writes it: the valid form of a scheme, as the interpreter runs it.

use std::time::Duration;

use super::encoding;
use super::expression::Expression;
use super::http_scheme::{HttpSignatureScheme, MessageSignatureScheme};
use super::identity::{Keep, Unidentified};
use super::json::JsonPath;
use super::jwt::JwtScheme;
use super::mac::{HashAlgorithm, MacKey};
use super::message::Message;
use super::message_signature::Component;
use super::public_key::{PublicAlgorithm, PublicKey, PublicKeyError};
use super::secret::{Key, SecretText};
use super::signature::{Location, Place};
use super::timestamp::Unit;
use super::token::TokenDigest;
use super::{Occurrence, Request};

/// How a request proves itself.
#[derive(Clone, Debug)]
pub enum Scheme {
    /// A signature over a content.
    Signature(Box<SignatureScheme>),
    /// A credential that is the secret itself.
    Credential(CredentialScheme),
    /// A JSON Web Token (RFC 7519) whose claims are bound to the request.
    Jwt(Box<JwtScheme>),
    /// HTTP Message Signatures (RFC 9421).
    MessageSignature(Box<MessageSignatureScheme>),
    /// Signing HTTP Messages (draft-cavage-http-signatures).
    HttpSignature(Box<HttpSignatureScheme>),
}

/// A signature over a content.
#[derive(Clone, Debug)]
pub struct SignatureScheme {
    /// The algorithm.
    pub algorithm: SignatureAlgorithm,
    /// How a pasted secret becomes the key.
    pub key: KeyForm,
    /// Where the candidates are.
    pub signature: Location,
    /// The signed content; of several, any.
    pub messages: Vec<Message>,
    /// The signed timestamp, where the sender signs one.
    pub timestamp: Option<TimestampRule>,
    /// Pairs that must be equal.
    pub require: Vec<(Message, Message)>,
    /// The event's id; used only where the signature covers it.
    pub event_id: Option<Expression>,
    /// A list in the body, for every element of which the scheme must hold.
    pub each: Option<JsonPath>,
    /// The shortest RSA key, in bits.
    pub min_key_bits: usize,
}

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// A keyed hash.
    Hmac(HashAlgorithm),
    /// A hash of a content that holds the secret. Weaker than a keyed hash; there for the senders that do it.
    Hash(HashAlgorithm),
    /// A public key's.
    Public(PublicAlgorithm),
}

/// Where the signed timestamp is, and how far it may be off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimestampRule {
    /// Where it is.
    pub at: Expression,
    /// How it is written.
    pub unit: Unit,
    /// How far it may lie from now, in both directions, limits included.
    pub tolerance: Duration,
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
    /// The UTF-8 bytes of the text, which must be decomposed already (Unicode Standard Annex 15, NFKD): the tables
    /// to do it here would be a tenth of the module, for one sender.
    TextNfkd,
    /// Base64 of the standard alphabet, padding optional.
    Base64,
    /// Hexadecimal digits.
    Hex,
    /// The raw SHA-1 of the text.
    Sha1,
    /// The raw SHA-256 of the text.
    Sha256,
}

/// A credential that is the secret itself.
#[derive(Clone, Debug)]
pub struct CredentialScheme {
    /// Where it is.
    pub place: CredentialPlace,
    /// How it is written there.
    pub form: CredentialForm,
}

/// Where a credential is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialPlace {
    /// In a header.
    Header(String),
    /// In a value of the query or the body.
    Value(Expression),
    /// In every value of the body's JSON at this path, which must all be there.
    Every(JsonPath),
}

/// How a credential is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialForm {
    /// As it is.
    Plain,
    /// Behind this text.
    Prefixed(String),
    /// An authentication scheme's name in any case, one or more blanks, the credential (RFC 9110, section 11.4).
    AuthScheme(String),
    /// `Basic` and the base64 of `user:password` (RFC 7617).
    Basic,
}

/// Why a text cannot be the key of a scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// It is not base64, and the sender's secrets are.
    NotBase64,
    /// It is not hexadecimal, and the sender's secrets are.
    NotHex,
    /// Nothing is left behind the prefix.
    Empty,
    /// It may have letters that the sender decomposes before it signs.
    Composed,
    /// It has no colon, and basic authentication needs `user:password`.
    NotUserAndPassword,
    /// It is no public key of the right kind.
    Public(PublicKeyError),
}

impl Scheme {
    /// Whether keys are public: the configuration calls them `keys` then, and not `secrets`.
    #[must_use]
    pub fn takes_public_keys(&self) -> bool {
        match self {
            Scheme::Signature(scheme) => matches!(scheme.algorithm, SignatureAlgorithm::Public(_)),
            Scheme::Credential(_) => false,
            Scheme::Jwt(scheme) => scheme.algorithms.iter().all(|algorithm| algorithm.public().is_some()),
            Scheme::MessageSignature(scheme) => matches!(scheme.algorithm, SignatureAlgorithm::Public(_)),
            Scheme::HttpSignature(scheme) => matches!(scheme.algorithm, SignatureAlgorithm::Public(_)),
        }
    }

    /// The key that a pasted text is under this scheme.
    ///
    /// # Errors
    /// [`KeyError`]; it carries nothing of the text.
    pub fn key(&self, text: &str) -> Result<Key, KeyError> {
        let mac = |hash, form: &KeyForm| MacKey::new(hash, &form.bytes(text)?).map(Key::Mac).ok_or(KeyError::Empty);
        let public =
            |algorithm, bits| PublicKey::parse(text, algorithm, bits).map(Key::Public).map_err(KeyError::Public);
        let simple = |algorithm, form: &KeyForm, bits| match algorithm {
            SignatureAlgorithm::Hmac(hash) => mac(hash, form),
            SignatureAlgorithm::Hash(_) => Ok(Key::Text(SecretText::new(&form.bytes(text)?))),
            SignatureAlgorithm::Public(algorithm) => public(algorithm, bits),
        };
        match self {
            Scheme::Signature(scheme) => simple(scheme.algorithm, &scheme.key, scheme.min_key_bits),
            Scheme::MessageSignature(scheme) => simple(scheme.algorithm, &scheme.key, MIN_RSA_BITS),
            Scheme::HttpSignature(scheme) => simple(scheme.algorithm, &scheme.key, MIN_RSA_BITS),
            Scheme::Credential(CredentialScheme { form: CredentialForm::Basic, .. }) if !text.contains(':') => {
                Err(KeyError::NotUserAndPassword)
            }
            Scheme::Credential(_) => Ok(Key::Token(TokenDigest::new(text.as_bytes()))),
            Scheme::Jwt(scheme) => {
                let mut keys = Vec::new();
                let mut error = KeyError::Empty;
                for algorithm in &scheme.algorithms {
                    let key = match (algorithm.hmac(), algorithm.public()) {
                        (Some(hash), _) => mac(hash, &scheme.key),
                        (None, Some(public_algorithm)) => public(public_algorithm, MIN_RSA_BITS),
                        (None, None) => Err(KeyError::Empty),
                    };
                    match key {
                        Ok(key) => keys.push((*algorithm, key)),
                        Err(other) => error = other,
                    }
                }
                if keys.is_empty() { Err(error) } else { Ok(Key::Jwt(keys)) }
            }
        }
    }

    /// How many bytes of key a pasted text stands for, where the text is decoded.
    #[must_use]
    pub fn key_len(&self, text: &str) -> Option<usize> {
        let form = match self {
            Scheme::Signature(scheme) => &scheme.key,
            Scheme::Jwt(scheme) => &scheme.key,
            Scheme::MessageSignature(scheme) => &scheme.key,
            Scheme::HttpSignature(scheme) => &scheme.key,
            Scheme::Credential(_) => return None,
        };
        let decoded = !self.takes_public_keys() && matches!(form.encoding, KeyEncoding::Base64 | KeyEncoding::Hex);
        form.bytes(text).ok().filter(|_| decoded).map(|bytes| bytes.len())
    }

    /// Whether the request's head has the proof of this scheme.
    #[must_use]
    pub fn is_presented(&self, request: Request<'_>) -> bool {
        match self {
            Scheme::Signature(scheme) => scheme.signature.place.is_present(request),
            Scheme::Credential(CredentialScheme { place: CredentialPlace::Value(value), .. }) => {
                Place::Value(value.clone()).is_present(request)
            }
            Scheme::Jwt(scheme) => scheme.token.as_ref().is_some_and(|at| Place::Value(at.clone()).is_present(request)),
            _ => self.proof_headers().iter().any(|name| request.header(name) != Occurrence::Missing),
        }
    }

    /// The headers that hold the proof.
    #[must_use]
    pub fn proof_headers(&self) -> Vec<&str> {
        match self {
            Scheme::Signature(scheme) => scheme.signature.place.header_names(),
            Scheme::Credential(CredentialScheme { place: CredentialPlace::Header(name), .. }) => vec![name],
            Scheme::Credential(_) => Vec::new(),
            Scheme::Jwt(scheme) => scheme.token.as_ref().and_then(Expression::as_header).into_iter().collect(),
            Scheme::MessageSignature(_) => vec!["signature", "signature-input"],
            Scheme::HttpSignature(scheme) => vec![&scheme.rule.header],
        }
    }

    /// Takes `id` for the event's id, and says what a check has to keep beside it. `alone`: there is no other way to
    /// prove the same request.
    pub(super) fn identify(&mut self, id: Option<&Expression>, alone: bool) -> Result<Keep, Unidentified> {
        match self {
            Scheme::Signature(scheme) => scheme.identify(id, alone),
            Scheme::Jwt(scheme) if id.is_none() && (scheme.needs_body() || scheme.event_id.is_some()) => {
                Ok(Keep::Content)
            }
            Scheme::MessageSignature(scheme) => {
                if let Some(id) = id {
                    let name = id.as_header().map(str::to_ascii_lowercase).ok_or(Unidentified::IdNotCovered)?;
                    if !scheme.rule.components.contains(&Component::Field(name.clone())) {
                        return Err(Unidentified::IdNotCovered);
                    }
                    scheme.event_id_header = Some(name);
                    return Ok(Keep::Id);
                }
                Ok(Keep::Content)
            }
            Scheme::HttpSignature(_) if id.is_none() => Ok(Keep::Content),
            Scheme::Jwt(_) | Scheme::HttpSignature(_) if id.is_some() => Err(Unidentified::IdNotCovered),
            Scheme::Jwt(_) | Scheme::HttpSignature(_) | Scheme::Credential(_) => Err(Unidentified::NothingSigned),
        }
    }

    /// Whether the event's id, where there is one, is the same whatever a stranger changes about the request.
    pub(super) fn id_is_firm(&self) -> bool {
        match self {
            Scheme::Signature(scheme) => scheme.id_is_firm(),
            Scheme::Jwt(_) | Scheme::MessageSignature(_) => true,
            Scheme::HttpSignature(_) | Scheme::Credential(_) => false,
        }
    }

    /// Whether an event has the same identity under both schemes.
    pub(super) fn identifies_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Scheme::Signature(one), Scheme::Signature(two)) => match (&one.event_id, &two.event_id) {
                (Some(_), Some(_)) => true,
                (None, None) => one.messages == two.messages,
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether a refusal should carry a challenge for basic authentication.
    #[must_use]
    pub fn wants_basic_challenge(&self) -> bool {
        matches!(self, Scheme::Credential(CredentialScheme { form: CredentialForm::Basic, .. }))
    }

    /// The window of the scheme's own time, if it has one.
    #[must_use]
    pub fn tolerance(&self) -> Option<Duration> {
        self.clone().tolerance_mut().copied()
    }

    /// The same, to be overridden.
    pub fn tolerance_mut(&mut self) -> Option<&mut Duration> {
        match self {
            Scheme::Signature(scheme) => scheme.timestamp.as_mut().map(|rule| &mut rule.tolerance),
            Scheme::Credential(_) => None,
            Scheme::Jwt(scheme) => scheme.max_age.as_mut(),
            Scheme::MessageSignature(scheme) => scheme.max_age.as_mut(),
            Scheme::HttpSignature(scheme) => Some(&mut scheme.max_age),
        }
    }
}

/// The shortest RSA key that is taken (NIST SP 800-131A Rev. 2), unless a scheme's sender has a shorter one.
pub const MIN_RSA_BITS: usize = 2048;

impl KeyForm {
    /// The text itself is the key.
    #[must_use]
    pub fn text() -> Self {
        Self { optional_prefix: String::new(), encoding: KeyEncoding::Text }
    }

    /// The key that a pasted text is.
    ///
    /// # Errors
    /// [`KeyError`]; it carries nothing of the text.
    pub fn bytes(&self, secret: &str) -> Result<Vec<u8>, KeyError> {
        let text = secret.strip_prefix(&self.optional_prefix).unwrap_or(secret);
        let bytes = match self.encoding {
            _ if text.is_empty() => return Err(KeyError::Empty),
            KeyEncoding::Text => text.as_bytes().to_vec(),
            KeyEncoding::TextNfkd if text.chars().any(is_composed) => return Err(KeyError::Composed),
            KeyEncoding::TextNfkd => text.as_bytes().to_vec(),
            KeyEncoding::Base64 => encoding::decode_pasted_base64(text.as_bytes()).ok_or(KeyError::NotBase64)?,
            KeyEncoding::Hex => encoding::decode_hex(text.as_bytes()).ok_or(KeyError::NotHex)?,
            KeyEncoding::Sha1 => HashAlgorithm::Sha1.digest(text.as_bytes()),
            KeyEncoding::Sha256 => HashAlgorithm::Sha256.digest(text.as_bytes()),
        };
        if bytes.is_empty() { Err(KeyError::Empty) } else { Ok(bytes) }
    }
}

/// Whether a character may be one that NFKD changes: neither ASCII nor a combining mark of the first block.
fn is_composed(char: char) -> bool {
    !char.is_ascii() && !('\u{300}'..='\u{36f}').contains(&char)
}
