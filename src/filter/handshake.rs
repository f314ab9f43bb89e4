//! A request that may be its sender's handshake, beside its verification.

use std::rc::Rc;

use super::active_source::ActiveSource;
use super::context::Context;
use super::verified_request::{Client, Holding, edits};
use crate::guard::call::Call;
use crate::handshake::{Begun, Confirmation, Decision, MAX_PROBE_BODY, Probe};
use crate::step::{self, Edits, Record, Refusal};
use crate::verify::primitives::timestamp::UnixTime;
use crate::verify::{Denial, HeldBody, Request, Requirement, Verified};

/// What the source's handshakes make of a request, until it is verified.
#[derive(Default)]
pub(super) struct Watch {
    probe: Option<Probe>,
    /// How much of the body was fed to the probe.
    fed: usize,
    /// Why the request is refused if it is no handshake: its method, or its query.
    unless_handshake: Option<Denial>,
}

/// What a request turned out to be.
pub(super) enum Conclusion {
    /// A verified event.
    Event(Verified),
    /// A handshake, and the proof if its sender signs it.
    Handshake(Decision, Option<Verified>),
}

/// A handshake, and what is needed to answer or forward it.
pub(super) struct Recognised {
    pub source: Rc<ActiveSource>,
    pub decision: Decision,
    pub verified: Option<Verified>,
    pub client: Client,
    /// How many bytes of body were hashed.
    pub hashed: u64,
    pub holding: Holding,
    pub forged: Vec<String>,
}

impl Watch {
    /// Whether requests to the source may be handshakes. A source that observes leaves everything as it is.
    pub fn is_kept_by(source: &ActiveSource) -> bool {
        !source.config().handshakes.is_empty() && !source.only_observes()
    }

    /// Reads the head of a request to a source that keeps watch. `Err` if it is a handshake that can be decided now.
    ///
    /// # Errors
    /// The refusal of a request that is certainly no handshake and has another method, or a query.
    pub fn begin(
        source: &ActiveSource,
        request: Request<'_>,
        requirement: &Requirement,
        now: UnixTime,
        end: bool,
    ) -> Result<Result<Self, Decision>, Denial> {
        let config = source.config();
        let unless_handshake = config.shape.check_line(request).err();
        match (config.handshakes.begin(request, requirement, now, end), unless_handshake) {
            (Begun::Decided(decision), _) => Ok(Err(decision)),
            (Begun::Waiting(probe), unless_handshake) => Ok(Ok(Self { probe: Some(probe), fed: 0, unless_handshake })),
            (Begun::Nothing, None) => Ok(Ok(Self::default())),
            (Begun::Nothing, Some(denial)) => Err(denial),
        }
    }

    /// Whether the request may still be a handshake.
    pub fn is_open(&self) -> bool {
        self.probe.is_some()
    }

    /// Feeds more of the body. One that is longer than any handshake's costs nothing more.
    pub fn update(&mut self, bytes: &[u8]) {
        self.fed = self.fed.saturating_add(bytes.len());
        if self.fed > MAX_PROBE_BODY {
            self.probe = None;
        }
        self.probe.iter_mut().for_each(|probe| probe.update(bytes));
    }

    /// How much memory it takes beside itself, in bytes.
    pub fn held_bytes(&self) -> usize {
        self.probe.as_ref().map_or(0, Probe::held_bytes)
    }

    /// What the request is, now that its body is whole and its verification has ended.
    ///
    /// # Errors
    /// Why it is refused, if it is neither a verified event nor a handshake.
    pub fn conclude(
        self,
        source: &ActiveSource,
        requirement: &Requirement,
        body: &dyn HeldBody,
        len: usize,
        verified: Result<Verified, Denial>,
        now: UnixTime,
    ) -> Result<Conclusion, Denial> {
        if let Some(probe) = self.probe
            && let Some(body) = read(body, len)?
            && let Some(decision) =
                source.config().handshakes.finish(probe, &body, verified.as_ref().ok(), requirement, now)
        {
            return Ok(Conclusion::Handshake(decision, verified.ok()));
        }
        match self.unless_handshake {
            Some(denial) => Err(denial),
            None => verified.map(Conclusion::Event),
        }
    }
}

/// The whole body, unless it is longer than that of any handshake.
fn read(body: &dyn HeldBody, len: usize) -> Result<Option<Vec<u8>>, Denial> {
    if len > MAX_PROBE_BODY {
        return Ok(None);
    }
    let mut whole = Vec::with_capacity(len);
    body.replay(&mut |bytes| whole.extend_from_slice(bytes))?;
    Ok(Some(whole))
}

impl Recognised {
    /// Takes a signed handshake out of the source's rate limit, and counts one that is refused against its caller.
    pub fn settle(&self, context: &Context<'_>) -> Result<(), Refusal> {
        if let Some(verified) = &self.verified {
            self.source.remember_success(self.client.caller, context);
            self.source.spend_budget(verified, self.client.caller, context)?;
        }
        if let Decision::Refuse(denial, status) = self.decision {
            if denial.is_lack_of_proof() {
                self.source.count_failure(denial, self.client.caller, context);
            }
            return Err(Refusal { status, ..Refusal::from(denial) });
        }
        Ok(())
    }

    /// What is reported of it.
    pub fn record(&self) -> Record {
        Record::handshake(self.verified.as_ref(), self.hashed)
    }

    /// The changes to its headers, where they were not forwarded yet.
    pub fn into_edits(self) -> Edits {
        if self.holding != Holding::Everything {
            return Edits::default();
        }
        let mut edits = edits(self.source.config(), self.verified.as_ref(), self.forged);
        if self.verified.is_none() {
            // The identity headers tell the upstream that a request was verified.
            edits.set.clear();
        }
        edits.set.push(step::handshake_mark());
        edits
    }
}

/// The call that confirms a subscription.
pub(super) fn call(confirmation: &Confirmation) -> Call {
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    Call {
        cluster: confirmation.cluster.clone(),
        headers: vec![
            header(":method", "GET"),
            header(":path", &confirmation.path),
            header(":authority", &confirmation.authority),
        ],
        body: Vec::new(),
        timeout: confirmation.timeout,
    }
}
