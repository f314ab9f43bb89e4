//! Keys that senders publish: their documents, the certificates that requests name, and requests that wait for a key.

use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookwarden::filter::{ActivePolicy, Context, Exchange};
use hookwarden::guard::call::Response;
use hookwarden::guard::pool::Pool;
use hookwarden::live::fetcher::{Failure, Outcome};
use hookwarden::live::named_key_rule::{IdIn, NamedKeyRule};
use hookwarden::live::named_keys::{Known, NamedKeys};
use hookwarden::live::place::{Place, Taken, User};
use hookwarden::private_key::PrivateKey;
use hookwarden::step::Step;
use hookwarden::verify::key::key_answer::{KeyAnswer, Reading};
use hookwarden::verify::key::key_id::IdForm;
use hookwarden::verify::key::key_set::{self, PublishedKey};
use hookwarden::verify::key::secret::Validity;
use hookwarden::verify::primitives::public_key::PublicAlgorithm;
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::{Request, borrowed};
use serde_json::{Value, json};

use crate::delivery::Buffer;
use crate::guards::memory::Shared;
use crate::public_key::P256_CERTIFICATE_V3;
use crate::support::{NOW, Nothing, Sent, policy, source, sources, with};

/// A request that waits takes at least this much of the pool, in bytes.
const HELD: usize = 1024;

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(NOW + seconds)
}

fn ids(set: &Value) -> Option<Vec<Option<String>>> {
    let keys = key_set::read_jwks(set.to_string().as_bytes())?;
    Some(keys.into_iter().map(|key| key.id).collect())
}

#[test]
fn entries_that_are_no_public_key_for_signatures_are_passed_over() {
    let good = json!({"kty": "OKP", "crv": "Ed25519", "kid": "good", "x": "AAAA", "x5c": ["MII="], "x5t#S256": "a/b"});
    let member = |name: &str, value: Value| {
        let mut entry = good.clone();
        entry[name] = value;
        entry
    };
    let refused = [
        json!("text"),
        member("kid", json!(7)),
        member("kid", json!("")),
        member("kid", json!("x".repeat(257))),
        member("d", json!("AAAA")),
        member("k", json!("AAAA")),
        member("key_ops", json!(["sign"])),
        member("x", json!("AA\"AA")),
        member("kty", json!(["OKP"])),
    ];
    let mut keys = vec![good.clone(), member("key_ops", json!(["verify"]))];
    keys.extend(refused);
    assert_eq!(ids(&json!({"keys": keys})), Some(vec![Some("good".to_owned()); 2]));
    let mut nameless = good.clone();
    nameless.as_object_mut().unwrap().remove("kid");
    assert_eq!(ids(&json!({"keys": [nameless]})), Some(vec![None]));
}

#[test]
fn what_is_no_key_set_has_no_keys() {
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"});
    assert_eq!(ids(&json!({"keys": vec![key.clone(); 64]})).map(|keys| keys.len()), Some(64));
    for set in [json!({"keys": vec![key.clone(); 65]}), json!({"keys": {}}), json!([key]), json!({"jwks": [key]})] {
        assert_eq!(ids(&set), None, "{set}");
    }
    for text in ["", "{", "{\"keys\":[],\"keys\":[]}", "<html>", "{\"keys\":[{\"kid\":\"a\",\"kid\":\"b\"}]}"] {
        assert!(key_set::read_jwks(text.as_bytes()).is_none(), "{text}");
    }
}

#[test]
fn a_certificate_may_be_used_between_its_dates() {
    let pem = format!("-----BEGIN CERTIFICATE-----\n{P256_CERTIFICATE_V3}\n-----END CERTIFICATE-----\n");
    let key = key_set::read_certificate("a", pem.as_bytes()).expect("a certificate");
    // openssl x509 -dates: Nov 21 23:49:16 2026 to Nov 22 23:49:16 2026.
    let (from, until) = (1_795_304_956_000, 1_795_391_356_999);
    let times = [(from - 1, false), (from, true), (until, true), (until + 1, false)];
    for (millis, is_valid) in times {
        assert_eq!(key.validity.contains(UnixTime::from_millis(millis)), is_valid, "{millis}");
    }
    for text in [
        pem.replace("CERTIFICATE", "PUBLIC KEY"),
        pem.replacen("MIIB", "MIIC", 1),
        P256_CERTIFICATE_V3.to_owned(),
        String::new(),
    ] {
        assert!(key_set::read_certificate("a", text.as_bytes()).is_none(), "{text}");
    }
    assert!(key_set::read_certificate("a", b"\xff").is_none());
}

fn rule() -> NamedKeyRule {
    let place = Place {
        cluster: "sns".to_owned(),
        authority: "sns.example".to_owned(),
        path: "/certificate-".to_owned(),
        taken: Taken::Body,
        headers: Vec::new(),
        timeout: Duration::from_secs(5),
        refresh: Duration::from_secs(3600),
        max_age: Duration::from_secs(86_400),
        max_bytes: 16,
    };
    let user = User { source: "source".to_owned(), id: "x509".to_owned() };
    let (id_in, form, answer) = (IdIn::Path(".pem".to_owned()), IdForm::Word, KeyAnswer::Certificate);
    NamedKeyRule { place: Rc::new(place), id_in, form, answer, user }
}

fn answer(certificates: &NamedKeys, memory: &Shared, status: u16, body: &[u8]) -> Option<Failure> {
    let read = |id: &str, body: &[u8]| match body.starts_with(b"good") {
        true => {
            Reading::Key(PublishedKey { id: Some(id.to_owned()), text: String::new(), validity: Validity::default() })
        }
        false => Reading::Nothing,
    };
    certificates.on_answer(Some(Response { status, body }), &read, memory)
}

#[test]
fn a_certificate_is_looked_up_once_for_all_threads() {
    let memory = Shared::default();
    let open = || NamedKeys::open(&rule(), &memory).expect("memory is there");
    let (one, other) = (open(), open());
    assert!(one.on_tick(at(0), &memory).is_none(), "nobody has asked");
    assert_eq!([one.ask("a", at(0), &memory), other.ask("a", at(0), &memory)], [Known::Coming; 2]);
    let call = one.on_tick(at(0), &memory).expect("a call");
    let path = call.headers.iter().find(|(name, _)| name == ":path").map(|(_, value)| value.as_slice());
    assert_eq!(path, Some(b"/certificate-a.pem".as_slice()));
    assert!(other.on_tick(at(0), &memory).is_none(), "both threads call");
    assert_eq!(answer(&one, &memory, 200, b"good a"), None);
    other.synchronise(&memory);
    for certificates in [&one, &other, &open()] {
        assert_eq!(certificates.all().len(), 1);
        assert_eq!((certificates.all()[0].0.as_str(), &*certificates.all()[0].1), ("a", b"good a".as_slice()));
    }
    assert_eq!(one.version(), other.version());
}

#[test]
fn strangers_have_one_id_looked_up_in_ten_seconds_whatever_they_name() {
    let memory = Shared::default();
    let certificates = NamedKeys::open(&rule(), &memory).expect("memory is there");
    let mut calls = 0;
    for second in 0..600 {
        for number in 0..20 {
            certificates.ask(&format!("stranger-{second}-{number}"), at(second), &memory);
        }
        if certificates.on_tick(at(second), &memory).is_some() {
            calls += 1;
            assert_eq!(answer(&certificates, &memory, 404, b""), None);
        }
    }
    assert_eq!(calls, 60);
    let shared: usize = memory.dump().iter().map(|(key, value)| key.len() + value.len()).sum();
    assert!(shared < 2048, "{shared} bytes are remembered");
}

#[test]
fn strangers_do_not_displace_a_certificate_that_is_used() {
    let memory = Shared::default();
    let certificates = NamedKeys::open(&rule(), &memory).expect("memory is there");
    certificates.ask("a", at(0), &memory);
    certificates.on_tick(at(0), &memory).expect("a call");
    answer(&certificates, &memory, 200, b"good a");
    for number in 0..100 {
        let now = at(10 * (number + 1));
        certificates.ask(&format!("stranger-{number}"), now, &memory);
        certificates.on_tick(now, &memory).expect("a call");
        answer(&certificates, &memory, 404, b"");
    }
    assert_eq!(certificates.all().len(), 1);
}

#[test]
fn only_the_senders_own_word_ends_a_certificate_before_its_age_does() {
    let memory = Shared::default();
    let certificates = NamedKeys::open(&rule(), &memory).expect("memory is there");
    certificates.ask("a", at(0), &memory);
    certificates.on_tick(at(0), &memory).expect("a call");
    answer(&certificates, &memory, 200, b"good a");
    let version = certificates.version();
    for (number, (status, body, failure)) in [
        (500, b"".as_slice(), Failure::Status(500)),
        (403, b"", Failure::Status(403)),
        (302, b"good b", Failure::Status(302)),
        (200, b"", Failure::Empty),
        (200, b"bad", Failure::Unusable),
        (200, b"good but too long", Failure::TooLarge),
    ]
    .into_iter()
    .enumerate()
    {
        let now = at(3600 + 10 * number as u64);
        assert!(certificates.on_tick(now, &memory).is_some(), "{status}: no call");
        assert_eq!(answer(&certificates, &memory, status, body), Some(failure));
        assert_eq!((certificates.all().len(), certificates.version()), (1, version), "{status}");
    }
    // An attempt that is never answered is taken over.
    assert!(certificates.on_tick(at(4000), &memory).is_some());
    let other = NamedKeys::open(&rule(), &memory).expect("memory is there");
    assert!(other.on_tick(at(4003), &memory).is_none());
    assert!(other.on_tick(at(4010), &memory).is_some());
    assert_eq!(answer(&certificates, &memory, 404, b""), None, "a late answer is not heard");
    certificates.synchronise(&memory);
    assert_eq!(certificates.all().len(), 1);
    assert_eq!(answer(&other, &memory, 404, b""), None);
    assert_eq!(other.all().len(), 0);
    assert_eq!(other.ask("a", at(4020), &memory), Known::Absent);
}

#[test]
fn a_certificate_that_cannot_be_confirmed_is_used_up_to_its_age() {
    let memory = Shared::default();
    let certificates = NamedKeys::open(&rule(), &memory).expect("memory is there");
    certificates.ask("a", at(0), &memory);
    certificates.on_tick(at(0), &memory).expect("a call");
    answer(&certificates, &memory, 200, b"good a");
    let version = certificates.version();
    certificates.on_tick(at(86_400), &memory).expect("a call");
    assert_eq!(certificates.on_answer(None, &|_, _| Reading::Nothing, &memory), Some(Failure::NoAnswer));
    assert_eq!(certificates.all().len(), 1);
    certificates.on_tick(at(86_401), &memory);
    assert_eq!(certificates.all().len(), 0);
    assert_ne!(certificates.version(), version);
}

/// A sender with Ed25519 keys.
struct Signer(&'static str, PrivateKey);

impl Signer {
    fn new(id: &'static str, seed: u8) -> Self {
        let key = PrivateKey::random(PublicAlgorithm::Ed25519, &mut |bytes| bytes.fill(seed));
        Self(id, key.expect("a key"))
    }

    fn jwk(&self) -> Value {
        let pem = self.1.public_key();
        let line = pem.lines().nth(1).expect("the key");
        let der = base64::engine::general_purpose::STANDARD.decode(line).expect("base64");
        json!({"kty": "OKP", "crv": "Ed25519", "kid": self.0, "x": URL_SAFE_NO_PAD.encode(&der[12..])})
    }

    fn sent(&self) -> Sent {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let claims = json!({"iat": NOW, "exp": NOW + 3600});
        let signed = format!("{}.{}", part(&json!({"alg": "EdDSA", "kid": self.0})), part(&claims));
        let tag = self.1.sign(PublicAlgorithm::Ed25519, signed.as_bytes(), &mut |_| ()).expect("a signature");
        Sent::post("/hooks").header("Authorization", format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(tag)))
    }
}

fn config() -> Value {
    let scheme = json!({"jwt": {"at": "header:Authorization", "prefix": "Bearer ", "algorithms": ["EdDSA"]}});
    let place = json!({"cluster": "keys", "authority": "keys.example", "path": "/jwks"});
    source("events", "/hooks", json!({"scheme": scheme, "keys": [{"jwks": place}]}))
}

/// A policy at work whose key set was fetched at this time.
fn started(config: &Value, memory: &Shared, set: &[&Signer], seconds: u64) -> Rc<ActivePolicy> {
    let active = Rc::new(ActivePolicy::open(policy(&sources(std::slice::from_ref(config))), memory).expect("memory"));
    fetch(&active, memory, set, seconds);
    active
}

fn fetch(active: &ActivePolicy, memory: &Shared, set: &[&Signer], seconds: u64) {
    let body = json!({"keys": set.iter().map(|signer| signer.jwk()).collect::<Vec<_>>()}).to_string();
    assert_eq!(active.fetchers().on_tick(at(seconds), memory).len(), 1, "no call is due");
    let response = Some(Response { status: 200, body: body.as_bytes() });
    let outcome = active.fetchers().on_answer(0, response, &|body| active.accepts(0, body), memory);
    assert_eq!(outcome, Outcome::Fetched);
}

fn moment(memory: &Shared, seconds: u64) -> Context<'_> {
    Context { now: at(seconds), peer: &Nothing, memory }
}

/// The step after a request without a body.
fn begin(active: &Rc<ActivePolicy>, pool: &Pool, sent: &Sent, moment: &Context<'_>) -> (Exchange, Step) {
    let mut exchange = Exchange::new(Rc::clone(active), pool.clone());
    let step = exchange.on_headers(Request::new(&borrowed(&sent.headers)), true, moment);
    (exchange, step)
}

fn code(step: &Step) -> &'static str {
    match step {
        Step::Deny(record) => record.denial().map_or("?", |denial| denial.code()),
        Step::Continue(_) => "passed",
        Step::Hold => "held",
        _ => "?",
    }
}

const NO_BODY: Buffer<'_> = Buffer { bytes: b"", len: 0 };

#[test]
fn a_request_that_names_a_key_which_is_published_meanwhile_passes() {
    let (memory, pool) = (Shared::default(), Pool::default());
    let (old, new) = (Signer::new("old", 1), Signer::new("new", 2));
    let active = started(&config(), &memory, &[&old], 0);
    assert_eq!(code(&begin(&active, &pool, &old.sent(), &moment(&memory, 1)).1), "passed");
    let (mut exchange, step) = begin(&active, &pool, &new.sent(), &moment(&memory, 1));
    assert_eq!((code(&step), exchange.awaits_key()), ("held", true));
    assert!(exchange.awaits_end(), "its end must be noticed");
    assert!(pool.held() >= HELD, "it is not counted");
    assert_eq!(code(&exchange.on_tick(&NO_BODY, false, &moment(&memory, 1))), "held");
    // Those that name a key which is here do not wait.
    assert_eq!(code(&begin(&active, &pool, &old.sent(), &moment(&memory, 1)).1), "passed");
    fetch(&active, &memory, &[&new], 1);
    assert_eq!(code(&exchange.on_tick(&NO_BODY, false, &moment(&memory, 2))), "passed");
    assert_eq!(pool.held(), 0);
    // The key that is gone verifies nothing.
    assert_eq!(code(&begin(&active, &pool, &old.sent(), &moment(&memory, 2)).1), "key_unknown");
}

#[test]
fn a_key_that_no_fetch_brings_is_unknown_and_one_that_cannot_be_fetched_is_unavailable() {
    let (memory, pool) = (Shared::default(), Pool::default());
    let (old, new) = (Signer::new("old", 1), Signer::new("new", 2));
    let active = started(&config(), &memory, &[&old], 0);
    let (mut exchange, _) = begin(&active, &pool, &new.sent(), &moment(&memory, 1));
    fetch(&active, &memory, &[&old], 1);
    assert_eq!(code(&exchange.on_tick(&NO_BODY, false, &moment(&memory, 2))), "key_unknown");
    for _ in 0..100 {
        assert_eq!(code(&begin(&active, &pool, &new.sent(), &moment(&memory, 30)).1), "key_unknown");
    }
    assert!(active.fetchers().on_tick(at(30), &memory).is_empty(), "a second fetch in the same minute");

    // A minute later there is another one, which fails.
    let (mut exchange, step) = begin(&active, &pool, &new.sent(), &moment(&memory, 62));
    assert_eq!(code(&step), "held");
    assert_eq!(active.fetchers().on_tick(at(62), &memory).len(), 1);
    assert_eq!(code(&exchange.on_tick(&NO_BODY, false, &moment(&memory, 63))), "held");
    active.fetchers().on_answer(0, Some(Response { status: 500, body: b"" }), &|_| true, &memory);
    assert_eq!(code(&exchange.on_tick(&NO_BODY, false, &moment(&memory, 63))), "key_unavailable");
    assert_eq!(code(&begin(&active, &pool, &new.sent(), &moment(&memory, 64)).1), "key_unavailable");
    assert_eq!(code(&begin(&active, &pool, &old.sent(), &moment(&memory, 64)).1), "passed");
}

#[test]
fn nobody_waits_for_ever() {
    let (memory, pool) = (Shared::default(), Pool::default());
    let (old, new) = (Signer::new("old", 1), Signer::new("new", 2));
    let active = started(&config(), &memory, &[&old], 0);
    let (mut exchange, _) = begin(&active, &pool, &new.sent(), &moment(&memory, 1));
    assert_eq!(active.fetchers().on_tick(at(1), &memory).len(), 1);
    assert_eq!(code(&exchange.on_tick(&NO_BODY, false, &moment(&memory, 5))), "held");
    assert_eq!(code(&exchange.on_tick(&NO_BODY, false, &moment(&memory, 6))), "key_unavailable");
    // Nor if the adapter says that it has waited enough.
    let (mut exchange, _) = begin(&active, &pool, &new.sent(), &moment(&memory, 6));
    assert_eq!(code(&exchange.on_tick(&NO_BODY, true, &moment(&memory, 6))), "key_unavailable");
    assert_eq!(pool.held(), 0);
}

#[test]
fn without_any_keys_every_request_is_asked_to_come_again() {
    let (memory, pool) = (Shared::default(), Pool::default());
    let signer = Signer::new("old", 1);
    let active = Rc::new(ActivePolicy::open(policy(&sources(&[config()])), &memory).expect("memory"));
    let (mut exchange, step) = begin(&active, &pool, &signer.sent(), &moment(&memory, 0));
    assert_eq!(code(&step), "held");
    active.fetchers().on_tick(at(0), &memory);
    active.fetchers().on_answer(0, None, &|_| true, &memory);
    assert_eq!(code(&exchange.on_tick(&NO_BODY, false, &moment(&memory, 0))), "key_unavailable");
    assert_eq!(code(&begin(&active, &pool, &signer.sent(), &moment(&memory, 0)).1), "key_unavailable");
    // The age of the last good ones ends in the same way.
    let active = started(&config(), &memory, &[&signer], 2);
    assert_eq!(code(&begin(&active, &pool, &signer.sent(), &moment(&memory, 3000)).1), "passed");
    assert_ne!(code(&begin(&active, &pool, &signer.sent(), &moment(&memory, 2 + 86_401)).1), "passed");
}

#[test]
fn a_request_of_the_wrong_form_asks_for_no_key() {
    let (memory, pool) = (Shared::default(), Pool::default());
    let (old, new) = (Signer::new("old", 1), Signer::new("new", 2));
    let active = started(&config(), &memory, &[&old], 0);
    let token = new.sent().headers.pop().expect("the token").1;
    let wrong = [
        (b"Bearer e30.e30.AAAA".to_vec(), "token_malformed"),
        ([token.as_slice(), b".x"].concat(), "token_malformed"),
        ([token.as_slice(), b"!"].concat(), "token_malformed"),
        (b"Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6Im5ldyJ9.e30.AAAA".to_vec(), "token_algorithm"),
        (b"Bearer eyJhbGciOiJub25lIiwia2lkIjoibmV3In0.e30.".to_vec(), "token_algorithm"),
    ];
    for (token, expected) in wrong {
        let sent = Sent::post("/hooks").header("Authorization", token);
        assert_eq!(code(&begin(&active, &pool, &sent, &moment(&memory, 1)).1), expected);
    }
    assert!(active.fetchers().on_tick(at(1), &memory).is_empty(), "a fetch was asked for");
}

#[test]
fn a_source_that_observes_waits_for_no_key() {
    let (memory, pool) = (Shared::default(), Pool::default());
    let (old, new) = (Signer::new("old", 1), Signer::new("new", 2));
    let active = started(&with(config(), "mode", json!("observe")), &memory, &[&old], 0);
    let (exchange, step) = begin(&active, &pool, &new.sent(), &moment(&memory, 1));
    assert_eq!((code(&step), exchange.awaits_key()), ("passed", false));
    // But it asks for it.
    assert_eq!(active.fetchers().on_tick(at(1), &memory).len(), 1);
}

#[test]
fn an_unknown_key_hides_whether_the_other_check_would_verify() {
    let (memory, pool) = (Shared::default(), Pool::default());
    let (old, new) = (Signer::new("old", 1), Signer::new("new", 2));
    let mut config = config();
    let jwt = config["verify"].take();
    let token =
        json!({"scheme": {"credential": {"header": "X-Token"}}, "secrets": [{"value": "the-right-token-of-16"}]});
    config["verify"] = json!([token, jwt]);
    let active = started(&config, &memory, &[&old], 0);
    for token in ["the-right-token-of-16", "the-wrong-token-of-16"] {
        let sent = new.sent().header("X-Token", token);
        assert_eq!(code(&begin(&active, &pool, &sent, &moment(&memory, 1)).1), "held", "{token}");
    }
}
