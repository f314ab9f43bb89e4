//! Finding senders by words, and those that were meant where a word is misspelt.

use hookwarden::config::nearest::{all_nearest, plain};

use crate::cli::registry::Sender;

/// The most suggestions.
const MAX_NEAR: usize = 4;

/// The one whose name the words are, or else all that have every word in a name, the best ones first.
pub fn find<'a>(all: &'a [Sender], words: &[String]) -> Vec<&'a Sender> {
    let words: Vec<_> = words.iter().map(|word| plain(word)).filter(|word| !word.is_empty()).collect();
    let whole = words.concat();
    if let Some(sender) = all.iter().find(|sender| plain(sender.name) == whole) {
        return vec![sender];
    }
    let mut found: Vec<_> = all
        .iter()
        .filter_map(|sender| {
            let ranks: Option<Vec<_>> = words.iter().map(|word| rank(sender, word)).collect();
            Some((ranks?.into_iter().max().unwrap_or(0), sender))
        })
        .collect();
    // Those with the same rank stay in the order of their names.
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, sender)| sender).collect()
}

/// How well a word fits, from 0; `None` if it does not.
fn rank(sender: &Sender, word: &str) -> Option<u8> {
    let names = [plain(sender.name), plain(&sender.sender), plain(&sender.title)];
    if names.iter().any(|name| name == word) {
        Some(0)
    } else if names.iter().any(|name| name.starts_with(word)) {
        Some(1)
    } else {
        names.iter().any(|name| name.contains(word)).then_some(2)
    }
}

/// The providers nearest to the words, if any is near enough to be a slip of the fingers.
pub fn near(all: &[Sender], words: &[String]) -> Vec<&'static str> {
    let spellings = all.iter().flat_map(|sender| {
        let parts = sender.name.split('-').chain(sender.title.split_whitespace());
        parts.chain([sender.name, &sender.title]).map(|spelling| (spelling, sender.name))
    });
    let mut near = all_nearest(&words.concat(), spellings);
    near.dedup();
    near.truncate(MAX_NEAR);
    near
}
