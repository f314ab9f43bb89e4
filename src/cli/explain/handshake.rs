//! A handshake of a source that takes no part in handshakes, which the filter treats like any other request.

use hookwarden::step::Outcome;
use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::expression::message::Message;
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::{Denial, HeaderLine};

use super::configuration::Configuration;
use super::decision::{Decision, decide};
use super::peer::Peer;
use super::suspects::{Finding, Mistake};
use crate::cli::config_file::{self, CheckEntry, SourceEntry};
use crate::cli::{handshake, http_request, registry};

/// A handshake that would be recognised if its source took part.
pub struct HandshakeOff {
    /// The sender's name.
    sender: String,
    source: String,
    /// What to add to the source.
    option: String,
    /// Whether the application has to respond, because the sender hands over a secret.
    hands_over: bool,
    has_body: bool,
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
            match (self.hands_over, self.has_body) {
                (false, _) => format!("Add {} to the source: see docs/handshakes.md.", self.option),
                (true, false) => format!(
                    "Add {} to the source while you register the webhook, so that your application gets the secret: see \
                     docs/handshakes.md.",
                    self.option
                ),
                (true, true) => {
                    "The sender hands over its secret in a request that nobody can verify: set \"mode\" of the \
                                 source to \"observe\" until your application has stored it, see docs/handshakes.md."
                        .to_owned()
                }
            },
        );
        Finding { mistakes: vec![mistake], secret: None, is_certain: true, source: None }
    }

    /// What to know about a handshake that is verified, and therefore forwarded like an event.
    pub fn note(&self) -> String {
        format!(
            "this is how {} checks an endpoint, and not an event: the application has to answer it, unless the source has \
             {}",
            self.sender, self.option
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
        // Whatever values the source would have, they are those of the request.
        let option = handshake::option(&written, &names, |name| presented(&written, name, head, body));
        let trial = self.with_only(&with_handshake(source, option))?;
        let outcome = decide(&trial, head, body, peer, now);
        let is_recognised = outcome.outcome == Outcome::Handshake
            || matches!(outcome.denial(), Some(Denial::HandshakeMalformed | Denial::HandshakeMismatch))
            // The application answers it, and none with a body is forwarded: its form is all there is to go by.
            || (!handshake::has_answer(&written) && has_token(&written, head));
        is_recognised.then(|| HandshakeOff {
            sender: sender(check),
            source: source.name.clone(),
            option: handshake::written_option(&written, &names),
            hands_over: !handshake::has_answer(&written),
            has_body: !body.is_empty(),
        })
    }
}

/// What a request has where the sender repeats a configured value.
fn presented(written: &Json, name: &str, head: &[HeaderLine], body: &[u8]) -> Option<String> {
    let rules = handshake::rules(written).into_iter();
    let mut pairs = rules.flat_map(|rule| config_file::elements(config_file::member(rule, "require")));
    pairs.find_map(|pair| {
        let sides = pair.elements().filter(|_| handshake::value_names(pair).iter().any(|own| own == name))?;
        let template = Message::parse(sides.first()?.text()?, &|_| None).ok()?;
        let value = http_request::read(head, body, |facts| template.render(facts)).ok()?;
        String::from_utf8(value).ok().filter(|text| !text.is_empty())
    })
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
    let at = handshake::rules(written).into_iter().find_map(|rule| config_file::text(rule, "token.at"));
    let name = at.as_deref().and_then(|at| at.strip_prefix("header:")).map(str::to_owned);
    name.is_some_and(|name| head.iter().any(|(own, _)| own.eq_ignore_ascii_case(&name)))
}

fn sender(check: &CheckEntry) -> String {
    let found = check.provider.as_deref().and_then(registry::find);
    found.map_or_else(|| "the sender".to_owned(), |sender| sender.title)
}
