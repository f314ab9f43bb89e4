//! The body as the host holds it.

use crate::verify::{Denial, HeldBody};

/// How much of a body is asked of the host at once, in bytes. Bounds what the VM holds of it.
const SLICE: usize = 64 * 1024;

/// The body as the host has it now: all of it so far while it is held, else the latest piece.
pub trait BodyBuffer {
    /// How many bytes there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes from `start`, `len` of them; `None` if the host does not give them.
    fn read(&self, start: usize, len: usize) -> Option<Vec<u8>>;
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

/// Reads `len` bytes from `start`, all of them or none of the rest.
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
