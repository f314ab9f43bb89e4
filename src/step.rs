//! What the adapter has to do next, as plain data. The only place where "continue" can be made.

use std::time::Duration;

use crate::guard::address::Doubt;
use crate::guard::fleet::Call;
use crate::verify::{Denial, Request, Verified, check::Match};

/// The prefix of the headers by which we speak to the upstream. Nobody else may.
pub const RESERVED_PREFIX: &str = "x-hookwarden-";

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Let go of what is held.
    Continue(Passage),
    /// Keep everything: headers, body and trailers.
    Hold,
    /// Answer instead of the upstream.
    Deny(Record),
    /// Keep everything, make this call, and tell what came of it.
    Call(Call),
}

/// Why a request is refused, and when it may come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub denial: Denial,
    /// After how many seconds the caller may try again, where a limit tells.
    pub retry_after: Option<u64>,
}

/// What happened in the guards' memories, to be counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The position of the source.
    pub source: Option<usize>,
    /// By how much the number of remembered events changed.
    pub remembered: i64,
    /// How many were forgotten for want of room.
    pub dropped: u64,
    /// How many claims were given back.
    pub given_back: u64,
    /// How many claims should have been given back, and could not be: their events will not pass again.
    pub stuck: u64,
    /// How many calls to the shared store failed.
    pub store_failures: u64,
    /// How many duplicates went on, marked.
    pub duplicates_passed: u64,
    /// What is doubtful about the client's address.
    pub doubt: Option<Doubt>,
}

/// The permission to let something go on, and what goes with it. Every way to get one is a function below.
#[derive(Debug, PartialEq, Eq)]
pub struct Passage {
    edits: Edits,
    record: Option<Record>,
}

/// Changes to the request's headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// Names to remove.
    pub remove: Vec<String>,
    /// Headers to set.
    pub set: Vec<(&'static str, Vec<u8>)>,
}

/// What was decided about a request, to be counted and logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The position of the source, if one matched.
    pub source: Option<usize>,
    /// What was decided.
    pub outcome: Outcome,
    /// What matched, a check each.
    pub matches: Vec<Match>,
    /// How many bytes of body were hashed.
    pub hashed: u64,
    /// After how many seconds the caller may try again, where a limit tells.
    pub retry_after: Option<u64>,
}

/// What was decided about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was proved.
    Passed,
    /// It was refused.
    Denied(Denial),
    /// It would have been refused, and its source observes.
    Observed(Denial),
    /// No source matched, and the configuration lets such requests go on.
    Unmatched,
}

impl Passage {
    /// For a proved request. `edits` are those that the headers still need.
    pub(crate) fn proved(verified: &Verified, source: usize, hashed: u64, edits: Edits) -> Self {
        let matches = verified.matches().to_vec();
        Self {
            edits,
            record: Some(Record { source: Some(source), outcome: Outcome::Passed, matches, hashed, retry_after: None }),
        }
    }

    /// For a request that no source wants and the configuration lets go on. It never says who it is from.
    pub(crate) fn unmatched(forged: Vec<String>) -> Self {
        let record =
            Record { source: None, outcome: Outcome::Unmatched, matches: Vec::new(), hashed: 0, retry_after: None };
        Self { edits: Edits { remove: forged, set: Vec::new() }, record: Some(record) }
    }

    /// For a request that a source only observes. It never says that it was proved.
    pub(crate) fn observed(denial: Denial, source: usize, hashed: u64, forged: Vec<String>) -> Self {
        let outcome = Outcome::Observed(denial);
        let record = Record { source: Some(source), outcome, matches: Vec::new(), hashed, retry_after: None };
        Self { edits: Edits { remove: forged, set: Vec::new() }, record: Some(record) }
    }

    /// For headers, ahead of the verdict: where the chain holds whole requests behind us, or where a source only
    /// observes.
    pub(crate) fn ahead_of_verdict(edits: Edits) -> Self {
        Self { edits, record: None }
    }

    /// For what follows a request that was let go already.
    pub(crate) fn follows() -> Self {
        Self { edits: Edits::default(), record: None }
    }

    /// The changes to the headers, and what to count.
    #[must_use]
    pub fn into_parts(self) -> (Edits, Option<Record>) {
        (self.edits, self.record)
    }
}

impl Record {
    /// The record of a refusal.
    #[must_use]
    pub fn denied(source: Option<usize>, refusal: Refusal, hashed: u64) -> Self {
        let Refusal { denial, retry_after } = refusal;
        Self { source, outcome: Outcome::Denied(denial), matches: Vec::new(), hashed, retry_after }
    }

    /// Why the request was, or would have been, refused.
    #[must_use]
    pub fn denial(&self) -> Option<Denial> {
        match self.outcome {
            Outcome::Denied(denial) | Outcome::Observed(denial) => Some(denial),
            Outcome::Passed | Outcome::Unmatched => None,
        }
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self { denial, retry_after: None }
    }
}

impl Refusal {
    /// A refusal by a limit that lets the next one through after `wait`.
    #[must_use]
    pub fn until(denial: Denial, wait: Duration) -> Self {
        let whole = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
        Self { denial, retry_after: Some(whole.max(1)) }
    }
}

/// The header that marks a duplicate where duplicates go on.
pub(crate) fn duplicate_mark() -> (&'static str, Vec<u8>) {
    ("x-hookwarden-duplicate", b"true".to_vec())
}

/// The headers that tell the upstream who a proved request is from.
pub(crate) fn identity(source: &str, verified: Option<&Verified>) -> Vec<(&'static str, Vec<u8>)> {
    let mut headers = vec![("x-hookwarden-source", source.as_bytes().to_vec())];
    if let Some(verified) = verified {
        let ids: Vec<_> = verified.matches().iter().map(Match::secret_id).collect();
        headers.push(("x-hookwarden-key-id", ids.join(",").into_bytes()));
        let event_id = verified.matches().iter().find_map(Match::event_id);
        headers.extend(event_id.map(|id| ("x-hookwarden-event-id", id.to_vec())));
    }
    headers
}

/// The names of headers that only we may send to the upstream, and somebody else did.
pub(crate) fn forged(request: Request<'_>) -> Vec<String> {
    request.headers().iter().map(|(name, _)| name).filter(|name| is_reserved(name)).cloned().collect()
}

/// Whether a header's or trailer's name is one of ours, or becomes one where `_` and `-` are the same.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    name.len() >= RESERVED_PREFIX.len()
        && name
            .bytes()
            .zip(RESERVED_PREFIX.bytes())
            .all(|(byte, reserved)| byte.eq_ignore_ascii_case(&reserved) || (byte == b'_' && reserved == b'-'))
}
