//! One request as a state machine: events in, [`Step`]s out. No host in it.

use std::rc::Rc;

use crate::config::{BodyHold, Mode, Policy, Source, Unmatched};
use crate::guard::body_size::BodySize;
use crate::guard::route::Unrouted;
use crate::step::{self, Edits, Passage, Record, Step};
use crate::verify::check::Rereading;
use crate::verify::timestamp::UnixTime;
use crate::verify::{Denial, HeldBody, Proof, Request, Requirement, Verified};

/// How much of a body is asked of the host at once, in bytes. Bounds what the VM holds of it.
const SLICE: usize = 64 * 1024;

/// The body as the host has it now: all of it so far while it is held, else the latest piece.
pub trait BodyBuffer {
    /// How many bytes there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes from `start`, `len` of them; `None` if the host does not give them.
    fn read(&self, start: usize, len: usize) -> Option<Vec<u8>>;
}

/// One request on its way through the decision.
pub struct Exchange {
    policy: Rc<Policy>,
    state: State,
}

enum State {
    /// No headers yet.
    New,
    /// Waiting for the body.
    Proving(Proving),
    /// Let go: what follows may go on.
    Released,
    /// Refused: nothing that follows may go on.
    Refused,
}

struct Proving {
    source: usize,
    proof: Proof,
    size: BodySize,
    seen: usize,
    holding: Holding,
    forged: Vec<String>,
}

/// What is held while the proof waits for the body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holding {
    /// Headers and body.
    Everything,
    /// The body; the chain holds the headers behind us.
    Body,
    /// Nothing: the source only observes.
    Nothing,
}

impl Exchange {
    /// A request under `policy`.
    #[must_use]
    pub fn new(policy: Rc<Policy>) -> Self {
        Self { policy, state: State::New }
    }

    /// The headers are here. `end`: there is no body and no trailer.
    pub fn on_headers(&mut self, request: Request<'_>, end: bool, now: UnixTime) -> Step {
        if !matches!(self.state, State::New) {
            return self.refuse(None, Denial::HostFailure, 0);
        }
        let policy = Rc::clone(&self.policy);
        let forged = step::forged(request);
        let source = match policy.routes.find(request.authority(), request.path()) {
            Ok(source) => source,
            Err(Unrouted::Unmatched) if policy.unmatched == Unmatched::Allow => {
                return self.release(Passage::unmatched(forged));
            }
            Err(unrouted) => return self.refuse(None, unrouted.into(), 0),
        };
        match self.decide_on_headers(&policy, source, request, end, now, &forged) {
            Ok(step) => step,
            Err(denial) => self.turn_away(source, denial, 0, forged),
        }
    }

    fn decide_on_headers(
        &mut self,
        policy: &Policy,
        position: usize,
        request: Request<'_>,
        end: bool,
        now: UnixTime,
        forged: &[String],
    ) -> Result<Step, Denial> {
        let source = policy.sources.get(position).ok_or(Denial::HostFailure)?;
        let requirement = open(source)?;
        let size = BodySize::declared_by(request, source.max_body_bytes)?;
        if end {
            size.ends_at(0)?;
        }
        let holding = match (source.mode, policy.body_hold) {
            (Mode::Observe, _) => Holding::Nothing,
            (_, BodyHold::Filter) => Holding::Everything,
            (_, BodyHold::Chain) => Holding::Body,
        };
        let rereading = if holding == Holding::Nothing { Rereading::Impossible } else { Rereading::Possible };
        let proof = requirement.begin(request, now, rereading)?;
        if end || (!proof.needs_body() && size.is_settled()) {
            let verified = proof.finish(requirement, &[].as_slice(), now)?;
            let edits = edits(source, Some(&verified), forged.to_vec());
            return Ok(self.release(Passage::proved(&verified, position, 0, edits)));
        }
        let forged = forged.to_vec();
        let ahead = match holding {
            Holding::Everything => None,
            Holding::Body => Some(edits(source, None, forged.clone())),
            Holding::Nothing => Some(Edits { remove: forged.clone(), set: Vec::new() }),
        };
        self.state = State::Proving(Proving { source: position, proof, size, seen: 0, holding, forged });
        Ok(ahead.map_or(Step::Hold, |edits| Step::Continue(Passage::ahead_of_verdict(edits))))
    }

    /// A piece of the body is here. `end`: it is the last, and there are no trailers.
    pub fn on_body(&mut self, body: &dyn BodyBuffer, end: bool, now: UnixTime) -> Step {
        let proving = match &mut self.state {
            State::Proving(proving) => proving,
            State::Released => return Step::Continue(Passage::follows()),
            State::Refused => return Step::Hold,
            State::New => return self.refuse(None, Denial::HostFailure, 0),
        };
        match proving.take(body) {
            Ok(()) if end => self.conclude(body, now),
            Ok(()) if proving.holding == Holding::Nothing => Step::Continue(Passage::follows()),
            Ok(()) => Step::Hold,
            Err(denial) => self.give_up(denial),
        }
    }

    /// The trailers are here: the body is over. `body` is what the host still holds of it.
    pub fn on_trailers(&mut self, body: &dyn BodyBuffer, now: UnixTime) -> Step {
        match &self.state {
            State::Proving(_) => self.conclude(body, now),
            State::Released => Step::Continue(Passage::follows()),
            State::Refused => Step::Hold,
            State::New => self.refuse(None, Denial::HostFailure, 0),
        }
    }

    /// The host cannot go on, or the sender does not: refuse what is still open.
    pub fn on_failure(&mut self, denial: Denial) -> Step {
        match &self.state {
            State::Proving(_) => self.give_up(denial),
            State::New => self.refuse(None, denial, 0),
            State::Released => Step::Continue(Passage::follows()),
            State::Refused => Step::Hold,
        }
    }

    /// The body is complete: decide.
    fn conclude(&mut self, body: &dyn BodyBuffer, now: UnixTime) -> Step {
        let State::Proving(proving) = std::mem::replace(&mut self.state, State::Refused) else {
            return self.refuse(None, Denial::HostFailure, 0);
        };
        let policy = Rc::clone(&self.policy);
        let Proving { source: position, proof, size, seen, holding, forged } = proving;
        let hashed = if proof.needs_body() { count(seen) } else { 0 };
        let verdict = policy.sources.get(position).ok_or(Denial::HostFailure).and_then(|source| {
            size.ends_at(count(seen))?;
            let verified = proof.finish(open(source)?, &Held { body, len: seen }, now)?;
            Ok((source, verified))
        });
        match verdict {
            Ok((source, verified)) => {
                let edits = match holding {
                    Holding::Everything => edits(source, Some(&verified), forged),
                    Holding::Body | Holding::Nothing => Edits::default(),
                };
                self.release(Passage::proved(&verified, position, hashed, edits))
            }
            Err(denial) => {
                let forged = if holding == Holding::Everything { forged } else { Vec::new() };
                self.turn_away(position, denial, hashed, forged)
            }
        }
    }

    /// Refuses a request that waits for its body.
    fn give_up(&mut self, denial: Denial) -> Step {
        match std::mem::replace(&mut self.state, State::Refused) {
            State::Proving(Proving { source, seen, proof, .. }) => {
                let hashed = if proof.needs_body() { count(seen) } else { 0 };
                self.turn_away(source, denial, hashed, Vec::new())
            }
            _ => self.refuse(None, denial, 0),
        }
    }

    /// Refuses, unless the source only observes.
    fn turn_away(&mut self, source: usize, denial: Denial, hashed: u64, forged: Vec<String>) -> Step {
        match self.policy.sources.get(source).map(|source| source.mode) {
            Some(Mode::Observe) => self.release(Passage::observed(denial, source, hashed, forged)),
            _ => self.refuse(Some(source), denial, hashed),
        }
    }

    fn refuse(&mut self, source: Option<usize>, denial: Denial, hashed: u64) -> Step {
        self.state = State::Refused;
        Step::Deny(Record::denied(source, denial, hashed))
    }

    fn release(&mut self, passage: Passage) -> Step {
        self.state = State::Released;
        Step::Continue(passage)
    }
}

impl Proving {
    /// Feeds the proof what is new in the host's buffer.
    fn take(&mut self, body: &dyn BodyBuffer) -> Result<(), Denial> {
        let start = if self.holding == Holding::Nothing { 0 } else { self.seen };
        let fresh = body.len().checked_sub(start).ok_or(Denial::HostFailure)?;
        self.seen = self.seen.checked_add(fresh).ok_or(Denial::BodyTooLarge)?;
        self.size.admits(count(self.seen))?;
        if self.proof.needs_body() {
            slices(body, start, fresh, &mut |bytes| self.proof.update(bytes))?;
        }
        Ok(())
    }
}

/// The body that the host holds, from its start.
struct Held<'a> {
    body: &'a dyn BodyBuffer,
    len: usize,
}

impl HeldBody for Held<'_> {
    fn replay(&self, sink: &mut dyn FnMut(&[u8])) -> Result<(), Denial> {
        slices(self.body, 0, self.len, sink)
    }
}

/// Reads `len` bytes from `start`, all of them or none of the rest.
fn slices(body: &dyn BodyBuffer, start: usize, len: usize, sink: &mut dyn FnMut(&[u8])) -> Result<(), Denial> {
    let end = start.checked_add(len).ok_or(Denial::HostFailure)?;
    let mut at = start;
    while at < end {
        let want = end.saturating_sub(at).min(SLICE);
        let bytes = body.read(at, want).filter(|bytes| bytes.len() == want).ok_or(Denial::HostFailure)?;
        sink(&bytes);
        at = at.saturating_add(want);
    }
    Ok(())
}

/// What must be proved for a source, if it is open at all.
fn open(source: &Source) -> Result<&Requirement, Denial> {
    match source.mode {
        Mode::Disabled => Err(Denial::SourceDisabled),
        Mode::Enforce | Mode::Observe => source.requirement.as_ref().ok_or(Denial::SourceClosed),
    }
}

/// The changes to the headers of a request that a source lets through.
fn edits(source: &Source, verified: Option<&Verified>, forged: Vec<String>) -> Edits {
    let mut remove = forged;
    remove.extend(source.credential_headers.iter().cloned());
    Edits { remove, set: step::identity(&source.name, verified) }
}

/// A length as a count of bytes; what does not fit is too large anyway.
fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
