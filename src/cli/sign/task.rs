//! What a request is to satisfy: a provider, or a source of a configuration.

use std::path::Path;
use std::{fs, io};

use hookwarden::config;
use hookwarden::config::problem::Problem;
use hookwarden::verify::Requirement;
use hookwarden::verify::expression::Expression;
use hookwarden::verify::json::{Json, JsonPath};
use hookwarden::verify::timestamp::{UnixTime, parse_rfc3339};

use super::draft::Url;
use super::forge::Dialect;
use super::key::Key;
use super::secrets::Variables;
use super::trouble::Trouble;
use crate::cli::registry;
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
}

/// A check, its schemes, and its secrets.
pub struct Check {
    pub json: Json,
    pub dialects: Vec<Dialect>,
    pub provider: Option<String>,
    secrets: Secrets,
}

/// What a source matches.
pub struct Match {
    pub host: Option<String>,
    pub path: String,
    /// Whether every path below it is matched, too.
    pub is_below: bool,
}

/// The source as the filter has it.
pub struct Configured {
    pub policy: config::Policy,
    pub position: usize,
}

impl Configured {
    /// What the source demands; `None` if a secret is missing.
    pub fn requirement(&self) -> Option<&Requirement> {
        self.policy.sources.get(self.position)?.requirement.as_ref()
    }
}

/// The secrets that the configuration has.
enum Secrets {
    None,
    One(Vec<Written>),
    Chosen { by: Selector, lists: Vec<(String, Vec<Written>)> },
}

/// Where a request names the list of secrets that it uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    Header(String),
    PathSegment(usize),
}

/// A secret as the configuration has it.
struct Written {
    id: String,
    key: Option<Key>,
    not_before: Option<UnixTime>,
    not_after: Option<UnixTime>,
}

impl Task {
    /// One provider, with configured values. `url`: what is called, for schemes that sign it.
    pub fn provider(name: &str, with: &[(String, String)], url: Option<&Url>) -> Result<Self, Failure> {
        if config::providers::text(name).is_none() {
            let near: Vec<_> = registry::names().filter(|known| is_near(name, known)).take(6).collect();
            let near = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) };
            return Err(Failure::Told(format!(
                "there is no provider {name:?}{near}\n`hookwarden senders {name}` searches them all"
            )));
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
        let (json, dialects) = match config::check::schemes(&of_check(&with_url)) {
            Ok(dialects) => (of_check(&with_url), dialects),
            Err(problems) => match config::check::schemes(&of_check(with)) {
                Ok(dialects) => (of_check(with), dialects),
                Err(others) => {
                    let fewer = if others.len() < problems.len() { others } else { problems };
                    return Err(Failure::Told(as_arguments(name, &fewer)));
                }
            },
        };
        let check = Check { json, dialects, provider: Some(name.to_owned()), secrets: Secrets::None };
        Ok(Self {
            of: ("provider", name.to_owned()),
            groups: vec![vec![check]],
            matches: None,
            replay_id: None,
            configured: None,
        })
    }

    /// A source of a configuration: by its name, by its provider, or the only one.
    pub fn source(
        path: &Path,
        name: Option<&str>,
        provider: Option<&str>,
        variables: &Variables,
    ) -> Result<Self, Failure> {
        let shown = path.display();
        let text = match path.to_str() {
            Some("-") => io::read_to_string(io::stdin()),
            _ => fs::read_to_string(path),
        };
        let text = text.map_err(|error| Failure::Told(format!("{shown}: {error}")))?;
        let policy = config::load(text.as_bytes(), &|name| variables.value(name)).map_err(|problems| {
            let problems: Vec<_> = problems.iter().map(|problem| format!("{shown}: {problem}")).collect();
            Failure::Told(format!("{}\n`hookwarden check {shown}` tells more", problems.join("\n")))
        })?;
        let json =
            Json::parse(text.as_bytes()).map_err(|error| Failure::Told(format!("{shown}: {}", error.message)))?;
        let sources = member(&json, "sources").and_then(Json::elements).unwrap_or_default();
        let name_of = |source: &Json| member(source, "name").and_then(Json::text).unwrap_or_default().to_owned();
        let uses = |source: &Json, provider: &str| {
            groups(source)
                .iter()
                .flatten()
                .any(|check| member(check, "provider").and_then(Json::text) == Some(provider))
        };
        let wanted: Vec<_> = sources
            .iter()
            .enumerate()
            .filter(|(_, source)| name.is_none_or(|name| name_of(source) == name))
            .filter(|(_, source)| provider.is_none_or(|provider| uses(source, provider)))
            .collect();
        let (position, source) = match wanted.as_slice() {
            [(position, source)] => (*position, *source),
            found => {
                let names: Vec<_> = sources.iter().map(|source| name_of(source)).collect();
                let what =
                    if found.is_empty() { "no source is the wanted one" } else { "several sources could be meant" };
                return Err(Failure::Told(format!("{shown}: {what}; name one with --source: {}", names.join(", "))));
            }
        };
        let read = |check: &&Json| Check::read(check, variables);
        let groups: Result<Vec<Vec<_>>, _> =
            groups(source).iter().map(|group| group.iter().map(read).collect()).collect();
        let replay_id = member(source, "replay").and_then(|replay| member(replay, "id")).and_then(Json::text);
        Ok(Self {
            of: ("source", name_of(source)),
            groups: groups?,
            matches: member(source, "match").map(Match::read),
            replay_id: replay_id.and_then(|text| Expression::parse(text, &|_| None).ok()),
            configured: Some(Configured { policy: policy.policy, position }),
        })
    }
}

impl Check {
    fn read(check: &Json, variables: &Variables) -> Result<Self, Failure> {
        let dialects = config::check::schemes(check).map_err(|problems| {
            Failure::Told(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        })?;
        let list = |json: &Json| {
            let elements = json.elements().unwrap_or_default();
            elements
                .into_iter()
                .zip(1_usize..)
                .map(|(secret, number)| Written::read(secret, number, variables))
                .collect()
        };
        let secrets = match (member(check, "secrets"), member(check, "secrets_by")) {
            (Some(json), _) => Secrets::One(list(json)),
            (None, Some(json)) => {
                let by = match member(json, "header").and_then(Json::text) {
                    Some(name) => Selector::Header(name.to_owned()),
                    None => {
                        let segment = member(json, "path_segment").and_then(Json::text);
                        Selector::PathSegment(segment.and_then(|segment| segment.parse().ok()).unwrap_or_default())
                    }
                };
                let lists = match member(json, "secrets") {
                    Some(Json::Object(lists)) => lists.iter().map(|(name, json)| (name.clone(), list(json))).collect(),
                    _ => Vec::new(),
                };
                Secrets::Chosen { by, lists }
            }
            (None, None) => Secrets::None,
        };
        let provider = member(check, "provider").and_then(Json::text).map(str::to_owned);
        Ok(Self { json: check.clone(), dialects, provider, secrets })
    }

    /// Whether it has secrets of its own in the configuration, known or not.
    pub fn has_secrets(&self) -> bool {
        !matches!(self.secrets, Secrets::None)
    }

    /// The list of secrets that the request is to name, and where: the wanted one, or the first.
    pub fn chosen(&self, wanted: Option<&str>) -> Result<Option<(&Selector, &str)>, Trouble> {
        let Secrets::Chosen { by, lists } = &self.secrets else { return Ok(None) };
        let found =
            lists.iter().map(|(name, _)| name.as_str()).find(|name| wanted.is_none_or(|wanted| *name == wanted));
        let names = || lists.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let found = found
            .ok_or_else(|| Trouble::new(format!("--secrets-of names no list of the check; it has {}", names())))?;
        Ok(Some((by, found)))
    }

    /// The secret of the configuration: the one of that id, or the first that is valid and known.
    pub fn own_key(&self, list: Option<&str>, id: Option<&str>, now: UnixTime) -> Result<Option<Key>, Trouble> {
        let written = match &self.secrets {
            Secrets::None => return Ok(None),
            Secrets::One(list) => list.as_slice(),
            Secrets::Chosen { lists, .. } => {
                let found = lists.iter().find(|(name, _)| Some(name.as_str()) == list);
                found.map(|(_, list)| list.as_slice()).unwrap_or_default()
            }
        };
        if let Some(id) = id {
            let ids = || written.iter().map(|secret| secret.id.as_str()).collect::<Vec<_>>().join(", ");
            let found = written.iter().find(|secret| secret.id == id);
            return found
                .map(|secret| secret.key.clone())
                .ok_or_else(|| Trouble::new(format!("--secret-id names no secret of the check; it has {}", ids())));
        }
        Ok(written.iter().filter(|secret| secret.is_valid(now)).find_map(|secret| secret.key.clone()))
    }
}

impl Written {
    fn read(secret: &Json, number: usize, variables: &Variables) -> Self {
        let text = |name: &str| member(secret, name).and_then(Json::text);
        let value = text("value").map(str::to_owned).or_else(|| variables.value(text("env")?));
        Self {
            id: text("id").map_or_else(|| number.to_string(), str::to_owned),
            key: value.filter(|value| !value.is_empty()).map(Key::new),
            not_before: text("not_before").and_then(parse_rfc3339),
            not_after: text("not_after").and_then(parse_rfc3339),
        }
    }

    fn is_valid(&self, now: UnixTime) -> bool {
        self.not_before.is_none_or(|start| start <= now) && self.not_after.is_none_or(|end| now <= end)
    }
}

impl Match {
    fn read(json: &Json) -> Self {
        let host = member(json, "hosts").and_then(Json::elements).unwrap_or_default().into_iter().find_map(Json::text);
        let path = member(json, "path").and_then(Json::text).unwrap_or("/");
        let (path, is_below) = match path.strip_suffix("/*") {
            Some(path) => (path, true),
            None => (path, false),
        };
        // Every host below a domain: one of them.
        let host = host
            .map(|host| host.strip_prefix("*.").map_or_else(|| host.to_owned(), |domain| format!("hooks.{domain}")));
        Self { host, path: path.to_owned(), is_below }
    }
}

/// The checks of a source: groups that must all hold, of each of which one is enough.
fn groups(source: &Json) -> Vec<Vec<&Json>> {
    fn alternatives(json: &Json) -> Vec<&Json> {
        member(json, "any").and_then(Json::elements).unwrap_or_else(|| vec![json])
    }
    match member(source, "verify") {
        Some(Json::List(list)) => list.iter().map(alternatives).collect(),
        Some(json) => vec![alternatives(json)],
        None => Vec::new(),
    }
}

fn member<'a>(json: &'a Json, name: &str) -> Option<&'a Json> {
    json.at(&JsonPath::parse(name)?)
}

/// Problems of a check that nobody wrote, in words about the arguments.
fn as_arguments(name: &str, problems: &[Problem]) -> String {
    let sample = registry::find(name).and_then(|sender| sender.sample());
    let mut lines: Vec<_> = problems
        .iter()
        .map(|problem| {
            let message = &problem.message;
            let Some((_, rest)) = message.split_once("\"with\": { \"") else {
                return problem.to_string().replacen("$.with.", "--with ", 1);
            };
            let wanted = rest.split('"').next().unwrap_or_default();
            let example = sample.as_ref().and_then(|sample| sample.with.get(wanted)).map_or("…", String::as_str);
            format!("{name} needs a configured value: add --with {wanted}='{example}', with your own value")
        })
        .collect();
    lines.dedup();
    lines.join("\n")
}

/// Whether two names have a beginning or a word in common.
fn is_near(name: &str, known: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    !name.is_empty()
        && (known.starts_with(&name) || name.starts_with(known) || known.split('-').any(|word| word == name))
}
