//! A token bucket for each of many clients, in a table.

use std::net::IpAddr;
use std::time::Duration;

use super::address::client_of;
use super::memory::{Memory, NotWritten};
use super::rate::Rate;
use super::table::{self, Digest, Table};
use crate::verify::primitives::timestamp::UnixTime;

/// How many clients are remembered at a time: typically 540 KB in Envoy when full, 1.3 MB at most. Beyond that, the bucket
/// that is nearest to being full is dropped, as if it were full.
const CLIENTS: u32 = 16_384;

/// Token buckets of clients. An IPv6 client is its /64.
#[derive(Clone, Debug)]
pub(super) struct Buckets(Table);

impl Buckets {
    pub(super) fn open(memory: &dyn Memory, prefix: &str) -> Result<Self, NotWritten> {
        Table::open(memory, prefix, CLIENTS).map(Self)
    }

    /// Whether the client's bucket at `source` has a token: one read.
    pub(super) fn peek(
        &self,
        memory: &dyn Memory,
        rate: Rate,
        (source, client): (&str, IpAddr),
        now: UnixTime,
    ) -> Result<(), Duration> {
        self.0.find(memory, &digest_of(source, client)).map_or(Ok(()), |state| rate.peek(state, now))
    }

    /// Takes a token from the client's bucket at `source`: one read, and one write if there was a token.
    pub(super) fn take(
        &self,
        memory: &dyn Memory,
        rate: Rate,
        (source, client): (&str, IpAddr),
        now: UnixTime,
    ) -> Result<Result<(), Duration>, NotWritten> {
        let digest = digest_of(source, client);
        self.0.update(memory, &digest, |page| {
            let state = rate.take(page.find(&digest).unwrap_or_default(), now)?;
            page.retain(|own, state| *own == digest || !Rate::is_full(state, now));
            if page.find(&digest).is_none() && !page.has_room_beside(page.len()) {
                page.remove_smallest();
            }
            page.set(&digest, state);
            Ok(())
        })
    }
}

/// The key of a client's bucket.
fn digest_of(source: &str, client: IpAddr) -> Digest {
    let digest = match client_of(client) {
        IpAddr::V4(address) => table::digest(&[b"client", source.as_bytes(), &address.octets()]),
        IpAddr::V6(address) => table::digest(&[b"client", source.as_bytes(), &address.octets()]),
    };
    table::short(&digest)
}
