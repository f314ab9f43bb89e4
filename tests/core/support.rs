//! Builders for configurations and requests.

use std::rc::Rc;

use hookwarden::config::{self, Loaded, Policy};
use hookwarden::filter::{ActivePolicy, Context, Exchange};
use hookwarden::guard::pool::Pool;
use hookwarden::verify::primitives::timestamp::UnixTime;
use serde_json::{Value, json};

use crate::guards::memory::Shared;
pub use crate::nothing::Nothing;

/// The time in tests that do not care about it.
pub const NOW: u64 = 1_700_000_000;

/// A request as a sender makes it.
#[derive(Clone, Debug)]
pub struct Sent {
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub now: UnixTime,
}

impl Sent {
    pub fn new(method: &str, authority: &str, target: &str) -> Self {
        let pseudo = [(":method", method), (":scheme", "https"), (":authority", authority), (":path", target)];
        let headers = pseudo.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        Self { headers, body: Vec::new(), now: UnixTime::from_secs(NOW) }
    }

    pub fn post(target: &str) -> Self {
        Self::new("POST", "hooks.example.com", target)
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    pub fn at(mut self, seconds: u64) -> Self {
        self.now = UnixTime::from_secs(seconds);
        self
    }

    /// A request for `target` that GitHub signed with `secret`.
    pub fn github(target: &str, secret: &str, body: impl AsRef<[u8]>) -> Self {
        let tag = hmac_sha256(secret.as_bytes(), body.as_ref());
        Self::post(target).header("X-Hub-Signature-256", format!("sha256={}", hex::encode(tag))).body(body)
    }

    /// A request for `target` with a shared token.
    pub fn token(target: &str, token: &str) -> Self {
        Self::post(target).header("Authorization", format!("Bearer {token}"))
    }
}

/// A request under a policy without stateful guards.
pub fn begin(policy: Rc<Policy>) -> Exchange {
    Exchange::new(active(policy, &Shared::default()), Pool::default())
}

/// A policy at work, in a memory that takes everything.
pub fn active(policy: Rc<Policy>, memory: &Shared) -> Rc<ActivePolicy> {
    Rc::new(ActivePolicy::open(policy, memory).expect("there is memory"))
}

/// The name of the source that a request is for.
pub fn name(exchange: &Exchange) -> Option<&str> {
    exchange.source().map(|source| source.name.as_str())
}

/// A host that reports nothing but the time.
pub fn context(now: UnixTime) -> Context<'static> {
    Context { now, peer: &Nothing, memory: &Nothing }
}

pub fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    use hmac::{KeyInit as _, Mac as _};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// A configuration of these sources.
pub fn sources(sources: &[Value]) -> Value {
    json!({ "sources": sources })
}

/// A source with this name, path and `verify`.
pub fn source(name: &str, path: &str, verify: Value) -> Value {
    json!({ "name": name, "match": { "path": path }, "verify": verify })
}

/// A check of a provider with literal secrets, which may be short in tests.
pub fn provider(name: &str, secrets: &[&str]) -> Value {
    json!({ "provider": name, "secrets": literal(secrets) })
}

pub fn literal(secrets: &[&str]) -> Value {
    secrets.iter().map(|secret| json!({ "value": secret, "insecure_short_secret": true })).collect()
}

/// `value` with the member `name`.
pub fn with(mut value: Value, name: &str, member: Value) -> Value {
    value.as_object_mut().expect("a member goes into an object").insert(name.to_owned(), member);
    value
}

/// The policy of a configuration that must be valid, without an environment.
pub fn policy(config: &Value) -> Rc<Policy> {
    match try_load(config.to_string().as_bytes()) {
        Ok(loaded) => Rc::new(loaded.policy),
        Err(problems) => panic!("{config:#}\nis refused:\n{}", problems.join("\n")),
    }
}

/// Loads a configuration in an empty environment; problems as they are shown.
pub fn try_load(text: &[u8]) -> Result<Loaded, Vec<String>> {
    config::load(text, &|_| None).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}
