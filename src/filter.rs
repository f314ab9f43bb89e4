//! One request as a state machine: events in, [`Step`]s out. No host in it.

mod body;
mod guards;
mod once;

use std::net::IpAddr;
use std::rc::Rc;

use crate::config::{BodyHold, Mode, Policy, Source, Unmatched};
use crate::guard::body_size::BodySize;
use crate::guard::memory::Memory;
use crate::guard::peer::Peer;
use crate::guard::replay::OnDuplicate;
use crate::guard::route::Unrouted;
use crate::step::{self, Edits, Passage, Record, Refusal, Step, Tally};
use crate::verify::check::Rereading;
use crate::verify::timestamp::UnixTime;
use crate::verify::{Denial, Proof, Request, Requirement, Verified};
pub use body::BodyBuffer;
use body::{Held, slices};
pub use guards::Guards;
use once::{Claiming, Once};

/// What a decision asks beside the request.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// The time.
    pub now: UnixTime,
    /// The other end of the connection.
    pub peer: &'a dyn Peer,
    /// What all worker threads share.
    pub memory: &'a dyn Memory,
}

/// One request on its way through the decision.
pub struct Exchange {
    policy: Rc<Policy>,
    guards: Rc<Guards>,
    state: State,
    tally: Tally,
    /// Whether the sender's request came to its end.
    is_whole: bool,
}

enum State {
    /// No headers yet.
    New,
    /// Waiting for the body.
    Proving(Box<Proving>),
    /// Proved; waiting for the store that the fleet shares.
    Claiming(Box<Proved>, Once),
    /// Let go: what follows may go on. A claim waits for the upstream's answer.
    Released(Option<Once>),
    /// Let go; its claim is being given back, and the upstream's answer waits for that.
    GivingBack(Once),
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
    client: Client,
}

/// What is known of the sender beside the proof, from the headers.
struct Client {
    address: Option<IpAddr>,
    /// The header that the configuration takes for the event's id.
    unsigned_id: Option<Vec<u8>>,
}

/// A proved request, and what it still needs on its way.
struct Proved {
    source: usize,
    verified: Verified,
    hashed: u64,
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
    /// A request under `policy`, whose guards are `guards`.
    #[must_use]
    pub fn new(policy: Rc<Policy>, guards: Rc<Guards>) -> Self {
        Self { policy, guards, state: State::New, tally: Tally::default(), is_whole: false }
    }

    /// The headers are here. `end`: there is no body and no trailer.
    pub fn on_headers(&mut self, request: Request<'_>, end: bool, around: &Around<'_>) -> Step {
        if !matches!(self.state, State::New) {
            return self.refuse(None, Denial::HostFailure.into(), 0);
        }
        self.is_whole = end;
        let policy = Rc::clone(&self.policy);
        let forged = step::forged(request);
        let source = match policy.routes.find(request.authority(), request.path()) {
            Ok(source) => source,
            Err(Unrouted::Unmatched) if policy.unmatched == Unmatched::Allow => {
                return self.release(Passage::unmatched(forged), None);
            }
            Err(unrouted) => return self.refuse(None, Denial::from(unrouted).into(), 0),
        };
        self.tally.source = Some(source);
        match self.decide_on_headers(&policy, source, request, end, around, &forged) {
            Ok(step) => step,
            Err(refusal) => self.turn_away(source, refusal, 0, forged),
        }
    }

    fn decide_on_headers(
        &mut self,
        policy: &Policy,
        position: usize,
        request: Request<'_>,
        end: bool,
        around: &Around<'_>,
        forged: &[String],
    ) -> Result<Step, Refusal> {
        let source = policy.sources.get(position).ok_or(Denial::HostFailure)?;
        let requirement = open(source)?;
        let guards = Rc::clone(&self.guards);
        let admitted = guards.admit(source, request, end, around)?;
        self.tally.doubt = admitted.doubt;
        let holding = match (source.mode, policy.body_hold) {
            (Mode::Observe, _) => Holding::Nothing,
            (_, BodyHold::Filter) => Holding::Everything,
            (_, BodyHold::Chain) => Holding::Body,
        };
        let rereading = if holding == Holding::Nothing { Rereading::Impossible } else { Rereading::Possible };
        let unsigned = source.replay.as_ref().and_then(|rule| rule.unsigned_id.as_deref());
        let client = Client {
            address: admitted.address,
            unsigned_id: unsigned
                .and_then(|name| request.header(name).once())
                .filter(|id| !id.is_empty())
                .map(<[u8]>::to_vec),
        };
        let failed = |denial| {
            guards.failed(source, denial, client.address, around);
            Refusal::from(denial)
        };
        let proof = requirement.begin(request, around.now, rereading).map_err(failed)?;
        if end || (!proof.needs_body() && admitted.size.is_settled()) {
            let verified = proof.finish(requirement, &[].as_slice(), around.now).map_err(failed)?;
            // Nothing went on yet, whoever holds.
            let proved =
                Proved { source: position, verified, hashed: 0, holding: Holding::Everything, forged: forged.to_vec() };
            return self.settle(proved, &client, around);
        }
        let forged = forged.to_vec();
        let ahead = match holding {
            Holding::Everything => None,
            Holding::Body => Some(edits(source, None, forged.clone())),
            Holding::Nothing => Some(Edits { remove: forged.clone(), set: Vec::new() }),
        };
        let size = admitted.size;
        let proving = Proving { source: position, proof, size, seen: 0, holding, forged, client };
        self.state = State::Proving(Box::new(proving));
        Ok(ahead.map_or(Step::Hold, |edits| Step::Continue(Passage::ahead_of_verdict(edits))))
    }

    /// A piece of the body is here. `end`: it is the last, and there are no trailers.
    pub fn on_body(&mut self, body: &dyn BodyBuffer, end: bool, around: &Around<'_>) -> Step {
        self.is_whole = end;
        let proving = match &mut self.state {
            State::Proving(proving) => proving,
            State::Released(_) | State::GivingBack(_) => return Step::Continue(Passage::follows()),
            State::Claiming(..) | State::Refused => return Step::Hold,
            State::New => return self.refuse(None, Denial::HostFailure.into(), 0),
        };
        match proving.take(body) {
            Ok(()) if end => self.conclude(body, around),
            Ok(()) if proving.holding == Holding::Nothing => Step::Continue(Passage::follows()),
            Ok(()) => Step::Hold,
            Err(denial) => self.give_up(denial),
        }
    }

    /// The trailers are here: the body is over. `body` is what the host still holds of it.
    pub fn on_trailers(&mut self, body: &dyn BodyBuffer, around: &Around<'_>) -> Step {
        self.is_whole = true;
        match &self.state {
            State::Proving(_) => self.conclude(body, around),
            State::Released(_) | State::GivingBack(_) => Step::Continue(Passage::follows()),
            State::Claiming(..) | State::Refused => Step::Hold,
            State::New => self.refuse(None, Denial::HostFailure.into(), 0),
        }
    }

    /// The host cannot go on, or the sender does not: refuse what is still open.
    pub fn on_failure(&mut self, denial: Denial) -> Step {
        match &self.state {
            State::Proving(_) => self.give_up(denial),
            State::New => self.refuse(None, denial.into(), 0),
            State::Released(_) | State::GivingBack(_) => Step::Continue(Passage::follows()),
            State::Claiming(..) | State::Refused => Step::Hold,
        }
    }

    /// The answer to the call of the last [`Step::Call`]: status and body, or `None` if there was none in time.
    pub fn on_call(&mut self, answer: Option<(u16, &[u8])>, around: &Around<'_>) -> Step {
        match std::mem::replace(&mut self.state, State::Refused) {
            State::Claiming(proved, once) => {
                let policy = Rc::clone(&self.policy);
                let guards = Rc::clone(&self.guards);
                let rule = policy.sources.get(proved.source).and_then(|source| source.replay.as_ref());
                let answered = rule
                    .ok_or(Denial::HostFailure)
                    .and_then(|rule| once.answered(answer, rule, &guards, around, &mut self.tally));
                self.decide_on_claim(*proved, answered)
            }
            State::GivingBack(once) => {
                let policy = Rc::clone(&self.policy);
                let rule = policy.sources.get(once.position()).and_then(|source| source.replay.as_ref());
                if !rule.is_some_and(|rule| once.is_given_back(answer, rule)) {
                    self.tally.stuck = self.tally.stuck.saturating_add(1);
                }
                self.state = State::Released(None);
                Step::Continue(Passage::follows())
            }
            other => {
                self.state = other;
                Step::Hold
            }
        }
    }

    /// The answer to the caller is on its way. `answered`: whether it comes from the upstream; asked only if that
    /// matters. [`Step::Continue`] lets it go, [`Step::Call`] holds it until the call is answered.
    pub fn on_response(&mut self, status: u16, answered: impl FnOnce() -> bool, around: &Around<'_>) -> Step {
        let State::Released(claim) = &mut self.state else { return Step::Continue(Passage::follows()) };
        let Some(once) = claim.take() else { return Step::Continue(Passage::follows()) };
        let policy = Rc::clone(&self.policy);
        let rule = policy.sources.get(once.position()).and_then(|source| source.replay.as_ref());
        match rule.filter(|rule| status >= rule.give_back_from || !answered()) {
            Some(rule) => match once.give_back(rule, &self.guards, around, &mut self.tally) {
                Some(call) => {
                    self.state = State::GivingBack(once);
                    Step::Call(call)
                }
                None => Step::Continue(Passage::follows()),
            },
            None => Step::Continue(Passage::follows()),
        }
    }

    /// Whether the upstream's answer matters.
    #[must_use]
    pub fn awaits_response(&self) -> bool {
        matches!(self.state, State::Released(Some(_)))
    }

    /// Whether the end of the request matters.
    #[must_use]
    pub fn awaits_end(&self) -> bool {
        self.awaits_store() || self.awaits_response() || matches!(self.state, State::GivingBack(_))
    }

    /// Whether the request goes on whatever is decided, so that the upstream may answer first.
    #[must_use]
    pub fn only_observes(&self) -> bool {
        let source = self.tally.source.and_then(|position| self.policy.sources.get(position));
        source.is_some_and(|source| source.mode == Mode::Observe)
    }

    /// Whether the shared store is being asked.
    #[must_use]
    pub fn awaits_store(&self) -> bool {
        matches!(self.state, State::Claiming(..))
    }

    /// The request is over, whether or not it was answered.
    pub fn on_end(&mut self, around: &Around<'_>) {
        match std::mem::replace(&mut self.state, State::Refused) {
            // It never went on, or not whole. Whether the store keeps the claim nobody will know.
            State::Claiming(_, once) => once.abandon(&self.guards, around, &mut self.tally),
            State::Released(Some(once)) if !self.is_whole => once.abandon(&self.guards, around, &mut self.tally),
            State::GivingBack(_) => self.tally.stuck = self.tally.stuck.saturating_add(1),
            _ => {}
        }
    }

    /// What happened in the guards' memories since this was last asked.
    pub fn take_tally(&mut self) -> Option<Tally> {
        let empty = Tally { source: self.tally.source, ..Tally::default() };
        (self.tally != empty).then(|| std::mem::replace(&mut self.tally, empty))
    }

    /// The body is complete: decide.
    fn conclude(&mut self, body: &dyn BodyBuffer, around: &Around<'_>) -> Step {
        let State::Proving(proving) = std::mem::replace(&mut self.state, State::Refused) else {
            return self.refuse(None, Denial::HostFailure.into(), 0);
        };
        let policy = Rc::clone(&self.policy);
        let Proving { source: position, proof, size, seen, holding, forged, client } = *proving;
        let hashed = if proof.needs_body() { count(seen) } else { 0 };
        let verdict = policy.sources.get(position).ok_or(Denial::HostFailure).and_then(|source| {
            size.ends_at(count(seen))?;
            let verified = proof.finish(open(source)?, &Held { body, len: seen }, around.now);
            verified.inspect_err(|denial| self.guards.failed(source, *denial, client.address, around))
        });
        let verified = match verdict {
            Ok(verified) => verified,
            Err(denial) => {
                let forged = if holding == Holding::Everything { forged } else { Vec::new() };
                return self.turn_away(position, denial.into(), hashed, forged);
            }
        };
        let proved = Proved { source: position, verified, hashed, holding, forged: forged.clone() };
        match self.settle(proved, &client, around) {
            Ok(step) => step,
            Err(refusal) => {
                let forged = if holding == Holding::Everything { forged } else { Vec::new() };
                self.turn_away(position, refusal, hashed, forged)
            }
        }
    }

    /// Budget and once: what a proved request still has to pass.
    fn settle(&mut self, proved: Proved, client: &Client, around: &Around<'_>) -> Result<Step, Refusal> {
        let policy = Rc::clone(&self.policy);
        let guards = Rc::clone(&self.guards);
        let source = policy.sources.get(proved.source).ok_or(Denial::HostFailure)?;
        guards.spend(proved.source, &proved.verified, client.address, around)?;
        let Some(rule) = &source.replay else { return Ok(self.pass(&policy, proved, None, false)) };
        let what = (&proved.verified, client.unsigned_id.as_deref());
        match Once::claim(&guards, (proved.source, source, rule), what, around, &mut self.tally) {
            Ok(Claiming::New(once)) => Ok(self.pass(&policy, proved, Some(once), false)),
            Ok(Claiming::Asked(once, call)) => {
                self.state = State::Claiming(Box::new(proved), once);
                Ok(Step::Call(call))
            }
            Err(denial) => Ok(self.decide_on_claim(proved, Err(denial))),
        }
    }

    /// Lets a proved request go, or not, by what became of its claim.
    fn decide_on_claim(&mut self, proved: Proved, claim: Result<Once, Denial>) -> Step {
        let policy = Rc::clone(&self.policy);
        let replay = policy.sources.get(proved.source).and_then(|source| source.replay.as_ref());
        match (claim, replay.map(|rule| rule.duplicate)) {
            (Ok(once), _) => self.pass(&policy, proved, Some(once), false),
            (Err(Denial::Duplicate), Some(OnDuplicate::Pass)) => {
                self.tally.duplicates_passed = self.tally.duplicates_passed.saturating_add(1);
                self.pass(&policy, proved, None, true)
            }
            (Err(denial), _) => {
                let Proved { source, hashed, holding, forged, .. } = proved;
                let forged = if holding == Holding::Everything { forged } else { Vec::new() };
                self.turn_away(source, denial.into(), hashed, forged)
            }
        }
    }

    /// Lets a proved request go.
    fn pass(&mut self, policy: &Policy, proved: Proved, claim: Option<Once>, is_duplicate: bool) -> Step {
        let Proved { source: position, verified, hashed, holding, forged } = proved;
        let edits = match (holding, policy.sources.get(position)) {
            (Holding::Everything, Some(source)) => {
                let mut edits = edits(source, Some(&verified), forged);
                edits.set.extend(is_duplicate.then(step::duplicate_mark));
                edits
            }
            _ => Edits::default(),
        };
        self.release(Passage::proved(&verified, position, hashed, edits), claim)
    }

    /// Refuses a request that waits for its body.
    fn give_up(&mut self, denial: Denial) -> Step {
        match std::mem::replace(&mut self.state, State::Refused) {
            State::Proving(proving) => {
                let hashed = if proving.proof.needs_body() { count(proving.seen) } else { 0 };
                self.turn_away(proving.source, denial.into(), hashed, Vec::new())
            }
            _ => self.refuse(None, denial.into(), 0),
        }
    }

    /// Refuses, unless the source only observes.
    fn turn_away(&mut self, source: usize, refusal: Refusal, hashed: u64, forged: Vec<String>) -> Step {
        match self.policy.sources.get(source).map(|source| source.mode) {
            Some(Mode::Observe) => self.release(Passage::observed(refusal.denial, source, hashed, forged), None),
            _ => self.refuse(Some(source), refusal, hashed),
        }
    }

    fn refuse(&mut self, source: Option<usize>, refusal: Refusal, hashed: u64) -> Step {
        self.state = State::Refused;
        Step::Deny(Record::denied(source, refusal, hashed))
    }

    fn release(&mut self, passage: Passage, claim: Option<Once>) -> Step {
        self.state = State::Released(claim);
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
