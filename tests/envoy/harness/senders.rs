//! Requests as the senders would send them, signed now by the test itself.
//!
//! Every tag and credential computed here is registered, and no Envoy may print any of them
//! (`Proxy::assert_output_is_clean`).

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};

use crate::harness::client::Request;

/// One way to send a valid webhook.
#[derive(Clone, Copy)]
pub struct Sender {
    /// The source's name; its path is `/hooks/<name>`.
    pub source: &'static str,
    pub secret: &'static str,
    /// The code of a failed verification.
    pub mismatch: &'static str,
    pub sign: fn(path: &str, secret: &str, body: &[u8]) -> Request,
}

impl Sender {
    pub fn path(&self) -> String {
        format!("/hooks/{}", self.source)
    }

    pub fn valid(&self, body: &[u8]) -> Request {
        (self.sign)(&self.path(), self.secret, body)
    }

    /// The same request, signed with a guessed secret.
    pub fn forged(&self, body: &[u8]) -> Request {
        let guess = if self.secret.starts_with("whsec_") {
            "whsec_Z3Vlc3NlZC1ndWVzc2VkLWd1ZXNzZWQtZ3Vlc3NlZCE="
        } else if self.secret.contains(':') {
            "anymail:guessed-guessed-guessed"
        } else {
            "guessed-guessed-guessed-guessed"
        };
        (self.sign)(&self.path(), guess, body)
    }
}

pub const BASIC: Sender =
    Sender { source: "basic", secret: "anymail:pass:with:colons-5f1c8a", mismatch: "credential_mismatch", sign: basic };
pub const BEARER: Sender = Sender {
    source: "bearer",
    secret: "bearer-token-of-the-test-77e0d2",
    mismatch: "credential_mismatch",
    sign: bearer,
};
pub const HEADER_TOKEN: Sender = Sender {
    source: "header-token",
    secret: "header-token-of-the-test-0b94ce",
    mismatch: "credential_mismatch",
    sign: header_token,
};
pub const GITHUB: Sender = Sender {
    source: "github",
    secret: "github-secret-of-the-test-3d7a61",
    mismatch: "signature_mismatch",
    sign: github,
};
pub const GITHUB_SHA1: Sender = Sender {
    source: "github-sha1",
    secret: "github-sha1-secret-of-the-test-42",
    mismatch: "signature_mismatch",
    sign: github_sha1,
};
pub const SERVICESTACK: Sender = Sender {
    source: "servicestack",
    secret: "c2VydmljZXN0YWNrLXNlY3JldC1vZi10aGUtdGVzdA==",
    mismatch: "signature_mismatch",
    sign: servicestack,
};
pub const GENERIC: Sender = Sender {
    source: "generic",
    secret: "generic-secret-of-the-test-a81f90",
    mismatch: "signature_mismatch",
    sign: generic,
};
pub const STRIPE: Sender = Sender {
    source: "stripe",
    secret: "whsec_stripe_secret_of_the_test_used_as_text",
    mismatch: "signature_mismatch",
    sign: stripe,
};
pub const SLACK: Sender = Sender {
    source: "slack",
    secret: "slack-signing-secret-of-the-test-6e",
    mismatch: "signature_mismatch",
    sign: slack,
};
pub const STANDARD_WEBHOOKS: Sender = Sender {
    source: "standard-webhooks",
    secret: "whsec_c3RhbmRhcmQtd2ViaG9va3Mtc2VjcmV0LW9mLXRlc3Q=",
    mismatch: "signature_mismatch",
    sign: standard_webhooks,
};
pub const SVIX: Sender = Sender {
    source: "svix",
    secret: "whsec_c3ZpeC1zZWNyZXQtb2YtdGhlLXRlc3QtNDc1MWRl",
    mismatch: "signature_mismatch",
    sign: svix,
};
pub const SHOPIFY: Sender = Sender {
    source: "shopify",
    secret: "shopify-client-secret-of-the-test-19",
    mismatch: "signature_mismatch",
    sign: shopify,
};

pub const ALL: [Sender; 12] = [
    BASIC,
    BEARER,
    HEADER_TOKEN,
    GITHUB,
    GITHUB_SHA1,
    SERVICESTACK,
    GENERIC,
    STRIPE,
    SLACK,
    STANDARD_WEBHOOKS,
    SVIX,
    SHOPIFY,
];

pub const SERVICESTACK_EVENT: &str = "order.created";
pub const EVENT_ID: &str = "msg_2hookwarden";

pub fn basic(path: &str, credential: &str, body: &[u8]) -> Request {
    let encoded = register_secret(STANDARD.encode(credential));
    Request::post(path, body).with("Authorization", format!("Basic {encoded}"))
}

pub fn bearer(path: &str, token: &str, body: &[u8]) -> Request {
    Request::post(path, body).with("Authorization", format!("Bearer {token}"))
}

pub fn header_token(path: &str, token: &str, body: &[u8]) -> Request {
    Request::post(path, body).with("X-Token", token)
}

pub fn github(path: &str, secret: &str, body: &[u8]) -> Request {
    let tag = hex(&hmac_sha256(secret.as_bytes(), &[body]));
    Request::post(path, body).with("X-GitHub-Event", "push").with("X-Hub-Signature-256", format!("sha256={tag}"))
}

pub fn github_sha1(path: &str, secret: &str, body: &[u8]) -> Request {
    let tag = hex(&hmac_sha1(secret.as_bytes(), &[body]));
    Request::post(path, body).with("X-Hub-Signature", format!("sha1={tag}"))
}

/// This sender labels its SHA-256 digest as SHA-1.
pub fn servicestack(path: &str, secret: &str, body: &[u8]) -> Request {
    let tag = hex(&hmac_sha256(secret.as_bytes(), &[body]));
    Request::post(path, body).with("X-Webhook-Event", SERVICESTACK_EVENT).with("X-Hub-Signature", format!("sha1={tag}"))
}

pub fn generic(path: &str, secret: &str, body: &[u8]) -> Request {
    let tag = hex(&hmac_sha256(secret.as_bytes(), &[body]));
    Request::post(path, body).with("X-Webhook-Signature", tag)
}

pub fn stripe(path: &str, secret: &str, body: &[u8]) -> Request {
    stripe_at(&now().to_string(), path, secret, body)
}

pub fn stripe_at(time: &str, path: &str, secret: &str, body: &[u8]) -> Request {
    let tag = hex(&hmac_sha256(secret.as_bytes(), &[time.as_bytes(), b".", body]));
    Request::post(path, body).with("Stripe-Signature", format!("t={time},v1={tag}"))
}

pub fn slack(path: &str, secret: &str, body: &[u8]) -> Request {
    slack_at(&now().to_string(), path, secret, body)
}

pub fn slack_at(time: &str, path: &str, secret: &str, body: &[u8]) -> Request {
    let tag = hex(&hmac_sha256(secret.as_bytes(), &[b"v0:", time.as_bytes(), b":", body]));
    Request::post(path, body).with("X-Slack-Request-Timestamp", time).with("X-Slack-Signature", format!("v0={tag}"))
}

pub fn standard_webhooks(path: &str, secret: &str, body: &[u8]) -> Request {
    standard_webhooks_at(&now().to_string(), path, secret, body)
}

pub fn standard_webhooks_at(time: &str, path: &str, secret: &str, body: &[u8]) -> Request {
    let tag = standard_webhooks_tag(secret, EVENT_ID, time, body);
    Request::post(path, body)
        .with("webhook-id", EVENT_ID)
        .with("webhook-timestamp", time)
        .with("webhook-signature", format!("v1,{tag}"))
}

pub fn svix(path: &str, secret: &str, body: &[u8]) -> Request {
    let time = now().to_string();
    let tag = standard_webhooks_tag(secret, EVENT_ID, &time, body);
    Request::post(path, body)
        .with("svix-id", EVENT_ID)
        .with("svix-timestamp", time)
        .with("svix-signature", format!("v1,{tag}"))
}

pub fn standard_webhooks_tag(secret: &str, id: &str, time: &str, body: &[u8]) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a whsec_ secret")).expect("base64 after whsec_");
    let parts: [&[u8]; 5] = [id.as_bytes(), b".", time.as_bytes(), b".", body];
    register_secret(STANDARD.encode(hmac_sha256(&key, &parts)))
}

pub fn shopify(path: &str, secret: &str, body: &[u8]) -> Request {
    let tag = register_secret(STANDARD.encode(hmac_sha256(secret.as_bytes(), &[body])));
    Request::post(path, body).with("X-Shopify-Hmac-Sha256", tag)
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970").as_secs()
}

pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).expect("HMAC accepts keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

fn hmac_sha1(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(key).expect("HMAC accepts keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// Hexadecimal, registered as a secret.
pub fn hex(tag: &[u8]) -> String {
    register_secret(tag.iter().map(|byte| format!("{byte:02x}")).collect())
}

static SECRETS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Registers a secret, a tag or a credential that must not appear in any output.
pub fn register_secret(text: String) -> String {
    let mut secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    secrets.insert(text.clone());
    text
}

pub fn registered_secrets() -> Vec<String> {
    let secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    secrets.iter().cloned().collect()
}
