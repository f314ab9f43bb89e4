//! JSON with the place of every value. What is JSON is the filter's own parser to say, which gives no places.

use hookwarden::verify::bytes::json::{Json, JsonError};

use super::text::Text;
use super::value::{Kind, Member, Value};

/// Parses one document.
///
/// # Errors
/// What the filter itself would say of the text.
pub fn parse(text: &Text) -> Result<Value, JsonError> {
    let json = Json::parse(text.text.as_bytes())?;
    let mut places = Places { text: text.text.as_bytes(), at: 0 };
    Ok(places.value(&json))
}

/// Walks through a text that is known to be the JSON beside it.
struct Places<'a> {
    text: &'a [u8],
    at: usize,
}

impl Places<'_> {
    fn value(&mut self, json: &Json) -> Value {
        self.skip(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b':'));
        let at = self.at;
        let kind = match json {
            Json::Null => self.word(Kind::Null),
            Json::Bool(value) => self.word(Kind::Bool(*value)),
            Json::Number(text) => self.word(Kind::Number(text.clone())),
            Json::Text(text) => {
                self.string();
                Kind::Text(text.clone())
            }
            Json::List(list) => {
                self.at += 1;
                let values = list.iter().map(|json| self.value(json)).collect();
                self.close();
                Kind::List(values)
            }
            Json::Object(members) => {
                self.at += 1;
                let members = members.iter().map(|(key, json)| self.member(key, json)).collect();
                self.close();
                Kind::Map(members)
            }
        };
        Value { at, end: self.at, kind }
    }

    fn member(&mut self, key: &str, json: &Json) -> Member {
        self.skip(|byte| byte.is_ascii_whitespace() || byte == b',');
        let at = self.at;
        self.string();
        Member { at, key: key.to_owned(), value: self.value(json) }
    }

    fn close(&mut self) {
        self.skip(|byte| byte.is_ascii_whitespace());
        self.at += 1;
    }

    fn word(&mut self, kind: Kind) -> Kind {
        self.skip(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.'));
        kind
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.text.get(self.at) {
            self.at += if *byte == b'\\' { 2 } else { 1 };
            if *byte == b'"' {
                break;
            }
        }
    }

    fn skip(&mut self, what: impl Fn(u8) -> bool) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| what(**byte)).count();
    }
}
