//! A host for the filter, with a buffer for held bodies. It checks the rules that apply to every request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use hookwarden::config::{BodyHold, Mode, Policy};
use hookwarden::filter::{ActivePolicy, Context, Exchange};
use hookwarden::guard::call::Response;
use hookwarden::guard::memory::{Memory, NotWritten, Versioned};
use hookwarden::guard::peer::Peer;
use hookwarden::guard::pool::Pool;
use hookwarden::step::{Edits, Outcome, Step};
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::{Denial, Request, borrowed};

use crate::delivery::{Buffer, Delivery, Ending};
use crate::support::Sent;

/// How a request is delivered.
#[derive(Clone, Debug)]
pub struct Plan {
    pub delivery: Delivery,
    /// The response of a shared store; `None` if it does not answer.
    pub store: Option<(u16, Vec<u8>)>,
    /// The event before which the request is aborted.
    pub abort: Option<usize>,
}

/// The outcome of a request.
#[derive(Debug)]
pub struct Verdict {
    /// `None` if it was aborted before.
    pub outcome: Option<Outcome>,
    pub edits: Option<Edits>,
    pub forwarded: Vec<u8>,
    /// Whether a shared store was called.
    pub called_store: bool,
}

impl Verdict {
    pub fn passed(&self) -> bool {
        self.outcome == Some(Outcome::Passed)
    }
}

/// The peer of the connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Client {
    pub address: Option<&'static str>,
    pub tls: Option<&'static str>,
}

impl Peer for Client {
    fn address(&self) -> Option<Vec<u8>> {
        self.address.map(|address| address.as_bytes().to_vec())
    }

    fn tls_version(&self) -> Option<Vec<u8>> {
        self.tls.map(|version| version.as_bytes().to_vec())
    }

    fn has_client_certificate(&self) -> bool {
        false
    }
}

/// Single-threaded shared memory.
#[derive(Default)]
pub struct Shared(RefCell<(HashMap<String, Versioned>, u32)>);

impl Memory for Shared {
    fn create(&self, key: &str, value: &[u8]) -> Result<(), NotWritten> {
        let (values, version) = &mut *self.0.borrow_mut();
        *version += 1;
        values.entry(key.to_owned()).or_insert_with(|| Versioned { value: value.to_vec(), version: *version });
        Ok(())
    }

    fn read(&self, key: &str) -> Option<Versioned> {
        self.0.borrow().0.get(key).cloned()
    }

    fn replace(&self, key: &str, value: &[u8], expected: u32) -> Result<(), NotWritten> {
        let (values, version) = &mut *self.0.borrow_mut();
        *version += 1;
        match values.get_mut(key) {
            Some(held) if held.version == expected => {
                *held = Versioned { value: value.to_vec(), version: *version };
                Ok(())
            }
            _ => Err(NotWritten::Contended),
        }
    }
}

/// A proxy with one policy, and a memory that it keeps between requests.
pub struct Proxy {
    policy: Rc<Policy>,
    active: Rc<ActivePolicy>,
    memory: Shared,
}

impl Proxy {
    pub fn new(policy: &Rc<Policy>) -> Self {
        let memory = Shared::default();
        let active = ActivePolicy::open(Rc::clone(policy), &memory).expect("this memory accepts everything");
        Self { policy: Rc::clone(policy), active: Rc::new(active), memory }
    }

    /// What a decision uses besides the request.
    fn context<'a>(&'a self, now: UnixTime, peer: &'a Client) -> Context<'a> {
        Context { now, peer, memory: &self.memory }
    }

    fn begin(&self) -> Exchange {
        Exchange::new(Rc::clone(&self.active), Pool::default())
    }

    /// Sends a request; `status` is what the upstream answers.
    pub fn send(&self, sent: &Sent, peer: &Client, plan: &Plan, status: u16) -> Verdict {
        let context = self.context(sent.now, peer);
        let mut run = Run {
            exchange: self.begin(),
            context,
            store: plan.store.as_ref(),
            holds: self.policy.body_hold == BodyHold::Filter,
            observes: self.policy.sources.iter().all(|source| source.mode == Mode::Observe),
            outcome: None,
            edits: None,
            released: false,
            called_store: false,
        };
        let mut forwarded = Vec::new();
        let mut held = Vec::new();
        let ends_now = plan.delivery.ending == Ending::Headers;
        let mut events = 0;
        let mut aborted = false;
        let mut maybe_abort = |run: &mut Run<'_>| {
            events += 1;
            if plan.abort == Some(events) {
                let step = run.exchange.on_failure(Denial::HostFailure);
                run.apply(step);
                aborted = true;
            }
        };
        let step = run.exchange.on_headers(Request::new(&borrowed(&sent.headers)), ends_now, &run.context);
        run.apply(step);
        if !ends_now {
            let mut pieces = plan.delivery.pieces(&sent.body).into_iter().peekable();
            while let Some(piece) = pieces.next() {
                maybe_abort(&mut run);
                held.extend_from_slice(piece);
                let end = pieces.peek().is_none() && plan.delivery.ending != Ending::Trailers;
                for _ in 0..=u8::from(plan.delivery.repeats && !end) {
                    let step = run.exchange.on_body(&Buffer { bytes: &held, len: held.len() }, end, &run.context);
                    if run.apply(step) {
                        forwarded.append(&mut held);
                        break;
                    }
                }
            }
            if plan.delivery.ending == Ending::Trailers {
                maybe_abort(&mut run);
                // A host does not report the buffer's length here.
                let step = run.exchange.on_trailers(&Buffer { bytes: &held, len: usize::MAX }, &run.context);
                if run.apply(step) {
                    forwarded.append(&mut held);
                }
            }
        }
        let denied = matches!(run.outcome, Some(Outcome::Denied(_)));
        if denied {
            assert!(forwarded.is_empty(), "a part of a denied request was forwarded");
            assert!(!run.released || !run.holds, "the head of a denied request was forwarded");
        } else if !aborted {
            assert_eq!(forwarded, sent.body, "the forwarded body differs from the one sent");
        }
        if run.exchange.awaits_response() {
            let step = run.exchange.on_response(Some(status), || true, &run.context);
            run.apply(step);
        }
        run.exchange.on_end(&run.context);
        let _ = run.exchange.take_tally();
        // No event after a denial changes anything.
        if denied {
            let late = [
                run.exchange.on_body(&Buffer { bytes: &sent.body, len: sent.body.len() }, true, &run.context),
                run.exchange.on_trailers(&Buffer { bytes: &sent.body, len: sent.body.len() }, &run.context),
                run.exchange.on_call(Some(Response { status: 200, body: b"{\"result\":\"OK\"}" }), &run.context),
                run.exchange.on_failure(Denial::HostFailure),
            ];
            assert!(late.iter().all(|step| !matches!(step, Step::Continue(_))), "a denied request continues later");
        }
        assert!(run.outcome.is_some() || aborted, "no verdict");
        Verdict { outcome: run.outcome, edits: run.edits, forwarded, called_store: run.called_store }
    }
}

struct Run<'a> {
    exchange: Exchange,
    context: Context<'a>,
    store: Option<&'a (u16, Vec<u8>)>,
    holds: bool,
    observes: bool,
    outcome: Option<Outcome>,
    edits: Option<Edits>,
    released: bool,
    called_store: bool,
}

impl Run<'_> {
    /// Performs a step. Whether the request continues.
    fn apply(&mut self, step: Step) -> bool {
        let denied = matches!(self.outcome, Some(Outcome::Denied(_)));
        match step {
            Step::Hold => false,
            Step::Call(_) => {
                assert!(!denied, "a call after a denial");
                self.called_store = true;
                let answer = self.store.map(|(status, body)| Response { status: *status, body });
                let step = self.exchange.on_call(answer, &self.context);
                self.apply(step)
            }
            Step::Answer(answer) => panic!("no source takes part in handshakes: {answer:?}"),
            Step::Deny(record) => {
                assert!(self.outcome.is_none(), "a second verdict: {record:?} after {:?}", self.outcome);
                assert!(matches!(record.outcome, Outcome::Denied(_)), "a denial is recorded as {record:?}");
                self.outcome = Some(record.outcome);
                false
            }
            Step::Continue(passage) => {
                assert!(!denied, "the request continues after a denial");
                let (edits, record) = passage.into_parts();
                match (&record, &self.outcome) {
                    (Some(record), None) => {
                        assert!(
                            !matches!(record.outcome, Outcome::Denied(_)),
                            "a denied request continues: {record:?}"
                        );
                        self.outcome = Some(record.outcome);
                    }
                    (Some(record), Some(outcome)) => panic!("a second verdict: {record:?} after {outcome:?}"),
                    (None, None) => assert!(!self.holds || self.observes, "the request continues before the verdict"),
                    (None, Some(_)) => {}
                }
                match &mut self.edits {
                    none @ None => *none = Some(edits),
                    Some(_) => assert_eq!(edits, Edits::default(), "edits of headers that were forwarded already"),
                }
                self.released = true;
                true
            }
        }
    }
}
