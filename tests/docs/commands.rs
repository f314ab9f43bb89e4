//! `docs/command.md` against the help and the output of the built command.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::{env, fs};

use serde_json::{Value, json};

use crate::documents::{blocks_of, prose, quoted, rows};
use crate::links::anchors;
use crate::support::{assert_none, read, secret};

#[test]
fn every_command_has_its_section_and_every_option_is_in_it() {
    let (commands, sections) = (commands(), sections());
    let documented: BTreeSet<_> = sections.keys().cloned().collect();
    assert_eq!(documented, commands.iter().cloned().collect(), "docs/command.md: its sections, and the commands");
    let mut wrong = Vec::new();
    let mut known = BTreeSet::from(["--help".to_owned(), "--version".to_owned()]);
    for command in &commands {
        let (options, documented) = (options(command), long_options(&prose(&sections[command])));
        let missing = options.difference(&documented).filter(|option| *option != "--help");
        wrong.extend(missing.map(|option| format!("docs/command.md: {command} lacks {option}")));
        known.extend(options);
    }
    for (command, section) in &sections {
        let mentioned = quoted(&prose(section), '`');
        let mentioned = mentioned.iter().filter(|words| words.starts_with("--")).flat_map(|words| long_options(words));
        let surplus = mentioned.filter(|option| !known.contains(option));
        wrong.extend(surplus.map(|option| format!("docs/command.md: {command}: there is no {option}")));
    }
    assert_none(&wrong);
}

#[test]
fn commands_in_examples_have_the_options_shown() {
    let commands: BTreeMap<_, _> = commands().into_iter().map(|name| (name.clone(), options(&name))).collect();
    let mut wrong = Vec::new();
    let mut shown = BTreeSet::new();
    for block in blocks_of("sh").into_iter().chain(blocks_of("console")) {
        let text = block.text.replace("\\\n", " ");
        let parts = text.lines().flat_map(|line| line.split(['|', ';', '(', ')'])).flat_map(|part| part.split("&&"));
        for part in parts {
            let part = part.split(" #").next().unwrap_or_default().trim().trim_start_matches("$ ");
            let part = part.split_once("--bin hookwarden -- ").map_or(part, |(_, rest)| rest);
            let Some(call) = part.strip_prefix("hookwarden ") else { continue };
            let found = commands.iter().find(|(name, _)| format!("{call} ").starts_with(&format!("{name} ")));
            let Some((name, options)) = found else {
                wrong.push(format!("{}: there is no {part}", block.place));
                continue;
            };
            shown.insert(name.clone());
            let surplus: Vec<_> = long_options(call).difference(options).cloned().collect();
            wrong.extend(surplus.iter().map(|option| format!("{}: {name} has no {option}", block.place)));
        }
    }
    let without = commands.keys().filter(|name| !shown.contains(*name));
    wrong.extend(without.map(|name| format!("no example shows {name}")));
    assert_none(&wrong);
}

#[test]
fn the_codes_of_check_are_documented() {
    let codes: Value = serde_json::from_str(&output_of(&["check", "--codes", "--format", "json"])).expect("JSON");
    let text = |code: &Value, name: &str| code[name].as_str().unwrap_or_default().to_owned();
    let link = |code: &Value| {
        let docs = text(code, "docs");
        let place = docs.strip_prefix("docs/").map_or(format!("../{docs}"), str::to_owned);
        let (_, anchor) = docs.split_once('#').expect("a section");
        format!("[{}]({place})", anchor.replace('-', " "))
    };
    let real: Vec<_> = codes
        .as_array()
        .expect("a list")
        .iter()
        .map(|code| vec![format!("`{}`", text(code, "code")), text(code, "severity"), text(code, "about"), link(code)])
        .collect();
    for code in codes.as_array().expect("a list") {
        let docs = text(code, "docs");
        let (file, anchor) = docs.split_once('#').expect("a section");
        assert!(anchors(&read(file)).contains(anchor), "{}: there is no {docs}", text(code, "code"));
    }
    let shown = rows("docs/command.md", "Codes of `check`");
    for real in &real {
        assert!(shown.contains(real), "docs/command.md lacks the row | {} |", real.join(" | "));
    }
    assert_eq!(shown.len(), real.len(), "docs/command.md: the number of codes");
}

#[test]
fn worked_examples_of_a_provider_verify() {
    let folder = env::temp_dir().join(format!("hookwarden-docs-provider-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder can be made");
    let write = |name: &str, value: &Value| {
        let path = folder.join(name);
        fs::write(&path, value.to_string()).expect("a file can be written");
        path.to_str().expect("the path is UTF-8").to_owned()
    };
    let examples: Vec<_> = blocks_of("json").into_iter().filter(|block| block.words == ["provider"]).collect();
    assert!(!examples.is_empty());
    for block in examples {
        let file: Value = serde_json::from_str(&block.text).unwrap_or_else(|error| panic!("{}: {error}", block.place));
        let vector = &file["vectors"][0];
        let verify = json!({ "scheme": file["scheme"], "secrets": [{ "value": vector["secrets"][0] }] });
        let source = json!({ "name": "example", "match": { "path": "/*" }, "verify": verify });
        let config = write("hookwarden.json", &json!({ "sources": [source] }));
        let request = write("request.json", vector);
        let answer: Value =
            serde_json::from_str(&output_of(&["explain", &config, &request, "--format", "json"])).expect("JSON");
        assert_eq!(answer["verified"], true, "{}: {answer}", block.place);
    }
    let _ = fs::remove_dir_all(&folder);
}

#[test]
fn machine_readable_output_is_documented() {
    let folder = env::temp_dir().join(format!("hookwarden-docs-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder can be made");
    let path = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).expect("a file can be written");
        path.to_str().expect("the path is UTF-8").to_owned()
    };
    let verify = json!({ "provider": "github", "secrets": [{ "env": "GITHUB_WEBHOOK_SECRET" }] });
    let source = json!({ "name": "github", "match": { "path": "/github" }, "verify": verify });
    let config = path("hookwarden.json", &json!({ "sources": [source] }).to_string());
    let request = "POST /github HTTP/1.1\r\nHost: a\r\nX-Hub-Signature-256: sha256=00\r\n\r\n{}";
    let request_file = path("request.http", request);
    let batch = path("batch.jsonl", &json!({ "id": 1, "request": request }).to_string());
    let sections = sections();
    let mut wrong = Vec::new();
    for (command, arguments) in [
        ("check", vec!["check", &config, "--format", "json"]),
        ("explain", vec!["explain", &config, &request_file, "--format", "json"]),
        ("explain", vec!["explain", &config, "--batch", &batch]),
        ("senders", vec!["senders", "stripe", "--format", "json"]),
        ("secret new", vec!["secret", "new", "--for", "github", "--format", "json"]),
        ("rotate", vec!["rotate", &config, "--source", "github", "--format", "json"]),
        ("sign", vec!["sign", "--provider", "github", "--secret-env", "GITHUB_WEBHOOK_SECRET", "--as", "json"]),
    ] {
        let answer: Value =
            serde_json::from_str(&output_of(&arguments)).unwrap_or_else(|error| panic!("{command}: {error}"));
        // Members of schemes and sources are documented elsewhere.
        let depth = if command == "senders" { 1 } else { 4 };
        let missing = members(&answer, depth);
        let documented = quoted(&sections[command], '`');
        let names = |words: &String| words.split(['.', ' ', ',']).map(str::to_owned).collect::<Vec<_>>();
        let documented: BTreeSet<_> = documented.iter().flat_map(names).collect();
        wrong.extend(missing.difference(&documented).map(|name| format!("docs/command.md: {command} lacks `{name}`")));
    }
    let _ = fs::remove_dir_all(&folder);
    assert_none(&wrong);
}

/// What the built command prints for these arguments.
fn output_of(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookwarden"));
    let output = command.args(arguments).env("GITHUB_WEBHOOK_SECRET", secret("")).output().expect("the command starts");
    assert!(
        output.status.code().is_some_and(|code| code < 2),
        "hookwarden {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("the command writes UTF-8")
}

/// The subcommands, according to the help.
fn commands_below(command: &[&str]) -> Vec<String> {
    let help = output_of(&[command, &["--help"]].concat());
    let Some((_, list)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Every command with its subcommands, such as `secret new`.
fn commands() -> Vec<String> {
    let mut all = Vec::new();
    for name in commands_below(&[]) {
        let below = commands_below(&[&name]);
        if below.is_empty() {
            all.push(name);
        } else {
            all.extend(below.iter().map(|below| format!("{name} {below}")));
        }
    }
    all
}

/// The long options of a command, according to its help.
fn options(command: &str) -> BTreeSet<String> {
    let words: Vec<_> = command.split(' ').chain(["--help"]).collect();
    let help = output_of(&words);
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    // Text after the first one explains it and may name others.
    let first = |line: &str| line.split([' ', ',', '[', '=']).find(|word| word.starts_with("--")).map(str::to_owned);
    lines.filter_map(first).collect()
}

/// The words of a text that are long options.
fn long_options(text: &str) -> BTreeSet<String> {
    let is_part = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
    let words = text.split(|char: char| !is_part(char)).filter(|word| word.starts_with("--") && word.len() > 2);
    words.map(str::to_owned).collect()
}

/// The sections of `docs/command.md`, by the commands in their headings.
fn sections() -> BTreeMap<String, String> {
    let text = read("docs/command.md");
    let mut sections = BTreeMap::new();
    for section in text.split("\n## ").skip(1) {
        let (heading, body) = section.split_once('\n').expect("a section has a text");
        for name in quoted(heading, '`').iter().filter_map(|name| name.strip_prefix("hookwarden ")) {
            assert!(
                sections.insert(name.to_owned(), body.to_owned()).is_none(),
                "docs/command.md: {name} is there twice"
            );
        }
    }
    sections
}

/// The names of a value's members down to this depth; a list counts as its elements.
fn members(value: &Value, depth: usize) -> BTreeSet<String> {
    match value {
        Value::Array(list) => list.iter().flat_map(|element| members(element, depth)).collect(),
        Value::Object(own) if depth > 0 => {
            own.iter().flat_map(|(name, value)| members(value, depth - 1).into_iter().chain([name.clone()])).collect()
        }
        _ => BTreeSet::new(),
    }
}
