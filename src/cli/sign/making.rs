//! One scheme on its way into a request: values written where the scheme reads them.

use hookwarden::verify::Denial;
use hookwarden::verify::check::Condition;
use hookwarden::verify::expression::{Expression, Origin};
use hookwarden::verify::message::Message;
use hookwarden::verify::timestamp::UnixTime;

use super::chance::Chance;
use super::draft::{Draft, View};
use super::entries::Entries;
use super::key::Key;
use super::trouble::Trouble;

/// What a request is to be, beside what its scheme says.
pub struct Order<'a> {
    /// When the sender signs.
    pub at: UnixTime,
    /// The event's id, where the operator wants a certain one.
    pub event_id: Option<String>,
    /// Whether the body is the operator's: ids in it stay as they are.
    pub keeps_body: bool,
    /// Whether one bit of the signature, or one sign of the credential, is turned.
    pub spoils_tag: bool,
    /// Whether a token is over by now, though it has no time of its own.
    pub is_late: bool,
    pub key: &'a Key,
    pub chance: &'a mut Chance,
}

/// A request, and what is known so far of the proof that goes into it.
pub struct Making<'d, 'a> {
    pub draft: &'d mut Draft,
    /// The way to the element of a list that is proved by itself.
    pub element: Vec<String>,
    pub entries: Option<Entries<'a>>,
    pub timestamp: Option<Vec<u8>>,
}

impl Order<'_> {
    /// The signature as it is sent.
    pub fn sent(&self, mut tag: Vec<u8>) -> Vec<u8> {
        if let Some(last) = tag.last_mut().filter(|_| self.spoils_tag) {
            *last ^= 1;
        }
        tag
    }

    /// An id that is not `present`, unless it was asked for.
    pub fn fresh_id(&mut self, present: Option<&[u8]>) -> String {
        match (&self.event_id, present.and_then(|present| std::str::from_utf8(present).ok())) {
            (Some(id), _) => id.clone(),
            (None, Some(present)) => self.chance.id_like(present),
            (None, None) => self.chance.uuid(),
        }
    }
}

impl<'d, 'a> Making<'d, 'a> {
    pub fn new(draft: &'d mut Draft) -> Self {
        Self { draft, element: Vec::new(), entries: None, timestamp: None }
    }

    /// What is there now.
    pub fn read(&self, value: &Expression) -> Result<Vec<u8>, Denial> {
        self.with_view(None, |draft, view| draft.read(view, |facts| value.value(facts)))
    }

    pub fn render(&self, message: &Message, secret: Option<&[u8]>) -> Result<Vec<u8>, Denial> {
        self.with_view(secret, |draft, view| draft.read(view, |facts| message.render(facts)))
    }

    fn with_view<T>(&self, secret: Option<&[u8]>, read: impl FnOnce(&Draft, View<'_>) -> T) -> T {
        let entries = self.entries.as_ref().map(Entries::texts).unwrap_or_default();
        let view = View { element: &self.element, entries: &entries, timestamp: self.timestamp.as_deref(), secret };
        read(self.draft, view)
    }

    /// Makes `at` say `value`.
    pub fn write(&mut self, at: &Expression, value: &[u8]) -> Result<(), Trouble> {
        let present = self.read(&at.unfiltered()).ok();
        let raw = at.undo(value, present.as_deref()).ok_or_else(|| {
            Trouble::new(format!("the scheme demands a value of {} that cannot be computed backwards", name(at)))
        })?;
        match (at.origin(), &mut self.entries) {
            (Origin::Entry(prefix), Some(entries)) => entries.set(prefix, &raw),
            (Origin::FirstEntry, Some(entries)) => entries.set_first(&raw),
            (origin, _) => self.draft.write(origin, &raw, &self.element)?,
        }
        Ok(())
    }

    /// Makes up a value that is not there. `listed`: the headers that a list of headers should name.
    pub fn supply(&mut self, at: &Expression, listed: &[&str], order: &mut Order<'_>) -> Result<(), Trouble> {
        if let Some(separator) = at.header_list_separator() {
            let names = listed.join(&separator.to_string());
            return self.write(&at.unfiltered(), names.as_bytes());
        }
        match at.origin() {
            Origin::Body | Origin::Other => Err(Trouble::new("the request lacks a part that the scheme signs")),
            Origin::Header("content-type") => self.write(&at.unfiltered(), b"application/json"),
            _ => {
                let id = order.chance.uuid();
                self.write(at, id.as_bytes())
            }
        }
    }

    /// Makes two templates say the same. The head follows the body: what stands there is for the receiver's
    /// convenience.
    pub fn settle(&mut self, left: &Message, right: &Message) -> Result<(), Trouble> {
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
            (Err(denial), _) | (_, Err(denial)) => {
                Trouble::denied(denial, "the request lacks what the scheme compares")
            }
            _ => {
                Trouble::new("the scheme wants two parts of the request equal that differ; change the body or the URL")
            }
        })
    }

    /// Makes the request speak the dialect whose condition this is.
    pub fn speak(&mut self, condition: &Condition, order: &mut Order<'_>) -> Result<(), Trouble> {
        match condition {
            // The signature itself will be that entry.
            Condition::Present(at) if matches!(at.origin(), Origin::Entry(_) | Origin::FirstEntry) => Ok(()),
            Condition::Present(at) if self.read(at).is_ok() => Ok(()),
            Condition::Present(at) => self.supply(at, &[], order),
            Condition::Equal(left, right) => self.settle(left, right),
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
        Origin::FirstEntry => "the first entry".to_owned(),
        Origin::Body => "the body".to_owned(),
        Origin::Other => "the request".to_owned(),
    }
}
