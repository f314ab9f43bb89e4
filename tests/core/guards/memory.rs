//! Shared memory that behaves like Envoy's, and tests of its versions.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hookwarden::guard::memory::{self, Memory, NotWritten, Versioned};

/// Versioned values without expiry or deletion; the version is ignored while a key is absent.
#[derive(Default)]
pub struct Shared {
    values: Mutex<Values>,
    /// Whether the host refuses every call.
    refuses: AtomicBool,
    /// How many of the next writes conflict with another thread.
    contention: AtomicUsize,
    reads: AtomicUsize,
    writes: AtomicUsize,
}

#[derive(Default)]
struct Values {
    by_key: HashMap<String, (Vec<u8>, u32)>,
    version: u32,
}

impl Shared {
    pub fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    pub fn contend(&self, times: usize) {
        self.contention.store(times, Ordering::SeqCst);
    }

    /// How many reads and writes there were since the last call.
    pub fn take_cost(&self) -> (usize, usize) {
        (self.reads.swap(0, Ordering::SeqCst), self.writes.swap(0, Ordering::SeqCst))
    }

    pub fn put(&self, key: &str, value: &[u8]) {
        let mut values = self.values.lock().unwrap();
        let version = values.next();
        values.by_key.insert(key.to_owned(), (value.to_vec(), version));
    }

    /// Every key and its value, in order.
    pub fn dump(&self) -> Vec<(String, Vec<u8>)> {
        let values = self.values.lock().unwrap();
        let mut all: Vec<_> = values.by_key.iter().map(|(key, (value, _))| (key.clone(), value.clone())).collect();
        all.sort_unstable();
        all
    }

    /// The pages of the table `prefix`, without its directory.
    pub fn pages(&self, prefix: &str) -> Vec<Vec<u8>> {
        let prefix = format!("{prefix}.");
        self.dump().into_iter().filter(|(key, _)| key.starts_with(&prefix)).map(|(_, value)| value).collect()
    }

    /// How many entries the table `prefix` holds.
    pub fn entries(&self, prefix: &str) -> usize {
        self.pages(prefix).iter().map(|page| (page.len() - 1) / 24).sum()
    }

    fn is_refusing(&self) -> bool {
        self.refuses.load(Ordering::SeqCst)
    }
}

impl Values {
    fn next(&mut self) -> u32 {
        self.version += 1;
        self.version
    }
}

impl Memory for Shared {
    fn create(&self, key: &str, value: &[u8]) -> Result<(), NotWritten> {
        if self.is_refusing() {
            return Err(NotWritten::Failed);
        }
        let mut values = self.values.lock().unwrap();
        if !values.by_key.contains_key(key) {
            self.writes.fetch_add(1, Ordering::SeqCst);
            let version = values.next();
            values.by_key.insert(key.to_owned(), (value.to_vec(), version));
        }
        Ok(())
    }

    fn read(&self, key: &str) -> Option<Versioned> {
        if self.is_refusing() {
            return None;
        }
        self.reads.fetch_add(1, Ordering::SeqCst);
        let values = self.values.lock().unwrap();
        let (value, version) = values.by_key.get(key)?.clone();
        drop(values);
        // Another thread can interfere between reading and writing.
        std::thread::yield_now();
        Some(Versioned { value, version })
    }

    fn replace(&self, key: &str, value: &[u8], version: u32) -> Result<(), NotWritten> {
        if self.is_refusing() {
            return Err(NotWritten::Failed);
        }
        assert!(!value.is_empty(), "a host may treat an empty value as absent");
        let mut values = self.values.lock().unwrap();
        let is_late =
            self.contention.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        let next = values.next();
        match values.by_key.get_mut(key) {
            Some((_, current)) if is_late => {
                *current = next;
                return Err(NotWritten::Contended);
            }
            Some((_, current)) if *current != version => return Err(NotWritten::Contended),
            _ => {}
        }
        self.writes.fetch_add(1, Ordering::SeqCst);
        values.by_key.insert(key.to_owned(), (value.to_vec(), next));
        Ok(())
    }
}

/// Increments the first byte and returns it.
fn count_up(memory: &Shared) -> Result<u8, NotWritten> {
    memory::update(memory, "key", |value| {
        let next = value[0].wrapping_add(1);
        (Some(vec![next]), next)
    })
}

#[test]
fn an_update_is_retried_until_no_other_thread_interferes() {
    let memory = Shared::default();
    memory.create("key", &[0]).unwrap();
    for contention in [0, 1, 7, 999] {
        memory.contend(contention);
        let before = memory.read("key").unwrap().value[0];
        assert_eq!(count_up(&memory), Ok(before + 1), "{contention} were faster");
        assert_eq!(memory.read("key").unwrap().value, [before + 1]);
    }
}

#[test]
fn an_update_gives_up_if_others_are_always_faster() {
    let memory = Shared::default();
    memory.create("key", &[0]).unwrap();
    memory.contend(usize::MAX);
    assert_eq!(count_up(&memory), Err(NotWritten::Failed));
    assert_eq!(memory.read("key").unwrap().value, [0]);
}

#[test]
fn an_update_that_changes_nothing_writes_nothing() {
    let memory = Shared::default();
    memory.create("key", &[7]).unwrap();
    memory.take_cost();
    assert_eq!(memory::update(&memory, "key", |value| (None, value[0])), Ok(7));
    assert_eq!(memory.take_cost(), (1, 0));
}

#[test]
fn an_update_of_an_absent_or_refused_key_fails() {
    let memory = Shared::default();
    assert_eq!(count_up(&memory), Err(NotWritten::Failed));
    memory.create("key", &[0]).unwrap();
    memory.refuse(true);
    assert_eq!(count_up(&memory), Err(NotWritten::Failed));
}

#[test]
fn updates_by_eight_threads_all_count() {
    let memory = Shared::default();
    memory.create("key", &[0]).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..25).for_each(|_| assert!(count_up(&memory).is_ok())));
        }
    });
    assert_eq!(memory.read("key").unwrap().value, [200]);
}
