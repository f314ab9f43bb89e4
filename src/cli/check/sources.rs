//! The sources of a configuration as they are written, whether or not the filter takes them.

use hookwarden::config::providers;
use hookwarden::verify::json::Json;

use super::cursor::Cursor;
use super::value::{Kind, Value};

/// A source.
pub struct Source<'a> {
    pub at: Cursor<'a>,
    pub name: &'a str,
    /// In lower case; none is any host.
    pub hosts: Vec<String>,
    pub path: Option<&'a str>,
}

/// Keys under which a source has a rule on addresses.
pub const ADDRESS_RULES: [&str; 3] = ["allow_from", "deny_from", "flood_limit"];

/// The sources of a configuration.
pub fn sources<'a>(root: &Cursor<'a>) -> Vec<Source<'a>> {
    let of = |at: Cursor<'a>| {
        let hosts = at.at(&["match", "hosts"]).map(|hosts| hosts.elements()).unwrap_or_default();
        Source {
            name: at.text_at("name").unwrap_or("?"),
            hosts: hosts.iter().filter_map(|host| host.text()).map(str::to_ascii_lowercase).collect(),
            path: at.value.at(&["match", "path"]).and_then(Value::text),
            at,
        }
    };
    root.list("sources").into_iter().map(of).collect()
}

impl<'a> Source<'a> {
    /// Its checks, those of each `any` too.
    pub fn checks(&self) -> Vec<Cursor<'a>> {
        let Some(verify) = self.at.get("verify") else { return Vec::new() };
        let groups = match verify.value.kind {
            Kind::List(_) => verify.elements(),
            _ => vec![verify],
        };
        let flat = |group: Cursor<'a>| match group.get("any") {
            Some(any) => any.elements(),
            None => vec![group],
        };
        groups.into_iter().flat_map(flat).collect()
    }

    /// Its `any`s.
    pub fn any(&self) -> Vec<Cursor<'a>> {
        let Some(verify) = self.at.get("verify") else { return Vec::new() };
        let groups = if verify.get("any").is_some() { vec![verify] } else { verify.elements() };
        groups.iter().filter_map(|group| group.get("any")).collect()
    }

    /// The lists of secrets of its checks, `secrets_by` included.
    pub fn secret_lists(&self) -> Vec<Cursor<'a>> {
        let of = |check: &Cursor<'a>| {
            let plain = [check.get("secrets"), check.get("keys")].into_iter().flatten();
            let chosen = check.at(&["secrets_by", "secrets"]).map(|lists| lists.members()).unwrap_or_default();
            plain.chain(chosen.into_iter().map(|(_, list)| list)).collect::<Vec<_>>()
        };
        self.checks().iter().flat_map(of).collect()
    }

    /// Whether it refuses anything.
    pub fn is_enforced(&self) -> bool {
        !matches!(self.at.text_at("mode"), Some("observe" | "disabled"))
    }

    /// The rule that goes by the client's address, if it has one.
    pub fn address_rule(&self) -> Option<Cursor<'a>> {
        let by_address = || {
            let limit = self.at.get("rate_limit")?;
            (limit.text_at("by") == Some("address")).then_some(limit)
        };
        ADDRESS_RULES.iter().find_map(|name| self.at.get(name)).or_else(by_address)
    }

    /// Whether what one of its checks verifies covers the URL, or its path or query.
    pub fn signs_url(&self) -> bool {
        let names = ["{url", "{target", "{path", "{query", "@target-uri", "@path", "@query", "\"qsh\""];
        self.checks().iter().any(|check| {
            check.at(&["with", "public_url"]).is_some()
                || scheme(check).is_some_and(|scheme| names.iter().any(|name| scheme.contains(name)))
        })
    }

    /// Whether one of its credentials or signatures stands in the query.
    pub fn proves_in_query(&self) -> bool {
        self.checks().iter().any(|check| {
            scheme(check).is_some_and(|scheme| {
                let places = ["\"at\":\"query:", "\"jwt\":{\"at\":\"query:"];
                places.iter().any(|place| scheme.contains(place))
            })
        })
    }

    /// Whether the header `Authorization` is part of its proof.
    pub fn proves_by_authorization(&self) -> bool {
        let names = ["\"authorization\"", "header:authorization"];
        self.checks().iter().any(|check| {
            scheme(check).is_some_and(|scheme| names.iter().any(|name| scheme.to_ascii_lowercase().contains(name)))
        })
    }
}

/// The scheme of a check as JSON without blanks, that of its provider if it has one.
pub fn scheme(check: &Cursor<'_>) -> Option<String> {
    match (check.text_at("provider"), check.get("scheme")) {
        (Some(name), _) => {
            let file = Json::parse(providers::text(name)?.as_bytes()).ok()?;
            let Json::Object(members) = file else { return None };
            members.iter().find(|(key, _)| key == "scheme").map(|(_, scheme)| compact(scheme))
        }
        (None, Some(scheme)) => Some(scheme.value.to_json()),
        (None, None) => None,
    }
}

fn compact(json: &Json) -> String {
    fn value(json: &Json) -> Value {
        let kind = match json {
            Json::Null => Kind::Null,
            Json::Bool(value) => Kind::Bool(*value),
            Json::Number(text) => Kind::Number(text.clone()),
            Json::Text(text) => Kind::Text(text.clone()),
            Json::List(list) => Kind::List(list.iter().map(value).collect()),
            Json::Object(members) => Kind::Map(
                members
                    .iter()
                    .map(|(key, json)| super::value::Member { at: 0, key: key.clone(), value: value(json) })
                    .collect(),
            ),
        };
        Value { at: 0, kind }
    }
    value(json).to_json()
}

/// Whether two lists of host patterns have a host in common; an empty one is any host.
pub fn hosts_meet(a: &[String], b: &[String]) -> bool {
    a.is_empty() || b.is_empty() || a.iter().any(|a| b.iter().any(|b| host_meets(a, b)))
}

/// Whether two host patterns have a host in common: `*.example.com` is every host below the domain.
pub fn host_meets(a: &str, b: &str) -> bool {
    let below = |host: &str, pattern: &str| {
        pattern
            .strip_prefix('*')
            .is_some_and(|domain| host.trim_start_matches("*").ends_with(domain) && host != pattern)
    };
    a == b || a == "*" || b == "*" || below(a, b) || below(b, a)
}

/// Whether a path pattern takes all that another one takes: `/a/*` takes `/a/b` and `/a/b/*`.
pub fn path_covers(wide: &str, narrow: &str) -> bool {
    wide.strip_suffix('*').is_some_and(|prefix| narrow.trim_end_matches('*').starts_with(prefix)) || wide == narrow
}
