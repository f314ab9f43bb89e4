//! All places of a configuration, by their numbers.

use std::cell::RefCell;
use std::rc::Rc;

use super::document::Document;
use super::fetcher::{Early, Fetcher, Notice, Outcome};
use super::place::{Place, Places};
use crate::guard::call::{Call, Response};
use crate::guard::memory::{Memory, NotWritten};
use crate::verify::primitives::timestamp::UnixTime;

/// The fetchers of a configuration in one VM. A number that no place has is a place without a document.
#[derive(Debug, Default)]
pub struct Fetchers(Vec<RefCell<Fetcher>>);

impl Fetchers {
    /// Opens all places.
    ///
    /// # Errors
    /// [`NotWritten`], if the host refuses shared memory.
    pub fn open(places: &Places, memory: &dyn Memory) -> Result<Self, NotWritten> {
        let fetchers = places.all().iter().map(|(place, _)| Fetcher::open(Rc::clone(place), memory).map(RefCell::new));
        fetchers.collect::<Result<_, _>>().map(Self)
    }

    /// What is fetched under a number.
    #[must_use]
    pub fn place(&self, number: usize) -> Option<Rc<Place>> {
        self.0.get(number).map(|fetcher| Rc::clone(fetcher.borrow().place()))
    }

    /// The document of a place, unless there is none that is young enough. Cheap: nothing is read from the host.
    #[must_use]
    pub fn document(&self, number: usize, now: UnixTime) -> Option<Document> {
        self.0.get(number)?.borrow().current(now).cloned()
    }

    /// The age of each document, in whole seconds, with the place's number.
    pub fn ages(&self, now: UnixTime) -> impl Iterator<Item = (usize, u64)> {
        let age = move |fetcher: &RefCell<Fetcher>| fetcher.borrow().age(now).map(|age| age.as_secs());
        self.0.iter().enumerate().filter_map(move |(number, fetcher)| Some((number, age(fetcher)?)))
    }

    /// Time has passed: the calls that this VM has to make, with the number of each place.
    pub fn on_tick(&self, now: UnixTime, memory: &dyn Memory) -> Vec<(usize, Call)> {
        let calls = self.0.iter().map(|fetcher| fetcher.borrow_mut().on_tick(now, memory));
        calls.enumerate().filter_map(|(number, call)| Some((number, call?))).collect()
    }

    /// The answer to a call for a place; `None` if there was none, or the host refused to make it. `accepts`: whether the
    /// body is of use to anybody.
    pub fn on_answer(
        &self,
        number: usize,
        response: Option<Response<'_>>,
        accepts: &dyn Fn(&[u8]) -> bool,
        memory: &dyn Memory,
    ) -> Outcome {
        let Some(fetcher) = self.0.get(number) else { return Outcome::Dropped };
        fetcher.borrow_mut().on_answer(response, accepts, memory)
    }

    /// Asks for a fetch before its time: see [`Fetcher::ask_early`].
    pub fn ask_early(&self, number: usize, now: UnixTime, memory: &dyn Memory) -> Early {
        self.0.get(number).map_or(Early::TooSoon, |fetcher| fetcher.borrow_mut().ask_early(now, memory))
    }

    /// Whether an early fetch is still to come or under way.
    pub fn is_early_coming(&self, number: usize, now: UnixTime, memory: &dyn Memory) -> bool {
        self.0.get(number).is_some_and(|fetcher| fetcher.borrow_mut().is_early_coming(now, memory))
    }

    /// How many attempts for a place have failed since the last success.
    #[must_use]
    pub fn failures(&self, number: usize) -> u64 {
        self.0.get(number).map_or(0, |fetcher| fetcher.borrow().failures())
    }

    /// What this VM has to log, with the number of each place.
    pub fn notices(&self, now: UnixTime, memory: &dyn Memory) -> Vec<(usize, Notice)> {
        let notices = self.0.iter().map(|fetcher| fetcher.borrow_mut().notice(now, memory));
        notices.enumerate().filter_map(|(number, notice)| Some((number, notice?))).collect()
    }
}
