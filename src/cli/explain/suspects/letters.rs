//! What forms, pages and keyboards make of the letters of a secret.

use hookwarden::verify::bytes::form;

use crate::cli::http_request::Url;

/// What HTML has to escape: the character, its entity by name, and by number.
const ENTITIES: &[(char, &str, &str)] = &[
    ('&', "&amp;", "&#38;"),
    ('<', "&lt;", "&#60;"),
    ('>', "&gt;", "&#62;"),
    ('"', "&quot;", "&#34;"),
    ('\'', "&#039;", "&#39;"),
];

/// The letters of Latin-1 that are a letter and a mark (Unicode Standard Annex 15): the marks, and for each the pairs.
const MARKED: &[(char, &str)] = &[
    ('\u{300}', "ÀAÈEÌIÒOÙUàaèeìiòoùu"),
    ('\u{301}', "ÁAÉEÍIÓOÚUÝYáaéeíióoúuýy"),
    ('\u{302}', "ÂAÊEÎIÔOÛUâaêeîiôoûu"),
    ('\u{303}', "ÃAÑNÕOãañnõo"),
    ('\u{308}', "ÄAËEÏIÖOÜUäaëeïiöoüuÿy"),
    ('\u{30a}', "ÅAåa"),
    ('\u{327}', "ÇCçc"),
];

/// With HTML's special characters as entities, by name or all by number.
pub fn html_escaped(text: &str, by_number: bool) -> String {
    let entity = |char: char| ENTITIES.iter().find(|(own, ..)| *own == char);
    text.chars()
        .map(|char| match entity(char) {
            Some((_, _, number)) if by_number => (*number).to_owned(),
            Some((_, name, _)) => (*name).to_owned(),
            None => char.to_string(),
        })
        .collect()
}

/// With the characters that entities stand for.
pub fn html_unescaped(text: &str) -> String {
    let replaced = |text: String, (char, name, number): &(char, &str, &str)| {
        text.replace(name, &char.to_string()).replace(number, &char.to_string())
    };
    // "&" last, so that nothing is unescaped twice.
    ENTITIES.iter().rev().fold(text.to_owned(), replaced)
}

/// With letters and marks apart.
pub fn decomposed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match pairs().find(|(_, own, _)| *own == char) {
            Some((mark, _, letter)) => out.extend([letter, mark]),
            None => out.push(char),
        }
    }
    out
}

/// With a letter and its mark as one character.
pub fn composed(text: &str) -> String {
    pairs().fold(text.to_owned(), |text, (mark, own, letter)| {
        if text.contains(mark) { text.replace(&format!("{letter}{mark}"), &own.to_string()) } else { text }
    })
}

/// User and password of a URL that has both.
pub fn user_of_url(text: &str) -> Option<Vec<u8>> {
    if !text.contains("://") {
        return None;
    }
    let (_, user) = Url::parse_captured(text).ok()?;
    let user = user.filter(|user| user.contains(':'))?;
    form::decode(user.as_bytes(), false).or_else(|| Some(user.into_bytes()))
}

/// A mark, the letter with it, and the letter without.
fn pairs() -> impl Iterator<Item = (char, char, char)> {
    MARKED.iter().flat_map(|(mark, letters)| {
        let mut letters = letters.chars();
        std::iter::from_fn(move || Some((*mark, letters.next()?, letters.next()?)))
    })
}
