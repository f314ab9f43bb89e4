//! The running policy: its sources, and the shared memory that their guards use.

use std::rc::Rc;

use super::active_source::ActiveSource;
use crate::config::Policy;
use crate::guard::flood::Flood;
use crate::guard::memory::{Memory, NotWritten};
use crate::guard::route::Unrouted;
use crate::live::fetchers::Fetchers;
use crate::report::SourceCounters;
use crate::verify::Request;

/// The running policy. What its guards remember is in shared memory, which is opened once for each configuration.
#[derive(Debug)]
pub struct ActivePolicy {
    policy: Rc<Policy>,
    /// In the order of the policy.
    sources: Vec<Rc<ActiveSource>>,
    /// The metrics of requests without a source.
    unmatched: SourceCounters,
    fetchers: Rc<Fetchers>,
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
        Ok(Self { policy, sources, unmatched: SourceCounters::default(), fetchers })
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
        requirements.flat_map(|requirement| requirement.checks()).any(|check| check.finds_a_secret_in(number, body))
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
