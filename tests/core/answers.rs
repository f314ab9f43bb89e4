//! When a refusal is answered: not so early that its timing reveals something about the secrets.

use std::cell::Cell;
use std::rc::Rc;

use hookwarden::config::Policy;
use hookwarden::filter::{BodyBuffer, Exchange};
use hookwarden::report::{self, Reply};
use hookwarden::step::{Record, Step};
use hookwarden::verify::{Request, borrowed};
use serde_json::{Value, json};

use crate::delivery::{Delivery, deliver, is_decided_by_headers};
use crate::support::{Sent, begin, context, hmac_sha256, literal, policy, provider, source, sources, with};
use crate::vector::{Form, Vector, providers};

const SECRET: &str = "a-secret-of-sixteen-or-more";
const OTHER: &str = "another-secret-of-sixteen";

/// What a caller sees after each piece of the body, and what was read of the body.
#[derive(Debug, PartialEq)]
struct Seen {
    steps: Vec<&'static str>,
    reply: Option<Reply>,
    read: Vec<(usize, usize)>,
}

/// A body that remembers what was read of it.
struct Watched<'a> {
    bytes: &'a [u8],
    read: &'a Cell<Vec<(usize, usize)>>,
}

impl BodyBuffer for Watched<'_> {
    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn read(&self, start: usize, len: usize) -> Option<Vec<u8>> {
        let mut read = self.read.take();
        read.push((start, len));
        self.read.set(read);
        self.bytes.get(start..start + len).map(<[u8]>::to_vec)
    }
}

/// Sends a request in pieces of `piece` bytes, and returns what its caller sees and what is recorded.
fn watch(policy: &Rc<Policy>, sent: &Sent, piece: usize) -> (Seen, Record) {
    let mut exchange = begin(Rc::clone(policy));
    let read = Cell::new(Vec::new());
    let mut seen = Seen { steps: Vec::new(), reply: None, read: Vec::new() };
    let mut recorded = None;
    let mut take = |step: Step, exchange: &Exchange, seen: &mut Seen| {
        let (word, record) = match step {
            Step::Hold => ("hold", None),
            Step::Deny(record) => ("deny", Some(record)),
            Step::Continue(passage) => ("continue", passage.into_parts().1),
            Step::Call(_) => ("call", None),
            Step::Answer(answer) => ("answer", answer.record),
        };
        seen.steps.push(word);
        if let Some(record) = record {
            let denial = record.denial().expect("it is refused");
            seen.reply = Some(report::reply(record.refusal(denial), exchange.source().map(Rc::as_ref)));
            recorded = Some(record);
        }
    };
    let step = exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context(sent.now));
    take(step, &exchange, &mut seen);
    let mut at = 0;
    while at < sent.body.len() {
        at = (at + piece).min(sent.body.len());
        let body = Watched { bytes: &sent.body[..at], read: &read };
        let step = exchange.on_body(&body, at == sent.body.len(), &context(sent.now));
        take(step, &exchange, &mut seen);
    }
    seen.read = read.take();
    (seen, recorded.unwrap_or_else(|| panic!("no verdict on {sent:?}")))
}

fn lists(name: &str, by: (&str, Value)) -> Value {
    let lists = json!({ "acme": literal(&[SECRET]), "globex": literal(&[OTHER]) });
    json!({ "provider": name, "secrets_by": { by.0: by.1, "secrets": lists } })
}

/// Pairs of requests that a stranger must not be able to distinguish: the first uses a configured name, or passes one
/// check; the second does not. Neither verifies.
fn pairs() -> Vec<(&'static str, Value, Sent, Sent)> {
    let body = vec![b'x'; 1000];
    let forged = |target: &str| Sent::post(target).header("X-Webhook-Signature", "00".repeat(32)).body(&body);
    let tenant = |tenant: &str| forged(&format!("/hook/{tenant}"));
    let event = |event: &str| forged("/hook/a").header("X-Event", event);
    let password = |token: &str| {
        let sent = Sent::token("/hook/a", token).header("X-Hub-Signature-256", format!("sha256={}", "0".repeat(64)));
        sent.body(&body)
    };
    // A scheme that reads the body whole.
    let form = |tenant: &str| {
        let sent = Sent::post("/hook/a").header("content-type", "application/x-www-form-urlencoded");
        let sent = sent.header("X-Event", tenant);
        sent.body(format!("timestamp=1700000000&token=abc&signature={}", "0".repeat(64)))
    };
    vec![
        ("secret_unknown", lists("generic-hmac", ("path_segment", json!(1))), tenant("acme"), tenant("initech")),
        ("secret_unknown", lists("generic-hmac", ("header", json!("X-Event"))), event("acme"), event("nope")),
        ("secret_unknown", lists("generic-hmac", ("header", json!("X-Event"))), event("globex"), forged("/hook/a")),
        ("secret_unknown", lists("mailgun-form", ("header", json!("X-Event"))), form("acme"), form("nope")),
        (
            "credential_mismatch",
            json!([provider("bearer", &[OTHER]), provider("github", &[SECRET])]),
            password(OTHER),
            password("wrong"),
        ),
        (
            "credential_mismatch",
            json!([provider("github", &[SECRET]), provider("bearer", &[OTHER])]),
            password(OTHER),
            password("wrong"),
        ),
    ]
}

#[test]
fn known_and_unknown_names_get_the_same_answer_at_the_same_time_for_the_same_work() {
    for (code, verify, known, unknown) in pairs() {
        let config = sources(&[source("hook", "/hook/*", verify)]);
        for config in [config.clone(), with(config, "body_hold", json!("chain"))] {
            let policy = policy(&config);
            for piece in [1000, 999, 400, 1] {
                let (known, known_record) = watch(&policy, &known, piece);
                let (unknown, unknown_record) = watch(&policy, &unknown, piece);
                assert_eq!(unknown, known, "{code}\n{config:#}");
                assert_eq!(unknown.steps.last(), Some(&"deny"), "{code}");
                assert_eq!(unknown.steps.iter().filter(|step| **step == "deny").count(), 1, "{code}");
                assert!(!known.read.is_empty(), "{code}: it is hashed");
                assert_eq!(unknown_record.denial().map(|denial| denial.code()), Some(code));
                assert_ne!(known_record.denial(), unknown_record.denial(), "inside, they differ");
                assert_eq!(known_record.hashed, unknown_record.hashed);
            }
        }
    }
}

#[test]
fn a_request_with_an_unknown_name_is_not_verified_by_any_configured_secret() {
    for name in ["acme", "globex"] {
        let policy = policy(&sources(&[source("hook", "/hook/*", lists("generic-hmac", ("path_segment", json!(1))))]));
        let sign = |tenant: &str, secret: &str| {
            let tag = hex::encode(hmac_sha256(secret.as_bytes(), b"body"));
            Sent::post(&format!("/hook/{tenant}")).header("X-Webhook-Signature", tag).body("body")
        };
        let code = |sent: &Sent| deliver(&policy, sent, &Delivery::whole()).code;
        let (own, other) = if name == "acme" { (SECRET, OTHER) } else { (OTHER, SECRET) };
        assert_eq!(code(&sign(name, own)), "verified");
        assert_eq!(code(&sign(name, other)), "signature_mismatch");
        assert_eq!(code(&sign("initech", own)), "secret_unknown");
        assert_eq!(code(&sign("initech", other)), "secret_unknown");
    }
    // Also if the headers alone verify a request.
    let bearer = policy(&sources(&[source("hook", "/hook/*", lists("bearer", ("path_segment", json!(1))))]));
    for secret in [SECRET, OTHER] {
        let verdict = deliver(&bearer, &Sent::token("/hook/initech", secret).body("body"), &Delivery::whole());
        assert_eq!(verdict.code, "secret_unknown");
    }
}

#[test]
fn a_refusal_is_immediate_if_no_check_needs_the_body() {
    for verify in [
        provider("bearer", &[SECRET]),
        json!([provider("bearer", &[SECRET]), { "scheme": { "credential": { "header": "X-Token" } }, "secrets": literal(&[OTHER]) }]),
        lists("bearer", ("path_segment", json!(1))),
    ] {
        let policy = policy(&sources(&[source("hook", "/hook/*", verify)]));
        assert!(is_decided_by_headers(&policy, &Sent::token("/hook/a", "wrong").body("body")));
    }
}

#[test]
fn a_refusal_is_immediate_if_the_source_says_so() {
    for (code, verify, _, unknown) in pairs() {
        let source = with(source("hook", "/hook/*", verify), "insecure_early_denial", json!(true));
        let policy = policy(&sources(&[source]));
        let (seen, record) = watch(&policy, &unknown, 1000);
        assert_eq!(seen.steps.first(), Some(&"deny"), "{code}");
        assert_eq!(seen.read, [], "{code}");
        assert_eq!(record.denial().map(|denial| denial.code()), Some(code));
    }
}

#[test]
fn a_request_without_a_body_is_answered_immediately() {
    for (code, verify, _, unknown) in pairs() {
        let policy = policy(&sources(&[source("hook", "/hook/*", verify)]));
        let mut exchange = begin(Rc::clone(&policy));
        let step = exchange.on_headers(Request::new(&borrowed(&unknown.headers)), true, &context(unknown.now));
        let Step::Deny(record) = step else { panic!("{code}: {step:?}") };
        assert_eq!(record.denial().map(|denial| denial.code()), Some(code));
    }
}

#[test]
fn an_observing_source_records_a_denial_as_soon_as_the_headers_decide_it() {
    for (code, verify, _, unknown) in pairs() {
        let observed = with(source("hook", "/hook/*", verify), "mode", json!("observe"));
        let policy = policy(&sources(&[observed]));
        let (seen, record) = watch(&policy, &unknown, 1000);
        assert_eq!(seen.steps, ["continue"; 2][..seen.steps.len().min(2)]);
        assert_eq!(record.denial().map(|denial| denial.code()), Some(code));
        assert_eq!(seen.read, [], "{code}");
    }
}

#[test]
fn a_malformed_body_is_reported_whichever_check_fails() {
    // A denial with its own answer must not depend on whether the password was right.
    let verify = json!([provider("bearer", &[OTHER]), provider("github", &[SECRET])]);
    let limited = with(source("hook", "/hook", verify), "max_body_bytes", json!(10));
    let policy = policy(&sources(&[limited]));
    let sent = |token: &str, body: &str| {
        Sent::github("/hook", "wrong", body).header("Authorization", format!("Bearer {token}"))
    };
    for (body, length, code) in
        [("more than ten bytes", None, "body_too_large"), ("four", Some("9"), "content_length_mismatch")]
    {
        let with_length = |sent: Sent| match length {
            Some(length) => sent.header("content-length", length),
            None => sent,
        };
        let (right, record) = watch(&policy, &with_length(sent(OTHER, body)), 3);
        let (wrong, other) = watch(&policy, &with_length(sent("wrong", body)), 3);
        assert_eq!(right, wrong);
        assert_eq!([record.denial(), other.denial()].map(|denial| denial.map(|denial| denial.code())), [Some(code); 2]);
    }
}

#[test]
fn a_body_too_long_to_be_read_whole_is_reported_whichever_check_fails() {
    let verify = json!([provider("bearer", &[OTHER]), provider("mailgun-form", &[SECRET])]);
    let policy = policy(&sources(&[source("hook", "/hook", verify)]));
    let body = vec![b'x'; 16 * 1024 * 1024 + 1];
    for token in [OTHER, "wrong"] {
        let sent = Sent::token("/hook", token).header("content-type", "application/x-www-form-urlencoded").body(&body);
        let (seen, record) = watch(&policy, &sent, body.len());
        assert_eq!(record.denial().map(|denial| denial.code()), Some("body_too_large"), "{token}");
        assert_eq!(seen.reply.map(|reply| reply.status), Some(413));
    }
}

#[test]
fn a_proof_that_needs_the_body_is_refused_only_after_the_body() {
    let mut waited = 0;
    for provider in providers() {
        // A source refuses an encoding that it does not accept before verification.
        let is_of_the_proof = |vector: &&Vector| !vector.is_valid() && vector.expect != "content_encoding";
        for vector in provider.vectors.iter().filter(is_of_the_proof).filter(|vector| !vector.sent.body.is_empty()) {
            let policy = policy(&provider.config(vector, Form::ByName));
            let needs_body = policy.sources[0].requirement.as_ref().is_some_and(|requirement| requirement.needs_body());
            let at_once = is_decided_by_headers(&policy, &vector.sent);
            assert_eq!(at_once, !needs_body, "{}: {}", provider.name, vector.case);
            waited += usize::from(needs_body);
        }
    }
    assert!(waited > 1000 || std::env::var_os("PROVIDER").is_some(), "{waited}");
}

#[test]
fn tokens_and_head_signatures_are_always_refused_after_the_body() {
    let encode = |text: &[u8]| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
    };
    let jwt = json!({ "at": "header:Authorization", "prefix": "Bearer", "algorithms": ["HS256"], "timeless": true,
        "claims": { "sub": "right", "body": "{body|sha256|hex}" } });
    let policy = policy(&sources(&[source(
        "hook",
        "/hook",
        json!({ "scheme": { "jwt": jwt }, "secrets": literal(&[SECRET]) }),
    )]));
    let signed = [encode(br#"{"alg":"HS256"}"#), encode(br#"{"sub":"right","body":"00"}"#)].join(".");
    let token = |secret: &str| {
        let tag = encode(&hmac_sha256(secret.as_bytes(), signed.as_bytes()));
        Sent::token("/hook", &format!("{signed}.{tag}")).body("body")
    };
    let (right, right_record) = watch(&policy, &token(SECRET), 3);
    for sent in [token(OTHER), Sent::token("/hook", "no.token.atall").body("body"), Sent::post("/hook").body("body")] {
        let (wrong, record) = watch(&policy, &sent, 3);
        assert_eq!((&wrong.steps, &wrong.reply), (&right.steps, &right.reply));
        assert_ne!(record.denial(), right_record.denial());
    }
}

/// A name whose secrets have all expired is still configured. Only the record shows it.
#[test]
fn no_answer_reveals_a_name_whose_secrets_have_expired() {
    let scheme = json!({ "signature": { "header": "X-Signature", "encoding": "hex" }, "algorithm": "hmac-sha256",
        "signed": "{body}", "content_encoding": "signed-decoded" });
    let gone = json!([{ "id": "gone", "value": OTHER, "not_after": "2001-01-01T00:00:00Z" }]);
    // Whichever list comes first.
    for expired in ["aardvark", "zebra"] {
        let lists = json!({ "acme": literal(&[SECRET]), (expired): gone });
        let verify = json!({ "scheme": scheme, "secrets_by": { "path_segment": 1, "secrets": lists } });
        let limited = with(source("hook", "/hook/*", verify), "flood_limit", json!({ "failures": 3, "per": "1m" }));
        let policy = policy(&sources(&[limited]));
        for coding in ["identity", "gzip", "gzip, gzip", "compress"] {
            let see = |tenant: &str| {
                let sent = Sent::post(&format!("/hook/{tenant}")).header("X-Signature", "00".repeat(32));
                watch(&policy, &sent.header("content-encoding", coding).body(vec![b'x'; 1000]), 100)
            };
            let (known, _) = see("acme");
            for (tenant, code) in [(expired, "secret_inactive"), ("initech", "secret_unknown")] {
                let (seen, record) = see(tenant);
                assert_eq!(seen, known, "{tenant}, {coding}, where {expired} is out of date");
                let reason = record.denial().expect("it is refused").code();
                assert_eq!(reason == code, matches!(coding, "identity" | "gzip"), "{tenant}, {coding}: {reason}");
            }
        }
    }
}

/// A name that is not configured is checked against another list, whose outcome counts for nothing.
#[test]
fn a_name_that_is_not_configured_is_refused_as_that_unless_the_body_itself_is_wrong() {
    let by_tenant = |scheme: Value| {
        json!({ "scheme": scheme, "secrets_by": { "header": "X-Tenant",
            "secrets": { "known": literal(&[SECRET]) } } })
    };
    let hmac = |signed: &str| json!({ "algorithm": "hmac-sha256", "signature": { "header": "X-Tag", "encoding": "hex" }, "signed": signed });
    let code = |verify: Value, sent: &Sent| {
        deliver(&policy(&sources(&[source("hook", "/hook", verify)])), sent, &Delivery::whole()).code
    };
    let sent = |tenant: &str| Sent::post("/hook").header("X-Tenant", tenant).header("X-Tag", "00".repeat(32));
    // A compressed body whose text is too long.
    let mut decoded = hmac("{body}");
    decoded["content_encoding"] = json!("signed-decoded");
    let bomb = [
        &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..],
        &miniz_oxide::deflate::compress_to_vec(&vec![0; 1024 * 1024 + 1], 6),
    ]
    .concat();
    for tenant in ["known", "unknown"] {
        let sent = sent(tenant).header("content-encoding", "gzip").body(&bomb);
        assert_eq!(code(by_tenant(decoded.clone()), &sent), "body_inflation", "{tenant}");
    }
    // Another check that would do, and has more to say than that the name is unknown, and less than a wrong signature.
    let other = json!({ "scheme": hmac("{json:id}"), "secrets": literal(&[SECRET]) });
    let either = json!({ "any": [by_tenant(hmac("{body}")), other] });
    assert_eq!(code(either.clone(), &sent("known").body("no JSON")), "signature_mismatch");
    assert_eq!(code(either, &sent("unknown").body("no JSON")), "body_malformed");
}
