//! Guards in the configuration, and the rules that the filter gets.

use std::time::Duration;

use hookwarden::config::Source;
use hookwarden::guard::address::{Networks, parse_network};
use hookwarden::guard::budget::{BudgetBy, BudgetRule};
use hookwarden::guard::fleet::{Kind, WhenUnavailable};
use hookwarden::guard::flood::FloodRule;
use hookwarden::guard::keep_on::KeepOn;
use hookwarden::guard::rate::Rate;
use hookwarden::guard::replay::{OnDuplicate, ReplayRule, WhenFull};
use hookwarden::guard::shape::ShapeRule;
use hookwarden::guard::transport::{ForwardedProto, TlsVersion, TransportRule};
use serde_json::{Value, json};

use crate::support::{self, provider, source, sources, try_load, with};

const SECRET: &str = "whsec_a-secret-of-sixteen-or-more";

/// A source for Stripe, with additional members.
fn stripe(members: &Value) -> Value {
    let members = members.as_object().expect("members").clone();
    members.into_iter().fold(source("hook", "/hook", provider("stripe", &[SECRET])), |source, (name, member)| {
        with(source, &name, member)
    })
}

/// Calls `look` with the source as the filter has it.
fn configured(members: &Value, look: impl FnOnce(&Source)) {
    look(&support::policy(&sources(&[stripe(members)])).sources[0]);
}

fn replay(rule: Value, look: impl FnOnce(&ReplayRule)) {
    configured(&json!({ "replay": rule }), |source| look(source.replay.as_ref().expect("a rule")));
}

fn networks(texts: &[&str]) -> Networks {
    Networks::new(texts.iter().map(|text| parse_network(text).expect("a network")).collect())
}

fn minute(count: u32, burst: u32) -> Rate {
    Rate::new(count, Duration::from_secs(60), burst)
}

#[test]
fn a_source_without_guards_only_refuses_encoded_bodies() {
    configured(&json!({}), |source| {
        let shape = ShapeRule { methods: None, content_encodings: Vec::new(), refuses_query: false };
        assert_eq!(source.shape, shape);
        assert_eq!(source.transport, None);
        assert_eq!(source.address, None);
        assert_eq!(source.flood, None);
        assert_eq!(source.budget, None);
        assert!(source.replay.is_none());
    });
}

#[test]
fn reads_methods_case_sensitively_and_encodings_case_insensitively() {
    let members = json!({ "methods": ["POST", "X-notify"], "content_encodings": ["GZip"], "query": "deny" });
    configured(&members, |source| {
        assert_eq!(source.shape.methods.as_deref(), Some(["POST".to_owned(), "X-notify".to_owned()].as_slice()));
        assert_eq!(source.shape.content_encodings, ["gzip"]);
        assert!(source.shape.refuses_query);
    });
    configured(&json!({ "query": "allow" }), |source| assert!(!source.shape.refuses_query));
}

#[test]
fn reads_the_requirements_on_the_connection() {
    let transport = |rule: Value, expected: TransportRule| {
        configured(&json!({ "transport": rule }), |source| assert_eq!(source.transport, Some(expected)));
    };
    transport(json!({ "https": true }), TransportRule { https: true, ..TransportRule::default() });
    for (name, version) in TlsVersion::NAMES {
        let expected = TransportRule { min_tls: Some(version), ..TransportRule::default() };
        transport(json!({ "min_tls": name }), expected);
    }
    transport(
        json!({ "client_certificate": true }),
        TransportRule { client_certificate: true, ..TransportRule::default() },
    );
    let trusted = json!({ "header": "X-Forwarded-PROTO", "from": ["10.0.0.0/8", "2001:db8::1"] });
    let forwarded =
        ForwardedProto { header: "x-forwarded-proto".to_owned(), from: networks(&["10.0.0.0/8", "2001:db8::1"]) };
    transport(
        json!({ "https": true, "insecure_trust_forwarded_proto": trusted }),
        TransportRule { https: true, forwarded: Some(forwarded), ..TransportRule::default() },
    );
}

#[test]
fn reads_networks_of_both_families_and_mapped_ones() {
    let members = json!({ "allow_from": ["192.0.2.0/24", "2001:db8::/32"], "deny_from": ["::ffff:192.0.2.128/121"] });
    configured(&members, |source| {
        let rule = source.address.as_ref().expect("a rule");
        assert_eq!(rule.allow, Some(networks(&["192.0.2.0/24", "2001:db8::/32"])));
        assert_eq!(rule.deny, Some(networks(&["192.0.2.128/25"])));
    });
    configured(&json!({ "deny_from": ["192.0.2.7"] }), |source| {
        let rule = source.address.as_ref().expect("a rule");
        assert_eq!((&rule.allow, &rule.deny), (&None, &Some(networks(&["192.0.2.7/32"]))));
    });
}

#[test]
fn uses_the_networks_that_the_providers_publish() {
    let postmark = provider("postmark", &["user:a-long-password"]);
    let brevo = provider("brevo", &[SECRET]);
    let published = |name: &str| hookwarden::config::providers::find(name).expect("it is shipped").networks;
    let allowed = |verify: &Value, allow_from: Value, expected: Vec<String>| {
        let source = with(source("hook", "/hook", verify.clone()), "allow_from", allow_from);
        let policy = support::policy(&sources(&[source]));
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        let rule = policy.sources[0].address.as_ref().expect("a rule");
        assert_eq!(rule.allow, Some(networks(&expected)));
    };
    assert!(!published("postmark").is_empty() && !published("brevo").is_empty());
    allowed(&postmark, json!("provider"), published("postmark"));
    allowed(&postmark, json!(["provider"]), published("postmark"));
    let more = [published("postmark"), vec!["192.0.2.7".to_owned()]].concat();
    allowed(&postmark, json!(["provider", "192.0.2.7"]), more);
    let both = json!({ "any": [postmark, brevo] });
    allowed(&both, json!("provider"), [published("postmark"), published("brevo")].concat());
}

#[test]
fn the_burst_of_a_limit_defaults_to_its_count() {
    let flood = |limit: Value, rate: Rate| {
        configured(&json!({ "flood_limit": limit }), |source| assert_eq!(source.flood, Some(FloodRule { rate })));
    };
    flood(json!({ "failures": 20, "per": "1m" }), minute(20, 20));
    flood(json!({ "failures": 20, "per": "1m", "burst": 5 }), minute(20, 5));
    let budget = |limit: Value, rate: Rate, by: BudgetBy| {
        configured(&json!({ "rate_limit": limit }), |source| assert_eq!(source.budget, Some(BudgetRule { rate, by })));
    };
    budget(json!({ "requests": 20, "per": "1m" }), minute(20, 20), BudgetBy::Source);
    for (word, by) in [("source", BudgetBy::Source), ("address", BudgetBy::Address), ("key", BudgetBy::Key)] {
        budget(json!({ "requests": 7, "per": "1m", "burst": 100, "by": word }), minute(7, 100), by);
    }
}

#[test]
fn reads_replay_with_its_defaults() {
    replay(json!({ "window": "24h" }), |rule| {
        assert_eq!(rule.window, Duration::from_secs(86_400));
        assert_eq!(rule.entries, 100_000);
        assert_eq!(rule.when_full, WhenFull::Refuse);
        assert_eq!(rule.duplicate, OnDuplicate::Answer(200));
        assert_eq!(rule.keep_on, KeepOn::default());
        assert_eq!(rule.unsigned_id, None);
        assert!(rule.store.is_none());
    });
    let said = json!({ "window": "24h", "entries": 7, "when_full": "drop_oldest", "keep_on": ["2xx", "410"] });
    replay(said, |rule| {
        assert_eq!((rule.entries, rule.when_full), (7, WhenFull::DropOldest));
        let kept = (100..600).filter(|status| rule.keep_on.includes(*status));
        assert!(kept.eq((200..300).chain([410])));
    });
    for (word, duplicate) in [
        (json!(200), OnDuplicate::Answer(200)),
        (json!(204), OnDuplicate::Answer(204)),
        (json!(409.0), OnDuplicate::Answer(409)),
        (json!("pass"), OnDuplicate::Pass),
    ] {
        replay(json!({ "window": "24h", "duplicate": word }), |rule| assert_eq!(rule.duplicate, duplicate));
    }
    let unsigned = json!({ "window": "24h", "id": "header:X-Event-Id", "insecure_unsigned_id": true });
    replay(unsigned, |rule| assert_eq!(rule.unsigned_id.as_deref(), Some("x-event-id")));
    replay(json!({ "window": "24h", "id": "json:id" }), |rule| assert_eq!(rule.unsigned_id, None));
}

#[test]
fn reads_stores_with_their_defaults() {
    let store = |store: Value| json!({ "window": "24h", "store": store });
    replay(store(json!({ "cluster": "webdis" })), |rule| {
        let store = rule.store.as_ref().expect("a store");
        assert_eq!(store.kind, Kind::Webdis);
        assert_eq!((store.cluster.as_str(), store.authority.as_str(), store.path.as_str()), ("webdis", "webdis", ""));
        assert!(store.authorization.is_none());
        assert_eq!(store.timeout, Duration::from_millis(250));
        assert_eq!(store.when_unavailable, WhenUnavailable::Refuse);
    });
    let said = json!({
        "kind": "rest",
        "cluster": "webdis",
        "authority": "store.example.com",
        "path": "/v1",
        "authorization": { "value": "Bearer a-token-of-the-store" },
        "timeout": "2s",
        "unavailable": "local",
    });
    replay(store(said), |rule| {
        let store = rule.store.as_ref().expect("a store");
        assert_eq!(store.kind, Kind::Rest);
        assert_eq!((store.authority.as_str(), store.path.as_str()), ("store.example.com", "/v1"));
        let call = store.claim("key", rule.window);
        let authorization = call.headers.iter().find(|(name, _)| name == "authorization").expect("it is sent");
        assert_eq!(authorization.1, b"Bearer a-token-of-the-store");
        assert_eq!(store.timeout, Duration::from_secs(2));
        assert_eq!(store.when_unavailable, WhenUnavailable::Local);
        assert!(!format!("{rule:?}").contains("a-token-of-the-store"));
    });
}

#[test]
fn closes_a_source_whose_store_lacks_its_credential() {
    let authorization = json!({ "env": "MISSING" });
    let replay = json!({ "window": "24h", "store": { "cluster": "webdis", "authorization": authorization } });
    let source = stripe(&json!({ "replay": replay }));
    let loaded = try_load(sources(&[source]).to_string().as_bytes()).expect("it is valid");
    assert!(loaded.policy.sources[0].requirement.is_none());
    assert_eq!(loaded.warnings.len(), 1, "{:?}", loaded.warnings);
}

#[test]
fn replay_is_refused_for_elements_that_are_signed_one_by_one() {
    let mut source = source(
        "adyen",
        "/adyen",
        json!({ "provider": "adyen-payments", "secrets": [{
        "value": "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056" }] }),
    );
    source["replay"] = json!({ "window": "1h" });
    let Err(problems) = crate::support::try_load(sources(&[source]).to_string().as_bytes()) else {
        panic!("it is accepted")
    };
    assert!(problems.iter().any(|problem| problem.starts_with("$.sources[0].replay: cannot tell events apart")));
}
