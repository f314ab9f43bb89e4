//! The connection, as the host's properties describe it.

use proxy_wasm::hostcalls;

use super::proxy::ProxyWasm;
use crate::guard::peer::Peer;

impl Peer for ProxyWasm {
    fn address(&self) -> Option<Vec<u8>> {
        Some(property(&["source", "address"])).filter(|address| !address.is_empty())
    }

    fn tls_version(&self) -> Option<Vec<u8>> {
        Some(property(&["connection", "tls_version"])).filter(|version| !version.is_empty())
    }

    fn has_client_certificate(&self) -> bool {
        property(&["connection", "mtls"]) == [1]
    }

    fn filter_state(&self, key: &str) -> Option<Vec<u8>> {
        Some(property(&["filter_state", key])).filter(|value| !value.is_empty())
    }
}

/// A property; empty if the host does not report it. Every caller treats that as the case that refuses (no address, no TLS,
/// no certificate), except for the response's details, where it keeps the claim.
pub(super) fn property(path: &[&str]) -> Vec<u8> {
    hostcalls::get_property(path.to_vec()).ok().flatten().unwrap_or_default()
}
