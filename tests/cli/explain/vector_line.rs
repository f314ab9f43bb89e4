//! A vector of `providers/` as a line of a batch.

use serde_json::{Value, json};

/// The line without its time and id: a configuration for the provider, and the vector's request.
pub fn of(provider: &str, vector: &Value) -> Value {
    let url = vector["url"].as_str().expect("a vector has a URL");
    let (_, rest) = url.split_once("://").expect("it is absolute");
    let path = rest.find('/').map_or("/", |at| rest[at..].split('?').next().unwrap_or_default());
    let mut check = json!({ "provider": provider });
    for kind in ["secrets", "keys"] {
        let list = vector[kind].as_array().into_iter().flatten();
        let list: Vec<_> = list
            .map(|text| match kind {
                "keys" => json!({ "value": text }),
                _ => json!({ "value": text, "insecure_short_secret": true }),
            })
            .collect();
        if !list.is_empty() {
            check[kind] = json!(list);
        }
    }
    if let Some(with) = vector.get("with") {
        check["with"] = with.clone();
    }
    json!({
        "configuration": { "sources": [{ "name": "tested", "match": { "path": path }, "verify": check }] },
        "request": vector,
    })
}
