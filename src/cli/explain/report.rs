//! An explanation as people read it, and as JSON.

use hookwarden::step::Outcome;
use serde_json::{Value, json};

use super::capture::Captured;
use super::explanation::{Checked, Explanation};
use super::suspects::Finding;
use super::walk::{Reached, Walked};
use super::when::Arrival;
use crate::cli::clock;
use crate::cli::layout;
use crate::cli::terminal::{BAD, FAINT, GOOD, STRONG, WARNING};

/// The explanation in lines.
pub fn text(explanation: &Explanation, captured: &Captured, arrival: &Arrival) -> String {
    let mut out = headline(explanation);
    let media_type =
        captured.header("content-type").map(|value| format!(" ({})", printable(value))).unwrap_or_default();
    let (method, host, path, bytes) = (&captured.method, &captured.authority, captured.path(), captured.body.len());
    line("request", &format!("{method} {host}{path}, {bytes} bytes of body{media_type}; {}", captured.form), &mut out);
    line("arrived", &format!("{} ({})", clock::written(arrival.time), arrival.place), &mut out);
    for note in &explanation.notes {
        line("note", note, &mut out);
    }
    out.push_str(&format!("\n{STRONG}The decision, step by step{STRONG:#}\n"));
    steps(&explanation.steps, &mut out);
    for checked in explanation.checks.iter().filter(|_| !explanation.decision.is_settled()) {
        check(checked, &mut out);
    }
    findings(&explanation.findings, &mut out);
    out
}

/// A line with a word in front; what does not fit goes on below.
fn line(word: &str, text: &str, out: &mut String) {
    const COLUMN: usize = 16;
    for (number, part) in layout::wrap(text, layout::WIDTH.saturating_sub(COLUMN)).iter().enumerate() {
        let word = if number == 0 { word } else { "" };
        out.push_str(&format!("  {FAINT}{word:<14}{FAINT:#}{part}\n"));
    }
}

/// The steps, those that have nothing to tell in one line.
fn steps(steps: &[Walked], out: &mut String) {
    let mut rest = steps;
    while let Some(first) = rest.first() {
        let alike =
            rest.iter().take_while(|walked| walked.detail.is_empty() && walked.result == first.result).count().max(1);
        let (group, behind) = rest.split_at_checked(alike).unwrap_or((rest, &[]));
        rest = behind;
        let (style, word) = match first.result {
            Reached::Held => (GOOD, "pass"),
            Reached::Refused => (BAD, "denied"),
            Reached::NotAsked => (FAINT, "not configured"),
            Reached::NotJudged => (WARNING, "unknown"),
            Reached::Behind => (FAINT, "not reached"),
        };
        let label = |walked: &Walked| if walked.step == "switch" { "mode" } else { walked.step };
        let names: Vec<_> = group.iter().map(label).collect();
        if first.detail.is_empty() {
            out.push_str(&format!("  {FAINT}{}: {word}{FAINT:#}\n", names.join(", ")));
        } else {
            let words = format!("{style}{word}{style:#}: {}", first.detail);
            line(label(first), &words, out);
        }
    }
}

fn headline(explanation: &Explanation) -> String {
    let code = explanation.decision.code();
    let source =
        explanation.source.as_deref().map(|name| format!("source \"{name}\"")).unwrap_or("no source".to_owned());
    match explanation.decision.outcome {
        Outcome::Passed => {
            let ids: Vec<_> = explanation.decision.matches.iter().map(|id| format!("\"{id}\"")).collect();
            let by = if ids.is_empty() { String::new() } else { format!(", with the secret {}", ids.join(" and ")) };
            format!("{GOOD}verified{GOOD:#}: the request verifies for the {source}{by}\n")
        }
        Outcome::Handshake => match &explanation.decision.answer {
            Some(answer) => {
                let body = String::from_utf8_lossy(&answer.body);
                let body = if body.is_empty() { "without a body".to_owned() } else { format!("and {body}") };
                format!("{GOOD}handshake{GOOD:#}: the {source} answers it with {} {body}\n", answer.status)
            }
            None if explanation.decision.confirms => format!(
                "{GOOD}handshake{GOOD:#}: the {source} confirms the subscription with a call, then answers with 200\n"
            ),
            None => {
                format!("{GOOD}handshake{GOOD:#}: the {source} forwards it, marked, for the application to answer\n")
            }
        },
        Outcome::Denied(_) => {
            let status = explanation.decision.status.map(|status| format!(" ({status})")).unwrap_or_default();
            let source = if explanation.source.is_some() {
                format!("the {source} refuses the request")
            } else {
                "the request is denied".to_owned()
            };
            format!("{BAD}refused{BAD:#}: {source}: {STRONG}{code}{STRONG:#}{status}\n")
        }
        Outcome::Observed(_) => {
            format!(
                "{BAD}not verified{BAD:#}: the {source} only observes, and would refuse the request: {STRONG}{code}{STRONG:#}\n"
            )
        }
        Outcome::Unmatched => {
            format!("{WARNING}not verified{WARNING:#}: {source} matches the request, which passes unverified\n")
        }
    }
}

fn check(checked: &Checked, out: &mut String) {
    let (style, word) = match &checked.result {
        Some(Ok(id)) => (GOOD, format!("verifies, with the secret \"{id}\"")),
        Some(Err(denial)) => (BAD, format!("fails: {denial}")),
        None => (WARNING, "cannot be tried: a secret is missing".to_owned()),
    };
    let title = &checked.title;
    out.push_str(&format!(
        "\n{STRONG}What {title} expects of the sender{STRONG:#} ({}) {style}{word}{style:#}\n",
        checked.path
    ));
    for (word, words) in &checked.expected.lines {
        line(word, words, out);
    }
    for difference in &checked.differences {
        line("here", difference, out);
    }
}

fn findings(findings: &[Finding], out: &mut String) {
    if findings.is_empty() {
        return;
    }
    out.push_str(&format!("\n{STRONG}What went wrong{STRONG:#}\n"));
    for finding in findings {
        let certainty = if finding.is_certain { "certain" } else { "likely" };
        for (number, mistake) in finding.mistakes.iter().enumerate() {
            let together = if number > 0 { ", together with the one before" } else { "" };
            out.push_str(&format!("  {WARNING}{}{WARNING:#} {FAINT}({certainty}{together}){FAINT:#}\n", mistake.code));
            indented(&mistake.sentence, out);
            indented(&format!("{STRONG}To do:{STRONG:#} {}", mistake.advice), out);
        }
        if let Some(secret) = finding.secret.as_ref().filter(|_| finding.is_certain) {
            indented(&format!("{FAINT}With this fixed, the request verifies with the secret {secret}.{FAINT:#}"), out);
        }
    }
}

fn indented(text: &str, out: &mut String) {
    for part in layout::wrap(text, layout::WIDTH.saturating_sub(4)) {
        out.push_str(&format!("    {part}\n"));
    }
}

/// The explanation as JSON.
pub fn json(explanation: &Explanation, captured: &Captured, arrival: &Arrival) -> Value {
    let steps: Vec<_> = explanation
        .steps
        .iter()
        .map(|walked| json!({ "step": walked.step, "result": walked.result.word(), "words": walked.detail }))
        .collect();
    let checks: Vec<_> = explanation
        .checks
        .iter()
        .map(|checked| {
            let expected: Vec<_> =
                checked.expected.lines.iter().map(|(what, words)| json!({ "what": what, "words": words })).collect();
            json!({
                "path": checked.path,
                "title": checked.title,
                "code": match &checked.result {
                    Some(Ok(_)) => Some("verified"),
                    Some(Err(denial)) => Some(denial.code()),
                    None => None,
                },
                "secret": checked.result.as_ref().and_then(|result| result.as_ref().ok()),
                "expected": expected,
                "signed": checked.expected.signed,
                "differences": checked.differences,
            })
        })
        .collect();
    json!({
        "verified": explanation.decision.is_verified(),
        "outcome": explanation.decision.word(),
        "code": explanation.decision.code(),
        "status": explanation.decision.status,
        "source": explanation.source,
        "secrets": explanation.decision.matches,
        "request": {
            "form": captured.form,
            "method": captured.method,
            "host": captured.authority,
            "path": captured.path(),
            "body_bytes": captured.body.len(),
        },
        "time": clock::written(arrival.time),
        "time_from": arrival.place,
        "steps": steps,
        "checks": checks,
        "finding": explanation.finding_code(),
        "findings": explanation.findings.iter().map(finding_json).collect::<Vec<_>>(),
        "notes": explanation.notes,
    })
}

fn finding_json(finding: &Finding) -> Value {
    let mistakes: Vec<_> = finding
        .mistakes
        .iter()
        .map(|mistake| json!({ "code": mistake.code, "sentence": mistake.sentence, "advice": mistake.advice }))
        .collect();
    json!({ "certain": finding.is_certain, "secret": finding.secret, "mistakes": mistakes })
}

/// What of a value can be shown in a line.
fn printable(value: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(value).chars().take(60).collect();
    text.split(';').next().unwrap_or_default().chars().filter(|char| !char.is_control()).collect()
}
