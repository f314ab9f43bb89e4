//! Finds our plugins in what Envoy reads: a bootstrap, xDS resources, or a filter alone.

use std::collections::BTreeMap;
use std::rc::Rc;

use hookwarden::verify::bytes::encoding;

use super::codes;
use super::configuration::Configuration;
use super::findings::Findings;
use super::setup::{Chain, Filter, Flag, Host, Manager, Setup, Variables};
use crate::cli::document::Document;
use crate::cli::document::cursor::Cursor;
use crate::cli::document::value::{Kind, Value};

/// What the files hold of Envoys.
#[derive(Default)]
pub struct Proxies<'a> {
    pub managers: Vec<Rc<Manager<'a>>>,
    /// Filters that stand in no chain.
    pub lone: Vec<Filter<'a>>,
    pub bootstraps: Vec<Cursor<'a>>,
    /// The names of clusters.
    pub clusters: Vec<&'a str>,
    /// The clusters themselves.
    pub cluster_entries: Vec<Cursor<'a>>,
    /// Whether there may be more of them: a control plane sends them.
    pub clusters_are_open: bool,
}

/// Where in a tree a walk is.
#[derive(Clone, Default)]
struct Within<'a> {
    listener: Option<Cursor<'a>>,
    filter_chain: Option<Cursor<'a>>,
}

impl<'a> Proxies<'a> {
    /// Looks through a document.
    pub fn survey(&mut self, document: &'a Document) {
        let root = Cursor::root(document);
        if root.get("static_resources").is_some() || root.get("admin").is_some() || root.get("stats_config").is_some() {
            self.bootstraps.push(root.clone());
        }
        self.clusters_are_open |= root
            .at(&["dynamic_resources"])
            .is_some_and(|dynamic| dynamic.get("cds_config").is_some() || dynamic.get("ads_config").is_some());
        self.walk(&root, &Within::default());
    }

    fn walk(&mut self, cursor: &Cursor<'a>, within: &Within<'a>) {
        let mut within = within.clone();
        if cursor.get("filter_chains").is_some() || cursor.get("default_filter_chain").is_some() {
            within.listener = Some(cursor.clone());
        }
        if within.listener.is_some() && cursor.get("filters").is_some_and(|list| !list.elements().is_empty()) {
            within.filter_chain = Some(cursor.clone());
        }
        if let Some(name) = cursor.text_at("name")
            && is_cluster(cursor)
        {
            self.clusters.push(name);
            self.cluster_entries.push(cursor.clone());
        }
        if cursor.get("http_filters").is_some() {
            self.managers.push(Rc::new(Manager {
                filters: cursor.list("http_filters").iter().map(filter).collect(),
                routes: cursor.get("route_config").into_iter().collect(),
                at: cursor.clone(),
                listener: within.listener.clone(),
                filter_chain: within.filter_chain.clone(),
            }));
        } else if is_ours_alone(cursor) {
            self.lone.push(filter(cursor));
            return;
        }
        let is_filters = |name: &str| name == "http_filters" || name == "httpFilters";
        for (name, member) in cursor.members() {
            if !is_filters(name) {
                self.walk(&member, &within);
            }
        }
        for element in cursor.elements() {
            self.walk(&element, &within);
        }
    }

    /// Gives each manager the route configurations that it names.
    pub fn resolve_routes(&mut self, documents: &'a [Document]) {
        let mut named: BTreeMap<&'a str, Cursor<'a>> = BTreeMap::new();
        for document in documents {
            collect_routes(&Cursor::root(document), &mut named);
        }
        for manager in &mut self.managers {
            let name = manager.at.at(&["rds", "route_config_name"]).and_then(|name| name.text());
            if let (Some(routes), Some(manager)) = (name.and_then(|name| named.get(name)), Rc::get_mut(manager)) {
                manager.routes.push(routes.clone());
            }
        }
    }

    /// Puts configurations that are discovered by name (ECDS) into the filters that ask for them.
    pub fn resolve_discovery(&mut self) {
        let Self { managers, lone, .. } = self;
        for filter in managers.iter_mut().filter_map(Rc::get_mut).flat_map(|manager| &mut manager.filters) {
            let Some(name) = filter.at.text_at("name").filter(|_| filter.discovery.is_some()) else { continue };
            let Some(position) = lone.iter().position(|found| found.at.text_at("name") == Some(name)) else { continue };
            let found = lone.remove(position);
            filter.kind = found.kind;
            filter.config = found.config;
            filter.is_ours = true;
        }
    }

    /// Our plugins.
    pub fn setups(&self, findings: &mut Findings) -> Vec<Setup<'a>> {
        let mut setups = Vec::new();
        for manager in &self.managers {
            for (position, filter) in manager.filters.iter().enumerate().filter(|(_, filter)| filter.is_ours) {
                let (before, rest) = manager.filters.split_at(position);
                let chain = Chain {
                    before: before.to_vec(),
                    after: rest.iter().skip(1).cloned().collect(),
                    is_known: true,
                    ..Chain::default()
                };
                setups.push(setup(filter, chain, Some(Rc::clone(manager)), findings));
            }
        }
        setups.extend(self.lone.iter().map(|filter| setup(filter, Chain::default(), None, findings)));
        setups
    }
}

fn collect_routes<'a>(cursor: &Cursor<'a>, named: &mut BTreeMap<&'a str, Cursor<'a>>) {
    if let (Some(_), Some(name)) = (cursor.get("virtual_hosts"), cursor.text_at("name")) {
        named.insert(name, cursor.clone());
    }
    for (_, member) in cursor.members() {
        collect_routes(&member, named);
    }
    for element in cursor.elements() {
        collect_routes(&element, named);
    }
}

/// Whether a map describes a cluster: in the list of a bootstrap, or as a resource.
fn is_cluster(cursor: &Cursor<'_>) -> bool {
    let path = cursor.path.to_string();
    let list = path.strip_suffix(']').and_then(|path| path.rsplit_once('['));
    let parent = list.map(|(list, _)| list).unwrap_or_default();
    parent.ends_with(".clusters") || cursor.text_at("@type").is_some_and(|name| name.ends_with(".cluster.v3.Cluster"))
}

/// The filter that an element of `http_filters` describes.
pub fn filter<'a>(cursor: &Cursor<'a>) -> Filter<'a> {
    let typed = cursor.get("typed_config").or_else(|| cursor.get("@type").map(|_| cursor.clone()));
    let (type_name, config, matched) = match &typed {
        Some(typed) => unwrap(typed),
        None => (String::new(), None, None),
    };
    let name = cursor.text_at("name").unwrap_or_default();
    let kind = kind(&type_name, name);
    let is_ours = kind == "wasm"
        && (names_us(name) || config.as_ref().and_then(|config| config.get("config")).is_some_and(|c| is_ours(&c)));
    let off = cursor.get("disabled").filter(|off| off.value.is_true()).or(matched);
    Filter { kind, at: cursor.clone(), config, is_ours, off, discovery: cursor.get("config_discovery") }
}

/// The type's name and the configuration within: out of a `TypedStruct` and an `ExtensionWithMatcher`, of which the
/// matcher comes along.
fn unwrap<'a>(typed: &Cursor<'a>) -> (String, Option<Cursor<'a>>, Option<Cursor<'a>>) {
    let type_name = typed.text_at("@type").unwrap_or_default();
    if type_name.ends_with(".TypedStruct") {
        let inner = typed.text_at("type_url").unwrap_or_default();
        return (inner.to_owned(), typed.get("value"), None);
    }
    if type_name.ends_with(".ExtensionWithMatcher") {
        let inner = typed.at(&["extension_config", "typed_config"]);
        let (name, config, _) = inner.map(|inner| unwrap(&inner)).unwrap_or_default();
        return (name, config, typed.get("xds_matcher").or_else(|| typed.get("matcher")).or(Some(typed.clone())));
    }
    (type_name.to_owned(), Some(typed.clone()), None)
}

/// `envoy.extensions.filters.http.header_mutation.v3.HeaderMutation` and `envoy.filters.http.header_mutation` are
/// `header_mutation`.
fn kind(type_name: &str, name: &str) -> String {
    let of_type = type_name.split_once("filters.http.").and_then(|(_, rest)| rest.split('.').next());
    let of_name = name.rsplit_once("filters.http.").map(|(_, rest)| rest).or(name.strip_prefix("envoy."));
    let of_name = of_name.map(|rest| rest.split(['/', '.']).next().unwrap_or(rest));
    of_type.filter(|kind| !kind.is_empty()).or(of_name).unwrap_or(name).to_owned()
}

/// Whether a filter alone, not in a chain, is ours: as an extension's configuration, an HTTP filter, or its type.
fn is_ours_alone(cursor: &Cursor<'_>) -> bool {
    (cursor.get("typed_config").is_some() || cursor.get("@type").is_some()) && filter(cursor).is_ours
}

/// Whether a wasm plugin is ours, by its names, its module, or its configuration.
fn is_ours(config: &Cursor<'_>) -> bool {
    let texts = [
        config.text_at("name"),
        config.text_at("root_id"),
        config.value.at(&["vm_config", "vm_id"]).and_then(Value::text),
        config.value.at(&["vm_config", "code", "local", "filename"]).and_then(Value::text),
        config.value.at(&["vm_config", "code", "remote", "http_uri", "uri"]).and_then(Value::text),
    ];
    texts.into_iter().flatten().any(names_us)
        || config.get("configuration").is_some_and(|value| looks_like_ours(&value))
}

/// Whether a name or address names us.
pub fn names_us(text: &str) -> bool {
    text.to_ascii_lowercase().contains("hookwarden")
}

/// Whether a plugin's configuration reads like one of ours.
fn looks_like_ours(configuration: &Cursor<'_>) -> bool {
    match configuration.get("value").map(|value| value.value) {
        Some(Value { kind: Kind::Text(text), .. }) => text.contains("\"sources\"") && text.contains("\"verify\""),
        Some(value) => value.get("sources").is_some(),
        None => false,
    }
}

pub fn setup<'a>(
    filter: &Filter<'a>,
    chain: Chain<'a>,
    manager: Option<Rc<Manager<'a>>>,
    findings: &mut Findings,
) -> Setup<'a> {
    let plugin = filter.config.as_ref().and_then(|config| config.get("config")).unwrap_or_else(|| filter.at.clone());
    let environment = plugin.at(&["vm_config", "environment_variables"]);
    let mut passed = Vec::new();
    if let Some(environment) = &environment {
        let keys = environment.list("host_env_keys");
        passed.extend(keys.into_iter().filter_map(|key| Some((key.text()?, key, None))));
        let pairs = environment.get("key_values").map(|pairs| pairs.members()).unwrap_or_default();
        passed.extend(pairs.into_iter().map(|(name, value)| (name, value.clone(), value.text())));
    }
    let fails_open = plugin.get("fail_open").filter(|open| open.value.is_true()).or_else(|| {
        plugin.get("failure_policy").filter(|policy| matches!(policy.value.plain(), Some("FAIL_OPEN" | "3")))
    });
    if let Some(policy) = plugin.get("failure_policy") {
        let known = ["FAIL_CLOSED", "FAIL_RELOAD", "FAIL_OPEN", "UNSPECIFIED", "0", "1", "2", "3"];
        let right = "set FAIL_RELOAD; known are UNSPECIFIED, FAIL_RELOAD, FAIL_CLOSED and FAIL_OPEN";
        check_word(&policy, &known, right, findings);
    }
    let remote = plugin.at(&["vm_config", "code", "remote"]);
    Setup {
        host: Host::Envoy,
        configuration: configuration(&plugin, findings),
        flag: if plugin.is_true_at("allow_on_headers_stop_iteration") { Flag::Set } else { Flag::Missing },
        chain,
        variables: Variables { are_known: true, passed, named_in: "vm_config.environment_variables.host_env_keys" },
        fails_open,
        unpinned: remote.filter(|remote| remote.get("sha256").is_none()),
        manager,
        plugin,
        filter: Some(filter.clone()),
        workloads: None,
    }
}

/// Whether a value is one of the words that its key takes.
pub fn check_word(at: &Cursor<'_>, known: &[&str], right: &str, findings: &mut Findings) {
    if !at.value.plain().is_some_and(|word| known.contains(&word)) {
        findings.add(&codes::INVALID_VALUE, at, "is none of the words that are known here", right);
    }
}

/// How a configuration reaches the plugin.
const STRING_VALUE: &str = "write it as JSON, in a block of text: \"@type\": type.googleapis.com/google.protobuf.StringValue \
                            and \"value: |\"";

/// The configuration of a plugin, as text, or as what was meant to be one.
fn configuration(plugin: &Cursor<'_>, findings: &mut Findings) -> Option<Configuration> {
    let Some(any) = plugin.get("configuration") else {
        let right =
            "add \"configuration\": { \"@type\": type.googleapis.com/google.protobuf.StringValue, \"value\": … }";
        findings.add(
            &codes::CONFIGURATION_MISSING,
            plugin,
            "has no configuration, so the module does not start",
            right,
        );
        return None;
    };
    let kind = any.text_at("@type").map(|name| name.rsplit(['/', '.']).next().unwrap_or(name));
    let value = any.get("value");
    match (kind, value.as_ref().map(|value| &value.value.kind), &value) {
        (Some("StringValue"), Some(Kind::Text(text)), Some(value)) => Configuration::of_text(value, text, findings),
        (Some("Struct"), Some(Kind::Map(_)), Some(value)) => {
            let message = "is a Struct, which Envoy hands over as protobuf and not as JSON (1.40.0), so that the plugin \
                           refuses it";
            findings.add(&codes::CONFIGURATION_KIND, &any, message, STRING_VALUE);
            Some(Configuration::of_value(value.document, value.value))
        }
        (Some("BytesValue"), Some(Kind::Text(text)), Some(value)) => {
            let bytes = encoding::decode_pasted_base64(text.as_bytes()).unwrap_or_default();
            Configuration::of_text(value, &String::from_utf8(bytes).unwrap_or_default(), findings)
        }
        (None, _, _) => {
            findings.add(&codes::CONFIGURATION_KIND, &any, "has no \"@type\", so that Envoy refuses it", STRING_VALUE);
            guess(&any, value.as_ref(), findings)
        }
        (Some("StringValue"), Some(Kind::Map(_)), Some(value)) => {
            let right = "write it as JSON, in a block of text (\"value: |\")";
            findings.add(&codes::CONFIGURATION_KIND, value, "is an object where a StringValue has text", right);
            Some(Configuration::of_value(value.document, value.value))
        }
        (Some("Struct"), Some(Kind::Text(text)), Some(value)) => {
            findings.add(&codes::CONFIGURATION_KIND, value, "is text where a Struct has an object", STRING_VALUE);
            Configuration::of_text(value, text, findings)
        }
        _ => {
            let message = "is not a kind of message that reaches the plugin as JSON";
            findings.add(&codes::CONFIGURATION_KIND, &any, message, STRING_VALUE);
            guess(&any, value.as_ref(), findings)
        }
    }
}

/// What was perhaps meant, so that the rest can be checked in the same run.
fn guess(any: &Cursor<'_>, value: Option<&Cursor<'_>>, findings: &mut Findings) -> Option<Configuration> {
    match value.map(|value| (&value.value.kind, value)) {
        Some((Kind::Text(text), value)) => Configuration::of_text(value, text, findings),
        Some((Kind::Map(_), value)) => Some(Configuration::of_value(value.document, value.value)),
        _ if any.get("sources").is_some() => Some(Configuration::of_value(any.document, any.value)),
        _ => any.text().and_then(|text| Configuration::of_text(any, text, findings)),
    }
}
