//! The filter's own verdict on what was made: nothing is shown that it would not take.

use hookwarden::config;
use hookwarden::verify::check::Rereading;
use hookwarden::verify::json::Json;
use hookwarden::verify::public_key::PublicAlgorithm;
use hookwarden::verify::scheme::{Scheme, SignatureAlgorithm};
use hookwarden::verify::timestamp::UnixTime;
use hookwarden::verify::{Denial, Request, Requirement, Verified};

use super::draft::Draft;
use super::forge::Dialect;
use super::key::Key;
use super::trouble::Trouble;

/// What a request must satisfy, and the public halves of the private keys that serve it.
pub struct Proof {
    requirement: Requirement,
    pub public_keys: Vec<String>,
}

/// A check, without its secrets, and the key that is used for it.
pub struct Part<'a> {
    pub check: &'a Json,
    pub dialects: &'a [Dialect],
    pub key: &'a Key,
}

impl Proof {
    /// The requirement that all `parts` hold, each under its key.
    pub fn new(parts: &[Part<'_>]) -> Result<Self, Trouble> {
        let mut public_keys = Vec::new();
        let mut checks = Vec::new();
        for part in parts {
            let Json::Object(members) = part.check else { return Err(Trouble::new("a check is no object")) };
            let mut members = members.clone();
            members.retain(|(name, _)| !matches!(name.as_str(), "secrets" | "secrets_by" | "keys"));
            let list = match public_half(part)? {
                Some(public_key) => {
                    public_keys.push(public_key.clone());
                    ("keys", object(vec![("value", Json::Text(public_key))]))
                }
                None => {
                    let secret = Json::Text(part.key.text().to_owned());
                    ("secrets", object(vec![("value", secret), ("insecure_short_secret", Json::Bool(true))]))
                }
            };
            members.push((list.0.to_owned(), Json::List(vec![list.1])));
            checks.push(Json::Object(members));
        }
        let source = object(vec![
            ("name", Json::Text("signed".to_owned())),
            ("match", object(vec![("path", Json::Text("/".to_owned()))])),
            ("verify", Json::List(checks)),
        ]);
        let configuration = object(vec![("sources", Json::List(vec![source]))]).to_string();
        let loaded = config::load(configuration.as_bytes(), &|_| None).map_err(|problems| {
            let problems: Vec<_> = problems.iter().map(|problem| shown(&problem.to_string())).collect();
            Trouble::new(problems.join("\n"))
        })?;
        let source = loaded.policy.sources.into_iter().next();
        let requirement = source.and_then(|source| source.requirement);
        let requirement = requirement.ok_or_else(|| Trouble::new("the check cannot be used"))?;
        Ok(Self { requirement, public_keys })
    }

    /// The filter's verdict.
    pub fn judge(&self, draft: &Draft, now: UnixTime) -> Result<Verified, Denial> {
        judge(&self.requirement, draft, now)
    }
}

/// The verdict of a requirement.
pub fn judge(requirement: &Requirement, draft: &Draft, now: UnixTime) -> Result<Verified, Denial> {
    let head = draft.head();
    let mut proof = requirement.begin(Request::new(&head), now, Rereading::Possible)?;
    proof.update(&draft.body);
    proof.finish(requirement, &draft.body.as_slice(), now)
}

/// The public half of a private key; `None` where the scheme has secrets.
fn public_half(part: &Part<'_>) -> Result<Option<String>, Trouble> {
    let algorithms: Vec<_> = part.dialects.iter().flat_map(|(scheme, _)| public_algorithms(scheme)).collect();
    let mut worst = None;
    for algorithm in algorithms {
        match part.key.public_half(algorithm) {
            Ok(public_key) => return Ok(Some(public_key)),
            Err(trouble) => worst = worst.or(Some(trouble)),
        }
    }
    worst.map_or(Ok(None), Err)
}

fn public_algorithms(scheme: &Scheme) -> Vec<PublicAlgorithm> {
    let public = |algorithm: SignatureAlgorithm| match algorithm {
        SignatureAlgorithm::Public(algorithm) => vec![algorithm],
        SignatureAlgorithm::Hmac(_) | SignatureAlgorithm::Hash(_) => Vec::new(),
    };
    match scheme {
        Scheme::Signature(scheme) => public(scheme.algorithm),
        Scheme::MessageSignature(scheme) => public(scheme.algorithm),
        Scheme::HttpSignature(scheme) => public(scheme.algorithm),
        Scheme::Jwt(scheme) => scheme.algorithms.iter().filter_map(|algorithm| algorithm.public()).collect(),
        Scheme::Credential(_) => Vec::new(),
    }
}

/// A problem of a configuration that nobody wrote, in words about the arguments.
fn shown(problem: &str) -> String {
    match problem.split_once(": ") {
        Some((path, message)) if path.contains(".secrets[") || path.contains(".keys[") => {
            format!("the secret {message}")
        }
        _ => problem.to_owned(),
    }
}

fn object(members: Vec<(&str, Json)>) -> Json {
    Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
