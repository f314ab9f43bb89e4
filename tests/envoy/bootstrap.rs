//! The bootstraps of the repository, changed only where a test has to: ports, the upstream, the plugin.
//!
//! They are parsed and not patched as text, and a thing that is no longer where it was fails loudly. Envoy gets
//! the result as JSON.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

/// Who holds a request until it is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// `allow_on_headers_stop_iteration` on the plugin.
    Filter,
    /// Envoy's buffer filter after the plugin, and no flag (`envoy-chain.yaml`).
    Chain,
    /// Neither: the mistake that the stall guard is for.
    Nobody,
    /// No plugin at all, to see what Envoy does by itself.
    NoFilter,
}

impl Hold {
    /// The bootstrap of the repository in which it is so.
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
    /// The plugin's configuration and the variables that it may read; `None` leaves what the file has.
    pub plugin: Option<(&'a Value, &'a [String])>,
    pub hold: Hold,
    pub access_log: bool,
    /// The most that Envoy holds of one request.
    pub buffer_limit: Option<u32>,
}

pub fn rewrite(changes: &Changes<'_>) -> Value {
    let mut bootstrap = read(&format!("{}/envoy/{}", env!("CARGO_MANIFEST_DIR"), changes.file));
    *at(&mut bootstrap, "/admin/address/socket_address") = json!({"address": "127.0.0.1", "port_value": 0});

    let listener = only(at(&mut bootstrap, "/static_resources/listeners"));
    *at(listener, "/address/socket_address") = json!({"address": "127.0.0.1", "port_value": 0});
    listener["stat_prefix"] = listener["name"].clone();
    let manager = at(listener, "/filter_chains/0/filters/0/typed_config");
    // HTTP/1.1 trailers are read and sent, so that a test can look at them.
    manager["http_protocol_options"]["enable_trailers"] = json!(true);
    change_filters(at(manager, "/http_filters"), changes);
    if !changes.access_log {
        manager["access_log"] = json!([]);
    }
    if let Some(limit) = changes.buffer_limit {
        at(manager, "/route_config/virtual_hosts/0")["request_body_buffer_limit"] = json!(limit);
    }

    let cluster = cluster(&mut bootstrap, "receiver");
    point(cluster, changes.upstream);
    cluster["typed_extension_protocol_options"] = json!({
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http_protocol_options": {"enable_trailers": true}},
        }
    });
    bootstrap
}

/// The cluster with this name.
pub fn cluster<'a>(bootstrap: &'a mut Value, name: &str) -> &'a mut Value {
    let clusters = at(bootstrap, "/static_resources/clusters").as_array_mut();
    let found = clusters.into_iter().flatten().find(|cluster| cluster["name"] == name);
    found.unwrap_or_else(|| panic!("the bootstrap has no cluster {name}"))
}

/// Gives a cluster its only endpoint.
pub fn point(cluster: &mut Value, to: SocketAddr) {
    *at(cluster, "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address") =
        json!({"address": to.ip().to_string(), "port_value": to.port()});
}

fn change_filters(filters: &mut Value, changes: &Changes<'_>) {
    let filters = filters.as_array_mut().expect("a list of filters");
    let names: Vec<String> = filters.iter().map(|filter| filter["name"].to_string()).collect();
    let position = |name: &str| names.iter().position(|n| n.trim_matches('"') == name);
    let ours = position("envoy.filters.http.wasm").expect("the bootstrap has the wasm filter");
    let buffer = position("envoy.filters.http.buffer");
    assert_eq!(
        buffer.is_some(),
        changes.hold == Hold::Chain,
        "the buffer filter is in the chain where the chain holds, and only there"
    );
    if let Some(buffer) = buffer {
        assert!(buffer > ours, "the buffer filter holds nothing back if it stands first");
        if let Some(limit) = changes.buffer_limit {
            *at(&mut filters[buffer], "/typed_config/max_request_bytes") = json!(limit);
        }
    }
    if changes.hold == Hold::NoFilter {
        filters.remove(ours);
        return;
    }

    let config = at(&mut filters[ours], "/typed_config/config");
    let flag = config["allow_on_headers_stop_iteration"] == true;
    assert_eq!(flag, changes.hold != Hold::Chain, "the flag is set where the filter holds");
    if changes.hold == Hold::Nobody {
        config["allow_on_headers_stop_iteration"] = json!(false);
    }
    *at(config, "/vm_config/code/local/filename") = json!(changes.wasm);
    if let Some((plugin, environment)) = changes.plugin {
        *at(config, "/configuration/value") = json!(plugin.to_string());
        *at(config, "/vm_config/environment_variables/host_env_keys") = json!(environment);
    }
}

pub fn read(path: &str) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    serde_yaml_ng::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

pub fn at<'a>(value: &'a mut Value, pointer: &str) -> &'a mut Value {
    value.pointer_mut(pointer).unwrap_or_else(|| panic!("the bootstrap has no {pointer}"))
}

fn only(list: &mut Value) -> &mut Value {
    match list.as_array_mut().map(Vec::as_mut_slice) {
        Some([only]) => only,
        _ => panic!("the bootstrap has one listener"),
    }
}
