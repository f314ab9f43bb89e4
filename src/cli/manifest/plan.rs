//! What a manifest must provide for a configuration.

use clap::ValueEnum;
use hookwarden::config;

use super::{Address, live, store};
use crate::cli::body_margin;
use crate::cli::capabilities::Capabilities;
use crate::cli::check::sources::{Published, Source, sources};
use crate::cli::check::surroundings::variables;
use crate::cli::document::Document;
use crate::cli::document::cursor::Cursor;
use crate::cli::document::value::{Kind, Member, Value};
use crate::cli::runtime_changes::UNDERSCORES;

/// What Envoy buffers where a source does not say how much it takes.
const DEFAULT_BODY: u64 = body_margin::CONNECTION_DEFAULT;

/// Where a store that is no Webdis listens, unless its `authority` says otherwise.
const HTTPS: u16 = 443;

/// Who holds requests in a set-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Hold {
    /// hookwarden itself, with allow_on_headers_stop_iteration.
    Filter,
    /// Envoy's buffer filter behind it.
    Chain,
}

/// What a set-up needs.
pub struct Plan {
    /// The configuration, with the `body_hold` of the set-up.
    pub configuration: Value,
    /// The variables that it names, each once.
    pub variables: Vec<String>,
    /// What must be buffered of one request.
    pub limit: u64,
    /// The hosts that its sources name; none if one is for any host.
    pub hosts: Vec<String>,
    /// The clusters of replay stores that are a Webdis.
    pub stores: Vec<String>,
    /// The clusters of replay stores that are another service, and where each is.
    pub store_services: Vec<(String, Address)>,
    /// The keys of filter state that hold live secrets.
    pub live_keys: Vec<String>,
    /// The clusters that live secrets are fetched from.
    pub services: Vec<String>,
    /// The clusters that senders' keys are fetched from.
    pub key_clusters: Vec<KeyCluster>,
    /// The clusters that confirm subscriptions, and the host of each.
    pub confirmations: Vec<(String, String)>,
    /// Whether a source remembers events in each proxy alone.
    pub forgets_alone: bool,
    /// Whether a sender signs `x-request-id`, which Envoy must then leave as it is.
    pub signs_request_id: bool,
    /// Whether a sender signs the path, which a runtime may normalise.
    pub signs_path: bool,
    /// Whether a header that is verified has an underscore in its name, which a runtime may refuse.
    pub reads_underscores: bool,
    /// Whether a source wants TLS on this hop.
    pub wants_tls: bool,
    /// Whether a source wants a client certificate.
    pub wants_client_certificate: bool,
    /// What the module needs of Envoy, and Envoy of the module.
    pub capabilities: Capabilities,
}

/// A cluster that a sender's keys are fetched from.
pub struct KeyCluster {
    pub name: String,
    /// The sender's host.
    pub host: String,
    /// The headers with credentials that the cluster adds.
    pub credentials: Vec<String>,
}

impl Plan {
    /// The plan for a configuration.
    pub fn new(document: &Document, hold: Hold) -> Self {
        let root = Cursor::root(document);
        let sources = sources(&root);
        let mut names = Vec::new();
        variables(&root, &mut names);
        let largest = sources
            .iter()
            .map(|source| source.at.get("max_body_bytes").and_then(|at| at.value.whole()).unwrap_or(DEFAULT_BODY));
        let hosts = match sources.iter().any(|source| source.hosts.is_empty()) {
            true => Vec::new(),
            false => unique(sources.iter().flat_map(|source| source.hosts.clone())),
        };
        let (mut stores, mut store_services) = (Vec::new(), Vec::<(String, Address)>::new());
        for store in sources.iter().filter_map(|source| source.at.at(&["replay", "store"])) {
            let text = |key| store.get(key).and_then(|at| at.text());
            match (text("cluster"), text("kind")) {
                (Some(name), Some("rest")) if store_services.iter().any(|(own, _)| own == name) => {}
                (Some(name), Some("rest")) => {
                    let host = text("authority").unwrap_or(name);
                    let https = || Address { host: host.to_owned(), port: HTTPS };
                    store_services.push((name.to_owned(), Address::parse(host).unwrap_or_else(|_| https())));
                }
                (Some(name), _) => stores.push(name.to_owned()),
                (None, _) => {}
            }
        }
        let (mut live_keys, mut services) = (Vec::new(), Vec::new());
        live::keys(&document.root, &mut live_keys);
        live::clusters(&document.root, &mut services);
        let mut key_clusters: Vec<KeyCluster> = Vec::new();
        for Published { name, host, credentials, .. } in sources.iter().flat_map(Source::published) {
            if !key_clusters.iter().any(|own| own.name == name) {
                let host = host.unwrap_or_else(|| name.to_owned());
                key_clusters.push(KeyCluster { name: name.to_owned(), host, credentials });
            }
        }
        let mut confirmations: Vec<(String, String)> = Vec::new();
        for (cluster, host) in sources.iter().filter_map(Source::confirmation) {
            let name = cluster.text().unwrap_or_default();
            if !confirmations.iter().any(|(own, _)| own == name) {
                confirmations.push((name.to_owned(), host.unwrap_or_else(|| name.to_owned())));
            }
        }
        let transports: Vec<_> = sources.iter().filter_map(|source| source.at.get("transport")).collect();
        let wants = |name| transports.iter().any(|transport| transport.get(name).is_some_and(|at| at.value.is_true()));
        let trusts = |transport: &Cursor<'_>| transport.get("insecure_trust_forwarded_proto").is_some();
        let configuration = with_hold(&document.root, hold);
        let seen = |_: &str| Some(config::UNSEEN.to_owned());
        let (policy, _) = config::inspect(configuration.to_json().as_bytes(), &seen);
        Self {
            variables: unique(names.iter().map(|(name, _)| (*name).to_owned())),
            limit: (largest.max().unwrap_or(DEFAULT_BODY) + body_margin::above(body_margin::CONNECTION_DEFAULT))
                .div_ceil(1 << 20)
                << 20,
            hosts,
            live_keys,
            services,
            key_clusters,
            confirmations,
            forgets_alone: store::is_missing(&document.root),
            stores: unique(stores.into_iter()),
            store_services,
            signs_request_id: sources.iter().any(|source| source.signs_request_id()),
            signs_path: sources.iter().any(|source| source.signs_path()),
            reads_underscores: sources
                .iter()
                .flat_map(|source| source.headers())
                .any(|name| UNDERSCORES.touches.header(&name)),
            wants_tls: transports.iter().any(|transport| !trusts(transport)),
            wants_client_certificate: wants("client_certificate"),
            capabilities: Capabilities::of(policy.as_ref()),
            configuration,
        }
    }

    /// Whether Envoy reads secrets from files.
    pub fn reads_secret_files(&self) -> bool {
        !self.live_keys.is_empty() || self.key_clusters.iter().any(|cluster| !cluster.credentials.is_empty())
    }

    /// The variables as lines of a comment.
    pub fn variable_comments(&self) -> String {
        self.variables.iter().map(|name| format!("#   {name}\n")).collect()
    }
}

/// The configuration with this `body_hold`, which comes first.
fn with_hold(root: &Value, hold: Hold) -> Value {
    let word = match hold {
        Hold::Filter => "filter",
        Hold::Chain => "chain",
    };
    let value = Value::new(root.at, Kind::Text(word.to_owned()));
    let mut members = vec![Member { at: root.at, key: "body_hold".to_owned(), value }];
    members.extend(root.members().iter().filter(|member| member.key != "body_hold").cloned());
    Value::new(root.at, Kind::Map(members))
}

fn unique(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for text in texts {
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found
}
