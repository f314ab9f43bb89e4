//! Private keys: every form that one is written in, and every algorithm. What they sign, the public half verifies.
//!
//! The keys are those of RFC 8037 (appendix A.1) and RFC 7515 (appendix A.3), which everybody knows.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hookwarden::verify::public_key::private_key::{PrivateKey, PrivateKeyError};
use hookwarden::verify::public_key::{PublicAlgorithm, PublicKey};

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

/// RFC 5915, section 3, with the curve in it or outside.
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
    let mut chance = |bytes: &mut [u8]| bytes.fill(7);
    let signature = key.sign(algorithm, MESSAGE, &mut chance).expect("a signature");
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
fn what_cannot_sign_is_told_apart() {
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
    // Zero, and the order of the base point: no numbers of P-256.
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551".to_owned();
    for number in ["00".repeat(32), order] {
        assert_eq!(
            PrivateKey::parse(&number, PublicAlgorithm::EcdsaP256Sha256Der).err(),
            Some(PrivateKeyError::NotAKey)
        );
    }
}

#[test]
fn a_private_key_shows_nothing_of_itself() {
    let key = signs(&hex::encode(bytes(ED25519_SEED)), PublicAlgorithm::Ed25519);
    assert_eq!(format!("{key:?}"), "PrivateKey(Ed25519, ..)");
}
