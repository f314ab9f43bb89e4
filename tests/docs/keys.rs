//! The tables of keys in `docs/configuration.md` and `docs/schemes.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hookwarden::config::{BodyHold, Mode, Unmatched};
use hookwarden::guard::fleet::{Kind, WhenUnavailable};
use hookwarden::guard::keep_on::KeepOn;
use hookwarden::guard::replay::{OnDuplicate, WhenFull};
use hookwarden::guard::shape::ShapeRule;
use serde_json::{Value, json};

use crate::base::{OBJECTS, base, known_keys, name, problem_at, problems_with};
use crate::documents::{quoted, rows, unquoted};
use crate::support::{assert_none, load};

#[test]
fn every_key_of_the_configuration_is_documented_and_no_other() {
    load(&base()).expect("the base is valid");
    let documented: BTreeSet<_> = documented_keys().into_keys().collect();
    let known: BTreeSet<_> = OBJECTS
        .iter()
        .flat_map(|(object, pointer)| known_keys(pointer).into_iter().map(|key| name(object, &key)))
        .collect();
    let missing: Vec<_> = known.difference(&documented).map(|key| format!("{key} is not documented")).collect();
    let surplus: Vec<_> = documented.difference(&known).map(|key| format!("{key} is documented and unknown")).collect();
    assert_none(&[missing, surplus].concat());
}

#[test]
fn types_limits_and_required_keys_are_documented_correctly() {
    let documented = documented_keys();
    let mut wrong = Vec::new();
    for (object, pointer) in OBJECTS {
        for key in known_keys(pointer) {
            let name = name(object, &key);
            let Some([kind, default, limits]) = documented.get(&name) else { continue };
            // For `this or that`, the other key would be a problem too.
            let instead_of = default.strip_prefix("this or ").map(|other| quoted(other, '`')).unwrap_or_default();
            let says = |value: Value| problem_at(pointer, &key, value, &instead_of).unwrap_or_default();
            // `template, or list` includes a template.
            let kind = kind.split(',').next().unwrap_or_default();
            let fits = match says(Value::Null).strip_prefix("must be ").and_then(|text| text.split(',').next()) {
                Some("text") => ["text", "duration", "time", "template", "value"].contains(&kind),
                Some("text or a list") => kind == "text",
                Some("a whole number") => kind == "number",
                Some("true or false") => kind == "boolean",
                Some("a list") => kind.starts_with("list of "),
                _ => !["text", "duration", "time", "template", "value", "number", "boolean"].contains(&kind),
            };
            if !fits {
                wrong.push(format!("{name}: {kind} is not its type: {}", says(Value::Null)));
            }
            let said = [says(json!("zzzz")), says(json!(u64::MAX))];
            for text in &said {
                if let Some(words) = text.strip_prefix("must be one of ") {
                    if quoted(words, '"') != quoted(limits, '`') {
                        wrong.push(format!("{name}: {limits} are not its words: {words}"));
                    }
                } else if let Some(range) = text.split(" from ").nth(1).and_then(|rest| rest.split(',').next())
                    && !limits.contains(range)
                {
                    wrong.push(format!("{name}: {limits} is not its range: {range}"));
                }
            }
            let lacking = format!("lacks \"{key}\"");
            let needed =
                problems_with(pointer, &key, None, &BTreeSet::new()).iter().any(|(_, message)| *message == lacking);
            if needed != (default == "required") {
                wrong.push(format!("{name}: the column of defaults has {default}, but required is {needed}"));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn defaults_are_documented_correctly() {
    let verify = json!({ "provider": "stripe", "secrets": [{ "env": "SECRET" }] });
    let config = json!({ "sources": [{ "name": "a", "match": { "path": "/a" }, "verify": verify }] });
    let policy = load(&config).expect("it is valid").policy;
    let source = &policy.sources[0];
    let check = source.requirement.as_ref().and_then(|requirement| requirement.checks().next()).expect("a check");
    assert_eq!((policy.body_hold, policy.unmatched), (BodyHold::Filter, Unmatched::Deny));
    assert_eq!((source.mode, source.max_body_bytes), (Mode::Enforce, None));
    assert!(source.credential_headers.is_empty() && !source.insecure_early_denial);
    assert_eq!(source.deny_status, 401);
    assert_eq!(check.scheme().tolerance(), Some(Duration::from_secs(300)));
    assert_eq!(source.shape, ShapeRule::default());
    let (window, cluster) = (json!({ "window": "1h" }), json!({ "window": "1h", "store": { "cluster": "webdis" } }));
    let replay = |replay: &Value| {
        let mut config = config.clone();
        config["sources"][0]["replay"] = replay.clone();
        let mut sources = load(&config).expect("it is valid").policy.sources;
        sources.pop().and_then(|source| source.replay.clone()).expect("a rule")
    };
    let (plain, stored) = (replay(&window), replay(&cluster));
    assert_eq!((plain.when_full, plain.duplicate), (WhenFull::Refuse, OnDuplicate::Answer(200)));
    assert_eq!((plain.entries, &plain.keep_on, &plain.unsigned_id), (100_000, &KeepOn::default(), &None));
    let store = stored.store.expect("a store");
    assert_eq!((store.kind, store.when_unavailable), (Kind::Webdis, WhenUnavailable::Refuse));
    assert_eq!((store.timeout, store.path.as_str()), (Duration::from_millis(250), ""));

    let documented = documented_keys();
    let seconds = format!("`{}s`", Duration::as_secs(&policy.stall_timeout));
    let held = format!("`{}`", policy.max_held_bytes);
    for (key, default) in [
        ("body_hold", "`filter`"),
        ("unmatched", "`deny`"),
        ("stall_timeout", seconds.as_str()),
        ("max_held_bytes", held.as_str()),
        ("source.insecure_early_denial", "`false`"),
        ("source.mode", "`enforce`"),
        ("source.max_body_bytes", "none"),
        ("source.deny", "the provider's, or 401"),
        ("source.remove_credentials", "`false`"),
        ("secret.insecure_short_secret", "`false`"),
        ("source.methods", "any"),
        ("source.content_encodings", "none"),
        ("source.query", "`allow`"),
        ("transport.https", "`false`"),
        ("transport.client_certificate", "`false`"),
        ("flood_limit.burst", "`failures`"),
        ("rate_limit.burst", "`requests`"),
        ("rate_limit.by", "`source`"),
        ("replay.insecure_unsigned_id", "`false`"),
        ("replay.entries", "`100000`"),
        ("replay.when_full", "`refuse`"),
        ("replay.duplicate", "`200`"),
        ("replay.keep_on", "`[\"2xx\"]`"),
        ("store.kind", "`webdis`"),
        ("store.authority", "the cluster's name"),
        ("store.timeout", "`250ms`"),
        ("store.unavailable", "`refuse`"),
        ("timestamp.tolerance", "`5m`"),
        ("message_signature.max_age", "`5m`"),
        ("http_signature.max_age", "`5m`"),
        ("jwt.leeway", "`1m`"),
        ("signature.position", "`all`"),
    ] {
        assert_eq!(documented[key][1], default, "{key}");
    }
}

/// Every set of words that the configuration knows: what is misspelt names the word that was meant.
#[test]
fn a_misspelt_word_of_a_closed_set_is_suggested() {
    let mut wrong = Vec::new();
    let mut sets = 0;
    let all = OBJECTS.iter().flat_map(|(_, pointer)| known_keys(pointer).into_iter().map(move |key| (*pointer, key)));
    for (pointer, key) in all {
        for in_list in [false, true] {
            let says = |word: &str| {
                let value = if in_list { json!([word]) } else { json!(word) };
                let problems = problems_with(pointer, &key, Some(value), &BTreeSet::new());
                let end = if in_list { format!(".{key}[0]") } else { format!(".{key}") };
                let mut messages = problems.into_iter().filter(|(path, _)| path.ends_with(&end));
                messages.find_map(|(_, message)| message.strip_prefix("must be one of ").map(str::to_owned))
            };
            let Some(set) = says("zzzz") else { continue };
            sets += 1;
            for word in quoted(&set, '"') {
                let last = word.chars().last().expect("a letter");
                for (misspelt, must_be_it) in
                    [(word.to_uppercase(), true), (word.replace('-', "_"), true), (format!("{word}{last}"), false)]
                {
                    let Some(message) = says(&misspelt) else { continue };
                    let suggested = message.split_once("did you mean ").map(|(_, rest)| quoted(rest, '"'));
                    let suggested = suggested.unwrap_or_default().pop_first();
                    if suggested.is_none() || must_be_it && suggested.as_ref() != Some(&word) {
                        wrong.push(format!("{pointer}/{key}: {misspelt:?} for {word:?}: {message}"));
                    }
                }
            }
        }
    }
    for (long, short) in [("second", "s"), ("seconds", "s"), ("milliseconds", "ms"), ("millis", "ms"), ("Seconds", "s")]
    {
        let message = problem_at("/sources/0/verify/2/scheme/timestamp", "unit", json!(long), &BTreeSet::new());
        let message = message.unwrap_or_default();
        if !message.contains(&format!("did you mean \"{short}\"?")) {
            wrong.push(format!("{long}: {message}"));
        }
    }
    assert!(sets > 15, "{sets} sets of words");
    assert_none(&wrong);
}

/// The rows of the two tables of keys: type, default, limits, by `object.key`.
fn documented_keys() -> BTreeMap<String, [String; 3]> {
    let mut keys = BTreeMap::new();
    for path in ["docs/configuration.md", "docs/schemes.md"] {
        for row in rows(path, "Every key") {
            let [key, kind, default, limits, _] = row.try_into().expect("five columns");
            let key = unquoted(&key).to_owned();
            assert!(keys.insert(key.clone(), [kind, default, limits]).is_none(), "{path}: {key} is listed twice");
        }
    }
    keys
}
