//! Parsers of bodies, signatures and templates with a grammar of their own.

use std::cell::RefCell;
use std::rc::Rc;

use hookwarden::config::Policy;
use hookwarden::verify::{Request, borrowed};
use hookwarden::verify::bytes::json::{Json, JsonPath};
use hookwarden::verify::bytes::multipart;
use hookwarden::verify::expression::Expression;
use hookwarden::verify::expression::builtin::unisender;
use hookwarden::verify::expression::content::Content;
use hookwarden::verify::expression::message::Message;
use hookwarden::verify::scheme::message_signature::{self, Digests, MessageSignatureRule, RequestFacts};
use serde_json::json;

use crate::host::{Client, Proxy};
use crate::input::Input;
use crate::invariants::{check_builtins, check_dictionary, check_draft_cavage};
use crate::proof;
use crate::support::{self, Sent};

/// The number of parsers; the first byte selects one.
pub const KINDS: u8 = 9;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    match input.byte() % KINDS {
        0 => json_text(input.rest()),
        1 => {
            let content_type = input.piece();
            let body = input.rest();
            let content_type: &[u8] = match content_type {
                [] => b"multipart/form-data; boundary=xY",
                given => given,
            };
            if let Ok(form) = multipart::form(content_type, body) {
                let fields = form.fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
                assert!(fields + form.files.iter().map(Vec::len).sum::<usize>() <= body.len());
            }
        }
        2 => {
            check_dictionary(input.rest());
        }
        3 => message_signature(&mut input),
        4 => http_signature(&mut input),
        5 => builtins(input.rest()),
        6 => jwt(input.rest()),
        7 => {
            let text = String::from_utf8_lossy(input.rest()).into_owned();
            let with = |name: &str| (name == "public_url").then(|| "https://hooks.example.com".to_owned());
            let _ = Expression::parse(&text, &with);
            if let Ok(message) = Message::parse(&text, &with) {
                let _ = (message.covers_body(), message.needs_body(), message.streams(), message.literal());
                let _ = (message.has_open_boundary(), message.covers_timestamp(), message.needs_secret());
                let _ = message.solve(text.as_bytes());
            }
        }
        _ => {
            let media_type = input.piece();
            let body = input.rest();
            let content = Content::new(body, media_type);
            assert_eq!(content.body(), body);
            let _ = content.json();
            if let Ok(fields) = content.fields() {
                let names: Vec<_> = fields.iter().map(|(name, _)| name.clone()).collect();
                for name in names.iter().filter_map(|name| std::str::from_utf8(name).ok()) {
                    let count = names.iter().filter(|other| *other == name.as_bytes()).count();
                    assert!(count == 1 || content.field(name).is_err(), "one of several fields is chosen");
                }
            }
        }
    }
}

fn json_text(text: &[u8]) {
    let expected = serde_json::from_slice::<serde_json::Value>(text);
    let Ok(json) = Json::parse(text) else { return };
    let expected = expected.expect("valid JSON");
    let path = JsonPath::parse("a.0.b").expect("a path");
    let _ = (json.at(&path), json.all_at(&path), json.elements(), json.text());
    if !json.has_duplicate_keys() {
        assert!(is_same(&json, &expected), "parsed differently: {}", text.escape_ascii());
    }
}

fn is_same(json: &Json, expected: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (json, expected) {
        (Json::Null, Value::Null) => true,
        (Json::Bool(one), Value::Bool(other)) => one == other,
        (Json::Number(one), Value::Number(other)) => *one == other.to_string(),
        (Json::Text(one), Value::String(other)) => one == other,
        (Json::List(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Json::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| is_same(value, other)))
        }
        _ => false,
    }
}

fn message_signature(input: &mut Input<'_>) {
    let rule = MessageSignatureRule {
        label: None,
        tag: None,
        algorithm: "ed25519".to_owned(),
        components: Vec::new(),
        insecure_body_unsigned: true,
    };
    let (signed, digest, value) = (input.piece(), input.piece(), input.piece());
    let (target, authority) = (input.piece(), input.piece());
    let headers = [
        ("signature-input".to_owned(), signed.to_vec()),
        ("signature".to_owned(), b"s=:AQID:".to_vec()),
        ("content-digest".to_owned(), digest.to_vec()),
        ("x".to_owned(), value.to_vec()),
    ];
    let facts = RequestFacts { method: b"POST", target, authority, scheme: "https", public_url: None, has_body: true };
    let _ = Digests::parse(digest);
    if let Ok(signed) = message_signature::begin(Request::new(&borrowed(&headers)), facts, &rule) {
        // Every line begins like a component: no value has started a line of its own.
        let starts = |line: &[u8]| line.starts_with(b"\"");
        assert!(signed.base.split(|byte| *byte == b'\n').all(starts), "{}", signed.base.escape_ascii());
    }
}

fn http_signature(input: &mut Input<'_>) {
    let (signature, date, digest) = (input.piece(), input.piece(), input.piece());
    let (target, authority) = (input.piece(), input.piece());
    check_draft_cavage([("s", signature), ("date", date), ("digest", digest)], target, authority);
}

fn builtins(text: &[u8]) {
    if let Some(content) = unisender(text, b"KEY") {
        assert!(content.len() < text.len());
    }
    check_builtins(text, text);
}

/// A token that was not signed with the secret never passes.
fn jwt(token: &[u8]) {
    thread_local! {
        static POLICY: RefCell<Option<Rc<Policy>>> = const { RefCell::new(None) };
    }
    POLICY.with(|cell| {
        let mut cell = cell.borrow_mut();
        let policy = cell.get_or_insert_with(|| {
            let scheme = json!({
                "jwt": { "at": "header:Authorization", "prefix": "Bearer ", "algorithms": ["HS256"] },
            });
            let by_scheme =
                json!({ "scheme": scheme, "secrets": support::literal(&["a-secret-unknown-to-the-fuzzer"]) });
            let check = match support::try_load(
                support::sources(&[support::source("t", "/t", by_scheme.clone())]).to_string().as_bytes(),
            ) {
                Ok(_) => by_scheme,
                Err(_) => support::provider("stripe", &["a-secret-unknown-to-the-fuzzer"]),
            };
            support::policy(&support::sources(&[support::source("t", "/t", check)]))
        });
        let header = [b"Bearer ".as_slice(), token].concat();
        let sent = Sent::post("/t").header("authorization", header);
        let verdict = Proxy::new(policy).send(&sent, &Client::default(), &proof::whole(), 200);
        assert!(!verdict.passed(), "an unsigned token passes: {}", token.escape_ascii());
    });
}
