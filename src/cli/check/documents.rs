//! The documents of the files that are checked: YAML, JSON, several of them in a file, and those inside of others.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::rc::Rc;

use super::codes;
use super::findings::{Findings, Spot};
use crate::cli::document::Document;
use crate::cli::document::text::Text;
use crate::cli::document::value::{Kind, Value};
use crate::cli::document::{json, yaml};
use crate::cli::input;
use crate::cli::terminal::Failure;

/// What is read of one file. No configuration comes near it.
const MAX_BYTES: u64 = 64 << 20;

/// A file as it was read.
pub struct File {
    pub name: Rc<str>,
    bytes: Vec<u8>,
}

impl File {
    /// Reads a file, or standard input for `-`.
    pub fn read(name: &str) -> Result<Self, Failure> {
        let failure = |why: String| Failure::Message(format!("{name}: {why}"));
        let mut bytes = Vec::new();
        let read = if name == "-" {
            std::io::stdin().take(MAX_BYTES + 1).read_to_end(&mut bytes)
        } else {
            if Path::new(name).is_dir() {
                return Err(failure(format!(
                    "is a folder; name its files, such as {}/*.yaml",
                    name.trim_end_matches('/')
                )));
            }
            fs::File::open(name).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        };
        match read {
            Ok(read) if u64::try_from(read).is_ok_and(|read| read > MAX_BYTES) => {
                Err(failure("is larger than 64 MiB and no configuration".to_owned()))
            }
            Ok(_) => Ok(Self { name: if name == "-" { "<stdin>".into() } else { name.into() }, bytes }),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(failure("there is no such file; \"-\" is standard input".to_owned()))
            }
            Err(error) => Err(failure(error.to_string())),
        }
    }

    /// A text that is not in a file yet.
    pub fn of_text(name: &str, text: String) -> Self {
        Self { name: name.into(), bytes: text.into_bytes() }
    }

    /// Its documents, and those in texts within them.
    pub fn documents(self, findings: &mut Findings) -> Vec<Document> {
        let name = self.name;
        let is_json_file = name.to_ascii_lowercase().ends_with(".json");
        // YAML may begin with a byte order mark; the filter's JSON may not.
        let is_marked = |bytes: &[u8]| is_json_file || !bytes.starts_with(b"\xef\xbb\xbf");
        if let Some(mark) = input::mark(&self.bytes).filter(|_| is_marked(&self.bytes)) {
            let place = Text::of_file(String::new()).place(0);
            let spot = Spot { file: name, place, path: "$".to_owned() };
            findings.add_at(&codes::NOT_TEXT, spot, mark, "save it as UTF-8 without a byte order mark");
            return Vec::new();
        }
        let text = match String::from_utf8(self.bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let spot = Spot { file: name, place: Text::of_file(text).place(valid), path: "$".to_owned() };
                findings.add_at(&codes::NOT_TEXT, spot, "is not text in UTF-8", "save it as UTF-8");
                return Vec::new();
            }
        };
        let text = Rc::new(Text::of_file(text));
        let parsed = parse(&text, is_json_file).unwrap_or_else(|mut refused| {
            if let Some((what, right)) = template(&text.text) {
                refused = Refused { code: &codes::NOT_YAML, message: what.to_owned(), right, ..refused };
            }
            let spot = Spot { file: Rc::clone(&name), place: text.place(refused.at), path: "$".to_owned() };
            findings.add_at(refused.code, spot, &refused.message, refused.right);
            Vec::new()
        });
        let mut documents = Vec::new();
        for root in parsed {
            add(Document { file: Rc::clone(&name), text: Rc::clone(&text), root }, &mut documents);
        }
        documents
    }
}

/// What a text looks like that a program must fill in before it is a configuration, and how to check what it becomes.
fn template(text: &str) -> Option<(&'static str, &'static str)> {
    let is_helm = [".Values", ".Release", ".Chart", "{{-", "include \""].iter().any(|sign| text.contains(sign));
    if text.contains("{{") && is_helm {
        Some(("is a template of Helm", "check what it renders to: helm template . | hookwarden check -"))
    } else if text.contains("{%") || text.contains("{{") {
        Some((
            "is a template: it has {{ }} or {% %}",
            "render it first, as Ansible or Jinja would, and check the result",
        ))
    } else if text.contains("<%") {
        Some(("is a template: it has <% %>", "render it first, and check the result"))
    } else if text.contains("${") {
        Some((
            "is a template: it has ${ }",
            "fill it in first: envsubst < FILE | hookwarden check - (terraform: check the rendered file)",
        ))
    } else {
        None
    }
}

/// Adds a document, or those that it holds.
fn add(document: Document, documents: &mut Vec<Document>) {
    let is_list = document.root.get("kind").and_then(Value::text).is_some_and(|kind| kind.ends_with("List"));
    if let (true, Some(items)) = (is_list, document.root.get("items")) {
        for item in items.elements() {
            let Document { file, text, .. } = &document;
            add(Document { file: Rc::clone(file), text: Rc::clone(text), root: item.clone() }, documents);
        }
        return;
    }
    let within: Vec<Document> = texts(&document.root).into_iter().flat_map(|text| inner(text, &document)).collect();
    documents.push(document);
    documents.extend(within);
}

/// The texts in which whole configurations are: a `ConfigMap`'s, those of compose, and Envoy Gateway's bootstrap.
fn texts(root: &Value) -> Vec<&Value> {
    let found = match root.get("kind").and_then(Value::text) {
        Some("ConfigMap") => root.get("data").map(|data| data.members().iter().map(|member| &member.value).collect()),
        Some("EnvoyProxy") => root.at(&["spec", "bootstrap", "value"]).map(|value| vec![value]),
        _ if root.get("services").is_some() => root.get("configs").map(|configs| {
            configs.members().iter().filter_map(|config| config.value.get("content")).collect::<Vec<_>>()
        }),
        _ => None,
    };
    found.unwrap_or_default()
}

/// The documents of a text in a document, if it is one that could have to do with us.
fn inner(value: &Value, document: &Document) -> Vec<Document> {
    let Kind::Text(text) = &value.kind else { return Vec::new() };
    let text = Rc::new(Text::of_scalar(text, &document.text, value.at));
    let parsed = parse(&text, false).unwrap_or_default();
    let maps = parsed.into_iter().filter(|root| matches!(root.kind, Kind::Map(_)));
    maps.map(|root| Document { file: Rc::clone(&document.file), text: Rc::clone(&text), root }).collect()
}

struct Refused {
    code: &'static codes::Code,
    at: usize,
    message: String,
    right: &'static str,
}

fn parse(text: &Text, is_json_file: bool) -> Result<Vec<Value>, Refused> {
    let looks_like_json = text.text.trim_start().starts_with(['{', '[']);
    let not_json = match (looks_like_json || is_json_file).then(|| json::parse(text)) {
        Some(Ok(root)) => return Ok(vec![root]),
        Some(Err(error)) => Some(Refused {
            code: &codes::NOT_JSON,
            at: text.offset(error.line, error.column.max(1)),
            message: format!("is not JSON: {}", error.message),
            right: "the filter reads JSON strictly: no comments, no comma after the last element, keys in double quotes",
        }),
        None => None,
    };
    let parsed = yaml::parse(text).map_err(|error| Refused {
        code: &codes::NOT_YAML,
        at: error.at,
        message: error.message,
        right: "check the indentation and the quotes here and on the line before",
    });
    match (not_json, parsed) {
        (None, parsed) => parsed,
        // Several documents, or a flow mapping of YAML: right in a manifest, and not for the filter.
        (Some(_), Ok(parsed)) if !is_json_file && (parsed.len() > 1 || !is_configuration(&parsed)) => Ok(parsed),
        (Some(refused), _) => Err(refused),
    }
}

/// Whether the documents are a plugin's configuration, which must be JSON to the letter.
fn is_configuration(documents: &[Value]) -> bool {
    documents.iter().any(|root| root.get("sources").is_some())
}
