//! A configuration as it is written: what the filter's policy no longer tells, such as paths, providers, and the texts
//! of secrets. Every part knows its JSON path.

use hookwarden::config::problem::{Path, Problem};
use hookwarden::config::{Environment, dialects, providers};
use hookwarden::verify::bytes::json::{Json, JsonPath};
use hookwarden::verify::key::keyring::Selector;
use hookwarden::verify::key::secret::Validity;
use hookwarden::verify::primitives::timestamp::{UnixTime, parse_rfc3339};

/// A source.
pub struct SourceEntry {
    pub name: String,
    /// The hosts that it matches; any if there are none.
    pub hosts: Vec<String>,
    /// The path that it matches.
    pub pattern: String,
    /// Groups of checks: all must hold, and of each group one.
    pub groups: Vec<Vec<CheckEntry>>,
    pub json: Json,
}

/// A check. No `Debug`: it holds secrets.
pub struct CheckEntry {
    pub path: Path,
    /// Its path below the source, such as `verify[1].any[0]`.
    pub place: String,
    pub json: Json,
    pub provider: Option<String>,
    /// The scheme, its own or the provider's.
    pub scheme: Json,
    /// Configured values.
    pub with: Vec<(String, String)>,
    /// The tolerance that overrides the scheme's own.
    pub tolerance: Option<Json>,
    /// Whether it has public keys and no secrets.
    pub public_keys: bool,
    /// Where the request names its list of secrets.
    pub selector: Option<Selector>,
    /// The list of secrets, or those of each name.
    pub lists: Vec<SecretList>,
}

/// A list of secrets or public keys.
pub struct SecretList {
    pub path: Path,
    /// Its path below the source, such as `verify[1].secrets`.
    pub place: String,
    /// The name that chooses it, if several do.
    pub name: Option<String>,
    pub secrets: Vec<SecretEntry>,
}

/// A secret. No `Debug`: it holds the text.
pub struct SecretEntry {
    pub path: Path,
    /// Its id; its place in the list, from 1, if it has none.
    pub id: String,
    /// The variable that holds it; `None` if it is in the configuration.
    pub env: Option<String>,
    /// The text; `None` if the variable is not set.
    pub text: Option<String>,
    pub validity: Validity,
}

/// The sources of a configuration, as far as they can be read.
pub fn sources(configuration: &Json, environment: Environment<'_>) -> Vec<SourceEntry> {
    let path = Path::root().member("sources");
    let list = member(configuration, "sources").unwrap_or(&Json::Null);
    elements_at(list, &path).map(|(json, at)| SourceEntry::read(json, at, environment)).collect()
}

impl SourceEntry {
    fn read(json: &Json, path: Path, environment: Environment<'_>) -> Self {
        let check = |json: &Json, at: Path| CheckEntry::read(json, &path, at, environment);
        let group = |json: &Json, at: Path| match member(json, "any") {
            Some(any) => elements_at(any, &at.member("any")).map(|(json, at)| check(json, at)).collect(),
            None => vec![check(json, at)],
        };
        let at = path.member("verify");
        let groups = match member(json, "verify") {
            Some(list @ Json::List(_)) => elements_at(list, &at).map(|(json, at)| group(json, at)).collect(),
            Some(one) => vec![group(one, at)],
            None => Vec::new(),
        };
        Self {
            name: text(json, "name").unwrap_or_default(),
            hosts: elements(member(json, "match.hosts")).filter_map(Json::text).map(str::to_owned).collect(),
            pattern: text(json, "match.path").unwrap_or_default(),
            groups,
            json: json.clone(),
        }
    }

    /// The value at a path such as `replay.id`.
    pub fn member(&self, path: &str) -> Option<&Json> {
        member(&self.json, path)
    }

    /// Every check.
    pub fn checks(&self) -> impl Iterator<Item = &CheckEntry> {
        self.groups.iter().flatten()
    }

    /// Every list of secrets, with its check.
    pub fn lists(&self) -> impl Iterator<Item = (&CheckEntry, &SecretList)> {
        self.checks().flat_map(|check| check.lists.iter().map(move |list| (check, list)))
    }
}

impl CheckEntry {
    /// Reads the check at `path`, of the source at `source`.
    pub fn read(json: &Json, source: &Path, path: Path, environment: Environment<'_>) -> Self {
        let provider = text(json, "provider");
        let shipped = provider.as_deref().and_then(providers::find).map(|provider| provider.scheme);
        let with = match member(json, "with") {
            Some(Json::Object(members)) => {
                members.iter().filter_map(|(name, value)| Some((name.clone(), value.text()?.to_owned()))).collect()
            }
            _ => Vec::new(),
        };
        let list = |name: Option<&str>, at: Path, json: &Json| SecretList {
            name: name.map(str::to_owned),
            secrets: elements_at(json, &at)
                .zip(1_usize..)
                .map(|((json, at), number)| SecretEntry::read(json, number, at, environment))
                .collect(),
            place: place(&at, source),
            path: at,
        };
        let of_one = |name| Some(list(None, path.member(name), member(json, name)?));
        let mut lists: Vec<_> = ["secrets", "keys"].into_iter().filter_map(of_one).collect();
        let by = ["secrets_by", "keys_by"].into_iter().find_map(|name| Some((name, member(json, name)?)));
        for of in ["secrets", "keys"] {
            let Some((by_name, Json::Object(members))) = by.and_then(|(name, by)| Some((name, member(by, of)?))) else {
                continue;
            };
            let at = path.member(by_name).member(of);
            lists.extend(members.iter().map(|(name, json)| list(Some(name), at.member(name), json)));
        }
        let selector = by.and_then(|(_, by)| match (text(by, "header"), text(by, "path_segment")) {
            (Some(name), _) => Some(Selector::Header(name.to_ascii_lowercase())),
            (_, Some(position)) => position.parse().ok().map(Selector::PathSegment),
            _ => None,
        });
        Self {
            place: place(&path, source),
            path,
            scheme: shipped.or_else(|| member(json, "scheme").cloned()).unwrap_or(Json::Null),
            provider,
            with,
            tolerance: member(json, "tolerance").cloned(),
            public_keys: member(json, "keys").or_else(|| member(json, "keys_by")).is_some(),
            selector,
            lists,
            json: json.clone(),
        }
    }

    /// The schemes of its dialects.
    ///
    /// # Errors
    /// Every problem with the scheme and its values.
    pub fn dialects(&self) -> Result<Vec<dialects::Dialect>, Vec<Problem>> {
        dialects::of_check(&self.json)
    }

    /// Every secret of every list, with its list.
    pub fn secrets(&self) -> impl Iterator<Item = (&SecretList, &SecretEntry)> {
        self.lists.iter().flat_map(|list| list.secrets.iter().map(move |secret| (list, secret)))
    }

    /// The configured value of this name.
    pub fn with(&self, name: &str) -> Option<&str> {
        self.with.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The provider's name in quotes, or that it is a scheme of one's own.
    pub fn title(&self) -> String {
        self.provider.as_ref().map_or_else(|| "the configured scheme".to_owned(), |name| format!("\"{name}\""))
    }
}

impl SecretEntry {
    fn read(json: &Json, number: usize, path: Path, environment: Environment<'_>) -> Self {
        let env = text(json, "env");
        let value = match &env {
            Some(name) => environment(name).filter(|text| !text.is_empty()),
            None => text(json, "value"),
        };
        let time = |name: &str| parse_rfc3339(&text(json, name)?);
        Self {
            path,
            id: text(json, "id").unwrap_or_else(|| number.to_string()),
            env,
            text: value,
            validity: Validity { not_before: time("not_before"), not_after: time("not_after") },
        }
    }

    /// Whether it is read while the filter runs: it is neither in a variable nor in the configuration.
    pub fn is_live(&self) -> bool {
        self.env.is_none() && self.text.is_none()
    }

    /// Whether it is valid no more.
    pub fn is_expired(&self, now: UnixTime) -> bool {
        self.validity.not_after.is_some_and(|end| end < now)
    }
}

/// The value at a path of names joined by dots.
pub fn member<'a>(json: &'a Json, path: &str) -> Option<&'a Json> {
    json.at(&JsonPath::parse(path)?)
}

/// The elements of a list, with their paths.
fn elements_at<'a>(json: &'a Json, path: &Path) -> impl Iterator<Item = (&'a Json, Path)> {
    elements(Some(json)).enumerate().map(|(position, json)| (json, path.element(position)))
}

/// A path below that of a source.
fn place(path: &Path, source: &Path) -> String {
    let path = path.to_string();
    path.strip_prefix(&format!("{source}.")).unwrap_or(&path).to_owned()
}

/// The elements of a list; none of anything else.
pub fn elements(json: Option<&Json>) -> impl Iterator<Item = &Json> {
    match json {
        Some(Json::List(list)) => list.iter(),
        _ => [].iter(),
    }
}

/// The text at a path, or a number as it is written.
pub fn text(json: &Json, path: &str) -> Option<String> {
    member(json, path)?.text().map(str::to_owned)
}
