//! The signed content: a template whose parts are fed to the code one after the other, never joined.

use super::{Denial, Occurrence, Request};

/// A piece of the signed content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// These bytes.
    Literal(Vec<u8>),
    /// The body, byte by byte as it was sent.
    Body,
    /// The timestamp's text, as it was sent.
    Timestamp,
    /// The value of the header of this name, which must stand exactly once.
    Header(String),
    /// The method, as it was sent.
    Method,
}

/// The signed content of a scheme. The body stands in it once at most, which is what lets it stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    before: Vec<Part>,
    body: bool,
    after: Vec<Part>,
}

/// The parts around the body of one request. They are copied, because the host cannot give the headers again
/// once it let them go.
#[derive(Debug)]
pub struct Frame {
    /// What is signed before the body.
    pub before: Vec<u8>,
    /// What is signed after the body.
    pub after: Vec<u8>,
}

/// A template that no message can be made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// A `{` without its `}`, or a `}` without its `{`.
    Unbalanced,
    /// A name that is not one of the template language.
    UnknownName(String),
    /// `{body}` more than once.
    BodyTwice,
    /// Nothing at all would be signed.
    Empty,
}

impl Message {
    /// Reads a template: literal text with `{body}`, `{timestamp}`, `{method}` and `{header:Name}`; `{{` and `}}`
    /// stand for the braces themselves.
    ///
    /// # Errors
    /// [`TemplateError`], which never quotes more than a name between braces.
    pub fn parse(template: &str) -> Result<Self, TemplateError> {
        let mut message = Self { before: Vec::new(), body: false, after: Vec::new() };
        let mut literal = String::new();
        let mut rest = template.chars().peekable();
        while let Some(char) = rest.next() {
            match char {
                '{' | '}' if rest.peek() == Some(&char) => {
                    rest.next();
                    literal.push(char);
                }
                '{' => {
                    let name: String = rest.by_ref().take_while(|char| *char != '}').collect();
                    // `take_while` swallows the brace; without one the template is at its end.
                    if rest.peek().is_none() && !template.ends_with('}') {
                        return Err(TemplateError::Unbalanced);
                    }
                    message.push_literal(&mut literal);
                    message.push(Part::named(&name)?)?;
                }
                '}' => return Err(TemplateError::Unbalanced),
                other => literal.push(other),
            }
        }
        message.push_literal(&mut literal);
        if message.before.is_empty() && !message.body {
            return Err(TemplateError::Empty);
        }
        Ok(message)
    }

    fn push_literal(&mut self, literal: &mut String) {
        if !literal.is_empty() {
            let side = if self.body { &mut self.after } else { &mut self.before };
            side.push(Part::Literal(std::mem::take(literal).into_bytes()));
        }
    }

    fn push(&mut self, part: Part) -> Result<(), TemplateError> {
        match part {
            Part::Body if self.body => return Err(TemplateError::BodyTwice),
            Part::Body => self.body = true,
            other if self.body => self.after.push(other),
            other => self.before.push(other),
        }
        Ok(())
    }

    /// Whether the body is part of what is signed.
    #[must_use]
    pub fn covers_body(&self) -> bool {
        self.body
    }

    /// Whether the timestamp is part of what is signed.
    #[must_use]
    pub fn covers_timestamp(&self) -> bool {
        self.before.iter().chain(&self.after).any(|part| *part == Part::Timestamp)
    }

    /// Whether the header `name` is part of what is signed.
    #[must_use]
    pub fn covers_header(&self, name: &str) -> bool {
        self.before
            .iter()
            .chain(&self.after)
            .any(|part| matches!(part, Part::Header(covered) if covered.eq_ignore_ascii_case(name)))
    }

    /// The parts of this request around its body. `timestamp` is the timestamp's text, if the scheme has one.
    ///
    /// # Errors
    /// A denial if a part is missing, repeated, or could be read as two parts.
    pub fn frame(&self, request: Request<'_>, timestamp: Option<&[u8]>) -> Result<Frame, Denial> {
        Ok(Frame { before: render(&self.before, request, timestamp)?, after: render(&self.after, request, timestamp)? })
    }
}

impl Part {
    fn named(name: &str) -> Result<Self, TemplateError> {
        match name {
            "body" => Ok(Part::Body),
            "timestamp" => Ok(Part::Timestamp),
            "method" => Ok(Part::Method),
            _ => match name.strip_prefix("header:") {
                Some(header) if is_header_name(header) => Ok(Part::Header(header.to_owned())),
                _ => Err(TemplateError::UnknownName(name.to_owned())),
            },
        }
    }
}

fn render(parts: &[Part], request: Request<'_>, timestamp: Option<&[u8]>) -> Result<Vec<u8>, Denial> {
    let mut bytes = Vec::new();
    let mut parts = parts.iter().peekable();
    while let Some(part) = parts.next() {
        match part {
            Part::Literal(literal) => bytes.extend_from_slice(literal),
            Part::Timestamp => bytes.extend_from_slice(timestamp.ok_or(Denial::TimestampMissing)?),
            Part::Method => bytes.extend_from_slice(once(request, ":method")?),
            Part::Header(name) => {
                let value = once(request, name)?;
                // A value that holds the separator behind it could give bytes to its neighbour and keep the
                // signature: `a.b` + `.` + `c` is `a` + `.` + `b.c`.
                if let Some(Part::Literal(separator)) = parts.peek()
                    && contains(value, separator)
                {
                    return Err(Denial::HeaderMalformed);
                }
                bytes.extend_from_slice(value);
            }
            Part::Body => {}
        }
    }
    Ok(bytes)
}

fn once<'a>(request: Request<'a>, name: &str) -> Result<&'a [u8], Denial> {
    match request.header(name) {
        Occurrence::Once(value) if !value.is_empty() => Ok(value),
        Occurrence::Once(_) | Occurrence::Missing => Err(Denial::HeaderMissing),
        Occurrence::Repeated => Err(Denial::HeaderDuplicated),
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Whether `name` is a header name (RFC 9110, section 5.1: a token).
#[must_use]
pub fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
