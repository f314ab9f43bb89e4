//! One place: when to fetch, and what an answer changes. It knows no host.

use std::rc::Rc;
use std::time::Duration;

use super::document::{self, Document};
use super::place::Place;
use super::state::State;
use crate::guard::call::{Call, Response};
use crate::guard::elapsed;
use crate::guard::memory::{self, Memory, NotWritten};
use crate::guard::table;
use crate::verify::primitives::timestamp::UnixTime;

/// The fetcher of one place in one VM.
#[derive(Debug)]
pub struct Fetcher {
    place: Rc<Place>,
    /// The keys in shared memory.
    state_key: String,
    body_key: String,
    /// Spreads the attempts of a fleet.
    seed: u64,
    /// What this VM last saw in shared memory.
    state: State,
    document: Option<Document>,
    /// The number of this VM's attempt that is not answered yet.
    under_way: Option<u64>,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The document is confirmed, or there is a new one.
    Fetched,
    /// It is as it was.
    Failed(Failure),
    /// Another thread has taken over, or shared memory failed: nothing was changed.
    Dropped,
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There was no answer in time, it broke off, or the cluster is unknown.
    NoAnswer,
    /// The status was not 200.
    Status(u16),
    /// The body was longer than the place's limit.
    TooLarge,
    /// There was no body.
    Empty,
    /// The body is of no use to anybody who reads it.
    Unusable,
}

/// Whether waiting for an early fetch makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Early {
    /// One will begin with the next tick of any worker thread, or is under way.
    Coming,
    /// The last one was less than a minute ago, or fetches fail: what is here is as new as it gets.
    TooSoon,
}

/// A change that is logged once for all worker threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// There is no document, and fetching it failed.
    Unavailable,
    /// There is one again.
    Available,
}

impl Fetcher {
    /// Makes room in shared memory, and takes over what an earlier configuration or another thread fetched.
    ///
    /// # Errors
    /// [`NotWritten`], if the host refuses shared memory.
    pub fn open(place: Rc<Place>, memory: &dyn Memory) -> Result<Self, NotWritten> {
        let digest = place.digest();
        let name: String = table::short(&digest).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut fetcher = Self {
            state_key: format!("hookwarden.live.{name}"),
            body_key: format!("hookwarden.live.{name}.body"),
            seed: digest.first_chunk().copied().map_or(0, u64::from_le_bytes),
            place,
            state: State::default(),
            document: None,
            under_way: None,
        };
        memory.create(&fetcher.state_key, &fetcher.state.written())?;
        memory.create(&fetcher.body_key, &document::write(0, UnixTime::from_millis(0), b""))?;
        fetcher.synchronise(memory);
        Ok(fetcher)
    }

    /// What is fetched.
    #[must_use]
    pub fn place(&self) -> &Rc<Place> {
        &self.place
    }

    /// The document, unless there is none that is young enough.
    #[must_use]
    pub fn current(&self, now: UnixTime) -> Option<&Document> {
        self.document.as_ref().filter(|document| elapsed(document.fetched, now) <= self.place.max_age)
    }

    /// The age of the document, even if it may not be used any more.
    #[must_use]
    pub fn age(&self, now: UnixTime) -> Option<Duration> {
        self.document.as_ref().map(|document| elapsed(document.fetched, now))
    }

    /// Time has passed: takes over what other threads have fetched, and returns the call that this VM has to make. Its
    /// answer, or the host's refusal to make it, goes to [`on_answer`](Self::on_answer).
    pub fn on_tick(&mut self, now: UnixTime, memory: &dyn Memory) -> Option<Call> {
        self.synchronise(memory);
        self.forget_expired(now, memory);
        // A read costs less than a write, and most ticks end here.
        if !self.state.is_due(&self.place, self.seed, now) {
            return None;
        }
        let (place, seed) = (Rc::clone(&self.place), self.seed);
        let attempt = self.update(memory, |state| {
            state.is_due(&place, seed, now).then(|| {
                state.lease(&place, now);
                state.attempt
            })
        })?;
        self.under_way = Some(attempt);
        Some(self.place.call())
    }

    /// The answer to this VM's call; `None` if there was none. `accepts`: whether the body is of use to anybody.
    pub fn on_answer(
        &mut self,
        response: Option<Response<'_>>,
        accepts: &dyn Fn(&[u8]) -> bool,
        memory: &dyn Memory,
    ) -> Outcome {
        let Some(attempt) = self.under_way.take() else { return Outcome::Dropped };
        self.synchronise(memory);
        if self.state.attempt != attempt {
            return Outcome::Dropped;
        }
        let outcome = match self.judge(response, accepts) {
            Ok(body) => self.keep(body, attempt, memory),
            Err(failure) => {
                self.conclude(attempt, memory, |state| state.conclude(false)).map(|()| Outcome::Failed(failure))
            }
        };
        self.synchronise(memory);
        outcome.unwrap_or(Outcome::Dropped)
    }

    /// Asks for a fetch before its time, because the document lacks something that a request names. All threads together
    /// get at most one a minute, however many requests ask.
    pub fn ask_early(&mut self, now: UnixTime, memory: &dyn Memory) -> Early {
        self.synchronise(memory);
        let place = Rc::clone(&self.place);
        let is_coming = |state: &State| state.is_wanted || state.attempt == 0 || state.is_leased(&place, now);
        if is_coming(&self.state) {
            return Early::Coming;
        }
        let asked =
            self.update(memory, |state| (is_coming(state) || state.failures == 0 && state.ask(now)).then_some(()));
        if asked.is_some() { Early::Coming } else { Early::TooSoon }
    }

    /// Whether an early fetch that was asked for is still to come or under way.
    pub fn is_early_coming(&mut self, now: UnixTime, memory: &dyn Memory) -> bool {
        self.synchronise(memory);
        self.state.is_wanted || self.state.attempt == 0 || self.state.is_leased(&self.place, now)
    }

    /// How many attempts have failed since the last success.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.state.failures
    }

    /// What this thread has to log, because no other one has.
    pub fn notice(&mut self, now: UnixTime, memory: &dyn Memory) -> Option<Notice> {
        let is_available = self.current(now).is_some();
        let is_news = |state: &State| match is_available {
            true => state.is_reported,
            false => !state.is_reported && state.failures > 0,
        };
        if !is_news(&self.state) {
            return None;
        }
        self.update(memory, |state| {
            is_news(state).then(|| {
                state.is_reported = !is_available;
                if is_available { Notice::Available } else { Notice::Unavailable }
            })
        })
    }

    fn judge<'a>(&self, response: Option<Response<'a>>, accepts: &dyn Fn(&[u8]) -> bool) -> Result<&'a [u8], Failure> {
        let Response { status, body } = response.ok_or(Failure::NoAnswer)?;
        match body.len() {
            _ if status != 200 => Err(Failure::Status(status)),
            0 => Err(Failure::Empty),
            len if len > self.place.max_bytes => Err(Failure::TooLarge),
            _ if !accepts(body) => Err(Failure::Unusable),
            _ => Ok(body),
        }
    }

    /// Keeps a good body for all threads.
    fn keep(&mut self, body: &[u8], attempt: u64, memory: &dyn Memory) -> Option<Outcome> {
        let fetched = UnixTime::from_millis(self.state.started);
        let known = self.document.as_ref().filter(|document| *document.body == *body);
        let version = known.map_or(attempt, |document| document.version);
        if known.is_none() {
            // First the body, which has its version and time: a thread that reads in between takes it as it is.
            let record = document::write(version, fetched, body);
            memory::update(memory, &self.body_key, |_| (Some(record.clone()), ())).ok()?;
        }
        self.conclude(attempt, memory, |state| {
            state.conclude(true);
            (state.version, state.fetched) = (version, fetched.as_millis());
        })?;
        Some(Outcome::Fetched)
    }

    /// Changes the state, unless another thread has begun another attempt.
    fn conclude(&mut self, attempt: u64, memory: &dyn Memory, change: impl Fn(&mut State)) -> Option<()> {
        self.update(memory, |state| (state.attempt == attempt).then(|| change(state)))
    }

    /// Changes the state in shared memory and here, if `change` returns something.
    fn update<T>(&mut self, memory: &dyn Memory, change: impl Fn(&mut State) -> Option<T>) -> Option<T> {
        let written = memory::update(memory, &self.state_key, |value| {
            let mut state = State::read(value);
            let answer = change(&mut state);
            (answer.is_some().then(|| state.written()), (state, answer))
        });
        let (state, answer) = written.ok()?;
        self.state = state;
        answer
    }

    /// Takes over what other threads know. If the host refuses, what is here stays, until it is too old.
    fn synchronise(&mut self, memory: &dyn Memory) {
        let Some(state) = memory.read(&self.state_key) else { return };
        self.state = State::read(&state.value);
        if self.document.as_ref().map_or(0, |document| document.version) != self.state.version
            && let Some(record) = memory.read(&self.body_key)
        {
            self.document = Document::read(&record.value);
        }
        if let Some(document) = &mut self.document
            && document.version == self.state.version
        {
            document.fetched = UnixTime::from_millis(self.state.fetched);
        }
    }

    /// Removes a document that is too old from memory.
    fn forget_expired(&mut self, now: UnixTime, memory: &dyn Memory) {
        let is_expired = self.age(now).is_some_and(|age| age > self.place.max_age);
        let version = self.state.version;
        if !is_expired || version == 0 {
            return;
        }
        let forgotten = self.update(memory, |state| (state.version == version).then(|| state.version = 0));
        if forgotten.is_some() {
            let absence = document::write(0, now, b"");
            let _ = memory::update(memory, &self.body_key, |value| {
                let is_same = Document::read(value).is_some_and(|document| document.version == version);
                (is_same.then(|| absence.clone()), ())
            });
            self.document = None;
        }
    }
}
