//! What every file in `providers/` must have: its evidence, and the neighbours that must fail.

use std::collections::BTreeSet;
use std::time::Duration;

use hookwarden::guard::address::parse_network;
use hookwarden::verify::scheme::SchemeKind;
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
    "retries",
    "tolerance_by",
    "networks",
    "scheme",
    "alias",
    "handshake",
    "acknowledgement",
    "keys_from",
    "vectors",
    "handshake_vectors",
];
const EVIDENCE: &[&str] = &["vector", "document", "sender-code", "delivery", "independent-code", "registry", "memory"];
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
    "query",
];

#[test]
fn every_file_names_its_evidence_and_what_it_does_not_protect() {
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
        // The statuses come from the provider; only the requirement depends on the scheme.
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
fn every_published_network_is_valid_and_shipped() {
    let mut publishers = 0;
    for provider in providers() {
        let written: Vec<String> = match provider.file.get("networks") {
            None => Vec::new(),
            Some(networks) => {
                let members: Vec<_> = networks.as_object().expect("an object").keys().collect();
                let names = ["list", "read", "source"];
                assert!(members == names || members == names[..2], "{}: {members:?}", provider.name);
                let read = networks["read"].as_str().unwrap_or_default();
                assert!(is_date(read), "{}: when were they read?", provider.name);
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
    let all = std::env::var_os("PROVIDER").is_none();
    assert!(!all || publishers >= 20, "{publishers} providers publish networks");
}

#[test]
fn every_tolerance_has_an_origin_and_covers_retries_with_the_old_time() {
    let mut wrong = Vec::new();
    let mut kept = 0;
    for provider in providers() {
        wrong.extend(flaws_of_the_window(&provider).into_iter().map(|flaw| format!("{}: {flaw}", provider.name)));
        let mut demand = |holds: bool, what: String| {
            if !holds {
                wrong.push(format!("{}: {what}", provider.name));
            }
        };
        let windows = windows(&provider);
        let Some(retries) = provider.file.get("retries") else { continue };
        let members: Vec<_> = retries.as_object().into_iter().flat_map(|retries| retries.keys()).collect();
        let known = ["span", "time", "source"];
        demand(members.iter().all(|member| known.contains(&member.as_str())), format!("retries has {members:?}"));
        let time = retries["time"].as_str().unwrap_or_default();
        demand(["kept", "renewed", "unknown"].contains(&time), format!("its retries have the time {time:?}"));
        let source = retries.get("source").map(|source| source.as_str().unwrap_or_default());
        demand(source.is_none_or(is_citation), format!("{source:?} is neither a link nor owner/repository:path"));
        let span = retries.get("span").map(|span| humantime::parse_duration(span.as_str().unwrap_or_default()));
        demand(!matches!(span, Some(Err(_))), "its retries have a span that is no duration".to_owned());
        if let (Some(Ok(span)), "kept") = (span, time) {
            kept += 1;
            demand(
                windows.iter().all(|window| *window >= span),
                format!("repeats for {span:?}, and takes {windows:?}"),
            );
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let all = std::env::var_os("PROVIDER").is_none();
    assert!(!all || kept >= 5, "{kept} senders are known to repeat with the old time");
}

/// The problems of a file's tolerance.
pub fn flaws_of_the_window(provider: &Provider) -> Vec<String> {
    let by = provider.file.get("tolerance_by").map(|by| by.as_str().unwrap_or_default());
    match (by, windows(provider).is_empty()) {
        (None, true) | (Some("sender" | "us"), false) => Vec::new(),
        (None, false) => vec![r#"its scheme has a time, so "tolerance_by" must be "sender" or "us""#.to_owned()],
        (Some(_), true) => vec![r#"its scheme has no time, so "tolerance_by" must go"#.to_owned()],
        (Some(by), false) => vec![format!(r#""tolerance_by" is {by:?}, not "sender" or "us""#)],
    }
}

/// The tolerance of each dialect.
fn windows(provider: &Provider) -> Vec<Duration> {
    let dialects = provider.dialects();
    let timed = dialects.iter().filter_map(|dialect| match SchemeKind::of(|key| dialect.get(key).is_some()) {
        SchemeKind::Credential => None,
        SchemeKind::Jwt => dialect.pointer("/jwt/max_age"),
        kind @ (SchemeKind::MessageSignature | SchemeKind::HttpSignature) => dialect.get(kind.key()),
        SchemeKind::Signature => dialect.get("timestamp"),
    });
    timed
        .map(|place| {
            let written = [Some(place), place.get("tolerance"), place.get("max_age")];
            let text = written.into_iter().flatten().find_map(Value::as_str).unwrap_or("5m");
            humantime::parse_duration(text).expect("a duration")
        })
        .collect()
}

/// The problems of a file, apart from its scheme and vectors.
pub fn flaws_of_the_file(provider: &Provider) -> Vec<String> {
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
    let evidence = provider.file.get("evidence").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    demand(!evidence.is_empty(), "lacks the list \"evidence\"");
    for entry in evidence {
        let member = |name: &str| entry[name].as_str().unwrap_or_default();
        let members: Vec<_> = entry.as_object().into_iter().flat_map(|entry| entry.keys()).collect();
        demand(members == ["kind", "seen", "source"], &format!("evidence has the members {members:?}"));
        demand(EVIDENCE.contains(&member("kind")), &format!("has evidence of a kind that is not one of {EVIDENCE:?}"));
        demand(
            is_citation(member("source")),
            &format!("{:?} is neither a link nor owner/repository:path", member("source")),
        );
        demand(is_date(member("seen")), "does not say when evidence was read");
    }
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
        "does not say that freshness is unprotected if no timestamp is signed",
    );
    let vectors = provider.file.get("vectors").and_then(Value::as_array).into_iter().flatten();
    let sources: Vec<_> = vectors.filter_map(|vector| vector.get("source")).filter_map(Value::as_str).collect();
    let has = |kind: &str| evidence.iter().any(|entry| entry["kind"] == kind);
    demand(!has("vector") && !has("delivery") || !sources.is_empty(), "has no published vector, and claims one");
    for source in sources {
        demand(is_citation(source), &format!("{source:?} is neither a link nor owner/repository:path"));
    }
    let secret = provider.file.get("secret").and_then(Value::as_object);
    let takes_secrets = provider.vectors.iter().any(|vector| !vector.are_public_keys);
    let made_by = secret.and_then(|secret| secret.get("made_by")).and_then(Value::as_str);
    demand(made_by.is_none_or(|who| MADE_BY.contains(&who)), &format!("\"made_by\" is not one of {MADE_BY:?}"));
    demand(made_by.is_some() == takes_secrets, "says who makes the secret if and only if there is one");
    for member in secret.into_iter().flat_map(|secret| secret.keys()) {
        demand(SECRET.contains(&member.as_str()), &format!("\"secret\" has the unknown key {member:?}"));
    }
    let mut cases = BTreeSet::new();
    let some_have = |member: &str| dialects.iter().any(|dialect| dialect.get(member).is_some());
    let may_have_clock = some_have("timestamp")
        || dialects.iter().any(|dialect| match SchemeKind::of(|key| dialect.get(key).is_some()) {
            SchemeKind::Jwt | SchemeKind::MessageSignature | SchemeKind::HttpSignature => true,
            SchemeKind::Signature | SchemeKind::Credential => false,
        });
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

/// Whether `source` is a link or `owner/repository:path`.
fn is_citation(source: &str) -> bool {
    let in_repository = source.split_once(':').is_some_and(|(repository, path)| {
        repository.split('/').filter(|half| !half.is_empty()).count() == 2 && !path.starts_with('/')
    });
    in_repository || source.starts_with("https://")
}

fn is_date(text: &str) -> bool {
    time::Date::parse(text, &time::format_description::well_known::Iso8601::DATE).is_ok()
}

/// The missing neighbours that a reviewer would ask for.
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
    let is_credential = dialects.iter().all(|dialect| match SchemeKind::of(|key| dialect.get(key).is_some()) {
        SchemeKind::Credential => true,
        SchemeKind::Signature | SchemeKind::Jwt | SchemeKind::MessageSignature | SchemeKind::HttpSignature => false,
    });
    let family = if is_credential { "credential" } else { "signature" };
    let mismatch = format!("{family}_mismatch");
    for kind in ["missing", "mismatch"] {
        let code = format!("{family}_{kind}");
        demand(expects(&code), &format!("expects {code}"));
    }
    // A pair: a valid vector, and one that fails with `code` and differs from it in the given way.
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
        // Values in `[[…]]` may be missing.
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

/// Whether two requests have the same headers except for one value, which differs in the given way.
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
