//! Every sender in `providers/`: requests signed for it verify, and tampered ones are refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use serde_json::{Value, json};

use super::filter::Made;
use super::keys::Keys;
use crate::support::{Ran, hookwarden_with};

/// Senders for which no request can be made, and why. There are none.
const IMPOSSIBLE: &[(&str, &str)] = &[];
/// The ways to tamper, and the resulting denials.
const TAMPERS: &[(&str, &[&str])] = &[
    ("body", &["signature_mismatch", "digest_mismatch", "token_claim", "require_mismatch"]),
    ("signature", &["signature_mismatch", "credential_mismatch"]),
    ("timestamp", &["timestamp_stale", "token_expired"]),
    ("secret", &["signature_mismatch", "credential_mismatch"]),
];

/// A file in `providers/`, and one of its valid vectors.
pub struct Sender {
    pub name: String,
    scheme: Value,
    pub file: Value,
    pub vector: Value,
}

impl Sender {
    pub fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("providers");
        let only = std::env::var("PROVIDER").ok();
        let mut paths: Vec<PathBuf> =
            fs::read_dir(&folder).expect("providers/ is there").map(|entry| entry.expect("a file").path()).collect();
        paths.sort();
        let read = |path: &Path| -> Value {
            serde_json::from_slice(&fs::read(path).expect("a file")).unwrap_or_else(|error| panic!("{path:?}: {error}"))
        };
        let name = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
        paths
            .iter()
            .filter(|path| only.as_ref().is_none_or(|only| only.split(',').any(|only| only == name(path))))
            .map(|path| {
                let file = read(path);
                let scheme = match file["alias"].as_str() {
                    Some(alias) => read(&folder.join(format!("{alias}.json")))["scheme"].clone(),
                    None => file["scheme"].clone(),
                };
                let vector = file["vectors"].as_array().expect("vectors").iter();
                let vector = vector.clone().find(|vector| vector["expect"] == "verified").expect("a valid one").clone();
                Self { name: name(path), scheme, file, vector }
            })
            .collect()
    }

    /// The algorithm, if it uses public keys.
    pub fn public_algorithm(&self) -> Option<String> {
        self.vector.get("keys")?;
        let mut algorithms = Vec::new();
        collect(&self.scheme, &mut algorithms);
        Some(algorithms.first().expect("an algorithm").clone())
    }

    /// The secret or private key that the command signs with.
    pub fn secret(&self) -> String {
        match self.public_algorithm() {
            Some(algorithm) => Keys::get().of(&algorithm).to_owned(),
            None => self.vector["secrets"][0].as_str().expect("a secret").to_owned(),
        }
    }

    /// Runs `sign` for the sender's own event.
    pub fn sign(&self, arguments: &[&str]) -> Ran {
        self.run_sign(arguments, &self.secret())
    }

    /// The same with another text in place of the secret or private key.
    fn sign_with(&self, secret: &str) -> Ran {
        self.run_sign(&[], secret)
    }

    fn run_sign(&self, arguments: &[&str], secret: &str) -> Ran {
        let with: Vec<String> = self.vector["with"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| format!("{name}={}", value.as_str().expect("text")))
            .collect();
        let mut all = vec!["sign", "--provider", &self.name, "--secret-env", "SIGNING_SECRET", "--as", "json"];
        for with in &with {
            all.extend(["--with", with]);
        }
        all.extend(arguments);
        hookwarden_with(&all, "", &[("SIGNING_SECRET", secret)])
    }

    /// The receiver's check, with the matching secret or public key.
    pub fn check(&self, made: &Value) -> Value {
        let mut check = json!({ "provider": self.name });
        if let Some(with) = self.vector.get("with") {
            check["with"] = with.clone();
        }
        match self.public_algorithm() {
            Some(_) => check["keys"] = json!([{ "value": made["public_keys"][0] }]),
            None => check["secrets"] = json!([{ "value": self.secret(), "insecure_short_secret": true }]),
        }
        check
    }

    fn dialects(&self) -> Vec<&Value> {
        match self.scheme["dialects"].as_array() {
            Some(dialects) => dialects.iter().collect(),
            None => vec![&self.scheme],
        }
    }

    /// Whether a request of this sender can be tampered with in this way only.
    fn can_be_wrong(&self, tamper: &str) -> bool {
        let any_has = |members: &[&str]| {
            self.dialects().iter().any(|dialect| members.iter().any(|member| dialect.get(member).is_some()))
        };
        let says = |word: &str| self.file["unprotected"].as_array().expect("a list").contains(&json!(word));
        match tamper {
            "body" => !says("body"),
            "timestamp" => any_has(&["timestamp", "jwt", "message_signature", "http_signature"]),
            _ => true,
        }
    }
}

fn collect(value: &Value, algorithms: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), value) {
                    ("algorithm", Value::String(word)) => algorithms.push(word.clone()),
                    ("algorithms", Value::Array(words)) => {
                        algorithms.extend(words.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    _ => collect(value, algorithms),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, algorithms)),
        _ => {}
    }
}

/// Runs `look` for every sender, on a few threads, and prints all failures.
pub fn for_every_sender(look: impl Fn(&Sender) -> Vec<String> + Sync) {
    let senders = Sender::all();
    let wrong: Vec<String> = thread::scope(|scope| {
        let look = &look;
        let workers: Vec<_> = senders
            .chunks(senders.len().div_ceil(4))
            .map(|chunk| {
                scope.spawn(move || {
                    let found = |sender: &Sender| {
                        look(sender).into_iter().map(|what| format!("{}: {what}", sender.name)).collect::<Vec<_>>()
                    };
                    chunk.iter().flat_map(found).collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
    });
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

pub fn parsed(ran: &Ran) -> Result<Value, String> {
    serde_json::from_str(&ran.out).map_err(|_| format!("exit {}: {}", ran.code, ran.err.trim()))
}

#[test]
fn the_filter_verifies_a_request_for_every_sender() {
    for_every_sender(|sender| {
        if IMPOSSIBLE.iter().any(|(name, _)| *name == sender.name) {
            return Vec::new();
        }
        let ran = sender.sign(&[]);
        let made = match parsed(&ran) {
            Ok(made) => made,
            Err(problem) => return vec![problem],
        };
        let verdict = Made::read(&made).verdict(&sender.check(&made));
        if (ran.code, verdict, &made["expect"]) == (0, "verified", &json!("verified")) {
            Vec::new()
        } else {
            vec![format!("exit {}, {verdict}: {made}", ran.code)]
        }
    });
}

#[test]
fn the_filter_refuses_every_kind_of_tampering_for_every_sender() {
    for_every_sender(|sender| {
        let mut wrong = Vec::new();
        // Aliases have the same schemes.
        let tampers = if sender.file.get("alias").is_some() { &[] } else { TAMPERS };
        for (tamper, codes) in tampers {
            let ran = sender.sign(&["--tamper", tamper]);
            // If only part of the body is covered, that part can still be changed, and the command says so.
            let is_partly = *tamper == "body" && ran.err.contains("signs only part of the body");
            if !sender.can_be_wrong(tamper) && !is_partly {
                if ran.code != 2 || !ran.err.contains("be accepted") || !ran.out.is_empty() {
                    wrong.push(format!("{tamper}: should be impossible: exit {}, {} {}", ran.code, ran.err, ran.out));
                }
                continue;
            }
            let made = match parsed(&ran) {
                Ok(made) => made,
                Err(problem) => {
                    wrong.push(format!("{tamper}: {problem}"));
                    continue;
                }
            };
            let verdict = Made::read(&made).verdict(&sender.check(&made));
            let is_told = made["expect"] == json!(verdict) && ran.err.contains(verdict);
            if ran.code != 0 || !codes.contains(&verdict) || !is_told {
                wrong.push(format!("{tamper}: exit {}, {verdict}: {} {made}", ran.code, ran.err));
            }
        }
        wrong
    });
}

#[test]
fn a_key_that_cannot_sign_is_told_where_it_belongs_for_every_sender_with_public_keys() {
    let public = include_str!("public.pem");
    let mut count = 0;
    for sender in Sender::all().iter().filter(|sender| sender.public_algorithm().is_some()) {
        count += 1;
        let pem = sender.secret();
        let first = pem.lines().next().expect("a line");
        for (value, what) in [
            (first, "PEM without its end"),
            (public, "is a public key"),
            ("/etc/hookwarden/key", "\"$SIGNING_SECRET\""),
            ("key.pem", "\"$SIGNING_SECRET\""),
            ("not-a-key-of-any-kind", "is not a private key"),
        ] {
            let ran = sender.sign_with(value);
            assert!(
                ran.code == 2 && ran.err.contains("--secret-file") && ran.err.contains(what) && ran.out.is_empty(),
                "{}: {what}: {ran:?}",
                sender.name
            );
            assert!(!ran.err.contains(value), "{}: {ran:?}", sender.name);
        }
    }
    assert!(count > 5 || std::env::var("PROVIDER").is_ok(), "{count} senders with public keys");
}
