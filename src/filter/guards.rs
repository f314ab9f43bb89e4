//! The guards of all sources, standing: what they remember is in shared memory, and opened once a configuration.

use std::net::IpAddr;

use super::Around;
use crate::config::{Policy, Source};
use crate::guard::address::{self, AddressRule, Doubt};
use crate::guard::body_size::BodySize;
use crate::guard::budget::{Budget, BudgetBy, Exceeded, Subject};
use crate::guard::flood::Flood;
use crate::guard::memory::{Memory, NotWritten};
use crate::guard::replay::Replay;
use crate::guard::transport::TransportRule;
use crate::step::Refusal;
use crate::verify::{Denial, Request, Verified};

/// The guards of all sources.
#[derive(Debug, Default)]
pub struct Guards {
    flood: Option<Flood>,
    sources: Vec<SourceGuards>,
}

#[derive(Debug, Default)]
struct SourceGuards {
    budget: Option<Budget>,
    replay: Option<Replay>,
}

/// What the guards found out before the proof, and need after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admitted {
    /// The body's size as it may be.
    pub size: BodySize,
    /// The client's address, where the source asks for it and the host tells it.
    pub address: Option<IpAddr>,
    /// What is doubtful about that address.
    pub doubt: Option<Doubt>,
}

impl Guards {
    /// Makes room in `memory` for everything that the guards of `policy` remember. What an earlier configuration
    /// remembered stays.
    ///
    /// # Errors
    /// [`NotWritten`] if the host gives no shared memory.
    pub fn open(policy: &Policy, memory: &dyn Memory) -> Result<Self, NotWritten> {
        let floods = policy.sources.iter().any(|source| source.flood.is_some());
        let flood = if floods { Some(Flood::open(memory)?) } else { None };
        let sources = policy.sources.iter().map(|source| SourceGuards::open(source, memory));
        Ok(Self { flood, sources: sources.collect::<Result<_, _>>()? })
    }

    /// Shape, transport, address and flood, in this order.
    pub(super) fn admit(
        &self,
        source: &Source,
        request: Request<'_>,
        end: bool,
        around: &Around<'_>,
    ) -> Result<Admitted, Refusal> {
        source.shape.check(request)?;
        let size = BodySize::declared_by(request, source.max_body_bytes)?;
        if end {
            size.ends_at(0)?;
        }
        source.transport.iter().try_for_each(|rule: &TransportRule| rule.check(request, around.peer))?;
        source.address.iter().try_for_each(|rule: &AddressRule| rule.check(around.peer))?;
        let by_address = source.budget.as_ref().is_some_and(|rule| rule.by == BudgetBy::Address);
        let wanted = source.address.is_some() || source.flood.is_some() || by_address;
        let peer = wanted.then(|| around.peer.address()).flatten().unwrap_or_default();
        let address = address::client_address(&peer);
        if let (Some(flood), Some(rule), Some(address)) = (&self.flood, &source.flood, address) {
            let checked = flood.check(around.memory, rule, &source.name, address, around.now);
            checked.map_err(|wait| Refusal::until(Denial::FloodLimited, wait))?;
        }
        let doubt = address.and_then(|_| address::doubt(&peer, &forwarded_for(request)));
        Ok(Admitted { size, address, doubt })
    }

    /// Counts a failed proof against its address.
    pub(super) fn failed(&self, source: &Source, denial: Denial, address: Option<IpAddr>, around: &Around<'_>) {
        // No stranger's doing: a fault of ours, or a sender that knows the secret and comes too late.
        let ours = matches!(denial, Denial::HostFailure | Denial::SecretInactive | Denial::BodyTooLarge);
        let of_the_sender = matches!(
            denial,
            Denial::TimestampStale | Denial::TimestampFuture | Denial::TokenExpired | Denial::TokenEarly
        );
        let innocent = ours || of_the_sender;
        if let (Some(flood), Some(rule), Some(address), false) = (&self.flood, &source.flood, address, innocent) {
            flood.failed(around.memory, rule, &source.name, address, around.now);
        }
    }

    /// Takes one proved request out of the source's budget.
    pub(super) fn spend(
        &self,
        position: usize,
        verified: &Verified,
        address: Option<IpAddr>,
        around: &Around<'_>,
    ) -> Result<(), Refusal> {
        let Some(budget) = self.sources.get(position).and_then(|guards| guards.budget.as_ref()) else { return Ok(()) };
        let key = verified.matches().first().map(|found| key_name(found.list(), found.secret_id()));
        let subject = match (budget.by(), address, &key) {
            (BudgetBy::Source, ..) => Subject::Source,
            (BudgetBy::Address, Some(address), _) => Subject::Address(address),
            (BudgetBy::Address, None, _) => return Err(Denial::AddressMissing.into()),
            (BudgetBy::Key, _, Some(key)) => Subject::Key(key),
            (BudgetBy::Key, _, None) => return Err(Denial::HostFailure.into()),
        };
        budget.take(around.memory, subject, around.now).map_err(|exceeded| match exceeded {
            Exceeded::Wait(wait) => Refusal::until(Denial::RateLimited, wait),
            Exceeded::Failed(_) => Denial::HostFailure.into(),
        })
    }

    /// The memory of a source's events.
    pub(super) fn replay(&self, position: usize) -> Option<&Replay> {
        self.sources.get(position)?.replay.as_ref()
    }
}

impl SourceGuards {
    fn open(source: &Source, memory: &dyn Memory) -> Result<Self, NotWritten> {
        let checks = source.requirement.iter().flat_map(|requirement| requirement.checks());
        let keys = checks.flat_map(|check| check.keyring().names()).map(|(list, id)| key_name(&list, id));
        let keys: Vec<String> = keys.collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let budget = source.budget.as_ref().map(|rule| Budget::open(memory, rule, &source.name, &keys)).transpose()?;
        let replay = source.replay.as_ref().map(|rule| Replay::open(memory, &source.name, rule)).transpose()?;
        Ok(Self { budget, replay })
    }
}

/// What one secret is called. Ids are unique in their list only, and hold no `/`.
fn key_name(list: &str, id: &str) -> String {
    format!("{id}/{list}")
}

/// All of `X-Forwarded-For`, in order.
fn forwarded_for(request: Request<'_>) -> Vec<u8> {
    let lines = request.headers().iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-forwarded-for"));
    lines.map(|(_, value)| value.as_slice()).collect::<Vec<_>>().join(&b","[..])
}
