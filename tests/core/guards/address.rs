use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hookwarden::guard::address::{
    AddressRule, AddressWarning, Networks, client_address, client_of, looks_shared, parse_network, warning,
};
use hookwarden::verify::Denial;

use super::{Client, Dice, ip};

fn networks(list: &[&str]) -> Networks {
    Networks::new(list.iter().map(|text| parse_network(text).unwrap()).collect())
}

fn check(rule: &AddressRule, address: Option<&'static str>) -> Result<(), Denial> {
    rule.check(&Client { address, ..Client::default() })
}

#[test]
fn an_address_is_read_as_hosts_write_it() {
    for (text, expected) in [
        ("192.0.2.7:4711", "192.0.2.7"),
        ("192.0.2.7:0", "192.0.2.7"),
        ("192.0.2.7:65535", "192.0.2.7"),
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7\t", "192.0.2.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("[2001:DB8:0::7]:4711", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[fe80::1%2]:80", "fe80::1"),
        ("[::ffff:192.0.2.7]:4711", "192.0.2.7"),
        ("[::ffff:c000:207]", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        // Only the mapped form is an IPv4 address; the compatible and the translated forms are not.
        ("::192.0.2.7", "::c000:207"),
        ("64:ff9b::192.0.2.7", "64:ff9b::c000:207"),
    ] {
        assert_eq!(client_address(text.as_bytes()), Some(ip(expected)), "{text}");
    }
}

#[test]
fn an_invalid_address_is_refused() {
    for text in [
        "",
        " ",
        ":443",
        "192.0.2",
        "192.0.2.256",
        "192.0.2.07",
        "0xc0.0.2.7",
        "3221225991",
        "192.0.2.7:",
        "192.0.2.7:65536",
        "192.0.2.7:-1",
        "192.0.2.7:http",
        "192.0.2.7/32",
        "192.0.2.7, 192.0.2.8",
        "192.0.2.7 192.0.2.8",
        "[192.0.2.7]",
        "[192.0.2.7]:80",
        "[2001:db8::7",
        "2001:db8::7]",
        "[2001:db8::7]443",
        "[2001:db8::7]:",
        "[[2001:db8::7]]",
        "2001:db8::7%eth0",
        "2001:db8:::7",
        "2001:db8:1:2:3:4:5:6:7",
        "\"192.0.2.7\"",
        "localhost",
        "unknown",
        "_hidden",
        "/run/envoy.sock",
        "envoy://internal_client_address/",
        "192.0.2.7\0",
        "\u{a0}192.0.2.7",
        "１９２.0.2.7",
    ] {
        assert_eq!(client_address(text.as_bytes()), None, "{text:?}");
    }
    assert_eq!(client_address(b"192.0.2.7\xff"), None);
}

#[test]
fn a_client_is_an_ipv4_address_or_the_64_of_an_ipv6_one() {
    let mut dice = Dice(1);
    for _ in 0..100 {
        let (v4, v6) = (dice.v4(), dice.v6());
        assert_eq!(client_of(v4.into()), IpAddr::V4(v4));
        assert_eq!(client_of(v4.to_ipv6_mapped().into()), IpAddr::V4(v4), "mapped");
        for bit in 0..32 {
            let neighbour = Ipv4Addr::from_bits(v4.to_bits() ^ (1 << bit));
            assert_ne!(client_of(neighbour.into()), client_of(v4.into()), "bit {bit}");
        }
        for bit in 0..128 {
            let neighbour = Ipv6Addr::from_bits(v6.to_bits() ^ (1 << bit));
            let is_same = client_of(neighbour.into()) == client_of(v6.into());
            assert_eq!(is_same, bit < 64, "bit {bit} from the right of {v6}");
        }
    }
}

#[test]
fn a_network_is_written_with_a_prefix_or_is_one_address() {
    for (text, expected) in [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("192.0.2.7/32", "192.0.2.7/32"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::/0", "::/0"),
        ("2001:db8::7", "2001:db8::7/128"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("::ffff:192.0.2.7/128", "192.0.2.7/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::ffff:0.0.0.0/96", "0.0.0.0/0"),
    ] {
        assert_eq!(parse_network(text).map(|network| network.to_string()).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn an_invalid_or_ambiguous_network_is_refused() {
    for text in [
        "",
        "/",
        "/24",
        "192.0.2.0/",
        "192.0.2.0/33",
        "192.0.2.0/-1",
        "192.0.2.0/+24",
        "192.0.2.0/024",
        "192.0.2.0/+8",
        "10.0.0.0/08",
        "2001:db8::/032",
        "192.0.2.0/24/24",
        "192.0.2.0/255.255.255.0",
        "192.0.2/24",
        "192.0.2.1/24",
        "192.0.2.128/24",
        "128.0.0.0/0",
        "2001:db8::/129",
        "2001:db8::1/32",
        "2001:db8::/31 ",
        " 192.0.2.0/24",
        "[2001:db8::]/32",
        "2001:db8::7%1",
        "::ffff:192.0.2.1/120",
        "::ffff:0.0.0.0/95",
        "provider",
        "example.com",
    ] {
        assert_eq!(parse_network(text), None, "{text:?}");
    }
}

#[test]
fn a_network_ends_exactly_at_its_prefix() {
    let mut dice = Dice(2);
    for prefix in 0..=32_u32 {
        let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
        let first = dice.v4().to_bits() & mask;
        let last = first | !mask;
        check_ends(
            &format!("{}/{prefix}", Ipv4Addr::from_bits(first)),
            [first, last, first | (dice.v4().to_bits() & !mask)].map(|bits| Ipv4Addr::from_bits(bits).into()),
            [first.checked_sub(1), last.checked_add(1)].map(|bits| bits.map(|bits| Ipv4Addr::from_bits(bits).into())),
        );
        if prefix < 32 {
            assert_eq!(parse_network(&format!("{}/{prefix}", Ipv4Addr::from_bits(first | 1))), None, "a host bit");
            let highest = first | (1 << (31 - prefix));
            assert_eq!(parse_network(&format!("{}/{prefix}", Ipv4Addr::from_bits(highest))), None, "a host bit");
        }
    }
    for prefix in 0..=128_u32 {
        let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
        let first = dice.v6().to_bits() & mask;
        let last = first | !mask;
        check_ends(
            &format!("{}/{prefix}", Ipv6Addr::from_bits(first)),
            [first, last, first | (dice.v6().to_bits() & !mask)].map(|bits| Ipv6Addr::from_bits(bits).into()),
            [first.checked_sub(1), last.checked_add(1)].map(|bits| bits.map(|bits| Ipv6Addr::from_bits(bits).into())),
        );
        if prefix < 128 {
            assert_eq!(parse_network(&format!("{}/{prefix}", Ipv6Addr::from_bits(first | 1))), None, "a host bit");
        }
    }
}

fn check_ends(text: &str, within: [IpAddr; 3], beyond: [Option<IpAddr>; 2]) {
    let network = networks(&[text]);
    for address in within {
        assert!(network.contains(address), "{address} is in {text}");
    }
    for address in beyond.into_iter().flatten() {
        assert!(!network.contains(address), "{address} is not in {text}");
    }
}

#[test]
fn many_networks_contain_what_any_of_them_contains() {
    let mut dice = Dice(3);
    for _ in 0..200 {
        let list: Vec<_> = (0..dice.below(40))
            .map(|_| {
                // Few high bits, so that many networks are nested or adjacent.
                let v4 = Ipv4Addr::from_bits(dice.v4().to_bits() & 0x0303_00ff);
                let v6 = Ipv6Addr::from_bits(dice.v6().to_bits() & (0x0303 << 112 | 0xff));
                let (address, bits) = if dice.below(2) == 0 { (IpAddr::V4(v4), 33) } else { (IpAddr::V6(v6), 129) };
                let prefix = u8::try_from(dice.below(bits)).unwrap();
                ipnet::IpNet::new(address, prefix).unwrap().trunc()
            })
            .collect();
        let networks = Networks::new(list.clone());
        let ends = list.iter().flat_map(|network| {
            let (first, last) = (network.network(), network.broadcast());
            [Some(first), Some(last), step(first, -1), step(last, 1)]
        });
        let others = [ip("0.0.0.0"), ip("255.255.255.255"), ip("::"), ip("ffff::"), ip("1.2.0.3"), ip("101:200::3")];
        for address in ends.flatten().chain(others) {
            let expected = list.iter().any(|network| network.contains(&address.to_canonical()));
            assert_eq!(networks.contains(address), expected, "{address} in {list:?}");
        }
    }
}

/// The address before or after `address`, if there is one.
fn step(address: IpAddr, by: i8) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => {
            address.to_bits().checked_add_signed(by.into()).map(|bits| Ipv4Addr::from_bits(bits).into())
        }
        IpAddr::V6(address) => {
            address.to_bits().checked_add_signed(by.into()).map(|bits| Ipv6Addr::from_bits(bits).into())
        }
    }
}

#[test]
fn a_v4_mapped_address_is_the_v4_address_to_every_network() {
    let mapped = ip("::ffff:192.0.2.7");
    assert!(networks(&["192.0.2.0/24"]).contains(mapped));
    assert!(networks(&["::ffff:192.0.2.0/120"]).contains(ip("192.0.2.7")));
    assert!(!networks(&["::/0"]).contains(mapped), "all IPv6 addresses, but no IPv4 address");
    assert!(!networks(&["::/0"]).contains(ip("192.0.2.7")));
    assert!(!networks(&["0.0.0.0/0"]).contains(ip("2001:db8::7")));
}

#[test]
fn only_allowed_and_not_denied_addresses_may_call() {
    let allow = Some(networks(&["192.0.2.0/24", "2001:db8::/32"]));
    let deny = Some(networks(&["192.0.2.128/25", "198.51.100.0/24"]));
    let only_allow = AddressRule { allow: allow.clone(), deny: None };
    let only_deny = AddressRule { allow: None, deny: deny.clone() };
    let both = AddressRule { allow, deny };
    let (taken, denied) = (Ok(()), Err(Denial::AddressDenied));
    for (address, by_allow, by_deny, by_both) in [
        ("192.0.2.127:1", taken, taken, taken),
        ("192.0.2.128:1", taken, denied, denied),
        ("192.0.3.0:1", denied, taken, denied),
        ("192.0.1.255:1", denied, taken, denied),
        ("198.51.100.7:1", denied, denied, denied),
        ("[2001:db8::7]:1", taken, taken, taken),
        ("[2001:db9::]:1", denied, taken, denied),
        ("[::ffff:192.0.2.7]:1", taken, taken, taken),
        ("[::ffff:192.0.2.128]:1", taken, denied, denied),
    ] {
        assert_eq!(check(&only_allow, Some(address)), by_allow, "{address} if some are allowed");
        assert_eq!(check(&only_deny, Some(address)), by_deny, "{address} if some are denied");
        assert_eq!(check(&both, Some(address)), by_both, "{address} where deny wins");
    }
}

#[test]
fn an_address_that_is_missing_or_cannot_be_read_is_refused() {
    let rule = AddressRule { allow: None, deny: Some(networks(&["192.0.2.0/24"])) };
    for address in [None, Some(""), Some("/run/envoy.sock"), Some("unknown"), Some("198.51.100.7:x")] {
        assert_eq!(check(&rule, address), Err(Denial::AddressMissing), "{address:?}");
    }
}

#[test]
fn an_empty_list_of_allowed_networks_allows_nobody() {
    let rule = AddressRule { allow: Some(Networks::default()), deny: None };
    assert_eq!(check(&rule, Some("192.0.2.7:1")), Err(Denial::AddressDenied));
}

#[test]
fn an_internal_address_before_a_public_one_looks_shared() {
    for internal in [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "127.0.0.1",
        "169.254.1.1",
        "100.64.0.0",
        "100.127.255.255",
        "::1",
        "fd00::1",
        "fe80::1",
        "::ffff:10.0.0.1",
    ] {
        let internal = ip(internal);
        for forwarded_for in [
            "203.0.113.9",
            "203.0.113.9, 10.0.0.9",
            "10.1.1.1,2001:db8::9",
            "[2001:db8::9]:443",
            "junk, 203.0.113.9:80",
        ] {
            assert!(looks_shared(internal, forwarded_for.as_bytes()), "{internal}, {forwarded_for}");
        }
        for forwarded_for in ["", ",", "10.0.0.9", "fd00::2, 127.0.0.1", "unknown", "example.com"] {
            assert!(!looks_shared(internal, forwarded_for.as_bytes()), "{internal}, {forwarded_for}");
        }
    }
    for public in
        ["203.0.113.9", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "2001:db8::1", "fec0::1"]
    {
        assert!(!looks_shared(ip(public), b"203.0.113.9"), "{public}");
    }
}

#[test]
fn an_address_gets_a_warning_if_it_is_shared_or_written_by_the_caller() {
    for (peer, forwarded_for, expected) in [
        ("203.0.113.9:0", "203.0.113.9", Some(AddressWarning::Forgeable)),
        ("203.0.113.9:0", "198.51.100.1, 203.0.113.9", Some(AddressWarning::Forgeable)),
        ("[2001:db8::9]:0", "2001:db8::9", Some(AddressWarning::Forgeable)),
        ("10.0.0.5:0", "203.0.113.9,10.0.0.5", Some(AddressWarning::Forgeable)),
        ("203.0.113.9:0", "203.0.113.9, 10.0.0.5", None),
        ("203.0.113.9:4711", "203.0.113.9", None),
        ("203.0.113.9:4711", "", None),
        ("10.0.0.5:4711", "203.0.113.9, 10.0.0.5", Some(AddressWarning::Shared)),
        ("10.0.0.5:4711", "10.0.0.9, 10.0.0.5", None),
        ("/run/envoy.sock", "203.0.113.9", None),
        ("", "203.0.113.9", None),
    ] {
        assert_eq!(warning(peer.as_bytes(), forwarded_for.as_bytes()), expected, "{peer} and {forwarded_for}");
    }
}

#[test]
fn a_port_is_known_if_the_host_reports_one_that_a_connection_can_have() {
    let port = |text: &str| hookwarden::guard::address::client_port(text.as_bytes()).map(u16::from);
    for (text, expected) in [
        ("192.0.2.7:4711", Some(4711)),
        (" 192.0.2.7:65535 ", Some(65535)),
        ("[2001:db8::7]:443", Some(443)),
        ("192.0.2.7:0", None),
        ("192.0.2.7:65536", None),
        ("192.0.2.7", None),
        ("2001:db8::7", None),
        ("", None),
    ] {
        assert_eq!(port(text), expected, "{text:?}");
    }
}
