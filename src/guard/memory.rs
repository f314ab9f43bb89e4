//! Memory that all worker threads of a process share.

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
    /// Another thread was faster: read again.
    Contended,
    /// The host refused.
    Failed,
}

/// Shared memory, as proxy-wasm has it: no lifetime, no delete, compare-and-swap on keys that exist.
pub trait Memory {
    /// Creates `key` with `value` if nobody did before. Every key is made so before it is replaced, and with a value that
    /// says nothing yet: a host ignores versions where a key is absent, so that of two threads that write one the
    /// second would win.
    ///
    /// # Errors
    /// [`NotWritten::Failed`]. That the key exists is no error.
    fn create(&self, key: &str, value: &[u8]) -> Result<(), NotWritten>;

    /// The value of `key`; `None` if it is absent or the host refused.
    fn read(&self, key: &str) -> Option<Versioned>;

    /// Writes `value` if `key` still has `version`.
    ///
    /// # Errors
    /// [`NotWritten`].
    fn replace(&self, key: &str, value: &[u8], version: u32) -> Result<(), NotWritten>;
}

/// How often a contended write is tried. Each failure is another thread's success.
const TRIES: usize = 1000;

/// Reads `key`, lets `change` make of it what it should be (`None`: leave it), and writes that, until nobody interferes.
///
/// # Errors
/// [`NotWritten::Failed`] if the key is absent, the host refuses, or too many others were always faster.
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
