//! The body in the host's buffer.

use crate::verify::{Denial, HeldBody};

/// How much of a body is read from the host at once, in bytes. This bounds how much of it the VM holds.
const SLICE: usize = 64 * 1024;

/// The host's buffer: the whole body so far while it is held, otherwise the latest piece.
pub trait BodyBuffer {
    /// How many bytes there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads `len` bytes from `start`; `None` if the host refuses.
    fn read(&self, start: usize, len: usize) -> Option<Vec<u8>>;
}

/// The body of a request that has none.
pub(super) struct NoBody;

impl BodyBuffer for NoBody {
    fn len(&self) -> usize {
        0
    }

    fn read(&self, _start: usize, _len: usize) -> Option<Vec<u8>> {
        None
    }
}

/// The body that the host holds, from its start.
pub(super) struct Held<'a> {
    pub body: &'a dyn BodyBuffer,
    pub len: usize,
}

impl HeldBody for Held<'_> {
    fn replay(&self, sink: &mut dyn FnMut(&[u8])) -> Result<(), Denial> {
        slices(self.body, 0, self.len, sink)
    }
}

/// Reads `len` bytes from `start`, and stops at the first read that falls short.
pub(super) fn slices(
    body: &dyn BodyBuffer,
    start: usize,
    len: usize,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<(), Denial> {
    let end = start.checked_add(len).ok_or(Denial::HostFailure)?;
    let mut at = start;
    while at < end {
        let want = end.saturating_sub(at).min(SLICE);
        let bytes = body.read(at, want).filter(|bytes| bytes.len() == want).ok_or(Denial::HostFailure)?;
        sink(&bytes);
        at = at.saturating_add(want);
    }
    Ok(())
}

/// A length as a number of bytes. One that does not fit exceeds every limit.
pub(super) fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
