//! A valid configuration, as the filter runs it.

use std::time::Duration;

use crate::guard::address::AddressRule;
use crate::guard::budget::BudgetRule;
use crate::guard::flood::FloodRule;
use crate::guard::replay::ReplayRule;
use crate::guard::route::Routes;
use crate::guard::shape::ShapeRule;
use crate::guard::transport::TransportRule;
use crate::verify::Requirement;

/// The whole configuration.
#[derive(Debug)]
pub struct Policy {
    /// Who holds a request until it is proved.
    pub body_hold: BodyHold,
    /// What happens to a request that no source matches.
    pub unmatched: Unmatched,
    /// How long headers may be held without the host delivering the body.
    pub stall_timeout: Duration,
    /// Which source a request is for.
    pub routes: Routes,
    /// The sources.
    pub sources: Vec<Source>,
}

/// Who holds the headers of a request until its body is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyHold {
    /// The filter: `allow_on_headers_stop_iteration` is set on the plugin.
    Filter,
    /// The chain: a filter that buffers whole requests stands behind ours.
    Chain,
}

/// What happens to a request that no source matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmatched {
    /// It is denied.
    Deny,
    /// It goes on, unless some reading of its path is a source's.
    Allow,
}

/// One configured sender.
#[derive(Debug)]
pub struct Source {
    /// Its name, in logs, metrics and to the upstream.
    pub name: String,
    /// Whether it refuses.
    pub mode: Mode,
    /// The most bytes a body may have.
    pub max_body_bytes: Option<u64>,
    /// What a request must look like.
    pub shape: ShapeRule,
    /// How the client must have come.
    pub transport: Option<TransportRule>,
    /// Where the client may be.
    pub address: Option<AddressRule>,
    /// How many failed proofs an address may send.
    pub flood: Option<FloodRule>,
    /// How many proved requests are taken.
    pub budget: Option<BudgetRule>,
    /// Whether an event may come again.
    pub replay: Option<ReplayRule>,
    /// The status of a refusal for lack of proof.
    pub deny_status: u16,
    /// The status where the fault is ours and the sender should try again.
    pub unavailable_status: u16,
    /// Whether a refusal for lack of proof carries a challenge for basic authentication.
    pub basic_challenge: bool,
    /// Headers to take away before the upstream, once they proved the request.
    pub credential_headers: Vec<String>,
    /// What proves a request; `None` if a secret is missing in the environment, which closes the source.
    pub requirement: Option<Requirement>,
}

/// What a source does with a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It refuses.
    Enforce,
    /// It lets everything through, counts and logs what it would have refused.
    Observe,
    /// It answers every request with 503, so that senders retry later.
    Disabled,
}
