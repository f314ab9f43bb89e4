//! A verification in progress: it begins with the headers, takes the body piece by piece, and ends in a verdict.

use std::rc::Rc;

use super::active_policy::ActivePolicy;
use super::active_source::ActiveSource;
use super::body::{BodyBuffer, Held, count, slices};
use super::context::Context;
use super::handshake::{Conclusion, Recognised, Watch};
use super::publications::Prospect;
use super::verified_request::{Client, Holding, VerifiedRequest, edits};
use crate::config::BodyHold;
use crate::guard::body_size::BodySize;
use crate::guard::pool::{Pool, Reservation};
use crate::step::{Edits, Refusal, Tally};
use crate::verify::check::MissingKey;
use crate::verify::primitives::timestamp::UnixTime;
use crate::verify::request::Rereading;
use crate::verify::{Denial, Proof, Request, Requirement};

/// What every held request takes out of the pool, in addition to what its verification holds: its state here, in the
/// adapter and in the SDK (some 700 bytes on wasm32), and the allocator's overhead.
const HELD_REQUEST: usize = 1024;
/// How long a request waits for a key, in milliseconds: until the next tick, and for the fetch. Senders wait ten seconds or
/// longer for a response.
const KEY_WAIT: u64 = 5000;
/// How much of a request's id is kept for the log, in bytes.
const MAX_REQUEST_ID: usize = 64;

/// The head of a request.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    pub request: Request<'a>,
    /// Whether there is no body and there are no trailers.
    pub end: bool,
    /// The names of headers that must not be forwarded.
    pub forged: &'a [String],
}

impl<'a> Head<'a> {
    /// The id that the proxy gave the request, truncated for the log; empty if it has none.
    pub fn id(&self) -> &'a [u8] {
        let id = self.request.header("x-request-id").once().unwrap_or_default();
        id.get(..MAX_REQUEST_ID).unwrap_or(id)
    }
}

/// A verification in progress: the headers have arrived, the body has not, or not all of it.
pub(super) struct Verification {
    source: Rc<ActiveSource>,
    requirement: Rc<Requirement>,
    proof: Proof,
    watch: Watch,
    held: Reservation,
    size: BodySize,
    /// How much of the body is here.
    seen: usize,
    /// How much of that was hashed.
    hashed: usize,
    /// Whether nothing is hashed before the body is whole.
    hashes_at_end: bool,
    holding: Holding,
    forged: Vec<String>,
    client: Client,
    awaited: Option<Awaited>,
}

/// A key that a verification waits for.
struct Awaited {
    key: MissingKey,
    /// Until when it waits.
    until: UnixTime,
    /// Whether the key was not found although the keys that are here may be out of date.
    is_unavailable: bool,
}

/// What follows from the headers.
pub(super) enum Begun {
    /// They are enough.
    Decided(Box<Verdict>),
    /// The body is needed.
    Waiting(Box<Verification>),
    /// There is no body, and a key may be missing.
    Whole(Box<Verification>),
}

/// What follows when the body is whole.
pub(super) enum Finished {
    /// It is decided.
    Decided(Box<Verdict>),
    /// A key is being fetched.
    AwaitsKey(Box<Verification>),
}

/// What was verified.
pub(super) enum Verdict {
    /// An event.
    Event(VerifiedRequest),
    /// A handshake. Its sender may not sign it.
    Handshake(Recognised),
}

/// A verification that failed when the body was whole.
pub(super) struct Failed {
    pub denial: Denial,
    /// How many bytes of body were hashed.
    pub hashed: u64,
}

impl Verification {
    /// Begins with the headers. A request that has to wait for its body takes its room out of `pool`.
    pub fn begin(
        source: &Rc<ActiveSource>,
        head: Head<'_>,
        policy: &ActivePolicy,
        pool: &Pool,
        context: &Context<'_>,
        tally: &mut Tally,
    ) -> Result<Begun, Refusal> {
        let Head { request, end, forged } = head;
        let (config, limits) = (source.config(), policy.policy());
        let requirement = source.requirement()?;
        let address = source.client_address(request, context);
        tally.address_warning = address.warning;
        let watches = Watch::is_kept_by(source);
        if !watches {
            config.shape.check_line(request)?;
        }
        let size = source.admit(request, end, address.caller, context)?;
        let available = source.refresh_secrets(request, context, tally);
        // Behind the flood limit, because the answer to a handshake may have to be computed.
        let watch =
            if watches { Watch::begin(source, request, requirement, context.now, end)? } else { Ok(Watch::default()) };
        let holding = match limits.body_hold {
            _ if source.only_observes() => Holding::Nothing,
            BodyHold::Filter => Holding::Everything,
            BodyHold::Chain => Holding::Body,
        };
        let rereading = if holding == Holding::Nothing { Rereading::Impossible } else { Rereading::Possible };
        let unsigned = config.replay.as_ref().and_then(|rule| rule.unsigned_id.as_deref());
        let unsigned_id = unsigned.and_then(|name| request.header(name).once()).filter(|id| !id.is_empty());
        let client = Client { caller: address.caller, unsigned_id: unsigned_id.map(<[u8]>::to_vec) };
        // Nothing was forwarded yet, whoever holds.
        let decided = |conclusion, client| {
            let forged = forged.to_vec();
            Begun::Decided(Box::new(Verdict::of(conclusion, Rc::clone(source), client, 0, Holding::Everything, forged)))
        };
        let watch = match watch {
            Ok(watch) => watch,
            Err(decision) => return Ok(decided(Conclusion::Handshake(decision, None), client)),
        };
        // Not counted as a failure of the caller, and not held back until the body is whole: it is ours.
        available?;
        let caller = address.caller;
        let failed = |denial| {
            source.count_failure(denial, caller, context);
            Refusal::from(denial)
        };
        policy.publish_keys(requirement, context.now);
        let proof = requirement.begin(request, context.now, rereading);
        let denial = proof.denial();
        // If any check needs the body, every refusal waits for it: the timing would reveal which check failed, or whether
        // what the request names is configured. Only the denial is held back; the checks continue.
        let answers_now = || {
            let is_unheld = holding == Holding::Nothing || config.insecure_early_denial;
            // If no check needs the body but one waits for it, its key is missing.
            !watch.is_open() && (is_unheld || !requirement.needs_body() && !proof.needs_body())
        };
        if let Some(denial) = denial.filter(|_| answers_now()) {
            return Err(failed(denial));
        }
        let is_enough = denial.is_none() && !proof.needs_body() && size.is_settled() && !watch.is_open();
        // Without a body there is nothing more to wait for but the key.
        let is_key_missing = end && proof.missing_key(requirement, &[].as_slice(), context.now).is_some();
        if (end || is_enough) && !is_key_missing {
            let verified = proof.finish(requirement, &[].as_slice(), context.now);
            let verified = verified.map_err(|denial| unless_keys_come(denial, requirement, policy, context));
            let conclusion = watch.conclude(source, requirement, &[].as_slice(), 0, verified, context.now);
            return conclusion.map(|conclusion| decided(conclusion, client)).map_err(failed);
        }
        // The host holds the body anyway. Hashed piece by piece, many requests whose ends are withheld would cost their
        // sender nothing, for none of them has failed yet.
        let hashes_at_end = holding != Holding::Nothing && config.flood.is_some() && client.caller.is_some();
        let mut verification = Self {
            source: Rc::clone(source),
            requirement: Rc::clone(requirement),
            proof,
            watch,
            held: pool.reserve(&config.name, HELD_REQUEST, limits.max_held_bytes)?,
            size,
            seen: 0,
            hashed: 0,
            hashes_at_end,
            holding,
            forged: forged.to_vec(),
            client,
            awaited: None,
        };
        verification.account()?;
        let verification = Box::new(verification);
        Ok(if end { Begun::Whole(verification) } else { Begun::Waiting(verification) })
    }

    /// The changes to the head, if that is forwarded before the verdict.
    pub fn edits_ahead(&self) -> Option<Edits> {
        match self.holding {
            Holding::Everything => None,
            Holding::Body => Some(edits(self.source.config(), None, self.forged.clone())),
            Holding::Nothing => Some(Edits { remove: self.forged.clone(), set: Vec::new() }),
        }
    }

    /// Whether the request is forwarded as it arrives.
    pub fn holds_nothing(&self) -> bool {
        self.holding == Holding::Nothing
    }

    /// How many bytes of body were hashed.
    pub fn hashed(&self) -> u64 {
        count(self.hashed)
    }

    /// Checks the flood limit again: other requests from this address may have failed since the headers arrived.
    pub fn recheck_flood_limit(&self, context: &Context<'_>) -> Result<(), Refusal> {
        self.source.check_flood_limit(self.client.caller, context)
    }

    /// Feeds the proof what is new in the host's buffer. A body that turns out to be too large counts as a failure if some
    /// of it was hashed.
    pub fn take(&mut self, body: &dyn BodyBuffer, context: &Context<'_>) -> Result<(), Refusal> {
        let was_hashed = self.hashed > 0;
        self.read(body).map_err(|denial| {
            if was_hashed {
                self.source.count_failure(denial, self.client.caller, context);
            }
            denial.into()
        })
    }

    fn read(&mut self, body: &dyn BodyBuffer) -> Result<(), Denial> {
        let start = if self.holds_nothing() { 0 } else { self.seen };
        let fresh = body.len().checked_sub(start).ok_or(Denial::HostFailure)?;
        self.seen = self.seen.checked_add(fresh).ok_or(Denial::BodyTooLarge)?;
        self.size.admits(count(self.seen))?;
        if self.hashes_at_end { Ok(()) } else { self.hash(body, start, fresh) }
    }

    fn hash(&mut self, body: &dyn BodyBuffer, start: usize, len: usize) -> Result<(), Denial> {
        if !self.proof.needs_body() && !self.watch.is_open() {
            return Ok(());
        }
        slices(body, start, len, &mut |bytes| {
            self.proof.update(bytes);
            self.watch.update(bytes);
        })?;
        self.hashed = self.hashed.saturating_add(len);
        self.account()
    }

    /// Adjusts the reservation in the pool to what is held now.
    fn account(&mut self) -> Result<(), Denial> {
        let names = self.forged.iter().map(|name| name.capacity().saturating_add(size_of::<String>()));
        let names = names.fold(0, usize::saturating_add);
        let id = self.client.unsigned_id.as_ref().map_or(0, Vec::capacity);
        let beside = HELD_REQUEST.saturating_add(names).saturating_add(id);
        self.held.resize(beside.saturating_add(self.proof.held_bytes()).saturating_add(self.watch.held_bytes()))
    }

    /// The body is whole. `body` is what the host still holds of it.
    pub fn finish(
        mut self: Box<Self>,
        body: &dyn BodyBuffer,
        policy: &ActivePolicy,
        context: &Context<'_>,
    ) -> Result<Finished, Failed> {
        let caught_up = self.catch_up(body);
        caught_up.map_err(|denial| Failed { denial, hashed: self.hashed() })?;
        let held = Held { body, len: self.seen };
        if let Some(key) = self.proof.missing_key(&self.requirement, &held, context.now) {
            let until = UnixTime::from_millis(context.now.as_millis().saturating_add(KEY_WAIT));
            self.awaited = Some(Awaited { key, until, is_unavailable: false });
            if self.awaits_key(policy, context) && !self.holds_nothing() {
                return Ok(Finished::AwaitsKey(self));
            }
        }
        self.conclude(body, policy, context).map(|verdict| Finished::Decided(Box::new(verdict)))
    }

    /// Whether a key that the request names is still to come.
    pub fn awaits_key(&mut self, policy: &ActivePolicy, context: &Context<'_>) -> bool {
        let Some(awaited) = &mut self.awaited else { return false };
        policy.look_again(&awaited.key, context);
        policy.publish_keys(&self.requirement, context.now);
        self.proof.renew(&self.requirement, &awaited.key);
        if !self.requirement.checks().any(|check| check.lacks(&awaited.key)) {
            awaited.is_unavailable = false;
            return false;
        }
        let prospect = policy.prospect(&awaited.key, context);
        awaited.is_unavailable = prospect != Prospect::Absent;
        prospect == Prospect::Coming && context.now < awaited.until
    }

    /// Decides by the keys that are here.
    pub fn conclude(
        self: Box<Self>,
        body: &dyn BodyBuffer,
        policy: &ActivePolicy,
        context: &Context<'_>,
    ) -> Result<Verdict, Failed> {
        let hashed = self.hashed();
        let (held, now) = (Held { body, len: self.seen }, context.now);
        let Self { source, requirement, proof, watch, seen, client, holding, forged, awaited, .. } = *self;
        let is_unavailable = awaited.is_some_and(|awaited| awaited.is_unavailable);
        let verified = proof.finish(&requirement, &held, now).map_err(|denial| match denial {
            Denial::KeyUnknown if is_unavailable => Denial::KeyUnavailable,
            denial => unless_keys_come(denial, &requirement, policy, context),
        });
        match watch.conclude(&source, &requirement, &held, seen, verified, now) {
            Ok(conclusion) => Ok(Verdict::of(conclusion, source, client, hashed, holding, forged)),
            Err(denial) => {
                source.count_failure(denial, client.caller, context);
                Err(Failed { denial, hashed })
            }
        }
    }

    /// Checks the size of the whole body, and feeds the proof what was not hashed yet.
    fn catch_up(&mut self, body: &dyn BodyBuffer) -> Result<(), Denial> {
        self.size.ends_at(count(self.seen))?;
        if self.hashes_at_end { self.hash(body, self.hashed, self.seen.saturating_sub(self.hashed)) } else { Ok(()) }
    }

    /// The request ended before its body was whole. An abandoned upload costs as much hashing as a forged one, so it counts
    /// as a failure.
    pub fn abandon(&self, context: &Context<'_>) {
        if self.hashed > 0 {
            self.source.count_wasted_body(self.client.caller, context);
        }
    }
}

/// The denial of a request that no key verifies. If its sender does not name its keys, it may have been signed with a new one:
/// while new ones are fetched, the sender is asked to try again.
fn unless_keys_come(denial: Denial, requirement: &Requirement, policy: &ActivePolicy, context: &Context<'_>) -> Denial {
    match denial {
        Denial::SignatureMismatch if policy.expects_keys(requirement, context) => Denial::KeyUnavailable,
        denial => denial,
    }
}

impl Verdict {
    fn of(
        conclusion: Conclusion,
        source: Rc<ActiveSource>,
        client: Client,
        hashed: u64,
        holding: Holding,
        forged: Vec<String>,
    ) -> Self {
        match conclusion {
            Conclusion::Event(verified) => {
                Verdict::Event(VerifiedRequest { source, verified, client, hashed, holding, forged })
            }
            Conclusion::Handshake(decision, verified) => {
                Verdict::Handshake(Recognised { source, decision, verified, client, hashed, holding, forged })
            }
        }
    }
}
