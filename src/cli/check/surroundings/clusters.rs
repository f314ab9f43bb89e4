//! The clusters that a configuration names: whether the proxy has them.

use hookwarden::config::nearest::nearest;

use super::super::codes::{self, Code};
use super::super::findings::Findings;
use super::super::setup::{Host, Setup};
use super::super::sources::Source;
use super::{Surroundings, live};
use crate::cli::document::cursor::Cursor;

/// The clusters of a plugin's proxy.
pub struct Clusters<'a> {
    pub entries: Vec<Cursor<'a>>,
    /// Whether there are no others, but for those that the control plane makes itself.
    are_all: bool,
    host: Host,
}

impl<'a> Clusters<'a> {
    /// Those of the proxy that runs a plugin.
    pub fn of(setup: &Setup<'_>, surroundings: &Surroundings<'a>) -> Self {
        let proxies = surroundings.proxies;
        let mut entries = proxies.cluster_entries.clone();
        let are_all = match setup.host {
            Host::Unknown => false,
            Host::Envoy => {
                let is_whole = |bootstrap: &Cursor<'_>| bootstrap.get("static_resources").is_some();
                let is_known = !entries.is_empty() || proxies.bootstraps.iter().any(is_whole);
                is_known && !proxies.clusters_are_open
            }
            Host::Istio | Host::EnvoyGateway => {
                entries.extend(surroundings.objects.iter().flat_map(|object| match object.kind {
                    "EnvoyFilter" => object.spec.list("configPatches").into_iter().filter_map(of_filter).collect(),
                    "EnvoyPatchPolicy" => object.spec.list("jsonPatches").into_iter().filter_map(of_patch).collect(),
                    _ => Vec::new(),
                }));
                true
            }
        };
        Self { entries, are_all, host: setup.host }
    }

    /// What would be right in place of a name that no cluster has.
    fn right_instead_of(&self, name: &str) -> Option<String> {
        let known: Vec<_> = self.entries.iter().filter_map(|cluster| cluster.text_at("name")).collect();
        if !self.are_all || known.contains(&name) || self.is_of_control_plane(name) {
            return None;
        }
        let there = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None if known.is_empty() => "no file has a cluster".to_owned(),
            None => format!("there are: {}", known.join(", ")),
        };
        let how = match self.host {
            Host::Istio => {
                "; a Service of the mesh is outbound|PORT||NAME.NAMESPACE.svc.cluster.local, and any other is added by an \
                 EnvoyFilter (applyTo: CLUSTER)"
            }
            Host::EnvoyGateway => "; one is added by the bootstrap of the EnvoyProxy, or an EnvoyPatchPolicy",
            _ => "",
        };
        Some(format!("{there}{how}"))
    }

    /// Whether a name is like those that the control plane gives.
    fn is_of_control_plane(&self, name: &str) -> bool {
        match self.host {
            Host::Istio => name.matches('|').count() == 3,
            Host::EnvoyGateway => name.contains('/'),
            _ => false,
        }
    }

    fn check(&self, code: &'static Code, at: &Cursor<'_>, what: &str, findings: &mut Findings) {
        if let Some(right) = at.text().and_then(|name| self.right_instead_of(name)) {
            findings.add(code, at, format!("there is no such cluster: {what}"), right);
        }
    }
}

/// The cluster that a patch of an `EnvoyFilter` adds. Patches of the bootstrap have done nothing since Istio 1.21.
fn of_filter(patch: Cursor<'_>) -> Option<Cursor<'_>> {
    patch.at(&["patch", "value"]).filter(|_| patch.text_at("applyTo") == Some("CLUSTER"))
}

/// The cluster that a patch of Envoy Gateway adds.
fn of_patch(patch: Cursor<'_>) -> Option<Cursor<'_>> {
    let is_cluster = patch.text_at("type").is_some_and(|name| name.ends_with(".cluster.v3.Cluster"));
    patch.at(&["operation", "value"]).filter(|_| is_cluster)
}

pub fn check(setup: &Setup<'_>, surroundings: &Surroundings<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    let clusters = Clusters::of(setup, surroundings);
    for source in sources {
        let name = source.name;
        if let Some(at) = source.at.at(&["replay", "store", "cluster"]) {
            let what = format!("the replay store of source {name:?} cannot be reached");
            clusters.check(&codes::STORE_CLUSTER, &at, &what, findings);
        }
        for at in live::secrets(source).iter().filter_map(|secret| secret.at(&["http", "cluster"])) {
            let what = format!("a secret of source {name:?} cannot be fetched");
            clusters.check(&codes::LIVE_CLUSTER, &at, &what, findings);
        }
        for published in source.published() {
            let what = format!("the keys of source {name:?} cannot be fetched");
            clusters.check(&codes::KEY_CLUSTER, &published.cluster, &what, findings);
        }
        if let Some((at, _)) = source.confirmation() {
            let what = format!("subscriptions of source {name:?} cannot be confirmed");
            clusters.check(&codes::HANDSHAKE_CLUSTER, &at, &what, findings);
        }
    }
    // Istio's agent fetches the module of a configuration that is discovered, and needs no cluster for it.
    let is_discovered = setup.filter.as_ref().is_some_and(|filter| filter.discovery.is_some());
    let module = setup.plugin.at(&["vm_config", "code", "remote", "http_uri", "cluster"]);
    if let Some(at) = module.filter(|_| !is_discovered) {
        let what = "the module cannot be fetched, so that nothing passes";
        clusters.check(&codes::MODULE_CLUSTER, &at, what, findings);
    }
}
