//! Which secrets may verify a request: one list, or a list chosen by a name in the request.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use crate::verify::denial::Denial;
use crate::verify::key::secret::Secret;
use crate::verify::primitives::timestamp::UnixTime;
use crate::verify::request::{Occurrence, Request};

/// The secrets of a check.
///
/// A list may be replaced while requests are verified. Each keeps the snapshot that it began with, so positions in the
/// list stay valid.
#[derive(Debug)]
pub struct Keyring {
    lists: Vec<RefCell<Rc<Secrets>>>,
    /// The name of each list in requests; empty if there is only one.
    names: Vec<Rc<str>>,
    choice: Option<Choice>,
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
        Self { list, last_match: Cell::new(0), published: None }
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
        Self { list, last_match: Cell::new(0), published: Some(published) }
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
        if self.lacks(id) {
            return Err(Denial::KeyUnknown);
        }
        let mut active = self.active(now)?;
        active.retain(|(position, _)| is_named(ids.get(*position).and_then(Option::as_deref), id));
        active.truncate(MAX_UNNAMED_KEYS);
        if active.is_empty() { Err(Denial::SecretInactive) } else { Ok(active) }
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
        Self { lists: vec![RefCell::new(Rc::new(secrets))], names: Vec::new(), choice: None }
    }

    /// Lists of secrets, of which the request names one.
    #[must_use]
    pub fn chosen(by: Selector, lists: Vec<(String, Secrets)>) -> Self {
        let (names, lists): (Vec<_>, Vec<_>) = lists.into_iter().unzip();
        let shared = names.iter().map(|name| Rc::from(name.as_str())).collect();
        let positions = names.into_iter().zip(0..).collect();
        let lists = lists.into_iter().map(|secrets| RefCell::new(Rc::new(secrets))).collect();
        Self { lists, names: shared, choice: Some(Choice { by, positions }) }
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
    /// [`Denial::SecretUnknown`] or [`Denial::SecretInactive`].
    pub fn select_active(&self, request: Request<'_>, now: UnixTime) -> Result<usize, Denial> {
        let position = self.select(request)?;
        if self.list(position)?.is_active(now) { Ok(position) } else { Err(Denial::SecretInactive) }
    }

    /// The list to try in place of a missing one: the first with a secret that is valid at `now`.
    #[must_use]
    pub fn fallback(&self, now: UnixTime) -> usize {
        self.lists.iter().position(|list| list.borrow().is_active(now)).unwrap_or(0)
    }

    /// The list at a position that [`select`](Self::select) gave, as it is now.
    ///
    /// # Errors
    /// [`Denial::SecretUnknown`] if there is none.
    pub fn list(&self, position: usize) -> Result<Rc<Secrets>, Denial> {
        self.lists.get(position).map(|list| Rc::clone(&list.borrow())).ok_or(Denial::SecretUnknown)
    }

    /// Replaces the list at a position. Requests that began before keep the former one.
    pub fn replace(&self, position: usize, secrets: Secrets) {
        if let Some(list) = self.lists.get(position) {
            secrets.succeed(&list.borrow());
            list.replace(Rc::new(secrets));
        }
    }

    /// The name of the list at a position; empty if there is only one.
    #[must_use]
    pub fn name(&self, position: usize) -> Rc<str> {
        self.names.get(position).cloned().unwrap_or_default()
    }

    /// The name of each secret: its list's name and its id.
    pub fn names(&self) -> impl Iterator<Item = (Rc<str>, Rc<str>)> {
        self.lists.iter().enumerate().flat_map(move |(position, list)| {
            let ids: Vec<_> = list.borrow().all().iter().map(|secret| Rc::clone(&secret.id)).collect();
            ids.into_iter().map(move |id| (self.name(position), id))
        })
    }

    /// Every secret of every list, as it is now.
    pub fn all(&self) -> impl Iterator<Item = Rc<Secret>> {
        self.lists.iter().flat_map(|list| list.borrow().all().to_vec())
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
