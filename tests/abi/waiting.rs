//! Requests that wait for a key which their sender publishes: every way in which the wait can end.

use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hookwarden::private_key::PrivateKey;
use hookwarden::verify::primitives::public_key::PublicAlgorithm;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::host::{Action, Request, Vm, on_a_fresh_vm};
use crate::{config, source};

const BODY: &[u8] = b"a body in three pieces";
/// How many requests may wait.
const MAX_WAITING: usize = 256;

/// A key of the sender.
struct Signer(&'static str, PrivateKey);

impl Signer {
    fn new(id: &'static str, seed: u8) -> Self {
        let key = PrivateKey::random(PublicAlgorithm::Ed25519, &mut |bytes| bytes.fill(seed));
        Self(id, key.expect("a key"))
    }

    fn jwk(&self) -> Value {
        let pem = self.1.public_key();
        let der = STANDARD.decode(pem.lines().nth(1).expect("the key")).expect("base64");
        json!({"kty": "OKP", "crv": "Ed25519", "kid": self.0, "x": URL_SAFE_NO_PAD.encode(&der[12..])})
    }

    /// The token of a new event.
    fn token(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let claims = json!({"exp": 4_000_000_000_u64, "jti": number, "body": hex::encode(Sha256::digest(BODY))});
        let signed = format!("{}.{}", part(&json!({"alg": "EdDSA", "kid": self.0})), part(&claims));
        let tag = self.1.sign(PublicAlgorithm::Ed25519, signed.as_bytes(), &mut |_| ()).expect("a signature");
        format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    }
}

fn set(signers: &[&Signer]) -> String {
    json!({"keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>()}).to_string()
}

fn published(max_body_bytes: u32) -> Value {
    let scheme = json!({"jwt": {
        "at": "header:Authorization", "prefix": "Bearer ", "algorithms": ["EdDSA"],
        "claims": {"body": "{body|sha256|hex}"},
    }});
    let place = json!({"cluster": "keys", "authority": "keys.example.com", "path": "/jwks"});
    let mut source = source("events", json!({"scheme": scheme, "keys": [{"jwks": place}]}));
    source["max_body_bytes"] = json!(max_body_bytes);
    config(&[source])
}

/// A whole request, which waits.
fn waiting<'a>(vm: &'a Vm, signer: &Signer) -> Request<'a> {
    let request = vm.request("/events", &[("authorization", signer.token().as_bytes())]);
    assert_eq!(request.headers(false), Action::Pause);
    assert_eq!(request.body(&BODY[..7], false), Action::Pause);
    assert_eq!(request.body(&BODY[7..], true), Action::Pause);
    assert_eq!((request.answers(), request.resumed()), (0, (false, false)));
    request
}

#[track_caller]
fn has_passed(request: &Request<'_>) {
    assert_eq!((request.answers(), request.resumed()), (0, (true, false)));
    assert_eq!(request.upstream().body, BODY);
    assert_eq!(request.upstream().header("x-hookwarden-key-id"), [b"jwks"]);
}

#[track_caller]
fn is_asked_to_come_again(request: &Request<'_>) {
    assert_eq!((request.answer().map(|answer| answer.status), request.answers()), (Some(503), 1));
    assert!(request.upstream().is_nothing());
    assert_eq!(request.resumed(), (false, false));
}

#[test]
fn a_request_goes_on_as_it_arrived_once_its_key_is_there() {
    on_a_fresh_vm(|vm| {
        let signer = Signer::new("key", 1);
        assert!(vm.configure(&published(1000)));
        let request = waiting(vm, &signer);
        vm.tick();
        assert_eq!(vm.calls().len(), 1);
        vm.tick();
        assert!(request.upstream().is_nothing());
        vm.answer_call(1, Some((200, &set(&[&signer]))));
        assert!(request.upstream().is_nothing(), "it is decided by the tick");
        vm.tick();
        has_passed(&request);
        vm.tick();
        has_passed(&request);
        request.ends();
        vm.tick();
    });
}

#[test]
fn every_other_end_of_the_call_is_an_answer_of_503() {
    for answer in [None, Some((500, "")), Some((200, "")), Some((200, "{}")), Some((302, "{}"))] {
        on_a_fresh_vm(move |vm| {
            let signer = Signer::new("key", 1);
            assert!(vm.configure(&published(1000)));
            let request = waiting(vm, &signer);
            vm.tick();
            vm.answer_call(1, answer);
            vm.tick();
            is_asked_to_come_again(&request);
            assert_eq!(vm.metric("hookwarden.source.events.denials.key_unavailable"), Some(1));
            vm.tick();
            is_asked_to_come_again(&request);
        });
    }
}

#[test]
fn a_call_that_is_never_answered_or_cannot_be_made_holds_nobody_for_ever() {
    on_a_fresh_vm(|vm| {
        assert!(vm.configure(&published(1000)));
        let request = waiting(vm, &Signer::new("key", 1));
        vm.tick();
        vm.pass_time(4);
        vm.tick();
        assert_eq!(request.answers(), 0);
        vm.pass_time(1);
        vm.tick();
        is_asked_to_come_again(&request);
    });
    on_a_fresh_vm(|vm| {
        vm.take_cluster_away();
        assert!(vm.configure(&published(1000)));
        let request = waiting(vm, &Signer::new("key", 1));
        vm.tick();
        vm.tick();
        is_asked_to_come_again(&request);
    });
}

#[test]
fn a_stream_that_is_gone_is_left_alone() {
    on_a_fresh_vm(|vm| {
        let signer = Signer::new("key", 1);
        assert!(vm.configure(&published(1000)));
        let (before, between, stays) = (waiting(vm, &signer), waiting(vm, &signer), waiting(vm, &signer));
        before.ends();
        vm.tick();
        assert_eq!(vm.calls().len(), 1);
        between.ends();
        vm.answer_call(1, Some((200, &set(&[&signer]))));
        vm.tick();
        has_passed(&stays);
        for gone in [before, between] {
            assert_eq!((gone.answers(), gone.resumed()), (0, (false, false)));
            assert!(gone.upstream().is_nothing());
        }
    });
}

#[test]
fn callbacks_that_come_again_change_nothing() {
    on_a_fresh_vm(|vm| {
        let (signer, other) = (Signer::new("key", 1), Signer::new("other", 2));
        assert!(vm.configure(&published(1000)));
        let (passes, fails) = (waiting(vm, &signer), waiting(vm, &other));
        for request in [&passes, &fails] {
            assert_eq!(request.body(b"", true), Action::Pause);
            assert_eq!(request.trailers(&[("x-trailer", "1")]), Action::Pause);
        }
        vm.tick();
        for request in [&passes, &fails] {
            assert_eq!(request.body(b"", true), Action::Pause);
        }
        vm.answer_call(1, Some((200, &set(&[&signer]))));
        vm.tick();
        has_passed(&passes);
        // The first call was nobody's wish: the unknown key has one of its own.
        assert_eq!(fails.body(b"", true), Action::Pause);
        assert_eq!(fails.answers(), 0);
        vm.tick();
        vm.answer_call(2, Some((200, &set(&[&signer]))));
        vm.tick();
        assert_eq!((fails.answer().map(|answer| answer.status), fails.answers()), (Some(401), 1));
        assert_eq!(fails.body(b"", true), Action::Pause);
        assert_eq!(fails.trailers(&[]), Action::Pause);
        vm.tick();
        assert_eq!(fails.answers(), 1);
        assert!(fails.upstream().is_nothing());
        assert_eq!(vm.metric("hookwarden.source.events.requests.passed"), Some(1));
        assert_eq!(vm.metric("hookwarden.source.events.requests.denied"), Some(1));
    });
}

#[test]
fn a_request_takes_one_place_however_often_it_is_called_back() {
    on_a_fresh_vm(|vm| {
        let signer = Signer::new("key", 1);
        assert!(vm.configure(&published(1000)));
        let (first, second) = (waiting(vm, &signer), waiting(vm, &signer));
        for _ in 0..=MAX_WAITING {
            assert_eq!(first.body(b"", true), Action::Pause);
        }
        let third = waiting(vm, &signer);
        vm.tick();
        vm.answer_call(1, Some((200, &set(&[&signer]))));
        vm.tick();
        [first, second, third].iter().for_each(has_passed);
    });
}

#[test]
fn of_too_many_that_wait_the_last_are_asked_to_come_again() {
    on_a_fresh_vm(|vm| {
        let signer = Signer::new("key", 1);
        assert!(vm.configure(&published(1000)));
        let requests: Vec<_> = (0..MAX_WAITING + 10).map(|_| waiting(vm, &signer)).collect();
        vm.tick();
        let (first, last) = requests.split_at(MAX_WAITING);
        last.iter().for_each(is_asked_to_come_again);
        assert!(first.iter().all(|request| request.answers() == 0));
        vm.answer_call(1, Some((200, &set(&[&signer]))));
        vm.tick();
        first.iter().for_each(has_passed);
        last.iter().for_each(is_asked_to_come_again);
    });
}

#[test]
fn a_request_is_decided_under_the_configuration_that_it_began_with() {
    on_a_fresh_vm(|vm| {
        let signer = Signer::new("key", 1);
        assert!(vm.configure(&published(1000)));
        let request = waiting(vm, &signer);
        vm.tick();
        assert!(vm.configure(&published(10)));
        let small = vm.request("/events", &[("authorization", signer.token().as_bytes())]);
        assert_eq!(small.headers(false), Action::Pause);
        small.body(BODY, true);
        assert_eq!(small.answer().map(|answer| answer.status), Some(413));
        vm.answer_call(1, Some((200, &set(&[&signer]))));
        vm.tick();
        has_passed(&request);
    });
}

#[test]
fn the_store_is_asked_after_the_wait_and_its_answer_finds_the_stream_or_nobody() {
    on_a_fresh_vm(|vm| {
        let signer = Signer::new("key", 1);
        let mut configuration = published(1000);
        configuration["sources"][0]["replay"] = json!({"window": "1h", "store": {"cluster": "events"}});
        assert!(vm.configure(&configuration));
        let (stays, leaves) = (waiting(vm, &signer), waiting(vm, &signer));
        vm.tick();
        vm.answer_call(1, Some((200, &set(&[&signer]))));
        vm.tick();
        let calls = vm.calls();
        assert_eq!(calls.iter().map(|call| call.cluster.as_str()).collect::<Vec<_>>(), ["keys", "events", "events"]);
        assert!(stays.upstream().is_nothing(), "nothing is forwarded before the store answers");
        leaves.ends();
        for (call, number) in calls[1..].iter().zip(2..) {
            let path = call.headers.iter().find(|(name, _)| name == ":path").map_or("", |(_, value)| value);
            let (_, name) = path.split_once("?jsonp=").expect("the call chooses a name");
            vm.answer_call(number, Some((200, &format!("{name}({});\n", r#"{"SET":[true,"OK"]}"#))));
        }
        has_passed(&stays);
        assert_eq!((leaves.answers(), leaves.resumed()), (0, (false, false)));
    });
}

#[test]
fn a_key_that_is_handed_out_is_asked_for_by_a_post() {
    on_a_fresh_vm(|vm| {
        let source = source("plaid", json!({"provider": "plaid", "keys": [{"jwk": {"cluster": "plaid-keys"}}]}));
        assert!(vm.configure(&config(&[source])));
        vm.tick();
        assert!(vm.calls().is_empty(), "nobody has named a key");
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let header = json!({"alg": "ES256", "kid": "bfbd5111-8e33-4643-8ced-b2e642a72f3c"});
        let token = format!("{}.{}.AAAA", part(&header), part(&json!({"iat": 1})));
        let request = vm.request("/plaid", &[("plaid-verification", token.as_bytes())]);
        assert_eq!(request.headers(false), Action::Pause);
        assert_eq!(request.body(b"{}", true), Action::Pause);
        vm.tick();
        let [call] = vm.calls().try_into().expect("one call");
        assert_eq!(call.body, br#"{"key_id":"bfbd5111-8e33-4643-8ced-b2e642a72f3c"}"#);
        assert!(call.headers.contains(&(":method".to_owned(), "POST".to_owned())));
        let refusal = r#"{"error_code": "INVALID_WEBHOOK_VERIFICATION_KEY_ID"}"#;
        vm.answer_call(1, Some((400, refusal)));
        vm.tick();
        assert_eq!(request.answer().map(|answer| answer.status), Some(401));
        assert_eq!(vm.metric("hookwarden.source.plaid.live_failures.jwk").unwrap_or(0), 0, "it is no failure");
    });
}
