//! A request in front of a check that it does not pass.

use std::cell::Cell;

use hookwarden::config::dialects::Dialect;
use hookwarden::verify::expression::Facts;
use hookwarden::verify::key::keyring::Selector;
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::scheme::native;
use hookwarden::verify::{Denial, HeaderLine, Request, borrowed};

use super::Change;
use super::effort::Effort;
use super::siblings::Siblings;
use super::strength::Strength;
use crate::cli::config_file::CheckEntry;
use crate::cli::explain::capture::Captured;
use crate::cli::explain::configuration::Configuration;
use crate::cli::explain::trial::{self, TrialResult, Verifier};
use crate::cli::http_request;

/// A request in front of a check that it does not pass.
pub struct Scene<'a> {
    /// The configuration.
    pub configuration: &'a Configuration,
    /// The position of the source.
    pub source: usize,
    /// The check.
    pub check: &'a CheckEntry,
    /// The request.
    pub captured: &'a Captured,
    /// Its head.
    pub head: Vec<HeaderLine>,
    /// When it arrived.
    pub now: UnixTime,
    /// Why the check refuses it.
    pub denial: Denial,
    /// How much is tried.
    pub effort: Effort,
    /// The dialects of the check.
    pub(super) dialects: Vec<Dialect>,
    /// The headers that they read.
    pub(super) needed: Vec<String>,
    /// What they prove.
    pub(super) strength: Option<Strength>,
    /// The source's other checks.
    pub(super) siblings: Siblings<'a>,
    pub(super) spent: Cell<u64>,
}

impl<'a> Scene<'a> {
    /// Reads values of the request.
    pub fn read<T>(&self, read: impl FnOnce(&Facts<'_>) -> T) -> T {
        http_request::read(&self.head, &self.captured.body, read)
    }

    /// A scene.
    pub fn new(
        configuration: &'a Configuration,
        source: usize,
        check: &'a CheckEntry,
        captured: &'a Captured,
        now: UnixTime,
        denial: Denial,
        effort: Effort,
    ) -> Self {
        let head = captured.head();
        let dialects = trial::schemes(check).unwrap_or_default();
        let needed = native::headers(dialects.iter().map(|(scheme, _)| scheme));
        let strength = Strength::of(&dialects);
        let siblings = Siblings::of(configuration.sources.get(source), check, &needed, &head, captured, now);
        let spent = Cell::new(0);
        Self {
            configuration,
            source,
            check,
            captured,
            head,
            now,
            denial,
            effort,
            dialects,
            needed,
            strength,
            siblings,
            spent,
        }
    }

    /// Whether the request has a proof where the check looks for one.
    pub(super) fn is_presented(&self) -> bool {
        let lines = borrowed(&self.head);
        let request = Request::new(&lines);
        let lacks = matches!(self.denial, Denial::SignatureMissing | Denial::CredentialMissing);
        !lacks || self.dialects.iter().any(|(scheme, _)| scheme.is_presented(request))
    }

    pub(super) fn is_thorough(&self) -> bool {
        self.effort == Effort::Thorough
    }

    /// How many other bodies a maker of changes may make.
    pub(super) fn most_bodies(&self) -> usize {
        let each = self.captured.body.len().saturating_add(256);
        let most = if self.is_thorough() { 20_000 } else { 240 };
        self.effort.body_bytes().checked_div(each).unwrap_or_default().clamp(24, most)
    }

    /// How large the head is.
    pub(super) fn head_bytes(&self) -> usize {
        self.head.iter().map(|(name, value)| name.len().saturating_add(value.len())).sum()
    }

    /// Whether there is no time left for more.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.get() > self.effort.budget()
    }

    /// The name by which the request chooses its list of secrets.
    pub(super) fn selected_list(&self) -> Option<String> {
        match self.check.selector.as_ref()? {
            Selector::Header(name) => {
                self.captured.header(name).and_then(|value| String::from_utf8(value.to_vec()).ok())
            }
            Selector::PathSegment(position) => {
                self.captured.path().strip_prefix('/')?.split('/').nth(*position).map(str::to_owned)
            }
        }
    }

    /// Tries a change under a verifier of so many keys.
    pub(super) fn try_change(&self, verifier: &Verifier, keys: usize, change: Option<&Change>) -> Option<TrialResult> {
        let changed = change.and_then(|change| change.head.as_ref()).map(|change| change.applied(&self.head));
        let head = changed.as_deref().unwrap_or(&self.head);
        let body = change.and_then(|change| change.body.as_deref()).unwrap_or(&self.captured.body);
        let each = if self.check.public_keys { self.effort.public_cost() } else { 256 };
        // A usual head costs next to nothing.
        let head_cost = self.head_bytes().saturating_add(self.head.len().saturating_mul(64)).saturating_sub(8192);
        let each = each.saturating_add(head_cost);
        let cost = u64::try_from(body.len().saturating_add(each).saturating_mul(keys.max(1))).unwrap_or(u64::MAX);
        self.spent.set(self.spent.get().saturating_add(cost));
        verifier.verify(head, body, self.now).ok()
    }
}
