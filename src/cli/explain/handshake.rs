//! A handshake of a source that takes no part in handshakes, which the filter treats like any other request.

use hookwarden::step::Outcome;
use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::{Denial, HeaderLine};

use super::configuration::Configuration;
use super::decision::{Decision, decide};
use super::peer::Peer;
use super::suspects::{Finding, Mistake};
use crate::cli::config_file::{CheckEntry, SourceEntry};
use crate::cli::{handshake, registry};

/// A handshake that would be recognised if its source took part.
pub struct HandshakeOff {
    /// The sender's name.
    sender: String,
    source: String,
    /// What to add to the source.
    advice: String,
}

impl HandshakeOff {
    /// Why the request is refused.
    pub fn finding(&self) -> Finding {
        let mistake = Mistake::new(
            "handshake_off",
            format!(
                "This is how {} checks an endpoint, and not an event: the source \"{}\" takes no part in handshakes.",
                self.sender, self.source
            ),
            format!("Add {} to the source: see docs/handshakes.md.", self.advice),
        );
        Finding { mistakes: vec![mistake], secret: None, is_certain: true, source: None }
    }

    /// What to know about a handshake that is verified, and therefore forwarded like an event.
    pub fn note(&self) -> String {
        format!(
            "this is how {} checks an endpoint, and not an event: the application has to answer it, unless the source has \
             {}",
            self.sender, self.advice
        )
    }
}

impl Configuration {
    /// The handshake that a request is, if its source would recognise it but takes no part in handshakes.
    pub fn handshake_off(
        &self,
        decision: &Decision,
        head: &[HeaderLine],
        body: &[u8],
        peer: &Peer,
        now: UnixTime,
    ) -> Option<HandshakeOff> {
        let source = self.sources.get(decision.source?)?;
        let is_shut = matches!(decision.denial(), Some(Denial::SourceClosed | Denial::SourceDisabled));
        if decision.outcome == Outcome::Handshake || is_shut || handshake::takes_part(source) {
            return None;
        }
        let (check, written) = source.checks().find_map(|check| Some((check, handshake::of_check(check)?)))?;
        let names = handshake::needed_values(&written, check);
        let option = handshake::option(&written, &names, |_| None);
        let trial = self.with_only(&with_handshake(source, option))?;
        let outcome = decide(&trial, head, body, peer, now);
        let is_recognised = outcome.outcome == Outcome::Handshake
            || matches!(outcome.denial(), Some(Denial::HandshakeMalformed | Denial::HandshakeMismatch))
            // The application answers it, and none with a body is forwarded: its form is all there is to go by.
            || (!handshake::has_answer(&written) && has_token(&written, head));
        is_recognised.then(|| HandshakeOff {
            sender: sender(check),
            source: source.name.clone(),
            advice: handshake::advice(&written, &names),
        })
    }
}

/// The source as it is written, with another `handshake`, enforced.
fn with_handshake(source: &SourceEntry, option: Json) -> Json {
    let mut members = match &source.json {
        Json::Object(members) => members.clone(),
        _ => Vec::new(),
    };
    members.retain(|(name, _)| name != "handshake" && name != "mode");
    members.push(("handshake".to_owned(), option));
    Json::Object(members)
}

/// Whether a request has the header in which a sender hands over its secret.
fn has_token(written: &Json, head: &[HeaderLine]) -> bool {
    let at = handshake::rules(written).into_iter().find_map(|rule| crate::cli::config_file::text(rule, "token.at"));
    let name = at.as_deref().and_then(|at| at.strip_prefix("header:")).map(str::to_owned);
    name.is_some_and(|name| head.iter().any(|(own, _)| own.eq_ignore_ascii_case(&name)))
}

fn sender(check: &CheckEntry) -> String {
    let found = check.provider.as_deref().and_then(registry::find);
    found.map_or_else(|| "the sender".to_owned(), |sender| sender.title)
}
