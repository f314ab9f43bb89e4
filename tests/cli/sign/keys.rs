//! Key pairs, newly generated in every run.

use std::convert::Infallible;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};

/// Private keys in PEM, one of every kind.
pub struct Keys {
    pub ed25519: String,
    pub p256: String,
    pub rsa: String,
}

impl Keys {
    pub fn get() -> &'static Self {
        static KEYS: OnceLock<Keys> = OnceLock::new();
        KEYS.get_or_init(|| Keys {
            ed25519: rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key").serialize_pem(),
            p256: rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key").serialize_pem(),
            rsa: rsa_key(),
        })
    }

    /// The key that an algorithm of a provider file needs.
    pub fn of(&self, algorithm: &str) -> &str {
        match algorithm {
            "ed25519" | "EdDSA" => &self.ed25519,
            ecdsa if ecdsa.starts_with("ecdsa") || ecdsa == "ES256" => &self.p256,
            rsa if rsa.starts_with("rsa") || rsa == "RS256" => &self.rsa,
            other => panic!("{other} is not a public-key algorithm"),
        }
    }
}

/// `RSAPrivateKey` of RFC 8017, appendix A.1.2, in PEM.
fn rsa_key() -> String {
    let key = rsa::RsaPrivateKey::new(&mut Chance, 2048).expect("a key");
    let primes: Vec<_> = key.primes().iter().map(|prime| prime.to_be_bytes().to_vec()).collect();
    // Numbers that can be computed from the others are not read.
    let computed: [Vec<u8>; 3] = [vec![1], vec![1], vec![1]];
    let numbers: Vec<Vec<u8>> =
        [vec![0], key.n().to_be_bytes().to_vec(), key.e().to_be_bytes().to_vec(), key.d().to_be_bytes().to_vec()]
            .into_iter()
            .chain(primes)
            .chain(computed)
            .collect();
    let numbers: Vec<u8> = numbers.iter().flat_map(|number| tlv(2, &[&[0], number.as_slice()].concat())).collect();
    pem("RSA PRIVATE KEY", &tlv(0x30, &numbers))
}

pub fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// A DER value. An integer's leading zeros are removed, except the one for its sign.
pub fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut value = value;
    while tag == 2 && value.len() > 1 && value[0] == 0 && value[1] < 0x80 {
        value = &value[1..];
    }
    let len = u16::try_from(value.len()).expect("it is short").to_be_bytes();
    let head = match value.len() {
        0..0x80 => vec![tag, len[1]],
        0x80..0x100 => vec![tag, 0x81, len[1]],
        _ => vec![tag, 0x82, len[0], len[1]],
    };
    [&head, value].concat()
}

struct Chance;

impl TryRng for Chance {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(getrandom::u32().expect("chance"))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(getrandom::u64().expect("chance"))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        getrandom::fill(bytes).expect("chance");
        Ok(())
    }
}

impl TryCryptoRng for Chance {}
