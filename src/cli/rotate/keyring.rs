//! The lists of secrets that a source has, and the entries of one.

use super::document::{Spanned, Value};

/// A list of secrets or public keys, and where it stands.
pub struct Keyring<'a> {
    /// Such as `verify[1].secrets`, as `--list` takes it.
    pub path: String,
    /// The provider of its check; `None` where a scheme is written out.
    pub provider: Option<&'a str>,
    pub list: &'a Spanned,
}

/// An entry of such a list.
pub struct Entry<'a> {
    /// Its name, or its place in the list, as metrics have it.
    pub id: String,
    /// The variable that holds it; `None` where it stands in the configuration.
    pub env: Option<&'a str>,
    pub entry: &'a Spanned,
}

/// Every list of a source.
pub fn of(source: &Spanned) -> Vec<Keyring<'_>> {
    let mut found = Vec::new();
    let Some(verify) = source.member("verify") else { return found };
    for (path, group) in one_or_many("verify", verify) {
        let checks = match group.member("any") {
            Some(any) => one_or_many(&format!("{path}.any"), any),
            None => vec![(path, group)],
        };
        for (path, check) in checks {
            let provider = check.text("provider");
            for name in ["secrets", "keys"] {
                if let Some(list) = check.member(name) {
                    found.push(Keyring { path: format!("{path}.{name}"), provider, list });
                }
            }
            let lists = check.member("secrets_by").and_then(|by| by.member("secrets"));
            for (name, list) in lists.map(Spanned::members).unwrap_or_default() {
                found.push(Keyring { path: format!("{path}.secrets_by.secrets[{name:?}]"), provider, list });
            }
        }
    }
    found
}

fn one_or_many<'a>(path: &str, value: &'a Spanned) -> Vec<(String, &'a Spanned)> {
    match &value.value {
        Value::List(list) => list.iter().enumerate().map(|(at, element)| (format!("{path}[{at}]"), element)).collect(),
        _ => vec![(path.to_owned(), value)],
    }
}

impl Keyring<'_> {
    /// The entries, in order.
    pub fn entries(&self) -> Vec<Entry<'_>> {
        let named = (1_usize..).zip(self.list.elements());
        named
            .map(|(number, entry)| Entry {
                id: entry.text("id").map_or_else(|| number.to_string(), str::to_owned),
                env: entry.text("env"),
                entry,
            })
            .collect()
    }

    /// Whether its secrets are public keys.
    pub fn is_public(&self) -> bool {
        self.path.ends_with(".keys")
    }
}
