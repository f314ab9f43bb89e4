//! Why a text is not a private key.

/// Why a text cannot be the private key of an algorithm. Contains no part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateKeyError {
    /// It has none of the forms that [`PrivateKey::parse`](super::PrivateKey::parse) reads, or is damaged.
    NotAKey,
    /// It is protected by a password.
    Encrypted,
    /// It is a public key, which cannot sign.
    PublicKey,
    /// It is a key of another kind or curve than the algorithm's.
    WrongKind,
}

impl std::fmt::Display for PrivateKeyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotAKey => {
                "is not a private key: PEM or base64 of PKCS #8, PEM of PKCS #1 or SEC 1, a JSON Web Key, or for Ed25519 \
                 a seed of 32 bytes in hexadecimal or base64"
            }
            Self::Encrypted => "is protected by a password; decrypt it first, such as with `openssl pkey`",
            Self::PublicKey => "is a public key, which cannot sign; the private half is needed",
            Self::WrongKind => "is a private key, but not one that this algorithm can use",
        })
    }
}

impl std::error::Error for PrivateKeyError {}
