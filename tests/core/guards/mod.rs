//! The guards, without a filter around them. Where a new test goes: the file of the same name as the module.

mod address;
mod body_size;
mod budget;
mod flood;
mod host;
mod keep_on;
pub mod memory;
mod path;
mod pool;
mod rate;
mod replay;
mod route;
mod shape;
mod stall;
mod table;
mod transport;

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hookwarden::guard::peer::Peer;
use hookwarden::verify::HeaderLine;
use hookwarden::verify::primitives::timestamp::UnixTime;

/// A moment in 2023, in milliseconds.
const NOW: u64 = 1_700_000_000_000;

/// `millis` milliseconds after [`NOW`].
fn after(millis: u64) -> UnixTime {
    UnixTime::from_millis(NOW + millis)
}

fn headers(lines: &[(&str, &str)]) -> Vec<HeaderLine> {
    lines.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The other end of a connection, which counts queries.
#[derive(Default)]
struct Client {
    address: Option<&'static str>,
    tls: Option<&'static str>,
    certificate: bool,
    asked: Cell<usize>,
}

impl Peer for Client {
    fn address(&self) -> Option<Vec<u8>> {
        self.asked.set(self.asked.get() + 1);
        self.address.map(|address| address.as_bytes().to_vec())
    }

    fn tls_version(&self) -> Option<Vec<u8>> {
        self.asked.set(self.asked.get() + 1);
        self.tls.map(|version| version.as_bytes().to_vec())
    }

    fn has_client_certificate(&self) -> bool {
        self.asked.set(self.asked.get() + 1);
        self.certificate
    }
}

/// Pseudorandom numbers with a fixed seed (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn v4(&mut self) -> Ipv4Addr {
        Ipv4Addr::from_bits(u32::try_from(self.next() >> 32).unwrap())
    }

    fn v6(&mut self) -> Ipv6Addr {
        Ipv6Addr::from_bits((u128::from(self.next()) << 64) | u128::from(self.next()))
    }

    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            let other = usize::try_from(self.below(at as u64 + 1)).unwrap();
            list.swap(at, other);
        }
    }
}
