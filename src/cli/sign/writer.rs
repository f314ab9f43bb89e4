//! Writes values where a scheme reads them.

use hookwarden::verify::Denial;
use hookwarden::verify::check::Condition;
use hookwarden::verify::expression::Expression;
use hookwarden::verify::expression::message::Message;
use hookwarden::verify::expression::native::Origin;
use hookwarden::verify::primitives::timestamp::UnixTime;

use super::builder::{RequestBuilder, View};
use super::entries::Entries;
use super::error::Error;
use super::key::Key;
use super::rng::Rng;

/// How a request is signed, apart from what its scheme says.
pub struct SigningContext<'a> {
    /// When the sender signs.
    pub at: UnixTime,
    /// The event's id, where the operator wants a certain one.
    pub event_id: Option<String>,
    /// Whether the body is the operator's: ids in it stay as they are.
    pub keeps_body: bool,
    /// Whether a token gets an id of its own, although the scheme does not read it.
    pub renews_token: bool,
    /// Whether one bit of the signature, or one sign of the credential, is turned.
    pub tampers_with_tag: bool,
    /// Whether a token has expired, although the scheme has no time of its own.
    pub is_late: bool,
    pub key: &'a Key,
    pub rng: &'a mut Rng,
}

/// A request, and what is known so far of its signature.
pub struct SchemeWriter<'d, 'a> {
    pub builder: &'d mut RequestBuilder,
    /// The way to the element of a list that is signed by itself.
    pub element: Vec<String>,
    pub entries: Option<Entries<'a>>,
    pub timestamp: Option<Vec<u8>>,
}

impl SigningContext<'_> {
    /// The signature as it is sent.
    pub fn sent(&self, mut tag: Vec<u8>) -> Vec<u8> {
        if let Some(last) = tag.last_mut().filter(|_| self.tampers_with_tag) {
            *last ^= 1;
        }
        tag
    }

    /// An id that is not `present`, unless it was asked for.
    pub fn fresh_id(&mut self, present: Option<&[u8]>) -> String {
        match (&self.event_id, present.and_then(|present| std::str::from_utf8(present).ok())) {
            (Some(id), _) => id.clone(),
            (None, Some(present)) => self.rng.id_like(present),
            (None, None) => self.rng.uuid(),
        }
    }
}

impl<'d, 'a> SchemeWriter<'d, 'a> {
    pub fn new(builder: &'d mut RequestBuilder) -> Self {
        Self { builder, element: Vec::new(), entries: None, timestamp: None }
    }

    /// What is there now.
    pub fn read(&self, value: &Expression) -> Result<Vec<u8>, Denial> {
        if let (Origin::EntryAt(number), Some(entries)) = (value.origin(), &self.entries)
            && entries.is_tag(number)
        {
            return Err(Denial::FieldMissing);
        }
        self.with_view(None, |builder, view| builder.read(view, |facts| value.value(facts)))
    }

    pub fn render(&self, message: &Message, secret: Option<&[u8]>) -> Result<Vec<u8>, Denial> {
        self.with_view(secret, |builder, view| builder.read(view, |facts| message.render(facts)))
    }

    fn with_view<T>(&self, secret: Option<&[u8]>, read: impl FnOnce(&RequestBuilder, View<'_>) -> T) -> T {
        let entries = self.entries.as_ref().map(Entries::texts).unwrap_or_default();
        let view = View { element: &self.element, entries: &entries, timestamp: self.timestamp.as_deref(), secret };
        read(self.builder, view)
    }

    /// Makes `at` say `value`.
    pub fn write(&mut self, at: &Expression, value: &[u8]) -> Result<(), Error> {
        let present = self.read(&at.unfiltered()).ok();
        let raw = at.undo(value, present.as_deref()).ok_or_else(|| {
            Error::new(format!("the scheme demands a value of {} that cannot be computed backwards", name(at)))
        })?;
        match (at.origin(), &mut self.entries) {
            (Origin::Entry(prefix), Some(entries)) => entries.set(prefix, &raw),
            (Origin::EntryAt(number), Some(entries)) => entries.set_at(number, &raw),
            (origin, _) => self.builder.write(origin, &raw, &self.element)?,
        }
        Ok(())
    }

    /// Makes up a value that is not there. `listed`: the headers that a list of headers should name.
    pub fn fill_in(&mut self, at: &Expression, listed: &[&str], context: &mut SigningContext<'_>) -> Result<(), Error> {
        if let Some(separator) = at.header_list_separator() {
            let names = listed.join(&separator.to_string());
            return self.write(&at.unfiltered(), names.as_bytes());
        }
        match at.origin() {
            Origin::Body | Origin::Other => Err(Error::new("the request lacks a part that the scheme signs")),
            Origin::Header("content-type") => self.write(&at.unfiltered(), b"application/json"),
            _ => {
                let id = context.rng.uuid();
                self.write(at, id.as_bytes())
            }
        }
    }

    /// Makes two templates say the same. The head follows the body: what is there is for the receiver's
    /// convenience.
    pub fn make_equal(&mut self, left: &Message, right: &Message) -> Result<(), Error> {
        let (left_text, right_text) = (self.render(left, None), self.render(right, None));
        if let (Ok(left), Ok(right)) = (&left_text, &right_text)
            && left == right
        {
            return Ok(());
        }
        let in_head = |at: &Expression| !matches!(at.origin(), Origin::Json(_) | Origin::Form(_));
        let in_body = |at: &Expression| matches!(at.origin(), Origin::Json(_) | Origin::Form(_));
        let filters: [&dyn Fn(&Expression) -> bool; 2] = [&in_head, &in_body];
        for is_there in filters {
            for (message, text) in [(left, &right_text), (right, &left_text)] {
                let Ok(text) = text else { continue };
                let Some((at, value)) = message.solve(text) else { continue };
                if matches!(at.origin(), Origin::Body | Origin::Other) || !is_there(at) {
                    continue;
                }
                if self.write(at, value).is_ok() {
                    return Ok(());
                }
            }
        }
        Err(match (left_text, right_text) {
            (Err(denial), _) | (_, Err(denial)) => Error::denied(denial, "the request lacks what the scheme compares"),
            _ => Error::new("the scheme wants two parts of the request equal that differ; change the body or the URL"),
        })
    }

    /// Makes the request speak the dialect whose condition this is.
    pub fn satisfy(&mut self, condition: &Condition, context: &mut SigningContext<'_>) -> Result<(), Error> {
        match condition {
            // The signature itself will be that entry.
            Condition::Present(at) if matches!(at.origin(), Origin::Entry(_) | Origin::EntryAt(_)) => Ok(()),
            Condition::Present(at) if self.read(at).is_ok() => Ok(()),
            Condition::Present(at) => self.fill_in(at, &[], context),
            Condition::Equal(left, right) => self.make_equal(left, right),
        }
    }
}

/// A value's name, for people.
pub fn name(at: &Expression) -> String {
    match at.origin() {
        Origin::Header(name) => format!("the header {name}"),
        Origin::Query(name) => format!("the query's parameter {name}"),
        Origin::Form(name) => format!("the form's field {name}"),
        Origin::Json(path) => format!("the body's member {}", path.steps().join(".")),
        Origin::Entry(prefix) => format!("the entry {prefix}"),
        Origin::EntryAt(number) => format!("the entry @{number}"),
        Origin::Body => "the body".to_owned(),
        Origin::Other => "the request".to_owned(),
    }
}
