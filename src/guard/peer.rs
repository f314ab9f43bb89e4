//! The other end of the connection, as the host describes it.

use std::net::IpAddr;
use std::num::NonZeroU16;

/// What the host knows about the connection. Queried only if a source needs it, since every query costs a host call.
pub trait Peer {
    /// The client address that the host trusts, as `ip:port`; `None` if the host has none.
    fn address(&self) -> Option<Vec<u8>>;

    /// The TLS version of this hop, such as `TLSv1.3`; `None` on plaintext.
    fn tls_version(&self) -> Option<Vec<u8>>;

    /// Whether the client presented a certificate that the host verified.
    fn has_client_certificate(&self) -> bool;

    /// What another filter has put into the request's filter state under this key; `None` if there is nothing, or the host
    /// has no filter state.
    fn filter_state(&self, _key: &str) -> Option<Vec<u8>> {
        None
    }
}

/// The sender of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The client's address, as the host reports it.
    pub address: IpAddr,
    /// The port of the connection's other end, if the address belongs to that end.
    pub port: Option<NonZeroU16>,
}

impl From<IpAddr> for Caller {
    fn from(address: IpAddr) -> Self {
        Self { address, port: None }
    }
}
