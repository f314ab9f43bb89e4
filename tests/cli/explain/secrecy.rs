//! The output never contains a secret, whatever the request is, in text or JSON.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::scratch::Scratch;
use crate::support::hookwarden;

#[test]
fn no_explanation_of_a_refused_vector_shows_a_secret() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("providers");
    let mut shown = 0;
    for name in [
        "basic",
        "bearer",
        "cloudinary",
        "github",
        "mandrill",
        "slack",
        "stripe",
        "svix",
        "telegram",
        "twilio",
        "unisender-go",
    ] {
        let path = folder.join(format!("{name}.json"));
        let file: Value = serde_json::from_slice(&fs::read(path).expect("it is there")).expect("it is JSON");
        let vectors = file["vectors"].as_array().expect("it has vectors");
        let refused =
            vectors.iter().filter(|vector| vector["expect"] != "verified" && vector["secrets"].is_array()).step_by(7);
        for vector in refused.take(6) {
            let scratch = Scratch::new();
            let secrets: Vec<&str> =
                vector["secrets"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let list: Vec<_> =
                secrets.iter().map(|text| json!({ "value": text, "insecure_short_secret": true })).collect();
            let mut check = json!({ "provider": name, "secrets": list });
            if let Some(with) = vector.get("with") {
                check["with"] = with.clone();
            }
            let config = json!({ "sources": [{ "name": "tested", "match": { "path": "/*" }, "verify": check }] });
            let (config, request) = (scratch.config(&config), scratch.file("request.json", vector.to_string()));
            for format in ["text", "json"] {
                let ran = hookwarden(&["explain", &config, &request, "--format", format], "");
                assert_eq!(ran.code, 1, "{name}: {}{}", ran.out, ran.err);
                for secret in secrets.iter().filter(|secret| secret.len() > 8) {
                    let parts = [*secret, secret.rsplit(':').next().unwrap_or_default()];
                    for part in parts.iter().filter(|part| part.len() > 8) {
                        assert!(!ran.out.contains(part) && !ran.err.contains(part), "{name}: {}", ran.out);
                    }
                }
                shown += 1;
            }
        }
    }
    assert!(shown > 60, "{shown} only");
}
