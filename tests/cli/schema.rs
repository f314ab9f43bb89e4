//! `hookwarden schema`: the file in the repository, and whether it agrees with the parser.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use boon::{Compiler, SchemaIndex, Schemas, ValidationError};
use hookwarden::config;
use serde_json::{Value, json};

use crate::registry::{senders, text};
use crate::support::hookwarden;

const FILE: &str = "docs/hookwarden.schema.json";

/// What the parser refuses but a schema cannot, apart from duplicate keys: a part of the message, and the reason.
const BEYOND_A_SCHEMA: &[(&str, &str)] = &[
    ("is the name of an earlier source", "values in different places are compared"),
    ("is the host and path of an earlier source", "values in different places are compared"),
    ("differs from an earlier source's path", "values in different places are compared"),
    ("has the \"id\" of an earlier secret", "values in different places are compared"),
    ("must be a duration from", "a pattern matches a duration but not its length"),
    ("must be a plain path", "escapes that stand for something else would need their own pattern"),
    ("must be a network", "host bits are a matter of arithmetic"),
    ("matches every address", "whether a network covers every address is a matter of arithmetic"),
    ("is enclosed in quotation marks", "quotation marks come in pairs, and curly ones at either end"),
    ("looks like a placeholder", "a long list of words in any case, also after a colon"),
    ("is masked", "a public key in the same place may have any text"),
    ("is shorter than 8 bytes", "a schema counts characters"),
    ("decodes to fewer than 8 bytes", "decoded bytes are counted"),
    ("begins with \"", "the prefixes of other keys depend on the provider"),
    ("is not base64, as this sender's secrets are", "the encoding depends on the provider or the scheme"),
    ("is not base64 with + and /", "the encoding depends on the provider or the scheme"),
    ("is not hexadecimal, as this sender's secrets are", "the encoding depends on the provider or the scheme"),
    ("has nothing after its prefix", "the prefix depends on the provider or the scheme"),
    ("has non-ASCII letters", "decomposition depends on the provider or the scheme"),
    ("has no colon; basic authentication", "the kind of credential depends on the provider or the scheme"),
    ("is verified with \"keys\"", "the kind of key depends on the provider or the scheme"),
    ("is verified with \"secrets\"", "the kind of key depends on the provider or the scheme"),
    ("is not a public key:", "it needs a parser for keys"),
    ("has \"not_before\" later than", "values in different places are compared"),
    ("lets what is fetched grow too old", "durations are compared"),
    ("which is not in this sender's file", "whether the sender's file has it depends on the provider"),
    ("cannot be changed; this sender's file has it", "whether the sender's file has it depends on the provider"),
    (
        "has \"key_id\", and its kind of proof names",
        "whether a token names its key depends on the provider or the scheme",
    ),
    ("is not how this sender publishes its keys", "how the keys are published depends on the provider"),
    ("is only for senders whose requests name a certificate", "how the keys are published depends on the provider"),
    ("is only for senders that hand out their keys one by one", "how the keys are published depends on the provider"),
    ("is no host of this sender's", "whether the sender's file has several hosts depends on the provider"),
    ("fetches the same as an earlier one at other times", "values in different places are compared"),
    (
        "has no effect: this sender signs no timestamp",
        "whether the time is signed depends on the provider or the scheme",
    ),
    ("needs a configured value", "the values that a scheme needs depend on its templates"),
    ("is not a value that this scheme uses", "the values that a scheme needs depend on its templates"),
    ("a timestamp must be both signed and read", "what a template covers needs a parser for templates"),
    ("a plain hash must include {secret}", "what a template covers needs a parser for templates"),
    ("must be decidable from the headers", "which values need the body needs a parser for values"),
    ("has an unmatched brace", "parts in double brackets are themselves templates"),
    ("cannot tell events apart", "what is signed depends on the provider or the scheme"),
    ("is not signed, so an event", "what is signed depends on the provider or the scheme"),
    ("cannot be \"pass\" with", "values in different places are compared"),
    ("cannot be \"provider\"", "which senders publish networks depends on their files"),
    ("must be in capitals", "the methods in capitals are a separate list"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn json_of(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The compiled schema. Compiling validates it against the JSON Schema meta-schema.
struct Compiled {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Compiled {
    fn new() -> Self {
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource("hookwarden.json", json_of(FILE)).expect("it can be added");
        let mut schemas = Schemas::new();
        let index = compiler.compile("hookwarden.json", &mut schemas);
        Self { index: index.unwrap_or_else(|error| panic!("{error:#}")), schemas }
    }

    /// Why the schema refuses a configuration.
    fn refusal(&self, configuration: &Value) -> Option<String> {
        self.schemas.validate(configuration, self.index).err().map(|error| format!("{error}"))
    }

    /// Every place at which the schema refuses a configuration, such as `/sources/0/name`.
    fn places(&self, configuration: &Value) -> BTreeSet<String> {
        fn collect(error: &ValidationError<'_, '_>, places: &mut BTreeSet<String>) {
            // An error with causes only summarises them.
            if error.causes.is_empty() {
                places.insert(error.instance_location.to_string());
            }
            error.causes.iter().for_each(|cause| collect(cause, places));
        }
        let mut places = BTreeSet::new();
        if let Err(error) = self.schemas.validate(configuration, self.index) {
            collect(&error, &mut places);
        }
        places
    }
}

/// A problem's path as a JSON Pointer: `$.a[0]["b.c"]` is `/a/0/b.c`.
fn pointer(path: &str) -> String {
    let mut pointer = String::new();
    // Every second part was in quotation marks.
    for (number, part) in path.trim_start_matches('$').split('"').enumerate() {
        if number % 2 == 1 {
            pointer.push_str(&format!("/{}", part.replace('~', "~0").replace('/', "~1")));
        } else {
            let part = part.trim_start_matches(']').trim_end_matches('[');
            pointer.push_str(&part.replace(['.', '['], "/").replace(']', ""));
        }
    }
    pointer
}

/// Records which reasons were used, so that obsolete ones are found.
#[derive(Default)]
struct Comparison {
    reasons: BTreeSet<&'static str>,
    wrong: Vec<String>,
    compared: usize,
}

impl Comparison {
    fn add(&mut self, compiled: &Compiled, place: &str, configuration: &Value) {
        self.compared += 1;
        let parsed = config::load(configuration.to_string().as_bytes(), &|_| None);
        match (parsed, compiled.refusal(configuration)) {
            (Ok(_), Some(refusal)) => {
                self.wrong.push(format!("{place}: the schema refuses what is valid: {refusal}\n{configuration}"));
            }
            (Err(problems), refusal) => {
                let seen = compiled.places(configuration);
                for problem in problems {
                    let at = pointer(&problem.path.to_string());
                    let parent = at.rsplit_once('/').map_or("", |(parent, _)| parent);
                    // The two may disagree about which of two exclusive members is wrong.
                    let excludes = ["cannot be combined with", "known are \"dialects\""];
                    // A value of "with" that became part of the provider's scheme.
                    let is_seen = at.contains("/provider/")
                        || excludes.iter().any(|part| problem.message().contains(part))
                        || seen.contains(parent)
                        || seen.iter().any(|seen| seen.starts_with(&at));
                    if is_seen && refusal.is_some() {
                        continue;
                    }
                    let known = BEYOND_A_SCHEMA.iter().find(|(part, _)| problem.message().contains(part));
                    match known {
                        Some((part, _)) => {
                            self.reasons.insert(part);
                        }
                        None if at.contains("/provider/") => {}
                        // The schema says where handshakes are described; their language is left to the parser.
                        None if ["/handshake", "/acknowledge"].iter().any(|member| at.contains(member)) => {}
                        None => self
                            .wrong
                            .push(format!("{place}: the schema accepts it although {problem}\n{configuration}")),
                    }
                }
            }
            (Ok(_), None) => {}
        }
    }

    #[track_caller]
    fn finish(&self) {
        let shown: Vec<_> = self.wrong.iter().take(20).map(String::as_str).collect();
        assert!(self.wrong.is_empty(), "{} disagreements:\n{}", self.wrong.len(), shown.join("\n"));
    }
}

/// The fixtures of `tests/core/config/` that are JSON, by name.
fn fixtures() -> BTreeMap<String, Value> {
    let files = fs::read_dir(root().join("tests/core/config")).expect("the fixtures are there");
    let paths =
        files.map(|file| file.expect("a file").path()).filter(|path| path.extension().is_some_and(|e| e == "json"));
    let read = |path: PathBuf| {
        let name = path.file_stem()?.to_str()?.to_owned();
        // A schema cannot be applied to those that are not JSON.
        Some((name, serde_json::from_slice(&fs::read(path).ok()?).ok()?))
    };
    let fixtures: BTreeMap<_, _> = paths.filter_map(read).collect();
    assert!(fixtures.len() > 30, "{}", fixtures.len());
    fixtures
}

/// A configuration, and each of its sources alone, so that one mistake cannot hide behind another.
fn parts(configuration: &Value) -> Vec<Value> {
    let mut parts = vec![configuration.clone()];
    if let Some(sources) = configuration.get("sources").and_then(Value::as_array) {
        parts.extend(sources.iter().map(|source| json!({ "sources": [source] })));
    }
    parts
}

#[test]
fn the_command_prints_the_file() {
    let ran = hookwarden(&["schema"], "");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out, read(FILE));
}

#[test]
fn it_accepts_every_sender_by_name_and_written_out() {
    let compiled = Compiled::new();
    for sender in senders() {
        let by_name = json!({ "sources": [sender["source"]] });
        assert_eq!(compiled.refusal(&by_name), None, "{}", text(&sender, "/provider"));
        let mut written_out = sender["source"].clone();
        let verify = written_out["verify"].as_object_mut().expect("a check");
        verify.remove("provider");
        verify.insert("scheme".to_owned(), sender["scheme"].clone());
        let written_out = json!({ "sources": [written_out] });
        assert_eq!(compiled.refusal(&written_out), None, "{}: {written_out}", text(&sender, "/provider"));
    }
}

#[test]
fn it_agrees_with_the_parser_on_every_test_configuration_and_its_damaged_variants() {
    let compiled = Compiled::new();
    let mut comparison = Comparison::default();
    let fixtures = fixtures();
    for (name, configuration) in &fixtures {
        for part in parts(configuration) {
            comparison.add(&compiled, name, &part);
        }
    }
    for verify in beyond() {
        let source = |path: &str| json!({ "name": path[1..], "match": { "path": path }, "verify": verify });
        comparison.add(&compiled, "beyond", &json!({ "sources": [source("/a")] }));
    }
    let github = json!({ "provider": "github", "secrets": [{ "env": "SECRET" }] });
    let alike = |path: &str| json!({ "name": path[1..], "match": { "path": path }, "verify": github });
    comparison.add(&compiled, "alike", &json!({ "sources": [alike("/a"), alike("/A")] }));
    let accepted = fixtures.iter().filter(|(name, _)| name.starts_with("accepts"));
    let mut bases: Vec<(String, Value)> =
        accepted.flat_map(|(name, whole)| parts(whole).into_iter().skip(1).map(|part| (name.clone(), part))).collect();
    // The scheme language, with a few senders that use much of it.
    for sender in senders() {
        let name = text(&sender, "/provider");
        let much = ["stripe", "twilio", "persona", "google-pubsub", "messagebird", "keygen", "contentful", "websub"];
        if much.contains(&name) || name.starts_with("http-message") {
            let mut source = sender["source"].clone();
            let verify = source["verify"].as_object_mut().expect("a check");
            verify.remove("provider");
            verify.insert("scheme".to_owned(), sender["scheme"].clone());
            bases.push((name.to_owned(), json!({ "sources": [source] })));
        }
    }
    for (name, base) in &bases {
        for pointer in pointers(base, "") {
            for damaged in damages(base, &pointer) {
                comparison.add(&compiled, &format!("{name} {pointer}"), &damaged);
            }
        }
    }
    assert!(comparison.compared > 5_000, "{}", comparison.compared);
    comparison.finish();
    let unmet: Vec<_> = BEYOND_A_SCHEMA.iter().filter(|(part, _)| !comparison.reasons.contains(part)).collect();
    assert!(unmet.is_empty(), "these reasons were never needed: {unmet:#?}");
}

/// Checks with one problem each that a schema cannot detect.
fn beyond() -> Vec<Value> {
    let signature = json!({ "header": "X-Signature", "encoding": "hex" });
    let scheme = |members: Value| {
        let mut scheme = json!({ "signature": signature, "algorithm": "hmac-sha256", "signed": "{body}" });
        scheme.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
        json!({ "scheme": scheme, "secrets": [{ "env": "SECRET" }] })
    };
    let check = |provider: &str, list: &str, text: &str| json!({ "provider": provider, list: [{ "value": text }] });
    vec![
        check("github", "secrets", "ghp_0123456789abcdef0123456789"),
        check("standard-webhooks", "secrets", "whsec_MTIzNDU2Nw=="),
        check("easypost", "secrets", "schl\u{fc}ssel-schl\u{fc}ssel"),
        check("discord", "secrets", "0123456789abcdef0123456789"),
        check("github", "keys", "0123456789abcdef0123456789"),
        check("discord", "keys", "0123456789abcdef0123456789"),
        scheme(json!({ "algorithm": "sha256" })),
        scheme(json!({ "signed": "[[{body}" })),
        scheme(json!({ "when": { "present": "json:id" } })),
    ]
}

/// Every place in a value.
fn pointers(value: &Value, prefix: &str) -> Vec<String> {
    let mut found = vec![prefix.to_owned()];
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                found.extend(pointers(member, &format!("{prefix}/{name}")));
            }
        }
        Value::Array(elements) => {
            for (position, element) in elements.iter().enumerate() {
                found.extend(pointers(element, &format!("{prefix}/{position}")));
            }
        }
        _ => {}
    }
    found
}

/// Variants of the value with one place wrong or merely different.
fn damages(base: &Value, pointer: &str) -> Vec<Value> {
    let others = [
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(300),
        json!(1_000_000_000_000_u64),
        json!(""),
        json!(" "),
        json!("x"),
        json!("5m"),
        json!("{body}"),
        json!([]),
        json!({}),
        json!(["x"]),
        json!({ "x": "x" }),
    ];
    let mut damaged = Vec::new();
    for other in others {
        let mut copy = base.clone();
        *copy.pointer_mut(pointer).expect("it is there") = other;
        damaged.push(copy);
    }
    let mut copy = base.clone();
    if let Some(Value::Object(members)) = copy.pointer_mut(pointer) {
        members.insert("unknown".to_owned(), json!("x"));
        damaged.push(copy);
    }
    if let Some((parent, name)) = pointer.rsplit_once('/') {
        let mut copy = base.clone();
        if let Some(Value::Object(members)) = copy.pointer_mut(parent) {
            members.remove(&name.replace("~1", "/").replace("~0", "~"));
            damaged.push(copy);
        }
    }
    damaged
}

#[test]
fn it_lists_every_built_in_sender() {
    let shipped: Vec<_> = config::providers::names().collect();
    let file = read(FILE);
    let begin = "\"provider\": {";
    let (before, rest) = file.split_once(begin).expect("the check has a provider");
    let (description, rest) = rest.split_once("\"enum\": [").expect("its names are listed");
    let (_, after) = rest.split_once(']').expect("the list ends");
    let mut lines = vec![String::new()];
    for name in &shipped {
        let name = format!("\"{name}\", ");
        match lines.last_mut() {
            Some(line) if line.len() + name.len() <= 108 => line.push_str(&name),
            _ => lines.push(name),
        }
    }
    let list: String = lines.iter().map(|line| format!("\n            {}", line.trim_end())).collect();
    let list = list.trim_end_matches(',');
    let made = format!("{before}{begin}{description}\"enum\": [{list}\n          ]{after}");
    if std::env::var_os("BLESS").is_some() {
        fs::write(root().join(FILE), made).expect("it can be written");
    } else {
        assert!(made == file, "{FILE} is stale: BLESS=1 cargo test --test cli schema::it_lists");
    }
}

#[test]
fn every_key_is_described_and_documented_with_the_same_default() {
    let documented: BTreeMap<String, (String, String)> = ["docs/configuration.md", "docs/schemes.md"]
        .into_iter()
        .flat_map(|path| rows(&read(path)))
        .map(|row| (row[0].clone(), (row[2].clone(), row[3].clone())))
        .collect();
    let schema = json_of(FILE);
    let mut keys = BTreeSet::new();
    for (name, definition) in objects(&schema) {
        for (member, property) in definition["properties"].as_object().expect("properties") {
            let key = if name.is_empty() { member.clone() } else { format!("{name}.{member}") };
            assert!(text(property, "/description").len() > 10, "{key} is not described");
            let Some((default, limits)) = documented.get(&key) else { panic!("{key} is not in the documentation") };
            if let Some(value) = property.get("default") {
                let written = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let is_said = *default == format!("`{written}`") || *default == written;
                assert!(is_said || (written.is_empty() && default == "none"), "{key}: {default} against {written}");
            }
            let words = property.get("enum").and_then(Value::as_array).into_iter().flatten();
            for word in words.filter(|_| key != "check.provider") {
                let word = word.as_str().map_or_else(|| word.to_string(), str::to_owned);
                assert!(limits.contains(&word), "{key}: {word} is not among {limits}");
            }
            keys.insert(key);
        }
    }
    let missing: Vec<_> = documented.keys().filter(|key| !keys.contains(*key)).collect();
    assert!(missing.is_empty(), "the schema lacks {missing:?}");
}

/// The objects of the schema, by the names that the documentation has for them.
fn objects(schema: &Value) -> Vec<(String, Value)> {
    let mut objects = vec![(String::new(), schema.clone())];
    for (name, definition) in schema["$defs"].as_object().expect("definitions") {
        // A public key has the members of a secret; a dialect has those of a scheme.
        if ["key", "dialect"].contains(&name.as_str()) {
            continue;
        }
        let variants = definition["oneOf"].as_array().cloned().unwrap_or_default();
        for definition in
            variants.iter().chain([definition]).filter(|definition| definition.get("properties").is_some())
        {
            // The documentation uses the same name for both kinds of keys; one of them is a secret.
            let name = if name == "key_form" { "key" } else { name };
            objects.push((name.to_owned(), definition.clone()));
        }
    }
    objects
}

/// The rows of the table below `## Every key`.
fn rows(page: &str) -> Vec<Vec<String>> {
    let lines = page.lines().skip_while(|line| *line != "## Every key").skip_while(|line| !line.starts_with('|'));
    let cells = |line: &str| {
        let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
        inner.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    };
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2).map(cells);
    rows.map(|mut row| {
        row[0] = row[0].trim_matches('`').to_owned();
        row
    })
    .collect()
}
