//! Requests whose headers are held but whose body does not arrive. A host that delivers no body while headers are held
//! would keep such a request until its own timeout, without an explanation.

use std::collections::BTreeMap;
use std::time::Duration;

use super::elapsed;
use crate::verify::Denial;
use crate::verify::primitives::timestamp::UnixTime;

/// How long a sender may take to send its first byte of body, once the host is known to deliver bodies.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// The requests that one configuration holds. `R` is the adapter's handle of a request.
#[derive(Debug)]
pub struct StallGuard<R> {
    timeout: Duration,
    held: BTreeMap<u32, Held<R>>,
    delivers: bool,
}

#[derive(Debug)]
struct Held<R> {
    since: UnixTime,
    request: R,
}

impl<R> StallGuard<R> {
    /// A guard that holds nothing yet. `timeout` is the configured `stall_timeout`, which applies until the first body
    /// arrives.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        Self { timeout, held: BTreeMap::new(), delivers: false }
    }

    /// The headers of the stream `id` are held.
    pub fn hold(&mut self, id: u32, request: R, now: UnixTime) {
        self.held.insert(id, Held { since: now, request });
    }

    /// The host delivered a body or trailers to the stream `id`. One delivery shows that it delivers bodies.
    pub fn delivered(&mut self, id: u32) {
        self.delivers |= self.held.remove(&id).is_some();
    }

    /// The stream `id` is over.
    pub fn forget(&mut self, id: u32) {
        self.held.remove(&id);
    }

    /// The streams that have waited too long, in ascending order.
    #[must_use]
    pub fn stalled(&self, now: UnixTime) -> Vec<u32> {
        let limit = if self.delivers { BODY_TIMEOUT } else { self.timeout };
        let is_late = |held: &Held<R>| elapsed(held.since, now) >= limit;
        self.held.iter().filter(|(_, held)| is_late(held)).map(|(id, _)| *id).collect()
    }

    /// Why stalled requests are refused: the sender is late, or the host delivers no bodies.
    #[must_use]
    pub fn denial(&self) -> Denial {
        if self.delivers { Denial::BodyTimeout } else { Denial::HoldUnsupported }
    }

    /// Removes and returns the request of a stream.
    pub fn take(&mut self, id: u32) -> Option<R> {
        self.held.remove(&id).map(|held| held.request)
    }
}
