//! What the adapter has to do next, as plain data. "Continue" can be constructed only here.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::guard::address::AddressWarning;
use crate::guard::call::Call;
use crate::handshake::Response;
use crate::verify::check::Match;
use crate::verify::key::live::LiveChange;
use crate::verify::{Denial, Line, Request, Verified};

/// The headers that tell the upstream what was verified. Requests may not carry them, nor any other name that begins with
/// the same words.
pub const IDENTITY_HEADERS: [&str; 5] = [
    "x-hookwarden-source",
    "x-hookwarden-key-id",
    "x-hookwarden-event-id",
    "x-hookwarden-duplicate",
    "x-hookwarden-handshake",
];
/// The words that begin all of those names.
const RESERVED_WORDS: [&str; 2] = ["x", "hookwarden"];
/// The letters of both: all reserved names begin with them, whatever separates their words.
const BEGINNING: &[u8] = b"xhookwarden";

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Forward what is held.
    Continue(Passage),
    /// Hold everything: headers, body and trailers.
    Hold,
    /// Refuse in place of the upstream.
    Deny(Record),
    /// Answer a handshake in place of the upstream.
    Answer(Box<Answer>),
    /// Hold everything, make this call, and report its answer.
    Call(Call),
}

/// Why a request is refused, and when it may be retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub denial: Denial,
    /// The status, if the sender expects another than the source's.
    pub status: Option<u16>,
    /// After how many seconds the caller may retry, if a limit says so.
    pub retry_after: Option<u64>,
}

/// A response in place of the upstream's that is not a refusal: the answer to a handshake, or what a sender wants in response to
/// every event.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// What the caller gets.
    pub response: Response,
    /// What is reported, unless it was reported before.
    pub record: Option<Record>,
}

/// What happened in the guards' memories, for the metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// By how much the number of remembered events changed.
    pub remembered: i64,
    /// How many were forgotten because there was no room.
    pub dropped: u64,
    /// How many claims were given back.
    pub given_back: u64,
    /// How many claims could not be given back, so that their events will be refused until the window ends.
    pub stuck: u64,
    /// How many calls to the shared store failed.
    pub store_failures: u64,
    /// How many duplicates were forwarded with a mark.
    pub duplicates_passed: u64,
    /// Why the client's address may be wrong.
    pub address_warning: Option<AddressWarning>,
    /// The live secrets that are not what they were.
    pub live_changes: Vec<LiveChange>,
}

/// Permission to forward something, with its header changes and record. It can be obtained only through the functions
/// below.
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

/// The decision about a request, for metrics and log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What was decided.
    pub outcome: Outcome,
    /// What matched, one for each check, also if the request was verified and refused afterwards.
    pub matches: Vec<Match>,
    /// How many bytes of body were hashed.
    pub hashed: u64,
    /// The status of a refusal, if the sender expects another than the source's.
    pub status: Option<u16>,
    /// After how many seconds the caller may retry, if a limit says so.
    pub retry_after: Option<u64>,
}

/// What was decided about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was verified.
    Passed,
    /// It was refused.
    Denied(Denial),
    /// It would have been refused, but its source only observes.
    Observed(Denial),
    /// It was a handshake, and was answered, or forwarded as one.
    Handshake,
    /// No source matched, and the configuration forwards such requests.
    Unmatched,
}

impl Step {
    /// Whether the request's check has ended with it. What follows depends on nothing that the request has.
    #[must_use]
    pub fn is_verdict(&self) -> bool {
        match self {
            Step::Hold => false,
            Step::Continue(passage) => passage.record.is_some(),
            Step::Answer(answer) => answer.record.is_some(),
            Step::Deny(_) | Step::Call(_) => true,
        }
    }
}

impl Passage {
    /// For a verified request. `edits` are those that the headers still need.
    pub(crate) fn verified(verified: Verified, hashed: u64, edits: Edits) -> Self {
        let matches = verified.into_matches();
        Self {
            edits,
            record: Some(Record { outcome: Outcome::Passed, matches, hashed, status: None, retry_after: None }),
        }
    }

    /// For a handshake that the source's upstream answers. `edits` mark it, if the headers can still be changed.
    pub(crate) fn handshake(record: Record, edits: Edits) -> Self {
        Self { edits, record: Some(record) }
    }

    /// For a request that no source matches, if the configuration forwards those. It carries no identity headers.
    pub(crate) fn unmatched(forged: Vec<String>) -> Self {
        let record =
            Record { outcome: Outcome::Unmatched, matches: Vec::new(), hashed: 0, status: None, retry_after: None };
        Self { edits: Edits { remove: forged, set: Vec::new() }, record: Some(record) }
    }

    /// For a refused request to a source that only observes. It carries no identity headers.
    /// `matches`: what matched, if it was verified.
    pub(crate) fn observed(denial: Denial, matches: Vec<Match>, hashed: u64, forged: Vec<String>) -> Self {
        let record = Record { outcome: Outcome::Observed(denial), matches, hashed, status: None, retry_after: None };
        Self { edits: Edits { remove: forged, set: Vec::new() }, record: Some(record) }
    }

    /// For headers that are forwarded before the verdict: a later filter holds the request, or the source only observes.
    pub(crate) fn ahead_of_verdict(edits: Edits) -> Self {
        Self { edits, record: None }
    }

    /// For the rest of a request whose beginning was already forwarded.
    pub(crate) fn after_release() -> Self {
        Self { edits: Edits::default(), record: None }
    }

    /// Whether it releases a verified event.
    #[must_use]
    pub fn is_of_event(&self) -> bool {
        self.record.as_ref().is_some_and(|record| record.outcome == Outcome::Passed)
    }

    /// The header changes, and the record to report.
    #[must_use]
    pub fn into_parts(self) -> (Edits, Option<Record>) {
        (self.edits, self.record)
    }
}

impl Record {
    /// The record of a handshake that was answered or forwarded. `verified`: the proof, if its sender signs it.
    #[must_use]
    pub fn handshake(verified: Option<&Verified>, hashed: u64) -> Self {
        let matches = verified.map_or_else(Vec::new, |verified| verified.matches().to_vec());
        Self { outcome: Outcome::Handshake, matches, hashed, status: None, retry_after: None }
    }

    /// The record of a refusal.
    #[must_use]
    pub fn denied(refusal: Refusal, hashed: u64) -> Self {
        let Refusal { denial, status, retry_after } = refusal;
        Self { outcome: Outcome::Denied(denial), matches: Vec::new(), hashed, status, retry_after }
    }

    /// The same, with what matched before the request was refused.
    #[must_use]
    pub(crate) fn with_matches(self, matches: Vec<Match>) -> Self {
        Self { matches, ..self }
    }

    /// The refusal for `denial`, as it was recorded.
    #[must_use]
    pub fn refusal(&self, denial: Denial) -> Refusal {
        Refusal { denial, status: self.status, retry_after: self.retry_after }
    }

    /// Why the request was, or would have been, refused.
    #[must_use]
    pub fn denial(&self) -> Option<Denial> {
        match self.outcome {
            Outcome::Denied(denial) | Outcome::Observed(denial) => Some(denial),
            Outcome::Passed | Outcome::Handshake | Outcome::Unmatched => None,
        }
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self { denial, status: None, retry_after: None }
    }
}

impl Refusal {
    /// A refusal by a limit that admits the next request after `wait`.
    #[must_use]
    pub fn until(denial: Denial, wait: Duration) -> Self {
        let whole = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
        Self { denial, status: None, retry_after: Some(whole.max(1)) }
    }
}

/// The header that marks a duplicate, and its value: in the request where duplicates are forwarded, else in the response.
pub const DUPLICATE_MARK: (&str, &str) = ("x-hookwarden-duplicate", "true");

/// The mark of a duplicate that is forwarded.
pub(crate) fn duplicate_mark() -> (&'static str, Vec<u8>) {
    let (name, value) = DUPLICATE_MARK;
    (name, value.as_bytes().to_vec())
}

/// The header that marks a handshake, where handshakes are forwarded.
pub(crate) fn handshake_mark() -> (&'static str, Vec<u8>) {
    ("x-hookwarden-handshake", b"true".to_vec())
}

/// The headers that tell the upstream who sent a verified request.
pub(crate) fn identity(source: &str, verified: Option<&Verified>) -> Vec<(&'static str, Vec<u8>)> {
    let mut headers = Vec::with_capacity(IDENTITY_HEADERS.len());
    headers.push(("x-hookwarden-source", source.as_bytes().to_vec()));
    if let Some(verified) = verified {
        let ids = match verified.matches() {
            [only] => only.secret_id().to_owned(),
            several => several.iter().map(Match::secret_id).collect::<Vec<_>>().join(","),
        };
        headers.push(("x-hookwarden-key-id", ids.into_bytes()));
        let event_id = verified.matches().iter().find_map(Match::event_id);
        headers.extend(event_id.map(|id| ("x-hookwarden-event-id", id.to_vec())));
    }
    headers
}

/// The names of the request's headers that must not be forwarded, each once: those that only this filter may set, and
/// connection headers that list one of them, since a proxy behind this one would remove the headers they list (RFC 9110,
/// section 7.6.1).
pub(crate) fn forged(request: Request<'_>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let is_forged = |(name, value): &&Line<'_>| is_reserved(name) || (is_connection(name) && names_ours(value));
    let names = request.headers().iter().filter(is_forged).map(|(name, _)| name);
    names.filter(|name| seen.insert(**name)).map(|name| (*name).to_owned()).collect()
}

/// Whether a header's or trailer's name is reserved for this filter, or becomes a reserved one in a server that passes
/// headers to programs as variables. Such servers replace every byte other than a letter or digit by `_` (RFC 3875, section
/// 4.1.18; WSGI, Rack and PHP likewise, some of them several bytes at once), so that `X.Hookwarden.Source` becomes
/// `HTTP_X_HOOKWARDEN_SOURCE`.
///
/// A name is reserved if its words, separated by such bytes, are `x`, `hookwarden` and at least one more; or if it spells
/// one of our headers once those bytes are left out. Removing too much does no harm: `xhookwardensource` and
/// `x-hook-warden-source` are removed, `x-hookwarden` and `x-hookwardenish` are not.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    // Nearly every name ends here, at its first letter.
    let mut letters = spells(name);
    if !BEGINNING.iter().all(|letter| letters.next() == Some(*letter)) {
        return false;
    }
    let mut words = name.split(is_separator).filter(|word| !word.is_empty());
    let begins_like_ours =
        RESERVED_WORDS.iter().all(|ours| words.next().is_some_and(|word| word.eq_ignore_ascii_case(ours)));
    begins_like_ours && (words.next().is_some() || name.ends_with(is_separator))
        || IDENTITY_HEADERS.iter().any(|ours| spells(name).eq(spells(ours)))
}

/// Whether a character separates the words of a name.
fn is_separator(letter: char) -> bool {
    !letter.is_ascii_alphanumeric()
}

/// The letters and digits of a name.
fn spells(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase())
}

fn is_connection(name: &str) -> bool {
    name.eq_ignore_ascii_case("connection") || name.eq_ignore_ascii_case("proxy-connection")
}

/// Whether a list of names contains a reserved one.
fn names_ours(list: &[u8]) -> bool {
    list.split(|byte| *byte == b',').any(|name| std::str::from_utf8(name).is_ok_and(is_reserved))
}
