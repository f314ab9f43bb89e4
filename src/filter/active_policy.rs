//! The running policy: its sources, and the shared memory that their guards use.

use std::rc::Rc;

use super::active_source::ActiveSource;
use crate::config::Policy;
use crate::guard::flood::Flood;
use crate::guard::memory::{Memory, NotWritten};
use crate::guard::route::Unrouted;
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
}

impl ActivePolicy {
    /// Makes room in `memory` for everything that the guards of `policy` remember. What an earlier configuration
    /// remembered is kept.
    ///
    /// # Errors
    /// [`NotWritten`] if the host refuses shared memory.
    pub fn open(policy: Rc<Policy>, memory: &dyn Memory) -> Result<Self, NotWritten> {
        let has_flood_limit = policy.sources.iter().any(|source| source.flood.is_some());
        let flood = if has_flood_limit { Some(Rc::new(Flood::open(memory)?)) } else { None };
        let sources =
            policy.sources.iter().map(|source| ActiveSource::open(source, flood.as_ref(), memory).map(Rc::new));
        let sources = sources.collect::<Result<_, _>>()?;
        Ok(Self { policy, sources, unmatched: SourceCounters::default() })
    }

    /// The configuration.
    #[must_use]
    pub fn policy(&self) -> &Rc<Policy> {
        &self.policy
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
