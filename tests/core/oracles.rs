//! What a stranger gets out of a handshake: nothing that verifies, and nothing of his that looks verified.

use std::cell::Cell;
use std::rc::Rc;

use hookwarden::config::Policy;
use hookwarden::filter::{BodyBuffer, Exchange};
use hookwarden::guard::pool::Pool;
use hookwarden::step::Step;
use hookwarden::verify::{Request, borrowed};
use serde_json::{Value, json};

use crate::delivery::Buffer;
use crate::guards::memory::Shared;
use crate::handshakes::outcome;
use crate::proxy::Proxy;
use crate::support::{self, Sent, begin, context, hmac_sha256, literal, provider, source, sources, try_load, with};

const SECRET: &str = "a-secret-that-nobody-guesses";

fn get(target: &str) -> Sent {
    Sent::new("GET", "hooks.example.com", target)
}

fn loaded(source: Value) -> Rc<Policy> {
    support::policy(&sources(&[source]))
}

/// The member of a JSON answer, or what is behind a separator in a plain one.
fn answered(policy: &Rc<Policy>, sent: &Sent) -> String {
    let got = outcome(policy, sent, false);
    got["body"].as_str().unwrap_or_else(|| panic!("no answer: {got}")).to_owned()
}

fn problems(config: &Value) -> String {
    match try_load(config.to_string().as_bytes()) {
        Ok(_) => String::new(),
        Err(problems) => problems.join("\n"),
    }
}

/// A scheme of one's own, whose handshake answers with a MAC.
fn answering(signed: &str, of: &str) -> Value {
    let check = json!({
        "scheme": {
            "signature": { "header": "X-Signature", "encoding": "hex" },
            "algorithm": "hmac-sha256",
            "signed": signed,
        },
        "handshake": {
            "method": "GET", "proof": "none",
            "token": { "at": "query:challenge", "alphabet": "token68" },
            "mac": { "of": of, "encoding": "hex" },
            "answer": { "content_type": "text/plain", "body": "{mac}" },
        },
        "secrets": literal(&[SECRET]),
    });
    with(source("own", "/hooks/own", check), "handshake", json!(true))
}

#[test]
fn a_mac_of_a_challenge_verifies_no_event_of_x() {
    let policy = loaded(with(source("x", "/hooks/x", provider("x-twitter", &[SECRET])), "handshake", json!(true)));
    // A number is a JSON document, and a word is a form.
    for body in ["12345678", "deleted=", "abcdefgh"] {
        let answer = answered(&policy, &get(&format!("/hooks/x?crc_token={body}")));
        let tag = answer.strip_prefix("{\"response_token\":\"").and_then(|rest| rest.strip_suffix("\"}"));
        let forged = Sent::post("/hooks/x").header("x-twitter-webhooks-signature", tag.expect("a tag")).body(body);
        assert_eq!(outcome(&policy, &forged, false), json!("signature_mismatch"), "{body}");
        assert_eq!(outcome(&policy, &forged, true), json!("signature_mismatch"), "{body}");
    }
}

#[test]
fn a_mac_of_a_challenge_verifies_no_event_of_linkedin() {
    let policy = loaded(with(source("li", "/hooks/li", provider("linkedin", &[SECRET])), "handshake", json!(true)));
    // LinkedIn signs "hmacsha256=" before the body, and `token68` may end in `=`. A challenge is a word.
    let sent = get("/hooks/li?challengeCode=hmacsha256%3D%3D%3D%3D%3D%3D");
    assert_eq!(outcome(&policy, &sent, false), json!("signature_missing"));
}

#[test]
fn a_mac_of_a_challenge_verifies_no_event_of_braintree() {
    // The scheme itself refuses them.
    let check = with(provider("braintree", &[SECRET]), "with", json!({ "public_key_id": "a-public-key" }));
    let policy = loaded(with(source("bt", "/hooks/bt", check), "handshake", json!(true)));
    for payload in ["0123456789abcdef01234567", "0123456789ABCDEF01234567", "0123456789abcdef0123456789abcDEF"] {
        let answer = answered(&policy, &get(&format!("/hooks/bt?bt_challenge={payload}")));
        let (id, tag) = answer.split_once('|').expect("a key and a tag");
        let body = format!("bt_signature={id}%7C{tag}&bt_payload={payload}");
        let forged = Sent::post("/hooks/bt").header("content-type", "application/x-www-form-urlencoded").body(body);
        assert_eq!(outcome(&policy, &forged, false), json!("field_malformed"), "{payload}");
    }
}

#[test]
fn a_mac_of_a_challenge_verifies_no_event_of_a_scheme_of_ones_own() {
    let forge = |signed: &str, of: &str, challenge: &str, sent: Sent| {
        let policy = loaded(answering(signed, of));
        let tag = answered(&policy, &get(&format!("/hooks/own?challenge={challenge}")));
        outcome(&policy, &sent.header("X-Signature", tag), false)
    };
    let post = || Sent::post("/hooks/own");
    let refused = json!("signature_mismatch");
    assert_eq!(forge("{body}", "{token}", "12345678", post().body("12345678")), refused);
    // As Mailgun does.
    let sent = post().body(r#"{"timestamp":"1700000000","token":"f00d"}"#);
    assert_eq!(forge("{json:timestamp}{json:token}", "{token}", "1700000000f00d", sent), refused);
    let sent = post().header("X-Id", "evt_1").body("12345678");
    assert_eq!(forge("{header:X-Id}.{body}", "{token}", "evt_1.12345678", sent.clone()), refused);
    assert_eq!(forge("v0:{header:X-Id}.{body}", "v0:{token}", "evt_1.12345678", sent), refused);
    // What no challenge can be still verifies.
    let policy = loaded(answering("{body}", "{token}"));
    for body in ["{}", "a=b", "", "1 2"] {
        let tag = hex::encode(hmac_sha256(SECRET.as_bytes(), body.as_bytes()));
        let sent = post().header("X-Signature", tag).body(body);
        assert_eq!(outcome(&policy, &sent, false), json!("verified"), "{body}");
    }
}

#[test]
fn no_secret_answers_challenges_that_verifies_elsewhere() {
    let x = with(source("x", "/hooks/x", provider("x-twitter", &[SECRET])), "handshake", json!(true));
    let jwt = json!({
        "scheme": { "jwt": { "at": "header:Authorization", "prefix": "Bearer ", "algorithms": ["HS256"], "timeless": true } },
        "secrets": literal(&[SECRET]),
    });
    for check in [jwt, provider("github", &[SECRET]), provider("x-twitter", &["another-secret-entirely", SECRET])] {
        let other = source("other", "/hooks/other", check.clone());
        let said = problems(&sources(&[x.clone(), other.clone()]));
        assert!(said.contains("answers challenges"), "{check}: {said:?}");
        assert_eq!(problems(&sources(&[x.clone(), other.clone()])), problems(&sources(&[x.clone(), other])));
        let any = json!({ "any": [provider("x-twitter", &[SECRET]), check.clone()] });
        let both = with(source("both", "/hooks/both", any), "handshake", json!(true));
        if check["provider"] != "x-twitter" {
            assert!(problems(&sources(&[both])).contains("answers challenges"), "{check}");
        }
    }
    // Another hash makes another key, and a sender that signs its challenges answers only itself.
    let other = source("other", "/hooks/other", provider("intercom", &[SECRET]));
    assert_eq!(problems(&sources(&[x.clone(), other])), "");
    let zoom = with(source("zoom", "/hooks/zoom", provider("zoom", &[SECRET])), "handshake", json!(true));
    assert_eq!(problems(&sources(&[zoom, source("other", "/hooks/other", provider("github", &[SECRET]))])), "");
    // The same sender twice is fine, as both refuse what was a challenge.
    let again = with(source("y", "/hooks/y", provider("x-twitter", &[SECRET])), "handshake", json!(true));
    assert_eq!(problems(&sources(&[x, again])), "");
}

#[test]
fn a_mac_needs_a_scheme_with_an_hmac() {
    let mut own = answering("{body}", "{token}");
    own["verify"]["scheme"] = json!({ "credential": { "header": "X-Token" } });
    assert!(problems(&sources(&[own.clone()])).contains("HMAC"));
    own["verify"]["scheme"] =
        json!({ "jwt": { "at": "header:Authorization", "algorithms": ["HS256"], "timeless": true } });
    assert!(problems(&sources(&[own])).contains("HMAC"));
    for of in ["", "v0", "{token}{token}", "{token}.v0"] {
        assert!(problems(&sources(&[answering("{body}", of)])).contains("of"), "{of}");
    }
}

/// A request whose headers arrive before its empty body, under `"body_hold": "chain"`: what the upstream gets.
fn forwarded_by_the_chain(source: Value, sent: &Sent) -> Step {
    let config = with(sources(&[source]), "body_hold", json!("chain"));
    let policy = support::policy(&config);
    let context = context(sent.now);
    let mut exchange = begin(policy);
    match exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context) {
        Step::Continue(_) => exchange.on_body(&Buffer { bytes: b"", len: 0 }, true, &context),
        other => other,
    }
}

#[test]
fn an_unsigned_handshake_is_never_forwarded_without_its_mark() {
    let source = with(source("rc", "/hooks/rc", provider("ringcentral", &[SECRET])), "handshake", json!("forward"));
    let sent = Sent::post("/hooks/rc").header("Validation-Token", "abcdefgh");
    match forwarded_by_the_chain(source, &sent) {
        Step::Deny(record) => {
            assert_eq!(record.denial().map(hookwarden::verify::Denial::code), Some("credential_missing"));
        }
        other => panic!("the upstream takes it for an event: {other:?}"),
    }
}

#[test]
fn an_unsigned_handshake_with_trailers_is_not_forwarded() {
    let source = with(source("rc", "/hooks/rc", provider("ringcentral", &[SECRET])), "handshake", json!("forward"));
    let policy = support::policy(&sources(&[source]));
    let sent = Sent::post("/hooks/rc").header("Validation-Token", "abcdefgh");
    let context = context(sent.now);
    let mut exchange = begin(policy);
    let step = match exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context) {
        Step::Hold => exchange.on_trailers(&Buffer { bytes: b"", len: 0 }, &context),
        other => other,
    };
    assert!(matches!(step, Step::Deny(_)), "{step:?}");
}

fn bearer() -> Value {
    json!({
        "scheme": { "credential": { "header": "Authorization", "auth_scheme": "Bearer" } },
        "secrets": literal(&["the-other-senders-token"]),
    })
}

#[test]
fn a_handshake_is_that_of_the_sender_whose_check_verified_it() {
    // Two senders at one path. What one of them signed is no handshake of the other.
    let any = json!({ "any": [
        { "provider": "slack", "secrets": literal(&[SECRET]) },
        bearer(),
    ] });
    let policy = loaded(with(source("any", "/hooks/any", any), "handshake", json!(true)));
    let body = r#"{"type":"url_verification","challenge":"abcdefgh"}"#;
    let sent = Sent::token("/hooks/any", "the-other-senders-token").body(body);
    assert_eq!(outcome(&policy, &sent, false), json!("verified"), "an event is lost");
}

#[test]
fn a_subscription_is_confirmed_only_by_the_sender_of_topics() {
    let keys = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----";
    let confirm = json!({
        "scheme": {
            "signature": { "header": "X-Signature", "encoding": "hex" }, "algorithm": "ed25519", "signed": "{body}",
        },
        "handshake": {
            "method": "POST", "proof": "first",
            "when": [["{json:Type}", "SubscriptionConfirmation"]], "confirm": "sns",
        },
        "keys": [{ "value": keys }],
    });
    let any = json!({ "any": [confirm, bearer()] });
    let topic = "arn:aws:sns:eu-west-1:123456789012:orders";
    let option = json!({ "topics": [topic], "cluster": "sns" });
    let policy = loaded(with(source("any", "/hooks/any", any), "handshake", option));
    let body = json!({
        "Type": "SubscriptionConfirmation", "TopicArn": topic, "Token": "feed",
        "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=feed",
    });
    let sent = Sent::token("/hooks/any", "the-other-senders-token").body(body.to_string());
    assert_eq!(outcome(&policy, &sent, false), json!("verified"));
}

#[test]
fn values_beside_forward_are_compared() {
    let handshake = json!({ "forward": true, "verify_token": "our-verify-token" });
    let policy = loaded(with(source("meta", "/hooks/meta", provider("meta", &[SECRET])), "handshake", handshake));
    let subscribe =
        |token: &str| get(&format!("/hooks/meta?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}"));
    assert_eq!(outcome(&policy, &subscribe("our-verify-token"), false), json!("forwarded"));
    assert_eq!(outcome(&policy, &subscribe("a-guess-at-it"), false), json!("handshake_mismatch"));
}

#[test]
fn a_source_that_observes_leaves_responses_alone() {
    let check = provider("dropbox-sign", &[SECRET]);
    let check = json!({
        "scheme": {
            "signature": { "header": "X-Hub-Signature-256", "prefix": "sha256=", "encoding": "hex" },
            "algorithm": "hmac-sha256", "signed": "{body}",
        },
        "acknowledgement": { "content_type": "text/plain", "body": "ok" },
        "secrets": check["secrets"].clone(),
    });
    let acknowledged = with(source("own", "/hooks/own", check), "acknowledge", json!(true));
    for (mode, is_replaced) in [("enforce", true), ("observe", false)] {
        let proxy = Proxy::new(with(acknowledged.clone(), "mode", json!(mode)));
        let (mut way, step) = proxy.send(&Sent::github("/hooks/own", SECRET, "{}"));
        assert!(matches!(step, Step::Continue(_)), "{step:?}");
        let step = way.response(Some(200), true);
        assert_eq!(matches!(step, Step::Answer(_)), is_replaced, "{mode}: {step:?}");
    }
}

#[test]
fn an_answer_has_only_headers_that_cannot_change_it() {
    let answer = |name: &str, value: &str| {
        let mut own = answering("{body}", "{token}");
        own["verify"]["handshake"]["answer"]["headers"] = json!({ name: value });
        problems(&sources(&[own]))
    };
    assert_eq!(answer("X-Hook-Response", "{token}"), "");
    for name in
        ["Content-Type", "content-length", "Transfer-Encoding", "Connection", "X-Content-Type-Options", "Cache-Control"]
    {
        assert!(answer(name, "text/html").contains("headers"), "{name}");
    }
    for value in ["a\r\nSet-Cookie: b", "a\nb", "a\0b", "a\u{7f}b"] {
        assert!(answer("X-Hook-Response", value).contains("headers"), "{value:?}");
    }
}

#[test]
fn a_response_shows_nothing_computed_in_debug_output() {
    let policy = loaded(answering("{body}", "{token}"));
    let sent = get("/hooks/own?challenge=abcdefgh");
    let mut exchange = begin(policy);
    let step = exchange.on_headers(Request::new(&borrowed(&sent.headers)), true, &context(sent.now));
    let tag = hex::encode(hmac_sha256(SECRET.as_bytes(), b"abcdefgh"));
    let Step::Answer(answer) = &step else { panic!("{step:?}") };
    assert_eq!(answer.response.body, tag.as_bytes());
    let shown = format!("{step:?}");
    let bytes = format!("{:?}", tag.as_bytes());
    assert!(!shown.contains(&tag) && !shown.contains(bytes.trim_matches(['[', ']'])), "{shown}");
}

#[test]
fn a_long_body_is_kept_for_no_handshake() {
    let held = |handshake: Value| {
        let url = json!({ "public_url": "https://hooks.example.com/hooks/md" });
        let check = with(provider("mandrill", &[SECRET]), "with", url);
        let policy = loaded(with(source("md", "/hooks/md", check), "handshake", handshake));
        let pool = Pool::default();
        let mut exchange = Exchange::new(support::active(policy, &Shared::default()), pool.clone());
        let sent = Sent::post("/hooks/md")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("X-Mandrill-Signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        let context = context(sent.now);
        assert_eq!(exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context), Step::Hold);
        let body = vec![b'a'; 256 * 1024];
        assert_eq!(exchange.on_body(&Buffer { bytes: &body, len: body.len() }, false, &context), Step::Hold);
        let held = pool.held();
        let step = exchange.on_body(&Buffer { bytes: &body, len: body.len() }, true, &context);
        assert!(matches!(step, Step::Deny(_)), "{step:?}");
        held
    };
    assert_eq!(held(json!(true)), held(json!(false)));
}

#[test]
fn an_event_with_another_method_is_no_handshake() {
    // Airship signs neither the method nor the path: an event that was seen can be sent again with GET.
    let airship = with(source("ua", "/hooks/ua", provider("airship", &[SECRET])), "replay", json!({ "window": "1h" }));
    let body = r#"{"event":1}"#;
    let tag = hex::encode(hmac_sha256(SECRET.as_bytes(), format!("{}:{body}", support::NOW).as_bytes()));
    let send = |proxy: &Proxy, method: &str, body: &str, tag: &str| {
        let sent = Sent::new(method, "hooks.example.com", "/hooks/ua")
            .header("X-UA-Signature", tag)
            .header("X-UA-Timestamp", support::NOW.to_string())
            .body(body);
        proxy.send(&sent).1
    };
    for handshake in [json!("forward"), json!(true)] {
        let proxy = Proxy::new(with(airship.clone(), "handshake", handshake.clone()));
        assert!(matches!(send(&proxy, "POST", body, &tag), Step::Continue(_)));
        match send(&proxy, "GET", body, &tag) {
            Step::Deny(record) => assert_eq!(record.denial().map(hookwarden::verify::Denial::code), Some("duplicate")),
            other => panic!("{handshake}: the event arrives twice: {other:?}"),
        }
        let probe = hex::encode(hmac_sha256(SECRET.as_bytes(), format!("{}:", support::NOW).as_bytes()));
        let step = send(&proxy, "GET", "", &probe);
        assert!(matches!(step, Step::Continue(_) | Step::Answer(_)), "{step:?}");
    }
}

#[test]
fn a_handshake_is_distinguished_from_events() {
    let mut own = answering("{body}", "{token}");
    let rule = |proof: &str| json!({ "method": ["GET", "POST"], "proof": proof, "answer": { "status": 200 } });
    for proof in ["none", "first"] {
        own["verify"]["handshake"] = rule(proof);
        assert!(problems(&sources(&[own.clone()])).contains("every POST"), "{proof}");
    }
    own["verify"]["handshake"]["when"] = json!([["{header:X-Ping}", "1"]]);
    assert_eq!(problems(&sources(&[own.clone()])), "");
    own["verify"]["handshake"] = json!({ "method": "GET", "proof": "none", "answer": { "status": 200 } });
    let warnings = |source: &Value| {
        let loaded = try_load(sources(std::slice::from_ref(source)).to_string().as_bytes())
            .unwrap_or_else(|said| panic!("{said:?}"));
        loaded.warnings.iter().map(ToString::to_string).filter(|said| said.contains("handshake")).count()
    };
    assert_eq!(warnings(&own), 0);
    assert_eq!(warnings(&with(own.clone(), "methods", json!(["POST"]))), 0);
    assert_eq!(warnings(&with(own, "methods", json!(["GET", "POST"]))), 1);
}

#[test]
fn a_value_of_a_handshake_is_no_placeholder() {
    for value in ["${META_VERIFY_TOKEN}", "env:META_VERIFY_TOKEN", "changeme", "<token>"] {
        for option in [json!({ "verify_token": value }), json!({ "verify_token": ["our-verify-token", value] })] {
            let meta = with(source("meta", "/hooks/meta", provider("meta", &[SECRET])), "handshake", option);
            assert!(problems(&sources(&[meta])).contains("placeholder"), "{value}");
        }
    }
}

#[test]
fn secrets_that_are_not_visible_are_not_taken_for_one() {
    let secret = |name: &str| json!([{ "env": name }]);
    let check = |provider: &str, name: &str| json!({ "provider": provider, "secrets": secret(name) });
    let x = with(source("x", "/hooks/x", check("x-twitter", "ONE")), "handshake", json!(true));
    let config = sources(&[x, source("gh", "/hooks/gh", check("github", "TWO"))]).to_string();
    let unseen = hookwarden::config::load(config.as_bytes(), &|_| Some(hookwarden::config::UNSEEN.to_owned()));
    assert!(unseen.is_ok());
    let same = hookwarden::config::load(config.as_bytes(), &|_| Some("one-secret-for-everything".to_owned()));
    assert!(same.is_err());
}

/// A host that reads its buffer once, and fails from then on.
struct Once<'a>(&'a [u8], Cell<bool>);

impl BodyBuffer for Once<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&self, start: usize, len: usize) -> Option<Vec<u8>> {
        let end = start.saturating_add(len).min(self.0.len());
        if self.1.replace(true) { None } else { self.0.get(start..end).map(<[u8]>::to_vec) }
    }
}

#[test]
fn a_handshake_that_cannot_be_read_is_not_forwarded_as_an_event() {
    let policy = loaded(with(source("slack", "/hooks/slack", provider("slack", &[SECRET])), "handshake", json!(true)));
    let body = br#"{"type":"url_verification","challenge":"abcdefgh"}"#;
    let signed = [format!("v0:{}:", support::NOW).as_bytes(), body].concat();
    let sent = Sent::post("/hooks/slack")
        .header("X-Slack-Request-Timestamp", support::NOW.to_string())
        .header("X-Slack-Signature", format!("v0={}", hex::encode(hmac_sha256(SECRET.as_bytes(), &signed))))
        .body(body);
    assert_eq!(answered(&policy, &sent), "abcdefgh");
    let context = context(sent.now);
    let mut exchange = begin(policy);
    assert_eq!(exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context), Step::Hold);
    match exchange.on_body(&Once(body, Cell::new(false)), true, &context) {
        Step::Deny(record) => assert_eq!(record.denial().map(hookwarden::verify::Denial::code), Some("host_failure")),
        other => panic!("{other:?}"),
    }
}
