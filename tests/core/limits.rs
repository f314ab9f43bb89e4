//! Which budget a verified request spends, and the answer if it is spent.

use std::rc::Rc;

use hookwarden::filter::{ActivePolicy, Context, Exchange};
use hookwarden::guard::peer::Peer;
use hookwarden::guard::pool::Pool;
use hookwarden::step::{Record, Step};
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::{Denial, Request, borrowed};
use serde_json::json;

use crate::delivery::Buffer;
use crate::guards::memory::Shared;
use crate::support::{NOW, Sent, active, hmac_sha256, literal, policy, provider, source, sources, with};

const SECRETS: [&str; 2] = ["a-secret-of-sixteen-or-more", "another-secret-of-sixteen-or-more"];

/// A client at this address, if the host reports one.
struct At(Option<&'static str>);

impl Peer for At {
    fn address(&self) -> Option<Vec<u8>> {
        self.0.map(|address| address.as_bytes().to_vec())
    }

    fn tls_version(&self) -> Option<Vec<u8>> {
        None
    }

    fn has_client_certificate(&self) -> bool {
        false
    }
}

/// A source with two secrets that accepts one request an hour.
struct Site {
    policy: Rc<ActivePolicy>,
    memory: Shared,
}

impl Site {
    fn limited_by(by: &str) -> Self {
        let limit = json!({ "requests": 1, "per": "1h", "by": by });
        let hook = with(source("hook", "/hook", provider("github", &SECRETS)), "rate_limit", limit);
        let memory = Shared::default();
        Self { policy: active(policy(&sources(&[hook])), &memory), memory }
    }

    /// Sends a request and returns the step of its verdict.
    fn deliver(&self, address: Option<&'static str>, sent: &Sent) -> Step {
        let peer = At(address);
        let context = Context { now: UnixTime::from_secs(NOW), peer: &peer, memory: &self.memory };
        let mut exchange = Exchange::new(Rc::clone(&self.policy), Pool::default());
        match exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context) {
            Step::Hold | Step::Continue(_) => {
                exchange.on_body(&Buffer { bytes: &sent.body, len: sent.body.len() }, true, &context)
            }
            other => other,
        }
    }

    /// Sends a request signed with this secret; returns its code, and after how many seconds to retry.
    fn send(&self, address: Option<&'static str>, secret: &str) -> (&'static str, Option<u64>) {
        match self.deliver(address, &Sent::github("/hook", secret, "body")) {
            Step::Deny(record) => (record.denial().map_or("", Denial::code), record.retry_after),
            Step::Continue(passage) => {
                let record: Option<Record> = passage.into_parts().1;
                assert_eq!(record.and_then(|record| record.denial()), None);
                ("passed", None)
            }
            other => panic!("{other:?}"),
        }
    }
}

const PASSED: (&str, Option<u64>) = ("passed", None);
const LIMITED: (&str, Option<u64>) = ("rate_limited", Some(3600));

#[test]
fn a_source_has_one_budget_for_all_secrets_and_addresses() {
    let site = Site::limited_by("source");
    assert_eq!(site.send(Some("192.0.2.7:4000"), SECRETS[0]), PASSED);
    assert_eq!(site.send(Some("192.0.2.8:4000"), SECRETS[1]), LIMITED);
    assert_eq!(site.send(None, SECRETS[0]), LIMITED);
}

#[test]
fn every_secret_has_its_own_budget_if_the_source_says_so() {
    let site = Site::limited_by("key");
    for secret in SECRETS {
        assert_eq!(site.send(Some("192.0.2.7:4000"), secret), PASSED);
        assert_eq!(site.send(Some("192.0.2.8:4000"), secret), LIMITED);
    }
}

#[test]
fn every_address_has_its_own_budget_if_the_source_says_so() {
    let site = Site::limited_by("address");
    for address in ["192.0.2.7:4000", "192.0.2.8:4000"] {
        assert_eq!(site.send(Some(address), SECRETS[0]), PASSED, "{address}");
        assert_eq!(site.send(Some(address), SECRETS[1]), LIMITED, "{address}");
    }
    assert_eq!(site.send(None, SECRETS[0]), ("address_missing", None));
}

#[test]
fn unverified_requests_spend_no_budget() {
    for by in ["source", "key", "address"] {
        let site = Site::limited_by(by);
        for _ in 0..3 {
            assert_eq!(site.send(Some("192.0.2.7:4000"), "a stranger's").0, "signature_mismatch");
        }
        assert_eq!(site.send(Some("192.0.2.7:4000"), SECRETS[0]), PASSED, "{by}");
    }
}

/// A source that signs its time, limited as `member` says.
fn timed(members: &[(&str, serde_json::Value)]) -> Site {
    let scheme = json!({ "algorithm": "hmac-sha256", "signature": { "header": "X-Tag", "encoding": "hex" },
        "signed": "{timestamp}.{body}", "timestamp": { "header": "X-Time", "unit": "s", "tolerance": "5m" } });
    let check = json!({ "scheme": scheme, "secrets": literal(&SECRETS[..1]) });
    let hook =
        members.iter().fold(source("hook", "/hook", check), |hook, (name, member)| with(hook, name, member.clone()));
    let memory = Shared::default();
    Site { policy: active(policy(&sources(&[hook])), &memory), memory }
}

/// A request signed at this second.
fn at(time: u64, secret: &str) -> Sent {
    let tag = hmac_sha256(secret.as_bytes(), format!("{time}.body").as_bytes());
    Sent::post("/hook").header("X-Time", time.to_string()).header("X-Tag", hex::encode(tag)).body("body")
}

#[test]
fn a_stale_or_early_request_does_not_count_as_a_failure() {
    let site = timed(&[("flood_limit", json!({ "failures": 2, "per": "1h" }))]);
    let code = |sent: &Sent| match site.deliver(Some("192.0.2.7:4000"), sent) {
        Step::Deny(record) => record.denial().map_or("", Denial::code),
        _ => "passed",
    };
    for _ in 0..5 {
        assert_eq!(code(&at(NOW - 301, SECRETS[0])), "timestamp_stale");
        assert_eq!(code(&at(NOW + 301, SECRETS[0])), "timestamp_future");
    }
    for expected in ["signature_mismatch", "signature_mismatch", "flood_limited"] {
        assert_eq!(code(&at(NOW, "a stranger's")), expected);
    }
}

#[test]
fn an_observing_source_records_a_spent_limit_and_forwards() {
    let limit = json!({ "requests": 1, "per": "1h" });
    let site = timed(&[("rate_limit", limit), ("mode", json!("observe"))]);
    for expected in [None, Some(Denial::RateLimited), Some(Denial::RateLimited)] {
        let sent = at(NOW, SECRETS[0]).header("x-hookwarden-source", "forged");
        let Step::Continue(passage) = site.deliver(None, &sent) else { panic!("it only observes") };
        let (edits, record) = passage.into_parts();
        assert_eq!(record.map(|record| record.denial()), Some(expected));
        assert_eq!(edits.remove, [""; 0], "forged headers were removed with the headers");
    }
}

#[test]
fn secrets_of_two_lists_have_budgets_of_their_own_whatever_they_are_called() {
    let lists = json!({ "a": [{ "id": "now", "value": SECRETS[0] }], "b": [{ "id": "now", "value": SECRETS[1] }] });
    let check = json!({ "provider": "github", "secrets_by": { "header": "X-Tenant", "secrets": lists } });
    let limit = json!({ "requests": 1, "per": "1h", "by": "key" });
    let policy = policy(&sources(&[with(source("hook", "/hook", check), "rate_limit", limit)]));
    let memory = Shared::default();
    let policy = Rc::new(ActivePolicy::open(policy, &memory).expect("there is memory"));
    let site = Site { policy, memory };
    for (tenant, secret) in [("a", SECRETS[0]), ("b", SECRETS[1])] {
        let sent = Sent::github("/hook", secret, "body").header("X-Tenant", tenant);
        assert!(matches!(site.deliver(None, &sent), Step::Continue(_)), "{tenant}");
        assert!(matches!(site.deliver(None, &sent), Step::Deny(_)), "{tenant}");
    }
}
