//! Keys that senders publish: whether what is fetched is what the sender published. That is up to the cluster's TLS.

use super::super::codes;
use super::super::findings::Findings;
use super::super::setup::Setup;
use super::super::sources::{Published, Source};
use super::Surroundings;
use super::clusters::Clusters;
use super::tls::Fetched;
use crate::cli::document::cursor::Cursor;

pub fn check(setup: &Setup<'_>, surroundings: &Surroundings<'_>, sources: &[Source<'_>], findings: &mut Findings) {
    let clusters = Clusters::of(setup, surroundings);
    for source in sources {
        for Published { name, host, credentials, .. } in source.published() {
            if let Some(cluster) = clusters.entries.iter().find(|cluster| cluster.text_at("name") == Some(name)) {
                let fetched = Fetched {
                    what: format!("the keys of source {:?}", source.name),
                    host: host.as_deref(),
                    server: "the sender's host",
                    example: "envoy/envoy-live-keys.yaml",
                    code: &codes::KEY_TLS,
                };
                fetched.check(cluster, findings);
                adds(source, cluster, &credentials, findings);
            }
        }
    }
}

/// The cluster's own filters must add the credentials that the sender wants.
fn adds(source: &Source<'_>, cluster: &Cursor<'_>, credentials: &[String], findings: &mut Findings) {
    const OPTIONS: [&str; 2] =
        ["typed_extension_protocol_options", "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"];
    let filters = cluster.at(&OPTIONS).map(|options| options.list("http_filters")).unwrap_or_default();
    let header = |filter: &Cursor<'_>| {
        let header = filter.at(&["typed_config", "credential", "typed_config", "header"]);
        header.and_then(|header| header.text().map(str::to_ascii_lowercase))
    };
    let added: Vec<_> = filters.iter().filter_map(header).collect();
    let missing: Vec<_> = credentials.iter().filter(|name| !added.contains(&name.to_ascii_lowercase())).collect();
    if !missing.is_empty() {
        let names: Vec<_> = missing.into_iter().map(String::as_str).collect();
        let message = format!(
            "the sender of source {:?} hands out its keys only to calls with {}, which this cluster does not add",
            source.name,
            names.join(" and ")
        );
        let right = "give the cluster a credential_injector for each: see envoy/live-keys/plaid.yaml";
        findings.add(&codes::KEY_CREDENTIAL, cluster, message, right);
    }
}
