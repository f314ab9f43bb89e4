//! How much of a request was forwarded, and whether the upstream can have read all of it.
//!
//! If the sender declared a length, the upstream has the whole request once it has that many bytes; it does not wait for
//! the end of the stream. So the end of the stream alone does not decide.

use super::body::count;
use crate::verify::{Occurrence, Request};

/// How much of a request was forwarded.
#[derive(Debug, Default)]
pub(super) struct Forwarded {
    /// The number of body bytes after which the upstream has all of it; `None` if only the end of the stream tells.
    whole_at: Option<u64>,
    /// How many bytes of the body were forwarded.
    bytes: u64,
    /// How many bytes the host holds.
    held: u64,
    /// Whether the head was forwarded.
    head: bool,
    /// Whether the sender ended the request.
    ended: bool,
    /// Whether everything that was held was forwarded.
    released: bool,
}

impl Forwarded {
    /// A request of which nothing was forwarded. `end`: it has no body.
    pub fn begin(request: Request<'_>, end: bool) -> Self {
        // A request that switches protocols has no body to wait for.
        let switches = request.header("upgrade") != Occurrence::Missing || request.method() == b"CONNECT";
        let whole_at = match request.header("content-length") {
            _ if switches => Some(0),
            Occurrence::Missing => None,
            // The upstream may understand a length that we do not, so assume that it waits for nothing.
            declared => Some(declared.once().and_then(number).unwrap_or_default()),
        };
        Self { whole_at, ended: end, ..Self::default() }
    }

    /// The head is forwarded, but nothing of the body that is held.
    pub fn forward_head(&mut self) {
        self.head = true;
    }

    /// Notes the end of the request, if `end`.
    pub fn end_if(&mut self, end: bool) {
        self.ended |= end;
    }

    /// The host now holds this many bytes.
    pub fn hold(&mut self, len: usize) {
        self.held = count(len);
    }

    /// A piece of the body is forwarded as it arrived.
    pub fn forward(&mut self, len: usize) {
        self.bytes = self.bytes.saturating_add(count(len));
    }

    /// Everything that was held is forwarded, and so is whatever follows.
    pub fn release(&mut self) {
        self.bytes = self.bytes.saturating_add(std::mem::take(&mut self.held));
        self.head = true;
        self.released = true;
    }

    /// Whether the upstream can have the whole request.
    pub fn is_complete(&self) -> bool {
        let is_long_enough = self.whole_at.is_some_and(|len| self.bytes >= len);
        self.head && (is_long_enough || (self.ended && self.released))
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
