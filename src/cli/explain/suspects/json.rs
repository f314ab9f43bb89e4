//! Suspects of JSON that was parsed and written again.

use hookwarden::verify::bytes::json::Json;

use super::json_style::{Escapes, Html, Spacing, Style, Unicode};
use super::json_text::Tree;
use super::{Change, Effort, Mistake, Scene};

const ADVICE: &str = "Give hookwarden the bytes as they arrived: something parsed the body and wrote it again, in front of it (a \
                      gateway, a body parser) or where the capture was made (a log, JSON.stringify(req.body)). Keep the raw body.";

/// The changes of this file: every way in which programs write the same document.
pub fn changes(scene: &Scene<'_>, changes: &mut Vec<Change>) {
    let body = scene.captured.body.as_slice();
    let Some((text, tree)) = document(body) else { return };
    let arrived = style_of(text, &tree);
    let mut all = Styles::of(text, &tree);
    if scene.effort == Effort::Quick {
        all.escapes.retain(|escapes| escapes.count() == 1);
    }
    // One thing at a time, then all together.
    let kept = Style::KEPT;
    for escapes in &all.escapes {
        push(changes, &tree, Style { escapes: *escapes, ..kept }, arrived);
    }
    for spacing in Spacing::ALL {
        push(changes, &tree, Style { spacing: *spacing, ..kept }, arrived);
    }
    for spacing in Spacing::ALL {
        for is_sorted in [false, true] {
            for are_numbers_short in [false, true] {
                for escapes in std::iter::once(&Escapes::default()).chain(&all.escapes) {
                    for has_line_end in [false, true] {
                        let style =
                            Style { spacing: *spacing, escapes: *escapes, is_sorted, are_numbers_short, has_line_end };
                        if (is_sorted && all.is_sorted) || (are_numbers_short && !all.has_long_numbers) {
                            continue;
                        }
                        if scene.effort == Effort::Quick
                            && (has_line_end || is_sorted)
                            && *escapes != Escapes::default()
                        {
                            continue;
                        }
                        push(changes, &tree, style, arrived);
                    }
                }
            }
        }
    }
}

/// Which ways can differ for a document at all.
struct Styles {
    escapes: Vec<Escapes>,
    is_sorted: bool,
    has_long_numbers: bool,
}

impl Styles {
    fn of(text: &str, tree: &Tree<'_>) -> Self {
        let has_unicode = !text.is_ascii() || text.contains("\\u");
        let has_slash = text.contains('/');
        let has_html = text.contains(['<', '>', '&', '=', '\'']) || text.contains("\\u00") || text.contains("\\u202");
        let some = |is_there: bool, all: &[Option<u8>]| if is_there { all.to_vec() } else { vec![None] };
        let mut escapes = Vec::new();
        for unicode in some(has_unicode, &[None, Some(0), Some(1), Some(2)]) {
            for slash in some(has_slash, &[None, Some(0), Some(1)]) {
                for html in some(has_html, &[None, Some(0), Some(1), Some(2)]) {
                    escapes.push(Escapes {
                        unicode: unicode.map(|which| match which {
                            0 => Unicode::Plain,
                            1 => Unicode::Lower,
                            _ => Unicode::Upper,
                        }),
                        slash: slash.map(|which| which == 1),
                        html: html.map(|which| match which {
                            0 => Html::Plain,
                            1 => Html::Escaped,
                            _ => Html::Gson,
                        }),
                    });
                }
            }
        }
        // Fewer changes first.
        escapes.retain(|escapes| *escapes != Escapes::default());
        escapes.sort_by_key(Escapes::count);
        let has_long_numbers = text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
        Self { escapes, is_sorted: tree.is_sorted(), has_long_numbers }
    }
}

/// The orders of keys, where those that were signed are not known: of a small document all of them.
///
/// `look` says whether to stop.
pub fn permutations(scene: &Scene<'_>, look: &mut dyn FnMut(&Change) -> bool) {
    let Some((text, tree)) = document(&scene.captured.body) else { return };
    let most: usize = match (scene.effort, tree.is_sorted()) {
        (Effort::Thorough, true) => 50_000,
        (Effort::Thorough, false) => 5_000,
        (Effort::Quick, true) => 1_000,
        (Effort::Quick, false) => 120,
    };
    let arrived = style_of(text, &tree).unwrap_or(Spacing::Compact);
    let mut spacings = vec![arrived];
    spacings.extend([Spacing::Compact, Spacing::Spaced].into_iter().filter(|spacing| *spacing != arrived));
    let sizes = sizes(&tree);
    let mut total: usize = 1;
    for size in &sizes {
        total = (1..=*size).fold(total, usize::saturating_mul);
    }
    if total < 2 || total > most {
        return;
    }
    for spacing in spacings {
        for number in 1..total {
            let mut left = number;
            let ordered = ordered(&tree, &mut left);
            let bytes = ordered.write(Style { spacing, ..Style::KEPT }).into_bytes();
            let mistake = Mistake::new(
                "json_key_order",
                "The body is JSON that was parsed and written again (re-serialised): its keys are in another order than \
                 they were signed in.",
                ADVICE,
            );
            if look(&Change::of_body(bytes, mistake)) {
                return;
            }
        }
    }
}

/// How many members each object has, in the order in which [`ordered`] comes by.
fn sizes(tree: &Tree<'_>) -> Vec<usize> {
    match tree {
        Tree::Object(members, _) => {
            std::iter::once(members.len()).chain(members.iter().flat_map(|(_, value)| sizes(value))).collect()
        }
        Tree::List(list, _) => list.iter().flat_map(sizes).collect(),
        _ => Vec::new(),
    }
}

/// The document with its keys in the order of this number, of which as much is taken as the objects need.
fn ordered<'a>(tree: &Tree<'a>, number: &mut usize) -> Tree<'a> {
    match tree {
        Tree::Object(members, text) => {
            let mut left: Vec<_> = members.iter().collect();
            let mut chosen = Vec::with_capacity(left.len());
            while !left.is_empty() {
                let at = number.checked_rem(left.len()).unwrap_or_default();
                *number = number.checked_div(left.len()).unwrap_or_default();
                chosen.push(left.remove(at));
            }
            let members = chosen.into_iter().map(|(key, value)| (*key, ordered(value, number))).collect();
            Tree::Object(members, text)
        }
        Tree::List(list, text) => Tree::List(list.iter().map(|value| ordered(value, number)).collect(), text),
        other => other.clone(),
    }
}

/// The body as a document, if it is JSON.
fn document(body: &[u8]) -> Option<(&str, Tree<'_>)> {
    let text = std::str::from_utf8(body).ok()?;
    if !matches!(Json::parse(body), Ok(Json::Object(_) | Json::List(_))) {
        return None;
    }
    Some((text, Tree::parse(text)?))
}

/// The spacing that a document has, if it is one that programs write.
fn style_of(text: &str, tree: &Tree<'_>) -> Option<Spacing> {
    Spacing::ALL
        .iter()
        .copied()
        .find(|spacing| tree.write(Style { spacing: *spacing, ..Style::KEPT }) == text.trim_ascii_end())
}

/// Adds the document in this style, and says what differs.
fn push(changes: &mut Vec<Change>, tree: &Tree<'_>, style: Style, arrived: Option<Spacing>) {
    let written = tree.write(style);
    let differs = |other: Style| tree.write(other) != written;
    let mut what = Vec::new();
    if style.spacing != Spacing::Kept && Some(style.spacing) != arrived {
        let here = arrived.map_or("otherwise", Spacing::words);
        what.push(("json_spacing", format!("spacing: signed {}, here {here}", style.spacing.words())));
    }
    if style.is_sorted && differs(Style { is_sorted: false, ..style }) {
        what.push(("json_key_order", "key order: signed with sorted keys".to_owned()));
    }
    if style.are_numbers_short && differs(Style { are_numbers_short: false, ..style }) {
        what.push(("json_numbers", "numbers: signed in their shortest form (1 for 1.0)".to_owned()));
    }
    let with = |escapes: Escapes| Style { escapes, ..style };
    let Escapes { unicode, slash, html } = style.escapes;
    if unicode.is_some() && differs(with(Escapes { unicode: None, ..style.escapes })) {
        let signed = match unicode {
            Some(Unicode::Plain) => "signed as they are, here as \\u escapes",
            _ => "signed as \\u escapes, here otherwise",
        };
        what.push(("json_unicode_escapes", format!("unicode escapes: characters beyond ASCII were {signed}")));
    }
    if slash.is_some() && differs(with(Escapes { slash: None, ..style.escapes })) {
        let signed = if slash == Some(true) { "signed as \\/, here as /" } else { "signed as /, here as \\/" };
        what.push(("json_slashes", format!("slashes: {signed}")));
    }
    if html.is_some() && differs(with(Escapes { html: None, ..style.escapes })) {
        let signed = if html == Some(Html::Plain) {
            "signed as they are, here as \\u escapes"
        } else {
            "signed as \\u escapes, here as they are"
        };
        what.push(("json_html_escapes", format!("<, > and &: {signed}")));
    }
    if style.has_line_end {
        what.push(("body_trailing_newline", "it was signed with a line feed at its end".to_owned()));
    }
    let code = match what.as_slice() {
        [] => "json_spacing",
        [(code, _)] => code,
        _ => "json_reserialized",
    };
    let list: Vec<_> = what.into_iter().map(|(_, words)| words).collect();
    let list = if list.is_empty() { "white space at its ends".to_owned() } else { list.join("; ") };
    let sentence =
        format!("The body is JSON that was parsed and written again (re-serialised). What differs is {list}.");
    changes.push(Change::of_body(written.into_bytes(), Mistake::new(code, sentence, ADVICE)));
}
