//! `docs/senders.md`, the pages in `docs/senders/` and the count in the README are generated from `providers/*.json`
//! by this test:
//!
//! ```sh
//! BLESS=1 cargo test --test senders
//! ```
//!
//! Without `BLESS` it fails if they are stale.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use hookwarden::verify::scheme::SchemeKind;
use serde_json::{Value, json};

const INDEX: &str = "docs/senders.md";
const PAGES: &str = "docs/senders";

#[test]
fn the_index_matches_the_providers() {
    check(INDEX, &index(&providers()));
}

#[test]
fn every_sender_has_a_page_and_there_is_no_other() {
    let providers = providers();
    let pages = pages(&providers);
    for (sender, page) in &pages {
        check(&format!("{PAGES}/{sender}.md"), page);
    }
    let wanted: BTreeSet<_> = pages.into_keys().collect();
    for path in fs::read_dir(root().join(PAGES)).expect("the folder is there").map(|file| file.expect("a file").path())
    {
        if wanted.contains(stem(&path).as_str()) {
            continue;
        }
        assert!(std::env::var_os("BLESS").is_some(), "{} belongs to no sender; {STALE}", path.display());
        fs::remove_file(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

#[test]
fn the_count_in_the_readme_matches_the_providers() {
    let readme = read("README.md");
    let (before, rest) = readme.split_once("<!-- senders -->").expect("README.md marks where the count begins");
    let (_, after) = rest.split_once("<!-- /senders -->").expect("README.md marks where the count ends");
    let (schemes, senders) = counts(&providers());
    let count = format!("{schemes} schemes of {senders} senders");
    check("README.md", &format!("{before}<!-- senders -->{count}<!-- /senders -->{after}"));
}

#[test]
fn every_source_on_a_page_is_accepted() {
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

/// The value of a variable: the longest key in the sender's vectors, so that it has the sender's form.
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
    } else {
        assert!(root().join(path).exists() && read(path) == made, "{path} is stale: {STALE}");
    }
}

const STALE: &str = "run BLESS=1 cargo test --test senders";

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
    let senders: BTreeSet<_> = providers.iter().map(|(name, file)| sender(name, file)).collect();
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
    let begins_with_a_digit = variable.starts_with(|first: char| first.is_ascii_digit());
    let variable = if begins_with_a_digit { format!("HOOK_{variable}") } else { variable };
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

/// Where the proof is, how it is made, and whether it covers a time; dialects are joined by "or".
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
    let kind = SchemeKind::of(|key| dialect.get(key).is_some());
    let own = &dialect[kind.key()];
    match kind {
        SchemeKind::Credential => {
            let how = own.get("auth_scheme").and_then(Value::as_str).unwrap_or("token");
            (place(own), how.to_owned(), false)
        }
        SchemeKind::Jwt => {
            let algorithms: Vec<_> =
                own["algorithms"].as_array().expect("algorithms").iter().filter_map(Value::as_str).collect();
            (place(own), format!("JWT {}", algorithms.join(", ")), own.get("timeless").is_none())
        }
        SchemeKind::MessageSignature => {
            ("`Signature`".to_owned(), format!("RFC 9421 {}", text(own, "/algorithm")), true)
        }
        SchemeKind::HttpSignature => (place(own), format!("HTTP signature {}", text(own, "/algorithm")), true),
        SchemeKind::Signature => {
            let algorithm = format!("{} {}", text(dialect, "/algorithm"), text(dialect, "/signature/encoding"));
            (place(own), algorithm, dialect.get("timestamp").is_some())
        }
    }
}

/// The page of a sender, below `docs/`.
fn page_of(name: &str, providers: &BTreeMap<String, Value>) -> String {
    let sender = sender(name, &providers[name]);
    if schemes_of(sender, providers).len() == 1 {
        format!("senders/{sender}.md")
    } else {
        format!("senders/{sender}.md#{name}")
    }
}

/// The providers of one sender, beginning with the one of the same name.
fn schemes_of<'a>(wanted: &str, providers: &'a BTreeMap<String, Value>) -> Vec<(&'a str, &'a Value)> {
    let own = providers.iter().filter(|(name, file)| sender(name, file) == wanted);
    let mut own: Vec<_> = own.map(|(name, file)| (name.as_str(), file)).collect();
    own.sort_by_key(|(name, _)| (*name != wanted, *name));
    own
}

fn index(providers: &BTreeMap<String, Value>) -> String {
    let (schemes, senders) = counts(providers);
    let mut letters: BTreeMap<char, Vec<(&String, &Value)>> = BTreeMap::new();
    for (name, file) in providers {
        letters.entry(letter(name)).or_default().push((name, file));
    }
    let jumps: Vec<_> = letters.keys().map(|letter| format!("[{letter}](#{})", letter.to_ascii_lowercase())).collect();
    let mut page = format!(
        "# Senders\n\n\
         {GENERATED}\n\n\
         {schemes} schemes of {senders} senders. Search this page for a name, or run `hookwarden senders NAME`. The first \
         column is what you write as `provider`; it links to the sender's page, which has a source to copy. Each scheme is a \
         file in [`providers/`](../providers), with test vectors. If your sender is not listed, describe its scheme in \
         [a few lines of JSON](schemes.md).\n\n\
         - *Signs time*: the signature covers the time of sending, so a request that was recorded and is sent later is \
         refused.\n\
         - *Not protected*: what the sender's scheme does not cover, however strictly it is checked \
         ([the words](schemes.md#provider-files)).\n\
         - *Evidence*: what our description of the scheme rests on: a published `vector`, the sender's `document`, the \
         sender's own code (`sender-code`), a recorded `delivery`, `independent-code`, one `registry`, or `memory`. The \
         filter warns about a scheme that rests on the last two alone.\n\n\
         {}\n",
        jumps.join(" · ")
    );
    for (letter, files) in letters {
        write!(
            page,
            "\n## {letter}\n\n\
             | `provider` | Sender | Proof in | Algorithm | Signs time | Not protected | Evidence |\n\
             | --- | --- | --- | --- | --- | --- | --- |\n"
        )
        .expect("text");
        for (name, file) in files {
            let (place, algorithm, timed) = proof(file);
            let title = text(file, "/title");
            let (timed, open, evidence) = (yes_or_no(timed), unprotected(file), kinds_of_evidence(file));
            let link = page_of(name, providers);
            writeln!(page, "| [`{name}`]({link}) | {title} | {place} | {algorithm} | {timed} | {open} | {evidence} |")
                .expect("text");
        }
    }
    page
}

const GENERATED: &str = "<!-- Generated from providers/*.json by tests/senders.rs. Change those, then run BLESS=1 cargo test --test senders. -->";

fn letter(name: &str) -> char {
    name.chars().next().expect("a name").to_ascii_uppercase()
}

fn yes_or_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

/// The pages of all senders, by sender.
fn pages(providers: &BTreeMap<String, Value>) -> BTreeMap<&str, String> {
    let senders: BTreeSet<_> = providers.iter().map(|(name, file)| sender(name, file)).collect();
    senders.into_iter().map(|sender| (sender, page(sender, providers))).collect()
}

fn page(sender: &str, providers: &BTreeMap<String, Value>) -> String {
    let schemes = schemes_of(sender, providers);
    let title = text(schemes[0].1, "/title");
    let title = if schemes.len() == 1 { title } else { title.split(" (").next().unwrap_or(title) };
    let mut page = format!("# {title}\n\n{GENERATED}\n\n");
    if schemes.len() > 1 {
        let links: Vec<_> = schemes.iter().map(|(name, _)| format!("[`{name}`](#{name})")).collect();
        write!(page, "{} schemes: {}.\n\n", schemes.len(), links.join(", ")).expect("text");
    }
    page.push_str("[All senders](../senders.md) · [Configuration](../configuration.md)\n");
    for (name, file) in schemes {
        page.push_str(&section(name, file, providers));
    }
    page
}

fn kinds_of_evidence(file: &Value) -> String {
    let evidence = file["evidence"].as_array().expect("a list");
    let mut kinds: Vec<_> = evidence.iter().map(|entry| text(entry, "/kind")).collect();
    kinds.dedup();
    kinds.join(", ")
}

fn unprotected(file: &Value) -> String {
    let words = file["unprotected"].as_array().expect("a list");
    words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

fn section(name: &str, file: &Value, providers: &BTreeMap<String, Value>) -> String {
    let (place, algorithm, timed) = proof(file);
    let open = unprotected(file);
    let mut facts = vec![
        ("Sender", text(file, "/title").to_owned()),
        ("Documentation", format!("<{}>", text(file, "/documentation"))),
        ("Proof in", place),
        ("Algorithm", algorithm),
        ("Signs time", yes_or_no(timed).to_owned()),
        ("Not protected", if open.is_empty() { "nothing known".to_owned() } else { open }),
    ];
    if let Some(alias) = file.get("alias").and_then(Value::as_str) {
        let page = page_of(alias, providers).replace("senders/", "");
        facts.push(("Scheme", format!("that of [`{alias}`]({page})")));
    }
    facts.extend(retries(file).map(|retries| ("Retries", retries)));
    match text(file, "/tolerance_by") {
        "sender" => facts.push(("Tolerance", "the sender's own, or its specification's".to_owned())),
        "us" => facts.push(("Tolerance", "ours; the sender names none".to_owned())),
        _ => {}
    }
    if let Some(keys) = file.get("keys_from") {
        facts.push(("Keys", keys_from(keys)));
    }
    if let Some(networks) = file.pointer("/networks/list").and_then(Value::as_array) {
        let list: Vec<_> = networks.iter().filter_map(Value::as_str).map(|network| format!("`{network}`")).collect();
        let source = text(file, "/networks/source");
        let from = if source.is_empty() { String::new() } else { format!(" from {source}") };
        facts.push(("Networks", format!("{} (read {}{from})", list.join(", "), text(file, "/networks/read"))));
    }
    facts.extend(handshake(file).map(|handshake| ("Handshake", handshake)));
    for (label, pointer) in [("Secret", "/secret/hint"), ("When refused", "/refusal/note")] {
        let text = text(file, pointer);
        if !text.is_empty() {
            facts.push((label, text.replace('|', "\\|")));
        }
    }
    let mut page = format!("\n## {name}\n\n| | |\n| --- | --- |\n");
    for (label, fact) in facts {
        writeln!(page, "| {label} | {fact} |").expect("text");
    }
    write!(page, "\n```json\n{}\n```\n\n", source(name, file)).expect("text");
    page.push_str("Notes and evidence:\n\n");
    for note in file.get("notes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        writeln!(page, "- {note}").expect("text");
    }
    for entry in file["evidence"].as_array().expect("a list") {
        let (kind, source, seen) = (text(entry, "/kind"), text(entry, "/source"), text(entry, "/seen"));
        let source = match source.strip_prefix("https://") {
            Some(rest) => format!("[{rest}]({source})"),
            None => format!("`{source}`"),
        };
        writeln!(page, "- Evidence: {kind}, {source} (read {seen}).").expect("text");
    }
    page
}

/// What a source needs to take part in the sender's handshakes.
fn handshake(file: &Value) -> Option<String> {
    let aliased: Option<Value> = file
        .get("alias")
        .and_then(Value::as_str)
        .map(|alias| serde_json::from_str(&read(&format!("providers/{alias}.json"))).expect("JSON"));
    let handshake = file.get("handshake").or_else(|| aliased.as_ref()?.get("handshake"))?;
    let rules = handshake.as_array().cloned().unwrap_or_else(|| vec![handshake.clone()]);
    let (text, scheme) = (handshake.to_string(), scheme(file).to_string());
    let mut values: Vec<String> = Vec::new();
    for name in text.split("{with:").skip(1).filter_map(|rest| rest.split('}').next()) {
        let value = format!(r#""{name}": {{ "env": … }}"#);
        if !scheme.contains(&format!("{{with:{name}}}")) && !values.contains(&value) {
            values.push(value);
        }
    }
    if text.contains(r#""confirm""#) {
        values.extend([r#""topics": [ … ]"#.to_owned(), r#""cluster": …"#.to_owned()]);
    }
    let option = if !rules.iter().all(|rule| rule.get("answer").or_else(|| rule.get("confirm")).is_some()) {
        r#""forward""#.to_owned()
    } else if values.is_empty() {
        "true".to_owned()
    } else {
        format!("{{ {} }}", values.join(", "))
    };
    Some(format!("`\"handshake\": {option}`; see [handshakes](../handshakes.md)"))
}

fn retries(file: &Value) -> Option<String> {
    let retries = file.get("retries")?;
    let span = match text(retries, "/span") {
        "" => "for an unknown time".to_owned(),
        span => format!("for up to {span}"),
    };
    let time = match text(retries, "/time") {
        "kept" => "with the time of the first attempt",
        "renewed" => "each with a new time",
        _ => "not known whether with a new time",
    };
    Some(format!("{span}, {time}"))
}

/// Where a sender publishes its keys.
fn keys_from(keys: &Value) -> String {
    let kinds = [("x509", "certificates, each named by a request"), ("jwk", "keys, each named by a request")];
    let (kind, what) = kinds.into_iter().find(|(kind, _)| keys.get(kind).is_some()).unwrap_or(("jwks", "a key set"));
    let part = |name: &str| keys.pointer(&format!("/{kind}/{name}")).and_then(Value::as_str);
    let mut text = format!("can be [fetched](../live-keys.md): {what}");
    let host = part("host").or_else(|| part("host/0"));
    if host.is_some() || part("path").is_some() {
        let (host, path) = (host.unwrap_or("AUTHORITY"), part("path").unwrap_or("/PATH"));
        text.push_str(&format!(" at `https://{host}{path}`").replace("{with:region}", "REGION").replace("{id}", "ID"));
    }
    text.push('.');
    text.push_str(&part("hint").map(|hint| format!(" {hint}")).unwrap_or_default());
    text
}
