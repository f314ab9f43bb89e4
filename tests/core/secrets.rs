//! Several secrets: whichever is right, whichever was right last, and when they are valid.

use std::cell::Cell;
use std::rc::Rc;

use hookwarden::config::Policy;
use hookwarden::filter::BodyBuffer;
use hookwarden::step::{Outcome, Step};
use hookwarden::verify::Request;
use serde_json::{Value, json};

use crate::delivery::{Delivery, Ending, deliver};
use crate::support::{self, NOW, Sent, around, begin, policy, provider, source, sources, with};

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
fn any_secret_matches_whichever_matched_last() {
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
fn a_body_is_read_once_where_the_secret_that_matched_last_matches_again() {
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

/// The verdict on a request in one piece, and how many bytes of its body were asked of the host.
fn bytes_read(policy: &Rc<Policy>, sent: &Sent) -> (&'static str, usize) {
    let mut exchange = begin(Rc::clone(policy));
    let mut steps = vec![exchange.on_headers(Request::new(&sent.headers), false, &around(sent.now))];
    let body = Counting { bytes: &sent.body, read: Cell::new(0) };
    steps.push(exchange.on_body(&body, true, &around(sent.now)));
    let outcomes = steps.into_iter().filter_map(|step| match step {
        Step::Continue(passage) => passage.into_parts().1.map(|record| record.outcome),
        Step::Deny(record) => Some(record.outcome),
        Step::Hold | Step::Call(_) => None,
    });
    let code = match outcomes.last().expect("there is a verdict") {
        Outcome::Denied(denial) | Outcome::Observed(denial) => denial.code(),
        Outcome::Passed | Outcome::Unmatched => "verified",
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
fn a_secret_past_its_time_matches_nothing_while_another_is_valid() {
    let secrets = json!([
        { "id": "new", "value": SECRETS[0] },
        { "id": "old", "value": SECRETS[1], "not_after": "2023-11-14T22:13:20Z" },
    ]);
    for config in modes(&json!({ "provider": "github", "secrets": secrets })) {
        let policy = policy(&config);
        let old = Sent::github("/hook", SECRETS[1], "body");
        assert_eq!(secret_that_matched(&policy, &old, &Delivery::whole()).as_deref(), Some("old"));
        // The old one matched last; it must not be tried first once it is over.
        let late = old.at(NOW + 1);
        assert_eq!(deliver(&policy, &late, &Delivery::whole()).code, "signature_mismatch");
        let new = Sent::github("/hook", SECRETS[0], "body").at(NOW + 1);
        assert_eq!(secret_that_matched(&policy, &new, &Delivery::whole()).as_deref(), Some("new"));
    }
}

/// The body may take so long that a secret ends in between: what counts is when the verdict falls.
#[test]
fn a_secret_that_ends_while_the_body_comes_is_decided_on_without_a_failure_of_the_host() {
    let secrets = json!([{ "value": SECRETS[0], "not_after": "2023-11-14T22:13:20Z" }]);
    let policy = policy(&modes(&json!({ "provider": "github", "secrets": secrets }))[0]);
    for secret in [SECRETS[0], SECRETS[1]] {
        let sent = Sent::github("/hook", secret, "body");
        let mut exchange = begin(Rc::clone(&policy));
        assert_eq!(exchange.on_headers(Request::new(&sent.headers), false, &around(sent.now)), Step::Hold);
        let body = Counting { bytes: &sent.body, read: Cell::new(0) };
        let late = sent.clone().at(NOW + 1).now;
        match exchange.on_body(&body, true, &around(late)) {
            // Taken at the beginning, or judged at the end: both are sound. Nothing else is.
            Step::Continue(_) => assert_eq!(secret, SECRETS[0]),
            Step::Deny(record) => {
                let code = record.denial().map(hookwarden::verify::Denial::code);
                assert!(matches!(code, Some("secret_inactive" | "signature_mismatch")), "{code:?}");
            }
            Step::Hold | Step::Call(_) => panic!("no verdict"),
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
        assert_eq!(code(&twice), "secret_unknown", "a name that stands twice is none");
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
