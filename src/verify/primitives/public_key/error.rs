//! Why a text is not a public key.

/// Why a text cannot be the public key of an algorithm. Contains no part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicKeyError {
    /// It has none of the forms that [`PublicKey::parse`](super::PublicKey::parse) reads, or is damaged.
    NotAKey,
    /// It holds a private key or a secret, which belongs to the sender alone.
    PrivateKey,
    /// There is more than one PEM block, and they are not a chain of certificates.
    SeveralKeys,
    /// It is a key of another kind, curve or purpose than the algorithm's.
    WrongKind,
    /// The RSA modulus has fewer bits than required, or than the algorithm needs.
    TooSmall,
    /// The RSA modulus has more than 8192 bits.
    TooLarge,
    /// The RSA exponent is even, less than 3, or larger than 2³³ − 1.
    Exponent,
    /// The Ed25519 key is of small order or not canonical, or the P-256 point is not on the curve.
    WeakPoint,
}

impl PublicKeyError {
    /// What is wrong with the text.
    #[must_use]
    pub fn wrong(self) -> &'static str {
        match self {
            Self::NotAKey => {
                "is not a public key: PEM, base64 of a SubjectPublicKeyInfo, a raw key in hexadecimal or base64, or a JSON Web Key"
            }
            Self::PrivateKey => "is a private key",
            Self::SeveralKeys => "holds more than one PEM block",
            Self::WrongKind => "is a public key, but not one that this algorithm can use",
            Self::TooSmall => "is an RSA key that is too small",
            Self::TooLarge => "is an RSA key of more than 8192 bits",
            Self::Exponent => "is an RSA key whose exponent is even, less than 3, or larger than 2^33 - 1",
            Self::WeakPoint => "is not a valid point of its curve",
        }
    }

    /// What would be right; may be empty.
    #[must_use]
    pub fn right(self) -> &'static str {
        match self {
            Self::PrivateKey => "only the public half belongs here, and this key is now exposed",
            Self::SeveralKeys => "every key is an entry of its own",
            _ => "",
        }
    }
}

impl std::fmt::Display for PublicKeyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.wrong())
    }
}

impl std::error::Error for PublicKeyError {}
