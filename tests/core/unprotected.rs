//! What a provider's file calls unprotected must match its scheme, by definition and by the effect of changing a
//! request.

use std::collections::BTreeSet;

use hookwarden::config;
use hookwarden::verify::bytes::json::Json as Written;
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::scheme::Scheme;
use hookwarden::verify::scheme::native::{HeadPart, TOLD_BY_THE_SENDER};
use serde_json::{Value, json};

use crate::delivery::{Delivery, deliver};
use crate::support::{self, Sent};
use crate::vector::{Form, Provider, Vector, providers};

/// Later than any window, but before the secrets of vectors expire.
const TEN_YEARS: u64 = 10 * 365 * 86_400;

#[test]
fn every_file_lists_what_its_scheme_leaves_unprotected() {
    let mut wrong = Vec::new();
    for provider in providers() {
        let derived = derived(&provider);
        let stated: BTreeSet<_> =
            said(&provider).into_iter().filter(|word| !TOLD_BY_THE_SENDER.contains(&word.as_str())).collect();
        if derived != stated {
            wrong.push(format!("{}: says {stated:?}, and its scheme leaves open {derived:?}", provider.name));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_changed_body_verifies_exactly_if_the_file_says_so() {
    let mut wrong = Vec::new();
    for provider in providers() {
        let says = said(&provider).iter().any(|word| word == "body" || word == "part-of-body");
        let verified: Vec<_> = valid(&provider)
            .flat_map(|vector| bodies(vector).into_iter().map(move |body| (vector, body)))
            .filter(|(vector, body)| passes(&provider, vector, |sent| sent.body.clone_from(body)))
            .map(|(vector, _)| &vector.case)
            .collect();
        if says == verified.is_empty() {
            let few: Vec<_> = verified.iter().take(3).collect();
            wrong.push(format!("{}: says {:?}; other bodies verify for {few:?}", provider.name, said(&provider)));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn an_old_request_verifies_exactly_if_the_file_says_so() {
    let mut wrong = Vec::new();
    for provider in providers() {
        let says = said(&provider).iter().any(|word| word == "freshness");
        let verified = valid(&provider).find(|vector| passes(&provider, vector, |sent| sent.now = later(sent)));
        if says != verified.is_some() {
            wrong.push(format!("{}: {:?}", provider.name, verified.map(|vector| &vector.case)));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn another_event_type_in_a_header_verifies_exactly_if_the_file_says_so() {
    let mut wrong = Vec::new();
    for provider in providers().iter().filter(|provider| !said(provider).iter().any(|word| word == "body")) {
        let says = said(provider).iter().any(|word| word == "event-type");
        let mut changed = BTreeSet::new();
        for vector in valid(provider) {
            for (at, (name, _)) in vector.sent.headers.iter().enumerate().filter(|(_, (name, _))| names_the_event(name))
            {
                if passes(provider, vector, |sent| sent.headers[at].1.push(b'x')) {
                    changed.insert(name.clone());
                }
            }
        }
        if says == changed.is_empty() {
            wrong.push(format!(
                "{}: {} the event's type, and takes others in {changed:?}",
                provider.name,
                if says { "says" } else { "does not name" }
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_changed_query_verifies_if_the_file_says_so() {
    let mut found = 0;
    for provider in providers().iter().filter(|provider| said(provider).iter().any(|word| word == "query")) {
        let passes = valid(provider).any(|vector| {
            let path = vector.sent.headers.iter().position(|(name, _)| name == ":path").expect("a path");
            vector.sent.body.is_empty()
                && vector.sent.headers[path].1.contains(&b'=')
                && passes(provider, vector, |sent| sent.headers[path].1.push(b'9'))
        });
        assert!(passes, "{} says that the query is unprotected", provider.name);
        found += 1;
    }
    assert!(found > 0 || std::env::var_os("PROVIDER").is_some());
}

#[test]
fn another_url_verifies_exactly_if_the_file_says_so() {
    let mut wrong = Vec::new();
    for provider in providers() {
        let says = said(&provider).iter().any(|word| word == "url");
        let signed = signed_of_head(&provider);
        let url = [HeadPart::Host, HeadPart::Path, HeadPart::Query];
        if !url.iter().any(|part| signed.contains(part)) {
            // A proof in the query is not itself signed.
            if says {
                wrong.push(format!("{}: signs nothing of the URL, and says \"url\"", provider.name));
            }
            continue;
        }
        let verdicts: BTreeSet<_> = valid(&provider)
            .flat_map(|vector| urls(&vector.sent).into_iter().map(move |change| (vector, change)))
            // If the host is signed, it comes from the configuration.
            .filter(|(_, (name, _))| name != ":authority" || !signed.contains(&HeadPart::Host))
            .map(|(vector, (name, value))| {
                passes(&provider, vector, |sent| {
                    sent.headers
                        .iter_mut()
                        .filter(|(header, _)| *header == name)
                        .for_each(|(_, text)| text.clone_from(&value));
                })
            })
            .collect();
        // If the whole URL is signed, nothing else passes.
        if says != (verdicts.len() == 2) {
            wrong.push(format!("{}: says {:?}; other URLs pass: {verdicts:?}", provider.name, said(&provider)));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn said(provider: &Provider) -> Vec<String> {
    let list = provider.file.get("unprotected").and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What the scheme leaves unprotected in any of its dialects.
fn derived(provider: &Provider) -> BTreeSet<String> {
    let mut open: BTreeSet<_> = schemes(provider).iter().flat_map(Scheme::openness).map(str::to_owned).collect();
    if open.contains("body") {
        open.remove("part-of-body");
    }
    open
}

fn signed_of_head(provider: &Provider) -> BTreeSet<HeadPart> {
    schemes(provider).iter().flat_map(Scheme::signed_head).collect()
}

/// The dialects of valid vectors: some use secrets, some public keys.
fn schemes(provider: &Provider) -> Vec<Scheme> {
    let checks: BTreeSet<_> = valid(provider)
        .map(|vector| {
            let mut check = provider.check(vector, Form::WrittenOut);
            for list in ["secrets", "keys"] {
                if let Some(list) = check.get_mut(list) {
                    *list = json!([]);
                }
            }
            check.to_string()
        })
        .collect();
    checks
        .iter()
        .flat_map(|check| {
            let check = Written::parse(check.as_bytes()).expect("JSON");
            config::dialects::of_check(&check).unwrap_or_else(|problems| panic!("{}: {problems:?}", provider.name))
        })
        .map(|(scheme, _)| scheme)
        .collect()
}

fn valid(provider: &Provider) -> impl Iterator<Item = &Vector> {
    provider.vectors.iter().filter(|vector| vector.is_valid())
}

fn passes(provider: &Provider, vector: &Vector, change: impl FnOnce(&mut Sent)) -> bool {
    let mut sent = vector.sent.clone();
    change(&mut sent);
    if sent.headers == vector.sent.headers && sent.body == vector.sent.body && sent.now == vector.sent.now {
        return false;
    }
    let path = sent.headers.iter().find(|(name, _)| name == ":path").map(|(_, path)| path.clone()).unwrap_or_default();
    let path = String::from_utf8(path).expect("text");
    let path = path.split('?').next().unwrap_or_default().to_owned();
    let source = support::source("tested", &path, provider.check(vector, Form::ByName));
    let policy = support::policy(&support::sources(&[source]));
    deliver(&policy, &sent, &Delivery::whole()).code == "verified"
}

fn later(sent: &Sent) -> UnixTime {
    UnixTime::from_millis(sent.now.as_millis() + TEN_YEARS * 1000)
}

fn names_the_event(header: &str) -> bool {
    let header = header.to_ascii_lowercase();
    let names = ["event", "topic", "hook-resource", "message-type"];
    let others = ["signature", "timestamp", "-id", "-uuid", "token", "-arn", "delivery"];
    names.iter().any(|name| header.contains(name)) && !others.iter().any(|other| header.contains(other))
}

/// The request's URL with another host, another path, one parameter more, and the value of each parameter changed.
fn urls(sent: &Sent) -> Vec<(String, Vec<u8>)> {
    let value = |name: &str| {
        let found = sent.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.clone());
        String::from_utf8(found.expect("it is there")).expect("text")
    };
    let target = value(":path");
    let (path, query) = target.split_once('?').map_or((target.as_str(), None), |(path, query)| (path, Some(query)));
    let behind = query.map(|query| format!("?{query}")).unwrap_or_default();
    let mut targets = vec![
        format!("{path}-other{behind}"),
        format!("{path}?{}zzz=1", query.map(|query| format!("{query}&")).unwrap_or_default()),
    ];
    let parameters: Vec<_> = query.into_iter().flat_map(|query| query.split('&')).collect();
    for at in 0..parameters.len() {
        let mut changed: Vec<_> = parameters.iter().map(|text| (*text).to_owned()).collect();
        changed[at].push('9');
        targets.push(format!("{path}?{}", changed.join("&")));
    }
    let mut urls: Vec<_> = targets.into_iter().map(|target| (":path".to_owned(), target.into_bytes())).collect();
    urls.push((":authority".to_owned(), format!("other.{}", value(":authority")).into_bytes()));
    urls
}

/// Different bodies: with one value changed, with one added, or empty.
fn bodies(vector: &Vector) -> Vec<Vec<u8>> {
    let body = &vector.sent.body;
    let mut bodies = vec![[body.as_slice(), b"x"].concat(), b"{\"other\":1}".to_vec(), b"other=1".to_vec()];
    if let Ok(json) = serde_json::from_slice::<Value>(body) {
        let mut places = Vec::new();
        leaves(&json, String::new(), &mut places);
        for place in places {
            let mut changed = json.clone();
            if let Some(leaf) = changed.pointer_mut(&place) {
                *leaf = match &*leaf {
                    Value::String(text) => json!(format!("{text}x")),
                    Value::Number(number) => json!(number.as_i64().unwrap_or_default() + 1),
                    Value::Bool(value) => json!(!value),
                    _ => json!("x"),
                };
            }
            bodies.push(changed.to_string().into_bytes());
        }
        let mut more = json;
        if let Value::Object(members) = &mut more {
            members.insert("zzz".to_owned(), json!(1));
        }
        bodies.push(more.to_string().into_bytes());
    } else if let Some(fields) = std::str::from_utf8(body).ok().filter(|text| text.contains('=')) {
        bodies.push(format!("{fields}&zzz=1").into_bytes());
        let fields: Vec<_> = fields.split('&').collect();
        for at in 0..fields.len() {
            let mut changed: Vec<_> = fields.iter().map(|field| (*field).to_owned()).collect();
            changed[at].push('9');
            bodies.push(changed.join("&").into_bytes());
        }
    }
    bodies.push(with_the_same_crc32(body));
    bodies.retain(|changed| changed != body);
    bodies
}

fn leaves(json: &Value, at: String, places: &mut Vec<String>) {
    match json {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            leaves(value, format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), places);
        }),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(position, value)| leaves(value, format!("{at}/{position}"), places));
        }
        _ => places.push(at),
    }
}

/// Another body with the same CRC-32: four bytes are enough to give a text any checksum.
fn with_the_same_crc32(body: &[u8]) -> Vec<u8> {
    let step = |low: u32| (0..8).fold(low, |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 });
    let other = [body, b" "].concat();
    // Backwards over four bytes, from the wanted checksum.
    let mut wanted = !crc32fast::hash(body);
    for _ in 0..4 {
        let low =
            (0..256).find(|low| step(*low) >> 24 == wanted >> 24).expect("each high byte occurs once in the table");
        wanted = (wanted ^ step(low)) << 8 | low;
    }
    let patch = wanted ^ !crc32fast::hash(&other);
    [other.as_slice(), &patch.to_le_bytes()].concat()
}

/// The schemes of a check with this scheme, which signs the URL or does not.
fn of_check(scheme: &Value) -> Vec<Scheme> {
    let check = json!({ "scheme": scheme, "secrets": [] });
    let signs_url = scheme.to_string().contains("{url");
    let url = json!({ "public_url": "https://hooks.example.com" });
    let check = if signs_url { support::with(check, "with", url) } else { check };
    let check = Written::parse(check.to_string().as_bytes()).expect("JSON");
    let dialects = config::dialects::of_check(&check).unwrap_or_else(|problems| panic!("{check:?}: {problems:?}"));
    dialects.into_iter().map(|(scheme, _)| scheme).collect()
}

#[test]
fn what_is_signed_of_a_head_has_a_word_for_each_part() {
    for (signed, words) in [
        ("{method}{url}{header:X-Request-Id}{body}", &["host", "path", "query", "method", "x-request-id"][..]),
        ("{target}{body}", &["path", "query"]),
        ("{path}{body}", &["path"]),
        ("{query|sorted}{body}", &["query"]),
        ("{query:id}{body}", &["query"]),
        ("{header:X-Id}{body}", &[]),
    ] {
        let scheme = json!({ "algorithm": "hmac-sha256", "signature": { "header": "X-Tag", "encoding": "hex" },
            "signed": signed });
        let told: Vec<_> = of_check(&scheme).iter().flat_map(Scheme::signed_head).map(HeadPart::word).collect();
        assert_eq!(told, words, "{signed}");
    }
}

/// Of several forms of a claim any is enough.
#[test]
fn a_token_leaves_the_url_open_if_one_form_of_a_claim_names_less_of_it() {
    for (claim, expected) in [
        (json!("{url}"), false),
        (json!("{url|without_query}"), true),
        (json!({ "one_of": ["{url}", "{url|lower}"] }), false),
        (json!({ "one_of": ["{url}", "{url|without_query}"] }), true),
        (json!({ "one_of": ["{url}", "anything"] }), false),
        (json!({ "one_of": ["one", "other"] }), false),
        (json!(true), false),
    ] {
        let jwt = json!({ "at": "header:Authorization", "algorithms": ["HS256"], "claims": { "sub": claim } });
        let leaves_open = of_check(&json!({ "jwt": jwt })).iter().any(|scheme| scheme.openness().contains("url"));
        assert_eq!(leaves_open, expected, "{claim}");
    }
}
