//! The ways in which a request can be read: each set of entries under each template.

use std::time::Duration;

use crate::verify::denial::Denial;
use crate::verify::expression::message::Message;
use crate::verify::expression::{Expression, Facts};
use crate::verify::identity::{Identity, IdentityBasis};
use crate::verify::key::algorithm::SignatureAlgorithm;
use crate::verify::key::secret::Key;
use crate::verify::primitives::public_key::SignedContent;
use crate::verify::primitives::timestamp::{Timestamp, UnixTime};
use crate::verify::request::Occurrence;
use crate::verify::scheme::kind::Context;
use crate::verify::scheme::signature::definition::{SignatureScheme, TimestampRule};

/// The most sets of entries that are read; a known sender writes two.
pub const MAX_SETS: usize = 4;
/// The most signatures of a public key that are tried: each costs up to a millisecond, and an attacker chooses how many.
const MAX_PUBLIC_TRIES: usize = 8;

/// A set of entries under a template.
pub struct Reading<'a> {
    /// What the values of the template are read from.
    pub facts: Facts<'a>,
    /// The template.
    pub message: &'a Message,
    /// The tags that the request presents.
    pub candidates: Vec<Vec<u8>>,
    /// The signed timestamp.
    pub timestamp: Option<Timestamp>,
    /// The id of the key that the request names.
    pub key_id: Option<Vec<u8>>,
}

impl SignatureScheme {
    /// Runs `make` for every set of entries and every template. A reading that fails does not stop the others; if all
    /// fail, the most specific reason is returned.
    pub(super) fn readings<T>(
        &self,
        facts: &Facts<'_>,
        mut make: impl FnMut(Reading<'_>) -> Result<T, Denial>,
    ) -> Result<Vec<T>, Denial> {
        let values = self.signature.place.values(facts)?;
        let sets = self.signature.sets(&values);
        // Most requests have one set, and most schemes one template: reserve no more than that.
        let mut made = Vec::with_capacity(sets.len().min(MAX_SETS).saturating_mul(self.messages.len()));
        let mut worst = None;
        for entries in sets.iter().take(MAX_SETS) {
            let before = made.len();
            if let Err(denial) = self.readings_of_set(&Facts { entries, ..*facts }, &mut make, &mut made) {
                // One that fails takes its set with it.
                made.truncate(before);
                worst = worst.max(Some(denial));
            }
        }
        if made.is_empty() { Err(worst.unwrap_or(Denial::SignatureMissing)) } else { Ok(made) }
    }

    /// The same for the one set in `facts`, added to `made`.
    fn readings_of_set<T>(
        &self,
        facts: &Facts<'_>,
        make: &mut impl FnMut(Reading<'_>) -> Result<T, Denial>,
        made: &mut Vec<T>,
    ) -> Result<(), Denial> {
        let candidates = self.signature.candidates(facts.entries, self.tag_len())?;
        if self.tag_len().is_none() && candidates.len() > MAX_PUBLIC_TRIES {
            return Err(Denial::SignatureExcess);
        }
        let text = self.timestamp.as_ref().map(|rule| timestamp_text(&rule.at, facts)).transpose()?;
        self.check_required(facts)?;
        let timestamp = match (&self.timestamp, &text) {
            (Some(rule), Some(text)) => Some(rule.unit.parse(text)?),
            _ => None,
        };
        let facts = Facts { timestamp: text.as_deref(), ..*facts };
        self.check_listed(&facts)?;
        let key_id = match &self.key_name {
            Some(name) => name.read(&facts)?,
            None => None,
        };
        // The last one, mostly the only one, gets the candidates themselves.
        let Some((last, others)) = self.messages.split_last() else { return Ok(()) };
        for message in others {
            let (candidates, key_id) = (candidates.clone(), key_id.clone());
            made.push(make(Reading { facts, message, candidates, timestamp, key_id })?);
        }
        made.push(make(Reading { facts, message: last, candidates, timestamp, key_id })?);
        Ok(())
    }

    fn tag_len(&self) -> Option<usize> {
        match self.algorithm {
            SignatureAlgorithm::Hmac(hash) | SignatureAlgorithm::Hash(hash) => Some(hash.digest_len()),
            SignatureAlgorithm::Public(_) => None,
        }
    }

    fn check_required(&self, facts: &Facts<'_>) -> Result<(), Denial> {
        for (left, right) in &self.require {
            if left.render(facts)? != right.render(facts)? {
                return Err(Denial::RequireMismatch);
            }
        }
        Ok(())
    }

    /// If the request itself lists the headers that it signs, the timestamp's must be among them.
    fn check_listed(&self, facts: &Facts<'_>) -> Result<(), Denial> {
        let covered = |rule: &TimestampRule, message: &Message| {
            message.covers_timestamp() || message.always_covers(&rule.at) || message.lists(&rule.at, facts)
        };
        match &self.timestamp {
            Some(rule) if !self.messages.iter().all(|message| covered(rule, message)) => Err(Denial::CoverageMissing),
            _ => Ok(()),
        }
    }

    /// The event's id, if the signature covers it.
    pub(super) fn covered_event_id(&self, facts: &Facts<'_>) -> Option<Vec<u8>> {
        let at: &Expression = self.event_id.as_ref()?;
        let id = at.value(facts).ok()?;
        // Listed values are joined by a point: an id with a point in it may have a byte of its neighbour's.
        let listed = |message: &Message| message.lists(at, facts) && !id.contains(&b'.');
        self.messages.iter().all(|message| message.protects(at) || listed(message)).then_some(id)
    }

    /// The id of the key that a reading names; a request that is too old for any key names none.
    pub(super) fn key_of_reading(
        &self,
        key_id: Option<&Vec<u8>>,
        timestamp: Option<Timestamp>,
        now: UnixTime,
    ) -> Result<Option<Vec<u8>>, Denial> {
        self.fresh(Some(0), timestamp, now)?;
        Ok(key_id.cloned())
    }

    /// What matched, if its timestamp is recent.
    pub(super) fn fresh(
        &self,
        found: Option<usize>,
        timestamp: Option<Timestamp>,
        now: UnixTime,
    ) -> Result<Option<usize>, Denial> {
        if let (Some(_), Some(rule), Some(timestamp)) = (found, &self.timestamp, timestamp) {
            timestamp.within(rule.tolerance, now)?;
        }
        Ok(found)
    }
}

/// The position of the public key under which a candidate is a signature of `content`.
pub fn public_match(
    content: &SignedContent<'_>,
    candidates: &[Vec<u8>],
    key_id: Option<&[u8]>,
    context: Context<'_>,
) -> Result<Option<usize>, Denial> {
    Ok(context.secrets.named(key_id, context.now)?.into_iter().find_map(|(position, secret)| match &secret.key {
        Key::Public(key) => candidates.iter().any(|candidate| content.is_signed_by(key, candidate)).then_some(position),
        _ => None,
    }))
}

/// The only possible candidate, if it identifies the event.
pub fn tag_identity(basis: IdentityBasis, candidates: &[Vec<u8>]) -> Result<Option<Identity>, Denial> {
    match (basis, candidates) {
        (IdentityBasis::Nothing | IdentityBasis::Id | IdentityBasis::Content, _) => Ok(None),
        (IdentityBasis::Tag, [only]) => Ok(Some(Identity::of_content(only))),
        (IdentityBasis::Tag, _) => Err(Denial::HostFailure),
    }
}

/// How far a signed time is from ours.
pub fn skew(timestamp: Option<Timestamp>, now: UnixTime) -> Option<Duration> {
    timestamp.map(|timestamp| timestamp.distance(now))
}

/// The timestamp's text. An empty one is malformed, not missing.
fn timestamp_text(at: &Expression, facts: &Facts<'_>) -> Result<Vec<u8>, Denial> {
    match (at.as_header(), facts.request) {
        (Some(name), Some(request)) => match request.header(name) {
            Occurrence::Once(text) => Ok(text.to_vec()),
            Occurrence::Missing => Err(Denial::TimestampMissing),
            Occurrence::Repeated => Err(Denial::TimestampDuplicated),
        },
        _ => at.value(facts).map_err(Denial::as_timestamp),
    }
}
