//! Project Wycheproof's vectors, if they are available: `../shared/wycheproof`.
//!
//! Every case must get its expected result. `wycheproof.json` lists deliberate differences with their reasons; an entry
//! that no longer differs fails.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use hookwarden::verify::primitives::mac::{HashAlgorithm, MacKey};
use hookwarden::verify::primitives::public_key::{PublicAlgorithm, PublicKey};
use serde_json::Value;

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
    // Read at run time, so that the test binary can run next to another copy of the data.
    let package = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    let folder = PathBuf::from(package).join("../shared/wycheproof");
    if !folder.is_dir() {
        eprintln!("SKIPPED: {} is not there; no vector of Wycheproof was tried", folder.display());
        return;
    }
    let mut deliberate = divergences();
    let mut wrong = Vec::new();
    let (mut cases, mut diverging) = (0, 0);
    for (name, proof) in FILES {
        let path = folder.join(format!("{name}.json"));
        let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file: Value = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
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

fn verifies(proof: Proof, group: &Value, case: &Value) -> bool {
    let bytes = |name: &str| hex::decode(case[name].as_str().expect("hexadecimal")).expect("hexadecimal");
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
