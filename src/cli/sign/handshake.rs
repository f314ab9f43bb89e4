//! The request by which a sender checks an endpoint: the sender's own, with a new token and the configured values, signed
//! where the sender signs it.

use hookwarden::config::Policy;
use hookwarden::handshake::{Alphabet, Handshake, ProofRule, TokenRule};
use hookwarden::step::Outcome;
use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::primitives::timestamp::UnixTime;
use serde_json::Value;

use super::base;
use super::builder::{RequestBuilder, View};
use super::error::Error;
use super::key::Key;
use super::plan::{Options, Plan, Step};
use super::rng::Rng;
use super::task::{Check, Task};
use super::verifier;
use super::writer::SchemeWriter;
use crate::cli::config_file;
use crate::cli::environment::Environment;
use crate::cli::explain::configuration::{Configuration, Unjudged};
use crate::cli::explain::decision::decide;
use crate::cli::explain::peer::Peer;
use crate::cli::handshake;
use crate::cli::http_request::Url;
use crate::cli::registry::{self, Sample, Sender};
use crate::cli::terminal::Failure;

/// The secret of a check that has none, where a handshake needs none.
const ANY_SECRET: &str = "a-secret-that-nobody-guesses";
/// The length of a new token where the sender's own is not known, in characters.
const USUAL_TOKEN: usize = 32;

/// A configured value and its name.
type NamedValue = (String, String);

/// What the arguments say about a handshake.
pub struct Wanted<'a> {
    /// Which of the sender's handshakes, counted from 1.
    pub number: usize,
    /// Values that both sides know, by name.
    pub values: &'a [NamedValue],
    /// Further headers, as they were given.
    pub headers: &'a [String],
    pub url: Option<&'a Url>,
    pub to: Option<&'a Url>,
    /// The keys that were given.
    pub keys: &'a [Key],
    /// The list of secrets and the id of the secret that were asked for.
    pub choice: (Option<&'a str>, Option<&'a str>),
}

/// A handshake, and the public halves of the private keys that it is signed with.
pub struct Made {
    pub builder: RequestBuilder,
    pub public_keys: Vec<String>,
    /// The checks that it is for, with the keys that are known.
    pub checks: Vec<Json>,
}

/// Divides the values of `--with` into those of a provider's scheme and those of its handshakes.
pub fn divide(provider: &str, with: Vec<NamedValue>) -> (Vec<NamedValue>, Vec<NamedValue>) {
    let names = |json: Option<Json>| json.map(|json| handshake::value_names(&json)).unwrap_or_default();
    let of_scheme = names(hookwarden::config::providers::find(provider).map(|provider| provider.scheme));
    let of_handshake = names(handshake::of_provider(provider));
    with.into_iter().partition(|(name, _)| of_scheme.contains(name) || !of_handshake.contains(name))
}

/// Makes the handshake that is wanted.
///
/// # Errors
/// Why none can be made.
pub fn make(task: &Task, wanted: &Wanted<'_>, now: UnixTime, rng: &mut Rng) -> Result<Made, Failure> {
    let checks = task.groups.iter().flatten();
    let found = checks.into_iter().find_map(|check| Some((check, handshake::of_check(&check.entry)?)));
    let Some((check, written)) = found else {
        let error = "this sender makes no handshake; `hookwarden senders --handshakes` lists those that do";
        return Err(Failure::Message(error.to_owned()));
    };
    let rules = handshake::rules(&written);
    let position = wanted.number.saturating_sub(1);
    let Some(rule) = rules.get(position) else {
        return Err(Failure::Message(format!("--handshake goes from 1 to {} for this sender", rules.len())));
    };
    let sender = check.entry.provider.as_deref().and_then(registry::find);
    let vectors = vectors(sender.as_ref());
    let context = Context { task, check, written: &written, rule, wanted, vectors: &vectors };

    let plan = context.plan(now)?;
    let (checks, public_keys) = context.checks(plan.as_ref())?;
    let parsed = context.policy("/", checks.clone())?;
    let handshake = parsed.sources.first().and_then(|source| source.handshakes.0.get(position));
    let handshake = handshake.ok_or_else(|| Error::new("the handshake cannot be read"))?;

    let mut builder = context.base(handshake);
    base::dress(&mut builder, None, wanted.headers)?;
    context.fill_in(handshake, &mut builder, rng)?;
    if let Some(plan) = &plan {
        for step in &plan.steps {
            base::choose_list(&mut builder, step, wanted.url.is_some())?;
        }
        let is_signed = !matches!(handshake.proof, ProofRule::Unsigned);
        let options = Options { keeps_body: true, ..Options::default() };
        if is_signed {
            builder = plan.make(&[builder], &options, now, rng)?;
        }
    }
    context.try_out(&builder, checks.clone(), now)?;
    Ok(Made { builder, public_keys, checks })
}

/// The vectors of a sender's handshakes that are answered, or forwarded.
fn vectors(sender: Option<&Sender>) -> Vec<Value> {
    let Some(sender) = sender else { return Vec::new() };
    let own = sender.handshake_vectors.clone();
    let all = match &sender.alias {
        Some(alias) if own.is_empty() => {
            registry::find(alias).map(|sender| sender.handshake_vectors).unwrap_or_default()
        }
        _ => own,
    };
    all.into_iter().filter(|vector| vector["expect"].is_object() || vector["expect"] == "forwarded").collect()
}

/// The handshake that is wanted, as it is written, and whose it is.
struct Context<'a> {
    task: &'a Task,
    check: &'a Check,
    written: &'a Json,
    rule: &'a Json,
    wanted: &'a Wanted<'a>,
    vectors: &'a [Value],
}

impl<'a> Context<'a> {
    /// What it is signed with. `None` if it is not signed and no key is known, which it then does not need.
    fn plan(&self, now: UnixTime) -> Result<Option<Plan<'a>>, Error> {
        if let Some(key) = handshake::known_key(self.rule) {
            let step = Step { check: self.check, key: Key::new(key.to_owned()), list: None };
            return Ok(Some(Plan { steps: vec![step] }));
        }
        let plan = Plan::new(self.task, self.wanted.keys, self.wanted.choice, now);
        if handshake::is_signed(self.rule) { plan.map(Some) } else { Ok(plan.ok()) }
    }

    /// The checks of a source that recognises the handshake, with the keys that are known.
    fn checks(&self, plan: Option<&Plan<'_>>) -> Result<(Vec<Json>, Vec<String>), Error> {
        if let Some(plan) = plan.filter(|_| handshake::known_key(self.rule).is_none()) {
            let parts: Vec<_> = plan.steps.iter().map(Step::part).collect();
            return verifier::checks(&parts);
        }
        let key = |list: &str| {
            let vector = self.vectors.iter().find_map(|vector| vector[list].get(0)?.as_str());
            vector.map(str::to_owned)
        };
        let (list, text) = match (key("keys"), key("secrets")) {
            (Some(key), _) => ("keys", key),
            (None, secret) => ("secrets", secret.unwrap_or_else(|| ANY_SECRET.to_owned())),
        };
        Ok((vec![verifier::check_with(&self.check.entry.json, list, text)?], Vec::new()))
    }

    /// A source that takes part in the handshake.
    fn configuration(&self, path: &str, checks: Vec<Json>) -> String {
        verifier::configuration(path, checks, Some(("handshake", self.option()))).to_string()
    }

    fn policy(&self, path: &str, checks: Vec<Json>) -> Result<Policy, Error> {
        let loaded = hookwarden::config::load(self.configuration(path, checks).as_bytes(), &|_| None);
        loaded
            .map(|loaded| loaded.policy)
            .map_err(|problems| Error::new(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
    }

    /// How the source takes part: as it is configured; if it does not, with the values that are known.
    fn option(&self) -> Json {
        if let Some(own) = &self.task.handshake {
            return own.clone();
        }
        let names = handshake::needed_values(self.written, &self.check.entry);
        let mut option = handshake::option(self.written, &names, |name| self.value(name).or_else(|| self.usual(name)));
        let topics = self.vectors.iter().find_map(|vector| vector.pointer("/handshake/topics/0")?.as_str());
        let topic = self.check.entry.with("topic_arn").or(topics);
        if let (Json::Object(members), Some(topic)) = (&mut option, topic) {
            for (_, value) in members.iter_mut().filter(|(name, _)| name == "topics") {
                *value = Json::List(vec![Json::Text(topic.to_owned())]);
            }
        }
        option
    }

    /// A value that both sides know: from the arguments, from the source, or from its check.
    fn value(&self, name: &str) -> Option<String> {
        let given = self.wanted.values.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
        let configured = || {
            let value = config_file::member(self.task.handshake.as_ref()?, name)?;
            let one = value.elements().and_then(|list| list.into_iter().next()).unwrap_or(value);
            one.text().map(str::to_owned)
        };
        given.or_else(configured).or_else(|| self.check.entry.with(name).map(str::to_owned))
    }

    /// The value in the sender's vectors.
    fn usual(&self, name: &str) -> Option<String> {
        let of_vector = |vector: &Value| {
            let value = vector["handshake"].get(name).or_else(|| vector["with"].get(name))?;
            value.as_str().or_else(|| value.get(0)?.as_str()).map(str::to_owned)
        };
        self.vectors.iter().find_map(of_vector)
    }

    /// The sender's own request of this kind, or one without anything; at the URL that is wanted.
    fn base(&self, handshake: &Handshake) -> RequestBuilder {
        let samples = self.vectors.iter().map(Sample::read);
        let mut own = samples
            .filter_map(|sample| base::of_sample(&sample))
            .filter(|builder| handshake.methods.contains(&builder.method) && is_of(handshake, builder));
        let mut builder = own.next().unwrap_or_else(|| RequestBuilder {
            method: handshake.methods.first().cloned().unwrap_or_default(),
            url: Url { scheme: "https".to_owned(), authority: "hooks.example.com".to_owned(), target: "/".to_owned() },
            headers: Vec::new(),
            body: Vec::new(),
        });
        let query = builder.url.target.split_once('?').map(|(_, query)| query.to_owned());
        builder.url = base::place(&builder, self.task.matches.as_ref(), self.wanted.url, self.wanted.to);
        if let (Some(query), false) = (query, builder.url.target.contains('?')) {
            builder.url.target = format!("{}?{query}", builder.url.target);
        }
        self.move_topic(&mut builder);
        builder
    }

    /// Makes a subscription of Amazon SNS one of the configured topic.
    fn move_topic(&self, builder: &mut RequestBuilder) {
        let Some(topic) = self.check.entry.with("topic_arn").filter(|_| handshake::confirms(self.rule)) else { return };
        let text = String::from_utf8_lossy(&builder.body).into_owned();
        let json = Json::parse(&builder.body).unwrap_or(Json::Null);
        let Some(own) = config_file::text(&json, "TopicArn") else { return };
        let region = |arn: &str| arn.split(':').nth(3).map(|region| format!("sns.{region}.")).unwrap_or_default();
        builder.body = text.replace(&own, topic).replace(&region(&own), &region(topic)).into_bytes();
    }

    /// Writes what distinguishes the handshake, a new token, and the values that both sides know.
    fn fill_in(&self, handshake: &Handshake, builder: &mut RequestBuilder, rng: &mut Rng) -> Result<(), Error> {
        for condition in &handshake.when {
            let is_met = |builder: &RequestBuilder| {
                let value = builder.read(View::default(), |facts| condition.value.render(facts));
                value.is_ok_and(|value| condition.texts.contains(&value))
            };
            if !is_met(builder)
                && let Some(text) = condition.texts.first()
                && let Some((at, value)) = condition.value.solve(text)
            {
                SchemeWriter::new(builder).write(at, value)?;
            }
        }
        if let Some(token) = &handshake.token {
            renew(token, builder, rng)?;
        }
        let pairs = config_file::elements(config_file::member(self.rule, "require"));
        for (configured, pair) in handshake.require.iter().zip(pairs) {
            let name = handshake::value_names(pair).pop().unwrap_or_default();
            let Some(text) = self.value(&name) else {
                return Err(Error::new(format!(
                    "the sender repeats a value that both sides know: add --with {name}='{}', with your own value",
                    self.usual(&name).unwrap_or_else(|| "…".to_owned())
                )));
            };
            if let Some((at, value)) = configured.value.solve(text.as_bytes()) {
                SchemeWriter::new(builder).write(at, value)?;
            }
        }
        Ok(())
    }

    /// Has the filter recognise the request.
    fn try_out(&self, builder: &RequestBuilder, checks: Vec<Json>, now: UnixTime) -> Result<(), Error> {
        let text = self.configuration(builder.url.path(), checks);
        let environment = Environment::of(Default::default());
        let unjudged = Unjudged { transport: true, address: true };
        let configuration = Configuration::load(text.as_bytes(), &environment, unjudged)
            .map_err(|problems| Error::new(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
        let decision = decide(&configuration, &builder.head(), &builder.body, &Peer::default(), now);
        match (decision.outcome, decision.denial()) {
            (Outcome::Handshake, _) => Ok(()),
            (_, Some(denial)) => Err(Error::denied(denial, "the resulting request would not be answered")),
            (_, None) => Err(Error::new("the filter would treat the resulting request as an event")),
        }
    }
}

/// Whether a sample is of this handshake.
fn is_of(handshake: &Handshake, builder: &RequestBuilder) -> bool {
    let holds = handshake.when.iter().all(|condition| {
        let value = builder.read(View::default(), |facts| condition.value.render(facts));
        value.is_ok_and(|value| condition.texts.contains(&value))
    });
    let members = match builder.json() {
        Some(Json::Object(members)) => members,
        _ => Vec::new(),
    };
    holds && handshake.only.as_ref().is_none_or(|only| members.iter().all(|(name, _)| only.contains(name)))
}

/// Gives the request another token.
fn renew(rule: &TokenRule, builder: &mut RequestBuilder, rng: &mut Rng) -> Result<(), Error> {
    let present = builder.read(View::default(), |facts| rule.at.value(facts)).ok();
    let present = present.and_then(|token| String::from_utf8(token).ok());
    let Some(token) = new_token(rule, present.as_deref(), rng) else { return Ok(()) };
    // Some senders repeat the token of a header in the body.
    if let (Some(present), Ok(body)) = (&present, std::str::from_utf8(&builder.body)) {
        builder.body = body.replace(present, &token).into_bytes();
    }
    let is_there = |builder: &RequestBuilder| {
        builder.read(View::default(), |facts| rule.at.value(facts)).is_ok_and(|value| value == token.as_bytes())
    };
    if !is_there(builder) {
        SchemeWriter::new(builder).write(&rule.at, token.as_bytes())?;
    }
    Ok(())
}

/// A token that the rule admits, like the present one. `None`: the present one stays.
fn new_token(rule: &TokenRule, present: Option<&str>, rng: &mut Rng) -> Option<String> {
    let fits = |token: &String| (rule.min..=rule.max).contains(&token.len()) && rule.alphabet.admits(token.as_bytes());
    let Some(present) = present else {
        let length = USUAL_TOKEN.clamp(rule.min, rule.max);
        return Some(match rule.alphabet {
            Alphabet::Digits => "7".repeat(length),
            Alphabet::Hex => "c".repeat(length),
            Alphabet::Host => "sender.example.com".to_owned(),
            Alphabet::Token68 | Alphabet::Text => rng.word(length),
        });
    };
    // The host of a sender is no random text.
    let token = Some(present).filter(|_| rule.alphabet != Alphabet::Host).map(|present| rng.id_like(present));
    token.filter(fits)
}
