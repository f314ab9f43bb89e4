//! Signatures that Envoy verifies in the module's place: every vector of Wycheproof for RSA PKCS #1 and P-256, if they are
//! available (`../shared/wycheproof`), and those of the providers, get the verdict that the module's own code gives.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookwarden::verify::primitives::public_key::{PublicAlgorithm, PublicKey};
use serde_json::{Value, json};

use crate::harness::client::{Connection, Request};
use crate::harness::launch::Setup;
use crate::harness::{Proxy, wait_for};

const FILES: [(&str, &str, PublicAlgorithm); 4] = [
    ("ecdsa_secp256r1_sha256_p1363_test", "ecdsa-p256-sha256-raw", PublicAlgorithm::EcdsaP256Sha256Raw),
    ("ecdsa_secp256r1_sha256_test", "ecdsa-p256-sha256", PublicAlgorithm::EcdsaP256Sha256Der),
    ("rsa_signature_2048_sha256_test", "rsa-sha256", PublicAlgorithm::RsaPkcs1Sha256),
    ("rsa_signature_2048_sha512_test", "rsa-sha512", PublicAlgorithm::RsaPkcs1Sha512),
];

/// A request, and whether it must pass.
struct Case {
    name: String,
    request: Request,
    passes: bool,
}

#[test]
fn envoy_and_the_module_give_every_vector_of_wycheproof_the_same_verdict() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/wycheproof");
    if !folder.is_dir() {
        eprintln!("SKIPPED: {} is not there; no vector of Wycheproof was tried", folder.display());
        return;
    }
    let (mut sources, mut cases) = (Vec::new(), Vec::new());
    for (file, word, algorithm) in FILES {
        let text = std::fs::read(folder.join(format!("{file}.json"))).expect("the file can be read");
        let vectors: Value = serde_json::from_slice(&text).expect("JSON");
        for group in vectors["testGroups"].as_array().expect("groups") {
            let pem = group["publicKeyPem"].as_str().expect("a key");
            let Ok(key) = PublicKey::parse(pem, algorithm, 2048) else { continue };
            let name = format!("wycheproof-{}", sources.len());
            let scheme = json!({ "signature": { "header": "X-Signature", "encoding": "base64" },
                "algorithm": word, "signed": "{body}" });
            sources.push(json!({ "name": name, "match": { "path": format!("/hooks/{name}") },
                "verify": { "scheme": scheme, "keys": [{ "value": pem }] } }));
            for case in group["tests"].as_array().expect("cases") {
                let bytes = |name: &str| hex::decode(case[name].as_str().expect("hexadecimal")).expect("hexadecimal");
                let (message, signature) = (bytes("msg"), bytes("sig"));
                let digest = algorithm.hash().expect("it takes a digest").digest(&message);
                let request = Request::post(format!("/hooks/{name}"), message);
                cases.push(Case {
                    name: format!("{file}: {}: {}", case["tcId"], case["comment"]),
                    request: request.with("X-Signature", STANDARD.encode(&signature)),
                    passes: key.verifies(algorithm, &digest, &signature),
                });
            }
        }
    }
    assert!(cases.len() > 1000, "{}", cases.len());
    both_agree(&json!({ "sources": sources }), &cases, 1000);
}

/// Those whose valid vectors have no time, which a real Envoy would find stale.
#[test]
fn envoy_and_the_module_give_the_vectors_of_providers_the_same_verdict() {
    let (mut sources, mut cases, mut paths) = (Vec::new(), Vec::new(), BTreeSet::new());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("providers");
    for file in std::fs::read_dir(folder).expect("providers/ can be listed") {
        let path = file.expect("a file").path();
        let provider: Value = serde_json::from_slice(&std::fs::read(&path).expect("a file")).expect("JSON");
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let algorithm = provider["scheme"]["algorithm"].as_str().unwrap_or_default();
        let vectors = provider["vectors"].as_array().expect("vectors");
        let is_timeless = vectors.iter().all(|vector| vector["now"].is_null());
        if !is_timeless || !(algorithm.starts_with("rsa-sha") || algorithm.starts_with("ecdsa")) {
            continue;
        }
        let valid = vectors.iter().find(|vector| vector["expect"] == "verified").expect("a valid vector");
        let place = |vector: &Value| {
            let url = vector["url"].as_str().expect("a URL").split_once("://").expect("a scheme").1.to_owned();
            let (host, target) = url.split_at(url.find('/').expect("a path"));
            (host.to_owned(), target.to_owned())
        };
        let target = place(valid).1;
        let path = target.split('?').next().unwrap_or_default();
        if !paths.insert(path.to_owned()) {
            continue;
        }
        let keys: Vec<Value> =
            valid["keys"].as_array().expect("keys").iter().map(|key| json!({ "value": key })).collect();
        let mut verify = json!({ "provider": name, "keys": keys });
        if valid["with"].is_object() {
            verify["with"] = valid["with"].clone();
        }
        sources.push(json!({ "name": name, "match": { "path": path }, "verify": verify }));
        let same = |vector: &&Value| {
            let (own, other) = (place(vector).1, path);
            (&vector["keys"], &vector["with"]) == (&valid["keys"], &valid["with"])
                && own.split('?').next() == Some(other)
        };
        for vector in vectors.iter().filter(same) {
            let body = match (vector["body"].as_str(), vector["body_base64"].as_str()) {
                (Some(text), _) => text.as_bytes().to_vec(),
                (None, text) => STANDARD.decode(text.unwrap_or_default()).expect("base64"),
            };
            let (host, target) = place(vector);
            let mut request = Request::post(target, body);
            request.host = host;
            for header in vector["headers"].as_array().expect("headers") {
                request = request.with(header[0].as_str().expect("a name"), header[1].as_str().expect("a value"));
            }
            if vector["method"] == "POST" {
                let case = format!("{name}: {}", vector["case"]);
                cases.push(Case { name: case, request, passes: vector["expect"] == "verified" });
            }
        }
    }
    assert!(sources.len() >= 3 && cases.len() > 30, "{} sources, {} cases", sources.len(), cases.len());
    both_agree(&json!({ "sources": sources }), &cases, cases.len() as u64 / 4);
}

/// Sends every request twice to an Envoy that verifies and to one that does not; the first round ends the probation of the
/// keys. `least`: how many signatures Envoy must have verified.
fn both_agree(plugin: &Value, cases: &[Case], least: u64) {
    for host in [true, false] {
        let mut plugin = plugin.clone();
        plugin["host_cryptography"] = json!(host);
        let Some(proxy) = Proxy::start(&Setup::new(plugin)) else { return };
        for round in 0..2 {
            let mut connection = Connection::open(proxy.address);
            for case in cases {
                let mark = proxy.upstream.mark();
                let status = connection.round_trip(&case.request).status;
                assert_eq!(status == 200, case.passes, "{} in round {round}: {status}", case.name);
                if !case.passes {
                    assert!(status >= 400, "{}: {status}", case.name);
                    proxy.upstream.assert_nothing_since(mark);
                }
            }
        }
        let counts = || (proxy.metric("signatures_by_host"), proxy.metric("signatures_by_filter"));
        let enough = |(by_host, by_filter): (u64, u64)| if host { by_host >= least } else { by_filter >= least };
        let counted = wait_for(Duration::from_secs(10), || enough(counts()).then_some(()));
        let (by_host, by_filter) = counts();
        println!("{} requests twice: {by_host} signatures by Envoy, {by_filter} by the module", cases.len());
        assert!(counted.is_some() && (host || by_host == 0), "{by_host} by Envoy, {by_filter} by the module");
        let output = proxy.unread_without_secrets();
        assert!(!output.contains("not asked again"), "{output}");
    }
}
