//! Keys that a sender hands out one by one, each for its id: Plaid's.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookwarden::filter::{ActivePolicy, Context, Exchange};
use hookwarden::guard::call::{Call, Response};
use hookwarden::guard::pool::Pool;
use hookwarden::live::fetcher::Failure;
use hookwarden::step::Step;
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::{Request, borrowed};
use serde_json::{Value, json};

use crate::delivery::Buffer;
use crate::guards::memory::Shared;
use crate::plaid::{BODY, Signer, UNKNOWN};
use crate::support::{NOW, Nothing, Sent, active, policy, source, sources, try_load};

/// The most that may be remembered of 16 ids and one key, in bytes.
const REMEMBERED: usize = 4096;

impl Signer {
    /// An event at `seconds` under the id `kid`.
    fn sent_as(&self, kid: &Value, seconds: u64) -> Sent {
        Sent::post("/hooks").header("Plaid-Verification", self.token(kid, NOW + seconds)).body(BODY)
    }

    fn sent(&self, seconds: u64) -> Sent {
        self.sent_as(&json!(self.id), seconds)
    }
}

fn config(jwk: Value) -> Value {
    sources(&[source("plaid", "/hooks", json!({"provider": "plaid", "keys": [{"jwk": jwk}]}))])
}

/// A proxy with Plaid's events.
struct Proxy {
    memory: Shared,
    pool: Pool,
    policy: Rc<ActivePolicy>,
}

impl Proxy {
    fn new() -> Self {
        Self::of(&config(json!({"cluster": "plaid-keys"})))
    }

    fn of(config: &Value) -> Self {
        let memory = Shared::default();
        let policy = active(policy(config), &memory);
        Self { memory, pool: Pool::default(), policy }
    }

    fn moment(&self, seconds: u64) -> Context<'_> {
        Context { now: UnixTime::from_secs(NOW + seconds), peer: &Nothing, memory: &self.memory }
    }

    /// The step after a whole request.
    fn send(&self, sent: &Sent, seconds: u64) -> (Exchange, Step) {
        let mut exchange = Exchange::new(Rc::clone(&self.policy), self.pool.clone());
        let moment = self.moment(seconds);
        let head = exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &moment);
        let step = if head == Step::Hold { exchange.on_body(&whole(), true, &moment) } else { head };
        (exchange, step)
    }

    fn code(&self, sent: &Sent, seconds: u64) -> &'static str {
        code(&self.send(sent, seconds).1)
    }

    /// The calls of a tick.
    fn calls(&self, seconds: u64) -> Vec<Call> {
        let calls = self.policy.named_key_calls(UnixTime::from_secs(NOW + seconds), &self.memory);
        calls.into_iter().map(|(_, call)| call).collect()
    }

    fn answer(&self, status: u16, body: &str, seconds: u64) -> Option<Failure> {
        let response = Some(Response { status, body: body.as_bytes() });
        self.policy.on_named_key(0, response, &self.moment(seconds))
    }

    /// Has the key of a signer fetched.
    fn fetch(&self, signer: &Signer, seconds: u64) {
        let (mut exchange, step) = self.send(&signer.sent(seconds), seconds);
        assert_eq!(code(&step), "held");
        assert_eq!(self.calls(seconds).len(), 1);
        assert_eq!(self.answer(200, &signer.answer(Value::Null), seconds), None);
        assert_eq!(code(&exchange.on_tick(&whole(), false, &self.moment(seconds))), "passed");
    }
}

fn whole() -> Buffer<'static> {
    Buffer { bytes: BODY.as_bytes(), len: BODY.len() }
}

fn code(step: &Step) -> &'static str {
    match step {
        Step::Deny(record) => record.denial().map_or("?", |denial| denial.code()),
        Step::Continue(_) => "passed",
        Step::Hold => "held",
        _ => "?",
    }
}

fn header<'a>(call: &'a Call, name: &str) -> &'a str {
    let found = call.headers.iter().find(|(own, _)| own == name);
    found.map_or("", |(_, value)| std::str::from_utf8(value).expect("text"))
}

#[test]
fn an_event_waits_for_the_key_that_it_names() {
    let proxy = Proxy::new();
    let signer = Signer::new("bfbd5111-8e33-4643-8ced-b2e642a72f3c", 1);
    let (mut exchange, step) = proxy.send(&signer.sent(0), 0);
    assert_eq!((code(&step), exchange.awaits_key()), ("held", true));
    let calls = proxy.calls(0);
    let [call] = calls.as_slice() else { panic!("one call: {calls:?}") };
    assert_eq!(call.cluster, "plaid-keys");
    for (name, value) in [
        (":method", "POST"),
        (":path", "/webhook_verification_key/get"),
        (":authority", "production.plaid.com"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(header(call, name), value);
    }
    assert_eq!(
        std::str::from_utf8(&call.body).expect("text"),
        r#"{"key_id":"bfbd5111-8e33-4643-8ced-b2e642a72f3c"}"#,
        "the credentials are the cluster's"
    );
    assert_eq!(proxy.answer(200, &signer.answer(Value::Null), 1), None);
    assert_eq!(code(&exchange.on_tick(&whole(), false, &proxy.moment(1))), "passed");
    assert_eq!(proxy.code(&signer.sent(2), 2), "passed");
    assert!(proxy.calls(2).is_empty(), "a known key is fetched again");
    assert_eq!(proxy.pool.held(), 0);
}

#[test]
fn the_sandbox_is_chosen_by_its_host_and_no_other_host_is() {
    let proxy = Proxy::of(&config(json!({"cluster": "plaid-keys", "authority": "sandbox.plaid.com"})));
    proxy.send(&Signer::new("a", 1).sent(0), 0);
    assert_eq!(header(&proxy.calls(0)[0], ":authority"), "sandbox.plaid.com");
    for authority in ["plaid.com", "production.plaid.com:443", "production.plaid.com.evil.example", ""] {
        let config = config(json!({"cluster": "plaid-keys", "authority": authority}));
        assert!(try_load(config.to_string().as_bytes()).is_err(), "{authority}");
    }
}

#[test]
fn a_key_whose_end_is_set_verifies_nothing_wherever_that_is() {
    for expired_at in [json!(1), json!(NOW - 1), json!(NOW + 86_400), json!("2030-01-01"), json!(0), json!(false)] {
        let proxy = Proxy::new();
        let signer = Signer::new("old", 1);
        let (mut exchange, _) = proxy.send(&signer.sent(0), 0);
        assert_eq!(proxy.calls(0).len(), 1);
        assert_eq!(proxy.answer(200, &signer.answer(expired_at.clone()), 0), None, "{expired_at}");
        assert_eq!(code(&exchange.on_tick(&whole(), false, &proxy.moment(0))), "key_unknown", "{expired_at}");
        assert_eq!(proxy.code(&signer.sent(1), 1), "key_unknown");
    }
}

#[test]
fn a_key_that_expires_while_it_is_in_use_ends_with_the_next_fetch() {
    let proxy = Proxy::new();
    let signer = Signer::new("old", 1);
    proxy.fetch(&signer, 0);
    assert!(proxy.calls(3599).is_empty());
    assert_eq!(proxy.calls(3600).len(), 1);
    assert_eq!(proxy.answer(200, &signer.answer(json!(NOW + 3000)), 3600), None);
    assert_eq!(proxy.code(&signer.sent(3601), 3601), "key_unknown");
    // A refusal of the sender's ends it as well, and nobody else's does.
    let proxy = Proxy::new();
    proxy.fetch(&signer, 0);
    for (number, (status, body, failure)) in [
        (400, r#"{"error_code": "INVALID_API_KEYS"}"#, Failure::Status(400)),
        (400, "{}", Failure::Status(400)),
        (400, "", Failure::Status(400)),
        (404, "", Failure::Status(404)),
        (429, UNKNOWN, Failure::Status(429)),
        (302, UNKNOWN, Failure::Status(302)),
        (200, UNKNOWN, Failure::Unusable),
        (200, "", Failure::Empty),
    ]
    .into_iter()
    .enumerate()
    {
        let now = 3600 + 10 * number as u64;
        assert_eq!(proxy.calls(now).len(), 1, "{status} {body}");
        assert_eq!(proxy.answer(status, body, now), Some(failure), "{status} {body}");
        assert_eq!(proxy.code(&signer.sent(now), now), "passed", "{status} {body}");
    }
    assert_eq!(proxy.calls(4000).len(), 1);
    assert_eq!(proxy.answer(400, UNKNOWN, 4000), None);
    assert_eq!(proxy.code(&signer.sent(4001), 4001), "key_unknown");
}

#[test]
fn a_key_that_cannot_be_confirmed_is_used_up_to_its_age() {
    let proxy = Proxy::new();
    let signer = Signer::new("key", 1);
    proxy.fetch(&signer, 0);
    assert!(!proxy.calls(86_400).is_empty());
    assert_eq!(proxy.policy.on_named_key(0, None, &proxy.moment(86_400)), Some(Failure::NoAnswer));
    assert_eq!(proxy.code(&signer.sent(86_400), 86_400), "passed");
    proxy.calls(86_401);
    assert_eq!(proxy.code(&signer.sent(86_401), 86_401), "held");
}

#[test]
fn an_answer_that_is_not_the_key_of_that_id_is_no_key() {
    let signer = Signer::new("right", 1);
    let good = signer.answer(Value::Null);
    let altered = |change: &dyn Fn(&mut Value)| {
        let mut json: Value = serde_json::from_str(&good).expect("JSON");
        change(&mut json);
        json.to_string()
    };
    let wrong = [
        Signer::new("other", 1).answer(Value::Null),
        altered(&|json| json["key"]["kid"] = json!(7)),
        altered(&|json| drop(json["key"].as_object_mut().unwrap().remove("kid"))),
        altered(&|json| json["key"]["d"] = json!("AAAA")),
        altered(&|json| json["key"]["use"] = json!("enc")),
        altered(&|json| json["key"]["crv"] = json!("P-384")),
        altered(&|json| json["key"]["kty"] = json!("oct")),
        altered(&|json| json["key"]["x"] = json!("AAAA")),
        altered(&|json| json["key"] = json!([json["key"]])),
        altered(&|json| *json = json["key"].take()),
        good.replacen("\"kid\"", "\"kid\":\"other\",\"kid\"", 1),
        good.replacen("\"expired_at\"", "\"expired_at\":null,\"expired_at\"", 1),
        good[..good.len() - 1].to_owned(),
        format!("{good}{}", " ".repeat(10_000)),
        "<html>".to_owned(),
    ];
    for body in wrong {
        let proxy = Proxy::new();
        let (mut exchange, _) = proxy.send(&signer.sent(0), 0);
        assert_eq!(proxy.calls(0).len(), 1);
        assert!(proxy.answer(200, &body, 0).is_some(), "{body}");
        assert_eq!(code(&exchange.on_tick(&whole(), false, &proxy.moment(0))), "key_unavailable", "{body}");
    }
}

#[test]
fn an_id_that_is_no_plain_word_is_never_asked_for() {
    let proxy = Proxy::new();
    let signer = Signer::new("key", 1);
    let long = "a".repeat(129);
    let ids = ["", "a\"b", "a\\", "a\nb", "a b", "a/b", "../a", "{id}", "ä", "a\u{0}", long.as_str()];
    for id in ids {
        assert_eq!(proxy.code(&signer.sent_as(&json!(id), 0), 0), "key_unknown", "{id:?}");
    }
    for id in [json!(["a"]), json!({"a": 1})] {
        assert_eq!(proxy.code(&signer.sent_as(&id, 0), 0), "key_unknown", "{id}");
    }
    assert!(proxy.calls(0).is_empty());
    // The longest one that is asked for.
    assert_eq!(proxy.code(&signer.sent_as(&json!("a".repeat(128)), 0), 0), "held");
    assert_eq!(proxy.calls(0).len(), 1);
}

#[test]
fn a_token_without_an_id_asks_for_nothing() {
    let proxy = Proxy::new();
    let signer = Signer::new("key", 1);
    assert_eq!(proxy.code(&signer.sent_as(&Value::Null, 0), 0), "key_unknown");
    assert!(proxy.calls(0).is_empty());
    // It may have been signed with a key that is here: then it is the sender's.
    proxy.fetch(&signer, 1);
    assert_eq!(proxy.code(&Signer::new("other", 2).sent_as(&Value::Null, 2), 2), "signature_mismatch");
}

#[test]
fn ten_thousand_unknown_ids_cost_a_call_in_ten_seconds_and_no_memory() {
    let proxy = Proxy::new();
    let signer = Signer::new("key", 1);
    proxy.fetch(&signer, 0);
    let (mut calls, mut waits) = (0, 0);
    let mut waiting = Vec::new();
    for number in 0..10_000_u64 {
        let seconds = 10 + number / 100;
        let (exchange, step) = proxy.send(&signer.sent_as(&json!(format!("stranger-{number}")), seconds), seconds);
        match code(&step) {
            "held" => {
                waits += 1;
                waiting.push(exchange);
            }
            code => assert_eq!(code, "key_unavailable"),
        }
        if number % 50 == 0 && !proxy.calls(seconds).is_empty() {
            calls += 1;
            assert_eq!(proxy.answer(400, UNKNOWN, seconds), None);
            for mut exchange in waiting.drain(..) {
                assert_eq!(code(&exchange.on_tick(&whole(), false, &proxy.moment(seconds))), "key_unknown");
            }
        }
    }
    assert_eq!((calls, waits, waiting.len()), (10, 10, 0));
    assert_eq!(proxy.code(&signer.sent(111), 111), "passed", "the key that is used was displaced");
    let shared: usize = proxy.memory.dump().iter().map(|(key, value)| key.len() + value.len()).sum();
    assert!(shared < REMEMBERED, "{shared} bytes are remembered");
    assert_eq!(proxy.pool.held(), 0);
}

#[test]
fn an_event_of_the_wrong_form_asks_for_no_key() {
    let proxy = Proxy::new();
    let signer = Signer::new("key", 1);
    let token = String::from_utf8(signer.sent(0).headers.pop().expect("the token").1).expect("text");
    let other = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"key"}"#);
    let rest = token.split_once('.').expect("a token").1;
    for token in [format!("{other}.{rest}"), format!("{token}.x"), String::new()] {
        let sent = Sent::post("/hooks").header("Plaid-Verification", token).body(BODY);
        assert!(!matches!(proxy.code(&sent, 0), "held" | "passed"));
    }
    assert!(proxy.calls(0).is_empty());
}
