//! Which requests are measured, and how often.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::check::Check;
use crate::client::Client;
use crate::peer::Peer;

pub const EMPTY: usize = 0;
pub const SMALL: usize = 1024;
pub const MEDIUM: usize = 16 * 1024;
pub const LARGE: usize = 64 * 1024;
pub const HUGE: usize = 1024 * 1024;

const SIZES: [usize; 5] = [EMPTY, SMALL, MEDIUM, LARGE, HUGE];
/// What an operator can choose is compared at the size of most webhooks.
const CHOICES: [&str; 4] = ["many", "chain", "logged", "envoy-logged"];
/// Two requests without a body are the same event.
const NEVER_TWICE: &str = "guarded";

pub struct Effort {
    /// How often every peer is started.
    pub starts: usize,
    /// For each start.
    pub warm_up: usize,
    /// For each start.
    pub rounds: usize,
    /// Scales the requests of a round.
    pub part: usize,
    /// Of the latency of a peer, for each start.
    pub seconds: f64,
}

impl Effort {
    pub fn full() -> Self {
        Self { starts: 7, warm_up: 1500, rounds: 17, part: 4, seconds: 1.0 }
    }

    pub fn quick() -> Self {
        Self { starts: 2, warm_up: 60, rounds: 3, part: 1, seconds: 0.4 }
    }

    /// The requests of a round: fewer if each takes longer.
    pub fn requests(&self, body: usize) -> usize {
        let each = if body <= SMALL {
            16
        } else if body <= MEDIUM {
            10
        } else if body <= LARGE {
            6
        } else {
            2
        };
        each * self.part
    }

    /// The requests before them that are not measured: the first ones after those to another peer, or of another kind, find
    /// cold caches.
    pub fn lead(&self, body: usize) -> usize {
        self.requests(body) / 2
    }
}

/// Connections to one address, with a request in flight on each: a proxy that is woken for every single request spends most
/// of its time on waking up.
pub struct Pool(Vec<Client>);

pub const IN_FLIGHT: usize = 8;

impl Pool {
    fn new(address: SocketAddr) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self((0..IN_FLIGHT).map(|_| Client::new(address)).collect())))
    }

    /// Sends these requests; each has to be answered with this status.
    fn send<'a>(&mut self, wires: impl Iterator<Item = &'a Vec<u8>>, expected: u16) -> Result<(), String> {
        let wires: Vec<_> = wires.collect();
        for wires in wires.chunks(IN_FLIGHT) {
            let sent: Vec<_> = self.0.iter_mut().zip(wires).map(|(client, wire)| client.send(wire)).collect();
            for ((client, wire), sent) in self.0.iter_mut().zip(wires).zip(sent) {
                let status = client.receive(wire, sent)?;
                if status != expected {
                    return Err(format!("answered with {status} instead of {expected}"));
                }
            }
        }
        Ok(())
    }

    /// The next requests come on new connections.
    pub fn reconnect(&mut self) {
        self.0.iter_mut().for_each(Client::disconnect);
    }

    fn closed(&self) -> usize {
        self.0.iter().map(|client| client.closed).sum()
    }
}

/// One kind of request to one peer.
pub struct Case {
    /// Its place in the list of peers.
    pub peer: usize,
    pub check: Check,
    pub body: usize,
    pub is_accepted: bool,
    pub pool: Rc<RefCell<Pool>>,
    /// How many connections the proxy closed.
    pub closed: usize,
    /// µs of CPU time per request, one value for each round.
    pub rounds: Vec<f64>,
    event: u64,
}

impl Case {
    pub fn status(&self) -> u16 {
        if self.is_accepted { 200 } else { 401 }
    }

    /// The next requests as bytes.
    pub fn wires(&mut self, count: usize, is_new_event: bool) -> Vec<Vec<u8>> {
        let requests = if is_new_event { count } else { 1 };
        let mut one = |_| {
            self.event += 1;
            let request = if self.is_accepted {
                self.check.genuine(self.body, self.event)
            } else {
                self.check.forged(self.body, self.event)
            };
            request.wire()
        };
        (0..requests).map(&mut one).collect()
    }

    /// Sends requests; each has to be answered as expected.
    pub fn send(&mut self, wires: &[Vec<u8>], count: usize) -> Result<(), String> {
        let mut pool = self.pool.borrow_mut();
        let before = pool.closed();
        pool.send(wires.iter().cycle().take(count), self.status())?;
        self.closed += pool.closed() - before;
        Ok(())
    }
}

/// Whether each request to this peer has to be a new event.
pub fn needs_new_events(peer: &Peer) -> bool {
    peer.id == NEVER_TWICE
}

/// The cases of one start. They are the same for every start, in the same order.
pub fn cases(peers: &[Peer]) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut next_event = 0_u64;
    for (number, peer) in peers.iter().enumerate() {
        for (check, address) in &peer.endpoints {
            let pool = Pool::new(*address);
            let mut add = |body: usize, is_accepted: bool| {
                next_event += 1 << 32;
                cases.push(Case {
                    peer: number,
                    check: *check,
                    body,
                    is_accepted,
                    pool: Rc::clone(&pool),
                    closed: 0,
                    rounds: Vec::new(),
                    event: next_event,
                });
            };
            match check {
                Check::Off | Check::One if CHOICES.contains(&peer.id) => add(SMALL, true),
                Check::Off => SIZES.into_iter().for_each(|body| add(body, true)),
                Check::One => {
                    let sizes = SIZES.into_iter().filter(|body| *body > 0 || peer.id != NEVER_TWICE);
                    sizes.for_each(|body| add(body, true));
                    [SMALL, LARGE].into_iter().for_each(|body| add(body, false));
                }
                Check::Two | Check::Eight => [SMALL, LARGE].into_iter().for_each(|body| add(body, true)),
                Check::Basic => [true, false].into_iter().for_each(|is_accepted| add(SMALL, is_accepted)),
            }
        }
    }
    cases
}
