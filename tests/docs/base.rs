//! A valid configuration with every object of the reference, and the parser's messages when a part of it changes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::documents::quoted;
use crate::support::load;

/// The path of each object of the reference in [`base`].
pub const OBJECTS: &[(&str, &str)] = &[
    ("", ""),
    ("source", "/sources/0"),
    ("match", "/sources/0/match"),
    ("transport", "/sources/0/transport"),
    ("forwarded_proto", "/sources/0/transport/insecure_trust_forwarded_proto"),
    ("flood_limit", "/sources/0/flood_limit"),
    ("rate_limit", "/sources/0/rate_limit"),
    ("replay", "/sources/0/replay"),
    ("store", "/sources/0/replay/store"),
    ("authorization", "/sources/0/replay/store/authorization"),
    ("deny", "/sources/0/deny"),
    ("any", "/sources/0/verify/1"),
    ("check", "/sources/0/verify/0"),
    ("secret", "/sources/0/verify/0/secrets/0"),
    ("http", "/sources/0/verify/0/secrets/1/http"),
    ("published", "/sources/0/verify/7/keys/0"),
    ("jwks", "/sources/0/verify/7/keys/0/jwks"),
    ("x509", "/sources/0/verify/8/keys/0/x509"),
    ("jwk", "/sources/0/verify/9/keys/0/jwk"),
    ("secrets_by", "/sources/0/verify/1/any/0/secrets_by"),
    ("keys_by", "/sources/0/verify/6/keys_by"),
    ("scheme", "/sources/0/verify/2/scheme"),
    ("credential", "/sources/0/verify/1/any/0/scheme/credential"),
    ("signature", "/sources/0/verify/2/scheme/signature"),
    ("key", "/sources/0/verify/2/scheme/key"),
    ("timestamp", "/sources/0/verify/2/scheme/timestamp"),
    ("event_id", "/sources/0/verify/2/scheme/event_id"),
    ("when", "/sources/0/verify/2/scheme/when"),
    ("jwt", "/sources/0/verify/3/scheme/jwt"),
    ("claim", "/sources/0/verify/3/scheme/jwt/claims/sub"),
    ("event_id", "/sources/0/verify/3/scheme/event_id"),
    ("message_signature", "/sources/0/verify/4/scheme/message_signature"),
    ("http_signature", "/sources/0/verify/5/scheme/http_signature"),
];

/// A public key.
pub const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAkkwnUoY+qrJIOrzalD9xhmgbpQ7mL2oX+U+XDGXv+MiK1+RsMXduYN3AvDCnNzYgC01eylA69mx/A1EEm8tWoBoAsJP1uG3Ot3ZPwv5fw3X66gjOtnLbmnJ4xyuDo5cg+hjJxYTllE8nXM0+Zlvqkx1vjihC26aZq30OZ8iV9w0M5o+NOEZ74Nh4/1IIzBq3m3nkJNkL7qh7dMtRibD5A6tB//DZ+E4fd/PnpcNyuI+yE8ugfJQ+j4bDRJZSxp6YrjUWZgDlPEzMCI3jFOuntYpDcLvz4ZBM63usF5WfDRRwm9MqY+3MGRrsvDXcJTzP2W2ds20cPggahf/JMbySKQIDAQAB\n-----END PUBLIC KEY-----";

/// A valid configuration with every object in it.
pub fn base() -> Value {
    let secrets = json!([{ "env": "SECRET" }]);
    let http = json!({ "cluster": "vault", "path": "/v1/secret/data/stripe", "pointer": "/data/data/current" });
    json!({ "sources": [{
        "name": "base",
        "match": { "path": "/base" },
        "transport": {
            "https": true,
            "insecure_trust_forwarded_proto": { "header": "X-Forwarded-Proto", "from": ["10.0.0.0/8"] },
        },
        "flood_limit": { "failures": 20, "per": "1m" },
        "rate_limit": { "requests": 100, "per": "1m" },
        "replay": { "window": "1h", "store": { "cluster": "webdis", "authorization": { "env": "SECRET" } } },
        "deny": { "status": 418 },
        "verify": [
            { "provider": "stripe", "secrets": [{ "env": "SECRET" }, { "http": http }] },
            { "any": [{
                "scheme": { "credential": { "header": "X-Token" } },
                "secrets_by": { "header": "X-Event", "secrets": { "a": secrets } },
            }] },
            {
                "scheme": {
                    "algorithm": "hmac-sha256",
                    "signature": { "header": "X-Signature", "encoding": "hex" },
                    "signed": "{header:X-Id}.{timestamp}.{body}",
                    "key": { "encoding": "text" },
                    "timestamp": { "header": "X-Time", "unit": "s" },
                    "event_id": { "header": "X-Id" },
                    "when": { "present": "header:X-Signature" },
                },
                "secrets": secrets,
            },
            {
                "scheme": {
                    "jwt": {
                        "at": "header:X-Token",
                        "algorithms": ["HS256"],
                        "claims": { "sub": { "equals": "{body|sha256|hex}", "when": "body" } },
                    },
                    "event_id": { "claim": "jti" },
                },
                "secrets": secrets,
            },
            {
                "scheme": { "message_signature": { "algorithm": "hmac-sha256", "components": ["@method", "@path"] } },
                "secrets": secrets,
            },
            {
                "scheme": { "http_signature": { "algorithm": "hmac-sha256", "header": "X-Signature" } },
                "secrets": secrets,
            },
            { "provider": "kick", "keys_by": { "header": "X-Key", "keys": { "a": [{ "value": KEY }] } } },
            {
                "scheme": { "jwt": { "at": "header:X-Token", "algorithms": ["RS256"], "max_age": "5m" } },
                "keys": [{ "jwks": { "cluster": "keys", "authority": "keys.example.com", "path": "/jwks" } }],
            },
            {
                "provider": "amazon-sns",
                "with": { "region": "eu-west-1", "topic_arn": "arn:aws:sns:eu-west-1:123456789012:orders" },
                "keys": [{ "x509": { "cluster": "keys" } }],
            },
            { "provider": "plaid", "keys": [{ "jwk": { "cluster": "keys" } }] },
        ],
    }] })
}

/// The keys that the parser accepts in an object, according to its own message.
pub fn known_keys(pointer: &str) -> Vec<String> {
    let unknown = "zzzzzzzzzzzzzzzzzzzz";
    let message = problem_at(pointer, unknown, Value::Null, &BTreeSet::new()).expect("an unknown key is a problem");
    let (_, known) = message.split_once("known are ").unwrap_or_else(|| panic!("{pointer}: {message}"));
    quoted(known, '"').into_iter().collect()
}

/// The message about a key of the base, if it has this value and replaces others.
pub fn problem_at(pointer: &str, key: &str, value: Value, instead_of: &BTreeSet<String>) -> Option<String> {
    let path = format!("{}.{key}", json_path(pointer));
    let problems = problems_with(pointer, key, Some(value), instead_of);
    problems.into_iter().find(|(at, _)| *at == path).map(|(_, message)| message)
}

/// The problems of the base with a key set to a value, or removed, and without some others.
pub fn problems_with(
    pointer: &str,
    key: &str,
    value: Option<Value>,
    without: &BTreeSet<String>,
) -> Vec<(String, String)> {
    let mut config = base();
    let object = config.pointer_mut(pointer).and_then(Value::as_object_mut).expect("the base has this object");
    object.retain(|name, _| name != key && !without.contains(name));
    object.extend(value.map(|value| (key.to_owned(), value)));
    match load(&config) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.into_iter().map(|problem| (problem.path.to_string(), problem.message())).collect(),
    }
}

fn json_path(pointer: &str) -> String {
    pointer.split('/').skip(1).fold("$".to_owned(), |path, part| match part.parse::<usize>() {
        Ok(position) => format!("{path}[{position}]"),
        Err(_) => format!("{path}.{part}"),
    })
}

pub fn name(object: &str, key: &str) -> String {
    if object.is_empty() { key.to_owned() } else { format!("{object}.{key}") }
}
