//! The filter's own verdict on the signed request: nothing is shown that it would not accept.

use std::rc::Rc;

use hookwarden::config;
use hookwarden::config::dialects::Dialect;
use hookwarden::config::problem::{Kind, Problem};
use hookwarden::verify::bytes::json::Json;
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::{Denial, Request, Requirement, Verified, borrowed};

use super::builder::RequestBuilder;
use super::error::Error;
use super::key::Key;

/// What a request must satisfy, and the public halves of the private keys that serve it.
pub struct Verifier {
    requirement: Rc<Requirement>,
    pub public_keys: Vec<String>,
}

/// What a filter that remembers events would remember of a request.
pub struct Identifier(Option<Rc<Requirement>>);

/// A check, without its secrets, and the key that is used for it.
pub struct Part<'a> {
    pub check: &'a Json,
    pub dialects: &'a [Dialect],
    pub key: &'a Key,
}

impl Identifier {
    /// The same as [`Verifier::new`], of a source that remembers events.
    ///
    /// # Errors
    /// If a key cannot serve its check.
    pub fn new(parts: &[Part<'_>]) -> Result<Self, Error> {
        let (checks, _) = checks(parts)?;
        let replay = ("replay", object(vec![("window", Json::Text("1h".to_owned()))]));
        let configuration = configuration("/", checks, Some(replay)).to_string();
        // It is refused if the proof covers nothing.
        let source = config::load(configuration.as_bytes(), &|_| None)
            .ok()
            .and_then(|loaded| loaded.policy.sources.into_iter().next());
        Ok(Self(source.and_then(|source| source.requirement.clone())))
    }

    /// Whether anything of a request tells its event from others.
    pub fn can_identify(&self) -> bool {
        self.0.is_some()
    }

    /// Whether two requests are known to be two events.
    pub fn are_distinct(&self, one: (&RequestBuilder, UnixTime), other: (&RequestBuilder, UnixTime)) -> bool {
        let Some(requirement) = &self.0 else { return false };
        let verified =
            |(builder, now): (&RequestBuilder, UnixTime)| requirement.verify(&builder.head(), &builder.body, now).ok();
        match (verified(one), verified(other)) {
            (Some(one), Some(other)) => match (one.identity(), other.identity()) {
                (Some(one), Some(other)) => one != other,
                _ => false,
            },
            _ => false,
        }
    }
}

impl Verifier {
    /// The requirement that all `parts` hold, each under its key.
    pub fn new(parts: &[Part<'_>]) -> Result<Self, Error> {
        let (checks, public_keys) = checks(parts)?;
        let configuration = configuration("/", checks, None).to_string();
        let loaded = config::load(configuration.as_bytes(), &|_| None).map_err(|problems| {
            let problems: Vec<_> = problems.iter().map(shown).collect();
            Error::new(problems.join("\n"))
        })?;
        let source = loaded.policy.sources.into_iter().next();
        let requirement = source.and_then(|source| source.requirement.clone());
        let requirement = requirement.ok_or_else(|| Error::new("the check cannot be used"))?;
        Ok(Self { requirement, public_keys })
    }

    /// The position of the dialect that decides about a request.
    pub fn deciding_dialect(&self, builder: &RequestBuilder) -> usize {
        self.requirement
            .selected_dialects(Request::new(&borrowed(&builder.head())))
            .first()
            .copied()
            .unwrap_or_default()
    }

    /// The filter's verdict.
    pub fn verify(&self, builder: &RequestBuilder, now: UnixTime) -> Result<Verified, Denial> {
        self.requirement.verify(&builder.head(), &builder.body, now)
    }
}

/// The checks of `parts`, each with its key, as a configuration has them; and the public halves of private keys.
pub fn checks(parts: &[Part<'_>]) -> Result<(Vec<Json>, Vec<String>), Error> {
    let mut public_keys = Vec::new();
    let mut checks = Vec::new();
    for part in parts {
        let (list, text) = match public_half(part)? {
            Some(public_key) => {
                public_keys.push(public_key.clone());
                ("keys", public_key)
            }
            None => ("secrets", part.key.text().to_owned()),
        };
        checks.push(check_with(part.check, list, text)?);
    }
    Ok((checks, public_keys))
}

/// A check with one secret or public key instead of its own. `list`: `secrets` or `keys`.
pub fn check_with(check: &Json, list: &str, text: String) -> Result<Json, Error> {
    let Json::Object(members) = check else { return Err(Error::new("a check is not an object")) };
    let mut members = members.clone();
    members.retain(|(name, _)| !matches!(name.as_str(), "secrets" | "secrets_by" | "keys" | "keys_by"));
    let mut entry = vec![("value", Json::Text(text))];
    if list == "secrets" {
        entry.push(("insecure_short_secret", Json::Bool(true)));
    }
    members.push((list.to_owned(), Json::List(vec![object(entry)])));
    Ok(Json::Object(members))
}

/// A configuration with one source at `path`. `option`: another member of the source, such as how it takes part in handshakes.
pub fn configuration(path: &str, checks: Vec<Json>, option: Option<(&str, Json)>) -> Json {
    let mut source = vec![
        ("name", Json::Text("signed".to_owned())),
        ("match", object(vec![("path", Json::Text(path.to_owned()))])),
        ("verify", Json::List(checks)),
    ];
    source.extend(option);
    object(vec![("sources", Json::List(vec![object(source)]))])
}

/// The public half of a private key; `None` where the scheme has secrets.
fn public_half(part: &Part<'_>) -> Result<Option<String>, Error> {
    let algorithms: Vec<_> = part.dialects.iter().flat_map(|(scheme, _)| scheme.public_algorithms()).collect();
    let mut worst = None;
    for algorithm in algorithms {
        match part.key.public_half(algorithm) {
            Ok(public_key) => return Ok(Some(public_key)),
            Err(error) => worst = worst.or(Some(error)),
        }
    }
    worst.map_or(Ok(None), Err)
}

/// A problem of a configuration that nobody wrote, in words about the arguments.
fn shown(problem: &Problem) -> String {
    match problem.kind {
        Kind::SecretUnusable | Kind::SecretForm => format!("the secret {}", problem.message()),
        _ => problem.to_string(),
    }
}

fn object(members: Vec<(&str, Json)>) -> Json {
    Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
