//! How the text of a secret becomes the bytes of a key.

use crate::verify::bytes::encoding;
use crate::verify::primitives::mac::HashAlgorithm;
use crate::verify::primitives::public_key::PublicKeyError;

/// The shortest RSA key that is accepted (NIST SP 800-131A Rev. 2), unless the sender of a scheme uses a shorter one.
pub const MIN_RSA_BITS: usize = 2048;

/// How a pasted secret becomes the key of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyForm {
    /// A prefix that may be there and is not part of the key.
    pub optional_prefix: String,
    /// How the rest is read.
    pub encoding: KeyEncoding,
}

/// How the text of a secret is read. Never guessed from the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyEncoding {
    /// The UTF-8 bytes of the text.
    Text,
    /// The UTF-8 bytes of the text, which must be decomposed already (Unicode Standard Annex 15, NFKD). The tables to
    /// decompose it here would be a tenth of the module, for one sender.
    TextNfkd,
    /// Base64 of the standard alphabet, padding optional.
    Base64,
    /// Base64 after the prefix, and the UTF-8 bytes of a text without it: the sender issues both kinds, and the prefix
    /// marks the first.
    Base64OrText,
    /// Hexadecimal digits.
    Hex,
    /// The raw SHA-1 of the text.
    Sha1,
    /// The raw SHA-256 of the text.
    Sha256,
}

/// Why a text cannot be the key of a scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// It is not base64, as the sender's secrets are.
    NotBase64,
    /// It begins with `v1,`, which is not base64, as the sender's secrets are: Supabase shows its secrets so.
    Versioned,
    /// It is base64 of the other alphabet, with `-` and `_`.
    UrlSafe,
    /// It is not hexadecimal, as the sender's secrets are.
    NotHex,
    /// Nothing follows the prefix.
    Empty,
    /// It may have letters that the sender decomposes before it signs.
    Composed,
    /// It has no colon, and basic authentication needs `user:password`.
    NotUserAndPassword,
    /// It is not a public key of the right kind.
    Public(PublicKeyError),
}

impl KeyError {
    /// What is wrong with the text.
    #[must_use]
    pub fn wrong(&self) -> &'static str {
        match self {
            KeyError::NotBase64 => "is not base64, as this sender's secrets are",
            KeyError::Versioned => "begins with \"v1,\", which is no part of this sender's secrets",
            KeyError::UrlSafe => {
                "is not base64 with + and /, as this sender's secrets are, but has - or _ as URL-safe base64 has"
            }
            KeyError::NotHex => "is not hexadecimal, as this sender's secrets are",
            KeyError::Empty => "has nothing after its prefix",
            KeyError::Composed => "has non-ASCII letters, which this sender decomposes (NFKD) before it signs",
            KeyError::NotUserAndPassword => "has no colon",
            KeyError::Public(error) => error.wrong(),
        }
    }

    /// What would be right; may be empty.
    #[must_use]
    pub fn right(&self) -> &'static str {
        match self {
            KeyError::NotBase64 | KeyError::NotHex => "paste the secret as it is shown",
            KeyError::Versioned => {
                "leave \"v1,\" out, or use the provider \"supabase\" if it is Supabase that shows the secret so"
            }
            KeyError::UrlSafe => "paste the secret as this sender shows it; of another sender, use its own provider",
            KeyError::Empty => "",
            KeyError::Composed => "paste it decomposed",
            KeyError::NotUserAndPassword => "basic authentication needs user:password",
            KeyError::Public(error) => error.right(),
        }
    }
}

impl KeyForm {
    /// The text itself is the key.
    #[must_use]
    pub fn text() -> Self {
        Self { optional_prefix: String::new(), encoding: KeyEncoding::Text }
    }

    /// How many bytes of key a pasted text decodes to; `None` if it is used as it is.
    #[must_use]
    pub fn decoded_len(&self, text: &str) -> Option<usize> {
        let is_decoded = match self.encoding {
            KeyEncoding::Base64 | KeyEncoding::Hex => true,
            KeyEncoding::Base64OrText => text.starts_with(&self.optional_prefix),
            KeyEncoding::Text | KeyEncoding::TextNfkd | KeyEncoding::Sha1 | KeyEncoding::Sha256 => false,
        };
        self.bytes(text).ok().filter(|_| is_decoded).map(|bytes| bytes.len())
    }

    /// Whether two pasted texts are the same key.
    #[must_use]
    pub fn is_same_key(&self, one: &str, other: &str) -> bool {
        matches!((self.bytes(one), self.bytes(other)), (Ok(one), Ok(other)) if one == other)
    }

    /// The key that a pasted text is.
    ///
    /// # Errors
    /// [`KeyError`], which contains no part of the text.
    pub fn bytes(&self, secret: &str) -> Result<Vec<u8>, KeyError> {
        let text = secret.strip_prefix(&self.optional_prefix).unwrap_or(secret);
        let bytes = match self.encoding {
            _ if text.is_empty() => return Err(KeyError::Empty),
            KeyEncoding::Text => text.as_bytes().to_vec(),
            KeyEncoding::TextNfkd if text.chars().any(is_composed) => return Err(KeyError::Composed),
            KeyEncoding::TextNfkd => text.as_bytes().to_vec(),
            KeyEncoding::Base64OrText if !secret.starts_with(&self.optional_prefix) => text.as_bytes().to_vec(),
            KeyEncoding::Base64 | KeyEncoding::Base64OrText => {
                encoding::decode_pasted_base64(text.as_bytes()).ok_or_else(|| not_base64(text))?
            }
            KeyEncoding::Hex => encoding::decode_hex(text.as_bytes()).ok_or(KeyError::NotHex)?,
            KeyEncoding::Sha1 => HashAlgorithm::Sha1.digest(text.as_bytes()),
            KeyEncoding::Sha256 => HashAlgorithm::Sha256.digest(text.as_bytes()),
        };
        if bytes.is_empty() { Err(KeyError::Empty) } else { Ok(bytes) }
    }
}

/// Why a text is not base64.
fn not_base64(text: &str) -> KeyError {
    if text.starts_with("v1,") {
        KeyError::Versioned
    } else if text.contains(['-', '_']) && encoding::decode_base64_url(text.trim_end_matches('=').as_bytes()).is_some()
    {
        KeyError::UrlSafe
    } else {
        KeyError::NotBase64
    }
}

/// Whether a character may be one that NFKD changes: neither ASCII nor a combining mark of the first block.
fn is_composed(char: char) -> bool {
    !char.is_ascii() && !('\u{300}'..='\u{36f}').contains(&char)
}
