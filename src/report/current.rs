//! Which configuration of a plugin is the live one, decided for all threads of a process in shared memory.
//!
//! The one that was read last is live, with one exception. A host that still holds a configuration, because its connections
//! drain, returns to it without a callback when the same text is pushed again. What tells is that it gets new connections:
//! the host numbers them in order, and only the live configuration gets new ones. So a configuration takes over when it is
//! read, when a connection reaches it that is newer than all that the live one is known to have, and when the live one ends.

use std::cell::Cell;

use crate::guard::memory::{self, Memory};
use crate::guard::table;
use crate::verify::primitives::timestamp::UnixTime;

/// The key of the list of terms, one for each plugin. The list is never longer than [`MAX_PLUGINS`].
const KEY: &str = "hookwarden.current";
/// How many plugins of a process are told apart. Beyond that, the last one is replaced.
const MAX_PLUGINS: usize = 32;
/// The numbers of a term.
const FIELDS: usize = 8;
/// Their size in bytes.
const SIZE: usize = FIELDS * 8;

/// One configuration in one VM, and what it last knew of the live one.
#[derive(Debug)]
pub struct Current {
    /// The plugin and the configuration, by a digest. Neither is ever printed, because the text may contain secrets.
    plugin: u64,
    config: u64,
    seen: Cell<Term>,
    /// Whether the next request's connection is looked at although this configuration is live.
    is_sampled: Cell<bool>,
    has_ended: Cell<bool>,
}

/// The live configuration of a plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Term {
    plugin: u64,
    /// The configuration; 0 if the live one has ended.
    config: u64,
    /// Grows with each change.
    pub number: u64,
    /// The newest connection known.
    connection: u64,
    /// When the configuration took over, in milliseconds.
    since: u64,
    sums: Sums,
}

/// What is added up over the live configurations of all plugins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Sources that are closed.
    pub closed: u64,
    /// Secrets that expire within a week.
    pub expiring: u64,
    /// The configuration's number; that of several is their sum, which tells their combinations apart.
    pub fingerprint: u64,
}

/// The live configurations of all plugins together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// Their sums.
    pub sums: Sums,
    /// When the last of them took over.
    pub since: UnixTime,
}

impl Current {
    /// The configuration `text` of `plugin`. If the host refuses shared memory, every VM takes its own for the live one.
    #[must_use]
    pub fn open(plugin: &str, text: &[u8], memory: &dyn Memory) -> Self {
        let _ = memory.create(KEY, &Term::default().bytes());
        let digest = |bytes: &[u8]| table::digest(&[bytes]).first_chunk().copied().map_or(0, u64::from_le_bytes).max(1);
        Self {
            plugin: digest(plugin.as_bytes()),
            config: digest(text),
            seen: Cell::default(),
            is_sampled: Cell::new(true),
            has_ended: Cell::new(false),
        }
    }

    /// The configuration was read: it is the live one. Returns whether another one was, so that it is the first thread's
    /// task to report what is reported once. If shared memory fails, every thread reports.
    pub fn take_over(&self, now: UnixTime, memory: &dyn Memory) -> bool {
        self.change(memory, |term| (term.config != self.config).then(|| self.succeed(term, term.connection, now)))
            .unwrap_or(true)
    }

    /// Time has passed. Returns the term if this configuration is the live one.
    pub fn on_tick(&self, now: UnixTime, memory: &dyn Memory) -> Option<Term> {
        if self.has_ended.get() {
            return None;
        }
        self.is_sampled.set(true);
        let term = memory.read(KEY).map(|read| terms(&read.value)).and_then(|terms| self.own(&terms));
        if let Some(term) = term {
            self.seen.set(term);
        }
        if self.seen.get().config == 0 {
            self.change(memory, |term| (term.config == 0).then(|| self.succeed(term, term.connection, now)));
        }
        self.is_live().then(|| self.seen.get())
    }

    /// Whether it was the live one when this VM last looked.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.seen.get().config == self.config
    }

    /// Whether [`Self::on_connection`] needs to know the connection of the next request: always if this configuration is not
    /// live, and else once after every tick.
    #[must_use]
    pub fn wants_connection(&self) -> bool {
        !self.is_live() || self.is_sampled.get()
    }

    /// A request arrived on the host's connection number `id`; `None` if the host does not number them.
    pub fn on_connection(&self, id: Option<u64>, now: UnixTime, memory: &dyn Memory) {
        self.is_sampled.set(false);
        let Some(id) = id.filter(|id| *id > self.seen.get().connection) else { return };
        self.change(memory, |term| {
            (id > term.connection).then(|| match term.config == self.config {
                true => Term { connection: id, ..*term },
                false => self.succeed(term, id, now),
            })
        });
    }

    /// The host has dropped the configuration in this thread. Returns whether it was the live one.
    pub fn end(&self, memory: &dyn Memory) -> bool {
        self.has_ended.set(true);
        let end =
            |term: &Term| (term.config == self.config).then(|| Term { config: 0, sums: Sums::default(), ..*term });
        self.change(memory, end).unwrap_or(false)
    }

    /// Takes note of this configuration's numbers, if it is live, and returns those of all plugins.
    pub fn count(&self, own: Sums, memory: &dyn Memory) -> Live {
        self.change(memory, |term| {
            (term.config == self.config && term.sums != own).then_some(Term { sums: own, ..*term })
        });
        let since = self.seen.get().since;
        let alone = Live { sums: own, since: UnixTime::from_millis(since) };
        let Some(read) = memory.read(KEY) else { return alone };
        let terms = terms(&read.value);
        let add = |of: fn(&Sums) -> u64| terms.iter().map(|term| of(&term.sums)).fold(0, u64::saturating_add);
        Live {
            sums: Sums {
                closed: add(|sums| sums.closed),
                expiring: add(|sums| sums.expiring),
                fingerprint: add(|sums| sums.fingerprint),
            },
            since: UnixTime::from_millis(terms.iter().map(|term| term.since).max().unwrap_or(since)),
        }
    }

    fn succeed(&self, former: &Term, connection: u64, now: UnixTime) -> Term {
        Term {
            plugin: self.plugin,
            config: self.config,
            number: former.number.saturating_add(1),
            connection,
            since: now.as_millis(),
            ..*former
        }
    }

    fn own(&self, terms: &[Term]) -> Option<Term> {
        terms.iter().find(|term| term.plugin == self.plugin).copied()
    }

    /// Changes this plugin's term, if `change` says so, and takes note of it. Returns whether it was changed; `None` if
    /// shared memory failed, which makes this VM believe that its configuration is the live one.
    fn change(&self, memory: &dyn Memory, change: impl Fn(&Term) -> Option<Term>) -> Option<bool> {
        let changed = memory::update(memory, KEY, |value| {
            let mut terms = terms(value);
            let former = self.own(&terms).unwrap_or_default();
            let Some(new) = change(&former) else { return (None, (former, false)) };
            match terms.iter_mut().find(|term| term.plugin == self.plugin) {
                Some(term) => *term = new,
                None => {
                    terms.truncate(MAX_PLUGINS.saturating_sub(1));
                    terms.push(new);
                }
            }
            (Some(terms.iter().flat_map(Term::bytes).collect()), (new, true))
        });
        match changed {
            Ok((term, changed)) => {
                self.seen.set(term);
                Some(changed)
            }
            Err(_) => {
                self.seen.set(Term { config: self.config, ..self.seen.get() });
                None
            }
        }
    }
}

impl Term {
    fn bytes(&self) -> [u8; SIZE] {
        let fields = [
            self.plugin,
            self.config,
            self.number,
            self.connection,
            self.since,
            self.sums.closed,
            self.sums.expiring,
            self.sums.fingerprint,
        ];
        let mut bytes = [0; SIZE];
        for (place, field) in bytes.chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }
}

/// Reads the list. Term 0, with which it is created, is nobody's.
fn terms(bytes: &[u8]) -> Vec<Term> {
    let read = |chunk: &[u8]| {
        let mut fields = chunk.chunks_exact(8).map(|field| field.try_into().map_or(0, u64::from_le_bytes));
        let mut next = || fields.next().unwrap_or_default();
        Term {
            plugin: next(),
            config: next(),
            number: next(),
            connection: next(),
            since: next(),
            sums: Sums { closed: next(), expiring: next(), fingerprint: next() },
        }
    };
    bytes.chunks_exact(SIZE).map(read).filter(|term| term.plugin != 0).collect()
}
