//! A host that verifies signatures in the filter's place: same verdicts, whatever the host does.

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;

use hookwarden::config::Policy;
use hookwarden::verify::primitives::mac::HashAlgorithm;
use hookwarden::verify::primitives::public_key::{
    Counts, Delegate, PublicAlgorithm, PublicKey, Question, SignatureHost, SignedContent, TestedHost,
};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::json;

use crate::delivery::{Delivery, deliver};
use crate::second_opinion::is_valid;
use crate::support::{self, Sent};
use crate::vector::{Form, Provider, Vector, providers};

type Answer = dyn Fn(&Question<'_>) -> Option<bool>;

/// A host that answers in some way.
struct Host(Box<Answer>);

impl SignatureHost for Host {
    fn verify_signature(&self, question: &Question<'_>) -> Option<bool> {
        self.0(question)
    }
}

/// The right answer.
fn right(question: &Question<'_>) -> bool {
    is_valid(name(question.hash), question.key, question.text, &question.signature)
}

fn name(hash: HashAlgorithm) -> &'static str {
    match hash {
        HashAlgorithm::Sha1 => "sha1",
        HashAlgorithm::Sha256 => "sha256",
        HashAlgorithm::Sha512 => "sha512",
        HashAlgorithm::Md5 | HashAlgorithm::Sha384 => "unknown",
    }
}

fn tested(answer: impl Fn(&Question<'_>) -> Option<bool> + 'static) -> Rc<TestedHost> {
    Rc::new(TestedHost::test(Box::leak(Box::new(Host(Box::new(answer))))))
}

/// Lets a host verify that always answers rightly.
pub fn delegate() -> Delegate {
    let host = tested(|question| Some(right(question)));
    assert!(host.is_fit());
    Delegate::new(Some(host))
}

/// Lets a host verify that answers rightly until this is called, and then in another way.
fn turning(answer: impl Fn(&Question<'_>) -> Option<bool> + 'static) -> (Delegate, Rc<TestedHost>, impl Fn()) {
    let turned = Rc::new(Cell::new(false));
    let turns = Rc::clone(&turned);
    let host = tested(move |question| if turned.get() { answer(question) } else { Some(right(question)) });
    assert!(host.is_fit());
    (Delegate::new(Some(Rc::clone(&host))), host, move || turns.set(true))
}

/// A key, and a signer of it.
fn signer() -> (PublicKey, impl Fn(&[u8]) -> Vec<u8>) {
    let private = SigningKey::from_slice(&[7; 32]).expect("a key");
    let point = hex::encode(private.verifying_key().to_sec1_point(false).as_bytes());
    let key = PublicKey::parse(&point, RAW, 0).expect("a key");
    let sign = move |text: &[u8]| {
        let signature: Signature = private.sign(text);
        signature.to_bytes().to_vec()
    };
    (key, sign)
}

const RAW: PublicAlgorithm = PublicAlgorithm::EcdsaP256Sha256Raw;

fn is_signed(key: &PublicKey, text: &[u8], signature: &[u8], delegate: &Delegate) -> bool {
    SignedContent::of_text(RAW, text, Some(delegate)).is_signed_by(key, signature)
}

const BY_HOST: Counts = Counts { by_host: 1, own: 0 };
const OWN: Counts = Counts { by_host: 0, own: 1 };

fn delegated(config: &serde_json::Value, delegate: &Rc<Delegate>) -> Rc<Policy> {
    let policy = support::policy(config);
    policy.checks_known_to_hosts().for_each(|check| check.delegate_to(delegate));
    policy
}

#[test]
fn every_vector_gets_the_same_verdict_from_a_host() {
    let (mut by_host, mut vectors) = (0, 0);
    for provider in providers() {
        for vector in &provider.vectors {
            let config = provider.config(vector, Form::ByName);
            if support::policy(&config).checks_known_to_hosts().next().is_none() {
                continue;
            }
            vectors += 1;
            by_host += same_verdicts(&provider, vector, &config);
        }
    }
    println!("{vectors} vectors, {by_host} signatures verified by the host");
    if std::env::var_os("PROVIDER").is_none() {
        assert!(vectors > 300 && by_host > 300, "{vectors} vectors, {by_host} signatures by the host");
    }
}

fn same_verdicts(provider: &Provider, vector: &Vector, config: &serde_json::Value) -> u64 {
    let host = tested(|question| Some(right(question)));
    let delegate = Rc::new(Delegate::new(Some(Rc::clone(&host))));
    let (own, policy) = (support::policy(config), delegated(config, &delegate));
    // Ends the keys' probation, if it is valid here.
    for valid in provider.vectors.iter().filter(|valid| valid.is_valid()) {
        deliver(&policy, &valid.sent, &Delivery::whole());
    }
    let _ = delegate.take_counts();
    for delivery in Delivery::few(vector.sent.body.len()) {
        let (own, other) = (deliver(&own, &vector.sent, &delivery), deliver(&policy, &vector.sent, &delivery));
        let place = format!("{}: {} as {delivery:?}", provider.name, vector.case);
        assert_eq!(other.code, vector.expect, "{place}");
        assert_eq!((other.code, other.edits, other.forwarded), (own.code, own.edits, own.forwarded), "{place}");
    }
    assert!(host.is_fit(), "{}: {}: the host and the filter disagree", provider.name, vector.case);
    delegate.take_counts().by_host
}

#[test]
fn a_host_that_fails_the_test_is_never_asked_again() {
    let wrong: [(&str, Box<Answer>); 9] = [
        ("has no such function", Box::new(|_| None)),
        ("says yes to everything", Box::new(|_| Some(true))),
        ("says no to everything", Box::new(|_| Some(false))),
        ("says the opposite", Box::new(|question| Some(!right(question)))),
        (
            "fails for the last of the hashes",
            Box::new(|question| (question.hash != HashAlgorithm::Sha512).then(|| right(question))),
        ),
        (
            "ignores the hash",
            Box::new(|question| {
                let hashes = ["sha1", "sha256", "sha512"];
                Some(hashes.iter().any(|hash| is_valid(hash, question.key, question.text, &question.signature)))
            }),
        ),
        (
            "ignores the end of the text",
            Box::new(|question| {
                let text = question.text.strip_suffix(b".").unwrap_or(question.text);
                Some(right(&Question { text, signature: Cow::Borrowed(&question.signature), ..*question }))
            }),
        ),
        ("knows no P-256", Box::new(|question| Some(question.key.len() > 100 && right(question)))),
        ("knows no RSA", Box::new(|question| Some(question.key.len() < 100 && right(question)))),
    ];
    for (what, answer) in wrong {
        let asked = Rc::new(Cell::new(0));
        let count = Rc::clone(&asked);
        let host = tested(move |question| {
            count.set(count.get() + 1);
            answer(question)
        });
        assert!(!host.is_fit(), "{what}");
        let (key, sign) = signer();
        let delegate = Delegate::new(Some(host));
        let so_far = asked.get();
        assert!(is_signed(&key, b"text", &sign(b"text"), &delegate), "{what}");
        assert!(!is_signed(&key, b"text", &sign(b"other"), &delegate), "{what}");
        assert_eq!(asked.get(), so_far, "{what}");
        assert_eq!(delegate.take_counts(), Counts { by_host: 0, own: 2 });
    }
}

#[test]
fn a_key_is_on_probation_until_both_have_verified_a_signature_of_it() {
    let ((key, sign), delegate) = (signer(), delegate());
    let forged = sign(b"other");
    for _ in 0..3 {
        assert!(!is_signed(&key, b"text", &forged, &delegate));
        assert_eq!(delegate.take_counts(), OWN, "no forgery ends it");
    }
    assert!(is_signed(&key, b"text", &sign(b"text"), &delegate));
    assert_eq!(delegate.take_counts(), OWN);
    assert!(is_signed(&key, b"text", &sign(b"text"), &delegate));
    assert_eq!(delegate.take_counts(), BY_HOST);
    assert!(!is_signed(&key, b"text", &forged, &delegate));
    assert_eq!(delegate.take_counts(), BY_HOST, "a refusal is the host's alone from now on");
    let (another, _) = signer();
    assert!(is_signed(&another, b"text", &sign(b"text"), &delegate));
    assert_eq!(delegate.take_counts(), OWN, "each key has its own");
}

#[test]
fn a_host_that_contradicts_on_probation_is_dismissed() {
    for answer in [true, false] {
        let (delegate, host, turn) = turning(move |_| Some(answer));
        let (key, sign) = signer();
        turn();
        let (right, signature) = (!answer, if answer { sign(b"other") } else { sign(b"text") });
        assert_eq!(is_signed(&key, b"text", &signature, &delegate), right, "the filter decides");
        assert!(!host.is_fit() && host.take_loss() && !host.take_loss(), "reported once");
        assert!(is_signed(&key, b"text", &sign(b"text"), &delegate));
        assert_eq!(delegate.take_counts(), Counts { by_host: 0, own: 2 });
    }
}

#[test]
fn a_host_that_fails_later_is_dismissed_and_the_signature_verified_all_the_same() {
    let (delegate, host, turn) = turning(|_| None);
    let (key, sign) = signer();
    for _ in 0..2 {
        assert!(is_signed(&key, b"text", &sign(b"text"), &delegate));
    }
    assert_eq!(delegate.take_counts(), Counts { by_host: 1, own: 1 });
    turn();
    assert!(is_signed(&key, b"text", &sign(b"text"), &delegate));
    assert!(!is_signed(&key, b"text", &sign(b"other"), &delegate));
    assert_eq!(delegate.take_counts(), Counts { by_host: 0, own: 2 });
    assert!(!host.is_fit() && host.take_loss());
}

/// What the filter checks beyond the signature itself does not depend on the host: one that says yes to everything is not
/// asked.
#[test]
fn no_host_is_asked_about_a_malformed_signature() {
    let (delegate, _, turn) = turning(|_| Some(true));
    let (key, sign) = signer();
    let signature = sign(b"text");
    for _ in 0..2 {
        assert!(is_signed(&key, b"text", &signature, &delegate));
    }
    turn();
    assert!(is_signed(&key, b"forged", &signature, &delegate), "it does say yes now");
    let _ = delegate.take_counts();
    let (r, s) = signature.split_at(32);
    let order = hex::decode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").expect("hexadecimal");
    let wrong: [Vec<u8>; 9] = [
        Vec::new(),
        signature[1..].to_vec(),
        [&signature[..], &[0]].concat(),
        [&[0; 32], s].concat(),
        [r, &[0; 32]].concat(),
        [&order, s].concat(),
        [r, &order].concat(),
        [r, &[0xff; 32]].concat(),
        Signature::from_slice(&signature).expect("valid").to_der().as_bytes().to_vec(),
    ];
    for signature in &wrong {
        assert!(!is_signed(&key, b"text", signature, &delegate), "{signature:02x?}");
        assert_eq!(delegate.take_counts(), OWN, "{signature:02x?}");
    }
    // A key is used for the algorithm that it was read for.
    let der = Signature::from_slice(&signature).expect("valid").to_der();
    let other = SignedContent::of_text(PublicAlgorithm::EcdsaP256Sha256Der, b"text", Some(&delegate));
    assert!(other.is_signed_by(&key, der.as_bytes()));
    assert_eq!(delegate.take_counts(), OWN);
}

#[test]
fn rsa_signatures_reach_the_host_only_in_range() {
    let (delegate, _, turn) = turning(|_| Some(true));
    let wise = providers().into_iter().chain(crate::vector::all_providers()).find(|found| found.name == "wise");
    let wise = wise.expect("wise is shipped");
    let valid = wise.vectors.iter().find(|vector| vector.is_valid()).expect("a valid vector");
    let signature = valid.sent.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("X-Signature-SHA256"));
    let signature = {
        use base64::Engine as _;
        let (_, text) = signature.expect("a signature");
        base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
    };
    let algorithm = PublicAlgorithm::RsaPkcs1Sha256;
    let key = PublicKey::parse(&valid.secrets[0], algorithm, 0).expect("a key");
    let verifies = |signature: &[u8]| {
        SignedContent::of_text(algorithm, &valid.sent.body, Some(&delegate)).is_signed_by(&key, signature)
    };
    assert!(verifies(&signature) && verifies(&signature));
    turn();
    let mut changed = signature.clone();
    changed[255] ^= 1;
    assert!(verifies(&changed), "it does say yes now");
    let _ = delegate.take_counts();
    for wrong in [&[][..], &signature[1..], &[&[0][..], &signature].concat(), &[0xff; 256], &[0xff; 257]] {
        assert!(!verifies(wrong), "{} bytes", wrong.len());
        assert_eq!(delegate.take_counts(), OWN);
    }
}

#[test]
fn hosts_are_asked_about_texts_of_64_kib_at_most() {
    let ((key, sign), delegate) = (signer(), delegate());
    assert!(is_signed(&key, b"", &sign(b""), &delegate));
    for (len, counts) in [(0, BY_HOST), (64 * 1024, BY_HOST), (64 * 1024 + 1, OWN)] {
        let text = vec![b'x'; len];
        let _ = delegate.take_counts();
        assert!(is_signed(&key, &text, &sign(&text), &delegate));
        assert_eq!(delegate.take_counts(), counts, "{len}");
    }
}

/// A source whose sender signs its bodies with the key of [`signer`].
fn streaming(mode: &str) -> serde_json::Value {
    let point = SigningKey::from_slice(&[7; 32]).expect("a key").verifying_key().to_sec1_point(false);
    let scheme = json!({ "signature": { "header": "X-Signature", "encoding": "hex" },
        "algorithm": "ecdsa-p256-sha256-raw", "signed": "v1:{body}:end" });
    let verify = json!({ "scheme": scheme, "keys": [{ "value": hex::encode(point.as_bytes()) }] });
    support::sources(&[support::with(support::source("hook", "/hook", verify), "mode", json!(mode))])
}

#[test]
fn a_body_that_was_hashed_as_it_arrived_is_read_again_for_the_host() {
    let (_, sign) = signer();
    let delegate = Rc::new(delegate());
    let policy = delegated(&streaming("enforce"), &delegate);
    let sent = |body: &[u8]| {
        let tag = sign(&[b"v1:", body, b":end"].concat());
        Sent::post("/hook").header("X-Signature", hex::encode(tag)).body(body)
    };
    assert_eq!(deliver(&policy, &sent(b"first"), &Delivery::whole()).code, "verified");
    let around = "v1::end".len();
    for (len, by_host) in [(0, true), (1, true), (1000, true), (65_536 - around, true), (65_537 - around, false)] {
        let body: Vec<u8> = (0..len).map(|at| u8::try_from(at % 251).expect("a byte")).collect();
        for delivery in Delivery::few(len) {
            let _ = delegate.take_counts();
            assert_eq!(deliver(&policy, &sent(&body), &delivery).code, "verified", "{len} {delivery:?}");
            assert_eq!(delegate.take_counts(), if by_host { BY_HOST } else { OWN }, "{len} {delivery:?}");
            let other = sent(&[&body[..], b"x"].concat()).body(&body);
            assert_eq!(deliver(&policy, &other, &delivery).code, "signature_mismatch", "{len} {delivery:?}");
        }
    }
}

#[test]
fn a_body_that_is_forwarded_as_it_arrives_is_not_read_again() {
    let (_, sign) = signer();
    let delegate = Rc::new(delegate());
    let policy = delegated(&streaming("observe"), &delegate);
    let sent = Sent::post("/hook").header("X-Signature", hex::encode(sign(b"v1:body:end"))).body("body");
    for delivery in Delivery::few(4) {
        assert_eq!(deliver(&policy, &sent, &delivery).code, "verified", "{delivery:?}");
        assert_eq!(delegate.take_counts(), OWN, "{delivery:?}");
    }
}

#[test]
fn several_keys_and_several_signatures_are_verified_by_the_host() {
    let (own, other) =
        (SigningKey::from_slice(&[7; 32]).expect("a key"), SigningKey::from_slice(&[8; 32]).expect("a key"));
    let point = |key: &SigningKey| hex::encode(key.verifying_key().to_sec1_point(false).as_bytes());
    let scheme = json!({ "signature": { "header": "X-Signature", "encoding": "hex", "separator": "," },
        "algorithm": "ecdsa-p256-sha256-raw", "signed": "{body}" });
    let keys = json!([{ "id": "own", "value": point(&own) }, { "id": "other", "value": point(&other) }]);
    let verify = json!({ "scheme": scheme, "keys": keys });
    let delegate = Rc::new(delegate());
    let policy = delegated(&support::sources(&[support::source("hook", "/hook", verify)]), &delegate);
    let sign = |key: &SigningKey, text: &[u8]| {
        let signature: Signature = key.sign(text);
        hex::encode(signature.to_bytes())
    };
    let code = |tags: &[String]| {
        let sent = Sent::post("/hook").header("X-Signature", tags.join(",")).body("body");
        deliver(&policy, &sent, &Delivery::whole()).code
    };
    let (valid, also, forged) = (sign(&own, b"body"), sign(&other, b"body"), sign(&own, b"forged"));
    for _ in 0..2 {
        for tags in [
            &[valid.clone()][..],
            std::slice::from_ref(&also),
            &[forged.clone(), also.clone()],
            &[forged.clone(), valid.clone()],
        ] {
            assert_eq!(code(tags), "verified");
        }
    }
    let _ = delegate.take_counts();
    assert_eq!(code(&[forged.clone(), forged]), "signature_mismatch");
    assert_eq!(delegate.take_counts(), Counts { by_host: 4, own: 0 });
}
