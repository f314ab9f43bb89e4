//! Keys that a sender hands out one by one. Requests name them by their ids; everything else of the call for one is fixed.
//!
//! Strangers can name any id. So ids that are not known are looked up one at a time, at most one in ten seconds for all
//! worker threads, and 16 are remembered at most.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::named_key_rule::NamedKeyRule;
use crate::guard::call::{Call, Response};
use crate::guard::elapsed;
use crate::guard::memory::{self, Memory, NotWritten};
use crate::guard::table;
use crate::live::fetcher::Failure;
use crate::verify::key::key_answer::Reading;
use crate::verify::primitives::timestamp::UnixTime;

/// At most one new id is looked up in this time.
const LOOKUP: Duration = Duration::from_secs(10);
/// How long an id without a key is not looked up again.
const ABSENT: Duration = Duration::from_secs(60);
/// How long nothing is tried again after a failure.
const PAUSE: Duration = Duration::from_secs(10);
/// By how much a lease outlives its call.
const SLACK: Duration = Duration::from_secs(1);
/// The most ids that are remembered.
const MAX_ENTRIES: usize = 16;
/// The first byte of what is shared, so that no other layout is read as this one.
const LAYOUT: u8 = 1;

/// The keys of one sender in one VM.
#[derive(Debug)]
pub struct NamedKeys {
    rule: NamedKeyRule,
    /// The key in shared memory.
    key: String,
    /// What this VM last saw there.
    store: RefCell<Store>,
    /// This VM's attempt that is not answered yet, and the id that it is for.
    under_way: RefCell<Option<(u64, String)>>,
}

/// What is known of an id that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is being looked up, or is there since a moment.
    Coming,
    /// There is no key under it.
    Absent,
    /// Nobody knows, and it cannot be looked up now.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has to be looked up.
    Wanted,
    /// There is a key.
    Good,
    /// There is none.
    Absent,
    /// The look-up failed.
    Failed,
}

#[derive(Clone, Debug)]
struct Entry {
    id: String,
    state: State,
    /// When it was last looked up, in milliseconds since the epoch.
    tried: u64,
    /// When the look-up began that last confirmed it.
    fetched: u64,
    body: Rc<[u8]>,
}

/// What all worker threads know. Times are milliseconds since the epoch; 0 is never.
#[derive(Clone, Debug, Default)]
struct Store {
    /// Changes with the keys.
    version: u64,
    attempt: u64,
    /// Until when nobody else may try.
    lease: u64,
    /// When a new id was last accepted.
    accepted: u64,
    /// The oldest first.
    entries: Vec<Entry>,
}

impl NamedKeys {
    /// Makes room in shared memory, and takes over what is known there.
    ///
    /// # Errors
    /// [`NotWritten`], if the host refuses shared memory.
    pub fn open(rule: &NamedKeyRule, memory: &dyn Memory) -> Result<Self, NotWritten> {
        let name: String = table::short(&rule.digest()).iter().map(|byte| format!("{byte:02x}")).collect();
        let key = format!("hookwarden.keys.{name}");
        memory.create(&key, &Store::default().written())?;
        let own = Self { rule: rule.clone(), key, store: RefCell::default(), under_way: RefCell::default() };
        own.synchronise(memory);
        Ok(own)
    }

    /// Where they are.
    #[must_use]
    pub fn rule(&self) -> &NamedKeyRule {
        &self.rule
    }

    /// The version of the keys, which is never 0.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.store.borrow().version.saturating_add(1)
    }

    /// What was fetched of the keys that may be used, each with its id.
    #[must_use]
    pub fn all(&self) -> Vec<(String, Rc<[u8]>)> {
        let store = self.store.borrow();
        let good = store.entries.iter().filter(|entry| entry.state == State::Good);
        good.map(|entry| (entry.id.clone(), Rc::clone(&entry.body))).collect()
    }

    /// Asks for the key under an id that is not here.
    pub fn ask(&self, id: &str, now: UnixTime, memory: &dyn Memory) -> Known {
        self.synchronise(memory);
        let known = self.store.borrow().known(id, now);
        match known {
            Some(known) => known,
            None => self.update(memory, |store| Some(store.accept(id, now))).unwrap_or(Known::Nothing),
        }
    }

    /// Time has passed: takes over what others have fetched, forgets what is too old, and returns the call that this VM has to
    /// make.
    pub fn on_tick(&self, now: UnixTime, memory: &dyn Memory) -> Option<Call> {
        self.synchronise(memory);
        let max_age = self.rule.place.max_age;
        if self.store.borrow().entries.iter().any(|entry| entry.is_expired(max_age, now)) {
            self.update(memory, |store| {
                store.entries.retain(|entry| !entry.is_expired(max_age, now));
                store.version = store.version.saturating_add(1);
                Some(())
            });
        }
        let refresh = self.rule.place.refresh;
        self.store.borrow().due(refresh, now)?;
        let lease = self.rule.place.timeout.saturating_add(SLACK);
        let (attempt, id) = self.update(memory, |store| {
            let position = store.due(refresh, now)?;
            store.attempt = store.attempt.saturating_add(1);
            store.lease = now.as_millis().saturating_add(u64::try_from(lease.as_millis()).unwrap_or(u64::MAX));
            let entry = store.entries.get_mut(position)?;
            entry.tried = now.as_millis();
            Some((store.attempt, entry.id.clone()))
        })?;
        let call = self.rule.call(&id);
        self.under_way.replace(Some((attempt, id)));
        Some(call)
    }

    /// The answer to this VM's call; `None` if there was none, or the host refused to make it. `read`: what a text says of the
    /// key under this id, as far as that can be used. Returns why the attempt failed, if it did.
    pub fn on_answer(
        &self,
        response: Option<Response<'_>>,
        read: &dyn Fn(&str, &[u8]) -> Reading,
        memory: &dyn Memory,
    ) -> Option<Failure> {
        let (attempt, id) = self.under_way.take()?;
        let result = match response {
            None => Err(Failure::NoAnswer),
            // Any other refusal may be the network's, and not the sender's.
            Some(Response { status, body }) if self.rule.answer.is_refusal(status, body) => Ok(None),
            Some(Response { status, .. }) if status != 200 => Err(Failure::Status(status)),
            Some(Response { body: [], .. }) => Err(Failure::Empty),
            Some(Response { body, .. }) if body.len() > self.rule.place.max_bytes => Err(Failure::TooLarge),
            Some(Response { body, .. }) => match read(&id, body) {
                Reading::Key(_) => Ok(Some(body)),
                Reading::Withdrawn => Ok(None),
                Reading::Nothing => Err(Failure::Unusable),
            },
        };
        self.update(memory, |store| {
            if store.attempt != attempt {
                return None;
            }
            store.lease = 0;
            let entry = store.entries.iter_mut().find(|entry| entry.id == id)?;
            let had = (entry.state == State::Good).then(|| Rc::clone(&entry.body));
            match result {
                Ok(Some(body)) => {
                    (entry.state, entry.fetched, entry.body) = (State::Good, entry.tried, Rc::from(body));
                }
                Ok(None) => (entry.state, entry.body) = (State::Absent, Rc::default()),
                Err(_) if entry.state == State::Wanted => entry.state = State::Failed,
                Err(_) => {}
            }
            let has = (entry.state == State::Good).then(|| Rc::clone(&entry.body));
            if had != has {
                store.version = store.version.saturating_add(1);
            }
            Some(())
        });
        result.err()
    }

    /// Takes over what other threads know. If the host refuses, what is here stays.
    pub fn synchronise(&self, memory: &dyn Memory) {
        if let Some(store) = memory.read(&self.key).and_then(|record| Store::read(&record.value)) {
            self.store.replace(store);
        }
    }

    /// Changes the store in shared memory and here, if `change` returns something.
    fn update<T>(&self, memory: &dyn Memory, change: impl Fn(&mut Store) -> Option<T>) -> Option<T> {
        let written = memory::update(memory, &self.key, |value| {
            let mut store = Store::read(value).unwrap_or_default();
            let answer = change(&mut store);
            (answer.is_some().then(|| store.written()), (store, answer))
        });
        let (store, answer) = written.ok()?;
        if answer.is_some() {
            self.store.replace(store);
        }
        answer
    }
}

impl Entry {
    fn is_expired(&self, max_age: Duration, now: UnixTime) -> bool {
        self.state == State::Good && elapsed(UnixTime::from_millis(self.fetched), now) > max_age
    }

    fn since_tried(&self, now: UnixTime) -> Duration {
        elapsed(UnixTime::from_millis(self.tried), now)
    }
}

impl Store {
    /// What is known of an id without looking it up.
    fn known(&self, id: &str, now: UnixTime) -> Option<Known> {
        let entry = self.entries.iter().find(|entry| entry.id == id)?;
        match entry.state {
            State::Wanted | State::Good => Some(Known::Coming),
            State::Absent if entry.since_tried(now) < ABSENT => Some(Known::Absent),
            State::Failed if entry.since_tried(now) < PAUSE => Some(Known::Nothing),
            State::Absent | State::Failed => None,
        }
    }

    /// Has an id looked up, unless another one was accepted a moment ago.
    fn accept(&mut self, id: &str, now: UnixTime) -> Known {
        if let Some(known) = self.known(id, now) {
            return known;
        }
        let accepted = UnixTime::from_millis(self.accepted);
        if self.accepted != 0 && elapsed(accepted, now) < LOOKUP && elapsed(now, accepted) < LOOKUP {
            return Known::Nothing;
        }
        self.accepted = now.as_millis();
        self.entries.retain(|entry| entry.id != id);
        if self.entries.len() >= MAX_ENTRIES {
            // What is of no use goes first, then what was accepted first.
            let useless = self.entries.iter().position(|entry| entry.state != State::Good);
            self.entries.remove(useless.unwrap_or(0));
        }
        let id = id.to_owned();
        self.entries.push(Entry { id, state: State::Wanted, tried: 0, fetched: 0, body: Rc::default() });
        Known::Coming
    }

    /// The entry to look up now: one that a request waits for, or the next that is to be confirmed.
    fn due(&self, refresh: Duration, now: UnixTime) -> Option<usize> {
        let left = elapsed(now, UnixTime::from_millis(self.lease));
        // A lease that ends later than any could is from before the clock was set back.
        if !left.is_zero() && left <= Duration::from_secs(60) {
            return None;
        }
        let position = |is_due: &dyn Fn(&Entry) -> bool| self.entries.iter().position(is_due);
        position(&|entry| entry.state == State::Wanted).or_else(|| {
            position(&|entry| {
                let age = elapsed(UnixTime::from_millis(entry.fetched), now);
                entry.state == State::Good && age >= refresh && entry.since_tried(now) >= PAUSE.min(refresh)
            })
        })
    }

    fn written(&self) -> Vec<u8> {
        let mut bytes = vec![LAYOUT];
        for number in [self.version, self.attempt, self.lease, self.accepted] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for entry in &self.entries {
            let state = match entry.state {
                State::Wanted => 0,
                State::Good => 1,
                State::Absent => 2,
                State::Failed => 3,
            };
            bytes.push(state);
            for number in [entry.tried, entry.fetched] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            for text in [entry.id.as_bytes(), &entry.body] {
                bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
                bytes.extend_from_slice(text);
            }
        }
        bytes
    }

    /// Reads what [`written`](Self::written) wrote.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (&LAYOUT, mut rest) = bytes.split_first()? else { return None };
        let (version, attempt) = (number(&mut rest)?, number(&mut rest)?);
        let (lease, accepted) = (number(&mut rest)?, number(&mut rest)?);
        let mut entries = Vec::new();
        while let Some((state, behind)) = rest.split_first() {
            rest = behind;
            let state = match state {
                0 => State::Wanted,
                1 => State::Good,
                2 => State::Absent,
                3 => State::Failed,
                _ => return None,
            };
            let (tried, fetched) = (number(&mut rest)?, number(&mut rest)?);
            let (id, body) = (text(&mut rest)?, text(&mut rest)?);
            let id = String::from_utf8(id.to_vec()).ok()?;
            entries.push(Entry { id, state, tried, fetched, body: Rc::from(body) });
        }
        Some(Self { version, attempt, lease, accepted, entries })
    }
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*number))
}

fn text<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, rest) = bytes.split_first_chunk()?;
    let (text, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
    *bytes = rest;
    Some(text)
}
