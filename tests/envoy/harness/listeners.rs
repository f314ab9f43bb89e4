//! Further listeners of one Envoy: each a changed copy of the bootstrap's listener, on its own port.

use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::bootstrap::at;
use crate::harness::tls::Identity;

/// Adds a listener.
pub fn add(bootstrap: &mut Value, name: &str, change: impl FnOnce(&mut Value)) {
    let listeners = at(bootstrap, "/static_resources/listeners").as_array_mut().expect("a list of listeners");
    let mut listener = listeners.first().cloned().expect("the bootstrap has a listener");
    listener["name"] = json!(name);
    listener["stat_prefix"] = json!(name);
    change(&mut listener);
    listeners.push(listener);
}

/// The configuration of a listener's HTTP connection manager.
pub fn manager(listener: &mut Value) -> &mut Value {
    at(listener, "/filter_chains/0/filters/0/typed_config")
}

/// How X-Forwarded-For is trusted.
pub fn trust(listener: &mut Value, use_remote_address: bool, hops: u32) {
    let manager = manager(listener);
    manager["use_remote_address"] = json!(use_remote_address);
    manager["xff_num_trusted_hops"] = json!(hops);
}

/// Enables the PROXY protocol, with which a test chooses the client's address.
pub fn proxied(listener: &mut Value) {
    listener["listener_filters"] = json!([{
        "name": "envoy.filters.listener.proxy_protocol",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
        },
    }]);
}

/// Listens on a Unix socket, whose clients have no address.
pub fn on_socket(listener: &mut Value, path: &Path) {
    listener["address"] = json!({"pipe": {"path": path}});
}

/// Listens on `::1`.
pub fn on_loopback6(listener: &mut Value) {
    listener["address"] = json!({"socket_address": {"address": "::1", "port_value": 0}});
}

/// Listens on a dual-stack socket.
pub fn on_both_families(listener: &mut Value) {
    listener["address"] = json!({"socket_address": {"address": "::", "port_value": 0, "ipv4_compat": true}});
}

/// Whether this machine has IPv6.
pub fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

/// What a TLS listener does about client certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    /// Requests none.
    Unasked,
    /// Verifies one that is presented.
    Checked,
    /// Requires one.
    Demanded,
}

/// Enables TLS with this certificate. Client certificates must be of the same authority.
pub fn tls(listener: &mut Value, identity: &Identity, clients: Clients) {
    let mut common = json!({"tls_certificates": [{
        "certificate_chain": {"inline_string": identity.certificate},
        "private_key": {"inline_string": identity.key},
    }]});
    if clients != Clients::Unasked {
        common["validation_context"] = json!({"trusted_ca": {"inline_string": identity.authority}});
    }
    at(listener, "/filter_chains/0")["transport_socket"] = json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": clients == Clients::Demanded,
            "common_tls_context": common,
        },
    });
}
