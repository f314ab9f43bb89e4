//! External vectors, if they are available: `../shared/vectors`.
//!
//! A file is for the provider of the same name. `shared.json` lists files with another name, files for several
//! providers, and values to configure. `divergences.json` lists deliberate differences with their reasons; an entry
//! that no longer differs fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookwarden::config::Policy;
use hookwarden::verify::primitives::timestamp::{self, UnixTime};
use serde_json::{Map, Value, json};

use crate::delivery::{Delivery, deliver};
use crate::support::{self, NOW, Sent, source, sources, with};
use crate::vector::pairs;

/// A provider or a written-out scheme for the cases of a file.
#[derive(Debug)]
struct Candidate {
    /// `provider` or `scheme`, and which.
    proof: (&'static str, Value),
    /// The parameter of a case that holds the secret, if it is not the usual one.
    secret: Option<String>,
    /// The values to configure for every case, and for some.
    with: Map<String, Value>,
    cases: Map<String, Value>,
}

impl Candidate {
    fn read(value: &Value) -> Self {
        let members = |key: &str| value.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
        let proof = match (value.as_str().or_else(|| value["provider"].as_str()), value.get("scheme")) {
            (Some(provider), None) => ("provider", json!(provider)),
            (None, Some(scheme)) => ("scheme", scheme.clone()),
            _ => panic!("{value} needs exactly one of \"provider\" and \"scheme\""),
        };
        Self {
            proof,
            secret: value.get("secret").and_then(Value::as_str).map(str::to_owned),
            with: members("with"),
            cases: members("cases"),
        }
    }
}

/// The outcome of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Verified,
    Denied(BTreeSet<&'static str>),
    /// No configuration for it is accepted, for this reason.
    Refused(Vec<String>),
}

#[test]
fn external_vectors_get_their_expected_verdict() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    if !folder.is_dir() {
        eprintln!("SKIPPED: {} is not there; no external vectors were replayed", folder.display());
        return;
    }
    let mut deliberate = divergences();
    let mut candidates = candidates();
    let (mut files, mut replayed, mut handshakes, mut diverging) = (0, 0, 0, 0);
    let mut wrong = Vec::new();
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("a file can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    for path in paths {
        files += 1;
        let file = path.file_stem().and_then(|stem| stem.to_str()).expect("a file's name is text").to_owned();
        let vectors: Vec<Value> = serde_json::from_slice(&fs::read(&path).expect("a file can be read"))
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        let mapped = candidates.remove(&file);
        let candidates = mapped.unwrap_or_else(|| vec![Candidate::read(&json!(file))]);
        for vector in &vectors {
            let case = vector["case"].as_str().expect("a vector has a case");
            if is_handshake(vector) {
                handshakes += 1;
                continue;
            }
            replayed += 1;
            let verdict = judge(&candidates, vector);
            let should_pass = vector["expect"] == "valid";
            let agrees = if should_pass {
                verdict == Verdict::Verified
            } else {
                // A case that cannot be configured was not tried.
                matches!(verdict, Verdict::Denied(_))
            };
            let is_deliberate = deliberate.remove(&(file.clone(), case.to_owned()));
            diverging += usize::from(is_deliberate);
            match (agrees, is_deliberate) {
                (true, false) | (false, true) => {}
                (true, true) => wrong.push(format!("{file}: {case}: is listed as a divergence and no longer is one")),
                (false, false) => {
                    let expect = &vector["expect"];
                    wrong.push(format!("{file}: {case}: should be {expect}, and is {verdict:?}"));
                }
            }
        }
    }
    wrong.extend(deliberate.iter().map(|(file, case)| format!("{file}: {case}: is listed and not there")));
    wrong.extend(candidates.keys().map(|file| format!("{file}: is in shared.json and not there")));
    println!("{files} files, {replayed} cases, {diverging} of them diverge; {handshakes} handshakes left out");
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

/// The file and the case of every entry of `divergences.json`.
fn divergences() -> BTreeSet<(String, String)> {
    let file: Value = serde_json::from_str(include_str!("divergences.json")).expect("divergences.json is JSON");
    let entries = file.as_array().expect("divergences.json is a list");
    let text = |entry: &Value, key: &str| {
        entry[key].as_str().filter(|text| !text.is_empty()).expect("an entry has file, case and reason").to_owned()
    };
    entries
        .iter()
        .map(|entry| {
            let _ = text(entry, "reason");
            (text(entry, "file"), text(entry, "case"))
        })
        .collect()
}

fn candidates() -> BTreeMap<String, Vec<Candidate>> {
    let file: BTreeMap<String, Value> =
        serde_json::from_str(include_str!("shared.json")).expect("shared.json is a JSON object");
    file.into_iter()
        .map(|(file, candidates)| {
            let candidates = match &candidates {
                Value::Array(list) => list.iter().map(Candidate::read).collect(),
                one => vec![Candidate::read(one)],
            };
            (file, candidates)
        })
        .collect()
}

/// Whether a case tests a handshake and not a proof.
fn is_handshake(vector: &Value) -> bool {
    let kind = vector["secret_kind"].as_str();
    !vector["expect_response"].is_null() || matches!(kind, Some("handshake" | "allowed_origins"))
}

/// Verified if one of the candidates verifies it, as in `{"any": […]}`.
fn judge(candidates: &[Candidate], vector: &Value) -> Verdict {
    let mut codes = BTreeSet::new();
    let mut problems = Vec::new();
    for candidate in candidates {
        for credentials in credentials(candidate, vector) {
            match policy_for(candidate, credentials, vector) {
                Ok(policy) => codes.extend(codes_of(&Rc::new(policy), vector)),
                Err(refused) => problems.extend(refused),
            }
        }
    }
    match (codes.contains("verified"), codes.is_empty()) {
        (true, _) => Verdict::Verified,
        (false, false) => Verdict::Denied(codes),
        (false, true) => Verdict::Refused(problems),
    }
}

/// The secrets and the public keys of a case, as members of a check.
fn credentials(candidate: &Candidate, vector: &Value) -> Vec<(&'static str, Value)> {
    let secret = match &candidate.secret {
        Some(parameter) => vector["params"][parameter].as_str(),
        None => vector["secret"].as_str(),
    };
    // One accepted credential per line.
    let is_list = vector["secret_kind"] == "basic_auth_list";
    let secret = secret.map(|secret| if is_list { secret.lines().collect() } else { vec![secret] });
    let secrets = secret.map(|secrets| ("secrets", support::literal(&secrets)));
    let keys = vector["public_key"].as_str().map(|key| ("keys", json!([{ "value": key }])));
    secrets.into_iter().chain(keys).collect()
}

fn policy_for(candidate: &Candidate, credentials: (&str, Value), vector: &Value) -> Result<Policy, Vec<String>> {
    let (origin, _, target) = url(vector);
    let path = target.split('?').next().unwrap_or_default();
    let mut values = vector["params"].as_object().cloned().unwrap_or_default();
    values.insert("public_url".to_owned(), json!(origin));
    values.extend(candidate.with.clone());
    let own = vector["case"].as_str().and_then(|case| candidate.cases.get(case)).and_then(Value::as_object);
    values.extend(own.cloned().unwrap_or_default());
    // A scheme refuses values that it does not use, and says which.
    loop {
        let check = with(json!({ candidate.proof.0: candidate.proof.1 }), credentials.0, credentials.1.clone());
        let check = if values.is_empty() { check } else { with(check, "with", json!(values)) };
        let config = sources(&[source("outside", path, check)]);
        let problems = match support::try_load(config.to_string().as_bytes()) {
            Ok(loaded) => return Ok(loaded.policy),
            Err(problems) => problems,
        };
        let before = values.len();
        values.retain(|name, _| {
            let unused = format!("$.sources[0].verify.with.{name}: is not a value that this scheme uses");
            !problems.contains(&unused)
        });
        if values.len() == before {
            return Err(problems);
        }
    }
}

/// The origin, the authority and the target of a case's URL.
fn url(vector: &Value) -> (&str, &str, &str) {
    let url = vector["url"].as_str().expect("a vector has a URL");
    let start = url.find("://").expect("URLs are absolute") + 3;
    let end = url[start..].find('/').map_or(url.len(), |at| start + at);
    let authority = &url[start..end];
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    // A URL without a path is requested as "/".
    (&url[..end], host, if end == url.len() { "/" } else { &url[end..] })
}

/// The verdicts on a case over all deliveries: exactly one, at the time for which it was made.
fn codes_of(policy: &Rc<Policy>, vector: &Value) -> BTreeSet<&'static str> {
    let body = STANDARD.decode(vector["body_base64"].as_str().expect("a vector has a body")).expect("it is base64");
    let (_, authority, target) = url(vector);
    let mut sent = Sent::new(vector["method"].as_str().expect("a vector has a method"), authority, target);
    for (name, value) in pairs(vector.get("headers")).expect("a vector has headers") {
        sent = sent.header(name, value);
    }
    sent = sent.body(body);
    let times = match vector["now_unix"].as_u64() {
        Some(now) => vec![UnixTime::from_secs(now)],
        None => times_in(&sent),
    };
    let mut verdicts = BTreeSet::new();
    for now in times {
        sent.now = now;
        let codes: BTreeSet<_> =
            Delivery::some(sent.body.len()).iter().map(|delivery| deliver(policy, &sent, delivery).code).collect();
        assert_eq!(codes.len(), 1, "the verdict depends on how {sent:?} comes: {codes:?}");
        verdicts.extend(codes);
    }
    verdicts
}

/// Every time in a request, and the tests' own: a case without a clock is valid when it was signed.
fn times_in(sent: &Sent) -> Vec<UnixTime> {
    let mut times = BTreeSet::from([UnixTime::from_secs(NOW)]);
    for text in sent.headers.iter().map(|(_, value)| value).chain([&sent.body]) {
        let text = String::from_utf8_lossy(text);
        let numbers = text.split(|letter: char| !letter.is_ascii_digit());
        times.extend(numbers.filter_map(|digits| match digits.len() {
            10 => digits.parse().ok().map(UnixTime::from_secs),
            13 => digits[..10].parse().ok().map(UnixTime::from_secs),
            _ => None,
        }));
        let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || "-+:.".contains(letter)));
        times.extend(words.filter_map(timestamp::parse_rfc3339));
    }
    times.into_iter().collect()
}
