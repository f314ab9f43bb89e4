//! How a request arrives: in which pieces and with which ending. Plays the host: held bytes stay in its buffer until
//! they are forwarded.

use std::rc::Rc;

use hookwarden::config::{Policy, Source};
use hookwarden::filter::{BodyBuffer, Exchange};
use hookwarden::step::{Edits, Outcome, Record, Step};
use hookwarden::verify::{Request, borrowed};

use crate::support::{Sent, begin, context};

/// Where the last byte of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// In the headers: there is nothing else.
    Headers,
    /// In the last piece of the body.
    LastPiece,
    /// In an empty piece after the body.
    EmptyPiece,
    /// Trailers.
    Trailers,
}

/// One way in which a request can arrive.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Where the body is cut, in ascending order.
    pub cuts: Vec<usize>,
    pub ending: Ending,
    /// Whether the host repeats a callback for data that it already holds, as Envoy may.
    pub repeats: bool,
}

/// The outcome of a request.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// `verified`, or the code of the denial.
    pub code: &'static str,
    pub record: Record,
    /// The source that matched.
    pub source: Option<Rc<Source>>,
    /// The changes to the headers, if they were forwarded.
    pub edits: Option<Edits>,
    /// The part of the body that was forwarded.
    pub forwarded: Vec<u8>,
    /// Whether the request had been forwarded at the end.
    pub released: bool,
}

/// The body in the host's buffer.
pub struct Buffer<'a> {
    pub bytes: &'a [u8],
    pub len: usize,
}

impl BodyBuffer for Buffer<'_> {
    fn len(&self) -> usize {
        self.len
    }

    fn read(&self, start: usize, len: usize) -> Option<Vec<u8>> {
        // Like the host: it returns what is there, or an error if nothing is.
        let end = start.checked_add(len)?.min(self.bytes.len());
        self.bytes.get(start..end).filter(|bytes| !bytes.is_empty()).map(<[u8]>::to_vec)
    }
}

impl Delivery {
    /// In one piece, as most requests arrive.
    pub fn whole() -> Self {
        Self { cuts: Vec::new(), ending: Ending::LastPiece, repeats: false }
    }

    pub fn cut_at(cuts: &[usize]) -> Self {
        Self { cuts: cuts.to_vec(), ..Self::whole() }
    }

    pub fn ending(self, ending: Ending) -> Self {
        Self { ending, ..self }
    }

    /// Every relevant way for a body of `len` bytes: for a short body all cuts in two and all bytes by themselves, for
    /// a long one a sample. The uncut body and the most cut one come with every ending; the other cuts alternate.
    pub fn all(len: usize) -> Vec<Self> {
        let mut deliveries = Self::few(len);
        let endings = [Ending::LastPiece, Ending::EmptyPiece, Ending::Trailers].into_iter().cycle();
        for (at, (cuts, ending)) in all_cuts(len).into_iter().zip(endings).enumerate() {
            deliveries.push(Self { cuts, ending, repeats: at % 4 == 3 });
        }
        deliveries
    }

    /// A dozen of them, with every ending and cuts here and there.
    pub fn some(len: usize) -> Vec<Self> {
        let mut deliveries = Self::few(len);
        let endings = [Ending::LastPiece, Ending::EmptyPiece, Ending::Trailers].into_iter().cycle();
        let mut cuts = vec![1, len / 3, len / 2, len.saturating_sub(1)];
        cuts.retain(|cut| (1..len).contains(cut));
        cuts.dedup();
        deliveries.extend(cuts.into_iter().zip(endings).map(|(cut, ending)| Self::cut_at(&[cut]).ending(ending)));
        deliveries
    }

    /// A few of them, with every ending: for verdicts that the headers alone decide.
    pub fn few(len: usize) -> Vec<Self> {
        let mut deliveries = Vec::new();
        if len == 0 {
            deliveries.push(Self::whole().ending(Ending::Headers));
        }
        for ending in [Ending::LastPiece, Ending::EmptyPiece, Ending::Trailers] {
            deliveries.push(Self::whole().ending(ending));
            if len > 1 {
                let cuts = if len <= 64 { (1..len).collect() } else { vec![1, len / 2, len - 1] };
                deliveries.push(Self { cuts, ending, repeats: true });
            }
        }
        deliveries
    }

    pub fn pieces<'a>(&self, body: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        let mut start = 0;
        for cut in self.cuts.iter().copied().chain([body.len()]) {
            pieces.push(&body[start..cut]);
            start = cut;
        }
        if body.is_empty() && self.ending == Ending::Trailers {
            pieces.clear();
        }
        if self.ending == Ending::EmptyPiece {
            pieces.push(&[]);
        }
        pieces
    }
}

fn all_cuts(len: usize) -> Vec<Vec<usize>> {
    let mut cuts = Vec::new();
    match len {
        0 | 1 => {}
        2..=64 => {
            cuts.extend((1..len).map(|cut| vec![cut]));
        }
        _ => {
            // Around the hash's block size, around the middle, and elsewhere.
            let mut sample = vec![1, 55, 63, 64, 65, len / 2, len - 1];
            let mut random = len as u64;
            sample.extend((0..6).map(|_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                1 + (random >> 33) as usize % (len - 1)
            }));
            sample.sort_unstable();
            sample.dedup();
            sample.retain(|cut| (1..len).contains(cut));
            cuts.extend(sample.iter().map(|cut| vec![*cut]));
            cuts.push(sample);
            if len <= 1024 {
                cuts.push((1..len).collect());
            }
        }
    }
    cuts
}

/// Whether the headers alone decide, without the body.
pub fn is_decided_by_headers(policy: &Rc<Policy>, sent: &Sent) -> bool {
    let step = begin(Rc::clone(policy)).on_headers(Request::new(&borrowed(&sent.headers)), false, &context(sent.now));
    match step {
        Step::Hold | Step::Call(_) => false,
        Step::Deny(_) | Step::Answer(_) => true,
        Step::Continue(passage) => passage.into_parts().1.is_some(),
    }
}

/// Sends a request and returns the outcome.
///
/// # Panics
/// If the filter breaks a rule for all requests: one verdict; nothing is forwarded before it, unless the chain holds or
/// the source observes; nothing is forwarded after a denial.
pub fn deliver(policy: &Rc<Policy>, sent: &Sent, delivery: &Delivery) -> Verdict {
    let mut host = Host { exchange: begin(Rc::clone(policy)), edits: None, forwarded: Vec::new(), record: None };
    let ends_now = delivery.ending == Ending::Headers;
    let step = host.exchange.on_headers(Request::new(&borrowed(&sent.headers)), ends_now, &context(sent.now));
    let mut released = host.take(step);
    let mut held = Vec::new();
    let pieces = delivery.pieces(&sent.body);
    let mut pieces = if ends_now { &[][..] } else { &pieces[..] }.iter().peekable();
    while let Some(piece) = pieces.next() {
        held.extend_from_slice(piece);
        let end = pieces.peek().is_none() && delivery.ending != Ending::Trailers;
        let step = host.exchange.on_body(&Buffer { bytes: &held, len: held.len() }, end, &context(sent.now));
        released = host.take(step);
        if !released && delivery.repeats && !end {
            let step = host.exchange.on_body(&Buffer { bytes: &held, len: held.len() }, end, &context(sent.now));
            released = host.take(step);
        }
        if released {
            host.forwarded.append(&mut held);
        }
    }
    if delivery.ending == Ending::Trailers {
        // This host does not report how much it holds.
        let step = host.exchange.on_trailers(&Buffer { bytes: &held, len: usize::MAX }, &context(sent.now));
        released = host.take(step);
        if released {
            host.forwarded.append(&mut held);
        }
    }
    let record = host.record.unwrap_or_else(|| panic!("no verdict on {sent:?} as {delivery:?}"));
    let code = match record.outcome {
        Outcome::Passed => "verified",
        Outcome::Denied(denial) | Outcome::Observed(denial) => denial.code(),
        Outcome::Handshake => "handshake",
        Outcome::Unmatched => "unmatched and forwarded",
    };
    let source = host.exchange.source().cloned();
    Verdict { code, record, source, edits: host.edits, forwarded: host.forwarded, released }
}

struct Host {
    exchange: Exchange,
    edits: Option<Edits>,
    forwarded: Vec<u8>,
    record: Option<Record>,
}

impl Host {
    /// Performs a step. Returns whether it forwards the request.
    fn take(&mut self, step: Step) -> bool {
        let denied = matches!(&self.record, Some(Record { outcome: Outcome::Denied(_), .. }));
        match step {
            Step::Hold => false,
            Step::Call(call) => panic!("no source here has a store: {call:?}"),
            Step::Answer(answer) => {
                assert!(self.record.is_none(), "a second verdict: {answer:?} after {:?}", self.record);
                self.record = answer.record;
                false
            }
            Step::Deny(record) => {
                assert!(self.record.is_none(), "a second verdict: {record:?} after {:?}", self.record);
                assert!(matches!(record.outcome, Outcome::Denied(_)), "a refusal is recorded as {record:?}");
                self.record = Some(record);
                false
            }
            Step::Continue(passage) => {
                assert!(!denied, "something is forwarded after a denial");
                let (edits, record) = passage.into_parts();
                if let Some(record) = record {
                    assert!(self.record.is_none(), "a second verdict: {record:?} after {:?}", self.record);
                    assert!(!matches!(record.outcome, Outcome::Denied(_)), "a denied request is forwarded: {record:?}");
                    self.record = Some(record);
                }
                match &mut self.edits {
                    // Held headers are forwarded together with the body.
                    none @ None => *none = Some(edits),
                    Some(_) => assert_eq!(edits, Edits::default(), "edits to headers that were already forwarded"),
                }
                true
            }
        }
    }
}
