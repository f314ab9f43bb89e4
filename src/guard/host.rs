//! Hosts, and the different ways to write one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest host, in bytes (RFC 1035, section 2.3.4). Each label costs a lookup in the table.
const MAX_HOST: usize = 253;

/// The host of an authority: lower case, without user information, port, and the root's dot; an address in the form of
/// [`canonical`]. `None` if parsers could disagree about the rest (RFC 3986, section 3.2): it is empty, or has an
/// escape, a non-ASCII letter, or a label that only looks like an encoded one.
pub(super) fn host_of(authority: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(authority).ok()?.to_ascii_lowercase();
    let host_and_port = text.rsplit_once('@').map_or(text.as_str(), |(_, host)| host);
    let host = match host_and_port.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host_and_port,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.is_empty() || host.len() > MAX_HOST {
        return None;
    }
    let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    // Punycode of ASCII letters only, which a careless decoder turns into those letters (RFC 5891, section 5.4).
    let is_disguised = |label: &str| label.starts_with("xn--") && label.ends_with('-');
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok().then(|| canonical(host)),
        None => (host.bytes().all(name) && !host.ends_with('.') && !host.split('.').any(is_disguised))
            .then(|| canonical(host)),
    }
}

/// Whether an authority has user information, which HTTP does not allow (RFC 9110, section 4.2.4): some parsers mistake
/// the part before the `@` for the host.
pub(super) fn has_user(authority: &[u8]) -> bool {
    authority.contains(&b'@')
}

/// The canonical form of an address: IPv6 in brackets as in RFC 5952, IPv4 and v4-mapped addresses as four decimal
/// numbers, even if they were written with fewer, in octal or in hexadecimal, as `inet_aton` and browsers accept. Other
/// hosts are unchanged.
#[must_use]
pub fn canonical(host: &str) -> String {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return match inner.parse::<Ipv6Addr>().map(|address| address.to_canonical()) {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            Ok(IpAddr::V4(address)) => address.to_string(),
            Err(_) => host.to_owned(),
        };
    }
    ipv4(host).map_or_else(|| host.to_owned(), |address| address.to_string())
}

fn ipv4(host: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = host.split('.').map(number).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    // The last number fills the rest of the four bytes.
    let missing = 4_u32.checked_sub(u32::try_from(first.len()).ok()?)?;
    let limit = 256_u64.checked_pow(missing).filter(|_| missing > 0)?;
    if u64::from(*last) >= limit || first.iter().any(|part| *part > 255) {
        return None;
    }
    let shifts = [24, 16, 8];
    let high = first.iter().zip(shifts).fold(0, |sum: u32, (part, shift)| sum | part.wrapping_shl(shift));
    Some(Ipv4Addr::from_bits(high | last))
}

fn number(text: &str) -> Option<u32> {
    let all = |digits: &str, radix: u32| digits.chars().all(|digit| digit.is_digit(radix)).then_some(());
    match (text.strip_prefix("0x"), text.strip_prefix('0')) {
        (Some(""), _) => Some(0),
        (Some(digits), _) => all(digits, 16).and_then(|()| u32::from_str_radix(digits, 16).ok()),
        (None, Some(digits)) if !digits.is_empty() => all(digits, 8).and_then(|()| u32::from_str_radix(digits, 8).ok()),
        _ => all(text, 10).and_then(|()| text.parse().ok()),
    }
}
