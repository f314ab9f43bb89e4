//! `hookwarden check`: set-ups with one real mistake each in `check/`, with the expected output next to them. `BLESS=1`
//! rewrites it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Ran, hookwarden};

/// The time at which the fixtures are checked.
const AT: &str = "2026-11-22T00:00:00Z";
/// Occurs in every secret of the fixtures, and must not occur in any output.
const PLANTED: &str = "planted";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names of the fixtures without extension, and their paths.
fn fixtures() -> Vec<(String, PathBuf)> {
    let folder = root().join("tests/cli/check");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the fixtures are there")
        .map(|entry| entry.expect("they can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "json"))
        .map(|path| (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), path))
        .collect();
    paths.sort();
    assert!(paths.len() > 40, "{} fixtures only", paths.len());
    paths
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).expect("it is in the repository").to_string_lossy().replace('\\', "/")
}

fn check_fixture(path: &Path, more: &[&str]) -> Ran {
    let environment = path.with_extension("env");
    let (file, environment_file) = (relative(path), relative(&environment));
    let mut arguments = vec!["check", "--at", AT];
    if environment.is_file() {
        arguments.extend(["--env-file", &environment_file]);
    }
    arguments.extend(more);
    arguments.push(&file);
    hookwarden(&arguments, "")
}

#[test]
fn every_set_up_gets_the_output_in_the_file_next_to_it() {
    let mut wrong = String::new();
    for (name, path) in fixtures() {
        let ran = check_fixture(&path, &[]);
        assert_eq!(ran.err, "", "{name}");
        let said = format!("exit {}\n{}", ran.code, ran.out);
        let expected_path = path.with_extension("txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected_path, &said).expect("the expected output can be written");
        }
        let expected = fs::read_to_string(&expected_path).unwrap_or_default();
        if said != expected {
            let _ = write!(wrong, "\n{name}\n--- expected\n{expected}--- said\n{said}");
        }
        let is_fine = name.starts_with("finds-nothing");
        assert_eq!(is_fine, ran.out.starts_with("no problems found"), "{name}: {}", ran.out);
    }
    assert!(wrong.is_empty(), "{wrong}\nIf this is right, run with BLESS=1 and review the changes.");
}

#[test]
fn no_output_contains_a_value() {
    for (name, path) in fixtures() {
        for format in ["text", "json", "github"] {
            let ran = check_fixture(&path, &["--format", format]);
            assert!(!ran.out.to_lowercase().contains(PLANTED), "{name}: {}", ran.out);
            assert!(!ran.err.to_lowercase().contains(PLANTED), "{name}: {}", ran.err);
        }
    }
}

#[test]
fn every_code_is_unique_documented_and_linked_to_an_existing_section() {
    let codes: Value =
        serde_json::from_str(&hookwarden(&["check", "--codes", "--format", "json"], "").out).expect("JSON");
    let codes = codes.as_array().expect("a list");
    let names: BTreeSet<_> = codes.iter().map(|code| code["code"].as_str().expect("a name")).collect();
    assert_eq!(names.len(), codes.len(), "two codes have one name");
    assert!(names.len() > 50);
    let mut missing = Vec::new();
    for code in codes {
        let docs = code["docs"].as_str().expect("a link");
        let (file, anchor) = docs.split_once('#').expect("a section");
        let text = fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        if !anchors(&text).contains(anchor) {
            missing.push(docs);
        }
    }
    assert!(missing.is_empty(), "missing sections: {missing:?}");
    let documents = documents();
    let undocumented: Vec<_> = names.iter().filter(|name| !documents.contains(&format!("| `{name}` |"))).collect();
    assert!(undocumented.is_empty(), "not in the table of codes: {undocumented:?}");
}

/// The documentation of this command.
fn documents() -> String {
    let whole = root().join("docs/command.md");
    let part = root().join("docs/command-check.part.md");
    fs::read_to_string(if part.is_file() { part } else { whole }).expect("the command is documented")
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let heading = |line: &str| line.starts_with('#').then(|| line.trim_start_matches('#').trim().to_lowercase());
    let keeps = |char: &char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_');
    text.lines()
        .filter_map(heading)
        .map(|title| title.chars().filter(keeps).collect::<String>().replace(' ', "-"))
        .collect()
}

#[test]
fn every_code_has_a_fixture_or_a_reason_to_have_none() {
    let codes = hookwarden(&["check", "--codes"], "").out;
    let said: String = fixtures()
        .iter()
        .map(|(_, path)| fs::read_to_string(path.with_extension("txt")).expect("the words are there"))
        .collect();
    let names = codes.lines().filter_map(|line| line.split_whitespace().next());
    let untested: Vec<_> = names.filter(|name| !said.contains(&format!("[{name}]"))).collect();
    // One needs two files, the other another time; each has its own test below.
    assert_eq!(untested, ["nothing-here", "networks-old"], "these codes have no fixture");
}

#[test]
fn the_shipped_set_ups_have_no_problems() {
    for file in [
        "envoy/envoy.yaml",
        "envoy/envoy-chain.yaml",
        "envoy/envoy-live-secrets.yaml",
        "envoy/envoy-live-keys.yaml",
        "envoy/istio.yaml",
    ] {
        let ran = hookwarden(&["check", "--at", AT, "--env-file", "envoy/demo.env", file], "");
        assert_eq!(ran.code, 0, "{file}\n{}{}", ran.out, ran.err);
    }
    let ran = hookwarden(&["check", "--at", AT, "envoy/envoy.yaml", "envoy/docker-compose.yaml"], "");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("note[nothing-here]"), "{}", ran.out);
}

#[test]
fn the_examples_in_the_documentation_have_no_problems() {
    let mut wrong = String::new();
    let documents = [
        "README.md",
        "docs/configuration.md",
        "docs/envoy.md",
        "docs/istio.md",
        "docs/operations.md",
        "docs/schemes.md",
    ];
    for file in documents {
        let text = fs::read_to_string(root().join(file)).expect("the documents are there");
        for (line, language, block) in blocks(&text) {
            let is_whole = match language.as_str() {
                "json" => block.contains("\"sources\""),
                "yaml" => block.contains("hookwarden") && block.contains("sources"),
                _ => false,
            };
            if is_whole {
                let ran = hookwarden(&["check", "--at", AT, "-"], &block);
                if ran.code != 0 {
                    let _ = write!(wrong, "\n{file}, line {line}\n{}{}", ran.out, ran.err);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The code blocks of a document: the line, the info string, the text.
pub fn blocks(text: &str) -> Vec<(usize, String, String)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let indentation = line.len() - line.trim_start().len();
            let content: Vec<_> =
                lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```").collect();
            let unindented = content.iter().map(|line| line.get(indentation..).unwrap_or_default());
            blocks.push((number + 1, language.to_owned(), unindented.collect::<Vec<_>>().join("\n") + "\n"));
        }
    }
    blocks
}

const FINE: &str = r#"{
  "sources": [
    {
      "name": "stripe",
      "match": { "path": "/hooks/stripe" },
      "verify": { "provider": "stripe", "secrets": [{ "env": "STRIPE_WEBHOOK_SECRET" }] }
    }
  ]
}"#;

#[test]
fn standard_input_may_contain_several_documents() {
    let text = format!("{FINE}\n---\n{}", FINE.replace("\"stripe\"", "\"strpe\""));
    let ran = hookwarden(&["check", "-"], &text);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("<stdin>:16:"), "{}", ran.out);
    assert!(ran.out.contains("did you mean \"stripe\"?"), "{}", ran.out);
    assert!(ran.out.ends_with("1 error in 2 plugins of 1 file\n"), "{}", ran.out);
}

#[test]
fn an_empty_file_is_an_error() {
    for text in ["", "\n", "---\n", "# nothing\n"] {
        let ran = hookwarden(&["check", "-"], text);
        assert_eq!(ran.code, 1, "{text:?}: {ran:?}");
        assert!(ran.out.starts_with("error[no-plugin]: this file is empty"), "{text:?}: {}", ran.out);
    }
}

#[test]
fn warnings_are_errors_only_on_request() {
    let text = FINE.replace("\"env\": \"STRIPE_WEBHOOK_SECRET\"", "\"value\": \"whsec_planted-in-the-file\"");
    let ran = hookwarden(&["check", "-"], &text);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.starts_with("warning[secret-in-file]"), "{}", ran.out);
    let ran = hookwarden(&["check", "--deny-warnings", "-"], &text);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.starts_with("error[secret-in-file]"), "{}", ran.out);
}

#[test]
fn json_has_every_member_of_every_finding() {
    let ran = hookwarden(&["check", "--format", "json", "-"], &FINE.replace("sources", "source"));
    assert_eq!(ran.code, 1, "{ran:?}");
    let json: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(json["plugins"], 1);
    assert_eq!(json["errors"], json["findings"].as_array().expect("a list").len());
    for finding in json["findings"].as_array().expect("a list") {
        for name in ["severity", "code", "file", "path", "message", "right", "docs"] {
            assert!(finding[name].is_string(), "{name}: {finding}");
        }
        assert_eq!(finding["file"], "<stdin>");
        assert!(finding["line"].is_u64() && finding["column"].is_u64(), "{finding}");
    }
    let ran = hookwarden(&["check", "--format", "json", "-"], FINE);
    let json: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(json["findings"], Value::Array(Vec::new()));
}

#[test]
fn github_gets_a_command_for_each_finding_with_its_place() {
    let path = "tests/cli/check/names-the-missing-flag.yaml";
    let ran = hookwarden(&["check", "--format", "github", path], "");
    assert_eq!(ran.code, 1, "{ran:?}");
    let line = ran.out.lines().next().expect("a line");
    assert!(line.starts_with(&format!("::error file={path},line=")), "{line}");
    assert!(line.contains(",title=hookwarden hold-missing::$.static_resources"), "{line}");
    assert!(line.contains("%0Aright: ") && line.contains("%0Asee docs/configuration.md#"), "{line}");
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
}

#[test]
fn networks_that_were_read_half_a_year_ago_are_a_warning() {
    let source = |allowed: &str| {
        format!(
            r#"{{"sources": [{{"name": "hook", "match": {{"path": "/hook"}}, "allow_from": {allowed},
            "verify": {{"provider": "stripe", "secrets": [{{"env": "SECRET"}}]}}}}]}}"#
        )
    };
    let said = |at: &str, allowed: &str| hookwarden(&["check", "--at", at, "-"], &source(allowed)).out;
    let late = "2027-06-15T00:00:00Z";
    for allowed in [r#""provider""#, r#"["192.0.2.0/24", "provider"]"#] {
        let out = said(late, allowed);
        assert!(out.contains("networks-old") && out.contains("https://stripe.com/"), "{out}");
        assert!(!said(AT, allowed).contains("networks-old"));
    }
    assert!(!said(late, r#"["192.0.2.0/24"]"#).contains("networks-old"));
}

#[test]
fn an_unreadable_file_exits_with_two_and_says_what_to_do() {
    for (argument, expected) in
        [("no-such-file.yaml", "there is no such file"), ("envoy", "is a folder; name its files, such as envoy/*.yaml")]
    {
        let ran = hookwarden(&["check", argument], "");
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
        assert!(ran.err.contains(argument) && ran.err.contains(expected), "{}", ran.err);
    }
    let ran = hookwarden(&["check", "--at", "tomorrow", "-"], FINE);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("--at must be a time"), "{}", ran.err);
    let ran = hookwarden(&["check"], "");
    assert_eq!(ran.code, 2, "{ran:?}");
}

#[test]
fn an_environment_file_may_have_quotes_comments_and_lines() {
    let folder = std::env::temp_dir().join(format!("hookwarden-check-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder can be made");
    let path = folder.join("some.env");
    let checked = |environment: &str, name: &str| {
        fs::write(&path, environment).expect("a file can be written");
        let text = FINE.replace("STRIPE_WEBHOOK_SECRET", name);
        hookwarden(&["check", "--env-file", &path.to_string_lossy(), "-"], &text)
    };
    let all = "# comment\n\nexport A=whsec_a_secret_of_many_letters # comment\nB = 'whsec_a \"secret\" # of $B'\n\
               C=\"whsec_a \\\"secret\\\" of\" # comment\r\nD=\"whsec_of_two\nlines\"\nE=\n";
    for (name, code, expected) in [
        ("A", 0, "no problems found"),
        ("B", 0, "no problems found"),
        ("C", 0, "no problems found"),
        ("D", 1, "contains a line break"),
        ("E", 1, "is not set"),
        ("MISSING", 1, "is not set"),
    ] {
        let ran = checked(all, name);
        assert_eq!(ran.code, code, "{name}: {ran:?}");
        assert!(ran.out.contains(expected), "{name}: {}", ran.out);
    }
    for broken in ["planted-line", "1A=planted", "A=\"planted", "A='planted' planted"] {
        let ran = checked(broken, "A");
        assert_eq!(ran.code, 2, "{broken}: {ran:?}");
        assert!(ran.err.contains(":1: ") && !ran.err.contains(PLANTED), "{broken}: {}", ran.err);
    }
    fs::remove_dir_all(&folder).expect("the folder can be removed");
}

#[test]
fn colours_are_used_only_on_terminals() {
    let ran = hookwarden(&["check", "tests/cli/check/names-the-missing-flag.yaml"], "");
    assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "{ran:?}");
}

#[test]
fn damaged_files_never_make_it_panic() {
    let text = fs::read_to_string(root().join("envoy/istio.yaml")).expect("it is there");
    let lines: Vec<_> = text.lines().collect();
    for at in (0..lines.len()).step_by(7) {
        let without: Vec<_> = lines.iter().enumerate().filter(|(line, _)| *line != at).map(|(_, line)| *line).collect();
        let ran = hookwarden(&["check", "-"], &without.join("\n"));
        assert!(ran.code == 0 || ran.code == 1, "{at}: {ran:?}");
    }
    for text in [
        "",
        "\u{feff}{}",
        "[",
        "{",
        "- - - -",
        "&a [*a]",
        "a: *b",
        "\"\\ud83d\"",
        "<<: 1",
        "? a\n: b",
        "\t",
        "---\n---\n",
    ] {
        let ran = hookwarden(&["check", "-"], text);
        assert!(ran.code == 0 || ran.code == 1, "{text:?}: {ran:?}");
    }
    let deep = "[".repeat(100_000);
    let ran = hookwarden(&["check", "-"], &deep);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let deep = "- ".repeat(10_000);
    let ran = hookwarden(&["check", "-"], &deep);
    assert_eq!(ran.code, 1, "{}", ran.err);
}
