//! Things of the repository that the documents mention: the steps of the decision, identifiers, targets of the Makefile.

use crate::documents::{all_blocks, documents, prose, quoted, rows};
use crate::support::{assert_none, files_below, read};

#[test]
fn the_documents_list_the_steps_of_the_decision() {
    let real = listed_steps(&read("src/lib.rs"));
    assert!(real.len() > 5, "src/lib.rs has the decision");
    assert_eq!(listed_steps(&read("docs/decision.md")), real, "docs/decision.md, and src/lib.rs");
    let in_table: Vec<_> = rows("README.md", "The decision").iter().map(|row| row[0].replace("**", "")).collect();
    assert_eq!(in_table, real, "README.md, and src/lib.rs");
}

/// The numbers and titles of a list such as `1. **Match.** Host and path …`.
fn listed_steps(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.trim_start_matches("//!").trim_start());
    let numbered = lines.filter(|line| line.starts_with(|char: char| char.is_ascii_digit()));
    let titles = numbered.filter_map(|line| line.split_once(".**")?.0.split_once(". **"));
    titles.map(|(number, title)| format!("{number}. {title}")).collect()
}

#[test]
fn every_identifier_in_backticks_exists() {
    let mut known: String = texts_of(&["src", "envoy", "providers", ".ci", "benches"]);
    known.extend(["Makefile", "Cargo.toml"].map(read));
    known.extend(all_blocks().into_iter().map(|block| block.text));
    let tests = texts_of(&["tests"]);
    let mut unknown = Vec::new();
    for document in documents() {
        // It also names tests.
        let is_known =
            |word: &str| known.contains(word) || (document.path == "CONTRIBUTING.md" && tests.contains(word));
        let identifiers = quoted(&prose(&document.text), '`');
        let identifiers = identifiers.iter().filter(|word| {
            word.contains('_')
                && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        });
        unknown.extend(
            identifiers
                .filter(|word| !is_known(word.trim_start_matches("hookwarden_")))
                .map(|word| format!("{}: {word}", document.path)),
        );
    }
    assert_none(&unknown);
}

fn texts_of(folders: &[&str]) -> String {
    files_below(folders).into_iter().map(read).collect()
}

#[test]
fn every_mentioned_make_target_exists() {
    let makefile = read("Makefile");
    let is_target = |word: &str| makefile.lines().any(|line| line.starts_with(&format!("{word}:")));
    let mut unknown = Vec::new();
    for document in documents() {
        for (at, mark) in document.text.match_indices("make ") {
            let (before, rest) = (&document.text[..at], &document.text[at + mark.len()..]);
            let word: String = rest.chars().take_while(|char| char.is_ascii_lowercase() || *char == '-').collect();
            if (before.ends_with('`') || before.ends_with('\n')) && !is_target(&word) {
                unknown.push(format!("{}: make {word}", document.path));
            }
        }
    }
    assert_none(&unknown);
}
