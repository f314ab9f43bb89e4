//! Several secrets: which one matches, which matched last, and when they are valid.

use std::cell::Cell;
use std::rc::Rc;

use hookwarden::config::Policy;
use hookwarden::filter::BodyBuffer;
use hookwarden::step::{Outcome, Step};
use hookwarden::verify::key::key_form::{KeyEncoding, KeyError, KeyForm};
use hookwarden::verify::key::keyring::Keyring;
use hookwarden::verify::key::secret::{Key, Secret, SecretText, Validity};
use hookwarden::verify::key::secrets::Secrets;
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::primitives::token::is_any_of;
use hookwarden::verify::request::Rereading;
use hookwarden::verify::scheme::Scheme;
use hookwarden::verify::scheme::signature::Location;
use hookwarden::verify::{Denial, Proof, Request, borrowed};
use serde_json::{Value, json};

use crate::delivery::{Delivery, Ending, deliver};
use crate::support::{self, NOW, Sent, begin, context, policy, provider, source, sources, with};

const SECRETS: [&str; 4] =
    ["first-secret-of-four", "second-secret-of-four", "third-secret-of-four", "fourth-secret-of-four"];

/// A request with this secret and this body.
type Sender = fn(&str, &str) -> Sent;

fn modes(verify: &Value) -> Vec<Value> {
    let plain = sources(&[source("hook", "/hook", verify.clone())]);
    let observed = sources(&[with(source("hook", "/hook", verify.clone()), "mode", json!("observe"))]);
    vec![plain.clone(), with(plain, "body_hold", json!("chain")), observed]
}

fn secret_that_matched(policy: &Rc<Policy>, sent: &Sent, delivery: &Delivery) -> Option<String> {
    let verdict = deliver(policy, sent, delivery);
    verdict.record.matches.first().map(|found| found.secret_id().to_string())
}

#[test]
fn every_secret_matches_whichever_matched_last() {
    let body = "a body of some forty bytes, cut anywhere";
    let ways = [
        Delivery::whole(),
        Delivery::cut_at(&[1, 20]),
        Delivery::cut_at(&[39]).ending(Ending::EmptyPiece),
        Delivery::cut_at(&[7]).ending(Ending::Trailers),
    ];
    let kinds: [(&str, Sender); 2] = [
        ("github", |secret, body| Sent::github("/hook", secret, body)),
        ("bearer", |secret, body| Sent::token("/hook", secret).body(body)),
    ];
    for (name, sent) in kinds {
        for config in modes(&provider(name, &SECRETS)) {
            for last in [None, Some(0), Some(1), Some(2), Some(3)] {
                for (position, secret) in SECRETS.iter().enumerate() {
                    for way in &ways {
                        let policy = policy(&config);
                        if let Some(last) = last {
                            let id = secret_that_matched(&policy, &sent(SECRETS[last], body), way);
                            assert_eq!(id, Some((last + 1).to_string()));
                        }
                        let id = secret_that_matched(&policy, &sent(secret, body), way);
                        assert_eq!(id, Some((position + 1).to_string()), "{name}, after {last:?}, {way:?}\n{config:#}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_forgery_does_not_change_which_secret_is_tried_first() {
    let policy = policy(&modes(&provider("github", &SECRETS))[0]);
    let body = [b'x'; 100];
    assert_eq!(bytes_read(&policy, &Sent::github("/hook", SECRETS[2], body)), ("verified", 200));
    assert_eq!(bytes_read(&policy, &Sent::github("/hook", "nobody's secret", body)), ("signature_mismatch", 200));
    assert_eq!(bytes_read(&policy, &Sent::github("/hook", SECRETS[2], body)), ("verified", 100));
}

#[test]
fn a_body_is_read_once_if_the_secret_that_matched_last_matches_again() {
    let policy = policy(&modes(&provider("github", &SECRETS))[0]);
    let body = [b'x'; 1000];
    assert_eq!(bytes_read(&policy, &Sent::github("/hook", SECRETS[0], body)), ("verified", 1000));
    assert_eq!(bytes_read(&policy, &Sent::github("/hook", SECRETS[3], body)), ("verified", 2000));
    assert_eq!(bytes_read(&policy, &Sent::github("/hook", SECRETS[3], body)), ("verified", 1000));
}

#[test]
fn a_body_that_no_check_needs_is_not_read() {
    let policy = policy(&modes(&provider("bearer", &SECRETS))[0]);
    let sent = Sent::token("/hook", SECRETS[1]).body([b'x'; 1000]);
    assert_eq!(bytes_read(&policy, &sent), ("verified", 0));
}

#[test]
fn an_observed_body_is_read_once_with_several_secrets() {
    let policy = policy(&modes(&provider("github", &SECRETS))[2]);
    assert_eq!(bytes_read(&policy, &Sent::github("/hook", SECRETS[3], [b'x'; 1000])), ("verified", 1000));
}

struct Counting<'a> {
    bytes: &'a [u8],
    read: Cell<usize>,
}

impl BodyBuffer for Counting<'_> {
    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn read(&self, start: usize, len: usize) -> Option<Vec<u8>> {
        self.read.set(self.read.get() + len);
        self.bytes.get(start..start + len).map(<[u8]>::to_vec)
    }
}

/// The verdict on a request in one piece, and how many bytes of its body were read from the host.
fn bytes_read(policy: &Rc<Policy>, sent: &Sent) -> (&'static str, usize) {
    let mut exchange = begin(Rc::clone(policy));
    let mut steps = vec![exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context(sent.now))];
    let body = Counting { bytes: &sent.body, read: Cell::new(0) };
    steps.push(exchange.on_body(&body, true, &context(sent.now)));
    let outcomes = steps.into_iter().filter_map(|step| match step {
        Step::Continue(passage) => passage.into_parts().1.map(|record| record.outcome),
        Step::Deny(record) => Some(record.outcome),
        Step::Hold | Step::Call(_) | Step::Answer(_) => None,
    });
    let code = match outcomes.last().expect("there is a verdict") {
        Outcome::Denied(denial) | Outcome::Observed(denial) => denial.code(),
        Outcome::Passed | Outcome::Handshake | Outcome::Unmatched => "verified",
    };
    (code, body.read.get())
}

#[test]
fn a_secret_is_valid_from_its_first_second_to_its_last() {
    // 2023-11-14T22:13:20Z is the test's NOW.
    let secret =
        json!({ "value": SECRETS[0], "not_before": "2023-11-14T22:13:20Z", "not_after": "2023-11-14T22:13:30Z" });
    for name in ["github", "bearer"] {
        let policy = policy(&sources(&[source("hook", "/hook", json!({ "provider": name, "secrets": [secret] }))]));
        let sent = match name {
            "github" => Sent::github("/hook", SECRETS[0], "body"),
            _ => Sent::token("/hook", SECRETS[0]),
        };
        for (now, expect) in
            [(NOW - 1, "secret_inactive"), (NOW, "verified"), (NOW + 10, "verified"), (NOW + 11, "secret_inactive")]
        {
            assert_eq!(deliver(&policy, &sent.clone().at(now), &Delivery::whole()).code, expect, "{name} at {now}");
        }
    }
}

#[test]
fn an_expired_secret_matches_nothing_while_another_is_valid() {
    let secrets = json!([
        { "id": "new", "value": SECRETS[0] },
        { "id": "old", "value": SECRETS[1], "not_after": "2023-11-14T22:13:20Z" },
    ]);
    for config in modes(&json!({ "provider": "github", "secrets": secrets })) {
        let policy = policy(&config);
        let old = Sent::github("/hook", SECRETS[1], "body");
        assert_eq!(secret_that_matched(&policy, &old, &Delivery::whole()).as_deref(), Some("old"));
        // The old one matched last; it must not be tried first once it has expired.
        let late = old.at(NOW + 1);
        assert_eq!(deliver(&policy, &late, &Delivery::whole()).code, "signature_mismatch");
        let new = Sent::github("/hook", SECRETS[0], "body").at(NOW + 1);
        assert_eq!(secret_that_matched(&policy, &new, &Delivery::whole()).as_deref(), Some("new"));
    }
}

/// A secret may expire while the body arrives. The time of the verdict counts.
#[test]
fn a_secret_that_expires_while_the_body_arrives_causes_no_host_failure() {
    let secrets = json!([{ "value": SECRETS[0], "not_after": "2023-11-14T22:13:20Z" }]);
    let policy = policy(&modes(&json!({ "provider": "github", "secrets": secrets }))[0]);
    for secret in [SECRETS[0], SECRETS[1]] {
        let sent = Sent::github("/hook", secret, "body");
        let mut exchange = begin(Rc::clone(&policy));
        assert_eq!(exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context(sent.now)), Step::Hold);
        let body = Counting { bytes: &sent.body, read: Cell::new(0) };
        let late = sent.clone().at(NOW + 1).now;
        match exchange.on_body(&body, true, &context(late)) {
            // Chosen at the beginning, or judged at the end: both are acceptable, and nothing else is.
            Step::Continue(_) => assert_eq!(secret, SECRETS[0]),
            Step::Deny(record) => {
                let code = record.denial().map(hookwarden::verify::Denial::code);
                assert!(matches!(code, Some("secret_inactive" | "signature_mismatch")), "{code:?}");
            }
            Step::Hold | Step::Call(_) | Step::Answer(_) => panic!("no verdict"),
        }
    }
}

fn by_event(lists: Value) -> Value {
    json!({ "provider": "servicestack", "secrets_by": { "header": "X-Webhook-Event", "secrets": lists } })
}

fn servicestack(event: &str, secret: &str) -> Sent {
    let tag = support::hmac_sha256(secret.as_bytes(), b"body");
    Sent::post("/hook")
        .header("x-webhook-event", event)
        .header("X-Hub-Signature", format!("sha1={}", hex::encode(tag)))
        .body("body")
}

#[test]
fn the_event_chooses_the_secrets() {
    let lists = json!({ "order.created": [{ "value": SECRETS[0] }, { "value": SECRETS[1] }], "order.paid": [{ "id": "paid", "value": SECRETS[2] }] });
    for config in modes(&by_event(lists)) {
        let policy = policy(&config);
        let code = |sent: &Sent| deliver(&policy, sent, &Delivery::whole()).code;
        assert_eq!(code(&servicestack("order.created", SECRETS[0])), "verified");
        assert_eq!(code(&servicestack("order.created", SECRETS[1])), "verified");
        assert_eq!(code(&servicestack("order.paid", SECRETS[2])), "verified");
        assert_eq!(code(&servicestack("order.paid", SECRETS[0])), "signature_mismatch", "another event's secret");
        assert_eq!(code(&servicestack("order.created", SECRETS[2])), "signature_mismatch", "another event's secret");
        for unknown in ["order.deleted", "", "ORDER.PAID", "order.paid ", "order.created, order.paid"] {
            assert_eq!(code(&servicestack(unknown, SECRETS[2])), "secret_unknown", "{unknown:?}");
        }
        let twice = servicestack("order.paid", SECRETS[2]).header("X-Webhook-Event", "order.paid");
        assert_eq!(code(&twice), "secret_unknown", "a repeated name does not count");
        let mut missing = servicestack("order.paid", SECRETS[2]);
        missing.headers.retain(|(name, _)| name != "x-webhook-event");
        assert_eq!(code(&missing), "secret_unknown");
        let mut no_text = servicestack("order.paid", SECRETS[2]);
        no_text
            .headers
            .iter_mut()
            .filter(|(name, _)| name == "x-webhook-event")
            .for_each(|(_, value)| value.push(0xff));
        assert_eq!(code(&no_text), "secret_unknown");
    }
}

#[test]
fn a_segment_of_the_path_chooses_the_secrets() {
    let verify = json!({ "provider": "github", "secrets_by": { "path_segment": 1, "secrets": {
        "acme": [{ "value": SECRETS[0] }], "umbrella": [{ "value": SECRETS[1] }] } } });
    let policy = policy(&sources(&[source("hook", "/tenants/*", verify)]));
    let code =
        |target: &str, secret: &str| deliver(&policy, &Sent::github(target, secret, "body"), &Delivery::whole()).code;
    assert_eq!(code("/tenants/acme", SECRETS[0]), "verified");
    assert_eq!(code("/tenants/acme/github?x=1", SECRETS[0]), "verified");
    assert_eq!(code("/tenants/umbrella/github", SECRETS[1]), "verified");
    assert_eq!(code("/tenants/umbrella/github", SECRETS[0]), "signature_mismatch");
    assert_eq!(code("/tenants/nobody", SECRETS[0]), "secret_unknown");
    assert_eq!(code("/tenants/?acme", SECRETS[0]), "secret_unknown");
    assert_eq!(code("/tenants/a%2fcme", SECRETS[0]), "ambiguous_path");
}

#[test]
fn a_header_chooses_the_public_keys() {
    use crate::vector::providers;
    let provider = providers().into_iter().find(|provider| provider.name == "kick");
    let Some(provider) = provider else { return };
    let vector = provider.vectors.iter().find(|vector| vector.is_valid()).expect("a valid vector");
    let other = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAj2BS88qotzbCLBM8UqFLrCKq2r7p+/ZpAJEMpEVNz1SciQGoVrnvOU6/AWsCpqf+Xo7XKQLdwzbHPrEwwkAQ7rDLeshep8tWHMF0aQ/CiMpJSNF4vj1WE9UbDqyjEZLgePOGovemGmtqkkNOMOubu56JQ4+ia84TvdEhBIpnfBLlgUTcFjHs97nNQaw2jjHs4XWQVMx5tN6xQCin+MgqGDwXdRql8KqVua4t2PZvIDKHgqf+/WddzWZNK1SW2wbNTV9NXVG7ks/xT3ZHIYnhrfL501nO46GXL/W4+a4W9isTbrE581vKFoU81zAGdsdvXblTe7sTt2m6PW5V11x3yQIDAQAB";
    let key = |text: &str| json!([{ "value": text }]);
    let verify = json!({ "provider": "kick", "keys_by": { "header": "X-Serial", "keys": {
        "4F21": key(&vector.secrets[0]), "0000": key(other) } } });
    let policy = policy(&sources(&[source("hook", &vector.path, verify)]));
    let code = |serials: &[&str]| {
        let sent = serials.iter().fold(vector.sent.clone(), |sent, serial| sent.header("x-serial", serial));
        deliver(&policy, &sent, &Delivery::whole()).code
    };
    assert_eq!(code(&["4F21"]), "verified");
    assert_eq!(code(&["0000"]), "signature_mismatch", "another key's name");
    for unknown in [&["4f21"][..], &["4F22"], &[""], &[], &["4F21", "4F21"], &["4F21, 0000"]] {
        assert_eq!(code(unknown), "secret_unknown", "{unknown:?}");
    }
}

/// A scheme with this key form.
fn keyed(key: Value) -> Rc<Policy> {
    let scheme = json!({ "algorithm": "hmac-sha256", "signature": { "header": "X-Tag", "encoding": "hex" },
        "signed": "{body}", "key": key });
    let check =
        json!({ "scheme": scheme, "secrets": support::literal(&["whsec_YS1zZWNyZXQtb2Ytc2l4dGVlbi1vci1tb3Jl"]) });
    policy(&sources(&[source("hook", "/hook", check)]))
}

#[test]
fn two_spellings_of_a_key_are_equal_and_its_length_is_that_of_the_decoded_bytes() {
    let text = json!({ "encoding": "text" });
    let base64 = json!({ "encoding": "base64", "optional_prefix": "whsec_" });
    let either = json!({ "encoding": "base64-or-text", "optional_prefix": "whsec_" });
    for (key, one, other, same, length) in [
        (&text, "YWJj", "YWJj", true, None),
        (&text, "YWJj", "YWJk", false, None),
        (&base64, "whsec_YWJj", "YWJj", true, Some(3)),
        (&base64, "whsec_YWJj", "YWJk", false, Some(3)),
        (&base64, "YWJjZA==", "YWJjZA", true, Some(4)),
        (&either, "whsec_YWJj", "abc", true, Some(3)),
        (&either, "YWJj", "abc", false, None),
        (&either, "whsec_YWJj", "YWJj", false, Some(3)),
    ] {
        let policy = keyed(key.clone());
        let requirement = policy.sources[0].requirement.as_ref().expect("it has a secret");
        let scheme = requirement.checks().next().expect("a check").scheme();
        assert_eq!(scheme.is_same_key(one, other), same, "{one} and {other} as {key}");
        assert_eq!(scheme.key_len(one), length, "{one} as {key}");
    }
    // Where there is nothing to decode, the texts are compared.
    let bearer = policy(&sources(&[source("hook", "/hook", provider("bearer", &SECRETS[..1]))]));
    let requirement = bearer.sources[0].requirement.as_ref().expect("it has a secret");
    let scheme = requirement.checks().next().expect("a check").scheme();
    assert_eq!(["YWJj", "YWJk"].map(|other| scheme.is_same_key("YWJj", other)), [true, false]);
}

#[test]
fn a_scheme_finds_its_proof_in_a_request() {
    let scheme = |signature: Value| {
        let scheme = json!({ "algorithm": "hmac-sha256", "signature": signature, "signed": "{body}" });
        json!({ "scheme": scheme, "secrets": support::literal(&[SECRETS[0]]) })
    };
    let header = scheme(json!({ "header": "X-Tag", "encoding": "hex" }));
    let query = scheme(json!({ "at": "query:tag", "encoding": "hex" }));
    let body = scheme(json!({ "at": "json:tag", "encoding": "hex" }));
    let jwt = json!({ "jwt": { "at": "header:Authorization", "prefix": "Bearer", "algorithms": ["HS256"] } });
    let jwt = json!({ "scheme": jwt, "secrets": support::literal(&["a-secret-of-thirty-two-or-more-bytes"]) });
    let bearer = provider("bearer", &SECRETS[..1]);
    let plain = Sent::post("/hook").body("{}");
    for (check, presented) in [
        (&header, Some(plain.clone().header("X-Tag", ""))),
        (&query, Some(Sent::post("/hook?tag=1").body("{}"))),
        // A value in the body is not there yet.
        (&body, None),
        (&jwt, Some(plain.clone().header("Authorization", "Bearer x"))),
        (&bearer, Some(plain.clone().header("Authorization", "Bearer x"))),
    ] {
        let policy = policy(&sources(&[source("hook", "/hook", check.clone())]));
        let requirement = policy.sources[0].requirement.as_ref().expect("it has a secret");
        let scheme = requirement.checks().next().expect("a check").scheme();
        assert!(!scheme.is_presented(Request::new(&borrowed(&plain.headers))), "{check:#}");
        assert!(
            !scheme.is_presented(Request::new(&borrowed(&Sent::post("/hook?other=1").header("X-Other", "1").headers)))
        );
        if let Some(sent) = presented {
            assert!(scheme.is_presented(Request::new(&borrowed(&sent.headers))), "{check:#}");
        }
    }
}

#[test]
fn a_pasted_text_is_a_key_in_only_one_form() {
    let form = |encoding: KeyEncoding| KeyForm { optional_prefix: "key_".to_owned(), encoding };
    for (encoding, text, expected) in [
        (KeyEncoding::Text, "a b", Ok(b"a b".to_vec())),
        (KeyEncoding::Text, "key_a", Ok(b"a".to_vec())),
        (KeyEncoding::Text, "", Err(KeyError::Empty)),
        (KeyEncoding::Text, "key_", Err(KeyError::Empty)),
        (KeyEncoding::Sha256, "", Err(KeyError::Empty)),
        (KeyEncoding::TextNfkd, "abc", Ok(b"abc".to_vec())),
        // Text that is already decomposed is unchanged; any other is refused.
        (KeyEncoding::TextNfkd, "e\u{301}", Ok("e\u{301}".as_bytes().to_vec())),
        (KeyEncoding::TextNfkd, "\u{e9}", Err(KeyError::Composed)),
        (KeyEncoding::Base64, "YWJj", Ok(b"abc".to_vec())),
        (KeyEncoding::Base64, "a b!", Err(KeyError::NotBase64)),
        (KeyEncoding::Hex, "6162", Ok(b"ab".to_vec())),
        (KeyEncoding::Hex, "616", Err(KeyError::NotHex)),
        (KeyEncoding::Base64OrText, "key_YWJj", Ok(b"abc".to_vec())),
        (KeyEncoding::Base64OrText, "YWJj", Ok(b"YWJj".to_vec())),
    ] {
        assert_eq!(form(encoding).bytes(text), expected, "{text:?} as {encoding:?}");
    }
}

#[test]
fn a_requirement_lists_every_secret_of_its_source() {
    let policy = policy(&sources(&[source("hook", "/hook", provider("github", &SECRETS))]));
    let requirement = policy.sources[0].requirement.as_ref().expect("it has secrets");
    assert_eq!(requirement.secrets().count(), SECRETS.len());
    let checks: Vec<_> = requirement.checks().map(|check| check.keyring().all().count()).collect();
    assert_eq!(checks, [SECRETS.len()]);
    // One sender with one dialect.
    assert_eq!(
        requirement.selected_dialects(Request::new(&borrowed(&Sent::github("/hook", SECRETS[0], "body").headers))),
        [0]
    );
}

#[test]
fn a_request_is_in_the_dialect_whose_condition_it_meets() {
    let any = json!({ "any": [provider("github", &SECRETS[..1]), provider("sumsub", &SECRETS[..1])] });
    let policy = policy(&sources(&[source("hook", "/hook", any)]));
    let requirement = policy.sources[0].requirement.as_ref().expect("it has secrets");
    let algorithm = |name: &str| Sent::post("/hook").header("X-Payload-Digest-Alg", name);
    let websub = source("hook", "/hook", provider("websub", &SECRETS[..1]));
    let websub = support::policy(&sources(&[websub]));
    let websub = websub.sources[0].requirement.as_ref().expect("it has secrets");
    for (prefix, expected) in [("sha256=", 0), ("sha384=", 1), ("sha512=", 2), ("md5=", 0)] {
        let sent = Sent::post("/hook").header("X-Hub-Signature", format!("{prefix}00"));
        assert_eq!(websub.selected_dialects(Request::new(&borrowed(&sent.headers))), [expected], "{prefix}");
    }
    for (sent, expected) in [
        (algorithm("HMAC_SHA256_HEX"), [0, 0]),
        (algorithm("HMAC_SHA512_HEX"), [0, 1]),
        // In none: the first decides.
        (algorithm("HMAC_SHA1_HEX"), [0, 0]),
        (Sent::post("/hook"), [0, 0]),
    ] {
        assert_eq!(requirement.selected_dialects(Request::new(&borrowed(&sent.headers))), expected, "{sent:?}");
    }
}

/// What a scheme says of itself where its signature is at `place`.
fn signature_at(place: Value, signed: &str, more: &[(&str, Value)]) -> Rc<Policy> {
    let signature = with(place, "encoding", json!("hex"));
    let scheme = json!({ "algorithm": "hmac-sha256", "signature": signature, "signed": signed });
    let scheme = more.iter().fold(scheme, |scheme, (name, member)| with(scheme, name, member.clone()));
    let check = json!({ "scheme": scheme, "secrets": support::literal(&[SECRETS[0]]) });
    policy(&sources(&[source("hook", "/hook", check)]))
}

#[test]
fn a_scheme_waits_for_the_body_and_streams_it_by_what_it_reads() {
    let header = || json!({ "header": "X-Tag" });
    let time = |at: Value| [("timestamp", with(at, "unit", json!("s")))];
    let require = |left: &str, right: &str| [("require", json!([[left, right]]))];
    for (policy, needs_body, streams) in [
        (signature_at(header(), "{header:X-Id}", &[]), false, true),
        (signature_at(header(), "{body}", &[]), true, true),
        (signature_at(header(), "{json:id}", &[]), true, false),
        (signature_at(json!({ "at": "json:tag" }), "{header:X-Id}", &[]), true, false),
        (signature_at(header(), "{timestamp}.{header:X-Id}", &time(json!({ "header": "X-Time" }))), false, true),
        (signature_at(header(), "{timestamp}.{header:X-Id}", &time(json!({ "at": "json:time" }))), true, false),
        (signature_at(header(), "{header:X-Id}", &require("{header:X-A}", "{header:X-B}")), false, true),
        (signature_at(header(), "{header:X-Id}", &require("{json:a}", "{header:X-B}")), true, false),
        (signature_at(header(), "{header:X-Id}", &require("{header:X-A}", "{json:b}")), true, false),
        (signature_at(header(), "{body}", &[("event_id", json!({ "header": "X-Id" }))]), true, true),
        (signature_at(header(), "{body}", &[("event_id", json!({ "at": "json:id" }))]), true, false),
    ] {
        let requirement = policy.sources[0].requirement.as_ref().expect("it has a secret");
        let Scheme::Signature(scheme) = requirement.checks().next().expect("a check").scheme() else {
            panic!("it is a signature")
        };
        assert_eq!((scheme.needs_body(), scheme.streams()), (needs_body, streams), "{scheme:?}");
        assert_eq!(requirement.needs_body(), needs_body, "{scheme:?}");
    }
}

#[test]
fn one_header_with_one_value_presents_one_signature() {
    for (place, expected) in [
        (json!({ "header": "X-Tag" }), true),
        (json!({ "header": "X-Tag", "prefix": "v1=" }), true),
        (json!({ "at": "query:tag" }), true),
        (json!({ "header": ["X-Tag", "X-Tag-Old"] }), false),
        (json!({ "header": "X-Tag-*" }), false),
        (json!({ "header": "X-Tag", "separator": "," }), false),
        (json!({ "header": "X-Tag", "separator": ",", "sets": ";" }), false),
    ] {
        let policy = signature_at(place.clone(), "{body}", &[]);
        let requirement = policy.sources[0].requirement.as_ref().expect("it has a secret");
        let Scheme::Signature(scheme) = requirement.checks().next().expect("a check").scheme() else {
            panic!("it is a signature")
        };
        assert_eq!(scheme.signature.is_single(), expected, "{place}");
        let with_sets = Location { sets: Some(';'), ..scheme.signature.clone() };
        assert!(!with_sets.is_single(), "{place} in sets");
        let after_first = Location { after_first: true, ..scheme.signature.clone() };
        assert!(!after_first.is_single(), "{place} behind something else");
    }
}

#[test]
fn a_tag_that_is_presented_twice_is_presented() {
    let (tag, other) = (b"tag".to_vec(), b"gat".to_vec());
    for (candidates, expected) in [
        (vec![], false),
        (vec![other.clone()], false),
        (vec![tag.clone()], true),
        (vec![tag.clone(), tag.clone()], true),
        (vec![other.clone(), tag.clone(), other], true),
    ] {
        assert_eq!(is_any_of(&tag, &candidates), expected, "{candidates:?}");
    }
}

#[test]
fn a_request_is_verified_by_the_secrets_of_its_start() {
    let policy = policy(&sources(&[source("hook", "/hook", provider("github", &SECRETS[..1]))]));
    let requirement = policy.sources[0].requirement.as_ref().expect("it has secrets");
    let check = requirement.checks().next().expect("it has a check");
    let secret = |id: &str, text: &str| {
        let key = check.scheme().key(text).expect("a key");
        Rc::new(Secret { id: Rc::from(id), key, validity: Validity::default(), events_of: None })
    };
    let sent = Sent::github("/hook", SECRETS[0], "body");
    let begin = || requirement.begin(Request::new(&borrowed(&sent.headers)), sent.now, Rereading::Possible);
    let finish = |mut proof: Proof| {
        proof.update(&sent.body);
        let verified = proof.finish(requirement, &sent.body.as_slice(), sent.now)?;
        Ok(verified.matches()[0].secret_id().to_owned())
    };
    let before = begin();
    check.keyring().replace(0, Secrets::new(vec![secret("other", "another-secret-of-length")]));
    let without = begin();
    check.keyring().replace(0, Secrets::new(vec![secret("other", "another-secret"), secret("again", SECRETS[0])]));
    let after = begin();
    assert_eq!(finish(before), Ok("1".to_owned()));
    assert_eq!(finish(without), Err(Denial::SignatureMismatch));
    assert_eq!(finish(after), Ok("again".to_owned()));
}

#[test]
fn the_secret_that_matched_last_stays_in_front_where_its_list_is_replaced() {
    let secrets = ["one-secret-of-length", "two-secrets-of-length", "three-secrets-of-length"].map(|text| {
        let key = Key::Text(SecretText::new(text.as_bytes()));
        Rc::new(Secret { id: Rc::from(text), key, validity: Validity::default(), events_of: None })
    });
    let [one, two, three] = &secrets;
    let keyring = Keyring::one(Secrets::new(vec![Rc::clone(one), Rc::clone(two)]));
    keyring.list(0).expect("a list").matched(1);
    let first = |keyring: &Keyring| {
        let list = keyring.list(0).expect("a list");
        list.active(UnixTime::from_secs(NOW)).map(|active| active[0].1.id.to_string())
    };
    keyring.replace(0, Secrets::new(vec![Rc::clone(three), Rc::clone(one), Rc::clone(two)]));
    assert_eq!(first(&keyring).as_deref(), Ok(&*two.id));
    keyring.replace(0, Secrets::new(vec![Rc::clone(three), Rc::clone(one)]));
    assert_eq!(first(&keyring).as_deref(), Ok(&*three.id), "it is gone");
}
