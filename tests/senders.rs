//! `docs/senders.md` and the index in the README are made of `providers/*.json`, by this test:
//!
//! ```sh
//! BLESS=1 cargo test --test senders
//! ```
//!
//! Without `BLESS` it fails where they are stale.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

#[test]
fn the_document_of_senders_is_what_the_providers_say() {
    check("docs/senders.md", &document(&providers()));
}

#[test]
fn the_index_in_the_readme_is_what_the_providers_say() {
    let readme = read("README.md");
    let (before, rest) = readme.split_once("<!-- senders -->\n").expect("README.md marks where the index begins");
    let (_, after) = rest.split_once("<!-- /senders -->").expect("README.md marks where the index ends");
    let index = index(&providers());
    check("README.md", &format!("{before}<!-- senders -->\n{index}<!-- /senders -->{after}"));
}

#[test]
fn every_source_in_the_document_is_accepted() {
    for (name, file) in providers() {
        let configuration = format!(r#"{{ "sources": [{}] }}"#, source(&name, &file));
        let environment = |variable: &str| Some(sample(variable, &file));
        if let Err(problems) = hookwarden::config::load(configuration.as_bytes(), &environment) {
            panic!("{name}: {problems:?}\n{configuration}");
        }
    }
}

#[test]
fn there_are_more_senders_than_in_any_other_registry() {
    let (schemes, senders) = counts(&providers());
    assert!(schemes >= 230 && senders >= 200, "{schemes} schemes of {senders} senders");
}

/// What stands in the environment: a text that is a key of the sender's kind, the longest of its vectors'.
fn sample(variable: &str, file: &Value) -> String {
    let list = if variable.ends_with("_PUBLIC_KEY") { "keys" } else { "secrets" };
    let vectors = file["vectors"].as_array().expect("vectors").iter().filter(|vector| vector["expect"] == "verified");
    let keys = vectors.filter_map(|vector| vector[list].as_array()).flatten().filter_map(Value::as_str);
    let longest = keys.max_by_key(|key| key.len()).expect("a key");
    if longest.len() >= 8 { longest.to_owned() } else { "a-secret-of-this-sender:0123456789".to_owned() }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn check(path: &str, made: &str) {
    if std::env::var_os("BLESS").is_some() {
        fs::write(root().join(path), made).unwrap_or_else(|error| panic!("{path}: {error}"));
    } else if !root().join(path).exists() || read(path) != made {
        panic!("{path} is stale: run BLESS=1 cargo test --test senders");
    }
}

fn providers() -> BTreeMap<String, Value> {
    let files = fs::read_dir(root().join("providers")).expect("providers/ is there");
    files
        .map(|file| file.expect("a file").path())
        .map(|path| (stem(&path), serde_json::from_str(&fs::read_to_string(&path).expect("text")).expect("JSON")))
        .collect()
}

fn stem(path: &Path) -> String {
    path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned()
}

fn text<'a>(file: &'a Value, pointer: &str) -> &'a str {
    file.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn counts(providers: &BTreeMap<String, Value>) -> (usize, usize) {
    let mut senders: Vec<_> = providers.iter().map(|(name, file)| sender(name, file)).collect();
    senders.sort_unstable();
    senders.dedup();
    (providers.len(), senders.len())
}

fn sender<'a>(name: &'a str, file: &'a Value) -> &'a str {
    let sender = text(file, "/sender");
    if sender.is_empty() { name } else { sender }
}

fn scheme(file: &Value) -> Value {
    match file.get("alias").and_then(Value::as_str) {
        Some(alias) => {
            let target: Value = serde_json::from_str(&read(&format!("providers/{alias}.json"))).expect("JSON");
            target["scheme"].clone()
        }
        None => file["scheme"].clone(),
    }
}

fn valid(file: &Value) -> Value {
    let vectors = file["vectors"].as_array().expect("vectors");
    vectors.iter().find(|vector| vector["expect"] == "verified").expect("a valid vector").clone()
}

/// A complete source, ready to be copied.
fn source(name: &str, file: &Value) -> String {
    let variable = name.to_uppercase().replace('-', "_");
    let vector = valid(file);
    let keys = if vector.get("keys").is_some() {
        format!(r#""keys": [{{ "env": "{variable}_PUBLIC_KEY" }}]"#)
    } else {
        format!(r#""secrets": [{{ "env": "{variable}_WEBHOOK_SECRET" }}]"#)
    };
    let mut verify = format!(r#"    "provider": "{name}",{NEW_LINE}    {keys}"#);
    if let Some(with) = vector.get("with").and_then(Value::as_object).filter(|with| !with.is_empty()) {
        let with: Vec<_> = with.iter().map(|(key, value)| format!("{}: {value}", json!(key))).collect();
        write!(verify, r#",{NEW_LINE}    "with": {{ {} }}"#, with.join(", ")).expect("text");
    }
    let status = file.pointer("/refusal/status").and_then(Value::as_u64).filter(|status| *status != 401);
    let deny = status.map(|status| format!(r#",{NEW_LINE}  "deny": {{ "status": {status} }}"#)).unwrap_or_default();
    format!(
        r#"{{{NEW_LINE}  "name": "{name}",{NEW_LINE}  "match": {{ "path": "/hooks/{name}" }},{NEW_LINE}  "verify": {{{NEW_LINE}{verify}{NEW_LINE}  }}{deny}{NEW_LINE}}}"#
    )
}

const NEW_LINE: char = '\n';

/// Where the proof is and how it is made, in a few words, one dialect after the other.
fn proof(file: &Value) -> (String, String, bool) {
    let scheme = scheme(file);
    let dialects = scheme.get("dialects").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![scheme]);
    let mut places = Vec::new();
    let mut algorithms = Vec::new();
    let mut timed = true;
    for dialect in &dialects {
        let (place, algorithm, time) = dialect_in_words(dialect);
        places.push(place);
        algorithms.push(algorithm);
        timed &= time;
    }
    places.dedup();
    algorithms.dedup();
    (places.join(" or "), algorithms.join(" or "), timed)
}

fn dialect_in_words(dialect: &Value) -> (String, String, bool) {
    let place = |value: &Value| match (&value["header"], &value["at"]) {
        (Value::String(header), _) => format!("`{header}`"),
        (Value::Array(headers), _) => headers
            .iter()
            .filter_map(Value::as_str)
            .map(|header| format!("`{header}`"))
            .collect::<Vec<_>>()
            .join(" or "),
        (_, Value::String(at)) => format!("`{}`", at.replace('|', "\\|")),
        _ => String::new(),
    };
    if let Some(credential) = dialect.get("credential") {
        let how = credential.get("auth_scheme").and_then(Value::as_str).unwrap_or("token");
        return (place(credential), how.to_owned(), false);
    }
    if let Some(jwt) = dialect.get("jwt") {
        let algorithms: Vec<_> =
            jwt["algorithms"].as_array().expect("algorithms").iter().filter_map(Value::as_str).collect();
        return (place(jwt), format!("JWT {}", algorithms.join(", ")), jwt.get("timeless").is_none());
    }
    if let Some(message) = dialect.get("message_signature") {
        return ("`Signature`".to_owned(), format!("RFC 9421 {}", text(message, "/algorithm")), true);
    }
    if let Some(http) = dialect.get("http_signature") {
        return (place(http), format!("HTTP signature {}", text(http, "/algorithm")), true);
    }
    let algorithm = format!("{} {}", text(dialect, "/algorithm"), text(dialect, "/signature/encoding"));
    (place(&dialect["signature"]), algorithm, dialect.get("timestamp").is_some())
}

fn index(providers: &BTreeMap<String, Value>) -> String {
    let mut letters: BTreeMap<char, Vec<String>> = BTreeMap::new();
    for name in providers.keys() {
        let letter = name.chars().next().expect("a name").to_ascii_uppercase();
        letters.entry(letter).or_default().push(format!("[{name}](docs/senders.md#{name})"));
    }
    let (schemes, senders) = counts(providers);
    let mut index = format!("{schemes} schemes of {senders} senders:\n\n");
    for (letter, names) in letters {
        writeln!(index, "**{letter}** {}\n", names.join(" · ")).expect("text");
    }
    index
}

fn document(providers: &BTreeMap<String, Value>) -> String {
    let (schemes, senders) = counts(providers);
    let mut page = format!(
        "# Senders\n\n\
         <!-- Made of providers/*.json by tests/senders.rs; change those and run BLESS=1 cargo test --test senders. -->\n\n\
         {schemes} schemes of {senders} senders. Each is a file in [`providers/`](../providers) with its vectors, and its name is \
         the `provider` of a check. A sender that is not here is a few lines of [JSON](schemes.md) in your configuration.\n\n\
         *Signs time*: the sender signs when it sent the request, and a request that is recorded and sent again later \
         is refused. *Not protected*: what the sender's scheme leaves open, however well it is checked. *Evidence*: \
         `published` vectors of the sender; its `sdk` agrees; read in its or others' `code`; one `registry`'s word; \
         from `memory`.\n\n\
         | `provider` | Sender | Proof in | Algorithm | Signs time | Not protected | Evidence |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n"
    );
    for (name, file) in providers {
        let (place, algorithm, timed) = proof(file);
        let timed = if timed { "yes" } else { "no" };
        let title = text(file, "/title");
        let (open, evidence) = (unprotected(file), text(file, "/evidence"));
        writeln!(page, "| [`{name}`](#{name}) | {title} | {place} | {algorithm} | {timed} | {open} | {evidence} |")
            .expect("text");
    }
    for (name, file) in providers {
        page.push_str(&section(name, file));
    }
    page
}

fn unprotected(file: &Value) -> String {
    let words = file["unprotected"].as_array().expect("a list");
    words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

fn section(name: &str, file: &Value) -> String {
    let mut page =
        format!("\n## {name}\n\n{}: [documentation]({}).", text(file, "/title"), text(file, "/documentation"));
    if let Some(alias) = file.get("alias").and_then(Value::as_str) {
        write!(page, " The scheme is [`{alias}`](#{alias})'s.").expect("text");
    }
    let hint = text(file, "/secret/hint");
    if !hint.is_empty() {
        write!(page, " Secret: {hint}").expect("text");
    }
    page.push_str("\n\n");
    for note in file.get("notes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        writeln!(page, "- {note}").expect("text");
    }
    let refusal = text(file, "/refusal/note");
    if !refusal.is_empty() {
        writeln!(page, "- When refused: {refusal}").expect("text");
    }
    if let Some(networks) = file.pointer("/networks/list").and_then(Value::as_array) {
        let list: Vec<_> = networks.iter().filter_map(Value::as_str).map(|network| format!("`{network}`")).collect();
        writeln!(page, "- Sends from {} (read {}).", list.join(", "), text(file, "/networks/read")).expect("text");
    }
    let gap = if page.ends_with("\n\n") { "" } else { "\n" };
    write!(page, "{gap}```json\n{}\n```\n", source(name, file)).expect("text");
    page
}
