//! Suspects of JSON that was parsed and written again.

use hookwarden::verify::bytes::json::Json;

use super::json_style::{Ascii, Escapes, Slash, Spacing, Style, Unicode};
use super::json_text::Tree;
use super::number::{self, Variant};
use super::{Change, Effort, Mistake, Scene};

const ADVICE: &str = "Give hookwarden the bytes as they arrived: something parsed the body and wrote it again, in front of it (a \
                      gateway, a body parser) or where the capture was made (a log, JSON.stringify(req.body)). Keep the raw body.";

/// The changes of this file: every way in which programs write the same document, the likeliest first.
pub fn changes(scene: &Scene<'_>, changes: &mut Vec<Change>) {
    let body = scene.captured.body.as_slice();
    let Some((text, tree)) = document(body) else { return };
    let most = scene.most_bodies();
    let writing = Writing { arrived: style_of(text, &tree), escapes: escapes_of(text), is_sorted: tree.is_sorted() };
    let here = Document { tree: &tree, numbers: None };
    let mut out = Out { changes, left: most };
    // One thing at a time, then all together.
    for escapes in writing.escapes.iter().filter(|escapes| escapes.count() == 1) {
        out.push(here, Style { escapes: *escapes, ..Style::KEPT }, &writing);
    }
    for spacing in Spacing::ALL {
        out.push(here, Style { spacing: *spacing, ..Style::KEPT }, &writing);
    }
    let variants = number::variants(text, &tree, if scene.effort == Effort::Quick { most / 8 } else { most / 2 });
    for variant in &variants {
        out.push_text(variant, &writing);
    }
    for escapes in writing.escapes.iter().filter(|escapes| escapes.count() > 1) {
        out.push(here, Style { escapes: *escapes, ..Style::KEPT }, &writing);
    }
    out.all_styles(here, &writing, scene.effort);
    let (of_all, of_some): (Vec<_>, Vec<_>) = variants.iter().partition(|variant| variant.is_of_all);
    for variant in of_all {
        out.with_tree(variant, |out, other| out.all_styles(other, &writing, Effort::Quick));
    }
    for variant in of_some.into_iter().filter(|_| scene.is_thorough()) {
        out.with_tree(variant, |out, other| {
            for spacing in [Spacing::Compact, Spacing::Spaced] {
                out.push(other, Style { spacing, ..Style::KEPT }, &writing);
            }
        });
    }
}

/// A document, and what differs in its numbers.
#[derive(Clone, Copy)]
struct Document<'a> {
    tree: &'a Tree<'a>,
    numbers: Option<&'a str>,
}

/// How a document arrived, and which ways can differ for it at all.
struct Writing {
    arrived: Option<Spacing>,
    escapes: Vec<Escapes>,
    is_sorted: bool,
}

/// Where changes go, and how many more there may be.
struct Out<'a> {
    changes: &'a mut Vec<Change>,
    left: usize,
}

impl Out<'_> {
    /// Spacing, order of keys, escapes and the end of the last line, in every combination.
    fn all_styles(&mut self, document: Document<'_>, writing: &Writing, effort: Effort) {
        let orders: &[bool] = if writing.is_sorted { &[false] } else { &[false, true] };
        for has_line_end in [false, true] {
            for is_sorted in orders {
                for escapes in std::iter::once(&Escapes::default()).chain(&writing.escapes) {
                    let is_plain = *escapes == Escapes::default();
                    if effort == Effort::Quick && (has_line_end || *is_sorted || escapes.count() > 1) && !is_plain {
                        continue;
                    }
                    for spacing in Spacing::ALL {
                        let style = Style { spacing: *spacing, escapes: *escapes, is_sorted: *is_sorted, has_line_end };
                        self.push(document, style, writing);
                    }
                    if has_line_end {
                        self.push(document, Style { escapes: *escapes, has_line_end, ..Style::KEPT }, writing);
                    }
                    if self.left == 0 {
                        return;
                    }
                }
            }
        }
    }

    /// Adds a document with other numbers, as it is otherwise.
    fn push_text(&mut self, variant: &Variant, writing: &Writing) {
        let Some(left) = self.left.checked_sub(1) else { return };
        self.left = left;
        let mistake = mistake(Some(&variant.words), Style::KEPT, writing);
        self.changes.push(Change::of_body(variant.text.clone().into_bytes(), mistake));
    }

    /// Does something with a document with other numbers, as long as there is room.
    fn with_tree(&mut self, variant: &Variant, act: impl FnOnce(&mut Self, Document<'_>)) {
        if self.left == 0 {
            return;
        }
        if let Some(tree) = Tree::parse(&variant.text) {
            act(self, Document { tree: &tree, numbers: Some(&variant.words) });
        }
    }

    /// Adds the document in this style, and says what differs.
    fn push(&mut self, document: Document<'_>, style: Style, writing: &Writing) {
        let Some(left) = self.left.checked_sub(1) else { return };
        self.left = left;
        let mistake = mistake(document.numbers, style, writing);
        self.changes.push(Change::of_body(document.tree.write(style).into_bytes(), mistake));
    }
}

/// Every way to escape that can differ for a document, fewer changes first.
fn escapes_of(text: &str) -> Vec<Escapes> {
    let has_unicode = !text.is_ascii() || text.contains("\\u");
    let has_slash = text.contains('/');
    let has_escapes = text.contains("\\u00") || text.contains("\\u20");
    let some = |is_there: bool, all: &[Unicode]| {
        let all = all.iter().copied().filter(move |_| is_there).map(Some);
        std::iter::once(None).chain(all).collect::<Vec<_>>()
    };
    let unicodes = some(has_unicode, &[Unicode::Plain, Unicode::Lower, Unicode::Upper]);
    let mut slashes = vec![None];
    if has_slash {
        slashes.extend([Some(Slash::Plain), Some(Slash::Escaped)]);
    }
    if text.contains("</") || text.contains("<\\/") {
        slashes.push(Some(Slash::BehindLess));
    }
    let can_differ = |ascii: &&Ascii| match ascii.escaped {
        "" => has_escapes,
        escaped => {
            has_escapes || escaped.chars().any(|char| text.contains(char) && (char != '"' || text.contains("\\\"")))
        }
    };
    let mut asciis = vec![None];
    asciis.extend(Ascii::ALL.iter().filter(can_differ).map(|ascii| Some(*ascii)));
    let mut all = Vec::new();
    for unicode in &unicodes {
        for slash in &slashes {
            for ascii in &asciis {
                all.push(Escapes { unicode: *unicode, slash: *slash, ascii: *ascii });
            }
        }
    }
    all.retain(|escapes| *escapes != Escapes::default());
    all.sort_by_key(Escapes::count);
    all
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
                "The body is JSON that was parsed and written again (re-serialised): its keys are in a different order than when they were signed.",
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

/// What differs from the document as it arrived.
fn mistake(numbers: Option<&str>, style: Style, writing: &Writing) -> Mistake {
    let mut what = Vec::new();
    if style.spacing != Spacing::Kept && Some(style.spacing) != writing.arrived {
        let here = writing.arrived.map_or("otherwise", Spacing::words);
        what.push(("json_spacing", format!("spacing: signed {}, here {here}", style.spacing.words())));
    }
    if style.is_sorted {
        what.push(("json_key_order", "key order: signed with sorted keys".to_owned()));
    }
    if let Some(words) = numbers {
        what.push(("json_numbers", words.to_owned()));
    }
    let Escapes { unicode, slash, ascii } = style.escapes;
    if let Some(unicode) = unicode {
        let signed = match unicode {
            Unicode::Plain => "signed as they are, here as \\u escapes",
            Unicode::Lower | Unicode::Upper => "signed as \\u escapes, here otherwise",
        };
        what.push(("json_unicode_escapes", format!("unicode escapes: characters beyond ASCII were {signed}")));
    }
    if let Some(slash) = slash {
        let signed = match slash {
            Slash::Plain => "signed as /, here as \\/",
            Slash::Escaped => "signed as \\/, here as /",
            Slash::BehindLess => "signed as \\/ behind <, here as /",
        };
        what.push(("json_slashes", format!("slashes: {signed}")));
    }
    if let Some(ascii) = ascii {
        let (which, signed) = match ascii.escaped {
            "" => ("characters such as <, > and &".to_owned(), "signed as they are, here as \\u escapes".to_owned()),
            escaped => {
                let shown: Vec<_> = escaped.chars().filter(char::is_ascii_graphic).map(String::from).collect();
                let which = if shown.is_empty() { "U+2028 and U+2029".to_owned() } else { shown.join(" ") };
                (which, format!("signed as \\u escapes ({}), here otherwise", ascii.whose))
            }
        };
        what.push(("json_html_escapes", format!("{which}: {signed}")));
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
    Mistake::new(code, sentence, ADVICE)
}
