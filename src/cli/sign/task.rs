//! What a request is to satisfy: a provider, or a source of a configuration.

use hookwarden::config;
use hookwarden::config::dialects::Dialect;
use hookwarden::config::problem::{Kind, Path, Problem};
use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::expression::Expression;
use hookwarden::verify::key::keyring::Selector;
use hookwarden::verify::primitives::timestamp::UnixTime;

use super::error::Error;
use super::key::Key;
use crate::cli::config_file::{self, CheckEntry, SecretEntry, SourceEntry};
use crate::cli::environment::Environment;
use crate::cli::handshake;
use crate::cli::http_request::Url;
use crate::cli::input;
use crate::cli::registry;
use crate::cli::senders;
use crate::cli::terminal::Failure;

/// What a request is to satisfy.
pub struct Task {
    /// `provider` or `source`, and its name.
    pub of: (&'static str, String),
    /// Every group must hold; of a group one check is enough.
    pub groups: Vec<Vec<Check>>,
    /// What the source matches.
    pub matches: Option<Match>,
    /// What names the event for the source's memory of events.
    pub replay_id: Option<Expression>,
    /// What the source demands, with the secrets that it has now; and its position.
    pub configured: Option<Configured>,
    /// How the source takes part in handshakes, without references to variables; `None` if it does not.
    pub handshake: Option<Json>,
}

/// A check and its schemes.
pub struct Check {
    pub entry: CheckEntry,
    pub dialects: Vec<Dialect>,
}

/// What a source matches.
pub struct Match {
    pub host: Option<String>,
    pub path: String,
    /// Whether every path below it is matched, too.
    pub is_below: bool,
}

/// The source as the filter sees it.
pub struct Configured {
    /// The configuration, as it is written.
    pub text: Vec<u8>,
    pub policy: config::Policy,
    pub position: usize,
}

impl Configured {
    /// Whether the source accepts each event once.
    pub fn remembers_events(&self) -> bool {
        self.policy.sources.get(self.position).is_some_and(|source| source.replay.is_some())
    }
}

impl Task {
    /// One provider, with configured values. `url`: what is called, for schemes that sign it.
    pub fn provider(name: &str, with: &[(String, String)], url: Option<&Url>) -> Result<Self, Failure> {
        if config::providers::text(name).is_none() {
            return Err(Failure::Message(senders::unknown(&registry::all(), &[name.to_owned()])));
        }
        let of_check = |values: &[(String, String)]| {
            let mut members = vec![("provider".to_owned(), Json::Text(name.to_owned()))];
            if !values.is_empty() {
                let values = values.iter().map(|(name, value)| (name.clone(), Json::Text(value.clone())));
                members.push(("with".to_owned(), Json::Object(values.collect())));
            }
            Json::Object(members)
        };
        // The public URL of a sender that signs it is what is called, unless it was given.
        let mut with_url = with.to_vec();
        if let Some(url) = url
            && !with.iter().any(|(name, _)| name == "public_url")
        {
            with_url.push(("public_url".to_owned(), url.origin()));
        }
        let read = |json: Json| {
            let entry = CheckEntry::read(&json, &Path::root(), Path::root(), &|_| None);
            entry.dialects().map(|dialects| Check { entry, dialects })
        };
        let check = read(of_check(&with_url)).or_else(|problems| {
            read(of_check(with)).map_err(|others| {
                let fewer = if others.len() < problems.len() { others } else { problems };
                Failure::Message(as_arguments(name, &fewer))
            })
        })?;
        Ok(Self {
            of: ("provider", name.to_owned()),
            groups: vec![vec![check]],
            matches: None,
            replay_id: None,
            configured: None,
            handshake: None,
        })
    }

    /// A source of a configuration: by its name, by its provider, or the only one.
    pub fn source(
        path: &std::path::Path,
        name: Option<&str>,
        provider: Option<&str>,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let shown = path.display();
        let text = input::read_configuration(path)?;
        let policy = config::load_with_usable_secrets(&text, &|name| environment.value(name)).map_err(|problems| {
            let problems: Vec<_> = problems.iter().map(|problem| format!("{shown}: {problem}")).collect();
            Failure::Message(format!("{}\n`hookwarden check {shown}` tells more", problems.join("\n")))
        })?;
        let json = Json::parse(&text).unwrap_or(Json::Null);
        let sources = config_file::sources(&json, &|name| environment.value(name));
        let names: Vec<_> = sources.iter().map(|source| source.name.clone()).collect();
        let uses = |source: &SourceEntry, provider: &str| {
            source.checks().any(|check| check.provider.as_deref() == Some(provider))
        };
        let mut wanted: Vec<_> = sources
            .into_iter()
            .enumerate()
            .filter(|(_, source)| name.is_none_or(|name| source.name == name))
            .filter(|(_, source)| provider.is_none_or(|provider| uses(source, provider)))
            .collect();
        let (position, source) = match (wanted.pop(), wanted.is_empty()) {
            (Some(found), true) => found,
            (found, _) => {
                let what = if found.is_none() { "no source matches" } else { "several sources match" };
                return Err(Failure::Message(format!("{shown}: {what}; name one with --source: {}", names.join(", "))));
            }
        };
        let replay_id = source.member("replay.id").and_then(Json::text);
        let replay_id = replay_id.and_then(|text| Expression::parse(text, &|_| None).ok());
        let matches = Match::new(&source);
        let handshake = handshake::takes_part(&source).then(|| source.member("handshake").cloned()).flatten();
        let handshake = handshake.map(|option| resolved(option, environment));
        let groups: Result<Vec<Vec<_>>, _> =
            source.groups.into_iter().map(|group| group.into_iter().map(Check::new).collect()).collect();
        Ok(Self {
            of: ("source", source.name),
            groups: groups?,
            matches: Some(matches),
            replay_id,
            configured: Some(Configured { text, policy: policy.policy, position }),
            handshake,
        })
    }
}

/// A JSON value with the values of variables in place of their names.
fn resolved(json: Json, environment: &Environment) -> Json {
    match json {
        Json::Object(members) => match members.as_slice() {
            [(name, Json::Text(variable))] if name == "env" => {
                environment.value(variable).map_or(Json::Object(members), Json::Text)
            }
            _ => Json::Object(members.into_iter().map(|(name, value)| (name, resolved(value, environment))).collect()),
        },
        Json::List(list) => Json::List(list.into_iter().map(|json| resolved(json, environment)).collect()),
        other => other,
    }
}

impl Check {
    fn new(entry: CheckEntry) -> Result<Self, Failure> {
        let dialects = entry.dialects().map_err(|problems| {
            Failure::Message(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        })?;
        Ok(Self { entry, dialects })
    }

    /// The list of secrets that the request is to name, and where: the wanted one, or the first.
    pub fn chosen(&self, wanted: Option<&str>) -> Result<Option<(&Selector, &str)>, Error> {
        let Some(by) = &self.entry.selector else { return Ok(None) };
        let mut names = self.entry.lists.iter().filter_map(|list| list.name.as_deref());
        let all = names.clone().collect::<Vec<_>>().join(", ");
        match names.find(|name| wanted.is_none_or(|wanted| *name == wanted)) {
            Some(name) => Ok(Some((by, name))),
            None => Err(Error::new(format!("--secrets-of names no list of the check; it has {all}"))),
        }
    }

    /// The secret of the configuration: the one of that id, or the first that is valid and known.
    pub fn own_key(&self, list: Option<&str>, id: Option<&str>, now: UnixTime) -> Result<Option<Key>, Error> {
        let mut lists = self.entry.lists.iter();
        let Some(list) = lists.find(|own| own.name.as_deref() == list) else { return Ok(None) };
        let key = |secret: &SecretEntry| secret.text.clone().filter(|text| !text.is_empty()).map(Key::new);
        let Some(id) = id else {
            return Ok(list.secrets.iter().filter(|secret| secret.validity.contains(now)).find_map(key));
        };
        list.secrets.iter().find(|secret| secret.id == id).map(key).ok_or_else(|| {
            let ids: Vec<_> = list.secrets.iter().map(|secret| secret.id.as_str()).collect();
            Error::new(format!("--secret-id names no secret of the check; it has {}", ids.join(", ")))
        })
    }
}

impl Match {
    fn new(source: &SourceEntry) -> Self {
        let (path, is_below) = match source.pattern.strip_suffix("/*") {
            Some(path) => (path, true),
            None => (source.pattern.as_str(), false),
        };
        // Every host below a domain: one of them.
        let host = source
            .hosts
            .first()
            .map(|host| host.strip_prefix("*.").map_or_else(|| host.clone(), |domain| format!("hooks.{domain}")));
        Self { host, path: path.to_owned(), is_below }
    }
}

/// Problems of a check that nobody wrote, in words about the arguments.
fn as_arguments(name: &str, problems: &[Problem]) -> String {
    let sample = registry::find(name).and_then(|sender| sender.sample());
    let mut lines: Vec<_> = problems
        .iter()
        .map(|problem| {
            let Kind::SchemeValueMissing { name: wanted } = &problem.kind else {
                return problem.to_string().replacen("$.with.", "--with ", 1);
            };
            let example = sample.as_ref().and_then(|sample| sample.with.get(wanted)).map_or("…", String::as_str);
            format!("{name} needs a configured value: add --with {wanted}='{example}', with your own value")
        })
        .collect();
    lines.dedup();
    lines.join("\n")
}
