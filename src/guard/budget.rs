//! Limits how many verified requests a source accepts.
//!
//! A budget of a source or of a secret is one number, about 150 bytes in Envoy. Budgets by address are a table of 16,384
//! clients for each source that has them: typically 540 KB when full, and 1.3 MB at most.

use std::net::IpAddr;
use std::time::Duration;

use super::buckets::Buckets;
use super::memory::{self, Memory, NotWritten};
use super::rate::Rate;
use crate::verify::primitives::timestamp::UnixTime;

/// A source's limit on verified requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetRule {
    /// How many.
    pub rate: Rate,
    /// Who shares one budget.
    pub by: BudgetBy,
}

/// Who shares one budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetBy {
    /// All requests of the source.
    Source,
    /// Those of one client address; an IPv6 client is its /64.
    Address,
    /// Those that one secret verified.
    Key,
}

/// The first byte of a value: its layout.
const LAYOUT: u8 = 1;

/// A source's budget, in memory shared by all worker threads, so that it is exact.
#[derive(Debug)]
pub struct Budget {
    rule: BudgetRule,
    prefix: String,
    addresses: Option<Buckets>,
}

/// Who spends.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// The source.
    Source,
    /// A client address.
    Address(IpAddr),
    /// A secret, by its id.
    Key(&'a str),
}

/// Why a request is over the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// The budget is spent; the next request is possible after this time.
    Wait(Duration),
    /// The host refused its memory.
    Failed(NotWritten),
}

impl Budget {
    /// Opens the budget of a source whose secrets have these ids, and creates it if it does not exist.
    ///
    /// # Errors
    /// [`NotWritten`] if the host refuses memory.
    pub fn open(memory: &dyn Memory, rule: &BudgetRule, source: &str, key_ids: &[&str]) -> Result<Self, NotWritten> {
        let prefix = format!("hookwarden.budget.{source}");
        let full = value(0);
        let addresses = match rule.by {
            BudgetBy::Source => {
                memory.create(&prefix, &full)?;
                None
            }
            BudgetBy::Key => {
                key_ids.iter().try_for_each(|id| memory.create(&format!("{prefix}.key.{id}"), &full))?;
                None
            }
            BudgetBy::Address => Some(Buckets::open(memory, &format!("{prefix}.address"))?),
        };
        Ok(Self { rule: rule.clone(), prefix, addresses })
    }

    /// Who shares one budget.
    #[must_use]
    pub fn by(&self) -> BudgetBy {
        self.rule.by
    }

    /// Takes one. If several threads try at the same time, exactly as many succeed as are left.
    ///
    /// # Errors
    /// [`Exceeded`].
    pub fn take(&self, memory: &dyn Memory, subject: Subject<'_>, now: UnixTime) -> Result<(), Exceeded> {
        let rate = self.rule.rate;
        match (subject, &self.addresses) {
            (Subject::Address(address), Some(buckets)) => {
                let taken = buckets.take(memory, rate, ("", address), now);
                taken.map_err(Exceeded::Failed)?.map_err(Exceeded::Wait)
            }
            (Subject::Address(_), None) => Err(Exceeded::Failed(NotWritten::Failed)),
            (Subject::Source, _) => take(memory, &self.prefix, rate, now),
            (Subject::Key(id), _) => take(memory, &format!("{}.key.{id}", self.prefix), rate, now),
        }
    }
}

fn take(memory: &dyn Memory, key: &str, rate: Rate, now: UnixTime) -> Result<(), Exceeded> {
    let taken = memory::update(memory, key, |bytes| match bytes.split_first() {
        Some((&LAYOUT, state)) => match state.try_into().map(u64::from_le_bytes) {
            Ok(state) => match rate.take(state, now) {
                Ok(after) => (Some(value(after)), Ok(())),
                Err(wait) => (None, Err(Exceeded::Wait(wait))),
            },
            Err(_) => (None, Err(Exceeded::Failed(NotWritten::Failed))),
        },
        _ => (None, Err(Exceeded::Failed(NotWritten::Failed))),
    });
    taken.map_err(Exceeded::Failed)?
}

fn value(state: u64) -> Vec<u8> {
    let mut value = vec![LAYOUT];
    value.extend(state.to_le_bytes());
    value
}
