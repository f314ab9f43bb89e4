//! The name that was meant where one is misspelt.

/// The most letters by which a misspelt name differs; of a short one, a quarter of its letters.
const MAX_EDITS: usize = 2;
/// The fewest letters of a name that is part of another.
const MIN_PART: usize = 3;

/// The known name that was most likely meant by `name`.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    all_nearest(name, known.map(|known| (known, known))).into_iter().next()
}

/// What is beside the spellings that differ least from `name`: by letters that are missing, added, replaced or
/// swapped, or else by an end that one of the two lacks. Empty if none is near.
#[must_use]
pub fn all_nearest<S: AsRef<str>, T>(name: &str, spellings: impl Iterator<Item = (S, T)>) -> Vec<T> {
    let name = plain(name);
    let allowed = name.len().checked_div(4).unwrap_or_default().clamp(1, MAX_EDITS);
    let is_part = |one: &str, other: &str| one.len() >= MIN_PART && other.starts_with(one);
    let distance = |known: &str| {
        let edits = (0..=allowed).find(|edits| is_within(name.as_bytes(), known.as_bytes(), *edits));
        edits.or_else(|| (is_part(&name, known) || is_part(known, &name)).then_some(usize::MAX))
    };
    let mut least = usize::MAX;
    let mut nearest = Vec::new();
    for (spelling, value) in spellings.filter(|_| !name.is_empty()) {
        let Some(distance) = distance(&plain(spelling.as_ref())).filter(|distance| *distance <= least) else {
            continue;
        };
        if distance < least {
            least = distance;
            nearest.clear();
        }
        nearest.push(value);
    }
    nearest
}

/// Whether a word of one or two letters is short for `name`, as `ms` is for `milliseconds`: the first letter of both is the
/// same, and the other follows.
#[must_use]
pub fn abbreviates(word: &str, name: &str) -> bool {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    let mut own = word.chars();
    word.len() < MIN_PART
        && first.is_some()
        && own.next() == first
        && own.all(|letter| letters.any(|other| other == letter))
}

/// The text in lower case and without what ASCII has between words: `git-lab`, `GitLab` and `git lab` are one.
#[must_use]
pub fn plain(text: &str) -> String {
    let is_kept = |char: &char| char.is_ascii_alphanumeric() || !char.is_ascii();
    text.chars().filter(is_kept).map(|char| char.to_ascii_lowercase()).collect()
}

/// Whether this many edits turn one text into the other.
fn is_within(one: &[u8], other: &[u8], edits: usize) -> bool {
    let common = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (one, other) = (one.get(common..).unwrap_or_default(), other.get(common..).unwrap_or_default());
    let (Some((a, one_rest)), Some((b, other_rest))) = (one.split_first(), other.split_first()) else {
        return one.len().max(other.len()) <= edits;
    };
    let Some(edits) = edits.checked_sub(1) else { return false };
    let swapped = match (one_rest.split_first(), other_rest.split_first()) {
        (Some((c, one)), Some((d, other))) => a == d && b == c && is_within(one, other, edits),
        _ => false,
    };
    swapped
        || is_within(one_rest, other, edits)
        || is_within(one, other_rest, edits)
        || is_within(one_rest, other_rest, edits)
}
