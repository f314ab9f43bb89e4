//! The signed content: a template of literal text and values.

use crate::verify::denial::Denial;
use crate::verify::expression::context::{ExpressionError, Facts, With};
use crate::verify::expression::value::Expression;

/// The signed content of a scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    segments: Vec<Segment>,
    /// What the template decides for every request.
    needs_body: bool,
    streams: bool,
}

/// A piece of a template. A piece between `[[` and `]]` is omitted if a value in it is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    optional: bool,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Literal(Vec<u8>),
    Value(Expression),
}

/// The content before and after the body of one request, for a template that streams: the two parts are fed to a hash,
/// with the body between them.
#[derive(Debug)]
pub struct Frame {
    /// What is signed before the body.
    pub before: Vec<u8>,
    /// What is signed after the body.
    pub after: Vec<u8>,
}

/// Why a template cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// A `{` without its `}`, a `}` without its `{`, a `[[` without its `]]`.
    Unbalanced,
    /// A value that cannot be read.
    Expression(ExpressionError),
    /// Nothing would be signed.
    Empty,
}

impl Message {
    /// Reads a template: text, `{expression}`, `[[optional]]`; `{{` and `}}` are literal braces.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn parse(template: &str, with: With<'_>) -> Result<Self, TemplateError> {
        let mut reader = Reader::default();
        let mut rest = template;
        while let Some(char) = rest.chars().next() {
            let tail = rest.get(char.len_utf8()..).unwrap_or_default();
            rest = match char {
                '{' | '}' if tail.starts_with(char) => {
                    reader.literal.push(char);
                    tail.get(1..).unwrap_or_default()
                }
                '{' => {
                    let (expression, behind) = tail.split_once('}').ok_or(TemplateError::Unbalanced)?;
                    reader.value(Expression::parse(expression, with).map_err(TemplateError::Expression)?);
                    behind
                }
                '}' => return Err(TemplateError::Unbalanced),
                '[' | ']' if tail.starts_with(char) => {
                    reader.segment(char == '[')?;
                    tail.get(1..).unwrap_or_default()
                }
                other => {
                    reader.literal.push(other);
                    tail
                }
            };
        }
        reader.finish()
    }

    pub(super) fn parts(&self) -> impl Iterator<Item = &Part> {
        self.segments.iter().flat_map(|segment| &segment.parts)
    }

    fn new(segments: Vec<Segment>) -> Self {
        let unread = Self { segments, needs_body: false, streams: false };
        let needs_body = unread.values().any(Expression::needs_body);
        let streams = unread.can_stream();
        Self { needs_body, streams, ..unread }
    }

    /// The values in it.
    pub fn values(&self) -> impl Iterator<Item = &Expression> {
        self.parts().filter_map(|part| match part {
            Part::Value(expression) => Some(expression),
            Part::Literal(_) => None,
        })
    }

    /// The text, if it has no values.
    #[must_use]
    pub fn literal(&self) -> Option<Vec<u8>> {
        self.parts()
            .map(|part| match part {
                Part::Literal(text) => Some(text.as_slice()),
                Part::Value(expression) => expression.literal(),
            })
            .collect::<Option<Vec<_>>>()
            .map(|texts| texts.concat())
    }

    /// Whether the whole body, byte by byte, or a digest of it, is part of what is signed.
    #[must_use]
    pub fn covers_body(&self) -> bool {
        self.values().any(|value| value.is_raw_body() || value.covers_whole_body())
    }

    /// Whether any value can be read only when the body is complete.
    #[must_use]
    pub fn needs_body(&self) -> bool {
        self.needs_body
    }

    /// Whether it differs by secret.
    #[must_use]
    pub fn needs_secret(&self) -> bool {
        self.values().any(Expression::needs_secret)
    }

    /// Whether the secret itself is always part of it, unchanged.
    #[must_use]
    pub fn always_holds_secret(&self) -> bool {
        self.certain().any(Expression::is_secret)
    }

    /// The values that are part of it in every request.
    fn certain(&self) -> impl Iterator<Item = &Expression> {
        let segments = self.segments.iter().filter(|segment| !segment.optional);
        segments.flat_map(|segment| &segment.parts).filter_map(|part| match part {
            Part::Value(value) => Some(value),
            Part::Literal(_) => None,
        })
    }

    /// Whether `value` is covered, and no byte of it can be its neighbour's under the same signature.
    #[must_use]
    pub fn protects(&self, value: &Expression) -> bool {
        let parts: Vec<_> = self.parts().collect();
        let timestamp = |part: &Part| matches!(part, Part::Value(value) if value.is_timestamp());
        let bounded = |part: &Part| match part {
            Part::Value(value) => value.is_timestamp() || value.is_short() || value.is_word(),
            Part::Literal(_) => true,
        };
        let firm = |at: usize| {
            let before = |back: usize| at.checked_sub(back).and_then(|at| parts.get(at));
            let front = match (before(2), before(1)) {
                (_, None) => true,
                (further, Some(Part::Literal(_))) => further.is_none_or(|part| bounded(part)),
                (_, Some(value)) => timestamp(value),
            };
            let back = match parts.get(at.saturating_add(1)) {
                None => true,
                Some(Part::Literal(_)) => parts.get(at).is_some_and(|part| bounded(part)),
                Some(value) => timestamp(value),
            };
            front && back
        };
        parts.iter().enumerate().any(|(at, part)| match part {
            Part::Value(part) => part.covers(value) && (part.is_raw_body() || part.is_sns() || firm(at)),
            Part::Literal(_) => false,
        })
    }

    /// Whether a value of no fixed form is directly followed by another, so that bytes can move between the two.
    /// The timestamp's form is fixed.
    #[must_use]
    pub fn has_open_boundary(&self) -> bool {
        let parts: Vec<_> = self.parts().collect();
        parts.windows(2).any(|pair| match pair {
            [Part::Value(left), Part::Value(right)] => left.has_open_end() && !right.is_timestamp(),
            _ => false,
        })
    }

    /// Whether the timestamp is directly followed by another value. Only a time of one fixed length is safe there.
    #[must_use]
    pub fn has_timestamp_at_boundary(&self) -> bool {
        let parts: Vec<_> = self.parts().collect();
        parts.windows(2).any(|pair| matches!(pair, [Part::Value(left), Part::Value(_)] if left.is_timestamp()))
    }

    /// Whether the timestamp is part of what is signed.
    #[must_use]
    pub fn covers_timestamp(&self) -> bool {
        self.certain().any(Expression::is_timestamp)
    }

    /// Whether `value` is part of what is signed in every request: by itself, within the body, or within another value.
    /// A value between `[[` and `]]` does not count, since it may be absent.
    #[must_use]
    pub fn always_covers(&self, value: &Expression) -> bool {
        self.certain().any(|part| part.covers(value))
    }

    /// Whether a value of it is a list of headers that the request names, so that it may cover any of them.
    #[must_use]
    pub fn lists_headers(&self) -> bool {
        self.values().any(Expression::lists_headers)
    }

    /// Whether the header that `value` reads is among those that this request lists.
    #[must_use]
    pub fn lists(&self, value: &Expression, facts: &Facts<'_>) -> bool {
        self.values().any(|part| part.lists(value, facts))
    }

    /// Whether it can be fed to a hash while the body streams: the body is part of it once, unchanged and
    /// unconditionally, and the rest is in the head.
    #[must_use]
    pub fn streams(&self) -> bool {
        self.streams
    }

    fn can_stream(&self) -> bool {
        let bodies = self.values().filter(|value| value.is_raw_body()).count();
        let optional_body = self.segments.iter().filter(|segment| segment.optional).flat_map(|segment| &segment.parts);
        let optional_body = optional_body.filter(|part| matches!(part, Part::Value(value) if value.needs_body()));
        bodies <= 1
            && self.values().filter(|value| value.needs_body()).count() == bodies
            && optional_body.count() == 0
            && !self.needs_secret()
    }

    /// The parts of one request around its body.
    ///
    /// # Errors
    /// A denial if a part is missing, repeated, or could give bytes to its neighbour.
    pub fn frame(&self, facts: &Facts<'_>) -> Result<Frame, Denial> {
        let (mut before, mut after, mut behind) = (Vec::new(), Vec::new(), false);
        for (at, segment) in self.segments.iter().enumerate() {
            let behind_it = self.literals_behind(at);
            let cut = segment.parts.iter().position(|part| matches!(part, Part::Value(value) if value.is_raw_body()));
            match cut.and_then(|cut| segment.parts.split_at_checked(cut)) {
                Some((front, back)) => {
                    before.extend(render(front, facts, &[])?);
                    after.extend(render(back.get(1..).unwrap_or_default(), facts, &behind_it)?);
                    behind = true;
                }
                None => {
                    let side = if behind { &mut after } else { &mut before };
                    side.extend(segment.render(facts, &behind_it)?);
                }
            }
        }
        Ok(Frame { before, after })
    }

    /// The whole content, for schemes that cannot stream.
    ///
    /// # Errors
    /// As [`frame`](Self::frame).
    pub fn render(&self, facts: &Facts<'_>) -> Result<Vec<u8>, Denial> {
        let segments = self.segments.iter().enumerate();
        let rendered = segments.map(|(at, segment)| segment.render(facts, &self.literals_behind(at)));
        rendered.collect::<Result<Vec<_>, _>>().map(|all| all.concat())
    }

    /// The literals that may directly follow a segment: the first of the next segment, and those behind it if it can be
    /// omitted.
    fn literals_behind(&self, at: usize) -> Vec<&[u8]> {
        let mut literals = Vec::new();
        for segment in self.segments.iter().skip(at.saturating_add(1)) {
            if let Some(Part::Literal(literal)) = segment.parts.first() {
                literals.push(literal.as_slice());
            }
            if !segment.optional {
                break;
            }
        }
        literals
    }
}

impl Segment {
    fn render(&self, facts: &Facts<'_>, behind: &[&[u8]]) -> Result<Vec<u8>, Denial> {
        match render(&self.parts, facts, behind) {
            Err(Denial::HeaderMissing | Denial::FieldMissing) if self.optional => Ok(Vec::new()),
            other => other,
        }
    }
}

/// `behind`: the texts that may directly follow these parts.
fn render(parts: &[Part], facts: &Facts<'_>, behind: &[&[u8]]) -> Result<Vec<u8>, Denial> {
    let mut bytes = Vec::new();
    let mut parts = parts.iter().peekable();
    while let Some(part) = parts.next() {
        match part {
            Part::Literal(literal) => bytes.extend_from_slice(literal),
            Part::Value(expression) => {
                let value = expression.value(facts)?;
                // A value that holds the separator behind it could give bytes to its neighbour and keep the
                // signature: `a.b` + `.` + `c` is `a` + `.` + `b.c`.
                let holds_separator = match parts.peek() {
                    Some(Part::Literal(separator)) => contains(&value, separator),
                    Some(Part::Value(_)) => false,
                    None => behind.iter().any(|separator| contains(&value, separator)),
                };
                if expression.is_short() && holds_separator {
                    return Err(Denial::HeaderMalformed);
                }
                bytes.extend_from_slice(&value);
            }
        }
    }
    Ok(bytes)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len().max(1)).any(|window| window == needle)
}

#[derive(Default)]
struct Reader {
    segments: Vec<Segment>,
    parts: Vec<Part>,
    literal: String,
    optional: bool,
}

impl Reader {
    fn flush_literal(&mut self) {
        if !self.literal.is_empty() {
            self.parts.push(Part::Literal(std::mem::take(&mut self.literal).into_bytes()));
        }
    }

    fn value(&mut self, expression: Expression) {
        self.flush_literal();
        self.parts.push(Part::Value(expression));
    }

    fn flush_segment(&mut self) {
        self.flush_literal();
        if !self.parts.is_empty() {
            let parts = std::mem::take(&mut self.parts);
            self.segments.push(Segment { optional: self.optional, parts });
        }
    }

    fn segment(&mut self, opens: bool) -> Result<(), TemplateError> {
        if opens == self.optional {
            return Err(TemplateError::Unbalanced);
        }
        self.flush_segment();
        self.optional = opens;
        Ok(())
    }

    fn finish(mut self) -> Result<Message, TemplateError> {
        self.flush_segment();
        match (self.optional, self.segments.is_empty()) {
            (true, _) => Err(TemplateError::Unbalanced),
            (_, true) => Err(TemplateError::Empty),
            _ => Ok(Message::new(self.segments)),
        }
    }
}
