//! Structured fields: the subset of RFC 9651 (and RFC 8941) that signatures and digests use.
//!
//! A dictionary of single items and inner lists, each with parameters; integers, strings, tokens, byte sequences and
//! booleans. Stricter than the RFC: a duplicate key is refused, where the RFC takes the last value and another parser
//! may take the first; base64 has to be canonical; decimals, dates and display strings are refused, since nothing in a
//! signature is one. Every value keeps the text it was read from, because that text is what was signed.

use crate::verify::bytes::encoding;

/// The longest field that is read, in bytes, as with other proof headers. A request with two signatures of 512
/// bytes, the longest in use (RSA with 4096 bits), and ten covered components each takes about 2,000.
const MAX_FIELD_BYTES: usize = 8 * 1024;
/// The most members of a dictionary. One signature or digest is one member; every key is compared with every other.
const MAX_MEMBERS: usize = 16;
/// The most items of an inner list. The longest list in RFC 9421 has seven components.
const MAX_ITEMS: usize = 64;
/// The most parameters of a value. RFC 9421 registers six.
const MAX_PARAMETERS: usize = 16;
/// The most digits of an integer (RFC 9651, section 3.3.1).
const MAX_DIGITS: usize = 15;

/// Why a field cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldError {
    /// It is longer, or has more members, than are read.
    TooLarge,
    /// It is not a dictionary, or something in it is of a kind that is not read.
    Malformed,
}

/// A dictionary: members with different keys, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dictionary<'a>(Vec<Member<'a>>);

/// A member of a dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its key.
    pub key: &'a str,
    /// Value and parameters as they were received.
    pub text: &'a str,
    /// Its value.
    pub value: Value<'a>,
    /// Its parameters.
    pub parameters: Parameters<'a>,
}

/// The value of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A list in parentheses.
    InnerList(Vec<Item<'a>>),
    /// A single value.
    Item(BareItem<'a>),
}

/// An item of an inner list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// Value and parameters as they were received.
    pub text: &'a str,
    /// Its value.
    pub value: BareItem<'a>,
    /// Its parameters.
    pub parameters: Parameters<'a>,
}

/// A value that is not a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BareItem<'a> {
    /// A whole number of at most fifteen digits.
    Integer(i64),
    /// Text in quotes, unescaped: printable ASCII.
    String(String),
    /// A word without quotes.
    Token(&'a str),
    /// Base64 between colons, decoded.
    Bytes(Vec<u8>),
    /// `?0`, `?1`, or a key without a value.
    Boolean(bool),
}

/// Parameters with different keys, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters<'a>(Vec<(&'a str, BareItem<'a>)>);

impl<'a> Dictionary<'a> {
    /// Reads a field's value. An empty one is an empty dictionary.
    ///
    /// # Errors
    /// [`FieldError`].
    pub fn parse(field: &'a [u8]) -> Result<Self, FieldError> {
        if field.len() > MAX_FIELD_BYTES {
            return Err(FieldError::TooLarge);
        }
        let text = std::str::from_utf8(field).ok().filter(|text| text.is_ascii()).ok_or(FieldError::Malformed)?;
        Cursor { rest: text }.dictionary()
    }

    /// The members, in order.
    #[must_use]
    pub fn members(&self) -> &[Member<'a>] {
        &self.0
    }

    /// The member with this key.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<&Member<'a>> {
        self.0.iter().find(|member| member.key == key)
    }
}

impl<'a> Parameters<'a> {
    /// The value of the parameter with this key.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&BareItem<'a>> {
        self.0.iter().find(|(other, _)| *other == key).map(|(_, value)| value)
    }

    /// The parameters, in order.
    #[must_use]
    pub fn all(&self) -> &[(&'a str, BareItem<'a>)] {
        &self.0
    }
}

/// What is left to read. All of it is ASCII.
struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    /// RFC 9651, section 4.2.2.
    fn dictionary(mut self) -> Result<Dictionary<'a>, FieldError> {
        let mut members: Vec<Member<'a>> = Vec::new();
        self.skip(is_space);
        while !self.rest.is_empty() {
            let member = self.member()?;
            if members.len() >= MAX_MEMBERS {
                return Err(FieldError::TooLarge);
            }
            if members.iter().any(|other| other.key == member.key) {
                return Err(FieldError::Malformed);
            }
            members.push(member);
            self.skip(is_blank);
            if self.rest.is_empty() {
                break;
            }
            self.demand(',')?;
            self.skip(is_blank);
            if self.rest.is_empty() {
                return Err(FieldError::Malformed);
            }
        }
        Ok(Dictionary(members))
    }

    fn member(&mut self) -> Result<Member<'a>, FieldError> {
        let key = self.key()?;
        let has_value = self.eat('=');
        let start = self.rest;
        let value = match (has_value, self.peek()) {
            (false, _) => Value::Item(BareItem::Boolean(true)),
            (true, Some(b'(')) => Value::InnerList(self.inner_list()?),
            (true, _) => Value::Item(self.bare_item()?),
        };
        let parameters = self.parameters()?;
        Ok(Member { key, text: self.since(start), value, parameters })
    }

    /// RFC 9651, section 4.2.1.2.
    fn inner_list(&mut self) -> Result<Vec<Item<'a>>, FieldError> {
        self.demand('(')?;
        let mut items = Vec::new();
        loop {
            self.skip(is_space);
            if self.eat(')') {
                return Ok(items);
            }
            if items.len() >= MAX_ITEMS {
                return Err(FieldError::TooLarge);
            }
            let start = self.rest;
            let value = self.bare_item()?;
            let parameters = self.parameters()?;
            items.push(Item { text: self.since(start), value, parameters });
            if !matches!(self.peek(), Some(b' ' | b')')) {
                return Err(FieldError::Malformed);
            }
        }
    }

    /// RFC 9651, section 4.2.3.2.
    fn parameters(&mut self) -> Result<Parameters<'a>, FieldError> {
        let mut parameters: Vec<(&'a str, BareItem<'a>)> = Vec::new();
        while self.eat(';') {
            self.skip(is_space);
            let key = self.key()?;
            let value = if self.eat('=') { self.bare_item()? } else { BareItem::Boolean(true) };
            if parameters.len() >= MAX_PARAMETERS {
                return Err(FieldError::TooLarge);
            }
            if parameters.iter().any(|(other, _)| *other == key) {
                return Err(FieldError::Malformed);
            }
            parameters.push((key, value));
        }
        Ok(Parameters(parameters))
    }

    /// RFC 9651, section 4.2.3.3.
    fn key(&mut self) -> Result<&'a str, FieldError> {
        match self.peek() {
            Some(b'a'..=b'z' | b'*') => {
                Ok(self.take(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*')))
            }
            _ => Err(FieldError::Malformed),
        }
    }

    /// RFC 9651, section 4.2.3.1.
    fn bare_item(&mut self) -> Result<BareItem<'a>, FieldError> {
        match self.peek() {
            Some(b'"') => self.string().map(BareItem::String),
            Some(b':') => self.bytes().map(BareItem::Bytes),
            Some(b'?') => self.boolean().map(BareItem::Boolean),
            Some(b'-' | b'0'..=b'9') => self.integer().map(BareItem::Integer),
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'*') => {
                let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte);
                Ok(BareItem::Token(self.take(is_token)))
            }
            _ => Err(FieldError::Malformed),
        }
    }

    /// RFC 9651, section 4.2.4. The dot of a decimal stays unread, and the next step refuses it.
    fn integer(&mut self) -> Result<i64, FieldError> {
        let start = self.rest;
        self.eat('-');
        let digits = self.take(|byte| byte.is_ascii_digit());
        if digits.is_empty() || digits.len() > MAX_DIGITS {
            return Err(FieldError::Malformed);
        }
        self.since(start).parse().map_err(|_| FieldError::Malformed)
    }

    /// RFC 9651, section 4.2.5.
    fn string(&mut self) -> Result<String, FieldError> {
        self.demand('"')?;
        let mut string = String::new();
        loop {
            string.push_str(self.take(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'));
            if self.eat('"') {
                return Ok(string);
            }
            self.demand('\\')?;
            if self.eat('"') {
                string.push('"');
            } else {
                self.demand('\\')?;
                string.push('\\');
            }
        }
    }

    /// RFC 9651, section 4.2.7.
    fn bytes(&mut self) -> Result<Vec<u8>, FieldError> {
        self.demand(':')?;
        let text = self.take(|byte| byte != b':');
        self.demand(':')?;
        encoding::decode_base64(text.as_bytes()).ok_or(FieldError::Malformed)
    }

    /// RFC 9651, section 4.2.8.
    fn boolean(&mut self) -> Result<bool, FieldError> {
        self.demand('?')?;
        if self.eat('1') {
            return Ok(true);
        }
        self.demand('0').map(|()| false)
    }

    fn peek(&self) -> Option<u8> {
        self.rest.as_bytes().first().copied()
    }

    fn eat(&mut self, char: char) -> bool {
        match self.rest.strip_prefix(char) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes this character, which must come next.
    fn demand(&mut self, char: char) -> Result<(), FieldError> {
        if self.eat(char) { Ok(()) } else { Err(FieldError::Malformed) }
    }

    /// The leading bytes that satisfy `wanted`.
    fn take(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        let end = self.rest.bytes().position(|byte| !wanted(byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn skip(&mut self, unwanted: fn(u8) -> bool) {
        self.take(unwanted);
    }

    /// The text that was read since the rest was `start`.
    fn since(&self, start: &'a str) -> &'a str {
        start.get(..start.len().saturating_sub(self.rest.len())).unwrap_or_default()
    }
}

fn is_space(byte: u8) -> bool {
    byte == b' '
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}
