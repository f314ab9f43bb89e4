//! What a request is signed with.

use hookwarden::private_key::PrivateKey;
use hookwarden::verify::Denial;
use hookwarden::verify::key::algorithm::SignatureAlgorithm;
use hookwarden::verify::key::key_form::{KeyError, KeyForm};
use hookwarden::verify::primitives::mac::MacKey;
use hookwarden::verify::primitives::public_key::PublicAlgorithm;

use super::error::Error;
use super::rng::Rng;
use super::unusable_key;
use crate::cli::given_secret::{GivenSecret, Origin};

/// What is signed, which may hold the secret.
type Content<'a> = &'a mut dyn FnMut(Option<&[u8]>) -> Result<Vec<u8>, Denial>;

/// The text of a secret or of a private key. Nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    text: String,
    origin: Origin,
    /// Whether another one is used in its place, of the same form.
    is_replaced: bool,
}

impl Key {
    /// A key of the configuration, or of the sender itself.
    pub fn new(text: String) -> Self {
        Self::of(GivenSecret { text, origin: Origin::Configuration })
    }

    pub fn of(given: GivenSecret) -> Self {
        Self { text: given.text, origin: given.origin, is_replaced: false }
    }

    /// Another key of the same form, which the receiver does not have.
    pub fn replaced(&self) -> Self {
        Self { is_replaced: true, ..self.clone() }
    }

    /// The text, for the configuration that the made request is checked against.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text, for a credential. Of a user and a password, the password is another one in a strange key.
    pub fn credential(&self, rng: &mut Rng) -> String {
        match (self.is_replaced, self.text.split_once(':')) {
            (false, _) => self.text.clone(),
            (true, Some((user, password))) => format!("{user}:{}", rng.word(password.len().max(8))),
            (true, None) => rng.word(self.text.len().max(8)),
        }
    }

    /// The public half, if it is a private key that can serve `algorithm`.
    pub fn public_half(&self, algorithm: PublicAlgorithm) -> Result<String, Error> {
        self.private(algorithm).map(|key| key.public_key())
    }

    /// The signature of a content, which may hold the secret itself.
    pub fn tag(
        &self,
        algorithm: SignatureAlgorithm,
        form: &KeyForm,
        rng: &mut Rng,
        content: Content<'_>,
    ) -> Result<Vec<u8>, Error> {
        let unreadable = |denial| Error::denied(denial, "the signed content cannot be put together");
        match algorithm {
            SignatureAlgorithm::Hmac(hash) => {
                let key = MacKey::new(hash, &self.bytes(form, rng)?);
                let mut mac = key.ok_or_else(|| Error::new("the secret cannot be a key"))?.begin();
                mac.update(&content(None).map_err(unreadable)?);
                Ok(mac.tag())
            }
            SignatureAlgorithm::Hash(hash) => {
                let secret = self.bytes(form, rng)?;
                content(Some(&secret)).map(|content| hash.digest(&content)).map_err(unreadable)
            }
            SignatureAlgorithm::Public(algorithm) => {
                self.public_tag(algorithm, &content(None).map_err(unreadable)?, rng)
            }
        }
    }

    fn bytes(&self, form: &KeyForm, rng: &mut Rng) -> Result<Vec<u8>, Error> {
        let bytes = form.bytes(&self.text).map_err(|error| {
            Error::new(match error {
                KeyError::NotBase64 => "the secret is not base64, and this sender's secrets are",
                KeyError::Versioned => {
                    "the secret begins with \"v1,\", which is no part of this sender's secrets; Supabase's have it"
                }
                KeyError::UrlSafe => {
                    "the secret is not base64 with + and /, as this sender's secrets are: it has - or _"
                }
                KeyError::NotHex => "the secret is not hexadecimal, and this sender's secrets are",
                KeyError::Composed => {
                    "the secret has letters beyond ASCII, which this sender decomposes (NFKD); give it decomposed"
                }
                KeyError::Empty | KeyError::NotUserAndPassword | KeyError::Public(_) => {
                    "the secret is empty after its prefix"
                }
            })
        })?;
        Ok(if self.is_replaced { rng.word(bytes.len()).into_bytes() } else { bytes })
    }

    fn private(&self, algorithm: PublicAlgorithm) -> Result<PrivateKey, Error> {
        PrivateKey::parse(&self.text, algorithm)
            .map_err(|error| unusable_key::explained(&self.text, &self.origin, error))
    }

    fn public_tag(&self, algorithm: PublicAlgorithm, message: &[u8], rng: &mut Rng) -> Result<Vec<u8>, Error> {
        let own = self.private(algorithm)?;
        let strange = if self.is_replaced { PrivateKey::random(algorithm, &mut |bytes| rng.fill(bytes)) } else { None };
        let key = strange.as_ref().unwrap_or(&own);
        let tag = key.sign(algorithm, message, &mut |bytes| rng.fill(bytes));
        let mut tag = tag.ok_or_else(|| Error::new("the key is too small for this algorithm"))?;
        if self.is_replaced && strange.is_none() {
            // Another RSA key takes long to find, and its signature would be this: a number of the same size that
            // nobody can tell from one by chance.
            let (_, low) = tag.split_at_mut_checked(1).unwrap_or_default();
            rng.fill(low);
        }
        Ok(tag)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}
