//! A valid configuration, as the filter runs it.

use std::rc::Rc;
use std::time::Duration;

use crate::guard::address::AddressRule;
use crate::guard::budget::BudgetRule;
use crate::guard::flood::FloodRule;
use crate::guard::replay::ReplayRule;
use crate::guard::route::Routes;
use crate::guard::shape::ShapeRule;
use crate::guard::transport::TransportRule;
use crate::handshake::{Handshakes, Response};
use crate::live::place::Places;
use crate::live::publication::Publication;
use crate::verify::Requirement;
use crate::verify::check::Check;

/// The whole configuration.
#[derive(Debug)]
pub struct Policy {
    /// What holds a request until it is verified.
    pub body_hold: BodyHold,
    /// What happens to a request that no source matches.
    pub unmatched: Unmatched,
    /// How long headers may be held without the host delivering the body.
    pub stall_timeout: Duration,
    /// How much one VM may hold for requests that are not verified yet, in bytes. Draining configurations share it.
    pub max_held_bytes: usize,
    /// Whether the log line of a request that no source matches has its path.
    pub log_paths: bool,
    /// Whether the host may verify signatures, where it can.
    pub host_cryptography: bool,
    /// Which source a request is for, by its position.
    pub routes: Routes,
    /// The sources.
    pub sources: Vec<Rc<Source>>,
    /// A number of 48 bits that tells this configuration from another; secrets in it do not count.
    pub fingerprint: u64,
    /// What is fetched while the filter runs, by number.
    pub places: Places,
    /// Where senders publish keys, by number.
    pub publications: Vec<Publication>,
}

impl Policy {
    /// The checks whose signatures a host may be able to verify.
    pub fn checks_known_to_hosts(&self) -> impl Iterator<Item = &Check> {
        let requirements = self.sources.iter().filter_map(|source| source.requirement.as_ref());
        requirements.flat_map(|requirement| requirement.checks()).filter(|check| check.scheme().is_known_to_hosts())
    }
}

/// What holds the headers of a request until its body is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyHold {
    /// The filter: `allow_on_headers_stop_iteration` is set on the plugin.
    Filter,
    /// The chain: a later filter buffers whole requests.
    Chain,
}

/// What happens to a request that no source matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmatched {
    /// It is denied.
    Deny,
    /// It is forwarded, unless its path could be read as a source's.
    Allow,
}

/// One configured sender.
#[derive(Debug)]
pub struct Source {
    /// Its name in logs and metrics and for the upstream.
    pub name: String,
    /// Whether it refuses requests.
    pub mode: Mode,
    /// The longest body, in bytes.
    pub max_body_bytes: Option<u64>,
    /// What a request must look like.
    pub shape: ShapeRule,
    /// How the client must connect.
    pub transport: Option<TransportRule>,
    /// From which addresses the client may call.
    pub address: Option<AddressRule>,
    /// How many requests that fail verification an address may send.
    pub flood: Option<FloodRule>,
    /// How many verified requests are accepted.
    pub budget: Option<BudgetRule>,
    /// How events that arrive again are handled.
    pub replay: Option<ReplayRule>,
    /// Whether a failed verification is answered as soon as the headers decide it, even if a check needs the body. The
    /// timing tells a stranger which check failed, and whether a tenant is configured.
    pub insecure_early_denial: bool,
    /// The status of a refusal after failed verification.
    pub deny_status: u16,
    /// The status if the fault is ours and the sender should retry.
    pub unavailable_status: u16,
    /// Whether a refusal after failed verification carries a challenge for basic authentication.
    pub basic_challenge: bool,
    /// Headers to remove from a verified request: they hold its credentials.
    pub credential_headers: Vec<String>,
    /// The proof that a request needs; `None` if a secret is missing from the environment, which closes the source.
    pub requirement: Option<Rc<Requirement>>,
    /// The handshakes in which the source takes part.
    pub handshakes: Handshakes,
    /// The response to every event that the upstream accepted, in place of its own.
    pub acknowledgement: Option<Response>,
}

/// Whether a source enforces its verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It refuses.
    Enforce,
    /// It forwards everything, and counts and logs what it would have refused.
    Observe,
    /// It responds to every request with 503, so that senders retry later.
    Disabled,
}
