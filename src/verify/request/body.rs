//! The body, as long as the host holds it.

use crate::verify::denial::Denial;

/// The body while the host holds it: readable again from the start, as often as needed.
pub trait HeldBody {
    /// Feeds the whole body, in order and in pieces, to `sink`.
    ///
    /// # Errors
    /// [`Denial::HostFailure`] if the host returns less than it said it holds.
    fn replay(&self, sink: &mut dyn FnMut(&[u8])) -> Result<(), Denial>;
}

/// Whether the host will hand out the body a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rereading {
    /// It holds the body: one secret is tried while the body streams, and the others only if that one fails.
    Possible,
    /// It passes the body on at once: every secret is tried while it streams.
    Impossible,
}

/// Bytes in memory are a held body: for requests without one, and for tests.
impl HeldBody for &[u8] {
    fn replay(&self, sink: &mut dyn FnMut(&[u8])) -> Result<(), Denial> {
        sink(self);
        Ok(())
    }
}
