//! Which secrets may verify a request: one list, or a list chosen by a name in the request.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use crate::verify::denial::Denial;
use crate::verify::key::live::{LiveChange, LiveSecret, LiveValues, Parsed, Prepare};
use crate::verify::key::secret::Secret;
use crate::verify::primitives::timestamp::UnixTime;
use crate::verify::request::{Occurrence, Request};

/// The secrets of a check.
///
/// A list may be replaced while requests are verified. Each keeps the snapshot that it began with, so positions in the
/// list stay valid.
#[derive(Debug)]
pub struct Keyring {
    lists: Vec<List>,
    /// The name of each list in requests; empty if there is only one.
    names: Vec<Rc<str>>,
    /// The name of the only list. Even an empty shared text takes memory, so each request gets this one.
    nameless: Rc<str>,
    choice: Option<Choice>,
}

/// One list.
#[derive(Debug)]
struct List {
    secrets: RefCell<Rc<Secrets>>,
    /// Its entries, if any of them is live.
    entries: Vec<Entry>,
}

/// A secret of a list.
#[derive(Debug)]
pub enum Entry {
    /// It stays as it is.
    Fixed(Rc<Secret>),
    /// It may change.
    Live(LiveSecret),
}

/// Where the request names its list, and the position of each list.
#[derive(Debug)]
struct Choice {
    by: Selector,
    positions: HashMap<String, usize>,
}

/// Where a request names the list of secrets that it uses. The name need not be signed: a wrong one leads to
/// secrets that do not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The value of this header.
    Header(String),
    /// This segment of the path, counted from 0.
    PathSegment(usize),
}

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
    fn shared_by(self, entries: &[Entry], shared_by: Vec<Option<Rc<str>>>) -> Self {
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
    fn succeed(&self, former: &Self) {
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

impl Keyring {
    /// One list of secrets for every request.
    #[must_use]
    pub fn one(secrets: Secrets) -> Self {
        Self { lists: vec![List::fixed(secrets)], names: Vec::new(), nameless: Rc::default(), choice: None }
    }

    /// Lists of secrets, of which the request names one.
    #[must_use]
    pub fn chosen(by: Selector, lists: Vec<(String, Secrets)>) -> Self {
        let (names, lists): (Vec<_>, Vec<_>) = lists.into_iter().unzip();
        let shared = names.iter().map(|name| Rc::from(name.as_str())).collect();
        let positions = names.into_iter().zip(0..).collect();
        let lists = lists.into_iter().map(List::fixed).collect();
        Self { lists, names: shared, nameless: Rc::default(), choice: Some(Choice { by, positions }) }
    }

    /// The same with these entries as the list at a position.
    #[must_use]
    pub fn with_entries(mut self, position: usize, entries: Vec<Entry>) -> Self {
        if let Some(list) = self.lists.get_mut(position)
            && entries.iter().any(|entry| matches!(entry, Entry::Live(_)))
        {
            *list = List { secrets: RefCell::new(Rc::new(Secrets::of(&entries))), entries };
        }
        self
    }

    /// Whether any secret is live.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.lists.iter().any(|list| !list.entries.is_empty())
    }

    /// The live secrets, with the name of each one's list.
    pub fn live(&self) -> impl Iterator<Item = (Rc<str>, &LiveSecret)> {
        self.lists.iter().enumerate().flat_map(move |(position, list)| {
            let live = list.entries.iter().filter_map(|entry| match entry {
                Entry::Live(live) => Some(live),
                Entry::Fixed(_) => None,
            });
            live.map(move |live| (self.name(position), live))
        })
    }

    /// Reads the live secrets of a list again. Returns whether any has changed.
    fn refresh_list(
        &self,
        position: usize,
        values: &dyn LiveValues,
        parsed: &Parsed,
        prepare: Prepare<'_>,
        report: &mut dyn FnMut(LiveChange),
    ) -> bool {
        let mut has_changed = false;
        for entry in self.lists.get(position).iter().flat_map(|list| &list.entries) {
            let Entry::Live(live) = entry else { continue };
            let (was_there, is_first) = (live.found().is_ok(), !live.was_read());
            if live.refresh(values, parsed, prepare) {
                has_changed = true;
                let (id, list) = (Rc::clone(&live.id), self.name(position));
                report(LiveChange { id, list, fault: live.found().err(), was_there, is_first });
            }
        }
        has_changed
    }

    /// If several lists hold this live secret, the name that stands for all of them: the alphabetically first.
    fn events_of(&self, entry: &Entry) -> Option<Rc<str>> {
        let Entry::Live(live) = entry else { return None };
        let holds =
            |list: &List| list.entries.iter().any(|other| matches!(other, Entry::Live(other) if live.is_alike(other)));
        let holders = self.lists.iter().enumerate().filter(|(_, list)| holds(list));
        let mut names: Vec<_> = holders.map(|(position, _)| self.name(position)).collect();
        names.sort_unstable();
        let is_shared = names.len() > 1;
        names.into_iter().next().filter(|_| is_shared)
    }

    /// Reads the live secrets of the list for this request again; if the request names none, those of the first list, which is
    /// checked in its place. Returns whether nothing can be verified at `now` because they are not there.
    pub fn refresh(
        &self,
        request: Request<'_>,
        now: UnixTime,
        values: &dyn LiveValues,
        prepare: Prepare<'_>,
        report: &mut dyn FnMut(LiveChange),
    ) -> bool {
        let selected = self.select(request);
        let position = selected.unwrap_or(0);
        let Some(list) = self.lists.get(position).filter(|list| !list.entries.is_empty()) else { return false };
        let parsed = Parsed::default();
        if self.refresh_list(position, values, &parsed, prepare, report) {
            // Which lists hold the same secret may have changed for all of them.
            let others = (0..self.lists.len()).filter(|other| *other != position);
            others.for_each(|other| {
                self.refresh_list(other, values, &parsed, prepare, report);
            });
            for (position, list) in self.lists.iter().enumerate().filter(|(_, list)| !list.entries.is_empty()) {
                let shared_by = list.entries.iter().map(|entry| self.events_of(entry));
                self.replace(position, Secrets::of(&list.entries).shared_by(&list.entries, shared_by.collect()));
            }
        }
        selected.is_ok() && list.secrets.borrow().is_unavailable(now)
    }

    /// The position of the list for this request.
    ///
    /// # Errors
    /// [`Denial::SecretUnknown`] if the request names none, or one that is not configured.
    pub fn select(&self, request: Request<'_>) -> Result<usize, Denial> {
        let Some(choice) = &self.choice else { return Ok(0) };
        choice
            .by
            .name(request)
            .and_then(|name| std::str::from_utf8(name).ok())
            .and_then(|name| choice.positions.get(name))
            .copied()
            .ok_or(Denial::SecretUnknown)
    }

    /// As [`select`](Self::select), and checks that the list has a secret that is valid at `now`.
    ///
    /// # Errors
    /// [`Denial::SecretUnknown`], [`Denial::SecretInactive`] or [`Denial::SecretUnavailable`].
    pub fn select_active(&self, request: Request<'_>, now: UnixTime) -> Result<usize, Denial> {
        let position = self.select(request)?;
        let list = self.list(position)?;
        match list.is_active(now) {
            true => Ok(position),
            false if list.is_unavailable(now) => Err(Denial::SecretUnavailable),
            false => Err(Denial::SecretInactive),
        }
    }

    /// The list to try in place of a missing one: the first with a secret that is valid at `now`.
    #[must_use]
    pub fn fallback(&self, now: UnixTime) -> usize {
        self.lists.iter().position(|list| list.secrets.borrow().is_active(now)).unwrap_or(0)
    }

    /// The list at a position that [`select`](Self::select) gave, as it is now.
    ///
    /// # Errors
    /// [`Denial::SecretUnknown`] if there is none.
    pub fn list(&self, position: usize) -> Result<Rc<Secrets>, Denial> {
        self.lists.get(position).map(|list| Rc::clone(&list.secrets.borrow())).ok_or(Denial::SecretUnknown)
    }

    /// Replaces the list at a position. Requests that began before keep the former one.
    pub fn replace(&self, position: usize, secrets: Secrets) {
        if let Some(list) = self.lists.get(position) {
            secrets.succeed(&list.secrets.borrow());
            list.secrets.replace(Rc::new(secrets));
        }
    }

    /// The name of the list at a position; empty if there is only one.
    #[must_use]
    pub fn name(&self, position: usize) -> Rc<str> {
        Rc::clone(self.names.get(position).unwrap_or(&self.nameless))
    }

    /// The name of each secret: its list's name and its id.
    pub fn names(&self) -> impl Iterator<Item = (Rc<str>, Rc<str>)> {
        self.lists.iter().enumerate().flat_map(move |(position, list)| {
            let ids: Vec<_> = match list.entries.as_slice() {
                [] => list.secrets.borrow().all().iter().map(|secret| Rc::clone(&secret.id)).collect(),
                entries => entries.iter().map(|entry| Rc::clone(entry.id())).collect(),
            };
            ids.into_iter().map(move |id| (self.name(position), id))
        })
    }

    /// Every secret of every list, as it is now.
    pub fn all(&self) -> impl Iterator<Item = Rc<Secret>> {
        self.lists.iter().flat_map(|list| list.secrets.borrow().all().to_vec())
    }
}

impl List {
    fn fixed(secrets: Secrets) -> Self {
        Self { secrets: RefCell::new(Rc::new(secrets)), entries: Vec::new() }
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

impl Selector {
    fn name<'a>(&self, request: Request<'a>) -> Option<&'a [u8]> {
        match self {
            Selector::Header(name) => match request.header(name) {
                Occurrence::Once(value) => Some(value),
                Occurrence::Missing | Occurrence::Repeated => None,
            },
            Selector::PathSegment(position) => {
                request.path().strip_prefix(b"/")?.split(|byte| *byte == b'/').nth(*position)
            }
        }
    }
}
