//! JSON as text: what programs make of one document when they write it again.

use std::borrow::Cow;

/// The deepest nesting that is read. Bodies were read by a stricter parser before.
const MAX_DEPTH: usize = 64;

/// A document whose keys, texts and numbers are kept as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree<'a> {
    Object(Vec<Member<'a>>, &'a str),
    List(Vec<Tree<'a>>, &'a str),
    /// With its quotes.
    Text(&'a str),
    /// A number, `true`, `false` or `null`.
    Atom(&'a str),
}

/// A key with its quotes, and its value.
pub type Member<'a> = (&'a str, Tree<'a>);

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub spacing: Spacing,
    pub escapes: Escapes,
    pub is_sorted: bool,
    pub are_numbers_short: bool,
    pub has_line_end: bool,
}

/// The white space between tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// As it stands.
    Kept,
    /// None.
    Compact,
    /// After commas and colons.
    Spaced,
    /// After commas only.
    Commas,
    /// After colons only.
    Colons,
    /// Lines, indented by so many blanks; by tabs if none.
    Lines(usize),
    /// Lines as Jackson writes them: blanks around colons, lists in one line.
    Jackson,
}

/// Which characters of texts are escaped. `None` is as it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Escapes {
    pub unicode: Option<Unicode>,
    /// Whether `/` is written `\/`.
    pub slash: Option<bool>,
    pub html: Option<Html>,
}

/// How characters beyond ASCII are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unicode {
    /// As themselves.
    Plain,
    /// As `\u` and four lower-case digits.
    Lower,
    /// The same in upper case.
    Upper,
}

/// How `<`, `>` and `&` are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Html {
    /// As themselves.
    Plain,
    /// As `\u003c` and such, U+2028 and U+2029 too.
    Escaped,
    /// `=` and `'` too.
    Gson,
}

impl Style {
    /// As it stands.
    pub const KEPT: Style = Style {
        spacing: Spacing::Kept,
        escapes: Escapes { unicode: None, slash: None, html: None },
        is_sorted: false,
        are_numbers_short: false,
        has_line_end: false,
    };
}

impl Escapes {
    /// How many things are not as they stand.
    pub fn count(&self) -> usize {
        [self.unicode.is_some(), self.slash.is_some(), self.html.is_some()].iter().filter(|one| **one).count()
    }
}

impl Spacing {
    /// Every spacing that programs write, the commonest first.
    pub const ALL: &'static [Spacing] = &[
        Spacing::Compact,
        Spacing::Spaced,
        Spacing::Lines(2),
        Spacing::Lines(4),
        Spacing::Lines(0),
        Spacing::Jackson,
        Spacing::Commas,
        Spacing::Colons,
    ];

    /// What it is, for people.
    pub fn words(self) -> &'static str {
        match self {
            Spacing::Kept => "with its own white space",
            Spacing::Compact => "without white space (JSON.stringify, Go, PHP, Ruby)",
            Spacing::Spaced => "with a blank after each comma and colon (Python's json.dumps)",
            Spacing::Commas => "with a blank after each comma",
            Spacing::Colons => "with a blank after each colon",
            Spacing::Lines(2) => "in lines indented by 2 blanks",
            Spacing::Lines(4) => "in lines indented by 4 blanks",
            Spacing::Lines(_) => "in lines indented by tabs",
            Spacing::Jackson => "in lines as Jackson writes them",
        }
    }
}

impl<'a> Tree<'a> {
    /// Reads a document that is known to be JSON.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut reader = Reader { text, at: 0 };
        let tree = reader.value(0)?;
        reader.blanks();
        (reader.at == text.len()).then_some(tree)
    }

    /// The text of the member `key` of an object, as it stands.
    pub fn member_text(&self, key: &str) -> Option<&'a str> {
        let Tree::Object(members, _) = self else { return None };
        let quoted = quoted(key);
        members.iter().find(|(name, _)| *name == quoted).map(|(_, value)| value.text())
    }

    /// As it stands.
    fn text(&self) -> &'a str {
        match self {
            Tree::Object(_, text) | Tree::List(_, text) | Tree::Text(text) | Tree::Atom(text) => text,
        }
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

    /// Writes it. Where white space is kept, so are order and numbers.
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
            Tree::Atom(text) if style.are_numbers_short => out.push_str(&short(text)),
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
                let mut members: Vec<&Member<'_>> = members.iter().collect();
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

/// What stands before an element.
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

/// What stands before the closing bracket.
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

/// Texts rewritten, everything else as it stands.
fn write_kept(text: &str, escapes: Escapes, out: &mut String) {
    let mut reader = Reader { text, at: 0 };
    let mut from = 0;
    while let Some(byte) = reader.peek() {
        if byte == b'"' {
            out.push_str(text.get(from..reader.at).unwrap_or_default());
            let Some(string) = reader.string() else { return };
            out.push_str(&rewritten(string, escapes));
            from = reader.at;
        } else {
            reader.at = reader.at.saturating_add(1);
        }
    }
    out.push_str(text.get(from..).unwrap_or_default());
}

/// A text with its quotes, escaped in another way.
fn rewritten(text: &str, escapes: Escapes) -> Cow<'_, str> {
    if escapes == Escapes::default() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().saturating_mul(2));
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        let (char, written) = match char {
            '\\' => {
                let rest = chars.as_str();
                let (char, len) = unescaped(rest).unwrap_or(('\\', 0));
                let written: String = std::iter::once('\\').chain(rest.chars().take(len)).collect();
                chars = rest.chars();
                for _ in 0..len {
                    chars.next();
                }
                (char, written)
            }
            other => (other, other.to_string()),
        };
        write_char(char, &written, escapes, &mut out);
    }
    Cow::Owned(out)
}

/// The character that an escape stands for, and how many characters stand behind the backslash.
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
        // What must stay escaped whatever is chosen is no character of its own here.
        '/' => Some(('/', 1)),
        _ => Some(('\\', 1)),
    }
}

/// Writes a character that stood there as `written`.
fn write_char(char: char, written: &str, escapes: Escapes, out: &mut String) {
    let is_escape = written.len() > 1 && written.starts_with('\\');
    match char {
        '\\' => out.push_str(written),
        '/' => match escapes.slash {
            Some(true) => out.push_str("\\/"),
            Some(false) => out.push('/'),
            None => out.push_str(written),
        },
        '<' | '>' | '&' | '=' | '\'' | '\u{2028}' | '\u{2029}' if escapes.html.is_some() => {
            let is_gsons = matches!(char, '=' | '\'');
            match escapes.html {
                Some(Html::Plain) => out.push(char),
                Some(Html::Escaped) if is_gsons => out.push_str(written),
                _ => escape(char, false, out),
            }
        }
        _ if char.is_ascii() => out.push_str(written),
        _ => match escapes.unicode {
            Some(Unicode::Plain) => out.push(char),
            Some(Unicode::Lower) => escape(char, false, out),
            Some(Unicode::Upper) => escape(char, true, out),
            None if is_escape => out.push_str(written),
            None => out.push(char),
        },
    }
}

fn escape(char: char, is_upper: bool, out: &mut String) {
    for unit in char.encode_utf16(&mut [0; 2]) {
        let text = if is_upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
        out.push_str(&text);
    }
}

/// A number as JavaScript writes it.
fn short(text: &str) -> Cow<'_, str> {
    let is_plain = !text.contains(['.', 'e', 'E']) && text != "-0";
    match text.parse::<f64>() {
        Ok(number) if !is_plain && number.abs() < 1e15 => {
            Cow::Owned(format!("{}", if number == 0.0 { 0.0 } else { number }))
        }
        _ => Cow::Borrowed(text),
    }
}

/// A text as JSON writes it, with what must be escaped and nothing else.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.step();
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.blanks();
        let is_there = self.peek() == Some(byte);
        if is_there {
            self.step();
        }
        is_there
    }

    /// A text with its quotes.
    fn string(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.step();
        loop {
            match self.peek()? {
                b'"' => {
                    self.step();
                    return self.text.get(start..self.at);
                }
                b'\\' => {
                    self.step();
                    self.step();
                }
                _ => self.step(),
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<Tree<'a>> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.blanks();
        let start = self.at;
        let deeper = depth.saturating_add(1);
        match self.peek()? {
            b'"' => self.string().map(Tree::Text),
            b'{' => {
                self.step();
                let mut members = Vec::new();
                while !self.take(b'}') {
                    self.blanks();
                    let key = self.string()?;
                    if !self.take(b':') {
                        return None;
                    }
                    members.push((key, self.value(deeper)?));
                    self.take(b',');
                }
                Some(Tree::Object(members, self.text.get(start..self.at)?))
            }
            b'[' => {
                self.step();
                let mut list = Vec::new();
                while !self.take(b']') {
                    list.push(self.value(deeper)?);
                    self.take(b',');
                }
                Some(Tree::List(list, self.text.get(start..self.at)?))
            }
            _ => {
                while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
                    self.step();
                }
                let atom = self.text.get(start..self.at)?;
                (!atom.is_empty()).then_some(Tree::Atom(atom))
            }
        }
    }
}
