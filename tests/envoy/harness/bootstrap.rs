//! The bootstraps of the repository, changed only where a test has to: ports, the upstream, the plugin.
//!
//! They are parsed, not patched as text, and a missing field is a panic. Envoy gets the result as JSON.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

/// What holds a request until it is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// `allow_on_headers_stop_iteration` on the plugin.
    Filter,
    /// Envoy's buffer filter after the plugin, and no flag (`envoy-chain.yaml`).
    Chain,
    /// Neither: the misconfiguration that the stall guard detects.
    Neither,
    /// No plugin, as a baseline.
    NoFilter,
}

impl Hold {
    /// The value of the plugin's `body_hold`.
    pub fn body_hold(self) -> &'static str {
        if self == Hold::Chain { "chain" } else { "filter" }
    }

    /// The bootstrap in `envoy/` that is set up like this.
    pub fn file(self) -> &'static str {
        match self {
            Hold::Chain => "envoy-chain.yaml",
            _ => "envoy.yaml",
        }
    }
}

pub struct Changes<'a> {
    /// A bootstrap in `envoy/`.
    pub file: &'a str,
    pub upstream: SocketAddr,
    pub wasm: &'a Path,
    /// The plugin's configuration and the variables that it may read; `None` keeps those of the file.
    pub plugin: Option<(&'a Value, &'a [String])>,
    pub hold: Hold,
    pub access_log: bool,
    /// How many bytes of one request Envoy buffers at most.
    pub buffer_limit: Option<u32>,
}

pub fn rewrite(changes: &Changes<'_>) -> Value {
    let mut bootstrap = read(&format!("{}/envoy/{}", env!("CARGO_MANIFEST_DIR"), changes.file));
    *at(&mut bootstrap, "/admin/address/socket_address") = json!({"address": "127.0.0.1", "port_value": 0});

    let listener = only_listener(at(&mut bootstrap, "/static_resources/listeners"));
    *at(listener, "/address/socket_address") = json!({"address": "127.0.0.1", "port_value": 0});
    listener["stat_prefix"] = listener["name"].clone();
    let manager = at(listener, "/filter_chains/0/filters/0/typed_config");
    // HTTP/1.1 trailers are parsed and forwarded.
    manager["http_protocol_options"]["enable_trailers"] = json!(true);
    change_filters(at(manager, "/http_filters"), changes);
    if !changes.access_log {
        manager["access_log"] = json!([]);
    }
    if let Some(limit) = changes.buffer_limit {
        at(manager, "/route_config/virtual_hosts/0")["request_body_buffer_limit"] = json!(limit);
    }

    let cluster = cluster(&mut bootstrap, "receiver");
    set_endpoint(cluster, changes.upstream);
    cluster["typed_extension_protocol_options"] = json!({
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http_protocol_options": {"enable_trailers": true}},
        }
    });
    bootstrap
}

/// Gives the limit of the virtual host to the connection and, for HTTP/2, to the stream: what README tells users of Envoy 1.36.
pub fn limit_by_listener(bootstrap: &mut Value) {
    let listener = at(bootstrap, "/static_resources/listeners/0");
    let manager = at(listener, "/filter_chains/0/filters/0/typed_config");
    let host = at(manager, "/route_config/virtual_hosts/0").as_object_mut().expect("an object");
    if let Some(limit) = host.remove("request_body_buffer_limit") {
        manager["http2_protocol_options"]["initial_stream_window_size"] = limit.clone();
        listener["per_connection_buffer_limit_bytes"] = limit;
    }
}

/// The cluster with this name.
pub fn cluster<'a>(bootstrap: &'a mut Value, name: &str) -> &'a mut Value {
    let clusters = at(bootstrap, "/static_resources/clusters").as_array_mut();
    let found = clusters.into_iter().flatten().find(|cluster| cluster["name"] == name);
    found.unwrap_or_else(|| panic!("the bootstrap has no cluster {name}"))
}

/// Sets the only endpoint of a cluster.
pub fn set_endpoint(cluster: &mut Value, to: SocketAddr) {
    *at(cluster, "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address") =
        json!({"address": to.ip().to_string(), "port_value": to.port()});
}

fn change_filters(filters: &mut Value, changes: &Changes<'_>) {
    let filters = filters.as_array_mut().expect("a list of filters");
    let names: Vec<String> = filters.iter().map(|filter| filter["name"].to_string()).collect();
    let position = |name: &str| names.iter().position(|n| n.trim_matches('"') == name);
    let plugin = position("envoy.filters.http.wasm").expect("the bootstrap has the wasm filter");
    let buffer = position("envoy.filters.http.buffer");
    assert_eq!(buffer.is_some(), changes.hold == Hold::Chain, "only the bootstrap of Hold::Chain has a buffer filter");
    if let Some(buffer) = buffer {
        assert!(buffer > plugin, "the buffer filter must come after the plugin");
        if let Some(limit) = changes.buffer_limit {
            *at(&mut filters[buffer], "/typed_config/max_request_bytes") = json!(limit);
        }
    }
    if changes.hold == Hold::NoFilter {
        filters.remove(plugin);
        return;
    }

    let config = at(&mut filters[plugin], "/typed_config/config");
    let flag = config["allow_on_headers_stop_iteration"] == true;
    assert_eq!(flag, changes.hold != Hold::Chain, "allow_on_headers_stop_iteration is set unless the chain holds");
    if changes.hold == Hold::Neither {
        config["allow_on_headers_stop_iteration"] = json!(false);
    }
    *at(config, "/vm_config/code/local/filename") = json!(changes.wasm);
    if let Some((plugin, environment)) = changes.plugin {
        *at(config, "/configuration/value") = json!(plugin.to_string());
        at(config, "/vm_config")["environment_variables"] = json!({"host_env_keys": environment});
    }
}

pub fn read(path: &str) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    serde_yaml_ng::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

pub fn at<'a>(value: &'a mut Value, pointer: &str) -> &'a mut Value {
    value.pointer_mut(pointer).unwrap_or_else(|| panic!("the bootstrap has no {pointer}"))
}

fn only_listener(list: &mut Value) -> &mut Value {
    match list.as_array_mut().map(Vec::as_mut_slice) {
        Some([only]) => only,
        _ => panic!("the bootstrap has one listener"),
    }
}
