//! Finds the source for a request's host and path, in time that does not grow with the number of sources.

use std::collections::{BTreeSet, HashMap};

use super::{host, path};
use crate::verify::{Denial, Request};

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

/// The longest path whose readings are looked up, in bytes. Each reading costs a copy of it.
const MAX_READ: usize = 1024;
/// How many times a reading with letters beyond ASCII is compared with a source's path, one by one.
const MAX_COMPARED: usize = 65_536;

/// The table of all sources' patterns.
///
/// The most specific pattern wins: an exact host before a domain, a longer domain before a shorter one, any host last;
/// within a host an exact path, then the longest prefix. If a host's own patterns do not match, those of less specific
/// hosts are tried.
#[derive(Debug, Default)]
pub struct Routes {
    exactly: Table,
    /// As lenient routers compare them.
    folded: Table,
    /// Every reading of them. A request that no source matches must not have one of these.
    readings: Table,
    /// Whether some path is not plain, so that a plain one can be a reading of it.
    has_readings: bool,
}

#[derive(Debug, Default)]
struct Table {
    by_host: HashMap<HostPattern, Paths>,
    any_host: Paths,
}

#[derive(Debug, Default)]
struct Paths {
    exact: HashMap<Vec<u8>, usize>,
    /// Prefixes without their trailing slash.
    bare: HashMap<Vec<u8>, usize>,
    below: HashMap<Vec<u8>, usize>,
    /// The lengths of the keys of `below`: the only prefixes worth a look.
    lengths: BTreeSet<usize>,
}

/// A pattern that an earlier source has, and its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The same pattern.
    Same(usize),
    /// One that differs only in case or a trailing slash.
    Alike(usize),
}

/// Why no source applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrouted {
    /// Nothing matches, in any reading of the path.
    Unmatched,
    /// Parsers could read the host or the path differently, and some reading is a source's.
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
    /// [`Taken`] if an earlier source matches the same host and path, or one that lenient routers treat as the same.
    pub fn add(&mut self, pattern: &Pattern, source: usize) -> Result<(), Taken> {
        let folded = match &pattern.path {
            PathPattern::Exact(path) => PathPattern::Exact(path::fold(path)),
            PathPattern::Below(path) => PathPattern::Below(path.to_ascii_lowercase()),
        };
        self.exactly.add(&pattern.hosts, &pattern.path, source).map_err(Taken::Same)?;
        self.folded.add(&pattern.hosts, &folded, source).map_err(Taken::Alike)?;
        match &folded {
            // A variant of the prefix itself folds to the prefix without its trailing slash.
            PathPattern::Below(path) => self.folded.add_bare(&pattern.hosts, path::fold(path), source),
            PathPattern::Exact(path) if path::is_script(path) => self.folded.add_below(&pattern.hosts, path, source),
            PathPattern::Exact(_) => {}
        }
        self.add_readings(pattern, source);
        Ok(())
    }

    /// Adds every reading of a source's path. If two sources share a reading, either will do.
    fn add_readings(&mut self, pattern: &Pattern, source: usize) {
        let (path, is_below) = match &pattern.path {
            PathPattern::Exact(path) => (path, false),
            PathPattern::Below(path) => (path, true),
        };
        self.has_readings |= !path::is_plain(if is_below { path::without_slash(path) } else { path });
        for reading in path::readings(path).unwrap_or_else(|| BTreeSet::from([path::fold(path)])) {
            if is_below || path::is_script(&reading) {
                self.readings.add_below(&pattern.hosts, &reading, source);
            }
            if is_below {
                self.readings.add_bare(&pattern.hosts, reading, source);
            } else {
                // Already taken by a source, which is all that matters.
                let _ = self.readings.add(&pattern.hosts, &PathPattern::Exact(reading), source);
            }
        }
    }

    /// The source for this authority and path (without query).
    ///
    /// # Errors
    /// [`Unrouted`] if no source applies.
    pub fn find(&self, authority: &[u8], path: &[u8]) -> Result<usize, Unrouted> {
        let host = if self.exactly.by_host.is_empty() { Some(String::new()) } else { host::host_of(authority) };
        let Some(host) = host else { return Err(Unrouted::Ambiguous) };
        let found = self.exactly.find(&host, path);
        let is_plain = path::is_plain(path);
        let has_user = !self.exactly.by_host.is_empty() && host::has_user(authority);
        let unrouted = || if has_user { Unrouted::Ambiguous } else { Unrouted::Unmatched };
        if is_plain && !self.has_readings {
            return found.ok_or_else(unrouted);
        }
        if !is_plain && path.len() > MAX_READ {
            return Err(Unrouted::Ambiguous);
        }
        // A path that many servers read differently belongs to no source. One that only lenient routers read
        // differently belongs to its source, if no reading is another's.
        let found = found.filter(|_| is_plain || !path::is_ambiguous(path));
        let readings = if is_plain { Some(BTreeSet::from([path.to_vec()])) } else { path::readings(path) };
        let Some(readings) = readings else { return Err(Unrouted::Ambiguous) };
        let folded = self.folded.of_host(&host);
        let paths = if found.is_some() { folded.clone() } else { self.readings.of_host(&host) };
        // A plain path has only one meaning: a prefix without its trailing slash is another page.
        let find = |paths: &&Paths, reading: &[u8]| {
            if is_plain { paths.find(reading) } else { paths.find_leniently(reading) }
        };
        let source_of = |reading: &Vec<u8>| paths.iter().find_map(|paths| find(paths, reading));
        let other = |reading: &Vec<u8>| source_of(reading).is_some_and(|source| Some(source) != found);
        if readings.iter().any(other) || resembles_another(&readings, &folded, found) {
            return Err(Unrouted::Ambiguous);
        }
        found.ok_or_else(unrouted)
    }
}

/// Headers that override the path of the request line for some servers (IIS, Symfony, Zend). Proxies that rewrite paths
/// set them.
const OTHER_PATHS: [&str; 2] = ["x-original-url", "x-rewrite-url"];
/// The header that overrides the host for many frameworks.
const OTHER_HOST: &str = "x-forwarded-host";

impl Routes {
    /// Whether a header of a request that no source matches names the host or the path of a source, for an upstream
    /// that believes it.
    #[must_use]
    pub fn is_named_elsewhere(&self, request: Request<'_>) -> bool {
        let leads = |authority: &[u8], path: &[u8]| self.find(authority, path) != Err(Unrouted::Unmatched);
        request.headers().iter().any(|(name, value)| {
            if OTHER_PATHS.iter().any(|other| name.eq_ignore_ascii_case(other)) {
                let path = value.split(|byte| *byte == b'?').next().unwrap_or_default();
                return leads(request.authority(), path.trim_ascii());
            }
            let has_hosts = !self.exactly.by_host.is_empty() && name.eq_ignore_ascii_case(OTHER_HOST);
            has_hosts && value.split(|byte| *byte == b',').any(|host| leads(host.trim_ascii(), request.path()))
        })
    }
}

/// Whether a reading differs only in non-ASCII letters from a path of a source other than `found`.
fn resembles_another(readings: &BTreeSet<Vec<u8>>, paths: &[&Paths], found: Option<usize>) -> bool {
    let foreign: Vec<_> = readings.iter().filter(|reading| !reading.is_ascii()).collect();
    let known: usize = paths.iter().map(|paths| paths.exact.len().saturating_add(paths.below.len())).sum();
    if foreign.is_empty() {
        return false;
    }
    // No legitimate path has so many, and a stranger must not be able to make this expensive.
    foreign.len().saturating_mul(known) > MAX_COMPARED
        || foreign.iter().any(|reading| paths.iter().any(|paths| paths.resembles(reading, found)))
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

    /// Adds everything below `path`, unless another source has it.
    fn add_below(&mut self, hosts: &[HostPattern], path: &[u8], source: usize) {
        let slash: &[u8] = if path.ends_with(b"/") { b"" } else { b"/" };
        let _ = self.add(hosts, &PathPattern::Below([path, slash].concat()), source);
    }

    /// Adds a prefix without its slash.
    fn add_bare(&mut self, hosts: &[HostPattern], path: Vec<u8>, source: usize) {
        if hosts.is_empty() {
            self.any_host.bare.entry(path.clone()).or_insert(source);
        }
        for host in hosts {
            self.by_host.entry(host.clone()).or_default().bare.entry(path.clone()).or_insert(source);
        }
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

    /// The same, but a prefix without its trailing slash matches too.
    fn find_leniently(&self, path: &[u8]) -> Option<usize> {
        self.exact.get(path).or_else(|| self.bare.get(path)).copied().or_else(|| self.find(path))
    }

    fn resembles(&self, reading: &[u8], found: Option<usize>) -> bool {
        let is_other = |source: &usize| Some(*source) != found;
        self.exact.iter().any(|(path, source)| is_other(source) && path::resembles(reading, path))
            || self.below.iter().any(|(path, source)| is_other(source) && path::resembles_below(reading, path))
    }
}
