//! The vectors in `providers/*.json`, read strictly.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::{fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookwarden::verify::Denial;
use serde_json::{Map, Value, json};

use crate::support::{self, NOW, Sent};

/// A file in `providers/`.
#[derive(Debug)]
pub struct Provider {
    pub name: String,
    pub file: Map<String, Value>,
    /// Its own scheme, or that of the provider that it is an alias of.
    pub scheme: Value,
    pub vectors: Vec<Vector>,
}

/// A request and the verdict that it must get.
#[derive(Debug)]
pub struct Vector {
    pub case: String,
    pub path: String,
    pub sent: Sent,
    pub has_clock: bool,
    /// The configured secrets or public keys, and which of the two they are.
    pub secrets: Vec<String>,
    pub are_public_keys: bool,
    pub with: Option<Value>,
    /// `verified`, or the code of a denial.
    pub expect: String,
}

/// Whether a scheme is configured by the name of a provider, or written out.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    ByName,
    WrittenOut,
}

/// All providers, by name, or only those listed in `PROVIDER`, separated by commas.
pub fn providers() -> Vec<Provider> {
    let only = std::env::var("PROVIDER").ok();
    providers_where(|name| only.as_ref().is_none_or(|only| only.split(',').any(|only| only == name)))
}

/// All providers, whatever `PROVIDER` says.
pub fn all_providers() -> Vec<Provider> {
    providers_where(|_| true)
}

/// The provider of this name, whatever `PROVIDER` says.
pub fn provider(name: &str) -> Provider {
    providers_where(|other| other == name).pop().unwrap_or_else(|| panic!("there is no provider {name}"))
}

fn providers_where(wanted: impl Fn(&str) -> bool) -> Vec<Provider> {
    // The fuzz targets use this file too, from a folder below.
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folder = here.ancestors().map(|folder| folder.join("providers")).find(|folder| folder.is_dir());
    let folder = folder.expect("there is a folder providers/");
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>())
        .expect("the folder providers/ can be read");
    paths.sort();
    assert!(!paths.is_empty(), "providers/ is empty");
    let files: BTreeMap<String, Map<String, Value>> = paths
        .iter()
        .map(|path| {
            let text = fs::read(path).expect("a file in providers/ can be read");
            let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a provider's file name is text");
            let file = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (name.to_owned(), file)
        })
        .collect();
    files
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, file)| Provider::of(name, file, &files).unwrap_or_else(|problem| panic!("{name}: {problem}")))
        .collect()
}

impl Provider {
    /// The provider `name` in `file`, which may be an alias of one in `files`.
    pub fn of(
        name: &str,
        file: &Map<String, Value>,
        files: &BTreeMap<String, Map<String, Value>>,
    ) -> Result<Self, String> {
        let vectors = file.get("vectors").and_then(Value::as_array).ok_or("lacks the list \"vectors\"")?;
        let vectors = vectors
            .iter()
            .map(|vector| Vector::read(vector).map_err(|problem| format!("{problem} in {vector:#}")))
            .collect::<Result<_, _>>()?;
        let scheme = match (file.get("scheme"), file.get("alias").and_then(Value::as_str)) {
            (Some(scheme), None) => scheme,
            (None, Some(alias)) => files
                .get(alias)
                .and_then(|file| file.get("scheme"))
                .ok_or(format!("{alias} has no scheme of its own"))?,
            _ => return Err("needs exactly one of \"scheme\" and \"alias\"".to_owned()),
        };
        Ok(Self { name: name.to_owned(), file: file.clone(), scheme: scheme.clone(), vectors })
    }

    /// Its dialects, of which most have one.
    pub fn dialects(&self) -> Vec<&Value> {
        match self.scheme.get("dialects").and_then(Value::as_array) {
            Some(dialects) => dialects.iter().collect(),
            None => vec![&self.scheme],
        }
    }

    /// Whether every byte of the body is signed unchanged.
    pub fn signs_whole_body(&self) -> bool {
        let templates = |dialect: &Value| -> Vec<String> {
            let signed = dialect.get("signed").cloned().unwrap_or_default();
            let list = signed.as_array().cloned().unwrap_or_else(|| vec![signed]);
            list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let signs = |dialect: &&Value| {
            let templates = templates(dialect);
            !templates.is_empty() && templates.iter().all(|template| template.contains("{body}"))
        };
        self.dialects().iter().all(signs)
    }

    /// The headers that the scheme names, in lower case.
    pub fn named_headers(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        collect_headers(&self.scheme, &mut names);
        names
    }

    /// The check that a vector is for.
    pub fn check(&self, vector: &Vector, form: Form) -> Value {
        let secrets: Vec<_> = vector.secrets.iter().map(String::as_str).collect();
        let mut check = match vector.are_public_keys {
            true => json!({ "keys": secrets.iter().map(|key| json!({ "value": key })).collect::<Vec<_>>() }),
            false => json!({ "secrets": support::literal(&secrets) }),
        };
        match form {
            Form::ByName => check = support::with(check, "provider", json!(self.name)),
            Form::WrittenOut => check = support::with(check, "scheme", self.scheme.clone()),
        }
        match &vector.with {
            Some(with) => support::with(check, "with", with.clone()),
            None => check,
        }
    }

    /// A configuration whose one source is this provider's, for the path of a vector.
    pub fn config(&self, vector: &Vector, form: Form) -> Value {
        support::sources(&[support::source("tested", &vector.path, self.check(vector, form))])
    }
}

/// The members of a vector, in the order in which files have them.
pub const MEMBERS: [&str; 13] = [
    "case",
    "origin",
    "source",
    "method",
    "url",
    "headers",
    "body",
    "body_base64",
    "secrets",
    "keys",
    "with",
    "now",
    "expect",
];

impl Vector {
    /// Reads one vector strictly.
    pub fn read(vector: &Value) -> Result<Self, String> {
        let vector = vector.as_object().ok_or("is no object")?;
        if let Some(key) = vector.keys().find(|key| !MEMBERS.contains(&key.as_str())) {
            return Err(format!("unknown key {key:?}"));
        }
        let text = |key: &str| vector.get(key).and_then(Value::as_str).ok_or(format!("lacks the text {key:?}"));
        match (text("origin")?, vector.contains_key("source")) {
            ("published", true) | ("generated", false) => {}
            ("published" | "generated", _) => return Err("names a source if and only if it was published".to_owned()),
            _ => return Err("\"origin\" is \"published\" or \"generated\"".to_owned()),
        }
        let body = match (vector.get("body"), vector.get("body_base64")) {
            (Some(Value::String(body)), None) => body.as_bytes().to_vec(),
            (None, Some(Value::String(body))) => STANDARD.decode(body).map_err(|error| error.to_string())?,
            _ => return Err("needs either \"body\" or \"body_base64\"".to_owned()),
        };
        let (authority, target) = text("url")?
            .split_once("://")
            .and_then(|(_, rest)| rest.split_at_checked(rest.find('/')?))
            .ok_or("\"url\" has a scheme, a host and a path")?;
        let now = match vector.get("now") {
            None => None,
            Some(now) => Some(now.as_u64().ok_or("\"now\" is whole seconds since 1970")?),
        };
        let mut sent = Sent::new(text("method")?, authority, target).body(&body).at(now.unwrap_or(NOW));
        for (name, value) in pairs(vector.get("headers"))? {
            sent = sent.header(name, value);
        }
        let (secrets, are_public_keys) = match (vector.get("secrets"), vector.get("keys")) {
            (Some(secrets), None) => (secrets, false),
            (None, Some(keys)) => (keys, true),
            _ => return Err("needs exactly one of \"secrets\" and \"keys\"".to_owned()),
        };
        let secrets: Option<Vec<String>> =
            secrets.as_array().and_then(|list| list.iter().map(|secret| secret.as_str().map(str::to_owned)).collect());
        let expect = text("expect")?;
        if expect != "verified" && !Denial::ALL.iter().any(|denial| denial.code() == expect) {
            return Err(format!("expects {expect:?}, which is neither \"verified\" nor a denial's code"));
        }
        Ok(Self {
            case: text("case")?.to_owned(),
            path: target.split('?').next().unwrap_or_default().to_owned(),
            sent,
            has_clock: now.is_some(),
            secrets: secrets
                .filter(|secrets| !secrets.is_empty())
                .ok_or("\"secrets\" and \"keys\" are lists of texts")?,
            are_public_keys,
            with: vector.get("with").cloned(),
            expect: expect.to_owned(),
        })
    }

    pub fn is_valid(&self) -> bool {
        self.expect == "verified"
    }
}

/// Headers as vectors write them: pairs, in order, repetitions included.
pub fn pairs(headers: Option<&Value>) -> Result<Vec<(&str, &str)>, String> {
    let pairs = headers.and_then(Value::as_array).ok_or("lacks the list \"headers\"")?;
    pairs
        .iter()
        .map(|pair| match pair.as_array().map(Vec::as_slice) {
            Some([Value::String(name), Value::String(value)]) => Ok((name.as_str(), value.as_str())),
            _ => Err("a header is a pair of texts".to_owned()),
        })
        .collect()
}

fn collect_headers(scheme: &Value, names: &mut BTreeSet<String>) {
    match scheme {
        Value::Object(members) => {
            for (key, value) in members {
                if key == "header" {
                    let list = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
                    names.extend(list.iter().filter_map(Value::as_str).map(str::to_ascii_lowercase));
                } else {
                    collect_headers(value, names);
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect_headers(value, names)),
        _ => {}
    }
}
