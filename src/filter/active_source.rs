//! A source at work: how it is configured, what its guards remember, and how its requests are counted.

use std::rc::Rc;

use super::context::Context;
use super::live_values::RequestValues;
use crate::config::{Mode, Source};
use crate::guard::address::{self, AddressRule, AddressWarning};
use crate::guard::body_size::BodySize;
use crate::guard::budget::{Budget, BudgetBy, Exceeded, Subject};
use crate::guard::flood::{Caller, Flood};
use crate::guard::memory::{Memory, NotWritten};
use crate::guard::replay::Replay;
use crate::guard::transport::TransportRule;
use crate::live::fetchers::Fetchers;
use crate::report::SourceCounters;
use crate::step::{Refusal, Tally};
use crate::verify::check::Check;
use crate::verify::{Denial, Request, Requirement, Verified};

/// A source at work.
#[derive(Debug)]
pub(super) struct ActiveSource {
    config: Rc<Source>,
    counters: SourceCounters,
    /// The table of all sources, if this one has a flood limit.
    flood: Option<Rc<Flood>>,
    budget: Option<Budget>,
    replay: Option<Rc<Replay>>,
    /// Where its live secrets are fetched, if it has any.
    fetchers: Option<Rc<Fetchers>>,
}

/// What the host says about the client's address.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClientAddress {
    /// The client, if the source needs its address and the host reports one.
    pub caller: Option<Caller>,
    /// Whether that address looks wrong.
    pub warning: Option<AddressWarning>,
}

impl ActiveSource {
    /// Makes room in `memory` for everything that the source's guards remember. `flood` is the table of all sources.
    pub fn open(
        config: &Rc<Source>,
        flood: Option<&Rc<Flood>>,
        fetchers: &Rc<Fetchers>,
        memory: &dyn Memory,
    ) -> Result<Self, NotWritten> {
        let name = &config.name;
        let checks = config.requirement.iter().flat_map(|requirement| requirement.checks());
        let published = |check: &Check| check.published_at().map(|(_, id)| (Rc::from(""), Rc::clone(id)));
        let names = checks.flat_map(|check| check.keyring().names().chain(published(check)));
        let keys = names.map(|(list, id)| key_name(&list, &id));
        let keys: Vec<String> = keys.collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let budget = config.budget.as_ref().map(|rule| Budget::open(memory, rule, name, &keys)).transpose()?;
        let replay = config.replay.as_ref().map(|rule| Replay::open(memory, name, rule).map(Rc::new)).transpose()?;
        Ok(Self {
            counters: SourceCounters::of(Rc::clone(config)),
            flood: flood.filter(|_| config.flood.is_some()).cloned(),
            budget,
            replay,
            fetchers: config.requirement.as_ref().filter(|own| own.is_live()).map(|_| Rc::clone(fetchers)),
            config: Rc::clone(config),
        })
    }

    /// How it is configured.
    pub fn config(&self) -> &Rc<Source> {
        &self.config
    }

    /// How its requests are counted.
    pub fn counters(&self) -> &SourceCounters {
        &self.counters
    }

    /// The memory of its events, if it remembers them.
    pub fn replay(&self) -> Option<&Rc<Replay>> {
        self.replay.as_ref()
    }

    /// Whether it only observes.
    pub fn only_observes(&self) -> bool {
        self.config.mode == Mode::Observe
    }

    /// What a request must prove, unless the source is disabled or closed.
    pub fn requirement(&self) -> Result<&Rc<Requirement>, Denial> {
        match self.config.mode {
            Mode::Disabled => Err(Denial::SourceDisabled),
            Mode::Enforce | Mode::Observe => self.config.requirement.as_ref().ok_or(Denial::SourceClosed),
        }
    }

    /// The client's address. Looked at before anything is refused, because the warning may explain the refusal.
    pub fn client_address(&self, request: Request<'_>, context: &Context<'_>) -> ClientAddress {
        let by_address = self.config.budget.as_ref().is_some_and(|rule| rule.by == BudgetBy::Address);
        let wanted = self.config.address.is_some() || self.config.flood.is_some() || by_address;
        let Some(peer) = wanted.then(|| context.peer.address()).flatten() else { return ClientAddress::default() };
        let caller =
            address::client_address(&peer).map(|address| Caller { address, port: address::client_port(&peer) });
        ClientAddress { caller, warning: address::warning(&peer, &forwarded_for(request)) }
    }

    /// Checks encoding, size, transport, address and flood, in this order. `end`: the request has no body. Returns the limits
    /// on the body's size.
    pub fn admit(
        &self,
        request: Request<'_>,
        end: bool,
        caller: Option<Caller>,
        context: &Context<'_>,
    ) -> Result<BodySize, Refusal> {
        self.config.shape.check_encoding(request)?;
        let size = BodySize::declared_by(request, self.config.max_body_bytes)?;
        if end {
            size.ends_at(0)?;
        }
        self.config.transport.iter().try_for_each(|rule: &TransportRule| rule.check(request, context.peer))?;
        let address = caller.map(|caller| caller.address);
        self.config.address.iter().try_for_each(|rule: &AddressRule| rule.check_address(address))?;
        self.check_flood_limit(caller, context)?;
        Ok(size)
    }

    /// Reads the live secrets for this request again.
    pub fn refresh_secrets(
        &self,
        request: Request<'_>,
        context: &Context<'_>,
        tally: &mut Tally,
    ) -> Result<(), Denial> {
        let (Some(fetchers), Some(requirement)) = (&self.fetchers, &self.config.requirement) else { return Ok(()) };
        let values = RequestValues { fetchers, context };
        requirement.refresh(request, context.now, &values, &mut |change| tally.live_changes.push(change))
    }

    /// Whether the caller is within the flood limit. Checked before anything is hashed, and again before more is.
    pub fn check_flood_limit(&self, caller: Option<Caller>, context: &Context<'_>) -> Result<(), Refusal> {
        let (Some(flood), Some(rule), Some(caller)) = (&self.flood, &self.config.flood, caller) else { return Ok(()) };
        let checked = flood.check(context.memory, rule, &self.config.name, caller, context.now);
        checked.map_err(|wait| Refusal::until(Denial::FloodLimited, wait))
    }

    /// Counts a failed verification against the caller's address.
    pub fn count_failure(&self, denial: Denial, caller: Option<Caller>, context: &Context<'_>) {
        // Two kinds of failure are no attack: ours, and those of a sender that knows the secret but is late. An expired
        // secret does count: if it did not, a 429 would tell an expired secret's name from an unknown one.
        let ours = matches!(denial, Denial::HostFailure | Denial::MemoryExhausted | Denial::KeyUnavailable);
        let of_the_sender = matches!(
            denial,
            Denial::TimestampStale | Denial::TimestampFuture | Denial::TokenExpired | Denial::TokenEarly
        );
        if !ours && !of_the_sender {
            self.count_wasted_body(caller, context);
        }
    }

    /// Counts a request whose body was hashed for nothing against the caller's address.
    pub fn count_wasted_body(&self, caller: Option<Caller>, context: &Context<'_>) {
        if let (Some(flood), Some(rule), Some(caller)) = (&self.flood, &self.config.flood, caller) {
            flood.failed(context.memory, rule, &self.config.name, caller, context.now);
        }
    }

    /// Remembers that a request of the caller was verified.
    pub fn remember_success(&self, caller: Option<Caller>, context: &Context<'_>) {
        if let (Some(flood), Some(caller)) = (&self.flood, caller) {
            flood.verified(context.memory, &self.config.name, caller, context.now);
        }
    }

    /// Takes one request out of the rate limit.
    pub fn spend_budget(
        &self,
        verified: &Verified,
        caller: Option<Caller>,
        context: &Context<'_>,
    ) -> Result<(), Refusal> {
        let Some(budget) = &self.budget else { return Ok(()) };
        let address = caller.map(|caller| caller.address);
        let key = verified.matches().first().map(|found| key_name(found.list(), found.secret_id()));
        let subject = match (budget.by(), address, &key) {
            (BudgetBy::Source, ..) => Subject::Source,
            (BudgetBy::Address, Some(address), _) => Subject::Address(address),
            (BudgetBy::Address, None, _) => return Err(Denial::AddressMissing.into()),
            (BudgetBy::Key, _, Some(key)) => Subject::Key(key),
            (BudgetBy::Key, _, None) => return Err(Denial::HostFailure.into()),
        };
        budget.take(context.memory, subject, context.now).map_err(|exceeded| match exceeded {
            Exceeded::Wait(wait) => Refusal::until(Denial::RateLimited, wait),
            Exceeded::Failed(_) => Denial::HostFailure.into(),
        })
    }
}

/// The name of a secret across all lists: ids are unique only within their list, and hold no `/`.
fn key_name(list: &str, id: &str) -> String {
    format!("{id}/{list}")
}

/// All of `X-Forwarded-For`, in order.
fn forwarded_for(request: Request<'_>) -> Vec<u8> {
    let lines = request.headers().iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-forwarded-for"));
    lines.map(|(_, value)| *value).collect::<Vec<_>>().join(&b","[..])
}
