//! The other checks of a source.

use hookwarden::config::dialects::Dialect;
use hookwarden::verify::HeaderLine;
use hookwarden::verify::primitives::timestamp::UnixTime;

use crate::cli::config_file::{CheckEntry, SourceEntry};
use crate::cli::explain::capture::Captured;
use crate::cli::explain::trial::{self, Verifier};

/// The other checks of a source: what belongs to them is no suspect.
#[derive(Default)]
pub(super) struct Siblings<'a> {
    /// The headers of their proofs that the check at hand does not read.
    headers: Vec<String>,
    /// Those that the request satisfies, and that have no header in common with the check at hand.
    satisfied: Vec<&'a CheckEntry>,
}

impl<'a> Siblings<'a> {
    pub(super) fn of(
        source: Option<&'a SourceEntry>,
        own: &CheckEntry,
        needed: &[String],
        head: &[HeaderLine],
        captured: &Captured,
        now: UnixTime,
    ) -> Self {
        let mut siblings = Self::default();
        for check in source.iter().flat_map(|source| source.checks()).filter(|check| !std::ptr::eq(*check, own)) {
            let dialects = trial::schemes(check).unwrap_or_default();
            let headers: Vec<_> = dialects.iter().flat_map(|(scheme, _)| scheme.proof_headers()).collect();
            let is_shared = |name: &&str| needed.iter().any(|own| own.eq_ignore_ascii_case(name));
            let shares = headers.iter().any(is_shared);
            siblings.headers.extend(headers.iter().filter(|name| !is_shared(name)).map(|name| name.to_lowercase()));
            let holds =
                || Verifier::as_configured(check).is_some_and(|one| one.verify(head, &captured.body, now).is_ok());
            if !shares && holds() {
                siblings.satisfied.push(check);
            }
        }
        siblings
    }

    /// Whether the proof of a scheme is where another check of the source has its own.
    pub(super) fn have_proof_of(&self, dialects: &[Dialect]) -> bool {
        let mut headers = dialects.iter().flat_map(|(scheme, _)| scheme.proof_headers()).peekable();
        headers.peek().is_some() && headers.all(|name| self.headers.iter().any(|own| own.eq_ignore_ascii_case(name)))
    }

    pub(super) fn is_satisfied(&self, check: &CheckEntry) -> bool {
        self.satisfied.iter().any(|one| std::ptr::eq(*one, check))
    }
}
