//! Whether the request came over TLS.

use std::net::IpAddr;

use super::address::{self, Networks};
use super::peer::Peer;
use crate::verify::{Denial, Request};

/// What a source requires of the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransportRule {
    /// Requires TLS, on this hop or in front of a trusted proxy.
    pub https: bool,
    /// The oldest TLS version on this hop.
    pub min_tls: Option<TlsVersion>,
    /// Whether the client must present a certificate that the host verified.
    pub client_certificate: bool,
    /// The proxies in front that are trusted to report the scheme.
    pub forwarded: Option<ForwardedProto>,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.0 (RFC 2246).
    V1_0,
    /// 1.1 (RFC 4346).
    V1_1,
    /// 1.2 (RFC 5246).
    V1_2,
    /// 1.3 (RFC 8446).
    V1_3,
}

/// A header in which a proxy in front reports how the client connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardedProto {
    /// The header's name, in lower case.
    pub header: String,
    /// The addresses of the trusted proxies.
    pub from: Networks,
}

impl TlsVersion {
    /// Every version and its name in a configuration.
    pub const NAMES: [(&str, TlsVersion); 4] =
        [("1.0", TlsVersion::V1_0), ("1.1", TlsVersion::V1_1), ("1.2", TlsVersion::V1_2), ("1.3", TlsVersion::V1_3)];

    /// Reads a version as Envoy writes it: `TLSv1.2`; BoringSSL writes `TLSv1` for 1.0.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        match text {
            b"TLSv1" | b"TLSv1.0" => Some(TlsVersion::V1_0),
            b"TLSv1.1" => Some(TlsVersion::V1_1),
            b"TLSv1.2" => Some(TlsVersion::V1_2),
            b"TLSv1.3" => Some(TlsVersion::V1_3),
            _ => None,
        }
    }
}

impl TransportRule {
    /// Whether the request arrived as the source requires.
    ///
    /// # Errors
    /// [`Denial::TransportInsecure`], [`Denial::TlsVersion`], [`Denial::ClientCertificateMissing`].
    pub fn check(&self, request: Request<'_>, peer: &dyn Peer) -> Result<(), Denial> {
        let of_this_hop = self.min_tls.is_some() || self.client_certificate;
        let Some(version) = peer.tls_version() else {
            let is_confirmed = self.forwarded.as_ref().is_some_and(|proxy| proxy.confirms_tls(request, peer));
            return if is_confirmed && !of_this_hop { Ok(()) } else { Err(Denial::TransportInsecure) };
        };
        if let Some(oldest) = self.min_tls
            && TlsVersion::parse(&version).is_none_or(|version| version < oldest)
        {
            return Err(Denial::TlsVersion);
        }
        if self.client_certificate && !peer.has_client_certificate() {
            return Err(Denial::ClientCertificateMissing);
        }
        Ok(())
    }
}

impl ForwardedProto {
    /// Whether a trusted proxy reports that the client used TLS. The header must hold exactly one plain value.
    fn confirms_tls(&self, request: Request<'_>, peer: &dyn Peer) -> bool {
        let is_https = match request.header(&self.header).once() {
            Some(value) => value.eq_ignore_ascii_case(b"https") || (self.header.ends_with("-ssl") && value == b"on"),
            None => false,
        };
        is_https && proxy_in_front(request, peer).is_some_and(|proxy| self.from.contains(proxy))
    }
}

/// The address of the host's own peer, as far as it can be known.
///
/// If the host reports the client's address with a port, it is the peer's. Without one it was taken from
/// `X-Forwarded-For`, to which a host that uses the remote address has appended its peer: the last entry is the peer's.
/// If the last entry is the client's, the host appended nothing, and the caller wrote the whole header. A listener without
/// addresses reports none.
///
/// One case cannot be detected: an Envoy that counts trusted hops without using the remote address appends nothing
/// either, and takes the last entry for a proxy's. Anybody who connects to it can claim anything.
fn proxy_in_front(request: Request<'_>, peer: &dyn Peer) -> Option<IpAddr> {
    let reported = peer.address()?;
    let client = address::client_address(&reported)?;
    if !reported.ends_with(b":0") {
        return Some(client);
    }
    let is_forwarded_for = |name: &str| name.eq_ignore_ascii_case("x-forwarded-for");
    let (_, last_line) = request.headers().iter().rfind(|(name, _)| is_forwarded_for(name))?;
    let last = last_line.rsplit(|byte| *byte == b',').next().and_then(address::client_address)?;
    (last != client).then_some(last)
}
