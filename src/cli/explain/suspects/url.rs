//! Suspects of the URL that was signed: scheme, host, port, slash, query, and a path that was rewritten.

use hookwarden::config::dialects::Dialect;
use hookwarden::verify::bytes::percent;

use super::base_url::{self, Base, split_port};
use super::key::Keys;
use super::variants::{orders, with_escape_digits};
use super::{Bench, Change, Mistake, Search, runtime};
use crate::cli::explain::trial;
use crate::cli::http_request::Url;
use crate::cli::runtime_changes::PATH_BEFORE_ROUTE;

/// What gateways put in front of a path, or take away.
const PREFIXES: &[&str] =
    &["/api", "/v1", "/webhook", "/webhooks", "/hooks", "/prod", "/dev", "/stage", "/staging", "/default"];
/// Headers in which proxies keep the path or the URL that was called.
const KEPT: &[&str] = &[
    PATH_BEFORE_ROUTE,
    "x-original-uri",
    "x-original-url",
    "x-forwarded-uri",
    "x-forwarded-path",
    "x-rewrite-url",
    "x-original-path",
];
/// Headers in which proxies keep the host that was called.
const HOSTS: &[&str] = &["x-forwarded-host", "x-original-host", "x-envoy-original-host", "x-host"];

/// Tries every URL that may have been signed.
pub fn look(search: &mut Search<'_>, dialects: &[Dialect], keys: &Keys<'_>) {
    let scene = search.scene;
    if !scene.dialects.iter().any(|(scheme, _)| scheme.reads_url()) {
        return;
    }
    let targets = targets(search);
    let configured = scene.check.with("public_url").and_then(Base::parse);
    if let Some(verifier) = keys.verifier(dialects)
        && let Some((scheme, _)) = dialects.first()
    {
        let bench = Bench { verifier: &verifier, keys, scheme };
        let (normalized, stripped) = (runtime::targets(scene), runtime::authorities(scene));
        for change in targets.iter().chain(&stripped).chain(&authorities(search)).chain(&normalized) {
            search.look(bench, Some(change));
            if search.is_done() {
                return;
            }
        }
    }
    let mut pairs = Vec::new();
    for base in bases(search, configured.as_ref()) {
        let url = base.url();
        let mut with: Vec<_> = scene.check.with.iter().filter(|(name, _)| name != "public_url").cloned().collect();
        with.push(("public_url".to_owned(), url.clone()));
        let Some(dialects) = trial::timeless(scene.check, &with) else { continue };
        let mistake = base_url::mistake(&base, configured.as_ref());
        pairs.push((dialects, mistake));
    }
    // The base alone, then with another target.
    let own = Keys::configured(scene);
    for (dialects, mistake) in &pairs {
        let Some(verifier) = keys.verifier(dialects) else { continue };
        let Some((scheme, _)) = dialects.first() else { continue };
        let change = Change { head: None, body: None, mistakes: vec![mistake.clone()] };
        search.look(Bench { verifier: &verifier, keys, scheme }, Some(&change));
        if search.is_done() {
            return;
        }
    }
    for (dialects, mistake) in pairs.iter().filter(|_| scene.is_thorough()) {
        let Some(verifier) = own.verifier(dialects) else { continue };
        let Some((scheme, _)) = dialects.first() else { continue };
        for target in &targets {
            let mut change = target.clone();
            change.mistakes.insert(0, mistake.clone());
            search.look(Bench { verifier: &verifier, keys: &own, scheme }, Some(&change));
            if search.best.is_some() || search.scene.is_spent() {
                return;
            }
        }
    }
}

/// Other bases, the likeliest first.
fn bases(search: &Search<'_>, configured: Option<&Base>) -> Vec<Base> {
    let captured = search.scene.captured;
    let (own_host, own_port) = split_port(&captured.authority);
    let mut hosts = Vec::new();
    let mut ports = vec![None];
    hosts.extend(configured.map(|base| base.host.clone()));
    ports.extend(configured.map(|base| base.port.clone()));
    hosts.push(own_host);
    ports.push(own_port);
    for name in HOSTS {
        if let Some(value) = captured.header(name) {
            let (host, port) = split_port(&String::from_utf8_lossy(value));
            hosts.push(host);
            ports.push(port);
        }
    }
    let source = search.scene.configuration.sources.get(search.scene.source);
    hosts.extend(source.iter().flat_map(|source| &source.hosts).filter(|host| !host.starts_with('*')).cloned());
    for host in hosts.clone() {
        match host.strip_prefix("www.") {
            Some(rest) => hosts.push(rest.to_owned()),
            None => hosts.push(format!("www.{host}")),
        }
        hosts.push(host.to_ascii_lowercase());
    }
    if let Some(port) = captured.header("x-forwarded-port") {
        ports.push(Some(String::from_utf8_lossy(port).into_owned()));
    }
    ports.extend(["443", "80", "8443", "8080", "3000"].map(|port| Some(port.to_owned())));
    let mut prefixes: Vec<String> = configured.map(|base| base.prefix.clone()).into_iter().collect();
    prefixes.push(String::new());
    if let Some(prefix) = captured.header("x-forwarded-prefix") {
        prefixes.push(String::from_utf8_lossy(prefix).trim_end_matches('/').to_owned());
    }
    prefixes.push("/".to_owned());
    dedup(&mut hosts);
    dedup(&mut ports);
    dedup(&mut prefixes);
    let schemes = ["https", "http"];
    let mut bases = Vec::new();
    for prefix in &prefixes {
        for host in &hosts {
            for port in &ports {
                for scheme in schemes {
                    bases.push(Base {
                        scheme: scheme.to_owned(),
                        host: host.clone(),
                        port: port.clone(),
                        prefix: prefix.clone(),
                    });
                }
            }
        }
    }
    if let Some(configured) = configured {
        let differences = |base: &Base| {
            [
                base.scheme != configured.scheme,
                base.host != configured.host,
                base.port != configured.port,
                base.prefix != configured.prefix,
            ]
            .iter()
            .filter(|differs| **differs)
            .count()
        };
        let most = if search.scene.is_thorough() { 4 } else { 1 };
        bases.retain(|base| (1..=most).contains(&differences(base)));
        bases.sort_by_key(differences);
    }
    bases
}

/// The request with another target.
fn targets(search: &Search<'_>) -> Vec<Change> {
    let captured = search.scene.captured;
    let (path, query) = match captured.target.split_once('?') {
        Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
        None => (captured.target.clone(), None),
    };
    let glued = |path: &str, query: Option<&str>| match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let query = query.as_deref();
    let mut found: Vec<(String, &'static str, String)> = Vec::new();
    let mut add = |target: String, code: &'static str, sentence: &str| found.push((target, code, sentence.to_owned()));
    for name in KEPT {
        if let Some(value) = captured.header(name).and_then(|value| std::str::from_utf8(value).ok()) {
            let target = if value.starts_with('/') {
                value.to_owned()
            } else {
                Url::parse_captured(value).map(|(url, _)| url.target).unwrap_or_default()
            };
            let mut sentence =
                format!("The path was rewritten on its way: the sender called what the header \"{name}\" still holds.");
            if *name == PATH_BEFORE_ROUTE {
                sentence.push_str(
                    " A route of Envoy does that behind its filters: a filter in that Envoy sees the sender's path, and \
                     only one further behind, or whoever captured this request, does not.",
                );
            }
            add(target.clone(), "path_rewritten", &sentence);
            add(glued(&target, query), "path_rewritten", &sentence);
        }
    }
    let slash = "The sender signed the path with a trailing slash; the request has none.";
    let no_slash = "The sender signed the path without the trailing slash.";
    match path.strip_suffix('/') {
        Some(shorter) => add(glued(shorter, query), "path_slash", no_slash),
        None => add(glued(&format!("{path}/"), query), "path_slash", slash),
    }
    if let Some(query) = query {
        let without = "The sender signed the URL without its query.";
        add(path.clone(), "query_added", without);
        add(format!("{path}?"), "query_added", without);
        let mut pieces: Vec<&str> = query.split('&').collect();
        let order = "The query's parameters are in a different order than when they were signed.";
        pieces.sort_unstable();
        add(glued(&path, Some(&pieces.join("&"))), "query_order", order);
        pieces.reverse();
        add(glued(&path, Some(&pieces.join("&"))), "query_order", order);
        if (2..=6).contains(&pieces.len()) {
            orders(&pieces, &mut |pieces| add(glued(&path, Some(&pieces.join("&"))), "query_order", order));
        }
        for (at, _) in pieces.iter().enumerate() {
            let mut fewer: Vec<&str> = query.split('&').collect();
            fewer.remove(at);
            let sentence = "The query has a parameter that was not signed: something added it on the way.";
            add(
                if fewer.is_empty() { path.clone() } else { glued(&path, Some(&fewer.join("&"))) },
                "query_added",
                sentence,
            );
        }
        let encoding = "The query is encoded in another way than it was signed in.";
        add(glued(&path, Some(&query.replace("%20", "+"))), "query_encoding", encoding);
        add(glued(&path, Some(&query.replace('+', "%20"))), "query_encoding", encoding);
        let decoded = |text: &[u8]| String::from_utf8(text.to_vec()).unwrap_or_default();
        add(glued(&path, Some(&decoded(&percent::decode_form(query.as_bytes())))), "query_encoding", encoding);
    } else {
        add(format!("{path}?"), "query_missing", "The sender signed the path with a \"?\" at its end.");
    }
    let escapes = "The path's escapes are written in another way than they were signed in.";
    add(glued(&with_escape_digits(&path, char::to_ascii_uppercase), query), "path_encoding", escapes);
    let decoded =
        hookwarden::verify::bytes::form::decode(path.as_bytes(), false).and_then(|bytes| String::from_utf8(bytes).ok());
    add(glued(&decoded.unwrap_or_default(), query), "path_encoding", escapes);
    let mut rest = path.as_str();
    while let Some((_, behind)) = rest.strip_prefix('/').and_then(|rest| rest.split_once('/')) {
        rest = path.get(path.len().saturating_sub(behind.len()).saturating_sub(1)..).unwrap_or_default();
        let sentence =
            format!("The sender signed the path {rest}: something in front of the filter put more before it.");
        add(glued(rest, query), "path_rewritten", &sentence);
    }
    for prefix in PREFIXES {
        let sentence = format!("The sender signed the path with {prefix} before it: something in front removed that.");
        add(glued(&format!("{prefix}{path}"), query), "path_rewritten", &sentence);
    }
    let advice = "The signature covers the URL that the sender calls: nothing in front may rewrite path or query, or \"public_url\" must include what precedes the path.";
    let mut seen = std::collections::HashSet::from([captured.target.clone(), String::new()]);
    found.retain(|(target, ..)| seen.insert(target.clone()));
    let with = |target: &str| {
        let mut head = search.scene.head.clone();
        if let Some((_, value)) = head.iter_mut().find(|(name, _)| name == ":path") {
            *value = target.as_bytes().to_vec();
        }
        head
    };
    found
        .into_iter()
        .map(|(target, code, sentence)| Change::of_head(with(&target), Mistake::new(code, sentence, advice)))
        .collect()
}

/// The request with another host, for schemes that sign it.
fn authorities(search: &Search<'_>) -> Vec<Change> {
    let scene = search.scene;
    let mut hosts: Vec<String> = HOSTS
        .iter()
        .filter_map(|name| Some(String::from_utf8_lossy(scene.captured.header(name)?).into_owned()))
        .collect();
    let source = scene.configuration.sources.get(scene.source);
    hosts.extend(source.iter().flat_map(|source| &source.hosts).cloned());
    hosts.push(split_port(&scene.captured.authority).0);
    dedup(&mut hosts);
    hosts.retain(|host| *host != scene.captured.authority);
    hosts
        .into_iter()
        .map(|host| {
            let mut head = scene.head.clone();
            if let Some((_, value)) = head.iter_mut().find(|(name, _)| name == ":authority") {
                *value = host.as_bytes().to_vec();
            }
            let sentence =
                format!("The sender signed the host \"{host}\"; the request arrived for another: a proxy changed it.");
            let advice =
                "Have the proxy in front keep the host that the sender calls (nginx: proxy_set_header Host $host).";
            Change::of_head(head, Mistake::new("host_changed", sentence, advice))
        })
        .collect()
}

/// Without repetitions, in the order of the first of each.
fn dedup<T: Clone + PartialEq>(list: &mut Vec<T>) {
    let mut kept: Vec<T> = Vec::new();
    for one in list.drain(..) {
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
    *list = kept;
}
