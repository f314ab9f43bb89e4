//! Keys of a sender whose requests do not name the key that signed them.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hookwarden::filter::{ActivePolicy, Context, Exchange};
use hookwarden::guard::call::Response;
use hookwarden::guard::pool::Pool;
use hookwarden::live::fetcher::Outcome;
use hookwarden::private_key::PrivateKey;
use hookwarden::step::Step;
use hookwarden::verify::primitives::public_key::PublicAlgorithm;
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::{Request, borrowed};
use serde_json::{Value, json};

use crate::delivery::Buffer;
use crate::guards::memory::Shared;
use crate::support::{NOW, Nothing, Sent, active, policy, source, sources};

const BODY: &[u8] = b"{\"id\":1}";

struct Signer(PrivateKey);

impl Signer {
    fn new(seed: u8) -> Self {
        Self(PrivateKey::random(PublicAlgorithm::Ed25519, &mut |bytes| bytes.fill(seed)).expect("a key"))
    }

    fn jwk(&self) -> Value {
        let pem = self.0.public_key();
        let der = STANDARD.decode(pem.lines().nth(1).expect("the key")).expect("base64");
        json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(&der[12..])})
    }

    fn sent(&self) -> Sent {
        let tag = self.0.sign(PublicAlgorithm::Ed25519, BODY, &mut |_| ()).expect("a signature");
        Sent::post("/hooks").header("X-Signature", hex::encode(tag)).body(BODY)
    }
}

fn config() -> Value {
    let signature = json!({"header": "X-Signature", "encoding": "hex"});
    let scheme = json!({"algorithm": "ed25519", "signature": signature, "signed": "{body}"});
    let place = json!({"cluster": "keys", "authority": "keys.example", "path": "/jwks"});
    sources(&[source("events", "/hooks", json!({"scheme": scheme, "keys": [{"jwks": place}]}))])
}

struct Proxy {
    memory: Shared,
    policy: Rc<ActivePolicy>,
}

impl Proxy {
    fn with(signer: &Signer) -> Self {
        let memory = Shared::default();
        let policy = active(policy(&config()), &memory);
        let proxy = Self { memory, policy };
        assert_eq!(proxy.calls(0), 1);
        proxy.answer(&[signer]);
        proxy
    }

    fn calls(&self, seconds: u64) -> usize {
        self.policy.fetchers().on_tick(UnixTime::from_secs(NOW + seconds), &self.memory).len()
    }

    fn answer(&self, set: &[&Signer]) {
        let body = json!({"keys": set.iter().map(|signer| signer.jwk()).collect::<Vec<_>>()}).to_string();
        let response = Some(Response { status: 200, body: body.as_bytes() });
        let accepts = |body: &[u8]| self.policy.accepts(0, body);
        assert_eq!(self.policy.fetchers().on_answer(0, response, &accepts, &self.memory), Outcome::Fetched);
    }

    fn code(&self, sent: &Sent, seconds: u64) -> &'static str {
        let now = UnixTime::from_secs(NOW + seconds);
        let context = Context { now, peer: &Nothing, memory: &self.memory };
        let mut exchange = Exchange::new(Rc::clone(&self.policy), Pool::default());
        let mut step = exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context);
        if step == Step::Hold {
            step = exchange.on_body(&Buffer { bytes: &sent.body, len: sent.body.len() }, true, &context);
        }
        match &step {
            Step::Deny(record) => record.denial().map_or("?", |denial| denial.code()),
            Step::Continue(_) => "passed",
            _ => "?",
        }
    }
}

#[test]
fn a_signature_that_no_key_verifies_has_the_keys_fetched_and_is_asked_for_again() {
    let (old, new) = (Signer::new(1), Signer::new(2));
    let proxy = Proxy::with(&old);
    assert_eq!(proxy.code(&old.sent(), 1), "passed");
    assert_eq!(proxy.code(&new.sent(), 1), "key_unavailable");
    assert_eq!(proxy.code(&old.sent(), 1), "passed");
    assert_eq!(proxy.calls(1), 1);
    assert_eq!(proxy.code(&new.sent(), 2), "key_unavailable");
    proxy.answer(&[&old, &new]);
    for signer in [&old, &new] {
        assert_eq!(proxy.code(&signer.sent(), 3), "passed");
    }
    // Now it is known that nobody else is the sender.
    assert_eq!(proxy.code(&Signer::new(3).sent(), 3), "signature_mismatch");
    assert_eq!(proxy.calls(3), 0);
}

#[test]
fn strangers_have_the_keys_fetched_once_a_minute() {
    let (old, stranger) = (Signer::new(1), Signer::new(9));
    let proxy = Proxy::with(&old);
    let mut calls = 0;
    for second in 1..=600 {
        for _ in 0..10 {
            let code = proxy.code(&stranger.sent(), second);
            assert!(matches!(code, "signature_mismatch" | "key_unavailable"), "{code}");
        }
        if proxy.calls(second) > 0 {
            calls += 1;
            proxy.answer(&[&old]);
        }
        assert_eq!(proxy.code(&stranger.sent(), second), "signature_mismatch", "{second}");
        assert_eq!(proxy.code(&old.sent(), second), "passed");
    }
    assert_eq!(calls, 10);
}

#[test]
fn while_the_key_server_is_down_a_wrong_signature_is_one() {
    let (old, stranger) = (Signer::new(1), Signer::new(9));
    let proxy = Proxy::with(&old);
    assert_eq!(proxy.code(&stranger.sent(), 1), "key_unavailable");
    assert_eq!(proxy.calls(1), 1);
    proxy.policy.fetchers().on_answer(0, None, &|_| true, &proxy.memory);
    assert_eq!(proxy.code(&stranger.sent(), 2), "signature_mismatch");
    assert_eq!(proxy.code(&old.sent(), 2), "passed");
}

#[test]
fn a_request_of_the_wrong_form_asks_for_no_keys() {
    let proxy = Proxy::with(&Signer::new(1));
    for tag in ["zz", ""] {
        let code = proxy.code(&Sent::post("/hooks").header("X-Signature", tag).body(BODY), 1);
        assert!(matches!(code, "signature_malformed" | "signature_missing"), "{tag}: {code}");
    }
    assert_eq!(proxy.calls(1), 0);
}
