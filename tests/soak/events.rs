//! Honest events, as their senders sign them. Tags are not registered as secrets, because there are a million.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::harness::client::Request;
use crate::harness::senders::{hmac_sha256, now};
use crate::setup;

/// The header with the name of the event; no scheme signs it.
pub const EVENT: &str = "x-test-event";

/// A source, and how its sender signs a body.
pub struct Sender {
    pub source: &'static str,
    pub sign: fn(path: &str, number: u64) -> Request,
    /// Whether the source has replay protection.
    pub once: bool,
}

pub const SENDERS: [Sender; 9] = [
    Sender { source: "github", sign: github, once: true },
    Sender { source: "stripe", sign: stripe, once: true },
    Sender { source: "basic", sign: basic, once: false },
    Sender { source: "jwt", sign: jwt, once: true },
    Sender { source: "rfc9421", sign: rfc9421, once: true },
    Sender { source: "lever", sign: lever, once: true },
    Sender { source: "stored", sign: github, once: true },
    Sender { source: "small", sign: github, once: false },
    Sender { source: "limited", sign: github, once: true },
];

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bodies of different lengths, up to a few kilobytes.
pub fn body(number: u64) -> String {
    let padding = "x".repeat((number * 7919 % 2500) as usize);
    format!("{{\"event\":{number},\"padding\":\"{padding}\"}}")
}

pub fn github(path: &str, number: u64) -> Request {
    let body = body(number);
    let tag = hex(&hmac_sha256(setup::GITHUB.as_bytes(), &[body.as_bytes()]));
    Request::post(path, body).with("X-GitHub-Event", "push").with("X-Hub-Signature-256", format!("sha256={tag}"))
}

pub fn stripe(path: &str, number: u64) -> Request {
    stripe_at(now(), path, number)
}

pub fn stripe_at(time: u64, path: &str, number: u64) -> Request {
    let (body, time) = (body(number), time.to_string());
    let tag = hex(&hmac_sha256(setup::STRIPE.as_bytes(), &[time.as_bytes(), b".", body.as_bytes()]));
    Request::post(path, body).with("Stripe-Signature", format!("t={time},v1={tag}"))
}

pub fn basic(path: &str, number: u64) -> Request {
    Request::post(path, body(number)).with("Authorization", format!("Basic {}", STANDARD.encode(setup::BASIC)))
}

pub fn jwt(path: &str, number: u64) -> Request {
    jwt_by(setup::JWT, "HS256", now() + 600, path, number)
}

pub fn jwt_by(secret: &str, algorithm: &str, expires: u64, path: &str, number: u64) -> Request {
    let body = body(number);
    let hash = hex(&Sha256::digest(body.as_bytes()));
    let head = URL_SAFE_NO_PAD.encode(json!({"alg": algorithm, "typ": "JWT"}).to_string());
    let claims = json!({"jti": format!("jti-{number}"), "exp": expires, "payload_hash": hash});
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    let signed = format!("{head}.{claims}");
    let tag = match algorithm {
        "none" => String::new(),
        _ => URL_SAFE_NO_PAD.encode(hmac_sha256(secret.as_bytes(), &[signed.as_bytes()])),
    };
    Request::post(path, body).with("Authorization", format!("Bearer {signed}.{tag}"))
}

pub fn rfc9421(path: &str, number: u64) -> Request {
    rfc9421_at(now(), path, number)
}

pub fn rfc9421_at(created: u64, path: &str, number: u64) -> Request {
    let body = body(number);
    let digest = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body.as_bytes())));
    let input = format!("(\"@method\" \"@authority\" \"@path\" \"content-digest\");created={created};keyid=\"soak\"");
    let base = format!(
        "\"@method\": POST\n\"@authority\": hooks.example\n\"@path\": {path}\n\"content-digest\": {digest}\n\
         \"@signature-params\": {input}"
    );
    let tag = STANDARD.encode(hmac_sha256(setup::RFC9421, &[base.as_bytes()]));
    Request::post(path, body)
        .with("Content-Digest", digest)
        .with("Signature-Input", format!("sig={input}"))
        .with("Signature", format!("sig=:{tag}:"))
}

/// The signature is a member of the body, as with SNS.
pub fn lever(path: &str, number: u64) -> Request {
    let (token, time) = (format!("evt-{number}"), now() * 1000);
    let tag = hex(&hmac_sha256(setup::LEVER.as_bytes(), &[token.as_bytes(), time.to_string().as_bytes()]));
    let body = json!({"token": token, "triggeredAt": time, "signature": tag, "event": number});
    Request::post(path, body.to_string()).with("Content-Type", "application/json")
}
