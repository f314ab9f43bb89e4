//! What the providers' files tell people: where a sender describes its signatures, what its secrets look like, an
//! event of it. The module for the proxy carries none of this.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

include!(concat!(env!("OUT_DIR"), "/registry.rs"));

/// A provider, as its file tells of it.
#[derive(Clone, Debug)]
pub struct Sender {
    /// The name of the provider, as written in a check.
    pub name: &'static str,
    /// The sender's name.
    pub title: String,
    /// One name for several schemes of a sender.
    pub sender: String,
    /// Where the sender describes its signatures.
    pub documentation: String,
    /// What the scheme rests on.
    pub evidence: Vec<Evidence>,
    /// What the scheme leaves open however well it is checked.
    pub unprotected: Vec<String>,
    /// Traps, handshakes, what not to trust.
    pub notes: Vec<String>,
    /// What its secrets are.
    pub secret: SecretShape,
    /// What it does when refused.
    pub refusal: String,
    /// For how long it repeats a delivery that failed, if that is known.
    pub retries: Option<Retries>,
    /// Who says how far its time may be off; `None` if it signs none.
    pub tolerance_by: Option<ToleranceBy>,
    /// The status that it understands for a lack of proof.
    pub refusal_status: u16,
    /// The networks that it sends from, and when that was read, if it publishes them.
    pub networks: Option<Networks>,
    /// Where it publishes its keys, if they can be fetched.
    pub keys_from: Option<Value>,
    /// The provider with the same scheme.
    pub alias: Option<String>,
    /// Requests by which it checks an endpoint, and others that look similar: `handshake_vectors` of its file.
    pub handshake_vectors: Vec<Value>,
    /// The scheme, as written in a check.
    pub scheme: Value,
    samples: &'static str,
}

/// Something that a scheme rests on.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// `vector`, `document`, `sender-code`, `delivery`, `independent-code`, `registry` or `memory`.
    pub kind: String,
    /// A link, or `owner/repository:path`.
    pub source: String,
    /// The day on which it was read, `YYYY-MM-DD`.
    pub seen: String,
}

/// What a sender's secrets are.
#[derive(Clone, Debug)]
pub struct SecretShape {
    /// Where to find it, and what it is not.
    pub hint: String,
    /// Who makes it; `None` for public keys.
    pub made_by: Option<MadeBy>,
    /// What it begins with: any of these, new ones with the first.
    pub prefixes: Vec<String>,
    /// The most characters that the sender takes, where it is known to have a limit.
    pub longest: Option<usize>,
    /// What other keys of the sender begin with.
    pub not: Vec<String>,
}

/// Who makes a sender's secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadeBy {
    /// The sender makes it and shows it.
    Sender,
    /// Whoever sets the webhook up makes it, and gives it to the sender.
    You,
    /// The sender makes one unless it is given one.
    Either,
}

/// How a sender repeats a delivery that failed.
#[derive(Clone, Debug)]
pub struct Retries {
    /// How long after the first attempt the last one comes, if that is known.
    pub span: Option<Duration>,
    /// The time that they carry.
    pub time: RetryTime,
    /// Where that is said, if it is: a link, or `owner/repository:path`.
    pub source: Option<String>,
}

/// The time that a repeated delivery carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryTime {
    /// That of the first attempt.
    Kept,
    /// Its own: each attempt is signed anew.
    Renewed,
    /// That is not known, or there is none.
    Unknown,
}

/// Who says how far a sender's time may be off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToleranceBy {
    /// The sender, its library, or the specification that it follows.
    Sender,
    /// We, since the sender says nothing of it.
    Us,
}

/// The networks of a sender.
#[derive(Clone, Debug)]
pub struct Networks {
    pub list: Vec<String>,
    /// The day on which they were read.
    pub read: String,
    /// Where; may be empty.
    pub source: String,
}

/// An event of a sender: a request that was verified.
#[derive(Clone, Debug)]
pub struct Sample {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// Whether it is verified with public keys.
    pub are_public_keys: bool,
    /// The check's `with`.
    pub with: BTreeMap<String, String>,
}

/// The provider of this name.
pub fn find(name: &str) -> Option<Sender> {
    let position = REGISTRY.binary_search_by(|(other, ..)| (*other).cmp(name)).ok()?;
    REGISTRY.get(position).map(Sender::read)
}

/// All providers, by name.
pub fn all() -> Vec<Sender> {
    REGISTRY.iter().map(Sender::read).collect()
}

impl Sender {
    fn read((name, told, samples): &(&'static str, &'static str, &'static str)) -> Self {
        let file: Value = serde_json::from_str(told).unwrap_or_default();
        let networks = file.get("networks").map(|networks| Networks {
            list: texts(networks.get("list")),
            read: text(networks, "/read"),
            source: text(networks, "/source"),
        });
        let status = file.pointer("/refusal/status").and_then(Value::as_u64);
        let longest = file.pointer("/secret/longest").and_then(Value::as_u64);
        Self {
            name,
            title: text(&file, "/title"),
            sender: text(&file, "/sender"),
            documentation: text(&file, "/documentation"),
            evidence: file
                .get("evidence")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .map(Evidence::read)
                .collect(),
            unprotected: texts(file.get("unprotected")),
            notes: texts(file.get("notes")),
            secret: SecretShape {
                hint: text(&file, "/secret/hint"),
                made_by: match text(&file, "/secret/made_by").as_str() {
                    "sender" => Some(MadeBy::Sender),
                    "you" => Some(MadeBy::You),
                    "either" => Some(MadeBy::Either),
                    _ => None,
                },
                prefixes: match file.pointer("/secret/prefix") {
                    Some(Value::String(prefix)) => vec![prefix.clone()],
                    list => texts(list),
                },
                longest: longest.and_then(|longest| usize::try_from(longest).ok()),
                not: texts(file.pointer("/secret/not")),
            },
            refusal: text(&file, "/refusal/note"),
            retries: file.get("retries").map(Retries::read),
            tolerance_by: match text(&file, "/tolerance_by").as_str() {
                "sender" => Some(ToleranceBy::Sender),
                "us" => Some(ToleranceBy::Us),
                _ => None,
            },
            refusal_status: status.and_then(|status| u16::try_from(status).ok()).unwrap_or(401),
            networks,
            handshake_vectors: file.get("handshake_vectors").and_then(Value::as_array).cloned().unwrap_or_default(),
            keys_from: file.get("keys_from").cloned(),
            alias: file.get("alias").and_then(Value::as_str).map(str::to_owned),
            scheme: file.get("scheme").cloned().unwrap_or_default(),
            samples,
        }
    }

    /// A few of its events, of which the first is the plainest; those whose body is not text are not among them.
    pub fn samples(&self) -> Vec<Sample> {
        let list: Vec<Value> = serde_json::from_str(self.samples).unwrap_or_default();
        list.iter().map(Sample::read).collect()
    }

    /// The plainest of its events.
    pub fn sample(&self) -> Option<Sample> {
        self.samples().into_iter().next()
    }

    /// The scheme's dialects, of which most have one.
    pub fn dialects(&self) -> Vec<&Value> {
        match self.scheme.get("dialects").and_then(Value::as_array) {
            Some(dialects) => dialects.iter().collect(),
            None => vec![&self.scheme],
        }
    }
}

impl Retries {
    fn read(retries: &Value) -> Self {
        Self {
            span: humantime::parse_duration(&text(retries, "/span")).ok(),
            time: match text(retries, "/time").as_str() {
                "kept" => RetryTime::Kept,
                "renewed" => RetryTime::Renewed,
                _ => RetryTime::Unknown,
            },
            source: Some(text(retries, "/source")).filter(|source| !source.is_empty()),
        }
    }
}

impl Evidence {
    fn read(entry: &Value) -> Self {
        Self { kind: text(entry, "/kind"), source: text(entry, "/source"), seen: text(entry, "/seen") }
    }
}

impl Sample {
    /// Reads a vector of a provider's file.
    pub fn read(vector: &Value) -> Self {
        let pair = |pair: &Value| match pair.as_array().map(Vec::as_slice) {
            Some([Value::String(name), Value::String(value)]) => Some((name.clone(), value.clone())),
            _ => None,
        };
        let with = vector.get("with").and_then(Value::as_object).into_iter().flatten();
        Self {
            method: text(vector, "/method"),
            url: text(vector, "/url"),
            headers: vector.get("headers").and_then(Value::as_array).into_iter().flatten().filter_map(pair).collect(),
            body: text(vector, "/body"),
            are_public_keys: vector.get("keys").is_some(),
            with: with.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect(),
        }
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}
