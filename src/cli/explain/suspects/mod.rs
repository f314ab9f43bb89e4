//! What really goes wrong. Every suspect is a change to the request, the secret or the scheme; one that makes the
//! proof right is the mistake, for a code does not match by chance.

mod base_url;
mod body;
mod charset;
mod coding;
mod credential;
mod form;
mod head_change;
mod header;
mod hint;
mod json;
mod json_style;
mod json_text;
mod key;
mod known;
mod last_word;
mod letters;
mod number;
mod place;
mod route;
mod runtime;
mod secret_form;
mod sender;
mod strength;
mod time;
mod token;
mod url;
mod variants;

use std::cell::Cell;

use hookwarden::config::dialects::Dialect;
use hookwarden::verify::expression::Facts;
use hookwarden::verify::key::keyring::Selector;
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::request::MAX_KEPT;
use hookwarden::verify::scheme::{Scheme, native};
use hookwarden::verify::{Denial, HeaderLine, Request};

use super::capture::Captured;
use super::configuration::Configuration;
use super::trial::{self, TrialResult, Verifier};
use crate::cli::config_file::{CheckEntry, SourceEntry};
use crate::cli::http_request;
use head_change::HeadChange;
use key::Keys;
pub use route::{astray, join, nearest, reason};
pub use strength::Strength;
pub use time::signed_time;

/// One mistake, named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// A stable word.
    pub code: &'static str,
    /// What happened.
    pub sentence: String,
    /// What to do.
    pub advice: String,
}

/// An explanation: one mistake, or several that were made together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The mistakes, at least one.
    pub mistakes: Vec<Mistake>,
    /// The secret that matches, for people.
    pub secret: Option<String>,
    /// Whether the proof is right without the mistakes. What is not certain only looks like it.
    pub is_certain: bool,
    /// The position of the source that the request is meant for, where it came to another or none.
    pub source: Option<usize>,
}

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// For one of very many: each mistake by itself.
    Quick,
    /// Everything, and two mistakes at once.
    Thorough,
}

/// How many changes to the body are tried under every key.
const USUAL_BODIES: usize = 160;

impl Effort {
    /// The most bytes that are hashed for one request.
    fn budget(self) -> u64 {
        match self {
            Effort::Quick => 16 << 20,
            Effort::Thorough => 320 << 20,
        }
    }

    /// What a signature under a public key costs beside its content, in bytes; it takes as long as the hash of many.
    fn public_cost(self) -> usize {
        match self {
            Effort::Quick => 1 << 20,
            Effort::Thorough => 320 << 10,
        }
    }

    /// The most bytes of bodies that are made for one request.
    fn body_bytes(self) -> usize {
        match self {
            Effort::Quick => 2 << 20,
            Effort::Thorough => 56 << 20,
        }
    }
}

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
    dialects: Vec<Dialect>,
    /// The headers that they read.
    needed: Vec<String>,
    /// What they prove.
    strength: Option<Strength>,
    /// The source's other checks.
    siblings: Siblings<'a>,
    spent: Cell<u64>,
}

/// The other checks of a source: what belongs to them is no suspect.
#[derive(Default)]
struct Siblings<'a> {
    /// The headers of their proofs that the check at hand does not read.
    headers: Vec<String>,
    /// Those that the request satisfies, and that have no header in common with the check at hand.
    satisfied: Vec<&'a CheckEntry>,
}

/// A change to the request, and the mistakes that it undoes.
#[derive(Clone, Debug)]
struct Change {
    head: Option<HeadChange>,
    body: Option<Vec<u8>>,
    mistakes: Vec<Mistake>,
}

impl Mistake {
    pub fn new(code: &'static str, sentence: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into(), advice: advice.into() }
    }
}

impl Change {
    fn of_body(body: Vec<u8>, mistake: Mistake) -> Self {
        Self { head: None, body: Some(body), mistakes: vec![mistake] }
    }

    /// Both changes; `other` is one of the body.
    fn with(&self, other: &Self) -> Self {
        let mistakes = [self.mistakes.as_slice(), other.mistakes.as_slice()].concat();
        Self { head: self.head.clone(), body: other.body.clone().or_else(|| self.body.clone()), mistakes }
    }

    fn of_head(head: Vec<HeaderLine>, mistake: Mistake) -> Self {
        Self { head: Some(HeadChange::Whole(head)), body: None, mistakes: vec![mistake] }
    }
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
    fn is_presented(&self) -> bool {
        let request = Request::new(&self.head);
        let lacks = matches!(self.denial, Denial::SignatureMissing | Denial::CredentialMissing);
        !lacks || self.dialects.iter().any(|(scheme, _)| scheme.is_presented(request))
    }

    fn is_thorough(&self) -> bool {
        self.effort == Effort::Thorough
    }

    /// How many other bodies a maker of changes may make.
    fn most_bodies(&self) -> usize {
        let each = self.captured.body.len().saturating_add(256);
        let most = if self.is_thorough() { 20_000 } else { 240 };
        self.effort.body_bytes().checked_div(each).unwrap_or_default().clamp(24, most)
    }

    /// How large the head is.
    fn head_bytes(&self) -> usize {
        self.head.iter().map(|(name, value)| name.len().saturating_add(value.len())).sum()
    }

    /// Whether there is no time left for more.
    fn is_spent(&self) -> bool {
        self.spent.get() > self.effort.budget()
    }

    /// The name by which the request chooses its list of secrets.
    fn selected_list(&self) -> Option<String> {
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
    fn try_change(&self, verifier: &Verifier, keys: usize, change: Option<&Change>) -> Option<TrialResult> {
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

impl<'a> Siblings<'a> {
    fn of(
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
    fn have_proof_of(&self, dialects: &[Dialect]) -> bool {
        let mut headers = dialects.iter().flat_map(|(scheme, _)| scheme.proof_headers()).peekable();
        headers.peek().is_some() && headers.all(|name| self.headers.iter().any(|own| own.eq_ignore_ascii_case(name)))
    }

    fn is_satisfied(&self, check: &CheckEntry) -> bool {
        self.satisfied.iter().any(|one| std::ptr::eq(*one, check))
    }
}

/// What is wrong with a request that a check refuses: certain findings, or else what it looks like.
pub fn search(scene: &Scene<'_>) -> Vec<Finding> {
    // A token that is too old may be wrong in something else, too.
    if let Some(earlier) = time::within(scene) {
        let mut findings = search(&earlier);
        if let (Some(first), Some(late)) = (findings.first_mut(), time::mistake(scene)) {
            first.mistakes.push(late);
        }
        return findings;
    }
    let found = Search { scene, best: None }.run();
    match found {
        Some(mut finding) => {
            let late = time::mistake(scene).filter(|late| finding.mistakes.iter().all(|one| one.code != late.code));
            finding.mistakes.extend(late);
            vec![finding]
        }
        None => hint::hints(scene),
    }
}

/// A search, and the best that it found so far.
struct Search<'a> {
    scene: &'a Scene<'a>,
    best: Option<Finding>,
}

/// A verifier, its keys, and the scheme whose words explain them.
#[derive(Clone, Copy)]
struct Bench<'a> {
    verifier: &'a Verifier,
    keys: &'a Keys<'a>,
    scheme: &'a Scheme,
}

impl Search<'_> {
    fn run(mut self) -> Option<Finding> {
        let scene = self.scene;
        // No proxy forwards such a head, and each trial reads all of it.
        if scene.head_bytes() > MAX_KEPT {
            return None;
        }
        let dialects = trial::timeless(scene.check, &scene.check.with)?;
        let (scheme, _) = dialects.first()?;
        let (every, own) = (Keys::all(scene), Keys::configured(scene));
        let (full, configured) = (every.verifier(&dialects), own.verifier(&dialects));
        let full = full.as_ref().map(|verifier| Bench { verifier, keys: &every, scheme });
        let configured = configured.as_ref().map(|verifier| Bench { verifier, keys: &own, scheme });
        // The request as it is, with every key: the commonest mistakes of all.
        if let Some(bench) = full {
            self.look(bench, None);
        }
        let usual = if scene.is_thorough() { full } else { configured.or(full) };
        let Some(bench) = usual.filter(|_| !self.is_done()) else { return self.best };
        let mut heads = header::changes(scene);
        heads.extend(runtime::request_ids(scene));
        let bodies = body_changes(scene);
        // Under the configured keys everything, under all others what is usual.
        let (front, back) = match scene.check.public_keys {
            // Each try takes long, and there are fewer changes to the head.
            true => (heads.as_slice(), bodies.as_slice()),
            false => (bodies.as_slice(), heads.as_slice()),
        };
        let under_configured =
            configured.iter().flat_map(|bench| front.iter().chain(back).map(move |one| (*bench, one)));
        let usual_bodies = configured.map_or(bodies.len(), |_| USUAL_BODIES);
        let under_usual = bodies.iter().take(usual_bodies).chain(&heads).map(|one| (bench, one));
        let under_usual = under_usual.filter(|_| scene.is_thorough() || configured.is_none());
        for (bench, change) in under_configured.chain(under_usual) {
            self.look(bench, Some(change));
            if self.is_done() {
                return self.best;
            }
        }
        for look in [url::look, place::look, sender::look] {
            look(&mut self, &dialects, bench.keys);
            if self.is_done() {
                return self.best;
            }
        }
        let Some(bench) = configured else { return self.best };
        json::permutations(scene, &mut |change| {
            self.look(bench, Some(change));
            self.is_done()
        });
        if scene.is_thorough() && self.best.is_none() {
            self.look_at_pairs(bench, &heads, &bodies);
        }
        self.best
    }

    /// Two mistakes at once: one in the head, one in the body.
    fn look_at_pairs(&mut self, bench: Bench<'_>, heads: &[Change], bodies: &[Change]) {
        for head in heads {
            for body in bodies {
                self.look(bench, Some(&head.with(body)));
                if self.best.is_some() || self.scene.is_spent() {
                    return;
                }
            }
        }
    }

    /// Whether nothing simpler can be found, or there is no time for it.
    fn is_done(&self) -> bool {
        self.best.as_ref().is_some_and(|best| best.mistakes.len() < 2) || self.scene.is_spent()
    }

    /// Tries a change, and keeps what it finds if that is the simplest so far. Whether it is right.
    fn look(&mut self, bench: Bench<'_>, change: Option<&Change>) -> bool {
        let Bench { verifier, keys, scheme } = bench;
        let Some(result) = self.scene.try_change(verifier, keys.len(), change) else { return false };
        let position = result.key.or_else(|| keys.only());
        let mut mistakes = change.map(|change| change.mistakes.clone()).unwrap_or_default();
        mistakes.extend(position.map(|at| keys.mistakes(at, scheme)).unwrap_or_default());
        let is_simpler = self.best.as_ref().is_none_or(|best| mistakes.len() < best.mistakes.len());
        if mistakes.is_empty() {
            // Right, but for its time.
            mistakes.extend(time::mistake(self.scene));
            if mistakes.is_empty() && change.is_none() && trial::is_late(self.scene.denial) {
                let denial = self.scene.denial;
                mistakes.push(Mistake::new(denial.code(), denial.meaning().trim(), time::COMPARE));
            }
        }
        if is_simpler && !mistakes.is_empty() {
            let secret = position.map(|at| keys.label(at));
            self.best = Some(Finding { mistakes, secret, is_certain: true, source: None });
        }
        true
    }
}

/// Every change to the body that is tried, the likeliest first.
fn body_changes(scene: &Scene<'_>) -> Vec<Change> {
    let body = &scene.captured.body;
    let mut changes = Vec::new();
    for other in &scene.captured.other_bodies {
        changes.push(Change::of_body(other.bytes.clone(), Mistake::new(other.code, other.sentence, other.advice)));
    }
    let makers: [fn(&Scene<'_>, &mut Vec<Change>); 5] =
        [body::changes, json::changes, coding::changes, form::changes, charset::changes];
    for make in makers {
        make(scene, &mut changes);
    }
    let mut seen = std::collections::HashSet::from([body.clone()]);
    changes.retain(|change| change.body.as_ref().is_none_or(|body| seen.insert(body.clone())));
    changes
}
