//! A private key, and the signatures that it makes.

use crate::private_key::ed25519::Ed25519Signer;
use crate::private_key::error::PrivateKeyError;
use crate::private_key::p256::P256Signer;
use crate::private_key::parts::PrivateKeyParts;
use crate::private_key::rng::Rng;
use crate::private_key::rsa::RsaSigner;
use crate::private_key::text;
use crate::verify::bytes::encoding;
use crate::verify::primitives::public_key::PublicAlgorithm;

/// A private key that was read and prepared for signing. `Debug` shows only its kind.
pub struct PrivateKey(AnyPrivateKey);

enum AnyPrivateKey {
    Ed25519(Ed25519Signer),
    P256(P256Signer),
    Rsa(Box<RsaSigner>),
}

impl PrivateKey {
    /// Reads a key that is to sign with `algorithm`.
    ///
    /// The text is one of
    /// - PEM (RFC 7468): `PRIVATE KEY` (PKCS #8), `RSA PRIVATE KEY` (PKCS #1) or `EC PRIVATE KEY` (SEC 1);
    /// - the base64 of a PKCS #8 document;
    /// - one JSON Web Key (RFC 7517, RFC 8037);
    /// - the seed of an Ed25519 key, or the private scalar of a P-256 key, 32 bytes in hexadecimal or base64; for
    ///   Ed25519 also the seed followed by the public key; a `whsk_` prefix is ignored.
    ///
    /// # Errors
    /// [`PrivateKeyError`], also if the key is fine but is not one that `algorithm` can use.
    pub fn parse(text: &str, algorithm: PublicAlgorithm) -> Result<Self, PrivateKeyError> {
        let wants = Wanted::by(algorithm);
        match (text::parts(text)?, wants) {
            (PrivateKeyParts::Ed25519(seed) | PrivateKeyParts::Bare(seed), Wanted::Ed25519) => {
                Ed25519Signer::new(&seed).map(AnyPrivateKey::Ed25519).ok_or(PrivateKeyError::NotAKey)
            }
            (PrivateKeyParts::P256(number) | PrivateKeyParts::Bare(number), Wanted::P256) => {
                P256Signer::new(&number).map(AnyPrivateKey::P256).ok_or(PrivateKeyError::NotAKey)
            }
            (PrivateKeyParts::Rsa(parts), Wanted::Rsa) => {
                RsaSigner::new(&parts).map(|key| AnyPrivateKey::Rsa(Box::new(key))).ok_or(PrivateKeyError::NotAKey)
            }
            _ => Err(PrivateKeyError::WrongKind),
        }
        .map(Self)
    }

    /// A random key of the kind that `algorithm` needs. `None` for RSA, whose keys take long to generate.
    #[must_use]
    pub fn random(algorithm: PublicAlgorithm, rng: Rng<'_>) -> Option<Self> {
        let mut bytes = [0; 32];
        rng(&mut bytes);
        match Wanted::by(algorithm) {
            Wanted::Ed25519 => Ed25519Signer::new(&bytes).map(AnyPrivateKey::Ed25519).map(Self),
            Wanted::P256 => P256Signer::new(&bytes).map(AnyPrivateKey::P256).map(Self),
            Wanted::Rsa => None,
        }
    }

    /// The signature of `message`. `rng` makes the salt, if the algorithm has one.
    ///
    /// `None` if the key is not one that `algorithm` can use, or is too small for it.
    #[must_use]
    pub fn sign(&self, algorithm: PublicAlgorithm, message: &[u8], rng: Rng<'_>) -> Option<Vec<u8>> {
        let content = algorithm.hash().map_or_else(|| message.to_vec(), |hash| hash.digest(message));
        match (&self.0, algorithm) {
            (AnyPrivateKey::Ed25519(key), PublicAlgorithm::Ed25519) => Some(key.sign(&content)),
            (AnyPrivateKey::P256(key), PublicAlgorithm::EcdsaP256Sha256Der | PublicAlgorithm::EcdsaP256Sha1Der) => {
                key.sign_der(&content)
            }
            (AnyPrivateKey::P256(key), PublicAlgorithm::EcdsaP256Sha256Raw) => key.sign_raw(&content),
            (AnyPrivateKey::Rsa(key), algorithm) => key.sign(algorithm, &content, rng),
            (AnyPrivateKey::Ed25519(_) | AnyPrivateKey::P256(_), _) => None,
        }
    }

    /// The public half, as the PEM of a `SubjectPublicKeyInfo`: what the receiver configures.
    #[must_use]
    pub fn public_key(&self) -> String {
        /// RFC 8410, section 4: the algorithm, and the header of the 32 bytes that follow.
        const ED25519_HEAD: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        /// RFC 5480, section 2: the algorithm and the curve, and the header of the 65 bytes that follow.
        const P256_HEAD: &[u8] = &[
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
            0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        ];
        /// RFC 3279, section 2.3.1.
        const RSA_ALGORITHM: &[u8] =
            &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
        let der = match &self.0 {
            AnyPrivateKey::Ed25519(key) => [ED25519_HEAD, &key.public_key()].concat(),
            AnyPrivateKey::P256(key) => [P256_HEAD, &key.public_key()].concat(),
            AnyPrivateKey::Rsa(key) => {
                let (modulus, exponent) = key.public_key();
                let numbers = tlv(0x30, &[whole_number(&modulus), whole_number(&exponent)].concat());
                let bits = tlv(0x03, &[&[0], numbers.as_slice()].concat());
                tlv(0x30, &[RSA_ALGORITHM, &bits].concat())
            }
        };
        let base64 = encoding::encode_base64(&der);
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        for line in base64.chunks(64) {
            pem.push_str(&String::from_utf8_lossy(line));
            pem.push('\n');
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        pem
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match &self.0 {
            AnyPrivateKey::Ed25519(_) => "PrivateKey(Ed25519, ..)",
            AnyPrivateKey::P256(_) => "PrivateKey(P-256, ..)",
            AnyPrivateKey::Rsa(_) => "PrivateKey(RSA, ..)",
        })
    }
}

/// The kind of key that an algorithm needs.
#[derive(Clone, Copy)]
enum Wanted {
    Ed25519,
    P256,
    Rsa,
}

impl Wanted {
    fn by(algorithm: PublicAlgorithm) -> Self {
        match algorithm {
            PublicAlgorithm::Ed25519 => Self::Ed25519,
            PublicAlgorithm::EcdsaP256Sha256Der
            | PublicAlgorithm::EcdsaP256Sha1Der
            | PublicAlgorithm::EcdsaP256Sha256Raw => Self::P256,
            PublicAlgorithm::RsaPkcs1Sha1
            | PublicAlgorithm::RsaPkcs1Sha256
            | PublicAlgorithm::RsaPkcs1Sha512
            | PublicAlgorithm::RsaPssSha256
            | PublicAlgorithm::RsaPssSha512 => Self::Rsa,
        }
    }
}

/// A DER value (X.690, section 8.1): its tag, its length, itself.
fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let length = without_zeros(&length);
    let head = match (length, u8::try_from(length.len())) {
        ([], _) => vec![tag, 0],
        ([short], _) if *short < 0x80 => vec![tag, *short],
        (long, Ok(bytes)) => [&[tag, 0x80 | bytes], long].concat(),
        (_, Err(_)) => Vec::new(),
    };
    [head.as_slice(), value].concat()
}

/// A DER `INTEGER` that is not negative.
fn whole_number(bytes: &[u8]) -> Vec<u8> {
    let bytes = without_zeros(bytes);
    let sign: &[u8] = if bytes.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    tlv(0x02, &[sign, bytes].concat())
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}
