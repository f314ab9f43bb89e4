//! A proxy with memory that persists between requests, and its requests in progress.

use std::rc::Rc;

use hookwarden::filter::{ActivePolicy, Context, Exchange};
use hookwarden::guard::peer::Peer;
use hookwarden::guard::pool::Pool;
use hookwarden::step::{Outcome, Step};
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::{Denial, Request, borrowed};
use serde_json::Value;

use crate::delivery::Buffer;
use crate::guards::memory::Shared;
use crate::support::{self, NOW, Nothing, Sent, sources};

/// A proxy under one configuration.
pub struct Proxy {
    policy: Rc<ActivePolicy>,
    memory: Shared,
}

/// A request in progress.
pub struct Way<'a> {
    proxy: &'a Proxy,
    pub exchange: Exchange,
}

impl Proxy {
    /// A proxy with this source.
    pub fn new(source: Value) -> Self {
        Self::of(&sources(&[source]))
    }

    /// A proxy with this configuration.
    pub fn of(config: &Value) -> Self {
        let memory = Shared::default();
        Self { policy: support::active(support::policy(config), &memory), memory }
    }

    pub fn context(&self) -> Context<'_> {
        self.context_of(&Nothing, UnixTime::from_secs(NOW))
    }

    pub fn context_of<'a>(&'a self, peer: &'a dyn Peer, now: UnixTime) -> Context<'a> {
        Context { now, peer, memory: &self.memory }
    }

    /// A request before its headers.
    pub fn request(&self) -> Way<'_> {
        let exchange = Exchange::new(Rc::clone(&self.policy), Pool::default());
        Way { proxy: self, exchange }
    }

    /// Sends a whole request and returns the step of its verdict.
    pub fn send(&self, sent: &Sent) -> (Way<'_>, Step) {
        let mut way = self.request();
        let step = way.headers(sent, false);
        let step = match step {
            Step::Continue(_) | Step::Hold => way.body(&sent.body, true),
            other => other,
        };
        (way, step)
    }

    /// Whether the event would be accepted again. Leaves no claim.
    pub fn forgot(&self, sent: &Sent) -> bool {
        let (mut way, step) = self.send(sent);
        match step {
            Step::Continue(_) => {
                way.response(Some(500), false);
                true
            }
            Step::Deny(record) => {
                assert_eq!(record.outcome, Outcome::Denied(Denial::Duplicate));
                false
            }
            other => panic!("{other:?}"),
        }
    }
}

impl Way<'_> {
    pub fn headers(&mut self, sent: &Sent, end: bool) -> Step {
        self.exchange.on_headers(Request::new(&borrowed(&sent.headers)), end, &self.proxy.context())
    }

    /// The body as far as the host has received it.
    pub fn body(&mut self, bytes: &[u8], end: bool) -> Step {
        self.exchange.on_body(&Buffer { bytes, len: bytes.len() }, end, &self.proxy.context())
    }

    pub fn response(&mut self, status: Option<u16>, is_upstreams: bool) -> Step {
        self.exchange.on_response(status, || is_upstreams, &self.proxy.context())
    }

    pub fn ends(mut self) {
        self.exchange.on_end(&self.proxy.context());
    }
}
