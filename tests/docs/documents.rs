//! The documents: their prose, their fenced blocks, their tables.

use std::collections::BTreeSet;

use serde::Deserialize as _;
use serde_json::Value;

use crate::support::{files_below, read};

pub fn yaml(text: &str) -> Vec<Value> {
    serde_yaml_ng::Deserializer::from_str(text).map(|part| Value::deserialize(part).expect("YAML")).collect()
}

/// A file with prose.
pub struct Document {
    pub path: String,
    pub text: String,
}

/// A fenced block.
pub struct Block {
    /// The document, and the line of its fence.
    pub place: String,
    pub language: String,
    /// What follows the language.
    pub words: Vec<String>,
    pub text: String,
}

pub fn documents() -> Vec<Document> {
    let mut paths: Vec<_> = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(str::to_owned).into();
    paths.extend(files_below(&["docs", ".github"]).into_iter().filter(|path| path.ends_with(".md")));
    paths.into_iter().map(|path| Document { text: read(&path), path }).collect()
}

pub fn all_blocks() -> Vec<Block> {
    documents().iter().flat_map(blocks).collect()
}

pub fn blocks_of(language: &str) -> Vec<Block> {
    all_blocks().into_iter().filter(|block| block.language == language).collect()
}

fn blocks(document: &Document) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = document.text.lines().zip(1..);
    while let Some((fence, number)) = lines.next() {
        let Some(info) = fence.trim_start().strip_prefix("```") else { continue };
        let indent = fence.len() - fence.trim_start().len();
        let mut words = info.split_whitespace().map(str::to_owned);
        let text = lines.by_ref().map(|(line, _)| line).take_while(|line| line.trim() != "```");
        let text: String = text.map(|line| format!("{}\n", line.get(indent..).unwrap_or_default())).collect();
        let language = words.next().unwrap_or_default();
        blocks.push(Block { place: format!("{}:{number}", document.path), language, words: words.collect(), text });
    }
    blocks
}

/// The text without its fenced blocks.
pub fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// The rows of the first table below a heading, without its header, as cells.
pub fn rows(path: &str, heading: &str) -> Vec<Vec<String>> {
    let text = read(path);
    let mut lines = text.lines().skip_while(|line| line.trim_start_matches('#') != format!(" {heading}"));
    let table: Vec<_> =
        lines.by_ref().skip_while(|line| !line.starts_with('|')).take_while(|l| l.starts_with('|')).collect();
    assert!(table.len() > 2, "{path}: there is a table below {heading}");
    let cells = |line: &&str| {
        let inner = line.trim().trim_start_matches('|').strip_suffix('|').unwrap_or_default();
        inner.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    };
    let rows: Vec<_> = table.iter().skip(2).map(cells).collect();
    let columns = cells(&table[0]).len();
    for row in &rows {
        assert_eq!(row.len(), columns, "{path}: the columns of {row:?}");
    }
    rows
}

/// Every text between two of `mark`.
pub fn quoted(text: &str, mark: char) -> BTreeSet<String> {
    text.split(mark).skip(1).step_by(2).map(str::to_owned).collect()
}

pub fn unquoted(cell: &str) -> &str {
    cell.trim_matches('`')
}
