//! Secrets under which a source answers challenges of strangers with a MAC, and which other checks verify with.
//!
//! The check that answers refuses what has the form of a challenge. Another check with the same key and the same hash would
//! not, so that a stranger could have its requests signed.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::policy::Source;
use super::problem::{Findings, Path};
use super::secret;
use crate::handshake::{ChallengeForm, ProofRule};
use crate::verify::check::Check;
use crate::verify::key::live::Origin;
use crate::verify::key::secret::KeyMark;

/// What two checks with the same secret have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Key(KeyMark),
    /// The key of a live secret is not known here, but where it comes from is.
    Live(Origin),
}

/// Reports every check whose secret another one answers challenges with, and that does not refuse them itself.
pub(super) fn check(sources: &[(Path, Rc<Source>)], findings: &mut Findings) {
    let mut answering: BTreeMap<Mark, (&Path, Vec<ChallengeForm>)> = BTreeMap::new();
    for (path, source) in sources {
        let by_strangers = |proof: &ProofRule| !matches!(proof, ProofRule::Signed);
        for handshake in source.handshakes.0.iter().filter(|handshake| by_strangers(&handshake.proof)) {
            let (group, place) = handshake.check;
            let check = source.requirement.as_ref().and_then(|requirement| requirement.check_at(group, place));
            let Some((check, form)) = check.zip(handshake.challenge_form()) else { continue };
            for mark in marks(check) {
                answering.entry(mark).or_insert_with(|| (path, Vec::new())).1.push(form.clone());
            }
        }
    }
    if answering.is_empty() {
        return;
    }
    for (path, source) in sources {
        for check in source.requirement.iter().flat_map(|requirement| requirement.checks()) {
            let refuses = |form: &ChallengeForm| check.challenges().contains(form);
            let found = marks(check).into_iter().filter_map(|mark| answering.get(&mark));
            if let Some((other, _)) = found.into_iter().find(|(_, forms)| !forms.iter().all(refuses)) {
                let wrong =
                    format!("has a secret with which {other} answers challenges, so that strangers get MACs of it");
                findings.problem(&path.member("verify"), (wrong, "use different secrets, or take the same handshakes"));
            }
        }
    }
}

/// The marks of all keys of a check that are visible, and of its live secrets.
fn marks(check: &Check) -> Vec<Mark> {
    let unseen = secret::unseen_key(check.scheme()).map_or_else(Vec::new, |key| key.marks());
    let marks = check.keyring().all().flat_map(|secret| secret.key.marks());
    let live = check.keyring().live().map(|(_, live)| Mark::Live(live.origin.clone()));
    marks.filter(|mark| !unseen.contains(mark)).map(Mark::Key).chain(live).collect()
}
