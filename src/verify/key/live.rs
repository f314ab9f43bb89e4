//! Secrets whose text is not in the configuration: it is read while the filter runs, and may change.

use std::cell::RefCell;
use std::rc::Rc;

use crate::verify::bytes::json::{Json, JsonPath};
use crate::verify::key::key_form::KeyError;
use crate::verify::key::secret::{Key, Secret, SecretText, Validity};
use crate::verify::key::text_rule::{TextFault, TextRule};

/// What Envoy's formatters write in place of nothing.
const NOTHING: &[u8] = b"-";

/// Where the texts of live secrets come from.
pub trait LiveValues {
    /// What another filter has put into the request's filter state under this key; `None` if that is nothing.
    fn filter_state(&self, key: &str) -> Option<Vec<u8>>;

    /// The version and the body of the document with this number; `None` if there is none. The version changes with the
    /// body, and is never 0.
    fn document(&self, number: usize) -> Option<(u64, Rc<[u8]>)>;
}

/// Where the text of one live secret comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The request's filter state, under this key.
    FilterState(Rc<str>),
    /// A document that is fetched, and the part of it.
    Document(usize, Part),
}

/// The part of a document that is the secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// All of it.
    Whole,
    /// The text at this place of a JSON document.
    Json(JsonPath),
}

/// A live secret, and what it is at the moment.
#[derive(Debug)]
pub struct LiveSecret {
    /// The operator's name for it.
    pub id: Rc<str>,
    /// When it may be used.
    pub validity: Validity,
    /// Where its text comes from.
    pub origin: Origin,
    /// What its text must be like.
    pub rule: TextRule,
    /// The list under whose name its events are remembered, where several lists of a check hold it.
    pub events_of: Option<Rc<str>>,
    kept: RefCell<Kept>,
}

/// What was read last, and what came of it.
#[derive(Debug, Default)]
struct Kept {
    read: Read,
    /// The text, to see whether another secret has the same.
    text: Option<SecretText>,
    found: Option<Result<Rc<Secret>, LiveFault>>,
}

/// What was read, as far as it is needed to see a change.
#[derive(Debug, Default)]
enum Read {
    #[default]
    Nothing,
    Text(SecretText),
    Version(u64),
}

/// Why a live secret is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveFault {
    /// There is none at its place: as if it were not listed.
    Absent,
    /// There is no document, or it is not JSON.
    NoDocument,
    /// It is no text.
    NotText,
    /// Its text cannot be a secret.
    Text(TextFault),
    /// It decodes to too few bytes.
    ShortKey,
    /// It is not a key of its scheme.
    Key(KeyError),
}

/// A live secret is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveChange {
    /// The secret's id.
    pub id: Rc<str>,
    /// The name of its list; empty if there is only one.
    pub list: Rc<str>,
    /// Why it is not there, or `None` if it is.
    pub fault: Option<LiveFault>,
    /// Whether it was there before.
    pub was_there: bool,
    /// Whether it was never read before.
    pub is_first: bool,
}

/// The JSON of the document that was read last, since many secrets may be in one.
#[derive(Default)]
pub struct Parsed(RefCell<Option<ParsedDocument>>);

/// A document, and its JSON if it is JSON.
type ParsedDocument = (Rc<[u8]>, Option<Rc<Json>>);

impl Parsed {
    /// The JSON of a document; `None` if it is none, or has a member twice: nobody knows which one counts.
    fn json(&self, body: &Rc<[u8]>) -> Option<Rc<Json>> {
        let mut last = self.0.borrow_mut();
        if let Some((known, json)) = last.as_ref()
            && Rc::ptr_eq(known, body)
        {
            return json.clone();
        }
        let json = Json::parse(body).ok().filter(|json| !json.has_duplicate_keys()).map(Rc::new);
        *last = Some((Rc::clone(body), json.clone()));
        json
    }
}

/// Makes the key of a scheme out of a text.
pub type Prepare<'a> = &'a dyn Fn(&str, &TextRule) -> Result<Key, LiveFault>;

impl LiveSecret {
    /// A secret that was not read yet.
    #[must_use]
    pub fn new(id: Rc<str>, validity: Validity, origin: Origin, rule: TextRule, events_of: Option<Rc<str>>) -> Self {
        Self { id, validity, origin, rule, events_of, kept: RefCell::default() }
    }

    /// What it is at the moment.
    pub(super) fn found(&self) -> Result<Rc<Secret>, LiveFault> {
        self.kept.borrow().found.clone().unwrap_or(Err(LiveFault::NoDocument))
    }

    /// Whether it was read before.
    pub(super) fn was_read(&self) -> bool {
        self.kept.borrow().found.is_some()
    }

    /// Reads it again. Returns whether it has changed.
    pub(super) fn refresh(&self, values: &dyn LiveValues, parsed: &Parsed, prepare: Prepare<'_>) -> bool {
        let kept = self.kept.borrow();
        let (read, text) = match &self.origin {
            Origin::FilterState(key) => {
                let text = values.filter_state(key).filter(|text| !text.is_empty());
                match (&kept.read, text) {
                    (Read::Text(known), Some(text)) if known.bytes() == text => return false,
                    (_, Some(text)) => (Read::Text(SecretText::new(&text)), Ok(text)),
                    (Read::Nothing, None) if kept.found.is_some() => return false,
                    (_, None) => (Read::Nothing, Err(LiveFault::Absent)),
                }
            }
            Origin::Document(number, part) => match (&kept.read, values.document(*number)) {
                (Read::Version(known), Some((version, _))) if *known == version => return false,
                (_, Some((version, body))) => (Read::Version(version), part.of(&body, parsed)),
                (Read::Nothing, None) if kept.found.is_some() => return false,
                (_, None) => (Read::Nothing, Err(LiveFault::NoDocument)),
            },
        };
        drop(kept);
        let kept_text = text.as_ref().ok().map(|text| SecretText::new(text));
        let found = text.and_then(|text| self.prepare(&text, prepare)).map(|key| {
            let (id, events_of) = (Rc::clone(&self.id), self.events_of.clone());
            Rc::new(Secret { id, key, validity: self.validity, events_of })
        });
        self.kept.replace(Kept { read, text: kept_text, found: Some(found) });
        true
    }

    /// Whether both are there and have the same text.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        let (own, other) = (self.kept.borrow(), other.kept.borrow());
        matches!((&own.text, &other.text), (Some(own), Some(other)) if own.bytes() == other.bytes())
    }

    /// Whether it would be there if this were its document.
    #[must_use]
    pub fn is_in(&self, body: &Rc<[u8]>, parsed: &Parsed, prepare: Prepare<'_>) -> bool {
        match &self.origin {
            Origin::FilterState(_) => false,
            Origin::Document(_, part) => part.of(body, parsed).and_then(|text| self.prepare(&text, prepare)).is_ok(),
        }
    }

    fn prepare(&self, text: &[u8], prepare: Prepare<'_>) -> Result<Key, LiveFault> {
        if text == NOTHING {
            return Err(LiveFault::Absent);
        }
        let text = std::str::from_utf8(text).map_err(|_| LiveFault::NotText)?;
        self.rule.check(text).map_err(LiveFault::Text)?;
        prepare(text, &self.rule)
    }
}

impl Part {
    /// Reads it out of a document.
    fn of(&self, body: &Rc<[u8]>, parsed: &Parsed) -> Result<Vec<u8>, LiveFault> {
        let path = match self {
            Part::Whole => return Ok(body.to_vec()),
            Part::Json(path) => path,
        };
        let json = parsed.json(body).ok_or(LiveFault::NoDocument)?;
        match json.at(path) {
            None => Err(LiveFault::Absent),
            Some(Json::Text(text)) if text.is_empty() => Err(LiveFault::Absent),
            Some(Json::Text(text)) => Ok(text.clone().into_bytes()),
            Some(_) => Err(LiveFault::NotText),
        }
    }
}

impl LiveFault {
    /// Whether it is a fault, and not the absence of a secret that is no longer, or not yet, in use.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        *self != LiveFault::Absent
    }
}

impl std::fmt::Display for LiveFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LiveFault::Absent => f.write_str("is absent"),
            LiveFault::NoDocument => f.write_str("could not be fetched"),
            LiveFault::NotText => f.write_str("is no text"),
            LiveFault::Text(fault) => f.write_str(&fault.wrong()),
            LiveFault::ShortKey => f.write_str("decodes to fewer than 8 bytes and can be guessed"),
            LiveFault::Key(error) => f.write_str(error.wrong()),
        }
    }
}
