//! A JSON text and where its values stand in it, so that one can be changed and the rest stay as it is.

use std::ops::Range;

/// A value and the bytes that it takes.
#[derive(Clone, Debug)]
pub struct Spanned {
    pub span: Range<usize>,
    pub value: Value,
}

/// What kind of value it is.
#[derive(Clone, Debug)]
pub enum Value {
    Object(Vec<(String, Spanned)>),
    List(Vec<Spanned>),
    Text(String),
    /// A number, `true`, `false` or `null`.
    Plain,
}

/// Reads a text that is JSON, as somebody else has checked; of any other text it gives `None` or nonsense.
pub fn read(text: &str) -> Option<Spanned> {
    let mut reader = Reader { text, at: 0 };
    reader.value()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self) -> Option<Spanned> {
        self.skip(|char| char.is_ascii_whitespace());
        let start = self.at;
        let value = match self.peek()? {
            '{' => {
                let mut members = Vec::new();
                self.step();
                while !self.ends('}')? {
                    let Value::Text(key) = self.value()?.value else { return None };
                    members.push((key, self.value()?));
                }
                Value::Object(members)
            }
            '[' => {
                let mut elements = Vec::new();
                self.step();
                while !self.ends(']')? {
                    elements.push(self.value()?);
                }
                Value::List(elements)
            }
            '"' => {
                self.step();
                while self.peek()? != '"' {
                    if self.peek()? == '\\' {
                        self.step();
                    }
                    self.step();
                }
                self.step();
                Value::Text(serde_json::from_str(self.text.get(start..self.at)?).ok()?)
            }
            _ => {
                self.skip(|char| !char.is_ascii_whitespace() && !matches!(char, ',' | ']' | '}'));
                Value::Plain
            }
        };
        let span = start..self.at;
        self.skip(|char| char.is_ascii_whitespace() || matches!(char, ',' | ':'));
        Some(Spanned { span, value })
    }

    /// Whether the list or object ends here; steps over its end if so.
    fn ends(&mut self, end: char) -> Option<bool> {
        self.skip(|char| char.is_ascii_whitespace());
        let ends = self.peek()? == end;
        if ends {
            self.step();
        }
        Some(ends)
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(self.peek().map_or(0, char::len_utf8));
    }

    fn skip(&mut self, what: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&what) {
            self.step();
        }
    }
}

impl Spanned {
    /// The member of an object.
    pub fn member(&self, name: &str) -> Option<&Spanned> {
        match &self.value {
            Value::Object(members) => members.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The members of an object.
    pub fn members(&self) -> &[(String, Spanned)] {
        match &self.value {
            Value::Object(members) => members,
            _ => &[],
        }
    }

    /// The elements of a list.
    pub fn elements(&self) -> &[Spanned] {
        match &self.value {
            Value::List(elements) => elements,
            _ => &[],
        }
    }

    /// The member of an object, if it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match &self.member(name)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}
