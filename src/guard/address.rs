//! Which client addresses may call.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU16;

use ipnet::{IpNet, Ipv4Net};

use super::peer::Peer;
use crate::verify::Denial;

/// Networks of both families, sorted and disjoint, so that a lookup is a binary search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

/// Which client addresses a source accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressRule {
    /// The allowed networks; `None` allows all.
    pub allow: Option<Networks>,
    /// The denied networks.
    pub deny: Option<Networks>,
}

impl Networks {
    /// Builds the set. Nested and adjacent networks are merged.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(IpNet::aggregate(&networks))
    }

    /// Whether one of them contains `address`. A v4-mapped IPv6 address is the IPv4 one (RFC 4291, section 2.5.5.2).
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let beyond = self.0.partition_point(|network| network.network() <= address);
        let nearest = beyond.checked_sub(1).and_then(|at| self.0.get(at));
        nearest.is_some_and(|network| network.contains(&address))
    }
}

impl AddressRule {
    /// Whether the client may call. `deny` wins.
    ///
    /// # Errors
    /// [`Denial::AddressMissing`] if the host reports no address, [`Denial::AddressDenied`].
    pub fn check(&self, peer: &dyn Peer) -> Result<(), Denial> {
        self.check_address(peer.address().and_then(|text| client_address(&text)))
    }

    /// Whether a client with this address may call.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn check_address(&self, address: Option<IpAddr>) -> Result<(), Denial> {
        let address = address.ok_or(Denial::AddressMissing)?;
        let denied = self.deny.as_ref().is_some_and(|networks| networks.contains(address));
        let allowed = self.allow.as_ref().is_none_or(|networks| networks.contains(address));
        if allowed && !denied { Ok(()) } else { Err(Denial::AddressDenied) }
    }
}

/// Reads an address as hosts write it: `192.0.2.7:4711`, `[2001:db8::7]:4711`, or without a port. A v4-mapped one is
/// the IPv4 address. An IPv6 address followed by a port without brackets is ambiguous, and no host writes it.
#[must_use]
pub fn client_address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    let socket = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    let address = socket().or_else(|| text.parse().ok()).or_else(in_brackets)?;
    Some(address.to_canonical())
}

/// The port of an address as hosts write it, unless it has none or 0.
#[must_use]
pub fn client_port(text: &[u8]) -> Option<NonZeroU16> {
    let socket: SocketAddr = std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()?;
    NonZeroU16::new(socket.port())
}

/// Reads a network: `192.0.2.0/24`, `2001:db8::/32`, or one address. Host bits must be zero: a network
/// with host bits is a mistake. A v4-mapped network is the IPv4 one.
#[must_use]
pub fn parse_network(text: &str) -> Option<IpNet> {
    let has_plain_prefix = text.split_once("/0").is_none_or(|(_, rest)| rest.is_empty());
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok()?;
    if network.addr() != network.network() || !has_plain_prefix {
        return None;
    }
    match (network, network.addr().to_canonical()) {
        (IpNet::V6(mapped), IpAddr::V4(address)) => {
            let prefix = mapped.prefix_len().checked_sub(96)?;
            Ipv4Net::new(address, prefix).ok().map(IpNet::V4)
        }
        _ => Some(network),
    }
}

/// What counts as one client: an IPv4 address, or the /64 of an IPv6 address, since every subscriber has at least a /64.
#[must_use]
pub fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        address => address,
    }
}

/// Why the address that the host reports may not be the client's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressWarning {
    /// It is the address of a proxy in front, which all clients share.
    Shared,
    /// It is the last one in `X-Forwarded-For`, as the caller wrote it.
    Forgeable,
}

/// Whether the address of a client may be wrong. If Envoy does not use the remote address, it takes the last one in
/// `X-Forwarded-For` and reports it without a port; behind another proxy that may be intended.
#[must_use]
pub fn warning(peer: &[u8], forwarded_for: &[u8]) -> Option<AddressWarning> {
    let address = client_address(peer)?;
    let last = forwarded_for.rsplit(|byte| *byte == b',').next().and_then(client_address);
    if peer.ends_with(b":0") && last == Some(address) {
        return Some(AddressWarning::Forgeable);
    }
    looks_shared(address, forwarded_for).then_some(AddressWarning::Shared)
}

/// Whether `address` looks like that of a proxy in front, which all clients share: it is private, and `X-Forwarded-For`
/// contains a public one.
#[must_use]
pub fn looks_shared(address: IpAddr, forwarded_for: &[u8]) -> bool {
    !is_public(address) && forwarded_for.split(|byte| *byte == b',').filter_map(client_address).any(is_public)
}

/// Whether an address is routed on the internet (not RFC 1918, RFC 6598, RFC 4193, RFC 3927, RFC 4291).
fn is_public(address: IpAddr) -> bool {
    let is_own = match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let is_shared = first == 100 && second & 0xc0 == 64;
            address.is_private() || address.is_loopback() || address.is_link_local() || is_shared
        }
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    };
    !is_own && !address.is_unspecified()
}
