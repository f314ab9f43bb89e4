//! What the adapter asks of a host, whichever it is.

use crate::guard::call::Call;
use crate::guard::memory::Memory;
use crate::guard::peer::Peer;
use crate::report::{Meter, Reply};
use crate::step::Edits;
use crate::verify::primitives::public_key::SignatureHost;
use crate::verify::primitives::timestamp::UnixTime;

/// A host. Its calls are about the stream whose callback runs, or which was chosen with [`Host::select`].
pub(super) trait Host: Peer + Memory + Meter + SignatureHost {
    /// The time. Without it nothing is verified, or expired secrets would be valid.
    fn clock(&self) -> Option<UnixTime>;

    /// A clock with microseconds, for measuring; nothing is decided by it.
    fn micros(&self) -> Option<u64>;

    /// The name that the operator gave the plugin; empty if the host reports none.
    fn plugin_name(&self) -> String;

    /// The number of the stream's connection, if the host numbers connections in the order in which they were accepted.
    fn connection(&self) -> Option<u64>;

    /// Makes all of the edits. If it fails the head must not be forwarded, or forged headers would identify the sender.
    fn edit_headers(&self, edits: &Edits) -> Result<(), Refused>;

    /// Responds to the caller in place of the upstream. If the host fails the request stays held, which is as good as a
    /// refusal.
    fn reply(&self, reply: &Reply);

    /// Makes this call. The host delivers the answer, with the number that this returns, to the stream or the plugin whose
    /// callback runs.
    fn call(&self, call: &Call) -> Result<u32, Refused>;

    /// The status of the response, if the host reports it.
    fn response_status(&self) -> Option<u16>;

    /// Whether the response is the upstream's, and not the host's own. If the host reports no response details, assume that
    /// the upstream answered.
    fn is_response_of_upstream(&self) -> bool;

    /// Forwards a request that was held for a call.
    fn resume_request(&self) -> Result<(), Refused>;

    /// Forwards a response that was held for a call. Nothing depends on it any more: if the host fails, its own timeout ends
    /// the request.
    fn resume_response(&self);

    /// Chooses the stream that the next calls are about.
    fn select(&self, stream: u32) -> Result<(), Refused>;

    /// Records the decision for the access log.
    fn set_filter_state(&self, text: &str);

    /// Writes a line into the host's log.
    fn log(&self, severity: Severity, line: &str);
}

/// The host did not do what it was asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused;

/// How bad it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Severity {
    Info,
    Warning,
    Error,
}

/// What the host does with what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Continue,
    Pause,
}
