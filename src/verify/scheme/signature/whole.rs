//! Content with parts that must be parsed out of the body: the whole request is available.

use std::borrow::Cow;

use crate::verify::bytes::json::Json;
use crate::verify::denial::Denial;
use crate::verify::expression::Facts;
use crate::verify::expression::content::Content;
use crate::verify::identity::{Found, Identity, IdentityBasis};
use crate::verify::key::algorithm::SignatureAlgorithm;
use crate::verify::key::secret::Key;
use crate::verify::primitives::public_key::SignedContent;
use crate::verify::primitives::timestamp::{Timestamp, UnixTime};
use crate::verify::primitives::token;
use crate::verify::scheme::kind::Context;
use crate::verify::scheme::signature::definition::SignatureScheme;
use crate::verify::scheme::signature::reading::{Reading, public_match, skew, tag_identity};

/// The outcome of one reading of the request.
struct Outcome {
    found: Option<usize>,
    timestamp: Option<Timestamp>,
    identity: Option<Identity>,
}

impl SignatureScheme {
    /// Decides with the whole request available.
    pub(super) fn verify_whole(&self, facts: &Facts<'_>, context: Context<'_>) -> Result<Found, Denial> {
        let Some(path) = &self.each else { return self.verify_one(facts, context) };
        let json = facts.content.map(Content::json).ok_or(Denial::HostFailure)??;
        let elements = json.at(path).and_then(Json::elements).filter(|elements| !elements.is_empty());
        let mut last = None;
        let mut digests = Vec::new();
        for element in elements.ok_or(Denial::SignatureMissing)? {
            let found = self.verify_one(&Facts { element: Some(element), ..*facts }, context)?;
            if let Some(Identity::Digest(digest)) = &found.identity {
                digests.extend_from_slice(digest);
            }
            last = Some(found);
        }
        let found = last.ok_or(Denial::SignatureMissing)?;
        match context.basis {
            IdentityBasis::Nothing => Ok(found),
            // The id of the last element does not identify the request.
            IdentityBasis::Id | IdentityBasis::Tag | IdentityBasis::Content => {
                Ok(Found { event_id: None, identity: Some(Identity::of_content(&digests)), ..found })
            }
        }
    }

    /// The id of the key that the request names, if it names one key.
    pub(super) fn key_of_whole(&self, facts: &Facts<'_>, now: UnixTime) -> Result<Option<Vec<u8>>, Denial> {
        let keys =
            self.readings(facts, |reading| self.key_of_reading(reading.key_id.as_ref(), reading.timestamp, now))?;
        Ok(keys.into_iter().next().flatten())
    }

    fn verify_one(&self, facts: &Facts<'_>, context: Context<'_>) -> Result<Found, Denial> {
        let outcomes = self.readings(facts, |reading| {
            let found = self.whole_match(&reading, context)?;
            let identity = match (found, context.basis) {
                (Some(_), IdentityBasis::Content) => {
                    Some(Identity::of_content(&reading.message.render(&reading.facts)?))
                }
                (Some(_), basis) => tag_identity(basis, &reading.candidates)?,
                (None, _) => None,
            };
            Ok(Outcome { found, timestamp: reading.timestamp, identity })
        })?;
        let mut worst = Denial::SignatureMismatch;
        for Outcome { found, timestamp, identity } in outcomes {
            match self.fresh(found, timestamp, context.now) {
                Ok(Some(position)) => {
                    let skew = skew(timestamp, context.now);
                    return Ok(Found { position, event_id: self.covered_event_id(facts), identity, skew });
                }
                Ok(None) => {}
                Err(denial) => worst = worst.max(denial),
            }
        }
        Err(worst)
    }

    /// The position of the secret that matches, if one does.
    fn whole_match(&self, reading: &Reading<'_>, context: Context<'_>) -> Result<Option<usize>, Denial> {
        let Reading { facts, message, candidates, key_id, .. } = reading;
        let shared = if message.needs_secret() { None } else { Some(message.render(facts)?) };
        if let (SignatureAlgorithm::Public(algorithm), Some(content)) = (self.algorithm, &shared) {
            let content = SignedContent::of_text(algorithm, content, context.delegate);
            return public_match(&content, candidates, key_id.as_deref(), context);
        }
        for (position, secret) in context.secrets.active(context.now)? {
            let content = match (&shared, &secret.key) {
                (Some(content), _) => Cow::Borrowed(content),
                (None, Key::Text(text)) => Cow::Owned(message.render(&Facts { secret: Some(text.bytes()), ..*facts })?),
                (None, _) => return Err(Denial::HostFailure),
            };
            let found = match (self.algorithm, &secret.key) {
                (SignatureAlgorithm::Hmac(_), _) if context.challenges.iter().any(|form| form.admits(&content)) => {
                    false
                }
                (SignatureAlgorithm::Hmac(_), Key::Mac(key)) => {
                    let mut mac = key.begin();
                    mac.update(&content);
                    mac.matches_any(candidates)
                }
                // Length extension: anybody can extend a hash of secret and content. The padding between what was
                // signed and what is added always contains a NUL, and no document or form does.
                (SignatureAlgorithm::Hash(_), Key::Text(_)) if content.contains(&0) => {
                    return Err(Denial::BodyMalformed);
                }
                (SignatureAlgorithm::Hash(hash), Key::Text(_)) => token::is_any_of(&hash.digest(&content), candidates),
                _ => false,
            };
            if found {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }
}
