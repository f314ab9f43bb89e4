//! The running policy: its sources, and the shared memory that their guards use.

use std::rc::Rc;

use super::active_source::ActiveSource;
use super::context::Context;
use super::publications::{Prospect, Publications};
use crate::config::Policy;
use crate::guard::call::{Call, Response};
use crate::guard::flood::Flood;
use crate::guard::memory::{Memory, NotWritten};
use crate::guard::route::Unrouted;
use crate::live::fetcher::Failure;
use crate::live::fetchers::Fetchers;
use crate::live::named_key_rule::NamedKeyRule;
use crate::report::SourceCounters;
use crate::verify::check::MissingKey;
use crate::verify::key::key_set::PublishedKey;
use crate::verify::primitives::timestamp::UnixTime;
use crate::verify::{Request, Requirement};

/// The running policy. What its guards remember is in shared memory, which is opened once for each configuration.
#[derive(Debug)]
pub struct ActivePolicy {
    policy: Rc<Policy>,
    /// In the order of the policy.
    sources: Vec<Rc<ActiveSource>>,
    /// The metrics of requests without a source.
    unmatched: SourceCounters,
    fetchers: Rc<Fetchers>,
    publications: Publications,
}

impl ActivePolicy {
    /// Makes room in `memory` for everything that the guards of `policy` remember. What an earlier configuration
    /// remembered is kept.
    ///
    /// # Errors
    /// [`NotWritten`] if the host refuses shared memory.
    pub fn open(policy: Rc<Policy>, memory: &dyn Memory) -> Result<Self, NotWritten> {
        let fetchers = Rc::new(Fetchers::open(&policy.places, memory)?);
        let has_flood_limit = policy.sources.iter().any(|source| source.flood.is_some());
        let flood = if has_flood_limit { Some(Rc::new(Flood::open(memory)?)) } else { None };
        let open = |source| ActiveSource::open(source, flood.as_ref(), &fetchers, memory).map(Rc::new);
        let sources = policy.sources.iter().map(open);
        let sources = sources.collect::<Result<_, _>>()?;
        let publications = Publications::open(&policy.publications, memory)?;
        Ok(Self { policy, sources, unmatched: SourceCounters::default(), fetchers, publications })
    }

    /// The calls for named keys that this VM has to make, each with the number of its publication.
    #[must_use]
    pub fn named_key_calls(&self, now: UnixTime, memory: &dyn Memory) -> Vec<(usize, Call)> {
        self.publications.on_tick(now, memory)
    }

    /// The answer to a call for a named key; `None` if there was none, or the host refused to make it. Returns why it failed,
    /// if it did.
    pub fn on_named_key(
        &self,
        number: usize,
        response: Option<Response<'_>>,
        context: &Context<'_>,
    ) -> Option<Failure> {
        let accepts = |keys: &[PublishedKey]| {
            let requirements = self.policy.sources.iter().filter_map(|source| source.requirement.as_ref());
            let mut checks = requirements.flat_map(|requirement| requirement.checks());
            checks.any(|check| check.published_at().is_some_and(|(own, _)| own == number) && check.accepts(keys))
        };
        self.publications.on_answer(number, response, &accepts, context)
    }

    /// How named keys are fetched.
    #[must_use]
    pub fn named_key_rule(&self, number: usize) -> Option<&NamedKeyRule> {
        self.publications.rule(number)
    }

    /// Gives each check of a requirement the keys that its sender publishes, as they are now.
    pub(super) fn publish_keys(&self, requirement: &Requirement, now: UnixTime) {
        self.publications.publish(requirement, &self.fetchers, now);
    }

    /// Takes over what other threads have fetched, where this key may be.
    pub(super) fn look_again(&self, key: &MissingKey, context: &Context<'_>) {
        self.publications.look_again(key, &self.fetchers, context);
    }

    /// Whether a key that is not here may come. Asks for it, if that is not done yet.
    pub(super) fn prospect(&self, key: &MissingKey, context: &Context<'_>) -> Prospect {
        self.publications.prospect(key, &self.fetchers, context)
    }

    /// Whether new keys may come of a sender whose requests do not name theirs. Asks for them, if that is not done yet.
    pub(super) fn expects_keys(&self, requirement: &Requirement, context: &Context<'_>) -> bool {
        self.publications.expects_any(requirement, &self.fetchers, context)
    }

    /// The configuration.
    #[must_use]
    pub fn policy(&self) -> &Rc<Policy> {
        &self.policy
    }

    /// What is fetched while the configuration is at work.
    #[must_use]
    pub fn fetchers(&self) -> &Fetchers {
        &self.fetchers
    }

    /// Whether anybody can use this as the document with this number.
    #[must_use]
    pub fn accepts(&self, number: usize, body: &[u8]) -> bool {
        let requirements = self.policy.sources.iter().filter_map(|source| source.requirement.as_ref());
        let mut checks = requirements.flat_map(|requirement| requirement.checks());
        checks
            .any(|check| check.finds_a_secret_in(number, body) || self.publications.finds_a_key_in(check, number, body))
    }

    /// The metrics of requests without a source.
    pub(super) fn unmatched(&self) -> &SourceCounters {
        &self.unmatched
    }

    /// The source that a request is for.
    ///
    /// # Errors
    /// [`Unrouted`] if no source may decide.
    pub(super) fn find(&self, request: Request<'_>) -> Result<&Rc<ActiveSource>, Unrouted> {
        let position = self.policy.routes.find(request.authority(), request.path())?;
        // The routes have no other positions than those of the policy. If they had, nobody could decide.
        self.sources.get(position).ok_or(Unrouted::Ambiguous)
    }
}
