//! JSON as it was written: order kept, numbers as text, duplicate keys seen. The only file that names `serde`.

use std::cell::Cell;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// The most values in one document. Bounds memory and time: a body of a megabyte could hold half a million.
const MAX_VALUES: u32 = 100_000;
/// The deepest nesting of a body; no known sender's goes beyond a dozen levels.
const MAX_DEPTH: u32 = 64;
/// `serde_json` represents a number that keeps its digits as an object with this key. A document with this key is
/// refused, because other parsers read an object there.
const NUMBER_TOKEN: &str = "$serde_json::private::Number";

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, with every digit that was written.
    Number(String),
    /// Text, its escapes resolved.
    Text(String),
    /// `[…]`
    List(Vec<Json>),
    /// `{…}`, duplicate keys included.
    Object(Vec<(String, Json)>),
}

/// Why a text is not accepted as JSON. Quotes nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: &'static str,
}

/// A way into a value: `a.b.0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JsonPath(pub(super) Vec<String>);

impl Json {
    /// Parses one document, and nothing behind it.
    ///
    /// # Errors
    /// Where and why it is not JSON, is too large or too deep, or has the key that the parser reserves for numbers.
    pub fn parse(text: &[u8]) -> Result<Self, JsonError> {
        Self::parse_bounded(text, MAX_VALUES)
    }

    /// Parses one document of at most so many values.
    pub(super) fn parse_bounded(text: &[u8], values: u32) -> Result<Self, JsonError> {
        let budget = Cell::new(values);
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let seed = Seed { budget: &budget, depth: 0 };
        seed.deserialize(&mut deserializer)
            .and_then(|json| deserializer.end().map(|()| json))
            .map_err(|error| JsonError { line: error.line(), column: error.column(), message: kind(&error) })
    }

    /// Whether any object in it has a duplicate key. Parsers disagree on which one counts.
    #[must_use]
    pub fn has_duplicate_keys(&self) -> bool {
        match self {
            Json::List(list) => list.iter().any(Json::has_duplicate_keys),
            Json::Object(members) => {
                let mut keys: Vec<_> = members.iter().map(|(key, _)| key).collect();
                keys.sort_unstable();
                keys.windows(2).any(|pair| pair.first() == pair.last())
                    || members.iter().any(|(_, value)| value.has_duplicate_keys())
            }
            _ => false,
        }
    }

    /// What kind of value it is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "true or false",
            Json::Number(_) => "a number",
            Json::Text(_) => "text",
            Json::List(_) => "a list",
            Json::Object(_) => "an object",
        }
    }

    /// The value at `path`; `null` counts as absent.
    #[must_use]
    pub fn at(&self, path: &JsonPath) -> Option<&Json> {
        let found = path.0.iter().try_fold(self, |json, step| json.step(step))?;
        (*found != Json::Null).then_some(found)
    }

    /// The values at `path`, in which `*` stands for every element of a list. Empty if any of them is absent.
    #[must_use]
    pub fn all_at(&self, path: &JsonPath) -> Vec<&Json> {
        let mut found = vec![self];
        for step in &path.0 {
            let next: Option<Vec<_>> = if step == "*" {
                found.into_iter().map(|json| json.elements()).collect::<Option<Vec<_>>>().map(|lists| lists.concat())
            } else {
                found.into_iter().map(|json| json.step(step)).collect()
            };
            found = next.unwrap_or_default();
        }
        found
    }

    /// A text as JSON: in quotes, with its escapes.
    #[must_use]
    pub fn quoted(text: &str) -> Option<String> {
        serde_json::to_string(text).ok()
    }

    /// The elements of a list.
    #[must_use]
    pub fn elements(&self) -> Option<Vec<&Json>> {
        match self {
            Json::List(list) => Some(list.iter().collect()),
            _ => None,
        }
    }

    /// A plain value as text: text itself, a number as written, `true` or `false`. A number with an exponent has
    /// none: the parser does not keep how it was written, and no sender signs one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Json::Number(text) if text.contains(['e', 'E']) => None,
            Json::Text(text) | Json::Number(text) => Some(text),
            Json::Bool(true) => Some("true"),
            Json::Bool(false) => Some("false"),
            Json::Null | Json::List(_) | Json::Object(_) => None,
        }
    }

    /// How much heap memory it holds, in bytes.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        match self {
            Json::Null | Json::Bool(_) => 0,
            Json::Number(text) | Json::Text(text) => text.capacity(),
            Json::List(list) => list
                .iter()
                .map(Json::held_bytes)
                .fold(list.capacity().saturating_mul(size_of::<Json>()), usize::saturating_add),
            Json::Object(members) => members
                .iter()
                .map(|(key, value)| key.capacity().saturating_add(value.held_bytes()))
                .fold(members.capacity().saturating_mul(size_of::<(String, Json)>()), usize::saturating_add),
        }
    }

    fn step(&self, step: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.iter().find(|(key, _)| key == step).map(|(_, value)| value),
            Json::List(list) => list.get(step.parse::<usize>().ok()?),
            _ => None,
        }
    }
}

impl JsonPath {
    /// Reads `a.b.0`; `None` if a step is empty. An empty text is the document itself.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(Vec::new()));
        }
        let steps: Vec<_> = text.split('.').map(str::to_owned).collect();
        steps.iter().all(|step| !step.is_empty()).then_some(Self(steps))
    }

    /// Reads a JSON Pointer (RFC 6901), such as `/a/b/0`; `None` if it is not one.
    #[must_use]
    pub fn of_pointer(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(Vec::new()));
        }
        let unescaped = |step: &str| {
            let escapes = step.split('~').skip(1);
            let is_valid = escapes.into_iter().all(|rest| rest.starts_with(['0', '1']));
            is_valid.then(|| step.replace("~1", "/").replace("~0", "~"))
        };
        text.strip_prefix('/')?.split('/').map(unescaped).collect::<Option<_>>().map(Self)
    }

    /// Whether it goes through every element of a list.
    #[must_use]
    pub fn has_wildcard(&self) -> bool {
        self.0.iter().any(|step| step == "*")
    }
}

fn kind(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Eof => "the text ends too early",
        serde_json::error::Category::Io => "it cannot be read",
        serde_json::error::Category::Data => "it is too large or too deeply nested, or has a reserved key",
        serde_json::error::Category::Syntax => "a comma, quote, brace or value is missing or one too many",
    }
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    budget: &'a Cell<u32>,
    depth: u32,
}

impl<'a> Seed<'a> {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.saturating_add(1);
        if depth > MAX_DEPTH { Err(E::custom("too deep")) } else { Ok(Self { depth, ..self }) }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let left = self.budget.get().checked_sub(1).ok_or_else(|| D::Error::custom("too large"))?;
        self.budget.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    // An integer that fits a machine word prints as it was written: JSON has one form of an integer.
    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let seed = self.inner()?;
        let mut list = Vec::new();
        while let Some(element) = access.next_element_seed(seed)? {
            list.push(element);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let seed = self.inner()?;
        let mut members = Vec::new();
        while let Some(key) = access.next_key_seed(KeySeed)? {
            match key {
                MemberKey::OfNumber => return access.next_value::<String>().map(Json::Number),
                MemberKey::OfObject(key) if key == NUMBER_TOKEN => {
                    return Err(A::Error::custom("a key of the parser's own"));
                }
                MemberKey::OfObject(key) => members.push((key, access.next_value_seed(seed)?)),
            }
        }
        Ok(Json::Object(members))
    }
}

/// A key of the text, or the parser's marker of a number.
enum MemberKey {
    OfObject(String),
    OfNumber,
}

/// Distinguishes the two kinds of keys: asked for an `Option`, the parser presents a key of the text as `Some`, and its
/// own marker as a plain string.
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = MemberKey;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<MemberKey, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = MemberKey;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<MemberKey, D::Error> {
        String::deserialize(deserializer).map(MemberKey::OfObject)
    }

    fn visit_str<E: serde::de::Error>(self, mark: &str) -> Result<MemberKey, E> {
        if mark == NUMBER_TOKEN { Ok(MemberKey::OfNumber) } else { Err(E::custom("an unknown marker of the parser")) }
    }
}
