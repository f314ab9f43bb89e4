//! What a decision depends on, apart from the request.

use crate::guard::memory::Memory;
use crate::guard::peer::Peer;
use crate::verify::primitives::timestamp::UnixTime;

/// What a decision depends on, apart from the request.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The time.
    pub now: UnixTime,
    /// The other end of the connection.
    pub peer: &'a dyn Peer,
    /// The memory that all worker threads share.
    pub memory: &'a dyn Memory,
}
