//! The sources of a configuration as they are written, whether or not the filter takes them.

use hookwarden::config::providers;
use hookwarden::handshake::ConfirmationRule;
use hookwarden::verify::bytes::json::{Json, JsonPath};
use hookwarden::verify::expression::Expression;
use hookwarden::verify::expression::native::Origin;
use hookwarden::verify::scheme::Scheme;
use hookwarden::verify::scheme::native::{self, HeadPart};

use crate::cli::config_file::{self, CheckEntry, SourceEntry};
use crate::cli::document::cursor::Cursor;
use crate::cli::document::value::Value;

/// A source.
pub struct Source<'a> {
    pub at: Cursor<'a>,
    pub name: &'a str,
    /// In lower case; none is any host.
    pub hosts: Vec<String>,
    pub path: Option<&'a str>,
    pub entry: SourceEntry,
    /// The schemes of its checks, as far as they are valid.
    schemes: Vec<Scheme>,
}

/// Keys of a source that its sender publishes.
pub struct Published<'a> {
    /// Where the cluster stands.
    pub cluster: Cursor<'a>,
    /// The name of the cluster.
    pub name: &'a str,
    /// The sender's host, as far as it is known.
    pub host: Option<String>,
    /// The headers with credentials that the sender wants before it hands out a key.
    pub credentials: Vec<String>,
}

/// Keys under which a source has a rule on addresses.
pub const ADDRESS_RULES: [&str; 3] = ["allow_from", "deny_from", "flood_limit"];

/// The sources of a configuration.
pub fn sources<'a>(root: &Cursor<'a>) -> Vec<Source<'a>> {
    let entries = config_file::sources(&root.value.json(), &|_| None);
    let of = |(at, entry): (Cursor<'a>, SourceEntry)| Source {
        name: at.text_at("name").unwrap_or("?"),
        hosts: entry.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
        path: at.value.at(&["match", "path"]).and_then(Value::text),
        schemes: entry.checks().filter_map(|check| check.dialects().ok()).flatten().map(|(scheme, _)| scheme).collect(),
        entry,
        at,
    };
    root.list("sources").into_iter().zip(entries).map(of).collect()
}

impl<'a> Source<'a> {
    /// Its checks, and where each is.
    pub fn checks(&self) -> impl Iterator<Item = (Cursor<'a>, &CheckEntry)> {
        self.entry.checks().filter_map(|check| Some((self.at.find(&check.path)?, check)))
    }

    /// The keys that are fetched.
    pub fn published(&self) -> Vec<Published<'a>> {
        let entries = self.entry.lists().flat_map(|(check, list)| list.secrets.iter().map(move |entry| (check, entry)));
        let entries = entries.filter_map(|(check, entry)| Some((check, self.at.find(&entry.path)?)));
        let written = entries.flat_map(|(check, at)| ["jwks", "jwk", "x509"].map(|kind| (check, kind, at.get(kind))));
        let published = |(check, kind, at): (&CheckEntry, &str, Option<Cursor<'a>>)| {
            let at = at?;
            let cluster = at.get("cluster")?;
            let own = at.text_at("authority").map(|text| text.split(':').next().unwrap_or(text).to_owned());
            let host = own.or_else(|| pinned_host(check, kind));
            Some(Published { name: cluster.text()?, cluster, host, credentials: credentials(check, kind) })
        };
        written.filter_map(published).collect()
    }

    /// The cluster that confirms subscriptions, and the host that it must reach, as far as it is known.
    pub fn confirmation(&self) -> Option<(Cursor<'a>, Option<String>)> {
        let cluster = self.at.at(&["handshake", "cluster"])?;
        cluster.text()?;
        let topics = self.at.at(&["handshake", "topics"]).map(|topics| topics.elements()).unwrap_or_default();
        let host = topics.first().and_then(|topic| ConfirmationRule::host(topic.text()?));
        Some((cluster, host))
    }

    /// Where its checks are.
    pub fn verify(&self) -> Cursor<'a> {
        self.at.get("verify").unwrap_or_else(|| self.at.clone())
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

    /// Whether what one of its checks verifies covers the path.
    pub fn signs_path(&self) -> bool {
        self.schemes.iter().any(|scheme| scheme.signed_head().contains(&HeadPart::Path))
    }

    /// Whether one of its checks reads the host as it is in the request.
    pub fn signs_host(&self) -> bool {
        self.schemes.iter().any(Scheme::reads_authority)
    }

    /// The headers that its checks read, in lower case.
    pub fn headers(&self) -> Vec<String> {
        native::headers(&self.schemes)
    }

    /// Whether one of its credentials or signatures is in the query.
    pub fn has_proof_in_query(&self) -> bool {
        let in_query = |value: &Expression| matches!(value.origin(), Origin::Query(_));
        self.schemes.iter().filter_map(Scheme::proof_value).any(in_query)
    }

    /// Whether `x-request-id` is part of what is signed.
    pub fn signs_request_id(&self) -> bool {
        self.schemes.iter().any(|scheme| scheme.signed_head().contains(&HeadPart::RequestId))
    }

    /// Whether the header `Authorization` is part of its proof.
    pub fn has_proof_in_authorization(&self) -> bool {
        self.headers().iter().any(|name| name == "authorization")
    }
}

/// The host at which the sender of a check publishes its keys, if its file has it; of several, the first.
fn pinned_host(check: &CheckEntry, kind: &str) -> Option<String> {
    let file = providers::find(check.provider.as_deref()?)?.keys_from?;
    let host = file.at(&JsonPath::parse(&format!("{kind}.host"))?)?;
    let first = host.elements().and_then(|hosts| hosts.into_iter().next()).unwrap_or(host);
    let mut host = first.text()?.to_owned();
    for (name, value) in &check.with {
        host = host.replace(&format!("{{with:{name}}}"), value);
    }
    (!host.contains('{')).then_some(host)
}

/// The headers with credentials that the sender of a check wants before it hands out a key.
fn credentials(check: &CheckEntry, kind: &str) -> Vec<String> {
    let names = || {
        let file = providers::find(check.provider.as_deref()?)?.keys_from?;
        let names = file.at(&JsonPath::parse(&format!("{kind}.credentials"))?)?.elements()?;
        Some(names.into_iter().filter_map(Json::text).map(str::to_owned).collect())
    };
    names().unwrap_or_default()
}

/// Whether two lists of host patterns have a host in common; an empty one is any host.
pub fn hosts_meet(a: &[String], b: &[String]) -> bool {
    a.is_empty() || b.is_empty() || a.iter().any(|a| b.iter().any(|b| host_meets(a, b)))
}

/// Whether two host patterns have a host in common: `*.example.com` is every host below the domain, `hooks.*` of Envoy's virtual
/// hosts every one with this beginning.
pub fn host_meets(a: &str, b: &str) -> bool {
    let begins = |host: &str, pattern: &str| {
        pattern.strip_suffix('*').filter(|start| !start.is_empty()).is_some_and(|start| host.starts_with(start))
    };
    let below = |host: &str, pattern: &str| {
        pattern
            .strip_prefix('*')
            .is_some_and(|domain| host.trim_start_matches("*").ends_with(domain) && host != pattern)
    };
    a == b || a == "*" || b == "*" || below(a, b) || below(b, a) || begins(a, b) || begins(b, a)
}

/// Whether a path pattern takes all that another one takes: `/a/*` takes `/a/b` and `/a/b/*`.
pub fn path_covers(wide: &str, narrow: &str) -> bool {
    wide.strip_suffix('*').is_some_and(|prefix| narrow.trim_end_matches('*').starts_with(prefix)) || wide == narrow
}
