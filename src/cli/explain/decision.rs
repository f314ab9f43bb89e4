//! The decision itself, by the filter's own state machine.

use std::rc::Rc;

use hookwarden::filter::{BodyBuffer, Context, Exchange};
use hookwarden::guard::pool::Pool;
use hookwarden::handshake::Response;
use hookwarden::report;
use hookwarden::step::{Outcome, Record, Step};
use hookwarden::verify::primitives::timestamp::UnixTime;
use hookwarden::verify::request::MAX_HEADERS;
use hookwarden::verify::{Denial, HeaderLine, Request, borrowed};

use super::configuration::Configuration;
use super::peer::Peer;

/// What the filter decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The position of the source, if one matched.
    pub source: Option<usize>,
    /// The decision.
    pub outcome: Outcome,
    /// The ids of the secrets that matched.
    pub matches: Vec<String>,
    /// The answer's status, where the request is refused.
    pub status: Option<u16>,
    /// The answer to a handshake, where it is given here.
    pub answer: Option<Response>,
    /// Whether a store that the fleet shares would have been asked, which nobody did here.
    pub asks_store: bool,
    /// Whether it is a subscription that a call would have confirmed, which nobody made here.
    pub confirms: bool,
}

impl Decision {
    /// The code: that of the denial, or `verified`, or `unmatched` for what goes on unverified.
    pub fn code(&self) -> &'static str {
        match self.outcome {
            Outcome::Passed => "verified",
            Outcome::Handshake => "handshake",
            Outcome::Denied(denial) | Outcome::Observed(denial) => denial.code(),
            Outcome::Unmatched => "unmatched",
        }
    }

    /// What becomes of the request, in a word.
    pub fn word(&self) -> &'static str {
        match self.outcome {
            Outcome::Passed => "passed",
            Outcome::Handshake => "handshake",
            Outcome::Denied(_) => "denied",
            Outcome::Observed(_) => "observed",
            Outcome::Unmatched => "unmatched",
        }
    }

    /// Why it is, or would be, refused.
    pub fn denial(&self) -> Option<Denial> {
        match self.outcome {
            Outcome::Denied(denial) | Outcome::Observed(denial) => Some(denial),
            Outcome::Passed | Outcome::Handshake | Outcome::Unmatched => None,
        }
    }

    /// Whether nothing is wrong with it: it was verified, or is a handshake that the source takes part in.
    pub fn is_settled(&self) -> bool {
        matches!(self.outcome, Outcome::Passed | Outcome::Handshake)
    }

    /// Whether it was verified.
    pub fn is_verified(&self) -> bool {
        self.outcome == Outcome::Passed
    }
}

/// Decides about a request that comes in one piece.
pub fn decide(configuration: &Configuration, head: &[HeaderLine], body: &[u8], peer: &Peer, now: UnixTime) -> Decision {
    configuration.memory.forget();
    let context = Context { now, peer, memory: &configuration.memory };
    let mut exchange = Exchange::new(Rc::clone(&configuration.active), Pool::default());
    let mut step = match head.len() > MAX_HEADERS {
        // The adapter does not read such a head.
        true => exchange.on_failure(Denial::TooManyHeaders),
        false => exchange.on_headers(Request::new(&borrowed(head)), body.is_empty(), &context),
    };
    let mut pieces = 0;
    loop {
        let record = match step {
            Step::Deny(record) => Some(record),
            Step::Answer(answer) => {
                let Some(record) = &answer.record else {
                    return waiting_for_a_call(&exchange, configuration, false);
                };
                let decision = of_record(record, &exchange, configuration);
                return Decision { status: Some(answer.response.status), answer: Some(answer.response), ..decision };
            }
            Step::Continue(passage) => passage.into_parts().1,
            Step::Hold => None,
            Step::Call(call) => {
                let confirms = call.headers.iter().any(|(name, value)| name == ":path" && is_confirmation(value));
                return waiting_for_a_call(&exchange, configuration, confirms);
            }
        };
        match record {
            Some(record) => return of_record(&record, &exchange, configuration),
            // It waits for the body, all of which comes at once.
            None if pieces == 0 && !exchange.awaits_key() => {
                pieces = 1;
                step = exchange.on_body(&Whole(body), true, &context);
            }
            // Nothing is fetched here.
            None if exchange.awaits_key() => step = exchange.on_tick(&Whole(body), true, &context),
            None => step = exchange.on_failure(Denial::HostFailure),
        }
    }
}

fn of_record(record: &Record, exchange: &Exchange, configuration: &Configuration) -> Decision {
    let source = exchange.source();
    let status = match record.outcome {
        Outcome::Denied(denial) => Some(report::reply(record.refusal(denial), source.map(Rc::as_ref)).status),
        _ => None,
    };
    let matches = record.matches.iter().map(|found| found.secret_id().to_owned()).collect();
    Decision {
        source: position(exchange, configuration),
        outcome: record.outcome,
        matches,
        status,
        answer: None,
        asks_store: false,
        confirms: false,
    }
}

/// A verified request whose fate depends on a call: to the fleet's store, or to confirm a subscription.
fn waiting_for_a_call(exchange: &Exchange, configuration: &Configuration, confirms: bool) -> Decision {
    Decision {
        source: position(exchange, configuration),
        outcome: if confirms { Outcome::Handshake } else { Outcome::Passed },
        matches: Vec::new(),
        status: None,
        answer: None,
        asks_store: !confirms,
        confirms,
    }
}

/// Whether the path of a call is that of a confirmation by Amazon SNS, and not of a store.
fn is_confirmation(path: &[u8]) -> bool {
    path.starts_with(b"/?Action=ConfirmSubscription")
}

fn position(exchange: &Exchange, configuration: &Configuration) -> Option<usize> {
    let source = exchange.source()?;
    configuration.policy.sources.iter().position(|own| Rc::ptr_eq(own, source))
}

/// The whole body.
struct Whole<'a>(&'a [u8]);

impl BodyBuffer for Whole<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&self, start: usize, len: usize) -> Option<Vec<u8>> {
        let end = start.checked_add(len)?.min(self.0.len());
        self.0.get(start..end).filter(|bytes| !bytes.is_empty()).map(<[u8]>::to_vec)
    }
}
