//! One request, explained.

use hookwarden::verify::{Denial, HeaderLine, Request, borrowed};

use super::advice;
use super::capture::Captured;
use super::configuration::Configuration;
use super::decision::{Decision, decide};
use super::differences::differences;
use super::expected::{self, Expected};
use super::peer::Peer;
use super::suspects::{self, Effort, Finding, Mistake, Scene, Strength};
use super::trial::{self, Verifier};
use super::walk::{self, Walked};
use super::when::Arrival;
use crate::cli::config_file::{CheckEntry, SourceEntry};

/// What is said about one request.
pub struct Explanation {
    /// What the filter decides.
    pub decision: Decision,
    /// The name of the source.
    pub source: Option<String>,
    /// The steps of the decision.
    pub steps: Vec<Walked>,
    /// What each check of the source says.
    pub checks: Vec<Checked>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What is worth a look beside it.
    pub notes: Vec<String>,
}

/// What a check says about a request.
pub struct Checked {
    /// Its place in the source.
    pub path: String,
    /// The provider, or that it is a scheme of one's own.
    pub title: String,
    /// The id of the secret that matches, or why none does. `None`: it cannot be tried, for a secret is missing.
    pub result: Option<Result<String, Denial>>,
    /// What it expects of the sender.
    pub expected: Expected,
    /// Where the request differs.
    pub differences: Vec<String>,
}

/// Explains a request.
pub fn explain(
    configuration: &Configuration,
    captured: &Captured,
    peer: &Peer,
    arrival: &Arrival,
    effort: Effort,
) -> Explanation {
    let head = captured.head();
    let decision = decide(configuration, &head, &captured.body, peer, arrival.time);
    let handshake = configuration.handshake_off(&decision, &head, &captured.body, peer, arrival.time);
    let entry = decision.source.and_then(|at| configuration.sources.get(at));
    let mut checks = Vec::new();
    if effort == Effort::Thorough {
        let all = entry.iter().flat_map(|source| source.checks());
        checks.extend(all.map(|check| checked(check, captured, arrival)));
    }
    let findings = match &handshake {
        _ if decision.is_settled() => Vec::new(),
        Some(handshake) => vec![handshake.finding()],
        None => findings(configuration, captured, arrival, &decision, effort),
    };
    let mut notes: Vec<String> = captured.lost.iter().map(|lost| lost.sentence.clone()).collect();
    notes.extend(captured.notes.iter().cloned());
    if let Some(handshake) = handshake.filter(|_| decision.is_verified()) {
        notes.push(handshake.note());
    }
    if arrival.is_guessed
        && findings.iter().flat_map(|finding| &finding.mistakes).any(|one| one.code == "timestamp_stale")
    {
        notes.push("the arrival time is unknown, so the current time was used; set --at".to_owned());
    }
    Explanation {
        source: entry.map(|source| source.name.clone()),
        steps: walk::walk(configuration, captured, peer, &decision),
        decision,
        checks,
        findings,
        notes,
    }
}

fn checked(check: &CheckEntry, captured: &Captured, arrival: &Arrival) -> Checked {
    let head = captured.head();
    let result = Verifier::as_configured(check).map(|verifier| verifier.matching(&head, &captured.body, arrival.time));
    let selected =
        Verifier::as_configured(check).map_or(0, |verifier| verifier.selected_dialect(Request::new(&borrowed(&head))));
    let (expected, differences) = match trial::dialects_with_json(check).get(selected) {
        Some((json, dialect)) => {
            (expected::expected(check, json), differences(dialect, &head, &captured.body, arrival.time))
        }
        None => (Expected::default(), Vec::new()),
    };
    Checked { path: check.place.clone(), title: check.title(), result, expected, differences }
}

/// What is wrong with a request that is refused, or goes on unverified.
fn findings(
    configuration: &Configuration,
    captured: &Captured,
    arrival: &Arrival,
    decision: &Decision,
    effort: Effort,
) -> Vec<Finding> {
    let denial = decision.denial().unwrap_or(Denial::Unmatched);
    if denial == Denial::TooManyHeaders && decision.source.is_none() {
        return advice::of(denial, Vec::new()).into_iter().collect();
    }
    let Some((position, source)) = decision.source.and_then(|at| Some((at, configuration.sources.get(at)?))) else {
        let mut findings = suspects::nearest(configuration, captured);
        let astray = suspects::astray(configuration, None, captured, arrival.time);
        suspects::join(&mut findings, astray);
        if findings.is_empty() {
            let patterns = configuration.sources.iter().take(6).map(|source| source.pattern.clone());
            findings.extend(advice::of(denial, patterns.collect()));
        }
        return findings;
    };
    let mut findings = Vec::new();
    let step = walk::step_of(denial);
    if !matches!(step, "proof" | "freshness") {
        let missing: Vec<String> = source
            .groups
            .iter()
            .flatten()
            .flat_map(|check| check.secrets())
            .filter(|(_, secret)| secret.text.is_none())
            .filter_map(|(_, secret)| secret.env.clone())
            .collect();
        findings.extend(advice::of(denial, missing));
        if matches!(denial, Denial::SourceClosed | Denial::SecretUnavailable | Denial::KeyUnavailable) {
            return findings;
        }
    }
    let head = captured.head();
    for group in &source.groups {
        let results: Vec<_> = group
            .iter()
            .map(|check| {
                let verifier = Verifier::as_configured(check);
                (check, verifier.map(|verifier| verifier.matching(&head, &captured.body, arrival.time)))
            })
            .collect();
        if results.iter().any(|(_, result)| matches!(result, Some(Ok(_)))) {
            continue;
        }
        let mut of_group = Vec::new();
        // Of alternatives, the sender chose the one whose proof is there.
        let lacks = |denial: Denial| matches!(denial, Denial::SignatureMissing | Denial::CredentialMissing);
        let is_any_presented = results.iter().any(|(_, result)| matches!(result, Some(Err(denial)) if !lacks(*denial)));
        for (check, result) in results {
            let Some(Err(denial)) = result else { continue };
            if is_any_presented && lacks(denial) {
                continue;
            }
            let scene = Scene::new(configuration, position, check, captured, arrival.time, denial, effort);
            of_group.extend(suspects::search(&scene));
        }
        if of_group.iter().any(|finding| finding.is_certain) {
            of_group.retain(|finding| finding.is_certain);
        }
        findings.extend(of_group);
    }
    // That it was sent to the wrong place explains more than two mistakes at once.
    let is_simple = |finding: &Finding| finding.is_certain && finding.mistakes.len() < 2;
    if !findings.iter().any(is_simple) {
        let mut astray = suspects::astray(configuration, Some(position), captured, arrival.time);
        // A source that looks at less only fails to notice what is wrong with the proof that is there.
        if matches!(step, "proof" | "freshness") && source_proof_is_presented(source, &head) {
            let own = Strength::of_source(source);
            astray.retain(|finding| {
                let other = finding.source.and_then(|at| Strength::of_source(configuration.sources.get(at)?));
                !matches!((&own, &other), (Some(own), Some(other)) if other.is_less_than(own))
            });
        }
        if !astray.is_empty() {
            findings.clear();
        }
        findings.splice(0..0, astray);
    }
    // Where it is known what became of the body, the length that differs tells no more.
    let tells = |finding: &Finding| finding.mistakes.iter().any(|one| one.code != "content_length_mismatch");
    if denial == Denial::ContentLengthMismatch && findings.iter().any(tells) {
        findings.retain(tells);
    }
    say_losses(&mut findings, captured, denial);
    if findings.is_empty() {
        findings.extend(advice::of(denial, Vec::new()));
    }
    findings
}

/// What the capture itself has lost is what went wrong, as long as nothing is known for certain.
fn say_losses(findings: &mut Vec<Finding>, captured: &Captured, denial: Denial) {
    // That a header is missing has nothing to do with the body.
    let is_of_proof = walk::step_of(denial) == "proof" && denial != Denial::SignatureMissing;
    let known = |finding: &Finding, code: &str| finding.mistakes.iter().any(|one| one.code == code);
    let is_answered = |finding: &Finding| finding.is_certain && !known(finding, "content_length_mismatch");
    if !(is_of_proof || denial == Denial::ContentLengthMismatch) || findings.iter().any(is_answered) {
        return;
    }
    let lost: Vec<_> = captured.lost.iter().filter(|lost| lost.is_of_body() || lost.is_of_url()).collect();
    if lost.iter().any(|lost| lost.is_of_body()) {
        let same = ["body_missing", "body_truncated", "content_length_mismatch"];
        findings.retain(|finding| !same.iter().any(|code| known(finding, code)));
    }
    let found = lost.into_iter().map(|lost| Finding {
        mistakes: vec![Mistake::new(lost.code, lost.sentence.clone(), lost.advice.clone())],
        secret: None,
        is_certain: false,
        source: None,
    });
    // A masked proof fails whatever the body is.
    let masked = findings.iter().take_while(|finding| known(finding, "capture_masked")).count();
    findings.splice(masked..masked, found);
}

/// Whether a request has the proof of any check of a source.
fn source_proof_is_presented(source: &SourceEntry, head: &[HeaderLine]) -> bool {
    let dialects = source.checks().filter_map(trial::schemes).flatten();
    dialects.into_iter().any(|(scheme, _)| scheme.is_presented(Request::new(&borrowed(head))))
}

impl Explanation {
    /// The codes of the first finding, joined where mistakes were made together.
    pub fn finding_code(&self) -> Option<String> {
        let first = self.findings.first()?;
        let codes: Vec<_> = first.mistakes.iter().map(|mistake: &Mistake| mistake.code).collect();
        Some(codes.join("+"))
    }
}
