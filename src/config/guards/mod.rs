//! The guards of a source, one file for each guard. What a guard does is in `crate::guard`.

mod address;
mod keep_on;
mod limits;
mod replay;
mod shape;
mod store;
mod transport;

use super::check::Sender;
use super::policy::BodyHold;
use super::problem::Findings;
use super::reader::{Members, Node};
use super::secret_text::Environment;
use crate::guard::address::AddressRule;
use crate::guard::budget::BudgetRule;
use crate::guard::flood::FloodRule;
use crate::guard::shape::ShapeRule;
use crate::guard::transport::TransportRule;
pub(super) use replay::{Replay, remember};

/// The context in which guards are read.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// What holds a request.
    pub(super) body_hold: BodyHold,
    /// The variables of the VM.
    pub(super) environment: Environment<'a>,
    /// The senders of each group of checks; `None` if the checks have problems.
    pub(super) senders: Option<&'a [Vec<Sender>]>,
}

/// The guards of one source.
pub(super) struct Guards {
    pub(super) shape: ShapeRule,
    pub(super) transport: Option<TransportRule>,
    pub(super) address: Option<AddressRule>,
    pub(super) flood: Option<FloodRule>,
    pub(super) budget: Option<BudgetRule>,
    pub(super) replay: Option<Replay>,
}

/// The members of a source that its guards are read from.
pub(super) struct Written<'a> {
    shape: shape::Written<'a>,
    transport: Option<Node<'a>>,
    allow_from: Option<Node<'a>>,
    deny_from: Option<Node<'a>>,
    flood_limit: Option<Node<'a>>,
    rate_limit: Option<Node<'a>>,
    replay: Option<Node<'a>>,
}

impl<'a> Written<'a> {
    /// Takes them from a source, in the order in which they apply to a request.
    pub(super) fn take(members: &mut Members<'a>) -> Self {
        Self {
            shape: shape::Written::take(members),
            transport: members.take("transport"),
            allow_from: members.take("allow_from"),
            deny_from: members.take("deny_from"),
            flood_limit: members.take("flood_limit"),
            rate_limit: members.take("rate_limit"),
            replay: members.take("replay"),
        }
    }

    /// Whether events are remembered by a signed value, so that a request cannot be replayed indefinitely.
    pub(super) fn remembers(&self) -> bool {
        self.replay.as_ref().is_some_and(|node| !replay::trusts_an_unsigned_id(node))
    }

    /// Reads the guards. `None` if there was a problem.
    pub(super) fn read(&self, context: Context<'_>, findings: &mut Findings) -> Option<Guards> {
        let shape = self.shape.read(findings);
        let transport = optional(self.transport.as_ref(), |node| transport::read(node, findings));
        let address = address::read(self.allow_from.as_ref(), self.deny_from.as_ref(), context, findings);
        let flood = optional(self.flood_limit.as_ref(), |node| limits::read_flood(node, findings));
        let budget = optional(self.rate_limit.as_ref(), |node| limits::read_budget(node, findings));
        let replay = optional(self.replay.as_ref(), |node| replay::read(node, context, findings));
        Some(Guards {
            shape: shape?,
            transport: transport?,
            address: address?,
            flood: flood?,
            budget: budget?,
            replay: replay?,
        })
    }
}

/// Reads an optional member: `Some(None)` if it is missing, `None` if there was a problem.
fn optional<'a, T>(node: Option<&Node<'a>>, read: impl FnOnce(&Node<'a>) -> Option<T>) -> Option<Option<T>> {
    match node {
        Some(node) => read(node).map(Some),
        None => Some(None),
    }
}
