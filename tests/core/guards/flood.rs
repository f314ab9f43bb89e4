use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hookwarden::guard::flood::{Flood, FloodRule};
use hookwarden::guard::rate::Rate;

use super::memory::Shared;
use super::{after, ip};

/// What 1024 pages of 48 entries take.
const MOST_BYTES: usize = 1024 * (1 + 48 * 24);

/// So many failures a minute.
fn rule(failures: u32) -> FloodRule {
    FloodRule { rate: Rate::new(failures, Duration::from_secs(60), failures) }
}

#[test]
fn an_address_that_fails_too_often_waits_and_is_forgiven() {
    let memory = Shared::default();
    let flood = Flood::open(&memory).unwrap();
    let (rule, address) = (rule(3), ip("192.0.2.7"));
    for failed in 0..3 {
        assert_eq!(flood.check(&memory, &rule, "s", address, after(0)), Ok(()), "after {failed} failures");
        flood.failed(&memory, &rule, "s", address, after(0));
    }
    assert_eq!(flood.check(&memory, &rule, "s", address, after(0)), Err(Duration::from_secs(20)));
    assert_eq!(flood.check(&memory, &rule, "s", address, after(19_999)), Err(Duration::from_millis(1)));
    assert_eq!(flood.check(&memory, &rule, "s", address, after(20_000)), Ok(()), "one may be tried");
    flood.failed(&memory, &rule, "s", address, after(20_000));
    assert_eq!(flood.check(&memory, &rule, "s", address, after(20_000)), Err(Duration::from_secs(20)), "and failed");
    assert_eq!(flood.check(&memory, &rule, "s", address, after(80_000)), Ok(()));
}

#[test]
fn failures_beyond_the_limit_make_nobody_wait_longer() {
    // Many requests can be on their way when the first of them fails.
    let memory = Shared::default();
    let flood = Flood::open(&memory).unwrap();
    for _ in 0..1000 {
        flood.failed(&memory, &rule(3), "s", ip("192.0.2.7"), after(0));
    }
    assert_eq!(flood.check(&memory, &rule(3), "s", ip("192.0.2.7"), after(0)), Err(Duration::from_secs(20)));
}

#[test]
fn a_check_writes_nothing() {
    let memory = Shared::default();
    let flood = Flood::open(&memory).unwrap();
    let before = memory.dump();
    for last in 0..=255 {
        let address = Ipv4Addr::new(192, 0, 2, last).into();
        assert_eq!(flood.check(&memory, &rule(1), "s", address, after(0)), Ok(()));
    }
    assert_eq!(memory.dump(), before);
}

#[test]
fn one_client_is_one_bucket_and_another_is_another() {
    let memory = Shared::default();
    let flood = Flood::open(&memory).unwrap();
    for address in ["192.0.2.7", "2001:db8:0:7::1"] {
        flood.failed(&memory, &rule(1), "s", ip(address), after(0));
    }
    for same in
        ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8:0:7::1", "2001:db8:0:7::2", "2001:db8:0:7:ffff:ffff:ffff:ffff"]
    {
        assert!(flood.check(&memory, &rule(1), "s", ip(same), after(0)).is_err(), "{same}");
    }
    for other in ["192.0.2.6", "2001:db8:0:6::1", "2001:db8:0:8::", "2001:db8:0:7000::1", "::192.0.2.7", "::"] {
        assert_eq!(flood.check(&memory, &rule(1), "s", ip(other), after(0)), Ok(()), "{other}");
    }
    assert_eq!(flood.check(&memory, &rule(1), "t", ip("192.0.2.7"), after(0)), Ok(()), "at another source");
    assert_eq!(flood.check(&memory, &rule(1), "", ip("192.0.2.7"), after(0)), Ok(()));
}

#[test]
fn the_memory_is_bounded_whatever_the_number_of_addresses() {
    let memory = Shared::default();
    let flood = Flood::open(&memory).unwrap();
    // One that is far from being forgiven, among very many that are close to it.
    let worst = ip("203.0.113.9");
    for _ in 0..1000 {
        flood.failed(&memory, &rule(1000), "s", worst, after(0));
    }
    for n in 0..200_000_u32 {
        let address = IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 | n));
        flood.failed(&memory, &rule(10), "s", address, after(u64::from(n) / 100));
        if n % 1000 == 0 {
            let last = flood.check(&memory, &rule(1), "s", address, after(u64::from(n) / 100));
            assert!(last.is_err(), "the one just written is remembered: {n}");
        }
    }
    let bytes: usize = memory.pages("hookwarden.flood").iter().map(Vec::len).sum();
    assert!(bytes <= MOST_BYTES, "{bytes}");
    assert!(memory.entries("hookwarden.flood") >= 16_384, "as many as there may be");
    assert!(
        flood.check(&memory, &rule(1000), "s", worst, after(20)).is_err(),
        "the nearest to being forgiven go first"
    );
}

#[test]
fn what_is_forgiven_makes_room() {
    let memory = Shared::default();
    let flood = Flood::open(&memory).unwrap();
    for round in 0..5_u64 {
        for n in 0..20_000_u32 {
            flood.failed(&memory, &rule(1), "s", Ipv4Addr::from_bits(n).into(), after(round * 120_000));
        }
    }
    let entries = memory.entries("hookwarden.flood");
    assert!(entries <= 20_000, "{entries}: those of the rounds before are gone");
}

#[test]
fn failures_on_eight_threads_all_count() {
    let memory = Shared::default();
    let flood = Flood::open(&memory).unwrap();
    let address = ip("192.0.2.7");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..100).for_each(|_| flood.failed(&memory, &rule(801), "s", address, after(0))));
        }
    });
    assert_eq!(flood.check(&memory, &rule(801), "s", address, after(0)), Ok(()), "800 failed");
    flood.failed(&memory, &rule(801), "s", address, after(0));
    assert!(flood.check(&memory, &rule(801), "s", address, after(0)).is_err(), "801 failed");
}

#[test]
fn a_host_without_memory_counts_nothing_and_refuses_nobody() {
    let memory = Shared::default();
    let flood = Flood::open(&memory).unwrap();
    memory.refuse(true);
    flood.failed(&memory, &rule(1), "s", ip("192.0.2.7"), after(0));
    assert_eq!(flood.check(&memory, &rule(1), "s", ip("192.0.2.7"), after(0)), Ok(()));
    assert!(Flood::open(&memory).is_err());
}

#[test]
fn no_address_stands_in_memory_in_clear() {
    let memory = Shared::default();
    let flood = Flood::open(&memory).unwrap();
    flood.failed(&memory, &rule(1), "s", ip("192.0.2.7"), after(0));
    let octets = [192, 0, 2, 7];
    assert!(!memory.dump().iter().any(|(_, value)| value.windows(4).any(|window| window == octets)));
}
