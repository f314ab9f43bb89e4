//! The decision, step by step.

use hookwarden::config::{Mode, Source};
use hookwarden::verify::Denial;

use super::capture::Captured;
use super::configuration::{Configuration, WrittenSource};
use super::decision::Decision;
use super::peer::{Peer, Tls};
use super::suspects;

/// A step of the decision, and what it came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walked {
    /// Its name.
    pub step: &'static str,
    /// What it came to.
    pub result: Reached,
    /// Why, for people.
    pub words: String,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// It lets the request go on.
    Held,
    /// It refuses.
    Refused,
    /// The source does not ask for it.
    NotAsked,
    /// It cannot be judged from the capture alone.
    NotJudged,
    /// An earlier one refused.
    Behind,
}

impl Reached {
    /// The stable word.
    pub fn word(self) -> &'static str {
        match self {
            Reached::Held => "held",
            Reached::Refused => "refused",
            Reached::NotAsked => "not_asked",
            Reached::NotJudged => "not_judged",
            Reached::Behind => "not_reached",
        }
    }
}

/// The steps, in order.
pub const STEPS: [&str; 10] =
    ["match", "switch", "shape", "transport", "address", "flood", "proof", "freshness", "budget", "once"];

/// The step that refuses with this denial.
pub fn step_of(denial: Denial) -> &'static str {
    match denial {
        Denial::Unmatched | Denial::AmbiguousPath => "match",
        Denial::SourceDisabled | Denial::SourceClosed => "switch",
        Denial::TooManyHeaders
        | Denial::MethodNotAllowed
        | Denial::QueryNotAllowed
        | Denial::ContentEncoding
        | Denial::ContentLengthInvalid
        | Denial::ContentLengthMismatch
        | Denial::BodyTooLarge
        | Denial::BodyTimeout => "shape",
        Denial::TransportInsecure | Denial::TlsVersion | Denial::ClientCertificateMissing => "transport",
        Denial::AddressMissing | Denial::AddressDenied => "address",
        Denial::FloodLimited => "flood",
        Denial::TimestampStale | Denial::TimestampFuture | Denial::TokenExpired | Denial::TokenEarly => "freshness",
        Denial::RateLimited => "budget",
        Denial::EventIdMissing | Denial::Duplicate | Denial::ReplayFull | Denial::ReplayUnavailable => "once",
        _ => "proof",
    }
}

/// Walks through what was decided.
pub fn walk(configuration: &Configuration, captured: &Captured, peer: &Peer, decision: &Decision) -> Vec<Walked> {
    let refusing = decision.denial().map(|denial| (step_of(denial), denial));
    let source = decision.source.and_then(|at| configuration.policy.sources.get(at));
    let written = decision.source.and_then(|at| configuration.sources.get(at));
    let mut is_over = false;
    let mut walked = Vec::new();
    for step in STEPS {
        if let Some((refused, denial)) = refusing.filter(|(refused, _)| *refused == step) {
            let detail = refusal_words(configuration, captured, peer, source, denial);
            walked.push(Walked { step: refused, result: Reached::Refused, words: format!("{denial}: {detail}") });
            is_over = true;
        } else if is_over || source.is_none() && step != "match" {
            walked.push(Walked { step, result: Reached::Behind, words: String::new() });
        } else {
            let (result, words) = match (step, source, written) {
                ("match", Some(_), Some(written)) => {
                    (Reached::Held, matched(configuration, captured, written, decision))
                }
                ("match", ..) => (
                    Reached::Held,
                    "no source wants it, and \"unmatched\" is \"allow\": it goes on unproved".to_owned(),
                ),
                (_, Some(source), Some(written)) => {
                    held(step, configuration, source, written, captured, peer, decision)
                }
                _ => (Reached::Behind, String::new()),
            };
            walked.push(Walked { step, result, words });
        }
    }
    walked
}

/// Why the source that was chosen was chosen, and the others were not.
fn matched(configuration: &Configuration, captured: &Captured, chosen: &WrittenSource, decision: &Decision) -> String {
    let mut words = format!("{}{} is for the source \"{}\"", captured.authority, captured.path(), chosen.name);
    let others: Vec<_> = others(configuration, captured, decision.source);
    if !others.is_empty() {
        words.push_str(&format!("; {}", others.join("; ")));
    }
    words
}

/// Why other sources were not chosen, a few of them.
fn others(configuration: &Configuration, captured: &Captured, chosen: Option<usize>) -> Vec<String> {
    const MOST: usize = 6;
    let rest = configuration.sources.iter().enumerate().filter(|(at, _)| Some(*at) != chosen);
    let mut words: Vec<_> = rest
        .map(|(_, source)| match suspects::reason(source, captured) {
            Some(reason) => format!("\"{}\" {reason}", source.name),
            None => format!("\"{}\" fits too, and less exactly", source.name),
        })
        .collect();
    if words.len() > MOST {
        let more = words.len().saturating_sub(MOST);
        words.truncate(MOST);
        words.push(format!("and {more} more"));
    }
    words
}

/// What a step came to that did not refuse.
fn held(
    step: &str,
    configuration: &Configuration,
    source: &Source,
    written: &WrittenSource,
    captured: &Captured,
    peer: &Peer,
    decision: &Decision,
) -> (Reached, String) {
    let asked = |is_asked: bool, words: String| {
        if is_asked { (Reached::Held, words) } else { (Reached::NotAsked, String::new()) }
    };
    match step {
        "switch" => {
            let words = match source.mode {
                Mode::Enforce => "the source enforces",
                Mode::Observe => "the source observes: it refuses nothing, and counts what it would refuse",
                Mode::Disabled => "the source is disabled",
            };
            (Reached::Held, words.to_owned())
        }
        "shape" => {
            let limit =
                source.max_body_bytes.map_or("no limit".to_owned(), |limit| format!("at most {limit} are taken"));
            (Reached::Held, format!("{}, {} bytes of body; {limit}", captured.method, captured.body.len()))
        }
        "transport" if configuration.unjudged.transport && written.has_transport => {
            (Reached::NotJudged, "how the client connected is not known; say it with --tls".to_owned())
        }
        "transport" => asked(source.transport.is_some(), tls_words(peer)),
        "address" if configuration.unjudged.address && written.has_address => {
            (Reached::NotJudged, "the client's address is not known; say it with --client-address".to_owned())
        }
        "address" => {
            asked(source.address.is_some(), format!("{} may call", peer.address.as_deref().unwrap_or_default()))
        }
        "flood" => asked(source.flood.is_some(), "no earlier request is known of".to_owned()),
        "proof" => (Reached::Held, proof_words(decision)),
        "freshness" => {
            let has_time = source
                .requirement
                .iter()
                .flat_map(|one| one.checks())
                .any(|check| check.scheme().tolerance().is_some());
            asked(has_time, "the signed time is within the tolerance".to_owned())
        }
        "budget" => asked(source.budget.is_some(), "no earlier request is known of".to_owned()),
        "once" if decision.asks_store => {
            (Reached::NotJudged, "the store that the fleet shares would be asked".to_owned())
        }
        _ => asked(source.replay.is_some(), "no earlier request is known of".to_owned()),
    }
}

fn proof_words(decision: &Decision) -> String {
    let ids: Vec<_> = decision.matches.iter().map(|id| format!("\"{id}\"")).collect();
    match ids.as_slice() {
        [] => "it holds".to_owned(),
        [one] => format!("the secret {one} matches"),
        several => format!("the secrets {} match, one a check", several.join(" and ")),
    }
}

fn tls_words(peer: &Peer) -> String {
    match peer.tls {
        Some(Tls::Version(version)) => version.to_owned(),
        _ => "plain text, and a proxy in front vouches for TLS".to_owned(),
    }
}

/// What a refusal is about.
fn refusal_words(
    configuration: &Configuration,
    captured: &Captured,
    peer: &Peer,
    source: Option<&Source>,
    denial: Denial,
) -> String {
    let meaning = denial.meaning().trim().trim_end_matches('.').to_owned();
    match denial {
        Denial::Unmatched => {
            let others = others(configuration, captured, None);
            format!("{}{} is for no source: {}", captured.authority, captured.path(), others.join("; "))
        }
        Denial::MethodNotAllowed => {
            format!(
                "{meaning}: it is {}, and {} is taken",
                captured.method,
                source.map(|source| source.shape.allow()).unwrap_or_default()
            )
        }
        Denial::ContentLengthMismatch => {
            let declared = captured.header("content-length").map(|value| String::from_utf8_lossy(value).into_owned());
            format!("{meaning}: {} bytes came, and {} were declared", captured.body.len(), declared.unwrap_or_default())
        }
        Denial::BodyTooLarge => {
            let limit =
                source.and_then(|source| source.max_body_bytes).map(|limit| format!("; at most {limit} are taken"));
            format!("{meaning}: {} bytes came{}", captured.body.len(), limit.unwrap_or_default())
        }
        Denial::AddressDenied => format!("{meaning}: it is {}", peer.address.as_deref().unwrap_or_default()),
        Denial::TlsVersion | Denial::TransportInsecure => match peer.tls {
            Some(Tls::Version(version)) => format!("{meaning}: it is {version}"),
            _ => format!("{meaning}: it came in plain text"),
        },
        _ => meaning,
    }
}
