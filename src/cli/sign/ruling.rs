//! The filter's whole decision about a request that was made: not its proof alone, but all that a source refuses for.

use hookwarden::step::Outcome;
use hookwarden::verify::Denial;
use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::primitives::timestamp::UnixTime;

use super::builder::RequestBuilder;
use super::error::Error;
use super::task::Configured;
use super::verifier;
use crate::cli::config_file;
use crate::cli::environment::Environment;
use crate::cli::explain::advice;
use crate::cli::explain::configuration::{Configuration, Unjudged};
use crate::cli::explain::decision::{Decision, decide};
use crate::cli::explain::peer::Peer;

/// Who decides: the filter under a configuration, or one whose only source has the provider's check and no settings.
pub struct Judge {
    configuration: Configuration,
    peer: Peer,
    /// The source that the request is made for, by name and position; `None` without a configuration.
    source: Option<(String, usize)>,
    /// What is wrong if the proof that was made does not hold for the source.
    strange_key: &'static str,
}

/// What the filter decides about a request.
pub struct Ruling {
    /// The code of the outcome.
    pub code: &'static str,
    pub denial: Option<Denial>,
    /// Why the request does not reach the receiver verified; `None` if it does, or is answered as a handshake.
    pub refusal: Option<String>,
}

impl Judge {
    /// The filter with the source's own secrets. If they are not known here, with `checks`, which have the keys that the
    /// request is signed with.
    ///
    /// # Errors
    /// If the configuration cannot be read.
    pub fn of_source(
        configured: &Configured,
        name: &str,
        checks: &[Json],
        peer: &Peer,
        environment: &Environment,
    ) -> Result<Self, Error> {
        let own = load(&configured.text, environment, peer.unjudged())?;
        let is_public = checks.iter().any(|check| config_file::member(check, "keys").is_some());
        let mut judge = Self {
            configuration: own,
            peer: peer.clone(),
            source: Some((name.to_owned(), configured.position)),
            strange_key: if is_public {
                "the public half of the given key is not among the configuration's \"keys\"; --as json shows it"
            } else {
                "the given secret is not in the configuration"
            },
        };
        if !judge.knows_secrets(configured.position) {
            let text = with_checks(&configured.text, configured.position, checks);
            judge.configuration = load(text.as_bytes(), environment, peer.unjudged())?;
        }
        Ok(judge)
    }

    /// The filter with a source that has `checks` and nothing else.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn of_provider(checks: Vec<Json>) -> Result<Self, Error> {
        let text = verifier::configuration("/*", checks, None).to_string();
        let nothing = Environment::of(Default::default());
        let peer = Peer::default();
        let configuration = load(text.as_bytes(), &nothing, peer.unjudged())?;
        Ok(Self { configuration, peer, source: None, strange_key: "" })
    }

    /// Decides about a request that arrives at this time.
    pub fn decide(&self, builder: &RequestBuilder, now: UnixTime) -> Ruling {
        let decision = decide(&self.configuration, &builder.head(), &builder.body, &self.peer, now);
        let (code, denial) = (decision.code(), decision.denial());
        Ruling { code, denial, refusal: self.refusal(builder, &decision) }
    }

    /// What the filter decides by and was not told here, in words.
    pub fn unjudged(&self) -> Option<String> {
        let source = self.configuration.sources.get(self.source.as_ref()?.1)?;
        let has = |names: &[&str]| names.iter().any(|name| source.member(name).is_some());
        let Unjudged { transport, address } = self.configuration.unjudged;
        let mut left = Vec::new();
        if transport && has(&["transport"]) {
            left.push("\"transport\" (say the TLS version with --tls)");
        }
        if address && has(&["allow_from", "deny_from"]) {
            left.push("\"allow_from\" and \"deny_from\" (say the address with --client-address)");
        }
        (!left.is_empty()).then(|| format!("note: not judged here: {}", left.join("; ")))
    }

    /// Whether every secret of the source is here that the filter would have. What is live is not.
    fn knows_secrets(&self, position: usize) -> bool {
        let source = self.configuration.policy.sources.get(position);
        let mut checks = self.configuration.sources.get(position).into_iter().flat_map(|source| source.checks());
        source.is_some_and(|source| source.requirement.is_some())
            && checks.all(|check| check.secrets().all(|(_, secret)| secret.text.is_some()))
    }

    fn refusal(&self, builder: &RequestBuilder, decision: &Decision) -> Option<String> {
        if let Some((name, position)) = &self.source
            && decision.source != Some(*position)
            && decision.denial() != Some(Denial::AmbiguousPath)
        {
            let other = decision.source.and_then(|at| self.configuration.sources.get(at));
            let becomes = match other {
                Some(other) => format!("the source {} gets it", other.name),
                None => "no source gets it".to_owned(),
            };
            let url = &builder.url;
            return Some(format!(
                "{url} does not match the source {name}: {becomes} ({}); --url or --send names another URL",
                decision.code()
            ));
        }
        let denial = decision.denial()?;
        let who = match &self.source {
            Some((name, _)) => format!("the source {name}"),
            None => "a source of this provider".to_owned(),
        };
        let is_observed = matches!(decision.outcome, Outcome::Observed(_));
        let (what, status) = match (is_observed, decision.status) {
            (true, _) => ("does not verify this request, and lets it pass because its mode is observe", String::new()),
            (false, Some(status)) => ("refuses this request", format!(" ({status})")),
            (false, None) => ("refuses this request", String::new()),
        };
        let (sentence, advice) = self.why(denial);
        Some(format!("{who} {what}: {}{status}: {sentence} {advice}", denial.code()))
    }

    /// What a denial means, and what changes it.
    fn why(&self, denial: Denial) -> (String, String) {
        // The proof that was made holds, under the key that it was made with.
        if self.source.is_some() && matches!(denial, Denial::SignatureMismatch | Denial::CredentialMismatch) {
            return (format!("{}.", self.strange_key), denial.meaning().trim().to_owned());
        }
        let mistake = advice::of(denial, Vec::new()).and_then(|finding| finding.mistakes.into_iter().next());
        mistake.map(|mistake| (mistake.sentence, mistake.advice)).unwrap_or_default()
    }
}

fn load(text: &[u8], environment: &Environment, unjudged: Unjudged) -> Result<Configuration, Error> {
    Configuration::load(text, environment, unjudged)
        .map_err(|problems| Error::new(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
}

/// A configuration whose source at `position` has these checks, each with the times of its own secrets or keys.
fn with_checks(text: &[u8], position: usize, checks: &[Json]) -> String {
    let mut json = Json::parse(text).unwrap_or(Json::Null);
    if let Json::Object(members) = &mut json
        && let Some((_, Json::List(sources))) = members.iter_mut().find(|(name, _)| name == "sources")
        && let Some(Json::Object(source)) = sources.get_mut(position)
        && let Some((_, verify)) = source.iter_mut().find(|(name, _)| name == "verify")
    {
        let own = match &*verify {
            Json::List(own) => own.clone(),
            one => vec![one.clone()],
        };
        let timed = checks.iter().enumerate().map(|(at, check)| with_times(check, own.get(at)));
        *verify = Json::List(timed.collect());
    }
    json.to_string()
}

/// A check whose one secret or key is valid whenever one of `own` is: which of them it stands for is not known.
fn with_times(check: &Json, own: Option<&Json>) -> Json {
    let Json::Object(members) = check else { return check.clone() };
    let entries = |check: &Json, list: &str| match config_file::member(check, list) {
        Some(Json::List(entries)) => entries.clone(),
        _ => Vec::new(),
    };
    let timed = |entry: &Json, own: &Json| {
        let times =
            ["not_before", "not_after"].map(|name| Some((name.to_owned(), config_file::member(own, name)?.clone())));
        match entry {
            Json::Object(members) => Json::Object(members.iter().cloned().chain(times.into_iter().flatten()).collect()),
            entry => entry.clone(),
        }
    };
    let mut members = members.clone();
    for (list, value) in members.iter_mut().filter(|(name, _)| matches!(name.as_str(), "secrets" | "keys")) {
        let own = own.map(|own| entries(own, list)).unwrap_or_default();
        if let (Json::List(given), false) = (&*value, own.is_empty())
            && let [entry] = given.as_slice()
        {
            *value = Json::List(own.iter().map(|own| timed(entry, own)).collect());
        }
    }
    Json::Object(members)
}
