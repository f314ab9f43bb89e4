//! What really goes wrong. Every suspect is a change to the request, the secret or the scheme; one that makes the
//! proof right is the mistake, for a code does not match by chance.

mod base_url;
mod body;
mod charset;
mod coding;
mod credential;
mod effort;
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
mod scene;
mod secret_form;
mod sender;
mod siblings;
mod strength;
mod time;
mod token;
mod url;
mod variants;

use hookwarden::verify::HeaderLine;
use hookwarden::verify::request::MAX_KEPT;
use hookwarden::verify::scheme::Scheme;

use super::trial::{self, Verifier};
pub use effort::Effort;
use head_change::HeadChange;
use key::Keys;
pub use route::{astray, join, nearest, reason};
pub use scene::Scene;
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

/// How many changes to the body are tried under every key.
const USUAL_BODIES: usize = 160;

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
