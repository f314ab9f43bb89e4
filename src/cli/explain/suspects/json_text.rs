//! JSON as text: what programs make of one document when they write it again.

use std::borrow::Cow;

use super::json_style::{Escapes, Slash, Spacing, Style, Unicode};
use crate::cli::document::json;
use crate::cli::document::text::Text;
use crate::cli::document::value::{Kind, Member, Value};

/// A document whose keys, texts and numbers are kept as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree<'a> {
    Object(Vec<KeyAndValue<'a>>, &'a str),
    List(Vec<Tree<'a>>, &'a str),
    /// With its quotes.
    Text(&'a str),
    /// A number, `true`, `false` or `null`.
    Atom(&'a str),
}

/// A key with its quotes, and its value.
pub type KeyAndValue<'a> = (&'a str, Tree<'a>);

impl<'a> Tree<'a> {
    /// Reads a document; `None` if it is not JSON.
    pub fn parse(text: &'a str) -> Option<Self> {
        let root = json::parse(&Text::of_file(text.to_owned())).ok()?;
        Self::of(&root, text)
    }

    fn of(value: &Value, text: &'a str) -> Option<Self> {
        let own = text.get(value.at..value.end)?;
        Some(match &value.kind {
            Kind::Map(members) => {
                let key = |member: &Member| {
                    let key = text.get(member.at..member.value.at)?;
                    Some(key.trim_end_matches(|char: char| char == ':' || char.is_ascii_whitespace()))
                };
                let members = members.iter().map(|member| Some((key(member)?, Self::of(&member.value, text)?)));
                Tree::Object(members.collect::<Option<_>>()?, own)
            }
            Kind::List(list) => Tree::List(list.iter().map(|value| Self::of(value, text)).collect::<Option<_>>()?, own),
            Kind::Text(_) => Tree::Text(own),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) => Tree::Atom(own),
        })
    }

    /// The text of the member `key` of an object, as it is.
    pub fn member_text(&self, key: &str) -> Option<&'a str> {
        let Tree::Object(members, _) = self else { return None };
        let quoted = quoted(key);
        members.iter().find(|(name, _)| *name == quoted).map(|(_, value)| value.text())
    }

    /// As it is.
    fn text(&self) -> &'a str {
        match self {
            Tree::Object(_, text) | Tree::List(_, text) | Tree::Text(text) | Tree::Atom(text) => text,
        }
    }

    /// Every number, with the key of the member that it is in, in order.
    pub fn numbers(&self) -> Vec<(&'a str, &'a str)> {
        fn collect<'a>(tree: &Tree<'a>, key: &'a str, found: &mut Vec<(&'a str, &'a str)>) {
            match tree {
                Tree::Object(members, _) => members.iter().for_each(|(key, value)| collect(value, key, found)),
                Tree::List(list, _) => list.iter().for_each(|value| collect(value, key, found)),
                Tree::Atom(text) if text.starts_with(|char: char| char == '-' || char.is_ascii_digit()) => {
                    found.push((key, text));
                }
                Tree::Text(_) | Tree::Atom(_) => {}
            }
        }
        let mut found = Vec::new();
        collect(self, "", &mut found);
        found
    }

    /// Whether the keys of every object are sorted.
    pub fn is_sorted(&self) -> bool {
        match self {
            Tree::Object(members, _) => {
                members.is_sorted_by_key(|(key, _)| *key) && members.iter().all(|(_, value)| value.is_sorted())
            }
            Tree::List(list, _) => list.iter().all(Tree::is_sorted),
            _ => true,
        }
    }

    /// Writes it. Where white space is kept, so is the order.
    pub fn write(&self, style: Style) -> String {
        let mut out = String::with_capacity(self.text().len().saturating_mul(2));
        match style.spacing {
            Spacing::Kept => write_kept(self.text(), style.escapes, &mut out),
            _ => self.write_into(style, 0, &mut out),
        }
        if style.has_line_end {
            out.push('\n');
        }
        out
    }

    fn write_into(&self, style: Style, depth: usize, out: &mut String) {
        match self {
            Tree::Text(text) => out.push_str(&rewritten(text, style.escapes)),
            Tree::Atom(text) => out.push_str(text),
            Tree::List(list, _) => {
                let in_line = style.spacing == Spacing::Jackson;
                let inner = if in_line { depth } else { depth.saturating_add(1) };
                out.push('[');
                for (at, value) in list.iter().enumerate() {
                    separate(style.spacing, at, inner, in_line, out);
                    value.write_into(style, inner, out);
                }
                end(style.spacing, depth, list.is_empty(), in_line, out);
                out.push(']');
            }
            Tree::Object(members, _) => {
                let mut members: Vec<&KeyAndValue<'_>> = members.iter().collect();
                if style.is_sorted {
                    members.sort_by_key(|(key, _)| *key);
                }
                let inner = depth.saturating_add(1);
                out.push('{');
                for (at, (key, value)) in members.iter().enumerate() {
                    separate(style.spacing, at, inner, false, out);
                    out.push_str(&rewritten(key, style.escapes));
                    out.push_str(match style.spacing {
                        Spacing::Compact | Spacing::Commas => ":",
                        Spacing::Jackson => " : ",
                        _ => ": ",
                    });
                    value.write_into(style, inner, out);
                }
                end(style.spacing, depth, members.is_empty(), false, out);
                out.push('}');
            }
        }
    }
}

/// What precedes an element.
fn separate(spacing: Spacing, at: usize, depth: usize, in_line: bool, out: &mut String) {
    if at > 0 {
        out.push(',');
    }
    match spacing {
        Spacing::Spaced | Spacing::Commas if at > 0 => out.push(' '),
        Spacing::Jackson if in_line => out.push(' '),
        Spacing::Lines(_) | Spacing::Jackson => line(spacing, depth, out),
        _ => {}
    }
}

/// What precedes the closing bracket.
fn end(spacing: Spacing, depth: usize, is_empty: bool, in_line: bool, out: &mut String) {
    match spacing {
        Spacing::Jackson if is_empty || in_line => out.push(' '),
        Spacing::Lines(_) | Spacing::Jackson if !is_empty => line(spacing, depth, out),
        _ => {}
    }
}

fn line(spacing: Spacing, depth: usize, out: &mut String) {
    out.push('\n');
    let indent = match spacing {
        Spacing::Lines(0) => "\t".repeat(depth),
        Spacing::Lines(blanks) => " ".repeat(blanks.saturating_mul(depth)),
        _ => "  ".repeat(depth),
    };
    out.push_str(&indent);
}

/// Texts rewritten, everything else as it is.
fn write_kept(text: &str, escapes: Escapes, out: &mut String) {
    let mut rest = text;
    while let Some((before, from_quote)) = rest.find('"').and_then(|quote| rest.split_at_checked(quote)) {
        out.push_str(before);
        let (string, behind) = from_quote.split_at_checked(string_len(from_quote)).unwrap_or((from_quote, ""));
        out.push_str(&rewritten(string, escapes));
        rest = behind;
    }
    out.push_str(rest);
}

/// How long the text is that begins here, with its quotes.
fn string_len(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().enumerate().skip(1).find(|(_, byte)| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at.saturating_add(1))
}

/// A text with its quotes, escaped in another way.
fn rewritten(text: &str, escapes: Escapes) -> Cow<'_, str> {
    if escapes == Escapes::default() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().saturating_mul(2));
    let mut chars = text.chars();
    let mut before = '"';
    while let Some(char) = chars.next() {
        let (char, written) = match char {
            '\\' => {
                let rest = chars.as_str();
                let (char, len) = unescaped(rest).unwrap_or(('\\', 0));
                let written = rest.get(..len).unwrap_or_default();
                chars = rest.get(len..).unwrap_or_default().chars();
                (char, Some(written))
            }
            other => (other, None),
        };
        write_char(char, written, before, escapes, &mut out);
        before = char;
    }
    Cow::Owned(out)
}

/// The character that an escape stands for, and how long it is behind the backslash.
fn unescaped(rest: &str) -> Option<(char, usize)> {
    let unit = |text: &str| u32::from_str_radix(text.get(..4)?, 16).ok();
    match rest.chars().next()? {
        'u' => {
            let first = unit(rest.get(1..)?)?;
            if let Some(char) = char::from_u32(first) {
                return Some((char, 5));
            }
            let second = unit(rest.get(5..)?.strip_prefix("\\u")?)?;
            let units = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
            let char = char::decode_utf16(units).next()?.ok()?;
            Some((char, 11))
        }
        '/' => Some(('/', 1)),
        '"' => Some(('"', 1)),
        // What must stay escaped whatever is chosen is no character of its own here.
        other => Some(('\\', other.len_utf8())),
    }
}

/// Writes a character that stood there as itself, or behind a backslash as `written`.
fn write_char(char: char, written: Option<&str>, before: char, escapes: Escapes, out: &mut String) {
    let kept = |out: &mut String| match written {
        Some(written) => {
            out.push('\\');
            out.push_str(written);
        }
        None => out.push(char),
    };
    match (char, escapes.slash, escapes.ascii, escapes.unicode) {
        // A backslash, a control character, and the quotes of the text itself.
        ('\\' | '\0'..='\x1f', ..) | ('"', _, None, _) => kept(out),
        ('"', ..) if written.is_none() => kept(out),
        ('/', Some(Slash::Escaped), ..) => out.push_str("\\/"),
        ('/', Some(Slash::BehindLess), ..) if before == '<' => out.push_str("\\/"),
        ('/', Some(_), ..) => out.push('/'),
        (_, _, Some(ascii), _) if ascii.escapes(char) => escape(char, ascii.is_upper, out),
        ('"', ..) => out.push_str("\\\""),
        ('/', ..) => kept(out),
        ('\u{2028}' | '\u{2029}', _, Some(_), None) => out.push(char),
        (_, _, Some(_), _) if char.is_ascii() => out.push(char),
        _ if char.is_ascii() => kept(out),
        (_, _, _, Some(Unicode::Plain)) => out.push(char),
        (_, _, _, Some(Unicode::Lower)) => escape(char, false, out),
        (_, _, _, Some(Unicode::Upper)) => escape(char, true, out),
        (_, _, _, None) => kept(out),
    }
}

fn escape(char: char, is_upper: bool, out: &mut String) {
    for unit in char.encode_utf16(&mut [0; 2]) {
        let text = if is_upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
        out.push_str(&text);
    }
}

/// A text as JSON writes it, with what must be escaped and nothing else.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
