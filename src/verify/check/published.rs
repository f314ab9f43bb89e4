//! The keys of a check, if its sender publishes them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::verify::key::key_set::PublishedKey;
use crate::verify::key::secret::Secret;
use crate::verify::key::secrets::Secrets;
use crate::verify::scheme::Scheme;

/// Keys that a sender publishes. They are replaced while requests are verified; each request keeps those that it began with.
#[derive(Debug)]
pub(super) struct PublishedKeys {
    /// The number of the place where they are fetched.
    pub place: usize,
    /// The operator's name for all of them.
    pub id: Rc<str>,
    /// The version that is here; 0 if none is.
    version: Cell<u64>,
    current: RefCell<Rc<Secrets>>,
}

/// A key that a request names and that is not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingKey {
    /// The number of the place where it may be.
    pub place: usize,
    /// Its id, if the request names one.
    pub id: Option<Vec<u8>>,
}

impl PublishedKeys {
    pub fn new(place: usize, id: Rc<str>) -> Self {
        Self { place, id, version: Cell::new(0), current: RefCell::new(Rc::new(Secrets::published(None))) }
    }

    /// The keys as they are now.
    pub fn current(&self) -> Rc<Secrets> {
        Rc::clone(&self.current.borrow())
    }

    /// Takes over the keys of a version unless it has them; `None`: there are none.
    pub fn publish(&self, version: u64, scheme: &Scheme, keys: impl FnOnce() -> Option<Vec<PublishedKey>>) {
        if self.version.replace(version) == version {
            return;
        }
        let secret = |published: PublishedKey| {
            let key = scheme.key(&published.text).ok()?;
            let secret = Secret { id: Rc::clone(&self.id), key, validity: published.validity, events_of: None };
            Some((published.id, secret))
        };
        let keys = keys().map(|keys| keys.into_iter().filter_map(secret).collect());
        self.current.replace(Rc::new(Secrets::published(keys)));
    }
}
