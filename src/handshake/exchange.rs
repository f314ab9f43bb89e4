//! One request that may be a handshake: recognised in its head, or, with its body, after verification.

use super::answer::Response;
use super::confirmation::Confirmation;
use super::rule::{Action, Computation, Condition, Configured, Function, Handshake, ProofRule};
use crate::verify::bytes::json::Json;
use crate::verify::check::Check;
use crate::verify::expression::Facts;
use crate::verify::expression::content::Content;
use crate::verify::primitives::timestamp::UnixTime;
use crate::verify::primitives::token;
use crate::verify::request::Rereading;
use crate::verify::{Denial, Proof, Request, Requirement, Verified};

/// The longest body of a handshake, in bytes. The longest of a sender is that of Amazon SNS, with some 2 KB.
pub const MAX_PROBE_BODY: usize = 16 * 1024;

/// The handshakes that a source takes part in.
#[derive(Debug, Default)]
pub struct Handshakes(pub Vec<Handshake>);

/// What the head says.
pub enum Begun {
    /// It is an event, or nothing that is known.
    Nothing,
    /// It is a handshake, and this is what to do with it.
    Decided(Decision),
    /// It may be one: the body, or the verification, will show.
    Waiting(Probe),
}

/// What to do with a handshake.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// Respond in place of the upstream.
    Answer(Response),
    /// Forward it, marked.
    Forward,
    /// Make this call, and respond when it succeeded.
    Confirm(Confirmation),
    /// Refuse it, with this status if the sender expects a certain one.
    Refuse(Denial, Option<u16>),
}

/// A request that may be a handshake, and waits for its body.
pub struct Probe {
    candidates: Vec<Candidate>,
    media_type: Vec<u8>,
}

/// What one handshake took from the head.
struct Candidate {
    /// Its position among the source's.
    position: usize,
    token: Vec<u8>,
    fault: Option<Denial>,
    /// The position of the list of secrets that the request names.
    list: Result<usize, Denial>,
    /// The verification under a key that everybody knows.
    proof: Option<Proof>,
}

impl Handshakes {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the head. `end`: the request has no body and no trailers.
    #[must_use]
    pub fn begin(&self, request: Request<'_>, requirement: &Requirement, now: UnixTime, end: bool) -> Begun {
        let mut candidates = Vec::new();
        for (position, handshake) in self.0.iter().enumerate() {
            let Some(candidate) = handshake.begin(position, request, requirement, now) else { continue };
            // What nobody signed is forwarded only if nothing can follow, and its head was not forwarded before.
            if handshake.is_unsigned() && matches!(handshake.action, Action::Forward) && !end {
                continue;
            }
            if candidates.is_empty() && handshake.is_in_head() {
                return Begun::Decided(handshake.decide(&candidate, None, requirement, now));
            }
            candidates.push(candidate);
        }
        if candidates.is_empty() {
            return Begun::Nothing;
        }
        Begun::Waiting(Probe { candidates, media_type: request.media_type().to_vec() })
    }

    /// Decides once the body is complete. `verified`: the proof, if the source's checks verified the request. `None` if it
    /// is no handshake, so that it is treated as an event.
    #[must_use]
    pub fn finish(
        &self,
        probe: Probe,
        body: &[u8],
        verified: Option<&Verified>,
        requirement: &Requirement,
        now: UnixTime,
    ) -> Option<Decision> {
        let content = Content::new(body, &probe.media_type);
        probe.candidates.into_iter().find_map(|candidate| {
            let handshake = self.0.get(candidate.position)?;
            handshake.finish(candidate, &content, verified, requirement, now)
        })
    }
}

impl Probe {
    /// Feeds more of the body.
    pub fn update(&mut self, bytes: &[u8]) {
        let proofs = self.candidates.iter_mut().filter_map(|candidate| candidate.proof.as_mut());
        proofs.for_each(|proof| proof.update(bytes));
    }

    /// How much memory it takes, in bytes.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let held = |candidate: &Candidate| {
            let proof = candidate.proof.as_ref().map_or(0, Proof::held_bytes);
            candidate.token.capacity().saturating_add(proof).saturating_add(size_of::<Candidate>())
        };
        self.candidates.iter().map(held).fold(self.media_type.capacity(), usize::saturating_add)
    }
}

impl Handshake {
    /// What the head says of it; `None` if the request is certainly not it.
    fn begin(
        &self,
        position: usize,
        request: Request<'_>,
        requirement: &Requirement,
        now: UnixTime,
    ) -> Option<Candidate> {
        if !self.methods.iter().any(|method| method.as_bytes() == request.method()) {
            return None;
        }
        let facts = Facts { request: Some(request), ..Facts::default() };
        let mut candidate =
            Candidate { position, token: Vec::new(), fault: None, list: Err(Denial::SecretInactive), proof: None };
        candidate.read(self, false, &facts)?;
        candidate.list = match self.check(requirement).map(|check| check.keyring().select_active(request, now)) {
            Some(Ok(list)) => Ok(list),
            Some(Err(Denial::SecretUnavailable)) => Err(Denial::SecretUnavailable),
            _ => Err(Denial::SecretInactive),
        };
        if let ProofRule::PublicKey(requirement) = &self.proof {
            candidate.proof = Some(requirement.begin(request, now, Rereading::Possible));
        }
        Some(candidate)
    }

    fn finish(
        &self,
        mut candidate: Candidate,
        content: &Content<'_>,
        verified: Option<&Verified>,
        requirement: &Requirement,
        now: UnixTime,
    ) -> Option<Decision> {
        // Which method a request has, and most of its head, is not signed: an event with a changed head is no handshake.
        let is_signed = matches!(self.proof, ProofRule::Signed);
        if is_signed && !self.reads_body() && !content.body().is_empty() {
            return None;
        }
        let is_proof_verified = match (&self.proof, candidate.proof.take()) {
            (ProofRule::Unsigned, _) => true,
            // Of several senders, the one that signed it is the one whose handshake it may be.
            (ProofRule::Signed, _) => verified.is_some_and(|verified| verified.is_by(self.check)),
            (ProofRule::PublicKey(own), Some(proof)) => proof.finish(own, &content.body(), now).is_ok(),
            (ProofRule::PublicKey(_), None) => false,
        };
        let facts = Facts { content: Some(content), ..Facts::default() };
        candidate.read(self, true, &facts).filter(|()| is_proof_verified)?;
        if candidate.fault.is_some() && verified.is_some() {
            // A verified request that cannot be answered is an event like any other.
            return None;
        }
        Some(self.decide(&candidate, content.json().ok(), requirement, now))
    }

    fn decide(&self, candidate: &Candidate, body: Option<&Json>, requirement: &Requirement, now: UnixTime) -> Decision {
        let decided = match (&self.action, candidate.fault) {
            (Action::Closed, _) => Err(Denial::SourceClosed),
            (_, Some(denial)) => Err(denial),
            (_, None) => self.act(candidate, body, requirement, now),
        };
        decided.unwrap_or_else(|denial| Decision::Refuse(denial, self.refusal))
    }

    fn act(
        &self,
        candidate: &Candidate,
        body: Option<&Json>,
        requirement: &Requirement,
        now: UnixTime,
    ) -> Result<Decision, Denial> {
        match &self.action {
            Action::Forward => Ok(Decision::Forward),
            Action::Closed => Err(Denial::SourceClosed),
            Action::Confirm(rule) => Ok(Decision::Confirm(rule.confirm(body.ok_or(Denial::HandshakeMalformed)?)?)),
            Action::Answer(rule) => {
                let computed = match &self.computation {
                    Some(computation) => computation.value(candidate, self.check(requirement), now)?,
                    None => Vec::new(),
                };
                Ok(Decision::Answer(rule.response(&candidate.token, &computed)))
            }
        }
    }

    fn check<'a>(&self, requirement: &'a Requirement) -> Option<&'a Check> {
        let (group, place) = self.check;
        requirement.check_at(group, place)
    }
}

impl Candidate {
    /// Reads what the head, or the body, has of a handshake. `None` if the request is not it.
    fn read(&mut self, handshake: &Handshake, of_body: bool, facts: &Facts<'_>) -> Option<()> {
        let mut conditions = handshake.when.iter().filter(|condition| condition.value.needs_body() == of_body);
        if !conditions.all(|condition| condition.holds(facts)) {
            return None;
        }
        if let (true, Some(only)) = (of_body, &handshake.only) {
            let Ok(Json::Object(members)) = facts.content?.json() else { return None };
            if !members.iter().all(|(name, _)| only.contains(name)) {
                return None;
            }
        }
        if let Some(rule) = handshake.token.as_ref().filter(|rule| rule.at.needs_body() == of_body) {
            match rule.read(facts)? {
                Ok(token) => self.token = token,
                Err(denial) => self.fault = Some(denial),
            }
        }
        let mut configured = handshake.require.iter().filter(|configured| configured.value.needs_body() == of_body);
        if !configured.all(|configured| configured.holds(facts)) {
            self.fault = self.fault.or(Some(Handshake::mismatch()));
        }
        Some(())
    }
}

impl Condition {
    fn holds(&self, facts: &Facts<'_>) -> bool {
        self.value.render(facts).is_ok_and(|value| self.texts.contains(&value))
    }
}

impl Configured {
    fn holds(&self, facts: &Facts<'_>) -> bool {
        self.value.render(facts).is_ok_and(|value| token::position_of(&value, self.accepted.iter()).is_some())
    }
}

impl Computation {
    fn value(&self, candidate: &Candidate, check: Option<&Check>, now: UnixTime) -> Result<Vec<u8>, Denial> {
        let text = self.of.render(&candidate.token, b"");
        let bytes = match self.function {
            Function::Hash(algorithm) => algorithm.digest(&text),
            Function::Mac => {
                let (check, list) = (check.ok_or(Denial::SecretInactive)?, candidate.list?);
                check.mac(list, &text, now)?
            }
        };
        Ok(self.encoding.encode(&bytes))
    }
}
