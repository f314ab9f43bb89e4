//! A table of fixed size in shared memory: entries of a digest and a number, in pages that are read and written whole.
//!
//! | key | value |
//! | --- | --- |
//! | `<prefix>` | a byte for the layout, the number of pages (u32) |
//! | `<prefix>.<n>` | a byte for the layout, and entries of 24 bytes in order of arrival: digest, number (u64) |
//!
//! Numbers are little-endian. The digest selects the page, so an access reads one page and writes at most that one. A
//! page is created with its first entry.
//!
//! # Memory
//!
//! A page costs the host about 140 bytes in Envoy (key, node of a map, value), and each entry 24. When a large table is
//! as full as configured, a page holds 16 entries on average: 33 bytes an entry. It holds 48 at most (1153 bytes), so
//! that a table never takes more than 81 bytes for each configured entry.
//!
//! A table of up to 48 entries is one page, and is full with exactly as many as configured. A larger table is full as
//! soon as the page for an entry is. Digests spread evenly: a page with a mean of 16 entries gets a 49th with a
//! probability below 10^-10.
//!
//! # Another configuration
//!
//! The first configuration of a process sets the number of pages, because entries cannot be moved while other threads
//! read them. A later configuration with another number of entries changes only how many fit into a page, so nothing is
//! forgotten when a configuration changes. But if it has a hundred times as many entries, its pages are a hundred times
//! as large until the process restarts, and every access copies one.

use super::memory::{self, Memory, NotWritten};
use crate::verify::primitives::mac::{HashAlgorithm, Hasher};

/// The first bytes of a SHA-256.
pub type Digest = [u8; 16];

/// Digest and number.
const ENTRY: usize = 24;
/// How many entries a page of a large table has on average.
const MEAN: u32 = 16;
/// The largest table that is a single page, in entries.
const SMALL: u32 = 48;
/// The first byte of a value, so that no value is empty and no other layout is read as this one.
const LAYOUT: u8 = 1;

/// A table of fixed size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    prefix: String,
    pages: u32,
    per_page: usize,
}

/// The entries of one page, in order of arrival.
#[derive(Clone, Debug)]
pub struct Page {
    entries: Vec<(Digest, u64)>,
    room: usize,
    is_changed: bool,
}

/// A SHA-256 over `parts`, each preceded by its length, so that no byte can move from one part into the next.
#[must_use]
pub fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Hasher::new(HashAlgorithm::Sha256);
    for part in parts {
        hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part);
    }
    hasher.finish().try_into().unwrap_or_default()
}

/// The part of a digest that an entry is found by.
#[must_use]
pub fn short(digest: &[u8; 32]) -> Digest {
    digest.first_chunk().copied().unwrap_or_default()
}

impl Table {
    /// Opens the table `prefix` with room for `entries`, and creates it if it does not exist.
    ///
    /// # Errors
    /// [`NotWritten::Failed`] if the host refuses memory, or this key holds something else.
    pub fn open(memory: &dyn Memory, prefix: &str, entries: u32) -> Result<Self, NotWritten> {
        let wanted = if entries <= SMALL { 1 } else { entries.div_ceil(MEAN) };
        let mut directory = vec![LAYOUT];
        directory.extend(wanted.to_le_bytes());
        memory.create(prefix, &directory)?;
        let found = memory.read(prefix).ok_or(NotWritten::Failed)?.value;
        let pages = match found.split_first() {
            Some((&LAYOUT, pages)) => pages.try_into().map(u32::from_le_bytes).map_err(|_| NotWritten::Failed)?,
            _ => return Err(NotWritten::Failed),
        };
        Ok(Self { prefix: prefix.to_owned(), pages: pages.max(1), per_page: per_page(entries, pages) })
    }

    /// Changes the page of `digest` atomically. `change` may run several times. Nothing is written
    /// if it changes nothing.
    ///
    /// # Errors
    /// [`NotWritten::Failed`] if the host refuses, the page's key holds something else, or other threads kept
    /// interfering.
    pub fn update<T>(
        &self,
        memory: &dyn Memory,
        digest: &Digest,
        mut change: impl FnMut(&mut Page) -> T,
    ) -> Result<T, NotWritten> {
        let key = self.key(digest);
        let mut update = || {
            memory::update(memory, &key, |value| {
                let Some(mut page) = Page::read(value, self.per_page) else { return (None, Err(NotWritten::Failed)) };
                let answer = change(&mut page);
                (page.is_changed.then(|| page.written()), Ok(answer))
            })
        };
        // A missing page looks like a host that refuses, but such a host also refuses to create it.
        update().or_else(|_| memory.create(&key, &[LAYOUT]).and_then(|()| update()))?
    }

    /// The number of `digest`, if it is there and the host returns it. A host that refuses looks like a table without
    /// the entry; use [`update`](Self::update), which fails, if that matters.
    #[must_use]
    pub fn find(&self, memory: &dyn Memory, digest: &Digest) -> Option<u64> {
        let value = memory.read(&self.key(digest))?.value;
        Page::read(&value, self.per_page)?.find(digest)
    }

    fn key(&self, digest: &Digest) -> String {
        let word = digest.first_chunk().copied().map_or(0, u64::from_le_bytes);
        let page = word.checked_rem(self.pages.into()).unwrap_or(0);
        format!("{}.{page}", self.prefix)
    }
}

/// How many entries fit into each of `pages`: the mean, and eight times its standard deviation.
fn per_page(entries: u32, pages: u32) -> usize {
    let mean = entries.div_ceil(pages.max(1));
    let room = if pages <= 1 { mean } else { mean.saturating_add(mean.isqrt().max(4).saturating_mul(8)) };
    usize::try_from(room.max(1)).unwrap_or(usize::MAX)
}

impl Page {
    fn read(value: &[u8], room: usize) -> Option<Self> {
        let (&LAYOUT, bytes) = value.split_first()? else { return None };
        let (entries, rest) = bytes.as_chunks::<ENTRY>();
        let entry = |bytes: &[u8; ENTRY]| {
            let (digest, number) = bytes.split_first_chunk()?;
            Some((*digest, u64::from_le_bytes(number.try_into().ok()?)))
        };
        let entries = entries.iter().map(entry).collect::<Option<Vec<_>>>()?;
        rest.is_empty().then_some(Self { entries, room, is_changed: false })
    }

    fn written(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.entries.len().saturating_mul(ENTRY).saturating_add(1));
        bytes.push(LAYOUT);
        for (digest, number) in &self.entries {
            bytes.extend_from_slice(digest);
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// The number of `digest`, if it is there.
    #[must_use]
    pub fn find(&self, digest: &Digest) -> Option<u64> {
        self.entries.iter().find(|(own, _)| own == digest).map(|(_, number)| *number)
    }

    /// How many entries have a number that `count` accepts.
    #[must_use]
    pub fn count(&self, mut count: impl FnMut(u64) -> bool) -> usize {
        self.entries.iter().filter(|(_, number)| count(*number)).count()
    }

    /// Whether there is room for one more besides `others`. A page may hold more than it has room for, from an earlier
    /// configuration.
    #[must_use]
    pub fn has_room_beside(&self, others: usize) -> bool {
        others < self.room
    }

    /// Sets the number of `digest`, and appends it if it is new. The caller checks for room first.
    pub fn set(&mut self, digest: &Digest, number: u64) {
        self.is_changed = true;
        match self.entries.iter_mut().find(|(own, _)| own == digest) {
            Some((_, own)) => *own = number,
            None => self.entries.push((*digest, number)),
        }
    }

    /// Removes the entries for which `keep` is false, and returns their number.
    pub fn retain(&mut self, mut keep: impl FnMut(&Digest, u64) -> bool) -> usize {
        let before = self.entries.len();
        self.entries.retain(|(digest, number)| keep(digest, *number));
        let removed = before.saturating_sub(self.entries.len());
        self.is_changed |= removed > 0;
        removed
    }

    /// Removes the entry with the smallest number: of several, the one that came first.
    pub fn remove_smallest(&mut self) {
        let smallest = self.entries.iter().enumerate().min_by_key(|(_, (_, number))| *number).map(|(at, _)| at);
        if let Some(at) = smallest {
            self.entries.remove(at);
            self.is_changed = true;
        }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
