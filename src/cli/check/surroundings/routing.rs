//! Virtual hosts and routes: which of them a source's requests take.

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::{Manager, Setup};
use super::super::sources::{Source, hosts_meet, path_covers};
use crate::cli::document::cursor::Cursor;

/// A configuration of routes, a virtual host, one of its routes, or a cluster of several that a route leads to.
#[derive(Clone)]
pub struct Route<'a> {
    pub at: Cursor<'a>,
    /// The hosts, in lower case and without port.
    domains: Vec<String>,
    /// What the path must be; `None` is any.
    path: Option<String>,
    ignores_case: bool,
}

/// What a virtual host or route says of a filter.
pub struct Override<'a> {
    route: Route<'a>,
    pub config: Cursor<'a>,
}

impl Override<'_> {
    /// Whether requests of the source take this route.
    pub fn serves(&self, source: &Source<'_>) -> bool {
        self.route.serves(source)
    }
}

impl Route<'_> {
    /// Whether requests of the source can take this route.
    pub fn serves(&self, source: &Source<'_>) -> bool {
        let path = match (&self.path, source.path) {
            (Some(path), Some(of_source)) => {
                let cased = |text: &str| if self.ignores_case { text.to_ascii_lowercase() } else { text.to_owned() };
                let (path, of_source) = (cased(path), cased(of_source));
                path_covers(&path, &of_source) || path_covers(&of_source, &path)
            }
            _ => true,
        };
        path && hosts_meet(&self.domains, &source.hosts)
    }
}

/// Every configuration of routes that a plugin's requests can take, every virtual host, every route and the clusters that it
/// chooses from, in this order.
pub fn routes<'a>(setup: &Setup<'a>) -> Vec<Route<'a>> {
    let configurations: Vec<_> = setup.manager.iter().flat_map(|manager| manager.routes.clone()).collect();
    let hosts: Vec<_> = configurations.iter().flat_map(|configuration| configuration.list("virtual_hosts")).collect();
    let all = |at| Route { at, domains: Vec::new(), path: None, ignores_case: false };
    let mut found: Vec<_> = configurations.into_iter().map(all).collect();
    for host in &hosts {
        let domains: Vec<_> = host.list("domains").iter().filter_map(|domain| domain.text()).map(plain_host).collect();
        let domains = if domains.iter().any(|domain| domain == "*") { Vec::new() } else { domains };
        found.push(Route { at: host.clone(), domains: domains.clone(), path: None, ignores_case: false });
        for route in host.list("routes") {
            let matched = route.get("match");
            let text = |name| matched.as_ref().and_then(|matched| matched.text_at(name));
            let prefix = |prefix: &str| format!("{prefix}*");
            let separated = text("path_separated_prefix").map(|path| format!("{path}/*"));
            let path = text("path").map(str::to_owned).or_else(|| text("prefix").map(prefix)).or(separated);
            let ignores_case = matched
                .as_ref()
                .and_then(|matched| matched.get("case_sensitive"))
                .is_some_and(|is| is.value.truth() == Some(false));
            let weighted = route.at(&["route", "weighted_clusters", "clusters"]).map(|list| list.elements());
            let own = |at| Route { at, domains: domains.clone(), path: path.clone(), ignores_case };
            found.push(own(route));
            found.extend(weighted.unwrap_or_default().into_iter().map(own));
        }
    }
    found
}

/// What virtual hosts and routes say of the filter `name`.
pub fn overrides<'a>(setup: &Setup<'a>, name: &str) -> Vec<Override<'a>> {
    let mut found = Vec::new();
    for route in routes(setup) {
        let Some(all) = route.at.get("typed_per_filter_config") else { continue };
        for (_, config) in all.members().into_iter().filter(|(other, _)| *other == name) {
            found.push(Override { route: route.clone(), config });
        }
    }
    found
}

pub fn check(setup: &Setup<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    check_off(setup, sources, findings);
    let routes = routes(setup);
    if routes.is_empty() {
        return;
    }
    for source in sources.iter().filter(|source| !source.hosts.is_empty()) {
        let hosts = routes.iter().filter(|route| route.at.get("domains").is_some());
        if !hosts.clone().any(|route| hosts_meet(&route.domains, &source.hosts)) {
            let at = source.at.at(&["match", "hosts"]).unwrap_or_else(|| source.at.clone());
            let message =
                format!("no virtual host has a host of source {:?}: its requests get 404 from Envoy", source.name);
            findings.add(&codes::HOST_UNROUTED, &at, message, "add it to a virtual host's domains");
        }
    }
}

/// Whether our own filter is switched off, for all or for routes of a source.
fn check_off(setup: &Setup<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    let Some(manager) = &setup.manager else { return };
    let ours = manager.filters.iter().find(|filter| {
        filter.is_ours
            && filter
                .config
                .as_ref()
                .and_then(|config| config.get("config"))
                .is_some_and(|c| c.path == setup.plugin.path)
    });
    let Some(filter) = ours else { return };
    let name = filter.at.text_at("name").unwrap_or_default();
    let overrides = overrides(setup, name);
    if let Some(off) = &filter.off {
        let is_matcher =
            off.value.get("matcher_tree").is_some() || off.value.get("matcher_list").is_some() || !off.value.is_true();
        if is_matcher {
            let message = "a matcher decides which requests the plugin sees: those that it skips are not checked";
            findings.add(&codes::FILTER_OFF, off, message, "see that it skips no path of a source");
        } else if overrides.iter().all(|over| over.config.is_true_at("disabled")) {
            let message = "the plugin is switched off, and no route switches it on: nothing is checked";
            findings.add(&codes::FILTER_OFF, off, message, "leave \"disabled\" out");
        } else {
            let on: Vec<_> = overrides.iter().filter(|over| !over.config.is_true_at("disabled")).collect();
            let is_off = |source: &&Source<'_>| source.is_enforced() && !on.iter().any(|over| over.serves(source));
            if let Some(source) = sources.iter().find(is_off) {
                let message = format!(
                    "the plugin is switched off, and no route of source {:?} switches it on: its requests are not checked",
                    source.name
                );
                findings.add(&codes::FILTER_OFF, off, message, "leave \"disabled\" out");
            }
        }
    }
    check_upgrades(manager, name, findings);
    for over in overrides.iter().filter(|over| over.config.is_true_at("disabled")) {
        if let Some(source) = sources.iter().find(|source| source.is_enforced() && over.serves(source)) {
            let message = format!(
                "the plugin is switched off for a route of source {:?}: its requests are not checked",
                source.name
            );
            findings.add(&codes::FILTER_OFF, &over.config, message, "switch it off for other routes only");
        }
    }
}

/// Whether requests that ask for another protocol have filters of their own, and ours is not one of them.
fn check_upgrades(manager: &Manager<'_>, name: &str, findings: &mut Findings) {
    for upgrade in manager.at.list("upgrade_configs") {
        let Some(own) = upgrade.get("filters").filter(|own| !own.elements().is_empty()) else { continue };
        if own.elements().iter().any(|filter| filter.text_at("name") == Some(name)) {
            continue;
        }
        let message = format!(
            "a request with \"Upgrade: {}\" takes these filters, and the plugin is not one of them: anybody can send one past it",
            upgrade.text_at("upgrade_type").unwrap_or_default()
        );
        findings.add(
            &codes::FILTER_OFF,
            &own,
            message,
            "leave \"filters\" out, or put the plugin in front of them, too",
        );
    }
}

/// A domain of a virtual host without its port, in lower case.
fn plain_host(domain: &str) -> String {
    let lower = domain.to_ascii_lowercase();
    match lower.rsplit_once(':') {
        Some((host, port)) if port == "*" || port.bytes().all(|byte| byte.is_ascii_digit()) => host.to_owned(),
        _ => lower,
    }
}

/// The clusters that a manager's routes lead to, and where each is named.
pub fn clusters<'a>(routes: &[Cursor<'a>]) -> Vec<(&'a str, Cursor<'a>)> {
    let mut found = Vec::new();
    let routes = routes.iter().flat_map(|routes| routes.list("virtual_hosts")).flat_map(|host| host.list("routes"));
    for action in routes.filter_map(|route| route.get("route")) {
        found.extend(action.get("cluster").and_then(|cluster| Some((cluster.text()?, cluster))));
        let weighted = action.at(&["weighted_clusters", "clusters"]).map(|list| list.elements()).unwrap_or_default();
        found.extend(weighted.iter().filter_map(|weight| Some((weight.text_at("name")?, weight.clone()))));
    }
    found
}
