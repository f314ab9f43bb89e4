//! How programs write the numbers of a document: what they make of `0.0`, of exponents, and of integers that a double
//! cannot hold.

use std::collections::HashSet;

use super::json_text::Tree;

/// The largest integer that a double tells from its neighbours (ECMA-262, `Number.MAX_SAFE_INTEGER`), and one more.
const DOUBLES_END: u64 = 1 << 53;
/// The most keys of which every choice is tried.
const MOST_KEYS: usize = 8;
/// The most integers that may be one double, and that are tried.
const MOST_ROUNDED: u64 = 2048;

/// A document with other numbers.
pub struct Variant {
    /// Its text.
    pub text: String,
    /// What differs, for people.
    pub words: String,
    /// Whether every number that can be is written so.
    pub is_of_all: bool,
}

/// How a program writes a number; `None` where it does not differ.
type Writer = fn(&str) -> Option<String>;

/// The writers, the commonest first.
const WRITERS: &[Writer] = &[float, short, python, java, dotnet, plain, cents];

/// A number in a text.
struct Place<'a> {
    key: &'a str,
    number: &'a str,
    at: usize,
}

/// Every other way to write the numbers, at most so many.
pub fn variants(text: &str, tree: &Tree<'_>, most: usize) -> Vec<Variant> {
    let start = text.as_ptr().addr();
    let numbers = tree.numbers().into_iter();
    let places: Vec<_> =
        numbers.map(|(key, number)| Place { key, number, at: number.as_ptr().addr().saturating_sub(start) }).collect();
    let mut found = Found { text, seen: HashSet::from([text.to_owned()]), variants: Vec::new(), most };
    for writer in WRITERS {
        let able: Vec<_> = places.iter().filter_map(|place| Some((place, writer(place.number)?))).collect();
        found.add(&able, true);
        let mut keys: Vec<&str> = able.iter().map(|(place, _)| place.key).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in &keys {
            let of_key: Vec<_> = able.iter().filter(|(place, _)| place.key == *key).cloned().collect();
            found.add(&of_key, false);
        }
        for one in &able {
            found.add(std::slice::from_ref(one), false);
        }
        // Which of the keys hold numbers with a fraction.
        if (3..=MOST_KEYS).contains(&keys.len()) {
            for choice in 1_u32..(1 << keys.len()) {
                let is_chosen =
                    |key: &str| keys.iter().position(|own| *own == key).is_some_and(|at| choice & (1_u32 << at) != 0);
                let chosen: Vec<_> = able.iter().filter(|(place, _)| is_chosen(place.key)).cloned().collect();
                found.add(&chosen, false);
            }
        }
    }
    found.add_unrounded(&places);
    found.variants
}

struct Found<'a> {
    text: &'a str,
    seen: HashSet<String>,
    variants: Vec<Variant>,
    most: usize,
}

impl Found<'_> {
    fn add(&mut self, edits: &[(&Place<'_>, String)], is_of_all: bool) {
        let Some((first, written)) = edits.first() else { return };
        if self.variants.len() >= self.most {
            return;
        }
        let mut out = String::with_capacity(self.text.len().saturating_add(edits.len().saturating_mul(4)));
        let mut done = 0;
        for (place, written) in edits {
            out.push_str(self.text.get(done..place.at).unwrap_or_default());
            out.push_str(written);
            done = place.at.saturating_add(place.number.len());
        }
        out.push_str(self.text.get(done..).unwrap_or_default());
        if !self.seen.insert(out.clone()) {
            return;
        }
        let is_short = first.number.len() < 25 && written.len() < 25;
        let words = match edits.len() {
            1 if is_short => format!("numbers: signed {written}, here {}", first.number),
            count if is_short => format!("numbers ({count} of them): signed as {written}, here {}", first.number),
            count => format!("numbers ({count} of them): written in another way"),
        };
        self.variants.push(Variant { text: out, words, is_of_all });
    }

    /// An integer that a program rounded to a double: every one that it may have been.
    fn add_unrounded(&mut self, places: &[Place<'_>]) {
        let mut big: Vec<&str> = places.iter().map(|place| place.number).filter(|number| is_rounded(number)).collect();
        big.sort_unstable();
        big.dedup();
        // Of several, each by itself would have to be right together with all others.
        let [number] = big.as_slice() else { return };
        for other in unrounded(number) {
            let same = places.iter().filter(|place| place.number == *number);
            let edits: Vec<_> = same.map(|place| (place, other.clone())).collect();
            self.add(&edits, false);
        }
    }
}

/// Whether a document has a long integer that a program seems to have rounded: it is a double, and ends in a zero.
pub fn has_rounded(tree: &Tree<'_>) -> bool {
    tree.numbers().iter().any(|(_, number)| number.len() >= 17 && number.ends_with('0') && is_rounded(number))
}

/// Whether an integer is beyond what a double tells apart, and is one.
fn is_rounded(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    matches!((digits.parse::<u64>(), digits.parse::<f64>()), (Ok(exact), Ok(double))
        if exact >= DOUBLES_END && format!("{double}") == digits)
}

/// The integers that are the same double as this one, the nearest first.
fn unrounded(number: &str) -> Vec<String> {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (Ok(here), Ok(double)) = (digits.parse::<u64>(), digits.parse::<f64>()) else { return Vec::new() };
    let is_same = |other: u64| other.to_string().parse::<f64>() == Ok(double);
    let mut found = Vec::new();
    for away in 1..=MOST_ROUNDED {
        let (below, above) = (here.checked_sub(away), here.checked_add(away));
        let before = found.len();
        for other in [below, above].into_iter().flatten().filter(|other| is_same(*other)) {
            found.push(format!("{sign}{other}"));
        }
        if found.len() == before && away > 1 {
            break;
        }
    }
    found
}

fn has_fraction(number: &str) -> bool {
    number.contains(['.', 'e', 'E'])
}

fn changed(number: &str, other: String) -> Option<String> {
    (other != number).then_some(other)
}

/// A whole number with the `.0` that JavaScript leaves out.
fn float(number: &str) -> Option<String> {
    (!has_fraction(number)).then(|| format!("{number}.0"))
}

/// With two digits after the point, as amounts of money are.
fn cents(number: &str) -> Option<String> {
    match number.split_once('.') {
        None if !has_fraction(number) => Some(format!("{number}.00")),
        Some((_, fraction)) if fraction.len() == 1 && !number.contains(['e', 'E']) => Some(format!("{number}0")),
        _ => None,
    }
}

/// The digits of a number that is not whole or very large, and the power of ten of the first; the fewest that tell it
/// from others.
fn digits(number: &str) -> Option<(&'static str, String, i32)> {
    let value: f64 = number.parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    let written = format!("{:e}", value.abs());
    let (mantissa, exponent) = written.split_once('e')?;
    let sign = if value.is_sign_negative() { "-" } else { "" };
    Some((sign, mantissa.replace('.', ""), exponent.parse().ok()?))
}

/// As JavaScript writes it (ECMA-262, Number::toString).
fn short(number: &str) -> Option<String> {
    if !has_fraction(number) && number != "-0" && number.len() < 17 {
        return None;
    }
    let (sign, digits, exponent) = digits(number)?;
    if digits == "0" {
        return changed(number, "0".to_owned());
    }
    let other = if (-7..21).contains(&exponent) {
        positional(&digits, exponent, "")
    } else {
        scientific(&digits, exponent, "e", 1, "")
    };
    changed(number, format!("{sign}{other}"))
}

/// As Python's `repr` writes a float.
fn python(number: &str) -> Option<String> {
    if !has_fraction(number) {
        return None;
    }
    let (sign, digits, exponent) = digits(number)?;
    let other = if (-4..16).contains(&exponent) {
        positional(&digits, exponent, ".0")
    } else {
        scientific(&digits, exponent, "e", 2, "")
    };
    changed(number, format!("{sign}{other}"))
}

/// As Java's `Double.toString` writes it.
fn java(number: &str) -> Option<String> {
    let (sign, digits, exponent) = digits(number)?;
    let is_plain = (-3..7).contains(&exponent) || digits == "0";
    if !has_fraction(number) && is_plain {
        return None;
    }
    let other =
        if is_plain { positional(&digits, exponent, ".0") } else { scientific(&digits, exponent, "E", 0, ".0") };
    changed(number, format!("{sign}{other}"))
}

/// As .NET writes a double.
fn dotnet(number: &str) -> Option<String> {
    if !has_fraction(number) {
        return None;
    }
    let (sign, digits, exponent) = digits(number)?;
    let other = if (-5..15).contains(&exponent) {
        positional(&digits, exponent, "")
    } else {
        scientific(&digits, exponent, "E", 2, "")
    };
    changed(number, format!("{sign}{other}"))
}

/// Without an exponent.
fn plain(number: &str) -> Option<String> {
    if !number.contains(['e', 'E']) {
        return None;
    }
    let (sign, digits, exponent) = digits(number)?;
    ((-40..40).contains(&exponent)).then(|| format!("{sign}{}", positional(&digits, exponent, "")))
}

/// Digits with a point. `whole`: what follows a whole number.
fn positional(digits: &str, exponent: i32, whole: &str) -> String {
    let point = usize::try_from(exponent.saturating_add(1)).unwrap_or(0);
    if exponent < 0 {
        let zeros = usize::try_from(exponent.saturating_add(1).unsigned_abs()).unwrap_or(0);
        return format!("0.{}{digits}", "0".repeat(zeros));
    }
    match digits.split_at_checked(point) {
        Some((before, behind)) if !behind.is_empty() => format!("{before}.{behind}"),
        _ => format!("{digits}{}{whole}", "0".repeat(point.saturating_sub(digits.len()))),
    }
}

/// Digits with an exponent of at least so many digits, with a sign if there is a least number of them.
fn scientific(digits: &str, exponent: i32, letter: &str, least: usize, whole: &str) -> String {
    let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, ""));
    let mantissa = if rest.is_empty() { format!("{first}{whole}") } else { format!("{first}.{rest}") };
    let sign = match (exponent < 0, least) {
        (true, _) => "-",
        (false, 0) => "",
        (false, _) => "+",
    };
    format!("{mantissa}{letter}{sign}{:0least$}", exponent.unsigned_abs())
}
