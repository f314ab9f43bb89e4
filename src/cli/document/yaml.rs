//! YAML with the place of every key and value, and with keys that occur twice.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, SpannedEventReceiver};

use super::text::Text;
use super::value::{Kind, Member, Value};

/// The deepest nesting that is read. No manifest comes near it.
const MAX_DEPTH: usize = 200;
/// The most values, aliases written out: a few lines of aliases to aliases could stand for billions.
const MAX_VALUES: usize = 1_000_000;

/// Why a text is no YAML that is read.
#[derive(Debug)]
pub struct YamlError {
    pub at: usize,
    pub message: String,
}

/// Parses every document of a text. One that is empty is left out.
///
/// # Errors
/// Where and how it is not YAML.
pub fn parse(text: &Text) -> Result<Vec<Value>, YamlError> {
    let mut builder = Builder::new(text);
    let mut parser = Parser::new_from_str(&text.text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error: ScanError| YamlError {
            at: offset(text, *error.marker()),
            message: format!("is not YAML: {}", error.info()),
        })?;
        builder.on_event(event, span);
        if let Some(message) = builder.refused {
            return Err(YamlError { at: offset(text, span.start), message: message.to_owned() });
        }
    }
    Ok(builder.documents)
}

struct Builder<'a> {
    text: &'a Text,
    documents: Vec<Value>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Value>,
    values: usize,
    refused: Option<&'static str>,
}

/// A list or map that has not ended.
struct Open {
    value: Value,
    /// The key whose value comes next.
    key: Option<Value>,
    anchor: usize,
}

impl<'a> Builder<'a> {
    fn new(text: &'a Text) -> Self {
        Self { text, documents: Vec::new(), open: Vec::new(), anchors: BTreeMap::new(), values: 0, refused: None }
    }

    fn begin(&mut self, kind: Kind, anchor: usize, span: Span) {
        if self.open.len() >= MAX_DEPTH {
            self.refused = Some("is nested deeper than anything that this command reads");
        }
        let at = offset(self.text, span.start);
        self.open.push(Open { value: Value::new(at, kind), key: None, anchor });
    }

    fn end(&mut self) {
        if let Some(Open { mut value, anchor, .. }) = self.open.pop() {
            merge(&mut value);
            self.add(value, anchor);
        }
    }

    fn add(&mut self, value: Value, anchor: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        let Some(Open { value: parent, key, .. }) = self.open.last_mut() else {
            if value.kind != Kind::Null {
                self.documents.push(value);
            }
            return;
        };
        match (&mut parent.kind, key.take()) {
            (Kind::Map(_), None) => *key = Some(value),
            (Kind::Map(members), Some(found)) => {
                let text = found.plain().unwrap_or_default().to_owned();
                members.push(Member { at: found.at, key: text, value });
            }
            (Kind::List(list), _) => list.push(value),
            _ => {}
        }
    }
}

impl<'input> SpannedEventReceiver<'input> for Builder<'_> {
    fn on_event(&mut self, event: Event<'input>, span: Span) {
        match event {
            Event::SequenceStart(anchor, _) => self.begin(Kind::List(Vec::new()), anchor, span),
            Event::MappingStart(anchor, _) => self.begin(Kind::Map(Vec::new()), anchor, span),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str");
                let kind = if is_text { Kind::Text(text.into_owned()) } else { plain(&text) };
                self.values += 1;
                self.add(Value::new(offset(self.text, span.start), kind), anchor);
            }
            Event::Alias(anchor) => {
                let mut value = self.anchors.get(&anchor).cloned().unwrap_or(Value::new(0, Kind::Null));
                value.at = offset(self.text, span.start);
                self.values += count(&value);
                self.add(value, 0);
            }
            _ => {}
        }
        if self.values > MAX_VALUES {
            self.refused = Some("holds more values than anything that this command reads");
        }
    }
}

/// What a scalar without quotes is (YAML 1.2, core schema). Words of YAML 1.1 such as `yes` stay text, which
/// [`Value::truth`](super::value::Value::truth) reads where a boolean is meant.
fn plain(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ => number(text).map_or_else(|| Kind::Text(text.to_owned()), Kind::Number),
    }
}

/// A number as JSON writes it.
fn number(text: &str) -> Option<String> {
    let radix =
        |prefix: &str, radix| text.strip_prefix(prefix).and_then(|digits| u64::from_str_radix(digits, radix).ok());
    if let Some(value) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Some(value.to_string());
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|char: char| char.is_ascii_digit() || char == '.') || digits.ends_with('_') {
        return None;
    }
    let number = digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'-' | b'+'));
    let value: f64 = text.parse().ok().filter(|value: &f64| number && value.is_finite())?;
    let sign = if text.starts_with('-') { "-" } else { "" };
    let whole = digits.bytes().all(|byte| byte.is_ascii_digit());
    let without_zeros = digits.trim_start_matches('0');
    match (whole, without_zeros) {
        (true, "") => Some("0".to_owned()),
        (true, digits) => Some(format!("{sign}{digits}")),
        (false, _) => Some(format!("{value:?}")),
    }
}

/// Writes merge keys out: `<<: *base` stands for the members of the base that the map does not have itself.
fn merge(value: &mut Value) {
    let Kind::Map(members) = &mut value.kind else { return };
    if !members.iter().any(|member| member.key == "<<") {
        return;
    }
    let (bases, mut own): (Vec<_>, Vec<_>) = std::mem::take(members).into_iter().partition(|member| member.key == "<<");
    for base in bases {
        let maps = match base.value.kind {
            Kind::List(list) => list,
            _ => vec![base.value],
        };
        for member in maps.into_iter().flat_map(|map| match map.kind {
            Kind::Map(members) => members,
            _ => Vec::new(),
        }) {
            if !own.iter().any(|other| other.key == member.key) {
                own.push(member);
            }
        }
    }
    *members = own;
}

fn count(value: &Value) -> usize {
    1 + value.elements().iter().map(count).sum::<usize>()
        + value.members().iter().map(|member| count(&member.value)).sum::<usize>()
}

fn offset(text: &Text, marker: Marker) -> usize {
    text.offset(marker.line(), marker.col() + 1)
}
