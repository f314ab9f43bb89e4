//! Senders that publish their keys at several hosts, of which the configuration chooses one.

use hookwarden::filter::{Context, Exchange};
use hookwarden::guard::pool::Pool;
use hookwarden::step::Step;
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::{Request, borrowed};
use serde_json::{Value, json};

use crate::delivery::Buffer;
use crate::guards::memory::Shared;
use crate::support::{NOW, Nothing, Sent, active, policy, source, sources, try_load};

const SNS: [&str; 2] = ["sns.cn-north-1.amazonaws.com", "sns.cn-north-1.amazonaws.com.cn"];
const PAYPAL: [&str; 2] = ["api.paypal.com", "api.sandbox.paypal.com"];
const TOPIC: &str = "arn:aws-cn:sns:cn-north-1:123456789012:mail";

fn check(provider: &str, with: &Value, authority: Option<&str>) -> Value {
    let mut place = json!({"cluster": "keys"});
    if let Some(authority) = authority {
        place["authority"] = json!(authority);
    }
    sources(&[source("hooks", "/hooks", json!({"provider": provider, "with": with, "keys": [{"x509": place}]}))])
}

fn sns(authority: Option<&str>) -> Value {
    check("amazon-ses", &json!({"region": "cn-north-1", "topic_arn": TOPIC}), authority)
}

fn paypal(authority: Option<&str>) -> Value {
    check("paypal", &json!({"webhook_id": "WH-TEST-1"}), authority)
}

/// A message whose certificate is at `host`.
fn message(host: &str) -> Sent {
    let body = json!({
        "Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": TOPIC, "Message": "{}",
        "Timestamp": "2023-11-14T22:13:20Z", "SignatureVersion": "2", "Signature": "AAAA",
        "SigningCertURL": format!("https://{host}/SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem"),
    });
    Sent::post("/hooks")
        .header("x-amz-sns-message-type", "Notification")
        .header("x-amz-sns-message-id", "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324")
        .body(body.to_string())
}

fn transmission(host: &str) -> Sent {
    Sent::post("/hooks")
        .header("PAYPAL-TRANSMISSION-ID", "transmission-1")
        .header("PAYPAL-TRANSMISSION-TIME", "2023-11-14T22:13:20Z")
        .header("PAYPAL-TRANSMISSION-SIG", "AAAA")
        .header("PAYPAL-AUTH-ALGO", "SHA256withRSA")
        .header("PAYPAL-CERT-URL", format!("https://{host}/v1/notifications/certs/CERT-360caa42-fca2a594"))
        .body("{}")
}

/// What follows from a request, and the host that its certificate is then fetched from.
fn outcome(config: &Value, sent: &Sent) -> (&'static str, Option<String>) {
    let (memory, pool) = (Shared::default(), Pool::default());
    let policy = active(policy(config), &memory);
    let context = Context { now: UnixTime::from_secs(NOW), peer: &Nothing, memory: &memory };
    let mut exchange = Exchange::new(policy.clone(), pool);
    let mut step = exchange.on_headers(Request::new(&borrowed(&sent.headers)), false, &context);
    if step == Step::Hold {
        step = exchange.on_body(&Buffer { bytes: &sent.body, len: sent.body.len() }, true, &context);
    }
    let code = match &step {
        Step::Deny(record) => record.denial().map_or("?", |denial| denial.code()),
        Step::Hold => "held",
        _ => "?",
    };
    let calls = policy.named_key_calls(context.now, &memory);
    let headers = calls.into_iter().flat_map(|(_, call)| call.headers);
    let mut hosts = headers.filter(|(name, _)| name == ":authority").map(|(_, value)| value);
    (code, hosts.next().map(|host| String::from_utf8(host).expect("text")))
}

#[test]
fn a_certificate_is_fetched_from_the_host_that_was_chosen_and_from_no_other() {
    type Make = (fn(Option<&str>) -> Value, fn(&str) -> Sent, [&'static str; 2]);
    let senders: [Make; 2] = [(sns, message, SNS), (paypal, transmission, PAYPAL)];
    for (config, sent, [first, second]) in senders {
        for (chosen, host) in [(None, first), (Some(first), first), (Some(second), second)] {
            let config = config(chosen);
            assert_eq!(outcome(&config, &sent(host)), ("held", Some(host.to_owned())), "{chosen:?}");
            let other = if host == first { second } else { first };
            assert_eq!(outcome(&config, &sent(other)), ("field_malformed", None), "{chosen:?}");
            assert_eq!(outcome(&config, &sent("evil.example")), ("field_malformed", None), "{chosen:?}");
        }
    }
}

#[test]
fn a_host_that_is_not_the_senders_is_refused() {
    for authority in ["evil.example", "api.paypal.com.evil.example", "api.paypal.com:443", "API.PAYPAL.COM", ""] {
        let refused = try_load(paypal(Some(authority)).to_string().as_bytes());
        let problems = refused.err().unwrap_or_default();
        assert!(problems.iter().any(|problem| problem.contains("is no host of this sender's")), "{problems:?}");
    }
}
