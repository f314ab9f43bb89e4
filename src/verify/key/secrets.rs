//! The secrets of a list, of which any may verify a request.

use std::cell::Cell;
use std::rc::Rc;

use crate::verify::denial::Denial;
use crate::verify::key::live::LiveSecret;
use crate::verify::key::secret::Secret;
use crate::verify::primitives::timestamp::UnixTime;

/// Secrets of which any may match.
#[derive(Debug)]
pub struct Secrets {
    list: Vec<Rc<Secret>>,
    /// The position that matched last. It is tried first: after a rotation the new secret stays in front.
    last_match: Cell<usize>,
    /// How requests name them, if they are keys that the sender publishes.
    published: Option<KeyIds>,
    /// Whether secrets that are listed are not there.
    lacks: Lacks,
    /// For each secret, the list under whose name its events are remembered, if live secrets turned out to be the same.
    events_of: Vec<Option<Rc<str>>>,
}

/// What a list lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Lacks {
    /// Nothing.
    #[default]
    Nothing,
    /// Live secrets that are absent.
    Absent,
    /// Live secrets that should be there: they are unusable, or could not be fetched.
    Faulty,
}

/// How requests name keys that a sender publishes.
#[derive(Debug)]
enum KeyIds {
    /// The keys cannot be had.
    Unavailable,
    /// The id of each key, if it has one.
    Known(Vec<Option<String>>),
}

/// A secret of a list.
#[derive(Debug)]
pub enum Entry {
    /// It stays as it is.
    Fixed(Rc<Secret>),
    /// It may change.
    Live(LiveSecret),
}

/// The most keys that are tried for a request that names none: each costs up to a millisecond.
const MAX_UNNAMED_KEYS: usize = 8;

impl Secrets {
    /// A list of secrets.
    #[must_use]
    pub fn new(list: Vec<Rc<Secret>>) -> Self {
        Self { list, last_match: Cell::new(0), lacks: Lacks::Nothing, published: None, events_of: Vec::new() }
    }

    /// Keys that a sender publishes, each with its id if it has one; `None` if they cannot be had.
    #[must_use]
    pub fn published(keys: Option<Vec<(Option<String>, Secret)>>) -> Self {
        let (list, published) = match keys {
            Some(keys) => {
                let (ids, list): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
                (list.into_iter().map(Rc::new).collect(), KeyIds::Known(ids))
            }
            None => (Vec::new(), KeyIds::Unavailable),
        };
        Self {
            list,
            last_match: Cell::new(0),
            lacks: Lacks::Nothing,
            published: Some(published),
            events_of: Vec::new(),
        }
    }

    /// Whether a request that names this key cannot be verified, but could be if the sender published it: it is not there, or
    /// no key is.
    #[must_use]
    pub fn lacks(&self, id: Option<&[u8]>) -> bool {
        match &self.published {
            None => false,
            Some(KeyIds::Unavailable) => true,
            Some(KeyIds::Known(ids)) => id.is_some_and(|id| !ids.iter().any(|own| is_named(own.as_deref(), Some(id)))),
        }
    }

    /// The secrets that may verify a request which names the key `id`, as [`active`](Self::active) returns them. Only keys that
    /// a sender publishes have ids.
    ///
    /// # Errors
    /// [`Denial::SecretInactive`]; [`Denial::KeyUnknown`] and [`Denial::KeyUnavailable`], if the key is not there or none is.
    pub fn named(&self, id: Option<&[u8]>, now: UnixTime) -> Result<Vec<(usize, &Secret)>, Denial> {
        let Some(KeyIds::Known(ids)) = &self.published else { return self.active(now) };
        if ids.is_empty() || self.lacks(id) {
            return Err(Denial::KeyUnknown);
        }
        let mut active = self.active(now)?;
        active.retain(|(position, _)| is_named(ids.get(*position).and_then(Option::as_deref), id));
        active.truncate(MAX_UNNAMED_KEYS);
        if active.is_empty() { Err(Denial::SecretInactive) } else { Ok(active) }
    }

    /// What is there of these: a live secret is not before it was read.
    #[must_use]
    pub fn of(entries: &[Entry]) -> Self {
        let mut lacks = Lacks::Nothing;
        let mut list = Vec::with_capacity(entries.len());
        for entry in entries {
            match entry {
                Entry::Fixed(secret) => list.push(Rc::clone(secret)),
                Entry::Live(live) => match live.found() {
                    Ok(secret) => list.push(secret),
                    Err(fault) => lacks = lacks.max(if fault.is_ours() { Lacks::Faulty } else { Lacks::Absent }),
                },
            }
        }
        Self { list, last_match: Cell::new(0), lacks, published: None, events_of: Vec::new() }
    }

    /// The same, where `shared_by` has, for each entry, the list under whose name its events are remembered.
    pub(super) fn shared_by(self, entries: &[Entry], shared_by: Vec<Option<Rc<str>>>) -> Self {
        let is_there = |entry: &Entry| match entry {
            Entry::Fixed(_) => true,
            Entry::Live(live) => live.found().is_ok(),
        };
        let there = entries.iter().zip(shared_by).filter(|(entry, _)| is_there(entry));
        Self { events_of: there.map(|(_, name)| name).collect(), ..self }
    }

    /// The list under whose name the events of the secret at a position are remembered, if not its own.
    #[must_use]
    pub fn events_of(&self, position: usize) -> Option<Rc<str>> {
        let live = self.events_of.get(position).cloned().flatten();
        live.or_else(|| self.list.get(position)?.events_of.clone())
    }

    /// Whether nothing can be verified at `now` because live secrets are not there.
    #[must_use]
    pub fn is_unavailable(&self, now: UnixTime) -> bool {
        self.lacks != Lacks::Nothing && !self.is_active(now)
    }

    /// Whether a secret that is missing by our fault may be the one that a request was made with.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.lacks == Lacks::Faulty
    }

    /// All secrets, in order.
    #[must_use]
    pub fn all(&self) -> &[Rc<Secret>] {
        &self.list
    }

    /// Those that are valid at `now` with their positions, the one that matched last in front.
    ///
    /// # Errors
    /// [`Denial::SecretInactive`] if none is; [`Denial::KeyUnavailable`] if they are keys that cannot be had.
    pub fn active(&self, now: UnixTime) -> Result<Vec<(usize, &Secret)>, Denial> {
        if matches!(self.published, Some(KeyIds::Unavailable)) {
            return Err(Denial::KeyUnavailable);
        }
        let mut active: Vec<_> =
            self.list.iter().map(Rc::as_ref).enumerate().filter(|(_, secret)| secret.validity.contains(now)).collect();
        let last = self.last_match.get();
        if let Some(first) = active.iter().position(|(position, _)| *position == last) {
            active.get_mut(..=first).unwrap_or_default().rotate_right(1);
        }
        if active.is_empty() { Err(Denial::SecretInactive) } else { Ok(active) }
    }

    /// Whether any is valid at `now`.
    #[must_use]
    pub fn is_active(&self, now: UnixTime) -> bool {
        self.list.iter().any(|secret| secret.validity.contains(now))
    }

    /// Records which secret matched.
    pub fn matched(&self, position: usize) {
        self.last_match.set(position);
    }

    /// Takes over which one matched last from the list that this one replaces.
    pub(super) fn succeed(&self, former: &Self) {
        let matched = former.list.get(former.last_match.get());
        let position = matched.and_then(|secret| self.list.iter().position(|own| Rc::ptr_eq(own, secret)));
        self.last_match.set(position.unwrap_or(0));
    }
}

/// Whether a key with this id may be the one that a request names. One without an id may be any; a request that names none
/// may use any.
fn is_named(own: Option<&str>, named: Option<&[u8]>) -> bool {
    match (own, named) {
        (Some(own), Some(named)) => own.as_bytes() == named,
        (None, _) | (_, None) => true,
    }
}

impl Entry {
    /// The operator's name for the secret.
    #[must_use]
    pub fn id(&self) -> &Rc<str> {
        match self {
            Entry::Fixed(secret) => &secret.id,
            Entry::Live(live) => &live.id,
        }
    }
}
