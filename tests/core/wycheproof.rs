//! Project Wycheproof's vectors, if they are available: `../shared/wycheproof`.
//!
//! Every case must get its expected result. `wycheproof.json` lists deliberate differences with their reasons; an entry
//! that no longer differs fails.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use hookwarden::verify::primitives::mac::{HashAlgorithm, MacKey};
use hookwarden::verify::primitives::public_key::{PublicAlgorithm, PublicKey, SignedContent};
use serde_json::Value;

use crate::host_signatures;

/// How a file's cases are verified.
#[derive(Clone, Copy)]
enum Proof {
    Mac(HashAlgorithm),
    Public(PublicAlgorithm),
}

const FILES: [(&str, Proof); 10] = [
    ("ecdsa_secp256r1_sha256_p1363_test", Proof::Public(PublicAlgorithm::EcdsaP256Sha256Raw)),
    ("ecdsa_secp256r1_sha256_test", Proof::Public(PublicAlgorithm::EcdsaP256Sha256Der)),
    ("ed25519_test", Proof::Public(PublicAlgorithm::Ed25519)),
    ("hmac_sha1_test", Proof::Mac(HashAlgorithm::Sha1)),
    ("hmac_sha256_test", Proof::Mac(HashAlgorithm::Sha256)),
    ("hmac_sha384_test", Proof::Mac(HashAlgorithm::Sha384)),
    ("hmac_sha512_test", Proof::Mac(HashAlgorithm::Sha512)),
    ("rsa_pss_2048_sha256_mgf1_32_test", Proof::Public(PublicAlgorithm::RsaPssSha256)),
    ("rsa_signature_2048_sha256_test", Proof::Public(PublicAlgorithm::RsaPkcs1Sha256)),
    ("rsa_signature_2048_sha512_test", Proof::Public(PublicAlgorithm::RsaPkcs1Sha512)),
];

#[test]
fn wycheproof_vectors_get_their_expected_result() {
    let Some(folder) = folder() else { return };
    let mut deliberate = divergences();
    let mut wrong = Vec::new();
    let (mut cases, mut diverging) = (0, 0);
    for (name, proof) in FILES {
        let file = read(&folder, name);
        let mut of_file = 0;
        for group in file["testGroups"].as_array().expect("a list of groups") {
            for case in group["tests"].as_array().expect("a list of cases") {
                of_file += 1;
                let expect = case["result"].as_str().expect("a result");
                // Some libraries accept "acceptable" cases and some do not; here only "valid" passes.
                let agrees = verifies(proof, group, case) == (expect == "valid");
                let id = case["tcId"].as_u64().expect("a number");
                let is_deliberate = deliberate.remove(&(name.to_owned(), id)).is_some();
                diverging += usize::from(is_deliberate);
                match (agrees, is_deliberate) {
                    (true, false) | (false, true) => {}
                    (true, true) => {
                        wrong.push(format!("{name}: {id}: is listed as a divergence and no longer is one"));
                    }
                    (false, false) => wrong.push(format!("{name}: {id}: should be {expect}: {}", case["comment"])),
                }
            }
        }
        assert_eq!(Some(of_file), file["numberOfTests"].as_u64(), "{name}: all of its cases were tried");
        cases += of_file;
    }
    wrong.extend(deliberate.keys().map(|(file, id)| format!("{file}: {id}: is listed and not there")));
    println!("{} files, {cases} cases, {diverging} of them diverge", FILES.len());
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

/// A host's answers, and the filter's own. The first round ends the probation of every key with a valid signature.
#[test]
fn wycheproof_vectors_get_the_same_result_from_a_host() {
    let Some(folder) = folder() else { return };
    let delegate = host_signatures::delegate();
    let (mut cases, mut by_host) = (0, 0);
    for (name, proof) in FILES {
        let Proof::Public(algorithm) = proof else { continue };
        if !algorithm.is_known_to_hosts() {
            continue;
        }
        for group in read(&folder, name)["testGroups"].as_array().expect("a list of groups") {
            let text = group["publicKeyPem"].as_str().expect("a key");
            let Ok(key) = PublicKey::parse(text, algorithm, 2048) else { continue };
            for round in 0..2 {
                for case in group["tests"].as_array().expect("a list of cases") {
                    let (message, signature) = (bytes(case, "msg"), bytes(case, "sig"));
                    let content = SignedContent::of_text(algorithm, &message, Some(&delegate));
                    let (own, other) = (verifies(proof, group, case), content.is_signed_by(&key, &signature));
                    assert_eq!(other, own, "{name}: {}: {}", case["tcId"], case["comment"]);
                    let counts = delegate.take_counts();
                    cases += u64::from(round == 1);
                    by_host += counts.by_host;
                }
            }
        }
    }
    println!("{cases} cases, {by_host} signatures verified by the host");
    assert!(by_host > 300, "{by_host} of {cases}");
}

/// The folder of the vectors. Read at run time, so that the test binary can run next to another copy of the data.
fn folder() -> Option<PathBuf> {
    let package = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    let folder = PathBuf::from(package).join("../shared/wycheproof");
    if !folder.is_dir() {
        eprintln!("SKIPPED: {} is not there; no vector of Wycheproof was tried", folder.display());
        return None;
    }
    Some(folder)
}

fn read(folder: &Path, name: &str) -> Value {
    let path = folder.join(format!("{name}.json"));
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn bytes(case: &Value, name: &str) -> Vec<u8> {
    hex::decode(case[name].as_str().expect("hexadecimal")).expect("hexadecimal")
}

fn verifies(proof: Proof, group: &Value, case: &Value) -> bool {
    let bytes = |name: &str| bytes(case, name);
    match proof {
        Proof::Mac(algorithm) => {
            let mut mac = MacKey::new(algorithm, &bytes("key")).expect("a key of any length").begin();
            mac.update(&bytes("msg"));
            mac.matches_any(&[bytes("tag")])
        }
        Proof::Public(algorithm) => {
            let text = group["publicKeyPem"].as_str().expect("a key");
            let Ok(key) = PublicKey::parse(text, algorithm, 2048) else { return false };
            let message = bytes("msg");
            let content = algorithm.hash().map_or(message.clone(), |hash| hash.digest(&message));
            key.verifies(algorithm, &content, &bytes("sig"))
        }
    }
}

/// Why each listed case differs, by file and number.
fn divergences() -> BTreeMap<(String, u64), String> {
    let file: Value = serde_json::from_str(include_str!("wycheproof.json")).expect("wycheproof.json is JSON");
    let entries = file.as_array().expect("wycheproof.json is a list");
    let mut listed = BTreeMap::new();
    for entry in entries {
        let text = |key: &str| entry[key].as_str().filter(|text| !text.is_empty()).expect("file and reason").to_owned();
        for id in entry["cases"].as_array().expect("numbers of cases") {
            let case = (text("file"), id.as_u64().expect("the number of a case"));
            assert!(listed.insert(case, text("reason")).is_none(), "{id} of {} is listed twice", text("file"));
        }
    }
    listed
}
