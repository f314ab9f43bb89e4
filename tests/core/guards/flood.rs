use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU16;
use std::time::Duration;

use hookwarden::guard::flood::{Caller, Flood, FloodRule};
use hookwarden::guard::rate::Rate;

use super::memory::Shared;
use super::{after, ip};

/// The size of 1024 pages of 48 entries.
const MOST_BYTES: usize = 1024 * (1 + 48 * 24);

/// A limit of failures per minute.
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
fn failures_beyond_the_limit_do_not_extend_the_wait() {
    // Many requests can be in progress when the first of them fails.
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
        let address = IpAddr::from(Ipv4Addr::new(192, 0, 2, last));
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
    // One address far from being forgiven, among very many that are close to it.
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
fn forgiven_addresses_make_room() {
    let memory = Shared::default();
    let flood = Flood::open(&memory).unwrap();
    for round in 0..5_u64 {
        for n in 0..20_000_u32 {
            flood.failed(&memory, &rule(1), "s", IpAddr::from(Ipv4Addr::from_bits(n)), after(round * 120_000));
        }
    }
    let entries = memory.entries("hookwarden.flood");
    assert!(entries <= 20_000, "{entries}: those of the rounds before are gone");
}

#[test]
fn addresses_that_are_forgiven_make_room_for_others() {
    let memory = Shared::default();
    let flood = Flood::open(&memory).unwrap();
    let failed_from = |numbers: std::ops::Range<u32>, millis: u64| {
        for number in numbers {
            flood.failed(&memory, &rule(1), "s", IpAddr::from(Ipv4Addr::from_bits(number << 8)), after(millis));
        }
        memory.entries("hookwarden.flood")
    };
    assert_eq!(failed_from(0..10_000, 0), 10_000);
    assert_eq!(failed_from(10_000..20_000, 59_000), 20_000, "none is forgiven yet");
    let left = failed_from(20_000..30_000, 60_000);
    assert!((20_000..20_100).contains(&left), "{left}: the first of them are");
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
fn without_shared_memory_nothing_is_counted_and_nobody_is_refused() {
    let memory = Shared::default();
    let flood = Flood::open(&memory).unwrap();
    memory.refuse(true);
    flood.failed(&memory, &rule(1), "s", ip("192.0.2.7"), after(0));
    assert_eq!(flood.check(&memory, &rule(1), "s", ip("192.0.2.7"), after(0)), Ok(()));
    assert!(Flood::open(&memory).is_err());
}

#[test]
fn no_address_is_stored_in_plain_text() {
    let memory = Shared::default();
    let flood = Flood::open(&memory).unwrap();
    flood.failed(&memory, &rule(1), "s", ip("192.0.2.7"), after(0));
    let octets = [192, 0, 2, 7];
    assert!(!memory.dump().iter().any(|(_, value)| value.windows(4).any(|window| window == octets)));
}

#[test]
fn verified_requests_of_a_busy_sender_cost_no_host_call_for_a_minute() {
    let memory = Shared::default();
    let flood = Flood::open(&memory).unwrap();
    let sender = |port: u16| Caller { address: ip("192.0.2.7"), port: NonZeroU16::new(port) };
    flood.verified(&memory, "s", sender(4000), after(0));
    memory.take_cost();
    for millis in [0, 1, 999, 30_000, 59_999] {
        flood.verified(&memory, "s", sender(4000), after(millis));
        assert_eq!(memory.take_cost(), (0, 0), "after {millis} ms");
    }
    // A lane belongs to one caller: not to its next connection, nor to another source or address.
    flood.verified(&memory, "s", sender(5000), after(1));
    assert_ne!(memory.take_cost(), (0, 0));
    flood.verified(&memory, "t", sender(4000), after(1));
    assert_ne!(memory.take_cost(), (0, 0));
    flood.verified(&memory, "s", ip("192.0.2.8"), after(1));
    assert_ne!(memory.take_cost(), (0, 0));
    // After a minute it is written again.
    flood.verified(&memory, "s", sender(4000), after(60_000));
    assert_ne!(memory.take_cost(), (0, 0));
    // After the clock jumped back, later entries do not count.
    flood.verified(&memory, "s", sender(4000), after(50_000));
    assert_ne!(memory.take_cost(), (0, 0));
}

#[test]
fn only_the_address_and_connection_of_a_verified_request_get_a_lane() {
    let memory = Shared::default();
    let flood = Flood::open(&memory).unwrap();
    let at = |address: &str, port: u16| Caller { address: ip(address), port: NonZeroU16::new(port) };
    flood.verified(&memory, "s", at("192.0.2.7", 4000), after(0));
    flood.verified(&memory, "s", at("2001:db8::1", 4000), after(0));
    let listens = |caller: Caller| {
        flood.failed(&memory, &rule(1), "s", caller, after(0));
        flood.check(&memory, &rule(1), "s", caller, after(0)).is_ok()
    };
    for (address, port, expected) in [
        ("192.0.2.7", 4000, true),
        ("192.0.2.7", 5000, true),
        ("192.0.2.8", 4000, false),
        ("2001:db8::1", 4000, true),
        // The same network is the same client.
        ("2001:db8::2", 4000, true),
        ("2001:db8:0:1::1", 4000, false),
    ] {
        assert_eq!(listens(at(address, port)), expected, "{address} {port}");
    }
}

#[test]
fn a_known_client_needs_no_new_entry_in_a_full_table() {
    // A client that fails again while its page is full displaces no other.
    let memory = Shared::default();
    let flood = Flood::open(&memory).unwrap();
    let address = |number: u32| IpAddr::from(Ipv4Addr::from_bits(number << 8));
    (0..60_000).for_each(|number| flood.failed(&memory, &rule(5), "s", address(number), after(0)));
    let before = memory.entries("hookwarden.flood");
    for number in 59_900..60_000 {
        flood.failed(&memory, &rule(5), "s", address(number), after(0));
    }
    assert_eq!(memory.entries("hookwarden.flood"), before);
}

/// As many lanes as a table takes, and more, one for each of so many clients.
fn verified_from(memory: &Shared, flood: &Flood, numbers: std::ops::Range<u32>, millis: u64) {
    for number in numbers {
        flood.verified(memory, "s", IpAddr::from(Ipv4Addr::from_bits(number << 8)), after(millis));
    }
}

#[test]
fn a_client_with_a_lane_needs_no_room_in_a_full_table() {
    let memory = Shared::default();
    let flood = Flood::open(&memory).unwrap();
    verified_from(&memory, &flood, 0..60_000, 0);
    let before = memory.entries("hookwarden.verified");
    assert!((45_000..60_000).contains(&before), "{before}: the table is full, and no fuller");
    // After a minute they are written again.
    verified_from(&memory, &flood, 59_000..60_000, 60_000);
    assert_eq!(memory.entries("hookwarden.verified"), before);
    // A new client takes the place of the one that was verified longest ago, not of these.
    verified_from(&memory, &flood, 60_000..61_000, 60_000);
    assert!(memory.entries("hookwarden.verified") <= 49_152);
    let has_lane = |number: u32| {
        let caller = IpAddr::from(Ipv4Addr::from_bits(number << 8));
        flood.failed(&memory, &rule(1), "s", caller, after(60_000));
        flood.check(&memory, &rule(1), "s", caller, after(60_000)).is_ok()
    };
    assert!((59_000..61_000).all(has_lane));
}

#[test]
fn lanes_of_yesterday_make_room() {
    const DAY: u64 = 86_400_000;
    let memory = Shared::default();
    let flood = Flood::open(&memory).unwrap();
    verified_from(&memory, &flood, 0..10_000, 0);
    assert_eq!(memory.entries("hookwarden.verified"), 10_000);
    verified_from(&memory, &flood, 10_000..20_000, DAY - 1000);
    assert_eq!(memory.entries("hookwarden.verified"), 20_000, "a day is not over");
    verified_from(&memory, &flood, 20_000..30_000, DAY);
    assert_eq!(memory.entries("hookwarden.verified"), 20_000, "those of the day before are gone");
}
