//! Which secrets may verify a request: one list, or a list chosen by a name in the request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::verify::denial::Denial;
use crate::verify::key::live::{LiveChange, LiveSecret, LiveValues, Parsed, Prepare};
use crate::verify::key::secret::Secret;
use crate::verify::key::secrets::{Entry, Secrets};
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
