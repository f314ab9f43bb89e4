//! What each algorithm costs: hashes and MACs over 1 KiB and 64 KiB, signatures of public keys over a digest.

#![allow(
    clippy::disallowed_methods,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark measures time, is no library, and uses what it shares with others in part"
)]

mod micro;

use std::hint::black_box;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use criterion::{Criterion, Throughput};
use ed25519_dalek::Signer as _;
use hookwarden::verify::primitives::mac::{HashAlgorithm, MacKey};
use hookwarden::verify::primitives::public_key::{PublicAlgorithm, PublicKey};
use serde_json::Value;

fn main() {
    let mut criterion = micro::criterion();
    hashes(&mut criterion);
    public_keys(&mut criterion);
    criterion.final_summary();
}

fn hashes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hashes");
    for size in [1024_usize, 64 * 1024] {
        let body = vec![b'x'; size];
        group.throughput(Throughput::Bytes(size as u64));
        let kib = size / 1024;
        group.bench_function(format!("SHA-256, {kib} KiB"), |bencher| {
            bencher.iter(|| HashAlgorithm::Sha256.digest(black_box(&body)));
        });
        for hash in [HashAlgorithm::Sha1, HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512] {
            let key = MacKey::new(hash, micro::SECRET.as_bytes()).expect("a key");
            group.bench_function(format!("HMAC-{hash:?}, {kib} KiB"), |bencher| {
                bencher.iter(|| {
                    let mut mac = key.begin();
                    mac.update(black_box(&body));
                    mac.tag()
                });
            });
        }
    }
    group.finish();
}

/// A name; the algorithm, the key, what is signed, the signature; whether it is valid.
type Signed<'a> = (&'a str, PublicAlgorithm, String, &'a [u8], Vec<u8>, bool);

fn public_keys(criterion: &mut Criterion) {
    let text = [b'x'; 1024];
    let digest = HashAlgorithm::Sha256.digest(&text);
    let ed25519 = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let p256 = p256::ecdsa::SigningKey::from_slice(&[7; 32]).expect("a key");
    let by_p256: p256::ecdsa::Signature = p256::ecdsa::signature::Signer::sign(&p256, &text);
    let (rsa, rsa_body, by_rsa) = wise();
    let point = STANDARD.encode(p256.verifying_key().to_sec1_point(false).as_bytes());
    let cases: [Signed<'_>; 4] = [
        (
            "Ed25519, 1 KiB",
            PublicAlgorithm::Ed25519,
            STANDARD.encode(ed25519.verifying_key().as_bytes()),
            &text,
            ed25519.sign(&text).to_bytes().to_vec(),
            true,
        ),
        ("ECDSA P-256", PublicAlgorithm::EcdsaP256Sha256Raw, point, &digest, by_p256.to_bytes().to_vec(), true),
        ("RSA-2048 PKCS #1", PublicAlgorithm::RsaPkcs1Sha256, rsa.clone(), &rsa_body, by_rsa.clone(), true),
        // The padding is another one, which is seen after all of the arithmetic.
        ("RSA-2048 PSS, refused", PublicAlgorithm::RsaPssSha256, rsa, &rsa_body, by_rsa, false),
    ];
    let mut group = criterion.benchmark_group("public keys");
    for (name, algorithm, key, content, signature, is_valid) in cases {
        let key = PublicKey::parse(&key, algorithm, 2048).expect("a key");
        assert_eq!(key.verifies(algorithm, content, &signature), is_valid, "{name}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| key.verifies(algorithm, black_box(content), black_box(&signature)));
        });
    }
    group.finish();
}

/// A key of 2048 bits, the digest of what it signed, and the signature.
fn wise() -> (String, Vec<u8>, Vec<u8>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("providers/wise.json");
    let provider: Value = serde_json::from_slice(&std::fs::read(path).expect("a provider")).expect("JSON");
    let vectors = provider["vectors"].as_array().expect("vectors");
    let valid = vectors.iter().find(|vector| vector["expect"] == "verified").expect("a valid vector");
    let headers = valid["headers"].as_array().expect("headers");
    let is_signature =
        |header: &&Value| header[0].as_str().is_some_and(|name| name.eq_ignore_ascii_case("x-signature-sha256"));
    let signature = headers.iter().find(is_signature).expect("a signature")[1].as_str().expect("a text");
    let body = valid["body"].as_str().expect("a body");
    let key = valid["keys"][0].as_str().expect("a key").to_owned();
    (key, HashAlgorithm::Sha256.digest(body.as_bytes()), STANDARD.decode(signature).expect("base64"))
}
