//! The configuration: the policy that the filter runs, and beside it what was written, for what a policy no longer
//! knows: paths, templates, and the texts of secrets.

use std::rc::Rc;

use hookwarden::config::problem::Problem;
use hookwarden::config::{self, Policy, providers};
use hookwarden::filter::Guards;
use hookwarden::guard::budget::BudgetBy;
use hookwarden::verify::json::Json;
use hookwarden::verify::keyring::Selector;
use hookwarden::verify::secret::Validity;
use hookwarden::verify::timestamp::parse_rfc3339;

use super::environment::Environment;
use super::peer::Forgetful;

/// A valid configuration.
pub struct Configuration {
    /// As the filter runs it.
    pub policy: Rc<Policy>,
    /// Its sources as they are written, in the same order.
    pub sources: Vec<WrittenSource>,
    /// The guards of its sources, and what they remember.
    pub guards: Rc<Guards>,
    pub memory: Forgetful,
    /// What of it cannot be judged here.
    pub unjudged: Unjudged,
}

/// What cannot be judged, for nobody said how the client came. It is taken out of the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unjudged {
    /// Whether the version of TLS is not known.
    pub transport: bool,
    /// Whether the client's address is not known.
    pub address: bool,
}

/// A source as it is written.
pub struct WrittenSource {
    /// Its name.
    pub name: String,
    /// The hosts that it wants; any if there are none.
    pub hosts: Vec<String>,
    /// The path that it wants.
    pub path: String,
    /// Whether it demands something of the transport, and of the client's address.
    pub has_transport: bool,
    pub has_address: bool,
    /// Groups of checks: all must hold, and of each group one.
    pub groups: Vec<Vec<WrittenCheck>>,
}

/// A check as it is written. No `Debug`: it holds secrets.
pub struct WrittenCheck {
    /// Its JSON path.
    pub path: String,
    /// The provider that it names.
    pub provider: Option<String>,
    /// The scheme, its own or the provider's.
    pub scheme: Json,
    /// Configured values.
    pub with: Vec<(String, String)>,
    /// The window that overrides the scheme's own.
    pub tolerance: Option<Json>,
    /// Whether it has public keys and no secrets.
    pub public_keys: bool,
    /// Where the request names its list.
    pub selector: Option<Selector>,
    /// The list of secrets, or those of each name.
    pub lists: Vec<WrittenList>,
}

/// A list of secrets as it is written.
pub struct WrittenList {
    /// The name that chooses it, if several do.
    pub name: Option<String>,
    /// The secrets.
    pub secrets: Vec<WrittenSecret>,
}

/// A secret as it is written. No `Debug`: it holds the text.
pub struct WrittenSecret {
    /// Its id, its place in the list if it has none.
    pub id: String,
    /// The variable that it is read from.
    pub variable: Option<String>,
    /// The text; `None` if the variable is not set.
    pub text: Option<String>,
    /// When it is valid.
    pub validity: Validity,
}

impl Configuration {
    /// Reads a configuration.
    ///
    /// # Errors
    /// Every problem of it.
    pub fn load(text: &[u8], environment: &Environment, unjudged: Unjudged) -> Result<Self, Vec<Problem>> {
        let loaded = config::load(text, &|name| environment.value(name))?;
        let mut policy = loaded.policy;
        for source in &mut policy.sources {
            if unjudged.transport {
                source.transport = None;
            }
            if unjudged.address {
                source.address = None;
                source.flood = None;
                source.budget = source.budget.take().filter(|rule| rule.by != BudgetBy::Address);
            }
        }
        let sources = match Json::parse(text) {
            Ok(json) => {
                elements(member(&json, "sources")).map(|source| WrittenSource::read(source, environment)).collect()
            }
            Err(_) => Vec::new(),
        };
        let memory = Forgetful::default();
        // This memory never refuses.
        let guards = Rc::new(Guards::open(&policy, &memory).unwrap_or_default());
        Ok(Self { policy: Rc::new(policy), sources, guards, memory, unjudged })
    }

    /// The checks of every source, with the source's position.
    pub fn checks(&self) -> impl Iterator<Item = (usize, &WrittenCheck)> {
        self.sources
            .iter()
            .enumerate()
            .flat_map(|(at, source)| source.groups.iter().flatten().map(move |check| (at, check)))
    }
}

impl WrittenSource {
    fn read(json: &Json, environment: &Environment) -> Self {
        let hosts = member(json, "match").and_then(|pattern| member(pattern, "hosts"));
        let path = member(json, "match").and_then(|pattern| member(pattern, "path"));
        let checks = |json: &Json, path: &str| match member(json, "any") {
            Some(any) => elements(Some(any))
                .enumerate()
                .map(|(at, json)| WrittenCheck::read(json, format!("{path}.any[{at}]"), environment))
                .collect(),
            None => vec![WrittenCheck::read(json, path.to_owned(), environment)],
        };
        let groups = match member(json, "verify") {
            Some(Json::List(list)) => {
                list.iter().enumerate().map(|(at, json)| checks(json, &format!("verify[{at}]"))).collect()
            }
            Some(one) => vec![checks(one, "verify")],
            None => Vec::new(),
        };
        Self {
            name: text(member(json, "name")).unwrap_or_default(),
            hosts: elements(hosts).filter_map(|host| text(Some(host))).collect(),
            path: text(path).unwrap_or_default(),
            has_transport: member(json, "transport").is_some(),
            has_address: member(json, "allow_from").is_some() || member(json, "deny_from").is_some(),
            groups,
        }
    }
}

impl WrittenCheck {
    fn read(json: &Json, path: String, environment: &Environment) -> Self {
        let provider = text(member(json, "provider"));
        let shipped = provider.as_deref().and_then(providers::find).map(|provider| provider.scheme);
        let scheme = shipped.or_else(|| member(json, "scheme").cloned()).unwrap_or(Json::Null);
        let with = match member(json, "with") {
            Some(Json::Object(members)) => {
                members.iter().filter_map(|(name, value)| Some((name.clone(), text(Some(value))?))).collect()
            }
            _ => Vec::new(),
        };
        let list = |name: Option<String>, list: Option<&Json>| WrittenList {
            name,
            secrets: elements(list).enumerate().map(|(at, json)| WrittenSecret::read(json, at, environment)).collect(),
        };
        let by = member(json, "secrets_by");
        let selector = by.and_then(|by| match (text(member(by, "header")), text(member(by, "path_segment"))) {
            (Some(name), _) => Some(Selector::Header(name.to_ascii_lowercase())),
            (_, Some(position)) => position.parse().ok().map(Selector::PathSegment),
            _ => None,
        });
        let lists = match by.and_then(|by| member(by, "secrets")) {
            Some(Json::Object(members)) => {
                members.iter().map(|(name, secrets)| list(Some(name.clone()), Some(secrets))).collect()
            }
            _ => vec![list(None, member(json, "secrets").or_else(|| member(json, "keys")))],
        };
        Self {
            path,
            provider,
            scheme,
            with,
            tolerance: member(json, "tolerance").cloned(),
            public_keys: member(json, "keys").is_some(),
            selector,
            lists,
        }
    }

    /// Every secret of every list.
    pub fn secrets(&self) -> impl Iterator<Item = (&WrittenList, &WrittenSecret)> {
        self.lists.iter().flat_map(|list| list.secrets.iter().map(move |secret| (list, secret)))
    }

    /// The configured value of this name.
    pub fn with(&self, name: &str) -> Option<&str> {
        self.with.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// What proves the request, for people: the provider's name, or that it is a scheme of one's own.
    pub fn title(&self) -> String {
        match &self.provider {
            Some(name) => format!("\"{name}\""),
            None => "the configured scheme".to_owned(),
        }
    }
}

impl WrittenSecret {
    fn read(json: &Json, at: usize, environment: &Environment) -> Self {
        let variable = text(member(json, "env"));
        let value = match &variable {
            Some(name) => environment.value(name).filter(|text| !text.is_empty()),
            None => text(member(json, "value")),
        };
        let time = |name: &str| text(member(json, name)).and_then(|text| parse_rfc3339(&text));
        Self {
            id: text(member(json, "id")).unwrap_or_else(|| at.saturating_add(1).to_string()),
            variable,
            text: value,
            validity: Validity { not_before: time("not_before"), not_after: time("not_after") },
        }
    }
}

/// The member of an object.
pub fn member<'a>(json: &'a Json, name: &str) -> Option<&'a Json> {
    match json {
        Json::Object(members) => members.iter().find(|(key, _)| key == name).map(|(_, value)| value),
        _ => None,
    }
}

/// The elements of a list.
pub fn elements(json: Option<&Json>) -> impl Iterator<Item = &Json> {
    match json {
        Some(Json::List(list)) => list.iter(),
        _ => [].iter(),
    }
}

/// A text, or a number as it is written.
pub fn text(json: Option<&Json>) -> Option<String> {
    json.and_then(Json::text).map(str::to_owned)
}
