//! Which secrets may prove a request: one list, or a list chosen by what the request names.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use super::secret::Secret;
use super::timestamp::UnixTime;
use super::{Denial, Occurrence, Request};

/// The secrets of a check.
#[derive(Debug)]
pub struct Keyring {
    lists: Vec<Secrets>,
    /// What a request calls each list; empty where there is one.
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

/// Secrets of which any may match. Never empty.
#[derive(Debug)]
pub struct Secrets {
    list: Vec<Secret>,
    /// The position that matched last, tried first: after a rotation that is the new one, for good.
    last_match: Cell<usize>,
}

impl Secrets {
    /// A list of secrets.
    #[must_use]
    pub fn new(list: Vec<Secret>) -> Self {
        Self { list, last_match: Cell::new(0) }
    }

    /// All of them, in order.
    #[must_use]
    pub fn all(&self) -> &[Secret] {
        &self.list
    }

    /// Those that are valid at `now` with their positions, the one that matched last in front.
    ///
    /// # Errors
    /// [`Denial::SecretInactive`] if none is.
    pub fn active(&self, now: UnixTime) -> Result<Vec<(usize, &Secret)>, Denial> {
        let mut active: Vec<_> =
            self.list.iter().enumerate().filter(|(_, secret)| secret.validity.contains(now)).collect();
        let last = self.last_match.get();
        if let Some(first) = active.iter().position(|(position, _)| *position == last) {
            active.get_mut(..=first).unwrap_or_default().rotate_right(1);
        }
        if active.is_empty() { Err(Denial::SecretInactive) } else { Ok(active) }
    }

    /// Remembers which one matched.
    pub fn matched(&self, position: usize) {
        self.last_match.set(position);
    }
}

impl Keyring {
    /// Any of these secrets, whatever the request says.
    #[must_use]
    pub fn one(secrets: Secrets) -> Self {
        Self { lists: vec![secrets], names: Vec::new(), choice: None }
    }

    /// Any of the secrets listed under what the request names.
    #[must_use]
    pub fn chosen(by: Selector, lists: Vec<(String, Secrets)>) -> Self {
        let (names, lists): (Vec<_>, Vec<_>) = lists.into_iter().unzip();
        let shared = names.iter().map(|name| Rc::from(name.as_str())).collect();
        let positions = names.into_iter().zip(0..).collect();
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

    /// The list at a position that [`select`](Self::select) gave.
    ///
    /// # Errors
    /// [`Denial::SecretUnknown`] if there is none.
    pub fn list(&self, position: usize) -> Result<&Secrets, Denial> {
        self.lists.get(position).ok_or(Denial::SecretUnknown)
    }

    /// What a request calls the list at a position; empty where there is only one.
    #[must_use]
    pub fn name(&self, position: usize) -> Rc<str> {
        self.names.get(position).cloned().unwrap_or_default()
    }

    /// What a request calls each secret: the name of its list and its id.
    pub fn names(&self) -> impl Iterator<Item = (Rc<str>, &str)> {
        let lists = self.lists.iter().enumerate();
        lists.flat_map(move |(position, list)| list.all().iter().map(move |secret| (self.name(position), &*secret.id)))
    }

    /// Every secret of every list.
    pub fn all(&self) -> impl Iterator<Item = &Secret> {
        self.lists.iter().flat_map(Secrets::all)
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
