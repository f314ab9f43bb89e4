//! Private keys in every form and for every algorithm. The public half verifies their signatures.
//!
//! The keys are those of RFC 8037 (appendix A.1) and RFC 7515 (appendix A.3), which are public.

use std::convert::Infallible;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hookwarden::private_key::{PrivateKey, PrivateKeyError};
use hookwarden::verify::primitives::public_key::{PublicAlgorithm, PublicKey};
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};

use crate::guards::Dice;

const MESSAGE: &[u8] = b"what is signed";

const ED25519_SEED: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
const ED25519_PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const P256_NUMBER: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
const P256_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const P256_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

fn bytes(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// RFC 8410, section 7.
fn ed25519_pkcs8() -> Vec<u8> {
    [&hex::decode("302e020100300506032b657004220420").expect("hexadecimal")[..], &bytes(ED25519_SEED)].concat()
}

/// RFC 5915, section 3, with or without the curve.
fn p256_sec1(has_curve: bool) -> Vec<u8> {
    let curve = if has_curve { "a00a06082a8648ce3d030107" } else { "" };
    let curve = hex::decode(curve).expect("hexadecimal");
    let length = u8::try_from(37 + curve.len()).expect("it is short");
    [&[0x30, length, 2, 1, 1, 4, 32][..], &bytes(P256_NUMBER), &curve].concat()
}

fn p256_pkcs8() -> Vec<u8> {
    let head = hex::decode("3041020100301306072a8648ce3d020106082a8648ce3d0301070427").expect("hexadecimal");
    [head, p256_sec1(false)].concat()
}

fn signs(text: &str, algorithm: PublicAlgorithm) -> PrivateKey {
    let key = PrivateKey::parse(text, algorithm).unwrap_or_else(|error| panic!("{algorithm:?}: {error}: {text}"));
    let mut rng = |bytes: &mut [u8]| bytes.fill(7);
    let signature = key.sign(algorithm, MESSAGE, &mut rng).expect("a signature");
    let public = PublicKey::parse(&key.public_key(), algorithm, 1024).expect("the public half can be read");
    let content = algorithm.hash().map_or_else(|| MESSAGE.to_vec(), |hash| hash.digest(MESSAGE));
    assert!(public.verifies(algorithm, &content, &signature), "{algorithm:?}: {text}");
    assert!(!public.verifies(algorithm, &content[1..], &signature), "{algorithm:?}: {text}");
    key
}

#[test]
fn every_form_of_an_ed25519_key_signs() {
    let seed = bytes(ED25519_SEED);
    let pair = [seed.clone(), bytes(ED25519_PUBLIC)].concat();
    let forms = [
        pem("PRIVATE KEY", &ed25519_pkcs8()),
        pem("PRIVATE KEY", &ed25519_pkcs8()).replace('\n', "\\n"),
        STANDARD.encode(ed25519_pkcs8()),
        STANDARD.encode(&seed),
        hex::encode(&seed),
        STANDARD.encode(&pair),
        format!("whsk_{}", STANDARD.encode(&pair)),
        format!(r#"{{"kty":"OKP","crv":"Ed25519","d":"{ED25519_SEED}","x":"{ED25519_PUBLIC}"}}"#),
    ];
    for form in &forms {
        let key = signs(form, PublicAlgorithm::Ed25519);
        let der = STANDARD
            .decode(key.public_key().lines().skip(1).take_while(|line| !line.starts_with('-')).collect::<String>());
        assert!(der.expect("base64").ends_with(&bytes(ED25519_PUBLIC)), "{form}");
    }
}

#[test]
fn every_form_of_a_p256_key_signs_in_both_spellings() {
    let forms = [
        pem("PRIVATE KEY", &p256_pkcs8()),
        pem("EC PRIVATE KEY", &p256_sec1(true)),
        format!(
            "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{}",
            pem("EC PRIVATE KEY", &p256_sec1(true))
        ),
        STANDARD.encode(p256_pkcs8()),
        hex::encode(bytes(P256_NUMBER)),
        format!(r#"{{"kty":"EC","crv":"P-256","d":"{P256_NUMBER}","x":"{P256_X}","y":"{P256_Y}"}}"#),
    ];
    for form in &forms {
        for algorithm in [
            PublicAlgorithm::EcdsaP256Sha256Der,
            PublicAlgorithm::EcdsaP256Sha256Raw,
            PublicAlgorithm::EcdsaP256Sha1Der,
        ] {
            let key = signs(form, algorithm);
            let der = STANDARD
                .decode(key.public_key().lines().skip(1).take_while(|line| !line.starts_with('-')).collect::<String>());
            assert!(der.expect("base64").ends_with(&[bytes(P256_X), bytes(P256_Y)].concat()), "{form}");
        }
    }
}

#[test]
fn every_unusable_private_key_has_its_own_error() {
    let cases = [
        (
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----",
            PrivateKeyError::Encrypted,
        ),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", PrivateKeyError::PublicKey),
        ("whpk_AAAA", PrivateKeyError::PublicKey),
        (r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#, PrivateKeyError::PublicKey),
        (r#"{"kty":"oct","k":"AAAA"}"#, PrivateKeyError::NotAKey),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", PrivateKeyError::NotAKey),
        ("-----BEGIN PRIVATE KEY-----", PrivateKeyError::NotAKey),
        ("a password", PrivateKeyError::NotAKey),
        ("", PrivateKeyError::NotAKey),
        ("{", PrivateKeyError::NotAKey),
    ];
    for (text, expected) in cases {
        assert_eq!(PrivateKey::parse(text, PublicAlgorithm::Ed25519).err(), Some(expected), "{text}");
    }
    // The key's number on another curve (secp256k1), with its algorithm, and in a version that nobody has defined.
    let mut other_curve = p256_pkcs8();
    other_curve.splice(2..28, hex::decode("020100301006072a8648ce3d020106052b8104000a0427").expect("hexadecimal"));
    other_curve[1] = u8::try_from(other_curve.len() - 2).expect("it is short");
    let mut later = p256_pkcs8();
    later[4] = 2;
    for der in [other_curve, later] {
        let refused = PrivateKey::parse(&pem("PRIVATE KEY", &der), PublicAlgorithm::EcdsaP256Sha256Der).err();
        assert_eq!(refused, Some(PrivateKeyError::NotAKey), "{}", hex::encode(der));
    }
    let (ed25519, p256) = (pem("PRIVATE KEY", &ed25519_pkcs8()), pem("PRIVATE KEY", &p256_pkcs8()));
    for (text, algorithm) in [
        (&ed25519, PublicAlgorithm::EcdsaP256Sha256Der),
        (&ed25519, PublicAlgorithm::RsaPssSha256),
        (&p256, PublicAlgorithm::Ed25519),
        (&p256, PublicAlgorithm::RsaPkcs1Sha256),
    ] {
        assert_eq!(PrivateKey::parse(text, algorithm).err(), Some(PrivateKeyError::WrongKind), "{algorithm:?}");
    }
}

#[test]
fn damaged_keys_are_refused_and_do_not_panic() {
    for der in [ed25519_pkcs8(), p256_pkcs8()] {
        for length in 0..der.len() {
            let cut = pem("PRIVATE KEY", &der[..length]);
            assert!(PrivateKey::parse(&cut, PublicAlgorithm::Ed25519).is_err(), "{length}");
            assert!(PrivateKey::parse(&cut, PublicAlgorithm::EcdsaP256Sha256Der).is_err(), "{length}");
        }
    }
    // Zero, and the order of the base point: invalid scalars of P-256.
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551".to_owned();
    for number in ["00".repeat(32), order] {
        assert_eq!(
            PrivateKey::parse(&number, PublicAlgorithm::EcdsaP256Sha256Der).err(),
            Some(PrivateKeyError::NotAKey)
        );
    }
}

#[test]
fn debug_of_a_private_key_reveals_nothing() {
    let key = signs(&hex::encode(bytes(ED25519_SEED)), PublicAlgorithm::Ed25519);
    assert_eq!(format!("{key:?}"), "PrivateKey(Ed25519, ..)");
}

/// Pseudorandom numbers with a fixed seed, so that the key is always the same.
impl TryRng for Dice {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::try_from(self.next() >> 32).expect("half of it"))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill_with(|| self.next().to_be_bytes()[0]);
        Ok(())
    }
}

impl TryCryptoRng for Dice {}

/// A DER value that is shorter than 64 KB. An integer's leading zeros are removed, except the one for its sign.
fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut value = value;
    while tag == 2 && value.len() > 1 && value[0] == 0 && value[1] < 0x80 {
        value = &value[1..];
    }
    let [high, low] = u16::try_from(value.len()).expect("it is short").to_be_bytes();
    let head = match value.len() {
        0..0x80 => vec![tag, low],
        0x80..0x100 => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [&head, value].concat()
}

#[test]
fn every_form_of_an_rsa_key_signs_with_every_padding() {
    let key = rsa::RsaPrivateKey::new(&mut Dice(1), 1536).expect("a key");
    let (n, e) = (key.n().to_be_bytes().to_vec(), key.e().to_be_bytes().to_vec());
    let d = key.d().to_be_bytes().to_vec();
    let [p, q] = [0, 1].map(|at| key.primes()[at].to_be_bytes().to_vec());
    let integer = |number: &[u8]| tlv(2, &[&[0], number].concat());
    // Numbers that can be computed from the others are not read.
    let numbers: Vec<_> = [&[0][..], &n, &e, &d, &p, &q, &[1], &[1], &[1]].into_iter().flat_map(integer).collect();
    let pkcs1 = tlv(0x30, &numbers);
    let pkcs8 = |algorithm: &str| {
        let algorithm = tlv(0x30, &[tlv(6, &hex::decode(algorithm).expect("hexadecimal")), vec![5, 0]].concat());
        tlv(0x30, &[vec![2, 1, 0], algorithm, tlv(4, &pkcs1)].concat())
    };
    let url = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (encryption, pss) = (pkcs8("2a864886f70d010101"), pkcs8("2a864886f70d01010a"));
    let forms = [
        pem("RSA PRIVATE KEY", &pkcs1),
        pem("PRIVATE KEY", &encryption),
        pem("PRIVATE KEY", &pss),
        STANDARD.encode(&encryption),
        STANDARD.encode(&pkcs1),
        format!(
            r#"{{"kty":"RSA","n":"{}","e":"{}","d":"{}","p":"{}","q":"{}"}}"#,
            url(&n),
            url(&e),
            url(&d),
            url(&p),
            url(&q)
        ),
    ];
    // RFC 3279, section 2.3.1: what a receiver configures.
    let public = tlv(3, &[vec![0], tlv(0x30, &[integer(&n), integer(&e)].concat())].concat());
    let public = tlv(0x30, &[hex::decode("300d06092a864886f70d0101010500").expect("hexadecimal"), public].concat());
    for form in &forms {
        for algorithm in [
            PublicAlgorithm::RsaPkcs1Sha1,
            PublicAlgorithm::RsaPkcs1Sha256,
            PublicAlgorithm::RsaPkcs1Sha512,
            PublicAlgorithm::RsaPssSha256,
            PublicAlgorithm::RsaPssSha512,
        ] {
            let key = signs(form, algorithm);
            assert_eq!(format!("{key:?}"), "PrivateKey(RSA, ..)");
            let pem: String = key.public_key().lines().filter(|line| !line.starts_with('-')).collect();
            assert_eq!(STANDARD.decode(pem).expect("base64"), public, "{form}");
        }
        for algorithm in [PublicAlgorithm::Ed25519, PublicAlgorithm::EcdsaP256Sha256Der] {
            assert_eq!(PrivateKey::parse(form, algorithm).err(), Some(PrivateKeyError::WrongKind), "{algorithm:?}");
        }
    }
    // Inconsistent numbers; another version; a public key.
    let odd = numbers.iter().rposition(|byte| *byte != 1 && *byte != 2).expect("a number");
    let mut broken = numbers.clone();
    broken[odd] ^= 2;
    let mut later = numbers;
    later[2] = 1;
    for (text, expected) in [
        (pem("RSA PRIVATE KEY", &tlv(0x30, &broken)), PrivateKeyError::NotAKey),
        (pem("RSA PRIVATE KEY", &tlv(0x30, &later)), PrivateKeyError::NotAKey),
        (pem("RSA PUBLIC KEY", &pkcs1), PrivateKeyError::PublicKey),
        (STANDARD.encode(&public), PrivateKeyError::PublicKey),
    ] {
        assert_eq!(PrivateKey::parse(&text, PublicAlgorithm::RsaPkcs1Sha256).err(), Some(expected), "{text}");
    }
}

#[test]
fn a_key_signs_with_its_own_algorithms_only() {
    let mut rng = |bytes: &mut [u8]| bytes.fill(7);
    let ed25519 = PrivateKey::parse(&hex::encode(bytes(ED25519_SEED)), PublicAlgorithm::Ed25519).expect("a key");
    assert!(ed25519.sign(PublicAlgorithm::EcdsaP256Sha256Der, MESSAGE, &mut rng).is_none());
    let p256 = PrivateKey::parse(&hex::encode(bytes(P256_NUMBER)), PublicAlgorithm::EcdsaP256Sha256Raw).expect("a key");
    assert!(p256.sign(PublicAlgorithm::Ed25519, MESSAGE, &mut rng).is_none());
}

#[test]
fn a_random_key_is_different_each_time_and_of_the_right_kind() {
    let mut dice = Dice(3);
    let mut rng = |bytes: &mut [u8]| bytes.fill_with(|| dice.next().to_be_bytes()[0]);
    for algorithm in [PublicAlgorithm::Ed25519, PublicAlgorithm::EcdsaP256Sha256Der] {
        let [one, other] = [(); 2].map(|()| PrivateKey::random(algorithm, &mut rng).expect("a key"));
        assert_ne!(one.public_key(), other.public_key());
        assert!(one.sign(algorithm, MESSAGE, &mut rng).is_some(), "{algorithm:?}");
    }
    assert!(PrivateKey::random(PublicAlgorithm::RsaPkcs1Sha256, &mut rng).is_none(), "RSA keys take too long");
}

#[test]
fn every_key_error_says_what_would_be_right() {
    for (error, words) in [
        (PrivateKeyError::NotAKey, "PKCS #8"),
        (PrivateKeyError::Encrypted, "openssl pkey"),
        (PrivateKeyError::PublicKey, "the private half"),
        (PrivateKeyError::WrongKind, "this algorithm"),
    ] {
        assert!(error.to_string().contains(words), "{error}");
    }
}
