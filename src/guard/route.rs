//! Which source a request is for: host and path, in a time that does not grow with the number of sources.

use std::collections::{BTreeSet, HashMap};

use super::path;
use crate::verify::Denial;

/// What a source matches. An empty list of hosts is any host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The hosts.
    pub hosts: Vec<HostPattern>,
    /// The path.
    pub path: PathPattern,
}

/// A host, in lower case and without a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// Exactly this host.
    Exact(String),
    /// Every host below this domain, at any depth, but not the domain itself.
    Below(String),
}

/// A path without a query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PathPattern {
    /// Exactly this path.
    Exact(Vec<u8>),
    /// Every path that begins with this one, which ends in a slash.
    Below(Vec<u8>),
}

/// The longest host, in bytes (RFC 1035, section 2.3.4). Every label of one costs a look at the table.
const MAX_HOST: usize = 253;
/// The longest path of several readings whose readings are looked up, in bytes. Each reading costs a copy of it.
const MAX_READ: usize = 1024;

/// The table of all sources' patterns.
///
/// The most specific pattern wins: an exact host before a domain, a longer domain before a shorter one, any host
/// last; within a host an exact path, then the longest prefix. Where a host's own patterns do not match, those of
/// less specific hosts are asked.
#[derive(Debug, Default)]
pub struct Routes {
    exactly: Table,
    folded: Table,
}

#[derive(Debug, Default)]
struct Table {
    by_host: HashMap<HostPattern, Paths>,
    any_host: Paths,
}

#[derive(Debug, Default)]
struct Paths {
    exact: HashMap<Vec<u8>, usize>,
    below: HashMap<Vec<u8>, usize>,
    /// The lengths of the keys of `below`: the only prefixes worth a look.
    lengths: BTreeSet<usize>,
}

/// A pattern that an earlier source has, and its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The same pattern.
    Same(usize),
    /// One that differs in case or in a slash at the end only.
    Alike(usize),
}

/// What no source's policy applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrouted {
    /// Nothing matches, in any reading of the path.
    Unmatched,
    /// Two readers could take the host or the path for different ones, and some reading is a source's.
    Ambiguous,
}

impl From<Unrouted> for Denial {
    fn from(unrouted: Unrouted) -> Self {
        match unrouted {
            Unrouted::Unmatched => Denial::Unmatched,
            Unrouted::Ambiguous => Denial::AmbiguousPath,
        }
    }
}

impl Routes {
    /// Adds a pattern for the source at position `source`.
    ///
    /// # Errors
    /// [`Taken`] if an earlier source matches the same host and path already, or one that lenient routers take for it.
    pub fn add(&mut self, pattern: &Pattern, source: usize) -> Result<(), Taken> {
        let folded = match &pattern.path {
            PathPattern::Exact(path) => PathPattern::Exact(path::fold(path)),
            PathPattern::Below(path) => PathPattern::Below(path.to_ascii_lowercase()),
        };
        self.exactly.add(&pattern.hosts, &pattern.path, source).map_err(Taken::Same)?;
        self.folded.add(&pattern.hosts, &folded, source).map_err(Taken::Alike)?;
        if let PathPattern::Below(path) = &folded {
            // A disguise of the prefix itself folds to the prefix without its slash.
            let _ = self.folded.add(&pattern.hosts, &PathPattern::Exact(path::fold(path)), source);
        }
        Ok(())
    }

    /// The source for this authority and path (without query).
    ///
    /// # Errors
    /// [`Unrouted`], where no source may decide.
    pub fn find(&self, authority: &[u8], path: &[u8]) -> Result<usize, Unrouted> {
        let host = if self.exactly.by_host.is_empty() { Some(String::new()) } else { host_of(authority) };
        let Some(host) = host else { return Err(Unrouted::Ambiguous) };
        let found = self.exactly.find(&host, path);
        if path::is_plain(path) {
            return found.ok_or(Unrouted::Unmatched);
        }
        if path.len() > MAX_READ {
            return Err(Unrouted::Ambiguous);
        }
        // A path that many servers read differently is nobody's; one that only lenient routers do is a source's
        // if no reading of it is another's.
        let found = found.filter(|_| !path::is_ambiguous(path));
        let folded = self.folded.of_host(&host);
        let source_of = |reading: &Vec<u8>| folded.iter().find_map(|paths| paths.find(reading));
        let other = |reading: &Vec<u8>| source_of(reading).is_some_and(|source| Some(source) != found);
        if path::readings(path).iter().any(other) {
            return Err(Unrouted::Ambiguous);
        }
        found.ok_or(Unrouted::Unmatched)
    }
}

impl Table {
    fn add(&mut self, hosts: &[HostPattern], path: &PathPattern, source: usize) -> Result<(), usize> {
        if hosts.is_empty() {
            return self.any_host.add(path, source);
        }
        hosts.iter().try_for_each(|host| self.by_host.entry(host.clone()).or_default().add(path, source))
    }

    fn find(&self, host: &str, path: &[u8]) -> Option<usize> {
        if self.by_host.is_empty() {
            return self.any_host.find(path);
        }
        self.of_host(host).into_iter().find_map(|paths| paths.find(path))
    }

    /// The paths of a host, from the most to the least specific pattern that it fits.
    fn of_host(&self, host: &str) -> Vec<&Paths> {
        let exact = self.by_host.get(&HostPattern::Exact(host.to_owned()));
        let domains = host
            .match_indices('.')
            .filter_map(|(position, _)| host.get(position.saturating_add(1)..))
            .filter_map(|domain| self.by_host.get(&HostPattern::Below(domain.to_owned())));
        exact.into_iter().chain(domains).chain([&self.any_host]).collect()
    }
}

impl Paths {
    fn add(&mut self, path: &PathPattern, source: usize) -> Result<(), usize> {
        let (table, path) = match path {
            PathPattern::Exact(path) => (&mut self.exact, path),
            PathPattern::Below(path) => {
                self.lengths.insert(path.len());
                (&mut self.below, path)
            }
        };
        match table.get(path) {
            Some(other) => Err(*other),
            None => {
                table.insert(path.clone(), source);
                Ok(())
            }
        }
    }

    fn find(&self, path: &[u8]) -> Option<usize> {
        self.exact.get(path).copied().or_else(|| {
            self.lengths
                .iter()
                .rev()
                .filter_map(|length| path.get(..*length))
                .find_map(|prefix| self.below.get(prefix).copied())
        })
    }
}

/// The host of an authority: lower case, without user information, port, and the root's dot. `None` if what is left
/// is no host that every reader would take for the same (RFC 3986, section 3.2).
fn host_of(authority: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(authority).ok()?.to_ascii_lowercase();
    let host_and_port = text.rsplit_once('@').map_or(text.as_str(), |(_, host)| host);
    let host = match host_and_port.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host_and_port,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.len() > MAX_HOST {
        return None;
    }
    let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let literal = |inner: &str| inner.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
    let plain = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => literal(inner),
        None => host.bytes().all(name) && !host.ends_with('.'),
    };
    plain.then(|| host.to_owned())
}
