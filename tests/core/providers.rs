//! What every file in `providers/` must have: its evidence, and the neighbours that must fail.

use std::collections::BTreeSet;

use hookwarden::guard::address::parse_network;
use serde_json::Value;

use crate::delivery::{Delivery, deliver};
use crate::support;
use crate::vector::{Form, Provider, Vector, providers};

const KEYS: &[&str] = &[
    "title",
    "sender",
    "documentation",
    "evidence",
    "unprotected",
    "notes",
    "secret",
    "refusal",
    "networks",
    "scheme",
    "alias",
    "vectors",
];
const EVIDENCE: &[&str] = &["published", "sdk", "code", "memory", "registry"];
const SECRET: &[&str] = &["hint", "made_by", "prefix", "longest", "not"];
const MADE_BY: &[&str] = &["sender", "you", "either"];
const UNPROTECTED: &[&str] = &[
    "body",
    "part-of-body",
    "timestamp",
    "freshness",
    "replay-boundary",
    "algorithm-sha1",
    "algorithm-md5",
    "event-type",
    "url",
];

#[test]
fn every_file_says_where_its_knowledge_is_from_and_what_it_does_not_protect() {
    let mut wrong = Vec::new();
    for provider in providers() {
        wrong.extend(flaws_of_the_file(&provider).into_iter().map(|flaw| format!("{}: {flaw}", provider.name)));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_file_has_a_valid_vector_and_the_neighbours_that_must_fail() {
    let mut missing = Vec::new();
    for provider in providers() {
        missing.extend(missing_neighbours(&provider).into_iter().map(|what| format!("{}: {what}", provider.name)));
    }
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

#[test]
fn every_shipped_scheme_is_the_one_in_its_file() {
    for provider in providers() {
        // The statuses of a refusal are the provider's; the requirement is the scheme's alone.
        let requirement = |form| {
            let policy = provider.vectors.first().map(|vector| support::policy(&provider.config(vector, form)));
            format!("{:?}", policy.as_ref().map(|policy| &policy.sources[0].requirement))
        };
        assert_eq!(requirement(Form::ByName), requirement(Form::WrittenOut), "{}", provider.name);
    }
    let shipped: Vec<_> = hookwarden::config::providers::names().collect();
    for provider in providers() {
        assert!(shipped.contains(&provider.name.as_str()), "{} is not shipped", provider.name);
    }
}

#[test]
fn every_network_that_a_sender_publishes_is_one_and_is_shipped() {
    let mut publishers = 0;
    for provider in providers() {
        let written: Vec<String> = match provider.file.get("networks") {
            None => Vec::new(),
            Some(networks) => {
                let members: Vec<_> = networks.as_object().expect("an object").keys().collect();
                assert_eq!(members, ["list", "read"], "{}", provider.name);
                let read = networks["read"].as_str().unwrap_or_default();
                let date = time::Date::parse(read, &time::format_description::well_known::Iso8601::DATE);
                assert!(date.is_ok(), "{}: when were they read?", provider.name);
                let list = networks["list"].as_array().expect("a list");
                list.iter().map(|network| network.as_str().expect("text").to_owned()).collect()
            }
        };
        let shipped = hookwarden::config::providers::find(&provider.name).expect("it is shipped").networks;
        assert_eq!(shipped, written, "{}", provider.name);
        for network in &written {
            let parsed = parse_network(network).unwrap_or_else(|| panic!("{}: {network}", provider.name));
            assert!(parsed.prefix_len() >= 16, "{}: {network} is half of the internet", provider.name);
        }
        publishers += usize::from(!written.is_empty());
    }
    assert!(publishers >= 6, "{publishers} providers publish networks");
}

fn flaws_of_the_file(provider: &Provider) -> Vec<String> {
    let mut flaws = Vec::new();
    let mut demand = |holds: bool, what: &str| {
        if !holds {
            flaws.push(what.to_owned());
        }
    };
    let text = |key: &str| provider.file.get(key).and_then(Value::as_str).unwrap_or_default();
    for key in provider.file.keys() {
        demand(KEYS.contains(&key.as_str()), &format!("has the unknown key {key:?}"));
    }
    demand(!text("title").is_empty(), "lacks a title");
    demand(text("documentation").starts_with("https://"), "lacks a link to the sender's documentation");
    demand(EVIDENCE.contains(&text("evidence")), &format!("\"evidence\" is none of {EVIDENCE:?}"));
    let unprotected = provider.file.get("unprotected").and_then(Value::as_array);
    demand(unprotected.is_some(), "lacks the list \"unprotected\"");
    let unprotected: Vec<_> = unprotected.into_iter().flatten().filter_map(Value::as_str).collect();
    for what in &unprotected {
        demand(UNPROTECTED.contains(what), &format!("{what:?} is nothing that can be unprotected"));
    }
    let dialects = provider.dialects();
    let all_have = |member: &str| dialects.iter().all(|dialect| dialect.get(member).is_some());
    let says = |word: &str| unprotected.contains(&word);
    demand(!(says("body") && provider.signs_whole_body()), "calls the body unprotected, and signs it");
    demand(!(says("freshness") && all_have("timestamp")), "calls freshness unprotected, and signs a timestamp");
    demand(!all_have("credential") || says("freshness"), "does not say that a credential leaves freshness unprotected");
    demand(!all_have("credential") || says("body"), "does not say that a credential leaves the body unprotected");
    demand(
        !all_have("signature") || all_have("timestamp") || says("freshness") || says("timestamp"),
        "does not say that freshness is unprotected where no timestamp is signed",
    );
    let vectors = provider.file.get("vectors").and_then(Value::as_array).into_iter().flatten();
    let sources: Vec<_> = vectors.filter_map(|vector| vector.get("source")).filter_map(Value::as_str).collect();
    demand(text("evidence") != "published" || !sources.is_empty(), "has no published vector, and claims one");
    for source in sources {
        let in_repository = source.split_once(':').is_some_and(|(repository, path)| {
            repository.split('/').filter(|half| !half.is_empty()).count() == 2 && !path.starts_with('/')
        });
        demand(
            in_repository || source.starts_with("https://"),
            &format!("{source:?} is neither a link nor owner/repository:path"),
        );
    }
    let secret = provider.file.get("secret").and_then(Value::as_object);
    let takes_secrets = provider.vectors.iter().any(|vector| !vector.are_public_keys);
    let made_by = secret.and_then(|secret| secret.get("made_by")).and_then(Value::as_str);
    demand(made_by.is_none_or(|who| MADE_BY.contains(&who)), &format!("\"made_by\" is none of {MADE_BY:?}"));
    demand(made_by.is_some() == takes_secrets, "says who makes the secret if and only if there is one");
    for member in secret.into_iter().flat_map(|secret| secret.keys()) {
        demand(SECRET.contains(&member.as_str()), &format!("\"secret\" has the unknown key {member:?}"));
    }
    let mut cases = BTreeSet::new();
    let some_have = |member: &str| dialects.iter().any(|dialect| dialect.get(member).is_some());
    let may_have_clock =
        ["timestamp", "jwt", "message_signature", "http_signature"].iter().any(|member| some_have(member));
    for vector in &provider.vectors {
        let case = vector.case.as_str();
        demand(cases.insert(case), &format!("has two vectors {case:?}"));
        demand(vector.has_clock || !all_have("timestamp"), &format!("{case:?}: lacks \"now\""));
        demand(!vector.has_clock || may_have_clock, &format!("{case:?}: has \"now\" and no clock"));
        let legible =
            |value: &[u8]| value.len() <= 4096 && !value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t');
        demand(
            vector.sent.headers.iter().all(|(_, value)| legible(value)),
            &format!("{case:?} has an illegible header"),
        );
    }
    flaws
}

/// What a reviewer would ask for, by name.
fn missing_neighbours(provider: &Provider) -> Vec<String> {
    let all = &provider.vectors;
    let valid = || all.iter().filter(|vector| vector.is_valid());
    let mut missing = Vec::new();
    let mut demand = |holds: bool, what: &str| {
        if !holds {
            missing.push(format!("no vector {what}"));
        }
    };
    demand(valid().next().is_some(), "is valid");
    let expects = |code: &str| all.iter().any(|vector| vector.expect == code);
    let dialects = provider.dialects();
    let is_credential = dialects.iter().all(|dialect| dialect.get("credential").is_some());
    let family = if is_credential { "credential" } else { "signature" };
    let mismatch = format!("{family}_mismatch");
    for kind in ["missing", "mismatch"] {
        let code = format!("{family}_{kind}");
        demand(expects(&code), &format!("expects {code}"));
    }
    // A pair: a valid vector, and one that fails with `code` and differs from it as `differs` says.
    let pair = |code: &str, differs: &dyn Fn(&Vector, &Vector) -> bool| {
        all.iter().filter(|vector| code.is_empty() || vector.expect == code).any(|denied| {
            !denied.is_valid() && valid().any(|valid| denied.sent.now == valid.sent.now && differs(valid, denied))
        })
    };
    let same_head = |a: &Vector, b: &Vector| a.sent.headers == b.sent.headers;
    let same_rest = |a: &Vector, b: &Vector| a.sent.body == b.sent.body && a.secrets == b.secrets;
    demand(
        pair(&mismatch, &|a, b| same_head(a, b) && a.sent.body == b.sent.body && a.secrets != b.secrets),
        "has the wrong secret and nothing else wrong",
    );
    let place = if is_credential { "credential" } else { "signature" };
    let in_header = |dialect: &&Value| dialect.get(place).is_some_and(|place| place.get("header").is_some());
    if dialects.iter().all(in_header) {
        for kind in ["duplicated", "malformed"] {
            let code = format!("{family}_{kind}");
            demand(expects(&code), &format!("expects {code}"));
        }
        demand(
            pair("", &|a, b| same_rest(a, b) && values_differ(a, b, &one_letter_changed)),
            "has one letter of the proof changed and nothing else wrong",
        );
        let cut = |a: &[u8], b: &[u8]| b.len() < a.len() && !b.is_empty() && a.starts_with(b);
        demand(
            pair("", &|a, b| same_rest(a, b) && values_differ(a, b, &cut)),
            "has the proof cut short and nothing else wrong",
        );
    }
    if provider.signs_whole_body() {
        let changed = |a: &Vector, b: &Vector| same_head(a, b) && a.secrets == b.secrets && a.sent.body != b.sent.body;
        demand(pair(&mismatch, &changed), "has the body changed and nothing else wrong");
    }
    for dialect in &dialects {
        // What stands in `[[…]]` may be missing.
        let signed = dialect.get("signed").and_then(Value::as_str).unwrap_or_default();
        let always_signed = signed.split("[[").map(|part| part.split_once("]]").map_or(part, |(_, behind)| behind));
        if always_signed.into_iter().any(|part| part.contains("{header:")) {
            demand(expects("header_missing"), "expects header_missing");
        }
        if dialect.get("timestamp").is_some() {
            for code in ["timestamp_stale", "timestamp_future"] {
                demand(expects(code), &format!("expects {code}"));
            }
        }
    }
    let matching = |vector: &Vector| -> Option<usize> {
        let policy = support::policy(&provider.config(vector, Form::ByName));
        let verdict = deliver(&policy, &vector.sent, &Delivery::whole());
        verdict.record.matches.first()?.secret_id().parse().ok()
    };
    let several = || valid().filter(|vector| vector.secrets.len() > 1);
    demand(several().any(|vector| matching(vector) == Some(1)), "has several secrets of which the first is right");
    demand(
        several().any(|vector| matching(vector) == Some(vector.secrets.len())),
        "has several secrets of which the last is right",
    );
    missing
}

/// Whether two requests have the same headers but for one value, which differs as `differs` says.
fn values_differ(valid: &Vector, denied: &Vector, differs: &dyn Fn(&[u8], &[u8]) -> bool) -> bool {
    let (a, b) = (&valid.sent.headers, &denied.sent.headers);
    let mut different = a.iter().zip(b).filter(|(a, b)| a != b);
    match (different.next(), different.next()) {
        (Some(((name, a), (other, b))), None) => {
            valid.sent.headers.len() == denied.sent.headers.len() && name == other && differs(a, b)
        }
        _ => false,
    }
}

fn one_letter_changed(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).filter(|(a, b)| a != b).count() == 1
}
