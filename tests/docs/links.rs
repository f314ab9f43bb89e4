//! Links between the documents.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::documents::{documents, prose};
use crate::support::{assert_none, root};

#[test]
fn every_link_has_a_target() {
    let mut broken = Vec::new();
    for document in documents() {
        let folder = Path::new(&document.path).parent().unwrap_or(Path::new("")).to_owned();
        let text = prose(&document.text);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("https://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { PathBuf::from(&document.path) } else { folder.join(file) };
            let full = root().join(&path);
            let anchored =
                anchor.is_empty() || fs::read_to_string(&full).is_ok_and(|text| anchors(&text).contains(anchor));
            if !full.exists() || !anchored {
                broken.push(format!("{}: {target}", document.path));
            }
        }
    }
    assert_none(&broken);
}

/// The anchors that GitHub generates for the headings.
pub fn anchors(text: &str) -> BTreeSet<String> {
    prose(text)
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let kept = |char: &char| char.is_alphanumeric() || " -_".contains(*char);
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(kept)
                .collect::<String>()
                .replace(' ', "-")
        })
        .collect()
}
