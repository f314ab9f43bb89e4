//! The tables of words and values in `docs/schemes.md`, and of weak schemes in `docs/configuration.md`.

use std::collections::BTreeSet;

use hookwarden::config;
use hookwarden::verify::expression::Expression;
use hookwarden::verify::key::algorithm::JwtAlgorithm;
use hookwarden::verify::scheme::SchemeKind;
use serde_json::json;

use crate::base::{OBJECTS, problem_at};
use crate::documents::{quoted, rows, unquoted};
use crate::support::{assert_none, read, read_json};

#[test]
fn the_words_of_a_scheme_are_documented_and_no_others() {
    let scheme = "/sources/0/verify/2/scheme";
    for (heading, pointer, key) in [
        ("Algorithms", scheme.to_owned(), "algorithm"),
        ("Encodings", format!("{scheme}/signature"), "encoding"),
        ("Keys", format!("{scheme}/key"), "encoding"),
        ("`timestamp`", format!("{scheme}/timestamp"), "unit"),
    ] {
        let said = problem_at(&pointer, key, json!("zzzz"), &BTreeSet::new()).unwrap_or_default();
        let documented = first_cells("docs/schemes.md", heading);
        assert_eq!(quoted(&said, '"'), documented, "docs/schemes.md: the table below {heading}");
    }
    let text = read("docs/schemes.md");
    for (name, _) in JwtAlgorithm::NAMES {
        assert!(text.contains(&format!("`{name}`")), "docs/schemes.md lacks {name}");
    }
}

#[test]
fn every_kind_of_proof_is_documented_and_in_the_schema() {
    let documented = first_cells("docs/schemes.md", "Kinds of proof");
    let schema = read_json("docs/hookwarden.schema.json");
    for key in SchemeKind::ALL.iter().map(|kind| kind.key()) {
        assert!(documented.contains(key), "docs/schemes.md: {key} is not in the table below Kinds of proof");
        assert!(OBJECTS.iter().any(|(name, _)| *name == key), "tests/docs/base.rs: {key} is not in OBJECTS");
        assert!(schema["$defs"].get(key).is_some(), "docs/hookwarden.schema.json: {key} is not in $defs");
    }
}

#[test]
fn the_values_of_a_scheme_are_documented_and_no_others() {
    let path = "docs/schemes.md";
    let with = |_: &str| Some("https://hooks.example.com".to_owned());
    let mut roots = first_cells(path, "Roots");
    roots.extend(first_cells(path, "Built-ins"));
    let filters = first_cells(path, "Filters");
    let mut wrong = Vec::new();
    let texts = roots.iter().cloned().chain(filters.iter().map(|filter| format!("body|{filter}")));
    for text in texts {
        if let Err(error) = Expression::parse(&text, &with) {
            wrong.push(format!("{path}: {text}: {error:?}"));
        }
    }
    assert_none(&wrong);
    let names = |texts: &BTreeSet<String>| {
        let pairs = texts.iter().map(|text| text.split_once(':').map_or((text.as_str(), ""), |(name, _)| (name, ":")));
        pairs.map(|(name, colon)| format!("{name}{colon}")).collect::<BTreeSet<_>>()
    };
    assert_eq!(names(&roots), parsed_words("src/verify/expression/root.rs"), "{path}: roots");
    assert_eq!(names(&filters), parsed_words("src/verify/expression/filter.rs"), "{path}: filters");
}

#[test]
fn senders_named_as_examples_use_the_word_that_they_illustrate() {
    let mut wrong = Vec::new();
    for heading in ["Roots", "Filters", "Built-ins", "Algorithms", "Encodings", "Keys", "`timestamp`"] {
        for row in rows("docs/schemes.md", heading) {
            let words = quoted(&row[0], '`');
            let names: Vec<_> = words.iter().map(|word| word.split(':').next().unwrap_or_default()).collect();
            for sender in quoted(row.last().expect("a column"), '`') {
                let scheme = config::providers::text(&sender).unwrap_or_default();
                if !names.iter().any(|name| scheme.contains(name)) {
                    wrong.push(format!("docs/schemes.md: {heading}: {sender} has none of {}", row[0]));
                }
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn weaknesses_are_documented_with_their_exact_warnings() {
    let source = read("src/config/weakness.rs");
    let said: BTreeSet<_> = quoted(&source, '"').into_iter().filter(|text| text.contains(' ')).collect();
    // What would be right is a text of its own.
    let documented = weaknesses().iter().flat_map(|row| row.split("; ").map(str::to_owned)).collect::<BTreeSet<_>>();
    assert_eq!(documented, said, "docs/configuration.md: the table below Weak schemes");
}

/// The warnings about weak schemes.
pub fn weaknesses() -> BTreeSet<String> {
    rows("docs/configuration.md", "Weak schemes").into_iter().map(|row| unquoted(&row[0]).to_owned()).collect()
}

/// The words that a file's function `parse` compares with. Those that take a name end in a colon.
fn parsed_words(path: &str) -> BTreeSet<String> {
    let text = read(path);
    let (_, parse) = text.split_once("fn parse(").expect("it has a parser");
    let (parse, _) = parse.split_once("\n    }\n").expect("it ends");
    let (named, plain) = parse.rsplit_once("match text {").expect("it compares words");
    let word = |line: &str| line.trim().strip_prefix('"')?.split_once('"').map(|(word, _)| word.to_owned());
    let mut words: BTreeSet<_> = plain.lines().filter_map(word).collect();
    words.extend(named.lines().filter_map(word).map(|word| format!("{word}:")));
    words.extend(quoted(named, '"').into_iter().filter(|word| word.ends_with(':')));
    words
}

/// The words in backticks in the first column of a table.
fn first_cells(path: &str, heading: &str) -> BTreeSet<String> {
    rows(path, heading).iter().flat_map(|row| quoted(&row[0], '`')).collect()
}
