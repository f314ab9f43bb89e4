//! What a request is signed with.

use hookwarden::verify::Denial;
use hookwarden::verify::mac::MacKey;
use hookwarden::verify::public_key::PublicAlgorithm;
use hookwarden::verify::public_key::private_key::{PrivateKey, PrivateKeyError};
use hookwarden::verify::scheme::{KeyError, KeyForm, SignatureAlgorithm};

use super::chance::Chance;
use super::trouble::Trouble;

/// What is signed, which may hold the secret.
type Content<'a> = &'a mut dyn FnMut(Option<&[u8]>) -> Result<Vec<u8>, Denial>;

/// The text of a secret or of a private key. Nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    text: String,
    /// Whether another one is used in its place, of the same form.
    is_strange: bool,
}

impl Key {
    pub fn new(text: String) -> Self {
        Self { text, is_strange: false }
    }

    /// Another key of the same form, which the receiver does not have.
    pub fn strange(&self) -> Self {
        Self { text: self.text.clone(), is_strange: true }
    }

    /// The text, for the configuration that the made request is checked against.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text, for a credential. Of a user and a password, the password is another one in a strange key.
    pub fn credential(&self, chance: &mut Chance) -> String {
        match (self.is_strange, self.text.split_once(':')) {
            (false, _) => self.text.clone(),
            (true, Some((user, password))) => format!("{user}:{}", chance.word(password.len().max(8))),
            (true, None) => chance.word(self.text.len().max(8)),
        }
    }

    /// The public half, if it is a private key that can serve `algorithm`.
    pub fn public_half(&self, algorithm: PublicAlgorithm) -> Result<String, Trouble> {
        self.private(algorithm).map(|key| key.public_key())
    }

    /// The signature of a content, which may hold the secret itself.
    pub fn tag(
        &self,
        algorithm: SignatureAlgorithm,
        form: &KeyForm,
        chance: &mut Chance,
        content: Content<'_>,
    ) -> Result<Vec<u8>, Trouble> {
        let unreadable = |denial| Trouble::denied(denial, "the signed content cannot be put together");
        match algorithm {
            SignatureAlgorithm::Hmac(hash) => {
                let key = MacKey::new(hash, &self.bytes(form, chance)?);
                let mut mac = key.ok_or_else(|| Trouble::new("the secret cannot be a key"))?.begin();
                mac.update(&content(None).map_err(unreadable)?);
                Ok(mac.tag())
            }
            SignatureAlgorithm::Hash(hash) => {
                let secret = self.bytes(form, chance)?;
                content(Some(&secret)).map(|content| hash.digest(&content)).map_err(unreadable)
            }
            SignatureAlgorithm::Public(algorithm) => {
                self.public_tag(algorithm, &content(None).map_err(unreadable)?, chance)
            }
        }
    }

    fn bytes(&self, form: &KeyForm, chance: &mut Chance) -> Result<Vec<u8>, Trouble> {
        let bytes = form.bytes(&self.text).map_err(|error| {
            Trouble::new(match error {
                KeyError::NotBase64 => "the secret is not base64, and this sender's secrets are",
                KeyError::NotHex => "the secret is not hexadecimal, and this sender's secrets are",
                KeyError::Composed => {
                    "the secret has letters beyond ASCII, which this sender decomposes (NFKD); give it decomposed"
                }
                KeyError::Empty | KeyError::NotUserAndPassword | KeyError::Public(_) => {
                    "the secret is empty behind its prefix"
                }
            })
        })?;
        Ok(if self.is_strange { chance.word(bytes.len()).into_bytes() } else { bytes })
    }

    fn private(&self, algorithm: PublicAlgorithm) -> Result<PrivateKey, Trouble> {
        PrivateKey::parse(&self.text, algorithm).map_err(|error| {
            let hint = match error {
                PrivateKeyError::NotAKey | PrivateKeyError::WrongKind => {
                    "; only the sender has its own private key, so make a pair, sign with the private half, and \
                     configure the public one"
                }
                PrivateKeyError::Encrypted | PrivateKeyError::PublicKey => "",
            };
            Trouble::new(format!("what --secret-env or --secret-file gave {error}{hint}"))
        })
    }

    fn public_tag(&self, algorithm: PublicAlgorithm, message: &[u8], chance: &mut Chance) -> Result<Vec<u8>, Trouble> {
        let own = self.private(algorithm)?;
        let strange =
            if self.is_strange { PrivateKey::strange(algorithm, &mut |bytes| chance.fill(bytes)) } else { None };
        let key = strange.as_ref().unwrap_or(&own);
        let tag = key.sign(algorithm, message, &mut |bytes| chance.fill(bytes));
        let mut tag = tag.ok_or_else(|| Trouble::new("the key is too small for this algorithm"))?;
        if self.is_strange && strange.is_none() {
            // Another RSA key takes long to find, and its signature would be this: a number of the same size that
            // nobody can tell from one by chance.
            let (_, low) = tag.split_at_mut_checked(1).unwrap_or_default();
            chance.fill(low);
        }
        Ok(tag)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}
