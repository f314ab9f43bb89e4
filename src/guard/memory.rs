//! Memory shared by all worker threads of a process.

/// A value in shared memory and the version that it had when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// The value. Never empty.
    pub value: Vec<u8>,
    /// What [`Memory::replace`] compares.
    pub version: u32,
}

/// Why a value was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotWritten {
    /// Another thread wrote first: read again.
    Contended,
    /// The host refused.
    Failed,
}

/// Shared memory as proxy-wasm provides it: no expiry, no delete, compare-and-swap on existing keys.
pub trait Memory {
    /// Creates `key` with `value` unless it exists. Every key is created before it is replaced, with an empty state: a host
    /// ignores versions while a key is absent, so the second of two threads would overwrite the first.
    ///
    /// # Errors
    /// [`NotWritten::Failed`]. It is not an error if the key exists.
    fn create(&self, key: &str, value: &[u8]) -> Result<(), NotWritten>;

    /// The value of `key`; `None` if it is absent or the host refused.
    fn read(&self, key: &str) -> Option<Versioned>;

    /// Writes `value` if `key` still has `version`.
    ///
    /// # Errors
    /// [`NotWritten`].
    fn replace(&self, key: &str, value: &[u8], version: u32) -> Result<(), NotWritten>;
}

/// How often a contended write is retried. Each failure means that another thread succeeded.
const TRIES: usize = 1000;

/// Reads `key`, passes it to `change` and writes the result (`None`: leaves it), until no other thread interferes.
///
/// # Errors
/// [`NotWritten::Failed`] if the key is absent, the host refuses, or other threads kept interfering.
pub fn update<T>(
    memory: &dyn Memory,
    key: &str,
    mut change: impl FnMut(&[u8]) -> (Option<Vec<u8>>, T),
) -> Result<T, NotWritten> {
    for _ in 0..TRIES {
        let Versioned { value, version } = memory.read(key).ok_or(NotWritten::Failed)?;
        let (changed, answer) = change(&value);
        let Some(changed) = changed else { return Ok(answer) };
        match memory.replace(key, &changed, version) {
            Ok(()) => return Ok(answer),
            Err(NotWritten::Contended) => {}
            Err(NotWritten::Failed) => return Err(NotWritten::Failed),
        }
    }
    Err(NotWritten::Failed)
}
