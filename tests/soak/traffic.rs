//! The traffic of one connection: new events, retries, and attacks in between.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::attacks::{self, Outcome};
use crate::connection::ReusedConnection;
use crate::events::{EVENT, SENDERS};
use crate::harness::client::Request;
use crate::harness::upstream::BEHAVIOUR;
use crate::ledger::{Event, Ledger};

/// How long senders retry after all new requests were sent.
const RETRY_PERIOD: Duration = Duration::from_secs(90);
/// How many events of the rate-limited sender may be pending on one connection: at 20 a second, all pass within the retry
/// period.
const MAX_RATE_LIMITED: usize = 20;
/// How many accepted requests are kept for replays.
const MAX_REPLAYED: usize = 50;

/// The distance between the first event numbers of two connections.
const NUMBERS: u64 = 1_000_000_000;

struct Pending {
    event: Event,
    request: Request,
    not_before: Instant,
}

pub fn run(number: u64, to: SocketAddr, ledger: &Ledger) {
    let mut connection = ReusedConnection::new(to);
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (number + 1));
    let mut next = number * NUMBERS;
    let mut pending: VecDeque<Pending> = VecDeque::new();
    let mut accepted: VecDeque<Request> = VecDeque::new();
    let mut all_sent = None;
    loop {
        let is_running = ledger.is_running();
        if !is_running {
            let since = *all_sent.get_or_insert_with(Instant::now);
            if pending.is_empty() || since.elapsed() > RETRY_PERIOD {
                break;
            }
        }
        let due = pending.iter().position(|one| one.not_before <= Instant::now());
        if is_running && random.below(3) == 0 {
            next += 1;
            ledger.hostile.fetch_add(1, Ordering::Relaxed);
            ledger.sent.fetch_add(1, Ordering::Relaxed);
            let replayed = accepted.get(random.below(MAX_REPLAYED as u64) as usize);
            match attacks::attack(random.below(attacks::KINDS), next, replayed, &mut connection) {
                Outcome::Answered(reply) => ledger.record_hostile(&reply),
                Outcome::Aborted => drop(ledger.aborted.fetch_add(1, Ordering::Relaxed)),
                Outcome::Unanswered => drop(ledger.unanswered.fetch_add(1, Ordering::Relaxed)),
            }
            continue;
        }
        let mut one = match due.and_then(|at| pending.remove(at)) {
            Some(one) => one,
            // Bounded, so that a sender whose events all fail slows down.
            None if is_running && pending.len() < 500 => {
                next += 1;
                // The last sender's limit is far below the rate of the others, so its pending events are bounded: they must
                // pass in the end, however fast the machine is.
                let last = SENDERS.len() as u64 - 1;
                let queued =
                    pending.iter().filter(|one| one.event.sender as u64 == last).take(MAX_RATE_LIMITED).count();
                let limited = queued < MAX_RATE_LIMITED && random.below(64) == 0;
                let sender = if limited { last } else { random.below(last) } as usize;
                let request = (SENDERS[sender].sign)(&format!("/hooks/{}", SENDERS[sender].source), next);
                let request = request.with(EVENT, format!("e{next}"));
                Pending { event: Event::new(next, sender), request, not_before: Instant::now() }
            }
            None => {
                std::thread::sleep(Duration::from_millis(10));
                continue;
            }
        };
        let behaviour = match random.below(200) {
            0 => Some("500"),
            1 => Some("503"),
            2 => Some("reset"),
            _ => None,
        };
        let request = behaviour.map_or(one.request.clone(), |behaviour| one.request.clone().with(BEHAVIOUR, behaviour));
        // Forged identity headers of a valid request are removed.
        let request = if random.below(20) == 0 {
            request.with("X-Hookwarden-Event-Id", attacks::FORGED_IDENTITY)
        } else {
            request
        };
        ledger.sent.fetch_add(1, Ordering::Relaxed);
        let reply = connection.round_trip(&request.wire());
        if ledger.record_honest(&mut one.event, reply.as_ref(), behaviour.is_some()) {
            if SENDERS[one.event.sender].once && one.event.was_accepted() {
                accepted.push_front(one.request);
                accepted.truncate(MAX_REPLAYED);
            }
            ledger.finish(one.event);
        } else {
            let wait = Duration::from_millis(50 << one.event.attempts.min(5));
            pending.push_back(Pending { not_before: Instant::now() + wait, ..one });
        }
    }
    for one in pending {
        ledger.finish(one.event);
    }
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}
