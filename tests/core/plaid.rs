//! Plaid, as far as it signs events and hands out its keys.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hookwarden::private_key::PrivateKey;
use hookwarden::verify::primitives::public_key::PublicAlgorithm;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const ALGORITHM: PublicAlgorithm = PublicAlgorithm::EcdsaP256Sha256Raw;
/// The body of every event.
pub const BODY: &str = "{\n  \"webhook_code\": \"SYNC_UPDATES_AVAILABLE\"\n}";
/// What Plaid answers to an id under which it has no key.
pub const UNKNOWN: &str = r#"{"error_type": "INVALID_INPUT", "error_code": "INVALID_WEBHOOK_VERIFICATION_KEY_ID"}"#;

/// A key of Plaid's.
pub struct Signer {
    pub id: String,
    key: PrivateKey,
}

impl Signer {
    pub fn new(id: &str, seed: u8) -> Self {
        let key = PrivateKey::random(ALGORITHM, &mut |bytes| bytes.fill(seed)).expect("a key");
        Self { id: id.to_owned(), key }
    }

    /// The answer with its public key, as Plaid's: `expired_at` is `null` or a time.
    pub fn answer(&self, expired_at: Value) -> String {
        let pem = self.key.public_key();
        let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(text).expect("base64");
        let (x, y) = der[der.len() - 64..].split_at(32);
        let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part));
        json!({
            "key": {
                "alg": "ES256", "created_at": 1_560_466_143, "crv": "P-256", "expired_at": expired_at, "kid": self.id,
                "kty": "EC", "use": "sig", "x": x, "y": y,
            },
            "request_id": "RZ6Omi1bzzwDaLo",
        })
        .to_string()
    }

    /// The token of an event that was signed at `time`, in seconds, and names the key `kid`; none if that is `null`.
    pub fn token(&self, kid: &Value, time: u64) -> String {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let header = match kid {
            Value::Null => json!({"alg": "ES256", "typ": "JWT"}),
            kid => json!({"alg": "ES256", "typ": "JWT", "kid": kid}),
        };
        let claims = json!({"iat": time, "request_body_sha256": hex::encode(Sha256::digest(BODY))});
        let signed = format!("{}.{}", part(&header), part(&claims));
        let tag = self.key.sign(ALGORITHM, signed.as_bytes(), &mut |bytes| bytes.fill(7)).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    }
}
