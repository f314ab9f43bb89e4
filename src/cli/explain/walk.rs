//! The decision, step by step.

use std::rc::Rc;

use hookwarden::config::{Mode, Source};
use hookwarden::guard::address::{self, AddressWarning};
use hookwarden::step::Outcome;
use hookwarden::verify::Denial;

use super::capture::Captured;
use super::configuration::Configuration;
use super::decision::Decision;
use super::peer::{Peer, Tls};
use super::suspects;
use crate::cli::config_file::SourceEntry;

/// A step of the decision, and what it came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walked {
    /// Its name.
    pub step: &'static str,
    /// What it came to.
    pub result: Reached,
    /// Why, for people.
    pub detail: String,
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
        Denial::SourceDisabled | Denial::SourceClosed | Denial::SecretUnavailable => "switch",
        Denial::TooManyHeaders
        | Denial::MethodNotAllowed
        | Denial::QueryNotAllowed
        | Denial::ContentEncoding
        | Denial::ContentLengthInvalid
        | Denial::ContentLengthMismatch
        | Denial::BodyTooLarge
        | Denial::BodyInflation
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
    let source = decision.source.and_then(|at| configuration.policy.sources.get(at)).map(Rc::as_ref);
    let entry = decision.source.and_then(|at| configuration.sources.get(at));
    let mut is_over = false;
    let mut walked = Vec::new();
    for step in STEPS {
        if let Some((refused, denial)) = refusing.filter(|(refused, _)| *refused == step) {
            let detail = denial_detail(configuration, captured, peer, source, denial);
            walked.push(Walked { step: refused, result: Reached::Refused, detail: format!("{denial}: {detail}") });
            is_over = true;
        } else if is_over || source.is_none() && step != "match" {
            walked.push(Walked { step, result: Reached::Behind, detail: String::new() });
        } else {
            let (result, detail) = match (step, source, entry) {
                ("match", Some(_), Some(entry)) => (Reached::Held, matched(configuration, captured, entry, decision)),
                ("match", ..) if refusing.is_none() => (
                    Reached::Held,
                    "no source matches it, and \"unmatched\" is \"allow\": it passes unverified".to_owned(),
                ),
                (_, Some(source), Some(entry)) => held(step, configuration, source, entry, captured, peer, decision),
                _ => (Reached::Behind, String::new()),
            };
            walked.push(Walked { step, result, detail });
        }
    }
    walked
}

/// Why the source that was chosen was chosen, and the others were not.
fn matched(configuration: &Configuration, captured: &Captured, chosen: &SourceEntry, decision: &Decision) -> String {
    let mut detail = format!("{}{} matches the source \"{}\"", captured.authority, captured.path(), chosen.name);
    let others: Vec<_> = others(configuration, captured, decision.source);
    if !others.is_empty() {
        detail.push_str(&format!("; {}", others.join("; ")));
    }
    detail
}

/// Why other sources were not chosen, a few of them.
fn others(configuration: &Configuration, captured: &Captured, chosen: Option<usize>) -> Vec<String> {
    const MOST: usize = 6;
    let rest = configuration.sources.iter().enumerate().filter(|(at, _)| Some(*at) != chosen);
    let mut detail: Vec<_> = rest
        .map(|(_, source)| match suspects::reason(source, captured) {
            Some(reason) => format!("\"{}\" {reason}", source.name),
            None => format!("\"{}\" matches too, less specifically", source.name),
        })
        .collect();
    if detail.len() > MOST {
        let more = detail.len().saturating_sub(MOST);
        detail.truncate(MOST);
        detail.push(format!("and {more} more"));
    }
    detail
}

/// What a step came to that did not refuse.
fn held(
    step: &str,
    configuration: &Configuration,
    source: &Source,
    entry: &SourceEntry,
    captured: &Captured,
    peer: &Peer,
    decision: &Decision,
) -> (Reached, String) {
    let asked = |is_asked: bool, detail: String| {
        if is_asked { (Reached::Held, detail) } else { (Reached::NotAsked, String::new()) }
    };
    match step {
        "switch" => {
            let detail = match source.mode {
                Mode::Enforce => "enforce",
                Mode::Observe => "observe: nothing is denied, and what would be is counted",
                Mode::Disabled => "disabled",
            };
            (Reached::Held, detail.to_owned())
        }
        "shape" => {
            let limit = source.max_body_bytes.map_or("no limit".to_owned(), |limit| format!("limit {limit}"));
            (Reached::Held, format!("{}, {} bytes of body; {limit}", captured.method, captured.body.len()))
        }
        "transport" if configuration.unjudged.transport && entry.member("transport").is_some() => {
            (Reached::NotJudged, "the TLS version is not known; set it with --tls".to_owned())
        }
        "transport" => asked(source.transport.is_some(), tls_detail(peer)),
        "address"
            if configuration.unjudged.address
                && ["allow_from", "deny_from"].iter().any(|name| entry.member(name).is_some()) =>
        {
            (Reached::NotJudged, "the client's address is not known; set it with --client-address".to_owned())
        }
        "address" => {
            asked(source.address.is_some(), format!("{} may call", peer.address.as_deref().unwrap_or_default()))
        }
        "flood" => asked(source.flood.is_some(), "no earlier requests".to_owned()),
        "proof" => (Reached::Held, proof_detail(decision)),
        "freshness" => {
            let has_time = source
                .requirement
                .iter()
                .flat_map(|one| one.checks())
                .any(|check| check.scheme().tolerance().is_some());
            asked(has_time, "the signed time is within the tolerance".to_owned())
        }
        "budget" => asked(source.budget.is_some(), "no earlier requests".to_owned()),
        "once" if decision.asks_store => (Reached::NotJudged, "depends on the shared replay store".to_owned()),
        _ => asked(source.replay.is_some(), "no earlier requests".to_owned()),
    }
}

fn proof_detail(decision: &Decision) -> String {
    let ids: Vec<_> = decision.matches.iter().map(|id| format!("\"{id}\"")).collect();
    match ids.as_slice() {
        [] if decision.outcome == Outcome::Handshake => {
            "not needed: the sender does not sign this handshake".to_owned()
        }
        [] => "verified".to_owned(),
        [one] => format!("verified with the secret {one}"),
        several => format!("verified with the secrets {}, one for each check", several.join(" and ")),
    }
}

fn tls_detail(peer: &Peer) -> String {
    match peer.tls {
        Some(Tls::Version(version)) => version.to_owned(),
        _ => "plain text, with TLS asserted by a trusted proxy".to_owned(),
    }
}

/// What a refusal is about.
fn denial_detail(
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
            format!("{}{} matches no source: {}", captured.authority, captured.path(), others.join("; "))
        }
        Denial::MethodNotAllowed => {
            format!(
                "{meaning}: it is {}, but {} is accepted",
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
                source.and_then(|source| source.max_body_bytes).map(|limit| format!("; at most {limit} are accepted"));
            format!("{meaning}: {} bytes came{}", captured.body.len(), limit.unwrap_or_default())
        }
        Denial::AddressDenied => {
            let address = peer.address.as_deref().unwrap_or_default();
            let forwarded = captured.header("x-forwarded-for").unwrap_or_default();
            let warning = address::warning(address.as_bytes(), forwarded).map(|warning| match warning {
                AddressWarning::Shared => ", which seems to be a proxy's: X-Forwarded-For names a public one",
                AddressWarning::Forgeable => ", which is what the caller wrote into X-Forwarded-For",
            });
            format!("{meaning}: it is {address}{}", warning.unwrap_or_default())
        }
        Denial::TlsVersion | Denial::TransportInsecure => match peer.tls {
            Some(Tls::Version(version)) => format!("{meaning}: it is {version}"),
            _ => format!("{meaning}: it came in plain text"),
        },
        _ => meaning,
    }
}
