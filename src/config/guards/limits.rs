//! `flood_limit`, `rate_limit`: how many requests are accepted.

use std::time::Duration;

use crate::config::problem::Findings;
use crate::config::reader::{Members, Node};
use crate::guard::budget::{BudgetBy, BudgetRule};
use crate::guard::flood::FloodRule;
use crate::guard::rate::Rate;

/// The largest count of a limit.
const MAX_COUNT: u64 = 1_000_000;
/// The shortest and the longest period of a limit.
const PERIODS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(86_400));

pub(super) fn read_flood(node: &Node<'_>, findings: &mut Findings) -> Option<FloodRule> {
    let mut members = node.object(findings)?;
    let rate = read_rate("failures", &mut members, findings);
    members.finish(findings);
    Some(FloodRule { rate: rate? })
}

pub(super) fn read_budget(node: &Node<'_>, findings: &mut Findings) -> Option<BudgetRule> {
    let words = [("source", BudgetBy::Source), ("address", BudgetBy::Address), ("key", BudgetBy::Key)];
    let mut members = node.object(findings)?;
    let rate = read_rate("requests", &mut members, findings);
    let by = members.take("by").map_or(Some(BudgetBy::Source), |node| node.keyword(&words, findings));
    members.finish(findings);
    Some(BudgetRule { rate: rate?, by: by? })
}

fn read_rate(counted: &'static str, members: &mut Members<'_>, findings: &mut Findings) -> Option<Rate> {
    let count = members.require(counted, findings).and_then(|node| read_count(&node, findings));
    let per = members.require("per", findings).and_then(|node| node.duration(PERIODS.0, PERIODS.1, findings));
    let burst = super::optional(members.take("burst").as_ref(), |node| read_count(node, findings));
    let (count, per, burst) = (count?, per?, burst?);
    Some(Rate::new(count, per, burst.unwrap_or(count)))
}

fn read_count(node: &Node<'_>, findings: &mut Findings) -> Option<u32> {
    node.whole(1, MAX_COUNT, findings).and_then(|count| u32::try_from(count).ok())
}
